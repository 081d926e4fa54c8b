"""Guards an account and an access key against lock-out: may this version of the secret be used?

Five wrong log-ins lock an account for 15 minutes, and more than five wrong signatures in a row
block an access key for 5. So what the cloud refused stands for a while, and so does what may have
been refused: a log-in whose response was lost counts at IAM all the same. All of it is kept by
version of the secret, because a new version may hold another password.

A small state that pure functions advance. The runbook, "Refused credentials", has the rules.
"""

from datetime import UTC, datetime
from typing import Final, NamedTuple

from gaussdb_backup.errors import BackupError, CredentialsRejected, ServiceUnavailable
from gaussdb_backup.timestamps import format_utc

LOGIN_REJECTION_SECONDS: Final = 15 * 60.0
KEY_REJECTION_SECONDS: Final = 5 * 60.0
# Of log-ins that were refused or got no response, with a version that never logged in:
MAX_UNPROVEN_LOGINS: Final = 4
MAX_UNPROVEN_LOGINS_PER_INVOCATION: Final = 2
UNPROVEN_WINDOW_SECONDS: Final = 15 * 60.0


class Attempt(NamedTuple):
    """One use of the credentials.

    Args:
        version: the secret's version.
        at: wall time in seconds since 1970.
        invocation: the number of the invocation.
    """

    version: str
    at: float
    invocation: int


class Rejection(NamedTuple):
    """A version of the secret that the cloud refused.

    Args:
        attempt: the use that was refused.
        until: wall time in seconds since 1970 until which the version is not used again.
        error: what the cloud said.
    """

    attempt: Attempt
    until: float
    error: CredentialsRejected


class GuardState(NamedTuple):
    """What is known of the versions of the secret.

    Args:
        rejections: the versions that were refused.
        unproven: the log-ins of versions not yet accepted that were refused or got no response.
        accepted: the versions that logged in, or whose signature was accepted.
    """

    rejections: tuple[Rejection, ...] = ()
    unproven: tuple[Attempt, ...] = ()
    accepted: frozenset[str] = frozenset()


def reason_against(state: GuardState, attempt: Attempt) -> BackupError | None:
    """Why a version of the secret may not be used now, or None if it may.

    Args:
        state: what is known.
        attempt: the use that is intended.
    """
    for rejection in state.rejections:
        if rejection.attempt.version == attempt.version and attempt.at < rejection.until:
            return _standing(rejection)
    spent = _spent(state, attempt)
    if len(spent) >= MAX_UNPROVEN_LOGINS:
        until = spent[-MAX_UNPROVEN_LOGINS].at + UNPROVEN_WINDOW_SECONDS
        return ServiceUnavailable(
            f"{len(spent)} log-ins with this version of the secret were refused by IAM or got no "
            "response, and five wrong ones lock the account; the next log-in is sent after "
            f"{_shown(until)}, or once the secret is saved again",
            retry_after=until - attempt.at,
        )
    if _of_invocation(spent, attempt) >= MAX_UNPROVEN_LOGINS_PER_INVOCATION:
        return ServiceUnavailable(
            f"{MAX_UNPROVEN_LOGINS_PER_INVOCATION} log-ins of this invocation got no response from "
            "IAM, and five wrong ones lock the account; the next invocation tries again"
        )
    return None


def after_rejection(
    state: GuardState, attempt: Attempt, seconds: float, error: CredentialsRejected
) -> GuardState:
    """The state after the cloud refused a use of the secret; the refusal stands so many seconds."""
    state = after_lost_response(state, attempt)
    others = [one for one in state.rejections if one.until > attempt.at]
    rejection = Rejection(attempt, attempt.at + seconds, error)
    return state._replace(
        rejections=(*others, rejection), accepted=state.accepted - {attempt.version}
    )


def after_lost_response(state: GuardState, attempt: Attempt) -> GuardState:
    """The state after a log-in whose response was lost; IAM may have judged it."""
    if attempt.version in state.accepted:
        return state
    recent = [one for one in state.unproven if attempt.at < one.at + UNPROVEN_WINDOW_SECONDS]
    return state._replace(unproven=(*recent, attempt))


def after_acceptance(state: GuardState, version: str) -> GuardState:
    """The state after a log-in, or after a call whose signature was accepted."""
    return state._replace(accepted=state.accepted | {version})


def _spent(state: GuardState, attempt: Attempt) -> list[Attempt]:
    if attempt.version in state.accepted:
        return []
    return [
        one
        for one in state.unproven
        if one.version == attempt.version and attempt.at < one.at + UNPROVEN_WINDOW_SECONDS
    ]


def _of_invocation(spent: list[Attempt], attempt: Attempt) -> int:
    return sum(one.invocation == attempt.invocation for one in spent)


def _standing(rejection: Rejection) -> CredentialsRejected:
    return CredentialsRejected(
        f"this version of the secret was refused at {_shown(rejection.attempt.at)} and is not "
        f"used again until {_shown(rejection.until)}, or until the secret is saved again "
        f"({rejection.error.detail})",
        evidence=rejection.error.evidence,
    )


def _shown(seconds: float) -> str:
    return format_utc(datetime.fromtimestamp(int(seconds), UTC))
