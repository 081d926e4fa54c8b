"""Now, sleep and time left: the one seam through which time enters."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple

RESERVE_SECONDS: Final = 1.0


class Clock(NamedTuple):
    """Where the function takes its time from; tests pass their own.

    Args:
        now: wall time in seconds since 1970-01-01T00:00:00Z.
        monotonic: seconds that only ever grow, for measuring.
        sleep: waits so many seconds.
    """

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def utc(self) -> datetime:
        """Wall time as an aware datetime in UTC."""
        return datetime.fromtimestamp(self.now(), UTC)


class Deadline:
    """The end of one invocation; its identity stands for that invocation.

    Args:
        clock: the clock whose ``monotonic`` measures.
        ends: the monotonic second at which all work must be over.
    """

    __slots__ = ("clock", "ends")

    def __init__(self, clock: Clock, ends: float) -> None:
        self.clock: Final = clock
        self.ends: Final = ends

    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.ends - self.clock.monotonic())


def deadline_of_invocation(clock: Clock, remaining: float, longest: float) -> Deadline:
    """The end of an invocation.

    Args:
        clock: the time.
        remaining: seconds until Lambda kills it; a reserve of them is kept for the outcome's log.
        longest: seconds that the caller waits at most.
    """
    usable = remaining - min(RESERVE_SECONDS, remaining / 5)
    return Deadline(clock, clock.monotonic() + min(usable, longest))
