"""When to ask again: what makes nothing may be repeated as long as there is time."""

import random
from collections.abc import Callable
from typing import Final

from gaussdb_backup.clock import Deadline
from gaussdb_backup.errors import BackupError, ServiceUnavailable
from gaussdb_backup.http_client.error_mapping import map_error
from gaussdb_backup.http_client.response import Response
from gaussdb_backup.http_client.transport import NotSent, ResponseLost

INITIAL_PAUSE_SECONDS: Final = 0.2
MAX_PAUSE_SECONDS: Final = 5.0
MAX_CALL_SECONDS: Final = 10.0
MIN_CALL_SECONDS: Final = 0.5
MAX_ATTEMPTS: Final = 5


def backoff(attempt: int) -> float:
    """Seconds to pause after so many attempts: doubling, capped, and spread by chance."""
    longest = min(MAX_PAUSE_SECONDS, INITIAL_PAUSE_SECONDS * 2.0 ** min(attempt, 16))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing


def call_timeout(deadline: Deadline) -> float:
    """Seconds that one call may take: never so many that nothing is left to find out more."""
    left = deadline.remaining()
    return min(MAX_CALL_SECONDS, max(left / 2, min(left, MIN_CALL_SECONDS)))


def has_time_for(pause: float, deadline: Deadline) -> bool:
    """Whether a pause leaves enough time for one more call."""
    return pause + MIN_CALL_SECONDS <= deadline.remaining()


def retry_read(ask: Callable[[], Response], deadline: Deadline) -> Response:
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
    for attempt in range(MAX_ATTEMPTS):
        error: BackupError
        try:
            answer = ask()
        except (NotSent, ResponseLost) as failure:
            error = ServiceUnavailable(f"no answer from the service: {failure}")
        else:
            if answer.status < 500 and answer.status != 429:
                return answer
            error = map_error(answer)
        pause = max(backoff(attempt), error.retry_after or 0.0)
        if attempt + 1 == MAX_ATTEMPTS or not has_time_for(pause, deadline):
            raise error
        deadline.clock.sleep(pause)
    raise AssertionError("the last attempt returns or raises")
