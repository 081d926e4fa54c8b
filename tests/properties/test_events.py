"""Whatever comes in at a door, something well-formed goes out: a request, or one of our errors."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussdb_backup.errors import BackupError, InvalidRequest
from gaussdb_backup.event_sources.base import DeliveryResult
from gaussdb_backup.event_sources.dispatch import max_seconds
from gaussdb_backup.event_sources.http import HttpEvent, http_delivery
from gaussdb_backup.event_sources.http_request import read_http
from gaussdb_backup.event_sources.records import SqsBatch
from gaussdb_backup.event_sources.webhooks import is_valid_signature, parse_signature
from gaussdb_backup.request import CreateRequest, read_request
from tests.local_cloud import events
from tests.properties.strategies import (
    GOOD_EVENTS,
    LAW,
    PAYLOADS,
    TEXTS,
    foreign_events,
    json_values,
    spoilt,
)
from tests.unit.event_reading import REQUEST_ID, enter

if TYPE_CHECKING:
    from gaussdb_backup.event_sources.base import EventSource
    from gaussdb_backup.request import Delivery, Request

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{3,63}")
INSTANCE = re.compile(r"[A-Za-z0-9]{1,64}")
KEY = b"not-a-real-webhook-key-1"
NOW = 1_795_428_904.0


def opened(event: Any) -> EventSource | BackupError:
    """The door of an event, or the error in its place."""
    try:
        return enter(event, default_payload=PAYLOADS[0])
    except BackupError as error:
        return error


def read(delivery: Delivery) -> Request | BackupError:
    """The request of a delivery, or the error in its place."""
    try:
        return read_request(delivery)
    except BackupError as error:
        return error


def answered(door: EventSource) -> Any:
    """What a door answers when each of its readable deliveries came to nothing."""
    ends = [
        [DeliveryResult(end if isinstance(end, BackupError) else InvalidRequest("tried in vain"))]
        for end in (read(group[0]) for group in door.groups)
    ]
    try:
        return door.answer(ends)
    except BackupError as error:
        return error


@LAW
@given(foreign_events())
def test_every_event_becomes_requests_or_errors_of_ours(event: Any) -> None:
    """For any JSON: each delivery is a checked request or a `BackupError`, and nothing else."""
    door = opened(event)
    if isinstance(door, BackupError):
        return
    for delivery in (one for group in door.groups for one in group):
        request = read(delivery)
        if isinstance(request, BackupError):
            continue
        assert INSTANCE.fullmatch(request.instance_id)
        if isinstance(request, CreateRequest):
            assert NAME.fullmatch(request.name)
            assert not re.search(r"[>!<\"&'=\r\n]", request.description or "")
            assert len(request.description or "") <= 256


@LAW
@given(foreign_events())
def test_every_event_has_a_well_formed_answer(event: Any) -> None:
    """For any JSON: a response over HTTP, a list of failures for a batch, else an error of ours."""
    door = opened(event)
    answer = door if isinstance(door, BackupError) else answered(door)
    if isinstance(answer, BackupError):
        assert not isinstance(door, HttpEvent | SqsBatch)
    elif isinstance(door, HttpEvent):
        assert 400 <= events.response(answer).status < 600
    else:
        assert isinstance(door, SqsBatch)
        identifiers = [item["itemIdentifier"] for item in answer["batchItemFailures"]]
        assert identifiers == list(door.order)
        assert json.dumps(answer).encode()


@LAW
@given(foreign_events())
def test_every_refusal_is_one_line_that_can_be_written(event: Any) -> None:
    """For any JSON: no message breaks a line, grows without end or is beyond UTF-8."""
    door = opened(event)
    ends = [door]
    if not isinstance(door, BackupError):
        ends = [read(one) for group in door.groups for one in group]  # type: ignore[misc] # any end
    for error in (one for one in ends if isinstance(one, BackupError)):
        assert str(error).isprintable()
        assert str(error).encode()
        assert len(str(error)) < 5000


@LAW
@given(foreign_events())
def test_every_delivery_can_be_logged(event: Any) -> None:
    """For any JSON: trigger and correlation ID are texts that a log line can hold."""
    door = opened(event)
    if isinstance(door, BackupError):
        return
    for delivery in (one for group in door.groups for one in group):
        assert delivery.trigger in {"direct", "schedule", "eventbridge", "http", "sqs", "sns"}
        assert delivery.correlation_id.encode() or delivery.error
        assert delivery.action in {"create", "status", "check", "verify"}


@LAW
@given(foreign_events())
def test_every_event_is_read_alike_again(event: Any) -> None:
    """For any JSON: a redelivery asks for the same names, whatever the clock says."""
    one, other = opened(event), opened(event)
    if isinstance(one, BackupError) or isinstance(other, BackupError):
        assert type(one) is type(other)
        return
    for first, second in zip(one.groups, other.groups, strict=True):
        for ours, theirs in zip(map(read, first), map(read, second), strict=True):
            assert ours == theirs or (type(ours) is type(theirs) and str(ours) == str(theirs))


@LAW
@given(json_values())
def test_every_event_has_a_time_limit(event: Any) -> None:
    """For any JSON: more than none."""
    assert max_seconds(event) > 0


HEADERS = st.dictionaries(
    st.one_of(
        st.sampled_from(
            [
                "webhook-id",
                "webhook-timestamp",
                "webhook-signature",
                "Content-Type",
                "Idempotency-Key",
                "content-encoding",
            ]
        ),
        TEXTS,
    ),
    st.one_of(
        TEXTS, st.sampled_from(["1795428904", "msg_1", "v1,", "v1,a v1,b", "application/json"])
    ),
    max_size=6,
)


def over_http(event: Any) -> Delivery:
    """The delivery of a request, at a door whose one webhook key is known."""

    def signer(headers: Any, body: bytes) -> str | None:
        claim = parse_signature(headers, NOW)
        return claim.webhook_id if claim and is_valid_signature(claim, body, [KEY]) else None

    return http_delivery(read_http(event, REQUEST_ID), signer)


@pytest.mark.parametrize("known", [True, False])
@LAW
@given(data=st.data(), headers=HEADERS, dialect=st.sampled_from(events.DIALECTS))
def test_any_headers_and_any_body_end_in_an_answer(
    data: st.DataObject, headers: dict[str, str], dialect: events.Dialect, *, known: bool
) -> None:
    """For any bytes in a body and any texts in headers: a request, or an error of ours.

    Of an unknown caller the error is `Unauthenticated`, for nobody guesses a signature.
    """
    encoded = data.draw(st.booleans())
    body = data.draw(st.binary(max_size=200) if encoded else TEXTS.map(bytes_of))
    event = events.http(b"", dialect=dialect, headers=headers, known=known)
    event |= events.http(body, dialect=dialect, encoded=True, known=known) if encoded else {}
    event |= {"headers": headers, "multiValueHeaders": {k: [v, v] for k, v in headers.items()}}
    end = read(over_http(event))
    assert isinstance(end, BackupError | CreateRequest)
    if not known:
        assert type(end).__name__ == "Unauthenticated"


def bytes_of(text: str) -> bytes:
    """A text as the bytes of a body, as far as it has any."""
    return text.encode(errors="ignore")


@LAW
@given(spoilt([events.http(dialect=one, known=False) for one in events.DIALECTS]))
def test_nobody_gets_in_by_a_malformed_envelope(event: Any) -> None:
    """For any damage to a request of an unknown caller: it is let in only as somebody."""
    if not isinstance(event, dict) or isinstance(opened(event), BackupError):
        return
    door = opened(event)
    if isinstance(door, HttpEvent) and isinstance(read(door.delivery), CreateRequest):
        context = event["requestContext"]
        assert context.get("authorizer") or context["identity"]


@LAW
@given(st.sampled_from(GOOD_EVENTS))
def test_the_events_to_be_spoilt_are_good(event: Any) -> None:
    """The strategies begin with what is understood, or they would test little."""
    door = opened(event)
    assert not isinstance(door, BackupError)
    first = read(door.groups[0][0])
    assert not isinstance(first, BackupError) or "q.fifo" in str(event)
