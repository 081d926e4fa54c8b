"""Derived names: frozen, for a deployment between two deliveries must not change them.

Every expected value is worked out here with `hashlib` from the identity written out in full, and
pinned besides as it was on the day when the form was frozen.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from gaussdb_backup.request import CreateRequest, canonical_json
from tests.local_cloud import events
from tests.local_cloud.local_cloud import WEBHOOK_KEY
from tests.unit.event_reading import REQUEST_ID, create_of, requests_of, webhook_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

INSTANCE = "7e01ac5ac5274957ba506f3851d11d51in14"
OTHER = "0483b6b16e954cb88930a360d2c4e663in14"
PAYLOAD = {"instance_id": INSTANCE}
SCHEDULED = "2026-01-31T20:00:00Z"
RULE = "arn:aws:events:eu-central-1:123456789012:rule/nightly"


def digits(text: str) -> str:
    """The hex digits of a name: of the text `kind LF identity LF instance_id`."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]


def http_api(request_id: str = "JKJaXmPLvHcESHA=", **differing: Any) -> dict[str, Any]:
    """A request of a known caller."""
    return events.http(PAYLOAD, request_id=request_id, **differing)


# what the identity is made of, the event, its time in the name, the name as it was frozen
FROZEN: dict[str, tuple[str, Any, str, str]] = {
    "key": (
        "key\nrelease-7\n7e01ac5ac5274957ba506f3851d11d51in14",
        {**PAYLOAD, "idempotency_key": "release-7"},
        "",
        "auto-cff037225ce9",
    ),
    "key beyond ASCII": (
        "key\nschlüssel 日本\n7e01ac5ac5274957ba506f3851d11d51in14",
        {**PAYLOAD, "idempotency_key": "schlüssel 日本"},
        "",
        "auto-c4fece2af61e",
    ),
    "key with a time": (
        "key\nrelease-7\n7e01ac5ac5274957ba506f3851d11d51in14",
        {**PAYLOAD, "idempotency_key": "release-7", "scheduled_time": SCHEDULED},
        "20260131T200000Z",
        "auto-20260131T200000Z-cff037225ce9",
    ),
    "schedule": (
        (
            "schedule\n2026-01-31T20:00:00Z\n"
            '{"instance_id":"7e01ac5ac5274957ba506f3851d11d51in14","name_prefix":"nightly"}\n'
            "7e01ac5ac5274957ba506f3851d11d51in14"
        ),
        {**PAYLOAD, "name_prefix": "nightly", "scheduled_time": SCHEDULED},
        "20260131T200000Z",
        "nightly-20260131T200000Z-dc99b0451cd7",
    ),
    "schedule in another zone, with all its fields": (
        (
            "schedule\n2026-01-31T20:00:00Z\n"
            '{"action":"create","description":"für \\\\ alle",'
            '"instance_id":"7e01ac5ac5274957ba506f3851d11d51in14"}\n'
            "7e01ac5ac5274957ba506f3851d11d51in14"
        ),
        {
            "scheduled_time": "2026-02-01T04:00:00.75+08:00",
            **PAYLOAD,
            "description": "für \\ alle",
            "name_prefix": None,
            "action": "create",
        },
        "20260131T200000Z",
        "auto-20260131T200000Z-40236396b593",
    ),
    "rule": (
        (
            "rule\narn:aws:events:eu-central-1:123456789012:rule/nightly\n2026-01-31T20:00:00Z\n"
            "7e01ac5ac5274957ba506f3851d11d51in14"
        ),
        {
            "id": "cdc73f9d-aea9-11e3-9d5a-835b769c0d9c",
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "time": SCHEDULED,
            "resources": [RULE, "arn:aws:events:eu-central-1:123456789012:rule/other"],
            "detail": {},
        },
        "20260131T200000Z",
        "auto-20260131T200000Z-08a85f5fa4bb",
    ),
    "rule that names no resource": (
        (
            "rule\ncdc73f9d-aea9-11e3-9d5a-835b769c0d9c\n2026-01-31T20:00:00+00:00\n"
            "7e01ac5ac5274957ba506f3851d11d51in14"
        ),
        {
            "id": "cdc73f9d-aea9-11e3-9d5a-835b769c0d9c",
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "time": "2026-01-31T20:00:00+00:00",
            "resources": [],
            "detail": {},
        },
        "20260131T200000Z",
        "auto-20260131T200000Z-03c5925e91ae",
    ),
    "eventbridge": (
        "eventbridge\n6a7e8feb-b491-4cf7-a9f1-bf3703467718\n7e01ac5ac5274957ba506f3851d11d51in14",
        events.bus_event(PAYLOAD, time=SCHEDULED),
        "20260131T200000Z",
        "auto-20260131T200000Z-462525c54bfa",
    ),
    "http": (
        "http\nJKJaXmPLvHcESHA=\n7e01ac5ac5274957ba506f3851d11d51in14",
        http_api(),
        "20261123T101504Z",
        "auto-20261123T101504Z-1081016a6fb8",
    ),
    "http of a REST API": (
        "http\nc6af9ac6-7b61-11e6-9a41-93e8deadbeef\n7e01ac5ac5274957ba506f3851d11d51in14",
        http_api("c6af9ac6-7b61-11e6-9a41-93e8deadbeef", dialect="rest-api"),
        "20261123T101504Z",
        "auto-20261123T101504Z-509fe125c5b6",
    ),
    "http with a key in a header": (
        "key\nrelease-7\n7e01ac5ac5274957ba506f3851d11d51in14",
        http_api(headers={"Idempotency-Key": "release-7"}),
        "",
        "auto-cff037225ce9",
    ),
    "sqs": (
        "sqs\n059f36b4-87a3-44ab-83d2-661975830a7d\n7e01ac5ac5274957ba506f3851d11d51in14",
        events.sqs(PAYLOAD, ids=["059f36b4-87a3-44ab-83d2-661975830a7d"]),
        "20261123T101504Z",
        "auto-20261123T101504Z-cb49d0e2b959",
    ),
    "sns": (
        "sns\n95df01b4-ee98-5cb9-9903-4c221d41eb5e\n7e01ac5ac5274957ba506f3851d11d51in14",
        {
            "Records": [
                {
                    "EventSource": "aws:sns",
                    "Sns": events.notification(
                        PAYLOAD, message_id="95df01b4-ee98-5cb9-9903-4c221d41eb5e"
                    ),
                }
            ]
        },
        "20261123T101504Z",
        "auto-20261123T101504Z-2610ceb027a9",
    ),
    "sns in sqs": (
        "sns\n95df01b4-ee98-5cb9-9903-4c221d41eb5e\n7e01ac5ac5274957ba506f3851d11d51in14",
        events.sqs(events.notification(PAYLOAD, message_id="95df01b4-ee98-5cb9-9903-4c221d41eb5e")),
        "20261123T101504Z",
        "auto-20261123T101504Z-2610ceb027a9",
    ),
    "eventbridge in sqs": (
        "eventbridge\n6a7e8feb-b491-4cf7-a9f1-bf3703467718\n7e01ac5ac5274957ba506f3851d11d51in14",
        events.sqs(events.bus_event(PAYLOAD, time=SCHEDULED)),
        "20260131T200000Z",
        "auto-20260131T200000Z-462525c54bfa",
    ),
    "direct": (
        "direct\n6f1c2a52-27a3-4f0f-a13a-5a5f7a1c9a01\n7e01ac5ac5274957ba506f3851d11d51in14",
        PAYLOAD,
        "",
        "auto-67f7b0c434dc",
    ),
}


@pytest.mark.parametrize(("text", "event", "time", "frozen"), FROZEN.values(), ids=FROZEN)
def test_every_kind_of_event_has_its_frozen_name(
    text: str, event: Any, time: str, frozen: str
) -> None:
    """Prefix, the event's own time where it has one that stays, and twelve digits."""
    name = create_of(event, default_payload=PAYLOAD).name
    assert name == "-".join(filter(None, [frozen.partition("-")[0], time, digits(text)]))
    assert name == frozen


def webhook(
    fields: Mapping[str, object], message_id: str = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"
) -> CreateRequest:
    """What a signed request asks for."""
    body = json.dumps({"instance_id": INSTANCE, **fields}).encode()
    headers = events.signed_headers(body, now=time.time(), message_id=message_id)
    event = events.http(body, headers=headers, known=False)
    return create_of(event, webhook_keys=webhook_keys(WEBHOOK_KEY))


def test_a_webhook_has_the_name_of_its_message() -> None:
    """`webhook-id` alone makes it, so that a replay makes nothing new; it has no time."""
    text = "webhook\nmsg_2KWPBgLlAfxdpx2AI54pPJ85f4W\n7e01ac5ac5274957ba506f3851d11d51in14"
    request = webhook({})
    assert request.name == f"auto-{digits(text)}" == "auto-6b9298433ebb"
    assert request.event_time is None


def test_a_signed_body_may_carry_a_key_of_its_own() -> None:
    """What was signed is the sender's, so its key counts and its schedule too."""
    text = f'schedule\n{SCHEDULED}\n{{"instance_id":"{INSTANCE}"}}\n{INSTANCE}'
    assert webhook({"idempotency_key": "release-7"}).name == "auto-cff037225ce9"
    assert webhook({"scheduled_time": SCHEDULED}).name == f"auto-20260131T200000Z-{digits(text)}"


def test_the_key_of_the_payload_wins_over_the_header_s() -> None:
    """The one that is nearer to the request."""
    body = {**PAYLOAD, "idempotency_key": "release-7"}
    event = events.http(body, headers={"Idempotency-Key": "another"})
    assert create_of(event).name == "auto-cff037225ce9"


@pytest.mark.parametrize(
    "event",
    [
        {"name_prefix": "nightly", "scheduled_time": SCHEDULED, "instance_id": INSTANCE},
        {"instance_id": INSTANCE, "scheduled_time": SCHEDULED, "name_prefix": "nightly"},
        {**PAYLOAD, "name_prefix": "nightly", "scheduled_time": "2026-02-01T04:00:00+08:00"},
        {**PAYLOAD, "name_prefix": "nightly", "scheduled_time": SCHEDULED, "description": None},
        {**PAYLOAD, "name_prefix": "nightly", "scheduled_time": SCHEDULED, "unknown": None},
        {**PAYLOAD, "name_prefix": "nightly", "scheduled_time": SCHEDULED, "_datadog": {"id": 1}},
    ],
)
def test_one_run_of_a_schedule_has_one_name(event: Any) -> None:
    """However the same payload is spelt."""
    text, *_, frozen = FROZEN["schedule"]
    assert create_of(event).name == f"nightly-20260131T200000Z-{digits(text)}" == frozen


def test_two_schedules_at_one_moment_make_two_backups() -> None:
    """What else the payload says belongs to the identity of a run."""
    one, other = ({**PAYLOAD, "scheduled_time": SCHEDULED, "name_prefix": p} for p in ("a", "b"))
    assert create_of(one).name[-12:] != create_of(other).name[-12:]


def test_one_event_may_back_up_several_instances() -> None:
    """The instance belongs to every name."""
    names = {
        create_of({"instance_id": one, "idempotency_key": "k"}).name for one in (INSTANCE, OTHER)
    }
    assert len(names) == 2


def test_two_sorts_of_identity_never_meet() -> None:
    """A key that looks like an event's ID does not make that event's name."""
    as_key = create_of({**PAYLOAD, "idempotency_key": REQUEST_ID})
    assert as_key.name != create_of(PAYLOAD).name


def test_the_longest_prefix_leaves_room_for_the_rest() -> None:
    """34 + 1 + 16 + 1 + 12 are the 64 characters that the service allows."""
    event = {**PAYLOAD, "scheduled_time": SCHEDULED, "name_prefix": "a" * 34}
    assert len(create_of(event).name) == 64


def test_the_time_of_a_name_is_that_of_the_event() -> None:
    """`event_time` tells an explicit name's owner later on; a direct call has none that stays."""
    assert [
        request.event_time for request in requests_of(PAYLOAD) if isinstance(request, CreateRequest)
    ] == [None]
    stamped = create_of(events.bus_event(PAYLOAD, time="2026-02-01T04:00:00+08:00"))
    assert stamped.event_time is not None
    assert stamped.event_time.isoformat() == "2026-01-31T20:00:00+00:00"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({}, "{}"),
        ({"b": 1, "a": "ä"}, '{"a":"ä","b":1}'),
        ({"b": "\u2028"}, '{"b":"\u2028"}'),
        ({"é": 1, "e": 2, "Z": 3}, '{"Z":3,"e":2,"é":1}'),
        ({"a": 'q"\\\n'}, '{"a":"q\\"\\\\\\n"}'),
    ],
)
def test_canonical_json_has_one_spelling(value: dict[str, JsonValue], text: str) -> None:
    """Keys sorted, no blanks, no ASCII escapes, nothing filled in."""
    assert canonical_json(value) == text
