"""One log-in phase: how many requests it sends, how far apart, and what it ends with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import pytest

from gaussdb_backup.clock import Clock, Deadline
from gaussdb_backup.credentials.iam import LoginFailure, Token
from gaussdb_backup.credentials.login import LoginResult, log_in
from gaussdb_backup.credentials.login_guard import GuardState, after_acceptance
from gaussdb_backup.errors import (
    CredentialsRejected,
    RequestRejected,
    ServiceUnavailable,
    Throttled,
)

TOKEN: Final = Token("not-a-real-token", 0.0)
REFUSED: Final = LoginFailure(CredentialsRejected("refused"))
LOST: Final = LoginFailure(ServiceUnavailable("lost"), is_lost=True, may_retry=True)
UNREADABLE: Final = LoginFailure(ServiceUnavailable("unreadable"), is_lost=True)
DOWN: Final = LoginFailure(ServiceUnavailable("down"), may_retry=True)
THROTTLED: Final = LoginFailure(Throttled("slower"), may_retry=True)
THROTTLED_7: Final = LoginFailure(Throttled("slower", retry_after=7), may_retry=True)
WRONG_PATH: Final = LoginFailure(RequestRejected("no such path"))


@dataclass
class Phase:
    """A log-in phase with scripted responses of IAM, by a clock that only pauses move."""

    responses: list[Token | LoginFailure]
    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def run(
        self, guard: GuardState | None = None, *, seconds: float = 120, requests: int = 0
    ) -> LoginResult:
        """Runs the phase in an invocation that has so many seconds left."""
        clock = Clock(now=lambda: self.now, monotonic=lambda: self.now, sleep=self._sleep)
        return log_in(
            lambda: self.responses.pop(0),
            guard or GuardState(),
            version="a",
            invocation=1,
            requests=requests,
            deadline=Deadline(clock, seconds),
        )

    def _sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)


PROVEN: Final = after_acceptance(GuardState(), "a")


@pytest.mark.parametrize(
    ("responses", "guard", "requests", "outcome"),
    [
        ([TOKEN], GuardState(), 1, "Token"),
        ([REFUSED, TOKEN], GuardState(), 1, "CredentialsRejected"),
        ([WRONG_PATH, TOKEN], GuardState(), 1, "RequestRejected"),
        ([UNREADABLE, TOKEN], GuardState(), 1, "ServiceUnavailable"),
        ([DOWN] * 4 + [TOKEN], GuardState(), 5, "Token"),
        ([DOWN] * 5 + [TOKEN], GuardState(), 5, "ServiceUnavailable"),
        ([LOST, TOKEN], GuardState(), 2, "Token"),
        ([LOST, LOST, TOKEN], GuardState(), 2, "ServiceUnavailable"),
        ([DOWN, LOST, DOWN, LOST, TOKEN], GuardState(), 4, "ServiceUnavailable"),
        ([LOST, REFUSED, TOKEN], GuardState(), 2, "CredentialsRejected"),
        ([LOST, LOST, LOST, TOKEN], PROVEN, 4, "Token"),
        ([LOST, LOST, LOST, LOST, TOKEN], PROVEN, 4, "ServiceUnavailable"),
        ([THROTTLED_7, TOKEN], GuardState(), 2, "Token"),
    ],
)
def test_how_many_requests_are_sent(
    responses: list[Token | LoginFailure], guard: GuardState, requests: int, outcome: str
) -> None:
    """At most five; fewer where another one cannot help, or may lock the account."""
    result = Phase(list(responses)).run(guard)
    assert result.requests == requests
    assert type(result.outcome).__name__ == outcome


def test_the_requests_of_the_invocation_count_together() -> None:
    """A second phase has what the first one left."""
    result = Phase([DOWN, DOWN, TOKEN]).run(requests=3)
    assert result.requests == 5
    assert isinstance(result.outcome, ServiceUnavailable)
    assert "down" in result.outcome.detail


def test_pauses_outlast_a_short_outage() -> None:
    """Some seconds, because there are only five requests."""
    phase = Phase([DOWN] * 4 + [TOKEN])
    phase.run()
    assert phase.pauses == sorted(phase.pauses)
    assert 4 <= sum(phase.pauses) <= 15


@pytest.mark.parametrize(
    ("failure", "pauses"),
    [(THROTTLED_7, [7, 7, 7, 7]), (THROTTLED, [15, 30, 60, 60])],
)
def test_a_throttle_is_respected(failure: LoginFailure, pauses: list[float]) -> None:
    """What it names, else 15, 30 and 60 seconds."""
    phase = Phase([failure] * 4 + [TOKEN])
    assert phase.run(seconds=300).outcome == TOKEN
    assert phase.pauses == pauses


def test_a_pause_that_does_not_fit_ends_the_phase() -> None:
    """With the error that asked for it."""
    phase = Phase([THROTTLED, TOKEN])
    assert phase.run(seconds=10).outcome is THROTTLED.error
    assert phase.pauses == []


def test_nothing_is_sent_with_a_version_that_was_refused() -> None:
    """Nor in a later phase."""
    refused = Phase([REFUSED]).run()
    result = Phase([TOKEN]).run(refused.guard)
    assert result.requests == 0
    assert isinstance(result.outcome, CredentialsRejected)
