"""When to send a request again: a read-only one may be repeated as long as there is time."""

import random
from collections.abc import Callable
from typing import Final

from gaussdb_backup.clock import Deadline
from gaussdb_backup.errors import BackupError, ServiceUnavailable, Throttled
from gaussdb_backup.http_client.error_mapping import is_out_of_order, map_error
from gaussdb_backup.http_client.pauses import (
    fits,
    longest_backoff,
    throttle_pause,
    timeout_within,
)
from gaussdb_backup.http_client.response import Response
from gaussdb_backup.http_client.transport import NotSent, ResponseLost

MAX_ATTEMPTS: Final = 5


def backoff(attempt: int) -> float:
    """Seconds to pause after so many attempts: doubling, capped, and spread by chance."""
    return longest_backoff(attempt) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load only


def call_timeout(deadline: Deadline) -> float:
    """Seconds that the next call may take."""
    return timeout_within(deadline.remaining())


def retry_read(
    send: Callable[[], Response], deadline: Deadline, attempts_before: int = 0
) -> Response:
    """Retries a read-only request until the response is neither 429 nor 5xx.

    Args:
        send: sends the request.
        deadline: the end of the invocation.
        attempts_before: how many attempts in a row have failed before, so that the pauses go on
            growing where they ended.

    Returns:
        The first response that is neither 429, 408, 425 nor 5xx.

    Raises:
        ServiceUnavailable: no connection, no response or 5xx, too often or for too long.
        Throttled: 429 likewise, or with a pause that does not fit into the time left.
    """
    refusals = 0
    for attempt in range(MAX_ATTEMPTS):
        error: BackupError
        try:
            response = send()
        except (NotSent, ResponseLost) as failure:
            error = ServiceUnavailable(f"no response from GaussDB at {failure}")
        else:
            if not is_out_of_order(response.status):
                return response
            error = map_error(response)
        pause = backoff(attempts_before + attempt)
        if isinstance(error, Throttled):
            refusals += 1
            pause = max(pause, throttle_pause(refusals, error.retry_after))
        else:
            pause = max(pause, error.retry_after or 0.0)
        if attempt + 1 == MAX_ATTEMPTS or not fits(pause, deadline.remaining()):
            raise error
        deadline.clock.sleep(pause)
    raise AssertionError("the last attempt returns or raises")
