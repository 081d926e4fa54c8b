"""Whatever event comes in, something well-formed goes out: a request, or one of our errors."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussdb_backup.errors import BackupError, InvalidRequest
from gaussdb_backup.event_sources.base import DeliveryResult
from gaussdb_backup.event_sources.dispatch import find_source
from gaussdb_backup.event_sources.http import Http
from gaussdb_backup.event_sources.sqs import Sqs
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
from tests.unit.event_reading import END_OF_TIME, deliveries_of, groups_of, webhook_keys

if TYPE_CHECKING:
    from gaussdb_backup.request import Delivery, Request

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{3,63}")
INSTANCE = re.compile(r"[A-Za-z0-9]{1,64}")
KEY = "whsec_" + base64.b64encode(b"not-a-real-webhook-key-1").decode()


def read(delivery: Delivery) -> Request | BackupError:
    """The request of a delivery, or the error in its place."""
    try:
        return read_request(delivery, END_OF_TIME)
    except BackupError as error:
        return error


def response_to_failures(event: Any) -> Any:
    """The response, or the error raised, when every delivery that can be read fails."""
    results = []
    for delivery in deliveries_of(event, default_payload=PAYLOADS[0]):
        request = read(delivery)
        end = request if isinstance(request, BackupError) else InvalidRequest("failed")
        results.append(DeliveryResult(delivery=delivery, end=end))
    try:
        return find_source(event).response(results)
    except BackupError as error:
        return error


@LAW
@given(foreign_events())
def test_every_event_becomes_requests_or_errors_of_ours(event: Any) -> None:
    """For any JSON: each delivery is a checked request or a `BackupError`, and nothing else."""
    for delivery in deliveries_of(event, default_payload=PAYLOADS[0]):
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
def test_every_event_has_a_well_formed_response(event: Any) -> None:
    """For any JSON: a response over HTTP, a list of failures for a batch, else an error of ours."""
    source, response = find_source(event), response_to_failures(event)
    if isinstance(source, Http):
        assert 400 <= events.response(response).status < 600
    elif isinstance(source, Sqs):
        records = event if isinstance(event, list) else event["Records"]
        failed = [item["itemIdentifier"] for item in response["batchItemFailures"]]
        assert sorted(failed) == sorted(record["messageId"] for record in records)
        assert json.dumps(response).encode()
    else:
        assert isinstance(response, BackupError)


@LAW
@given(foreign_events())
def test_every_refusal_is_one_line_that_can_be_written(event: Any) -> None:
    """For any JSON: no message breaks a line, grows without end or is beyond UTF-8."""
    for error in map(read, deliveries_of(event, default_payload=PAYLOADS[0])):
        if isinstance(error, BackupError):
            assert str(error).isprintable()
            assert str(error).encode()
            assert len(str(error)) < 5000


@LAW
@given(foreign_events())
def test_every_delivery_can_be_logged(event: Any) -> None:
    """For any JSON: trigger and correlation ID are texts that a log line can hold."""
    for delivery in deliveries_of(event, default_payload=PAYLOADS[0]):
        assert delivery.trigger in {"direct", "schedule", "eventbridge", "http", "sqs", "sns"}
        assert delivery.correlation_id.encode() or delivery.error
        assert delivery.action in {"create", "status", "check", "verify"}


@LAW
@given(foreign_events())
def test_every_event_is_read_alike_again(event: Any) -> None:
    """For any JSON: a redelivery asks for the same names, whatever the clock says."""
    first, second = (deliveries_of(event, default_payload=PAYLOADS[0]) for _ in range(2))
    for one, other in zip(map(read, first), map(read, second), strict=True):
        assert one == other or (type(one) is type(other) and str(one) == str(other))


@LAW
@given(json_values())
def test_every_event_has_a_time_limit(event: Any) -> None:
    """For any JSON: more than none."""
    assert find_source(event).max_seconds > 0


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


@pytest.mark.parametrize("known", [True, False])
@LAW
@given(data=st.data(), headers=HEADERS, dialect=st.sampled_from(events.DIALECTS))
def test_any_headers_and_any_body_get_a_response(
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
    [end] = map(read, deliveries_of(event, webhook_keys=webhook_keys(KEY)))
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
    if not isinstance(find_source(event), Http):
        return
    [request] = map(read, deliveries_of(event))
    if isinstance(request, CreateRequest):
        context = event["requestContext"]
        assert context.get("authorizer") or context["identity"]


@LAW
@given(st.sampled_from(GOOD_EVENTS))
def test_the_events_to_be_spoilt_are_good(event: Any) -> None:
    """The strategies begin with what is understood, or they would test little."""
    first = read(groups_of(event, default_payload=PAYLOADS[0])[0][0])
    assert not isinstance(first, BackupError) or "q.fifo" in str(event)
