"""The one log-in phase of an invocation: at most five requests to IAM, whatever it responds.

A failed log-in is not a failed create, so no loop repeats the phase.
"""

import random
from collections.abc import Callable
from typing import Final, NamedTuple

from gaussdb_backup.clock import Deadline
from gaussdb_backup.credentials.iam import LoginFailure, Token
from gaussdb_backup.credentials.login_guard import (
    LOGIN_REJECTION_SECONDS,
    Attempt,
    GuardState,
    after_acceptance,
    after_lost_response,
    after_rejection,
    reason_against,
)
from gaussdb_backup.errors import (
    BackupError,
    CredentialsRejected,
    ServiceUnavailable,
    Throttled,
)
from gaussdb_backup.http_client.pauses import fits, longest_backoff, throttle_pause

MAX_LOGINS_PER_INVOCATION: Final = 5
# one less than what locks an account, because a secret that was right may have become wrong
MAX_LOST_LOGINS: Final = 4
# at most five requests, so the pauses must outlast a short outage
FIRST_BACKOFF: Final = 2


class LoginResult(NamedTuple):
    """How a log-in phase ended.

    Args:
        outcome: the token, or the error that the delivery ends with.
        guard: what is known of the versions of the secret now.
        requests: how many requests to IAM this invocation has sent now.
    """

    outcome: Token | BackupError
    guard: GuardState
    requests: int


def log_in(
    request: Callable[[], Token | LoginFailure],
    guard: GuardState,
    *,
    version: str,
    invocation: int,
    requests: int,
    deadline: Deadline,
) -> LoginResult:
    """Logs in with one version of the secret, more than once if that may help.

    Args:
        request: sends one log-in.
        guard: what is known of the versions of the secret.
        version: the version that the log-in uses.
        invocation: the number of the invocation.
        requests: how many requests to IAM this invocation has sent so far.
        deadline: the end of the invocation.
    """
    clock = deadline.clock
    error: BackupError | None = None
    refusals = lost = 0
    while True:
        attempt = Attempt(version, clock.now(), invocation)
        reason = reason_against(guard, attempt) or _reason_to_stop(requests, lost)
        if reason is not None:
            return LoginResult(_combined(error, reason), guard, requests)
        result = request()
        requests += 1
        if isinstance(result, Token):
            return LoginResult(result, after_acceptance(guard, version), requests)
        guard = _after_failure(guard, attempt, result)
        error = result.error
        refusals += isinstance(error, Throttled)
        lost += result.is_lost
        pause = _pause(error, requests, refusals)
        if not result.may_retry or not fits(pause, deadline.remaining()):
            return LoginResult(error, guard, requests)
        if reason_against(guard, attempt) is None and _reason_to_stop(requests, lost) is None:
            clock.sleep(pause)


def _after_failure(guard: GuardState, attempt: Attempt, failure: LoginFailure) -> GuardState:
    if isinstance(failure.error, CredentialsRejected):
        return after_rejection(guard, attempt, LOGIN_REJECTION_SECONDS, failure.error)
    return after_lost_response(guard, attempt) if failure.is_lost else guard


def _reason_to_stop(requests: int, lost: int) -> ServiceUnavailable | None:
    if requests < MAX_LOGINS_PER_INVOCATION and lost < MAX_LOST_LOGINS:
        return None
    return ServiceUnavailable(
        f"this invocation has sent {requests} log-ins to IAM; the next one tries again"
    )


def _combined(error: BackupError | None, reason: BackupError) -> BackupError:
    """What the last log-in ended with, and why no other follows."""
    if error is None:
        return reason
    return type(error)(
        f"{error.detail}; {reason.detail}",
        evidence=error.evidence,
        retry_after=error.retry_after or reason.retry_after,
    )


def _pause(error: BackupError, requests: int, refusals: int) -> float:
    pause = longest_backoff(requests - 1 + FIRST_BACKOFF)
    pause *= random.uniform(0.5, 1.0)  # noqa: S311 - spreads load only
    if isinstance(error, Throttled):
        return max(pause, throttle_pause(refusals, error.retry_after))
    return max(pause, error.retry_after or 0.0)
