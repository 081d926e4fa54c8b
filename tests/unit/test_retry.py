"""Retries of read-only requests: how often, how far apart, and what they end with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from requests.structures import CaseInsensitiveDict

from gaussdb_backup.clock import Clock, Deadline
from gaussdb_backup.errors import BackupError, ServiceUnavailable, Throttled
from gaussdb_backup.http_client.response import Response
from gaussdb_backup.http_client.retry import retry_read
from gaussdb_backup.http_client.transport import ResponseLost

if TYPE_CHECKING:
    from collections.abc import Callable

OK = Response(200, CaseInsensitiveDict(), b"{}")


class FakeTime:
    """A clock that only `sleep` moves on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Moves on."""
        self.now += seconds
        self.pauses.append(seconds)

    def deadline(self, seconds: float) -> Deadline:
        """The end of an invocation that has so many seconds."""
        clock = Clock(now=lambda: self.now, monotonic=lambda: self.now, sleep=self.sleep)
        return Deadline(clock, seconds)


def status(code: int, **headers: str) -> Response:
    """A response without a body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(code, CaseInsensitiveDict(named), b"")


def sender(*responses: Response | Exception) -> Callable[[], Response]:
    """Sends nothing and gives these responses one after the other."""
    left = list(responses)

    def send() -> Response:
        response = left.pop(0)
        if isinstance(response, Exception):
            raise response
        return response

    return send


@pytest.mark.parametrize("code", [408, 425, 500, 502, 503, 504])
def test_a_part_that_is_out_of_order_is_asked_again(code: int) -> None:
    """After a short pause."""
    time = FakeTime()
    assert retry_read(sender(status(code), OK), time.deadline(60)) is OK
    assert 0.1 <= time.pauses[0] <= 0.2


@pytest.mark.parametrize("code", [200, 202, 400, 401, 403, 404, 409])
def test_every_other_response_is_final(code: int) -> None:
    """Whatever it says."""
    time = FakeTime()
    assert retry_read(sender(status(code)), time.deadline(60)).status == code
    assert time.pauses == []


def test_a_429_that_names_no_wait_is_followed_by_longer_and_longer_pauses() -> None:
    """15, 30 and 60 seconds, between them a lost response with a short one."""
    time = FakeTime()
    throttled = status(429)
    lost = ResponseLost("gaussdb.example", "connection reset")
    assert retry_read(sender(throttled, lost, throttled, throttled, OK), time.deadline(300)) is OK
    assert [time.pauses[index] for index in (0, 2, 3)] == [15, 30, 60]
    assert time.pauses[1] < 1


def test_a_429_that_names_a_wait_is_followed_by_it() -> None:
    """Once the back-off is longer than what it names, the back-off counts."""
    time = FakeTime()
    asked = [status(429, Retry_After=str(seconds)) for seconds in (7, 0)]
    assert retry_read(sender(*asked, OK), time.deadline(60)) is OK
    assert time.pauses[0] == 7
    assert 0.2 <= time.pauses[1] <= 0.4


@pytest.mark.parametrize(
    ("responses", "error"),
    [
        ([status(503)] * 5, ServiceUnavailable),
        ([ResponseLost("gaussdb.example", "connection reset")] * 5, ServiceUnavailable),
        ([status(429, Retry_After="1")] * 5, Throttled),
    ],
)
def test_after_five_requests_it_gives_up(
    responses: list[Response | Exception], error: type[BackupError]
) -> None:
    """With what the last one said."""
    with pytest.raises(error):
        retry_read(sender(*responses), FakeTime().deadline(300))


def test_pauses_go_on_growing_from_one_reading_to_the_next() -> None:
    """So that an outage of hours is not asked once a second."""
    time = FakeTime()
    failing = [status(503)] * 5
    with pytest.raises(ServiceUnavailable):
        retry_read(sender(*failing), time.deadline(300), attempts_before=5)
    assert all(2.5 <= pause <= 5 for pause in time.pauses)


def test_a_pause_that_does_not_fit_ends_it_at_once() -> None:
    """The caller is told how long to wait."""
    time = FakeTime()
    with pytest.raises(Throttled) as raised:
        retry_read(sender(status(429, Retry_After="60")), time.deadline(60))
    assert raised.value.retry_after == 60
    assert time.pauses == []
