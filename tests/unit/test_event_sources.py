"""Which door an event comes through, told by its shape alone; and what other shapes are told."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from gaussdb_backup.errors import (
    BackupError,
    Evidence,
    InstanceBusy,
    InvalidRequest,
    MethodNotAllowed,
    Throttled,
    Unauthenticated,
)
from gaussdb_backup.event_sources.base import SUPPORTED, DeliveryResult
from gaussdb_backup.event_sources.direct import SingleDelivery
from gaussdb_backup.event_sources.dispatch import max_seconds, rejected_event
from gaussdb_backup.event_sources.http import HttpEvent, problem
from gaussdb_backup.event_sources.records import SnsEvent, SqsBatch
from gaussdb_backup.payload_models import StatusRequest
from tests.local_cloud import events
from tests.local_cloud.events import NOBODY, PAYLOAD
from tests.unit.event_reading import REQUEST_ID, create_of, enter, refusal_of, requests_of

if TYPE_CHECKING:
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
    "time": "2026-01-31T20:00:00Z",
    "resources": ["arn:aws:events:eu-central-1:123456789012:rule/nightly"],
    "detail": {},
}


RECOGNISED: list[tuple[str, Any, type[Any], list[str]]] = [
    ("a bare payload", PAYLOAD, SingleDelivery, ["direct"]),
    ("an empty object", {}, SingleDelivery, ["direct"]),
    ("a timer's input", {**PAYLOAD, "scheduled_time": "x"}, SingleDelivery, ["schedule"]),
    ("no timer's input", {**PAYLOAD, "scheduled_time": None}, SingleDelivery, ["direct"]),
    ("a scheduled event", SCHEDULED_EVENT, SingleDelivery, ["schedule"]),
    ("a bus event", events.bus_event(), SingleDelivery, ["eventbridge"]),
    ("a request of an HTTP API", events.http(), HttpEvent, ["http"]),
    ("one of a function URL", events.http(dialect="function-url"), HttpEvent, ["http"]),
    ("one of a REST API", events.http(dialect="rest-api"), HttpEvent, ["http"]),
    ("one without an authorizer", events.http(known=False), HttpEvent, ["http"]),
    ("messages", events.sqs(PAYLOAD, PAYLOAD), SqsBatch, ["sqs", "sqs"]),
    ("a list of messages", events.sqs(PAYLOAD)["Records"], SqsBatch, ["sqs"]),
    ("a wrapped notification", events.sqs(events.notification(PAYLOAD)), SqsBatch, ["sqs"]),
    ("a wrapped bus event", events.sqs(events.bus_event()), SqsBatch, ["sqs"]),
    ("notifications", events.sns(PAYLOAD, PAYLOAD), SnsEvent, ["sns", "sns"]),
]


@pytest.mark.parametrize(
    ("event", "door", "triggers"),
    [row[1:] for row in RECOGNISED],
    ids=[row[0] for row in RECOGNISED],
)
def test_each_shape_has_its_door(event: Any, door: type[Any], triggers: list[str]) -> None:
    """And each delivery the name of its trigger."""
    found = enter(event, default_payload=PAYLOAD)
    assert type(found) is door
    assert [one.trigger for group in found.groups for one in group] == triggers


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
def test_a_shape_of_no_door_is_told_what_would_have_been_understood(event: Any) -> None:
    """The error lists the shapes."""
    refusal = refusal_of(event, default_payload=PAYLOAD)
    assert refusal.violations[0].pointer == ""
    assert refusal.violations[0].detail == SUPPORTED


@pytest.mark.parametrize(
    "shape",
    [
        "instance_id",
        "detail-type",
        "detail",
        "requestContext.http",
        "httpMethod",
        "Records",
        "eventSource aws:sqs",
        "messageId",
        "EventSource aws:sns",
    ],
)
def test_the_list_of_shapes_is_whole(shape: str) -> None:
    """Each is named by the fields that decide."""
    assert shape in SUPPORTED


def test_a_scheduled_event_needs_a_default_payload() -> None:
    """It carries none, and says so by the variable's name."""
    assert "DEFAULT_PAYLOAD" in refusal_of(SCHEDULED_EVENT).detail
    assert create_of(SCHEDULED_EVENT, default_payload=PAYLOAD).instance_id


def test_the_detail_of_a_scheduled_event_is_no_payload() -> None:
    """Whatever stands in it."""
    event = {**SCHEDULED_EVENT, "detail": {"instance_id": "other"}}
    assert create_of(event, default_payload=PAYLOAD).instance_id == PAYLOAD["instance_id"]


def correlated(event: Any) -> list[str]:
    """The correlation IDs of an event's deliveries."""
    groups = enter(event, default_payload=PAYLOAD).groups
    return [delivery.correlation_id for group in groups for delivery in group]


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
    assert correlated(event) == ids


def groups_of(event: Any) -> list[list[str]]:
    """The message IDs of each group."""
    return [[one.correlation_id for one in group] for group in enter(event).groups]


def test_messages_of_a_standard_queue_wait_for_nobody() -> None:
    """Each is a group of its own, whatever group ID it carries."""
    event = events.sqs({}, {}, {}, groups=["a", "a", "b"])
    assert groups_of(event) == [["message-0"], ["message-1"], ["message-2"]]


def test_messages_of_a_fifo_queue_go_in_order_of_their_group() -> None:
    """Groups side by side, messages of one behind each other."""
    event = events.sqs({}, {}, {}, {}, queue="q.fifo", groups=["a", "b", "a", "b"])
    assert groups_of(event) == [["message-0", "message-2"], ["message-1", "message-3"]]


def failed(*ends: list[Any], event: Any) -> list[str]:
    """The message IDs that a batch reports, given how its groups ended."""
    door = enter(event)
    answer: Any = door.answer([[DeliveryResult(end) for end in group] for group in ends])
    assert set(answer) == {"batchItemFailures"}
    return [item["itemIdentifier"] for item in answer["batchItemFailures"]]


def test_a_batch_reports_what_failed_and_nothing_else() -> None:
    """In the order of the batch; an empty list is success."""
    event = events.sqs({}, {}, {})
    busy = InstanceBusy("busy")
    assert failed([REPLY], [REPLY], [REPLY], event=event) == []
    assert failed([busy], [REPLY], [busy], event=event) == ["message-0", "message-2"]
    assert failed([busy], [busy], [busy], event=event) == ["message-0", "message-1", "message-2"]


def test_a_group_that_stopped_reports_the_rest_of_itself() -> None:
    """What was not tried is delivered again, behind what failed."""
    event = events.sqs({}, {}, {}, {}, {}, queue="q.fifo", groups=["a", "b", "a", "b", "a"])
    ended = failed([REPLY, InstanceBusy("busy")], [REPLY, REPLY], event=event)
    assert ended == ["message-2", "message-4"]


def test_notifications_answer_all_at_once_or_raise_the_first_failure() -> None:
    """With the name under which to look for the backup."""
    door = enter(events.sns({}, {}, {}))
    good = [DeliveryResult(REPLY)]
    assert door.answer([good, good, good]) == {"replies": [REPLY, REPLY, REPLY]}
    first, second = InstanceBusy("busy"), Throttled("later")
    with pytest.raises(InstanceBusy) as raised:
        door.answer([good, [DeliveryResult(first, "auto-1")], [DeliveryResult(second)]])
    assert str(raised.value) == "busy; backup name auto-1"


def test_one_delivery_answers_the_reply_itself() -> None:
    """A plain object that a next step can take."""
    assert enter(PAYLOAD).answer([[DeliveryResult(REPLY)]]) == REPLY


def test_one_delivery_raises_its_failure() -> None:
    """Under its own name, with the backup's in the message."""
    with pytest.raises(InstanceBusy, match=r"^busy; backup name auto-1$"):
        enter(PAYLOAD).answer([[DeliveryResult(InstanceBusy("busy"), "auto-1")]])
    with pytest.raises(InstanceBusy, match=r"^busy$"):
        enter(PAYLOAD).answer([[DeliveryResult(InstanceBusy("busy"))]])


# requests of HTTP: what differs from a good one, and the error that it meets
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("an unknown caller", {"known": False}, "Unauthenticated"),
    ("an unknown caller at a wrong path", {"known": False, "path": "/"}, "Unauthenticated"),
    ("an unknown caller by GET", {"known": False, "method": "GET"}, "Unauthenticated"),
    ("an unknown caller with no body", {"known": False, "body": None}, "Unauthenticated"),
    ("another path", {"path": "/restore"}, "NotFound"),
    ("a path below", {"path": "/backups/a/b"}, "NotFound"),
    ("a path beside", {"path": "/backupsx"}, "NotFound"),
    ("a path with other letters", {"path": "/Backups"}, "NotFound"),
    ("the root", {"path": "/"}, "NotFound"),
    ("another method and path", {"method": "PUT", "path": "/restore"}, "NotFound"),
    ("GET of all", {"method": "GET"}, "MethodNotAllowed"),
    ("DELETE of one", {"method": "DELETE", "path": "/backups/a"}, "MethodNotAllowed"),
    ("POST to one", {"method": "POST", "path": "/backups/a"}, "MethodNotAllowed"),
    ("OPTIONS", {"method": "OPTIONS"}, "MethodNotAllowed"),
    ("HEAD", {"method": "HEAD"}, "MethodNotAllowed"),
    ("a method in small letters", {"method": "post"}, "MethodNotAllowed"),
    ("a form", {"headers": {"Content-Type": "text/plain"}}, "UnsupportedMediaType"),
    ("JSON of another kind", {"headers": {"Content-Type": "text/json"}}, "UnsupportedMediaType"),
    ("an empty type", {"headers": {"Content-Type": ""}}, "UnsupportedMediaType"),
    ("a large form", {"headers": {"Content-Type": "a/b"}, "body": b" " * 20_001},
     "UnsupportedMediaType"),
    ("a large body", {"body": b" " * 20_001}, "PayloadTooLarge"),
    ("a large body in base64", {"body": b" " * 20_001, "encoded": True}, "PayloadTooLarge"),
    ("a body of blanks", {"body": b" " * 20_000}, "InvalidRequest"),
    ("no body", {"body": None}, "InvalidRequest"),
    ("a list", {"body": b"[]"}, "InvalidRequest"),
    ("no JSON", {"body": b"{"}, "InvalidRequest"),
    ("another action", {"body": {**PAYLOAD, "action": "check"}}, "InvalidRequest"),
    ("status by POST", {"body": {**PAYLOAD, "action": "status", "backup_id": "a"}},
     "InvalidRequest"),
    ("an empty key", {"headers": {"Idempotency-Key": ""}}, "InvalidRequest"),
    ("a long key", {"headers": {"Idempotency-Key": "x" * 257}}, "InvalidRequest"),
]  # fmt: skip


@pytest.mark.parametrize("dialect", events.DIALECTS)
@pytest.mark.parametrize(
    ("differing", "name"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_requests_are_refused_in_order(
    differing: dict[str, Any], name: str, dialect: events.Dialect
) -> None:
    """401, 404, 405, 415, 413, 400: who is not known learns nothing more."""
    with pytest.raises(BackupError) as refused:
        requests_of(events.http(dialect=dialect, **differing))
    assert type(refused.value).__name__ == name


ADMITTED: list[tuple[str, dict[str, Any]]] = [
    ("plainly", {}),
    ("with a trailing slash", {"path": "/backups/"}),
    ("in base64", {"encoded": True}),
    ("with a charset", {"headers": {"content-type": "application/json; charset=utf-8"}}),
    ("with a type in capitals", {"headers": {"Content-Type": "Application/JSON"}}),
    ("with the largest body", {"body": json.dumps(PAYLOAD).encode().ljust(20_000)}),
    ("at a stage", {"stage": "v1"}),
    ("at a stage called like the path", {"stage": "backups"}),
]


@pytest.mark.parametrize("dialect", events.DIALECTS)
@pytest.mark.parametrize("differing", [row[1] for row in ADMITTED], ids=[r[0] for r in ADMITTED])
def test_requests_are_admitted(differing: dict[str, Any], dialect: events.Dialect) -> None:
    """In each dialect, with what a gateway or a client may make of them."""
    assert create_of(events.http(dialect=dialect, **differing)).instance_id


@pytest.mark.parametrize("dialect", events.DIALECTS)
def test_a_missing_content_type_is_json(dialect: events.Dialect) -> None:
    """Simple clients send none."""
    event = events.http(dialect=dialect)
    del event["headers"]["content-type"]
    event.pop("multiValueHeaders", None)
    assert create_of(event).instance_id


@pytest.mark.parametrize("dialect", events.DIALECTS)
def test_a_backup_is_asked_for_by_its_id(dialect: events.Dialect) -> None:
    """The instance stands in the query, and nothing else may."""
    instance = str(PAYLOAD["instance_id"])
    asked: dict[str, Any] = {"dialect": dialect, "method": "GET", "path": "/backups/0e1f-br14"}
    asked["body"] = None
    event = events.http(**asked, query={"instance_id": instance})
    assert requests_of(event) == [
        StatusRequest(action="status", instance_id=instance, backup_id="0e1f-br14")
    ]
    assert refusal_of(events.http(**asked)).violations[0].pointer == "/instance_id"
    more = {"instance_id": instance, "action": "verify"}
    assert "instance_id" in refusal_of(events.http(**asked, query=more)).detail


@pytest.mark.parametrize("backup_id", ["a%2Fb", "%ff", "%00", "a%20b", "ä", "a" * 65, "..", "%"])
def test_what_is_no_backup_id_is_refused(backup_id: str) -> None:
    """It would otherwise go into a URL."""
    event = events.http(
        None, method="GET", path=f"/backups/{backup_id}", query={"instance_id": "a"}
    )
    assert refusal_of(event).violations[0].pointer == "/backup_id"


@pytest.mark.parametrize(
    "authorizer",
    [
        {"iam": {"userArn": "arn:aws:iam::1:user/a"}},
        {"jwt": {"claims": {"sub": "a"}, "scopes": None}},
        {"lambda": {"team": "a"}},
        {"lambda": {"allowed": False, "other": None}},
        {"iam": None, "lambda": {"n": 0}},
    ],
)
def test_the_gateway_vouches_by_payload_2_0(authorizer: object) -> None:
    """An IAM, JWT or Lambda authorizer that says anything at all of the caller."""
    assert create_of(events.http(authorizer=authorizer)).instance_id


@pytest.mark.parametrize(
    "authorizer",
    [
        {},
        {"iam": None},
        {"iam": {}},
        {"iam": {"userArn": None, "accountId": None}},
        {"jwt": {"claims": {}, "scopes": None}},
        {"jwt": {"claims": {"sub": None}, "scopes": []}},
        {"lambda": None},
        {"lambda": {}},
        {"lambda": {"team": None}},
        {"lambda": {"team": {"deep": [None, {}]}}},
        {"other": {"userArn": "arn"}},
        {"principalId": "a"},
        "admin",
        [{"iam": {"userArn": "arn"}}],
    ],
)
def test_an_authorizer_that_says_nothing_is_none(authorizer: object) -> None:
    """The presence of a key with null in it is no identity."""
    with pytest.raises(Unauthenticated):
        requests_of(events.http(authorizer=authorizer))


@pytest.mark.parametrize(
    ("identity", "authorizer", "known"),
    [
        ({"userArn": "arn:aws:iam::1:user/a"}, None, True),
        ({"caller": "AIDA"}, None, True),
        ({}, {"claims": {"sub": "a"}}, True),
        ({}, {"principalId": "a"}, True),
        ({}, None, False),
        ({"apiKey": "not-a-real-api-key", "apiKeyId": "a"}, None, False),
        ({"sourceIp": "203.0.113.24", "userAgent": "x", "user": None}, None, False),
        ({"userArn": ""}, None, False),
        ({}, {"claims": None}, False),
        ({}, {"claims": {}}, False),
        ({}, {"principalId": None, "integrationLatency": 5}, False),
        ({}, {"lambda": {"team": "a"}}, False),
    ],
)
def test_the_gateway_vouches_by_payload_1_0(
    identity: dict[str, Any], authorizer: object, *, known: bool
) -> None:
    """An IAM caller, claims or a principal; an API key is none."""
    event = events.http(dialect="rest-api", identity={**NOBODY, **identity}, authorizer=authorizer)
    if known:
        assert create_of(event).instance_id
    else:
        with pytest.raises(Unauthenticated):
            requests_of(event)


def test_base64_that_is_broken_is_refused() -> None:
    """After the caller is known."""
    event = {**events.http(), "body": "not base64!", "isBase64Encoded": True}
    assert "base64" in refusal_of(event).detail


def test_a_body_in_base64_is_the_body() -> None:
    """Bytes that are no UTF-8 are no JSON."""
    event = {**events.http(), "body": base64.b64encode(b"\xff").decode(), "isBase64Encoded": True}
    assert refusal_of(event).detail == "the payload must be JSON"


def document(error: BackupError, name: str | None = None) -> tuple[int, dict[str, str], Any]:
    """Status, headers and body of a failure."""
    response = events.response(problem(error, "request-1", name))
    return response.status, response.headers, response.body


def test_a_failure_is_a_problem_document() -> None:
    """RFC 9457, with our own members where they are known."""
    error = InstanceBusy("a backup runs", evidence=Evidence(409, "DBS.201205", "secret", "id"))
    assert document(error, "auto-1") == (
        409,
        {"Content-Type": "application/problem+json"},
        {
            "type": "urn:gaussdb-backup:InstanceBusy",
            "title": "The instance is busy with another operation",
            "status": 409,
            "detail": "a backup runs",
            "instance": "request-1",
            "retryable": True,
            "error_code": "DBS.201205",
            "backup_name": "auto-1",
        },
    )


def test_what_is_not_known_is_left_out() -> None:
    """No member is null."""
    _, _, body = document(InstanceBusy("busy"))
    assert set(body) == {"type", "title", "status", "detail", "instance", "retryable"}


def test_broken_rules_are_listed() -> None:
    """Each with its pointer."""
    refusal = refusal_of({"instance_id": "-", "größe": 1})
    _, _, body = document(refusal)
    assert {one["pointer"] for one in body["errors"]} == {"/instance_id", "/größe"}
    assert all(set(one) == {"pointer", "detail"} for one in body["errors"])


def test_failures_say_what_http_has_a_header_for() -> None:
    """`Allow` beside 405, `Retry-After` in whole seconds, never too few."""
    _, headers, _ = document(MethodNotAllowed("takes GET", allow="GET"))
    assert headers["Allow"] == "GET"
    _, headers, _ = document(Throttled("later", retry_after=1.2))
    assert headers["Retry-After"] == "2"
    assert "Retry-After" not in document(Throttled("later"))[1]


def test_a_success_is_202_or_200() -> None:
    """Accepted now, or there before."""
    door = enter(events.http())
    created = events.response(door.answer([[DeliveryResult(REPLY)]]))
    assert (created.status, created.body) == (202, REPLY)
    assert created.headers == {"Content-Type": "application/json"}
    existing: CreateReply = {**REPLY, "outcome": "existing"}
    assert events.response(door.answer([[DeliveryResult(existing)]])).status == 200


def test_an_http_caller_waits_twenty_seconds_and_nobody_else_is_hurried() -> None:
    """The gateway gives up before Lambda does."""
    assert {max_seconds(events.http(dialect=one)) for one in events.DIALECTS} == {20.0}
    others: list[Any] = [PAYLOAD, SCHEDULED_EVENT, events.sqs({}), events.sns({}), None, []]
    for event in others:
        assert max_seconds(event) == float("inf")


@pytest.mark.parametrize("event", [events.http(), events.http(dialect="rest-api")])
def test_a_door_that_cannot_open_still_answers_in_its_way(event: Any) -> None:
    """What goes wrong before there is a delivery is told like everything else."""
    door = rejected_event(event, InstanceBusy("busy"), REQUEST_ID)
    [[delivery]] = door.groups
    assert isinstance(delivery.error, InstanceBusy)
    answered = events.response(door.answer([[DeliveryResult(delivery.error)]]))
    assert (answered.status, answered.body["instance"]) == (409, REQUEST_ID)


@pytest.mark.parametrize("event", [PAYLOAD, events.sqs({}), None, events.bus_event()])
def test_a_door_that_cannot_open_raises_where_it_has_no_envelope(event: Any) -> None:
    """So that the event is tried again or told."""
    door = rejected_event(event, InvalidRequest("no"), REQUEST_ID)
    [[delivery]] = door.groups
    assert isinstance(delivery.error, InvalidRequest)
    with pytest.raises(InvalidRequest):
        door.answer([[DeliveryResult(delivery.error)]])
