"""How long to wait for a response, and before the next request: arithmetic without a clock."""

from typing import Final

INITIAL_PAUSE_SECONDS: Final = 0.2
MAX_PAUSE_SECONDS: Final = 5.0
MAX_CALL_SECONDS: Final = 10.0
MIN_CALL_SECONDS: Final = 0.5
THROTTLE_PAUSES_SECONDS: Final = (15.0, 30.0, 60.0)
MAX_THROTTLED: Final = 5


def longest_backoff(attempt: int) -> float:
    """The longest pause in seconds after an attempt, counted from 0: doubling, with a cap."""
    return min(MAX_PAUSE_SECONDS, INITIAL_PAUSE_SECONDS * 2.0 ** min(attempt, 16))


def throttle_pause(refusals: int, retry_after: float | None) -> float:
    """The shortest pause in seconds after a 429.

    Args:
        refusals: how many 429 came so far, this one included; at least 1. After ``MAX_THROTTLED``
            of them the caller gives up.
        retry_after: seconds that the response named, in ``Retry-After`` or in its text.
    """
    if retry_after is not None:
        return retry_after
    return THROTTLE_PAUSES_SECONDS[min(refusals, len(THROTTLE_PAUSES_SECONDS)) - 1]


def timeout_within(remaining: float) -> float:
    """Seconds that one call may take, so that time is left to find out what became of it.

    Args:
        remaining: seconds left to this invocation.
    """
    return min(MAX_CALL_SECONDS, max(remaining / 2, min(remaining, MIN_CALL_SECONDS)))


def fits(pause: float, remaining: float) -> bool:
    """Whether enough time for one more call is left after a pause; both in seconds."""
    return pause + MIN_CALL_SECONDS <= remaining
