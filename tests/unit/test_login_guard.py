"""Which uses of a secret are sent: a table of what happened before, and what is allowed then."""

from __future__ import annotations

from typing import Final

import pytest

from gaussdb_backup.credentials.login_guard import (
    Attempt,
    GuardState,
    after_acceptance,
    after_lost_response,
    after_rejection,
    reason_against,
)
from gaussdb_backup.errors import CredentialsRejected, Evidence

MINUTE: Final = 60.0
ERROR: Final = CredentialsRejected("IAM refuses", evidence=Evidence(http_status=401))


def state_after(history: str) -> GuardState:
    """The state after steps such as `lost a 0 1`: what, version, minute, invocation."""
    state = GuardState()
    for step in filter(None, history.split(", ")):
        what, version, minute, invocation = step.split()
        attempt = Attempt(version, float(minute) * MINUTE, int(invocation))
        match what:
            case "lost":
                state = after_lost_response(state, attempt)
            case "refused":
                state = after_rejection(state, attempt, 15 * MINUTE, ERROR)
            case "blocked":
                state = after_rejection(state, attempt, 5 * MINUTE, ERROR)
            case "accepted":
                state = after_acceptance(state, version)
            case _:
                raise AssertionError(what)
    return state


@pytest.mark.parametrize(
    ("history", "attempt", "error"),
    [
        ("", "a 0 1", None),
        # a refusal stands for its version, in this invocation and in later ones
        ("refused a 0 1", "a 0 1", "CredentialsRejected"),
        ("refused a 0 1", "a 14.9 2", "CredentialsRejected"),
        ("refused a 0 1", "a 15 2", None),
        ("refused a 0 1", "b 0 1", None),
        ("refused a 0 1, refused b 1 2", "a 2 3", "CredentialsRejected"),
        ("blocked a 0 1", "a 4.9 2", "CredentialsRejected"),
        ("blocked a 0 1", "a 5 2", None),
        # two lost ones in an invocation
        ("lost a 0 1", "a 0 1", None),
        ("lost a 0 1, lost a 0 1", "a 0 1", "ServiceUnavailable"),
        ("lost a 0 1, lost a 0 1", "a 1 2", None),
        ("lost a 0 1, lost a 0 1", "b 0 1", None),
        # four in any 15 minutes
        ("lost a 0 1, lost a 0 1, lost a 1 2", "a 1 2", None),
        ("lost a 0 1, lost a 0 1, lost a 1 2, lost a 1 2", "a 2 3", "ServiceUnavailable"),
        ("lost a 0 1, lost a 0 1, lost a 1 2, lost a 1 2", "a 14.9 3", "ServiceUnavailable"),
        ("lost a 0 1, lost a 0 1, lost a 1 2, lost a 1 2", "a 15 3", None),
        ("lost a 0 1, lost a 1 2, lost a 2 3, lost a 3 4, lost a 15 5", "a 15 6",
         "ServiceUnavailable"),
        ("lost a 0 1, lost a 1 2, lost a 2 3, lost a 3 4, lost a 15 5", "a 16 6", None),
        ("lost a 0 1, lost a 0 1, lost a 1 2, lost a 1 2", "b 2 3", None),
        # a refusal is one of the four
        ("lost a 0 1, lost a 1 2, lost a 2 3, refused a 3 4", "a 18.5 5", None),
        # once it has logged in, nothing is counted
        ("lost a 0 1, lost a 0 1, accepted a 0 1", "a 0 1", None),
        ("accepted a 0 1, lost a 0 1, lost a 0 1, lost a 0 1, lost a 0 1, lost a 0 1",
         "a 0 1", None),
        # but a refusal stands, and then it counts as one that never logged in
        ("accepted a 0 1, refused a 0 2", "a 1 3", "CredentialsRejected"),
        ("accepted a 0 1, refused a 0 2, lost a 15 3, lost a 15 3", "a 15 3",
         "ServiceUnavailable"),
    ],
)  # fmt: skip
def test_what_is_allowed(history: str, attempt: str, error: str | None) -> None:
    """After a history of steps."""
    version, minute, invocation = attempt.split()
    intended = Attempt(version, float(minute) * MINUTE, int(invocation))
    reason = reason_against(state_after(history), intended)
    assert (type(reason).__name__ if reason else None) == error


def test_a_standing_refusal_keeps_what_the_cloud_said() -> None:
    """And adds since when and until when."""
    reason = reason_against(state_after("refused a 0 1"), Attempt("a", 61.0, 2))
    assert reason is not None
    assert reason.evidence == ERROR.evidence
    assert "1970-01-01T00:00:00Z" in reason.detail
    assert "1970-01-01T00:15:00Z" in reason.detail
    assert "IAM refuses" in reason.detail


def test_a_spent_budget_says_until_when() -> None:
    """The oldest of the four has to be 15 minutes old."""
    history = "lost a 0 1, lost a 1 1, lost a 2 2, lost a 3 2"
    reason = reason_against(state_after(history), Attempt("a", 5 * MINUTE, 3))
    assert reason is not None
    assert "1970-01-01T00:15:00Z" in reason.detail
    assert reason.retry_after == 10 * MINUTE


def test_what_is_over_is_forgotten() -> None:
    """An environment that lives for days keeps no more than it needs."""
    state = GuardState()
    for number in range(1000):
        attempt = Attempt(str(number), number * MINUTE, number)
        state = after_rejection(state, attempt, 15 * MINUTE, ERROR)
    assert len(state.rejections) <= 16
    assert len(state.unproven) <= 16
