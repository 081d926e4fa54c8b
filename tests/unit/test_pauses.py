"""How long the function waits: for a response, and before the next request."""

from __future__ import annotations

import pytest

from gaussdb_backup.http_client.pauses import (
    fits,
    longest_backoff,
    throttle_pause,
    timeout_within,
)


@pytest.mark.parametrize(
    ("attempt", "seconds"),
    [
        (0, 0.2),
        (1, 0.4),
        (2, 0.8),
        (3, 1.6),
        (4, 3.2),
        (5, 5.0),
        (6, 5.0),
        (10**9, 5.0),
    ],
)
def test_back_off_doubles_up_to_a_cap(attempt: int, seconds: float) -> None:
    """However often it fails."""
    assert longest_backoff(attempt) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("refusals", "asked", "seconds"),
    [
        (1, None, 15.0),
        (2, None, 30.0),
        (3, None, 60.0),
        (4, None, 60.0),
        (9, None, 60.0),
        (1, 7.0, 7.0),
        (3, 7.0, 7.0),
        (2, 0.0, 0.0),
        (1, 3600.0, 3600.0),
    ],
)
def test_after_a_429(refusals: int, asked: float | None, seconds: float) -> None:
    """What the response names, else 15, 30 and 60 seconds."""
    assert throttle_pause(refusals, asked) == seconds


@pytest.mark.parametrize(
    ("remaining", "seconds"),
    [(120.0, 10.0), (20.0, 10.0), (12.0, 6.0), (1.0, 0.5), (0.8, 0.5), (0.3, 0.3), (0.0, 0.0)],
)
def test_a_call_leaves_time_to_find_out_what_became_of_it(remaining: float, seconds: float) -> None:
    """Half of what is left, within bounds."""
    assert timeout_within(remaining) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("pause", "remaining", "expected"),
    [(0.0, 0.5, True), (1.0, 1.5, True), (1.0, 1.49, False), (0.0, 0.0, False)],
)
def test_a_pause_leaves_time_for_one_more_call(
    pause: float, remaining: float, *, expected: bool
) -> None:
    """Half a second of it."""
    assert fits(pause, remaining) is expected
