"""Now, sleep and time left: the one seam through which time enters."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

RESERVE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Clock:
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


@dataclass(frozen=True, slots=True, eq=False)
class Deadline:
    """The end of one invocation; its identity stands for that invocation.

    Args:
        clock: the clock whose ``monotonic`` measures.
        ends: the monotonic second at which all work must be over.
    """

    clock: Clock
    ends: float

    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.ends - self.clock.monotonic())


def deadline_for(clock: Clock, remaining: float, longest: float) -> Deadline:
    """The end of an invocation.

    Args:
        clock: the time.
        remaining: seconds until Lambda kills it; a reserve of them is kept for the outcome's log.
        longest: seconds that the caller waits at most.
    """
    usable = remaining - min(RESERVE_SECONDS, remaining / 5)
    return Deadline(clock, clock.monotonic() + min(usable, longest))
