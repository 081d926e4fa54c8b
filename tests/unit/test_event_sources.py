"""Which event source an event comes from, decided by its shape only, and what it responds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from gaussdb_backup.errors import InstanceBusy, InternalError, Throttled
from gaussdb_backup.event_sources.base import DeliveryResult
from gaussdb_backup.event_sources.direct import Direct
from gaussdb_backup.event_sources.dispatch import EVENT_SOURCES, SUPPORTED, find_source
from gaussdb_backup.event_sources.eventbridge import EventBridge, ScheduledEvent
from gaussdb_backup.event_sources.http import Http
from gaussdb_backup.event_sources.sns import Sns
from gaussdb_backup.event_sources.sqs import Sqs
from tests.local_cloud import events
from tests.local_cloud.events import PAYLOAD
from tests.unit.event_reading import (
    REQUEST_ID,
    create_of,
    deliveries_of,
    groups_of,
    refusal_of,
    response_to,
)

if TYPE_CHECKING:
    from pydantic import JsonValue

    from gaussdb_backup.event_sources.base import EventSource
    from gaussdb_backup.replies import BackupReply, CreateReply

BACKUP: BackupReply = {
    "id": "0483b6b16e954cb88930a360d2c4e663br14",
    "name": "auto-1",
    "description": None,
    "begin_time": "2026-01-31T20:00:00+0000",
    "status": "BUILDING",
    "type": "manual",
    "instance_id": "7e01ac5ac5274957ba506f3851d11d51in14",
}
REPLY: CreateReply = {"outcome": "created", "job_id": "9d12f1f2", "backup": BACKUP}
SCHEDULED_EVENT = {
    "id": "cdc73f9d",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "time": "2026-01-31T20:00:00Z",
    "resources": ["arn:aws:events:eu-central-1:123456789012:rule/nightly"],
    "detail": {},
}


RECOGNISED: list[tuple[str, Any, type[Any], list[str]]] = [
    ("a bare payload", PAYLOAD, Direct, ["direct"]),
    ("an empty object", {}, Direct, ["direct"]),
    ("a schedule's input", {**PAYLOAD, "scheduled_time": "x"}, Direct, ["schedule"]),
    ("no schedule's input", {**PAYLOAD, "scheduled_time": None}, Direct, ["direct"]),
    ("a scheduled event", SCHEDULED_EVENT, ScheduledEvent, ["schedule"]),
    ("an event on a bus", events.bus_event(), EventBridge, ["eventbridge"]),
    ("a request of an HTTP API", events.http(), Http, ["http"]),
    ("one of a function URL", events.http(dialect="function-url"), Http, ["http"]),
    ("one of a REST API", events.http(dialect="rest-api"), Http, ["http"]),
    ("one without an authorizer", events.http(known=False), Http, ["http"]),
    ("messages", events.sqs(PAYLOAD, PAYLOAD), Sqs, ["sqs", "sqs"]),
    ("a list of messages", events.sqs(PAYLOAD)["Records"], Sqs, ["sqs"]),
    ("a wrapped notification", events.sqs(events.notification(PAYLOAD)), Sqs, ["sqs"]),
    ("a wrapped event", events.sqs(events.bus_event()), Sqs, ["sqs"]),
    ("notifications", events.sns(PAYLOAD, PAYLOAD), Sns, ["sns", "sns"]),
]


@pytest.mark.parametrize(
    ("event", "source", "triggers"),
    [row[1:] for row in RECOGNISED],
    ids=[row[0] for row in RECOGNISED],
)
def test_each_shape_has_its_event_source(
    event: Any, source: type[Any], triggers: list[str]
) -> None:
    """And each delivery has the name of its trigger."""
    assert type(find_source(event)) is source
    deliveries = deliveries_of(event, default_payload=PAYLOAD)
    assert [delivery.trigger for delivery in deliveries] == triggers


NOT_UNDERSTOOD: dict[str, Any] = {
    "null": None,
    "a number": 5,
    "a text": "instance_id",
    "a boolean": True,
    "an empty list": [],
    "a list of payloads": [PAYLOAD],
    "no records": {"Records": []},
    "records that are none": {"Records": None},
    "records of nobody": {"Records": [{}]},
    "records of S3": {"Records": [{"eventSource": "aws:s3", "s3": {}}]},
    "records of DynamoDB": {"Records": [{"eventSource": "aws:dynamodb"}]},
    "records of two sources": {
        "Records": events.sqs(PAYLOAD)["Records"] + events.sns(PAYLOAD)["Records"]
    },
    "messages with the wrong case": {"Records": [{"EventSource": "aws:sqs", "messageId": "1"}]},
    "notifications with the wrong case": {"Records": [{"eventSource": "aws:sns", "Sns": {}}]},
    "a list of notifications": events.sns(PAYLOAD)["Records"],
    "a message without an ID": {"Records": [{"eventSource": "aws:sqs", "body": "{}"}]},
    "a message whose ID is none": {"Records": [{"eventSource": "aws:sqs", "messageId": ""}]},
    "a notification without an ID": {"Records": [{"EventSource": "aws:sns", "Sns": {}}]},
    "a notification without a time": {
        "Records": [{"EventSource": "aws:sns", "Sns": {"MessageId": "1", "Message": "{}"}}]
    },
    "a WebSocket's event": {"requestContext": {"routeKey": "$connect", "connectionId": "1"}},
    "a request without a method": {"requestContext": {"http": None}},
    "a method that is none": {"httpMethod": None, **PAYLOAD},
    "a bus event without an ID": {"detail-type": "x", "detail": PAYLOAD},
    "a bus event without a detail": {"detail-type": "x", "id": "1"},
    "a bus event without a type": {"detail-type": None, "id": "1", "detail": PAYLOAD},
    "a bus event at no time": {**events.bus_event(), "time": "yesterday"},
    "a scheduled event at no time": {**SCHEDULED_EVENT, "time": None},
    "a scheduled event of no rule": {**SCHEDULED_EVENT, "resources": [], "id": None},
}


@pytest.mark.parametrize("event", NOT_UNDERSTOOD.values(), ids=NOT_UNDERSTOOD)
def test_an_unsupported_shape_is_told_what_is_supported(event: Any) -> None:
    """The error lists the shapes."""
    refusal = refusal_of(event, default_payload=PAYLOAD)
    assert refusal.violations[0].pointer == ""
    assert refusal.violations[0].detail == f"is none of: {SUPPORTED}"


@pytest.mark.parametrize("source", EVENT_SOURCES, ids=lambda source: type(source).__name__)
def test_the_list_of_shapes_comes_from_the_event_sources(source: EventSource) -> None:
    """A new event source need not be added to a text elsewhere."""
    assert source.shape in SUPPORTED


def test_a_scheduled_event_needs_a_default_payload() -> None:
    """It carries none, and says so by the variable's name."""
    assert "DEFAULT_PAYLOAD" in refusal_of(SCHEDULED_EVENT).detail
    assert create_of(SCHEDULED_EVENT, default_payload=PAYLOAD).instance_id


@pytest.mark.parametrize("source", ["aws.events", "aws.scheduler"])
@pytest.mark.parametrize("detail", [{}, "{}", None, {"_datadog": {"x-datadog-trace-id": "1"}}])
def test_a_scheduled_event_has_an_empty_detail(source: str, detail: JsonValue) -> None:
    """A rule sends an object, EventBridge Scheduler a text; tracers may add to it."""
    event = {**SCHEDULED_EVENT, "source": source, "detail": detail}
    [delivery] = deliveries_of(event, default_payload=PAYLOAD)
    assert (delivery.trigger, delivery.payload) == ("schedule", PAYLOAD)


OTHER_SCHEDULED_EVENTS: list[dict[str, Any]] = [
    {"source": "com.example.planner", "detail": {"instance_id": "other"}},
    {"source": "aws.events", "detail": {"instance_id": "other"}},
    {"source": "aws.scheduler", "detail": {"instance_id": "other", "_datadog": {}}},
    {"source": None, "detail": {"instance_id": "other"}},
]


@pytest.mark.parametrize("differing", OTHER_SCHEDULED_EVENTS)
def test_an_event_that_only_is_called_scheduled_is_an_event_on_a_bus(
    differing: dict[str, Any],
) -> None:
    """Anybody may call an event so. Its instance is that of its detail."""
    event = {**SCHEDULED_EVENT, **differing}
    [delivery] = deliveries_of(event, default_payload=PAYLOAD)
    assert (delivery.trigger, delivery.identity.kind) == ("eventbridge", "eventbridge")
    assert create_of(event, default_payload=PAYLOAD).instance_id == "other"


@pytest.mark.parametrize("source", ["com.example.planner", None, ["aws.events"], {}])
def test_an_empty_scheduled_event_from_elsewhere_gets_no_default_payload(source: JsonValue) -> None:
    """The default payload is for the deployment's own schedules."""
    event = {**SCHEDULED_EVENT, "source": source}
    assert refusal_of(event, default_payload=PAYLOAD).violations[0].pointer == "/instance_id"


@pytest.mark.parametrize("event", [events.bus_event(), SCHEDULED_EVENT])
def test_a_wrapped_event_keeps_its_own_identity(event: dict[str, Any]) -> None:
    """However many envelopes an EventBridge event arrives in, it is one event with one name."""
    envelopes = [
        event,
        events.sqs(event),
        events.sns(event),
        events.sqs(events.notification(event)),
        events.sqs(events.notification(event))["Records"],
    ]
    assert len({create_of(one, default_payload=PAYLOAD).name for one in envelopes}) == 1


def test_a_request_over_http_is_recognised_before_records() -> None:
    """A field that a client or a gateway adds does not make it a batch."""
    for dialect in events.DIALECTS:
        event = events.http(dialect=dialect) | events.sqs(PAYLOAD)
        assert isinstance(find_source(event), Http)


@pytest.mark.parametrize(
    ("event", "ids"),
    [
        (PAYLOAD, [REQUEST_ID]),
        ({**PAYLOAD, "scheduled_time": "2026-02-01T04:00:00+08:00"}, ["2026-01-31T20:00:00Z"]),
        ({**PAYLOAD, "scheduled_time": "no time\n"}, [REQUEST_ID]),
        (SCHEDULED_EVENT, ["2026-01-31T20:00:00Z"]),
        (events.bus_event(), ["6a7e8feb-b491-4cf7-a9f1-bf3703467718"]),
        (events.http(request_id="JKJaXmPLvHcESHA="), ["JKJaXmPLvHcESHA="]),
        (events.sqs(PAYLOAD, events.bus_event()), ["message-0", "message-1"]),
        (events.sqs(events.notification(PAYLOAD)), ["message-0"]),
        (events.sns(PAYLOAD), ["notification-0"]),
    ],
)
def test_the_log_names_the_envelope_s_own_id(event: Any, ids: list[str]) -> None:
    """A schedule's time; for HTTP and direct calls the request ID."""
    deliveries = deliveries_of(event, default_payload=PAYLOAD)
    assert [delivery.correlation_id for delivery in deliveries] == ids


def message_groups(event: Any) -> list[list[str]]:
    """The message IDs of each group."""
    return [[delivery.correlation_id for delivery in group] for group in groups_of(event)]


def test_messages_of_a_standard_queue_do_not_wait() -> None:
    """Each is a group of its own, whatever group ID it carries."""
    event = events.sqs({}, {}, {}, groups=["a", "a", "b"])
    assert message_groups(event) == [["message-0"], ["message-1"], ["message-2"]]


def test_messages_of_a_fifo_queue_keep_the_order_of_their_group() -> None:
    """Groups are processed at the same time, the messages of one group in order."""
    event = events.sqs({}, {}, {}, {}, queue="q.fifo", groups=["a", "b", "a", "b"])
    assert message_groups(event) == [["message-0", "message-2"], ["message-1", "message-3"]]


def failed_messages(event: Any, *ends: Any) -> list[str]:
    """The message IDs that a batch reports, given how its deliveries ended."""
    response = response_to(event, *ends)
    assert set(response) == {"batchItemFailures"}
    return [item["itemIdentifier"] for item in response["batchItemFailures"]]


def test_a_batch_reports_what_failed_and_nothing_else() -> None:
    """An empty list is success."""
    event = events.sqs({}, {}, {})
    busy = InstanceBusy("busy")
    assert failed_messages(event, REPLY, REPLY, REPLY) == []
    assert failed_messages(event, busy, REPLY, busy) == ["message-0", "message-2"]
    assert failed_messages(event, busy, busy, busy) == ["message-0", "message-1", "message-2"]


def test_a_group_that_stopped_reports_the_rest_of_itself() -> None:
    """What was not attempted is delivered again, after what failed."""
    event = events.sqs({}, {}, {}, queue="q.fifo", groups=["a", "a", "a"])
    assert failed_messages(event, REPLY, InstanceBusy("busy"), None) == ["message-1", "message-2"]


def test_a_message_that_is_twice_in_a_batch_is_reported_if_one_of_them_failed() -> None:
    """The success of one does not hide the failure of the other."""
    event = events.sqs({}, {}, ids=["message-0", "message-0"])
    assert failed_messages(event, InstanceBusy("busy"), REPLY) == ["message-0"]


def test_notifications_return_all_replies_or_raise_the_first_failure() -> None:
    """With the name by which to find the backup."""
    event = events.sns({}, {}, {})
    assert response_to(event, REPLY, REPLY, REPLY) == {"replies": [REPLY, REPLY, REPLY]}
    with pytest.raises(InstanceBusy) as raised:
        response_to(event, REPLY, InstanceBusy("busy"), Throttled("later"))
    assert str(raised.value) == "busy; backup name auto-1"


def test_one_delivery_returns_the_reply_itself() -> None:
    """A plain object that a next step can take."""
    assert response_to(PAYLOAD, REPLY) == REPLY


def test_one_delivery_raises_its_failure() -> None:
    """Under its own name, with the backup's name in the message where it is known."""
    with pytest.raises(InstanceBusy, match=r"^busy; backup name auto-1$"):
        response_to(PAYLOAD, InstanceBusy("busy"))
    [delivery] = deliveries_of(PAYLOAD)
    nameless = DeliveryResult(delivery=delivery, end=InstanceBusy("busy"))
    with pytest.raises(InstanceBusy, match=r"^busy$"):
        Direct().response([nameless])


def test_an_http_caller_waits_twenty_seconds_and_all_others_as_long_as_lambda() -> None:
    """The gateway gives up before Lambda does."""
    requests = [events.http(dialect=dialect) for dialect in events.DIALECTS]
    assert {find_source(event).max_seconds for event in requests} == {20.0}
    others: list[Any] = [PAYLOAD, SCHEDULED_EVENT, events.sqs({}), events.sns({}), None, []]
    assert {find_source(event).max_seconds for event in others} == {math.inf}


@pytest.mark.parametrize("event", [events.http(), events.http(dialect="rest-api")])
def test_a_request_that_cannot_be_read_gets_a_response(event: Any) -> None:
    """Even when the reason is a bug."""
    failure = find_source(event).failure(InternalError(ValueError()), REQUEST_ID)
    response = events.response(failure)
    assert (response.status, response.body["instance"]) == (500, REQUEST_ID)


@pytest.mark.parametrize("event", [PAYLOAD, events.sqs({}), events.sns({}), None])
def test_other_events_that_cannot_be_read_raise(event: Any) -> None:
    """So that the event is delivered again or reported."""
    with pytest.raises(InternalError):
        find_source(event).failure(InternalError(ValueError()), REQUEST_ID)
