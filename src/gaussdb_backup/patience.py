"""When to ask again: what makes nothing may be repeated as long as there is time."""

import random
from collections.abc import Callable
from typing import Final

from gaussdb_backup.answers import Answer, error_from
from gaussdb_backup.clock import Deadline
from gaussdb_backup.errors import BackupError, ServiceUnavailable
from gaussdb_backup.transport import Lost, NotSent

FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 5.0
LONGEST_CALL_SECONDS: Final = 10.0
SHORTEST_CALL_SECONDS: Final = 0.5
MOST_ATTEMPTS: Final = 5


def backoff(attempt: int) -> float:
    """Seconds to pause after so many attempts: doubling, capped, and spread by chance."""
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(attempt, 16))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing


def allowance(deadline: Deadline) -> float:
    """Seconds that one call may take: never so many that nothing is left to find out more."""
    left = deadline.left()
    return min(LONGEST_CALL_SECONDS, max(left / 2, min(left, SHORTEST_CALL_SECONDS)))


def fits(pause: float, deadline: Deadline) -> bool:
    """Whether a pause leaves enough time for one more call."""
    return pause + SHORTEST_CALL_SECONDS <= deadline.left()


def until_answered(ask: Callable[[], Answer], deadline: Deadline) -> Answer:
    """Repeats a request that makes nothing until the other side is in order.

    Args:
        ask: sends the request.
        deadline: the end of the invocation.

    Returns:
        The first answer that is neither 429 nor 5xx.

    Raises:
        ServiceUnavailable: no connection, no answer or 5xx, too often or for too long.
        Throttled: 429 likewise, or with a ``Retry-After`` that does not fit.
    """
    for attempt in range(MOST_ATTEMPTS):
        error: BackupError
        try:
            answer = ask()
        except (NotSent, Lost) as failure:
            error = ServiceUnavailable(f"no answer from the service: {failure}")
        else:
            if answer.status < 500 and answer.status != 429:
                return answer
            error = error_from(answer)
        pause = max(backoff(attempt), error.retry_after or 0.0)
        if attempt + 1 == MOST_ATTEMPTS or not fits(pause, deadline):
            raise error
        deadline.clock.sleep(pause)
    raise AssertionError("the last attempt returns or raises")
