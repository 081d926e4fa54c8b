"""Schedules, event buses, Step Functions, direct calls: a reply, or an error by its class name."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest

from tests.local_cloud.events import PAYLOAD, bus_event, http, sample, sns, sqs
from tests.local_cloud.harness import Harness
from tests.local_cloud.local_cloud import INSTANCE_ID

ELSEWHERE = "0" * 32 + "in14"
RULE = "arn:aws:events:eu-central-1:123456789012:rule/gaussdb-backup-nightly"


pytestmark = pytest.mark.usefixtures("backups_complete_at_once")


def twelve(kind: str, *identity: str) -> str:
    """The 12 hex digits of a derived name, computed without the function's code."""
    text = "\n".join([kind, *identity, INSTANCE_ID])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def test_the_reply_is_a_plain_object(harness: Harness) -> None:
    """The reply has the outcome, the job ID and the backup, and nothing else."""
    invocation = harness.invoke(PAYLOAD, request_id="one")
    made = harness.backup()
    assert invocation.reply == {
        "outcome": "created",
        "job_id": made.job_id,
        "backup": {
            "id": made.id,
            "name": f"auto-{twelve('direct', 'one')}",
            "description": None,
            "begin_time": invocation.reply["backup"]["begin_time"],
            "status": "BUILDING",
            "type": "manual",
            "instance_id": INSTANCE_ID,
        },
    }
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT[\d:]{8}[+]0800", invocation.reply["backup"]["begin_time"]
    )


def test_lambdas_own_retry_is_the_same_event(harness: Harness) -> None:
    """A retry keeps the request ID and so the name; a new invocation is a new event."""
    first = harness.invoke(PAYLOAD, request_id="one")
    again = harness.invoke(PAYLOAD, request_id="one")
    other = harness.invoke(PAYLOAD, request_id="two")
    assert again.reply["outcome"] == "existing"
    assert again.reply["job_id"] == first.reply["job_id"]
    assert other.reply["outcome"] == "created"
    assert len(harness.emulator.backups) == 2


def test_a_callers_key_makes_two_invocations_one_event(harness: Harness) -> None:
    """Such as the name of a Step Functions execution."""
    payload = {**PAYLOAD, "idempotency_key": "execution-4711"}
    harness.invoke(payload)
    invocation = harness.invoke(payload)
    assert invocation.reply["outcome"] == "existing"
    assert harness.backup().name == f"auto-{twelve('key', 'execution-4711')}"


@pytest.mark.parametrize(
    ("event", "name", "trigger", "correlation_id"),
    [
        (
            sample("schedule"),
            "nightly-20261123T213000Z-"
            + twelve(
                "schedule",
                "2026-11-23T21:30:00Z",
                '{"description":"Nightly backup by the schedule",'
                f'"instance_id":"{INSTANCE_ID}","name_prefix":"nightly"}}',
            ),
            "schedule",
            "2026-11-23T21:30:00Z",
        ),
        (
            {**PAYLOAD, "scheduled_time": "2026-11-24T05:30:00.9+08:00", "name": None},
            "auto-20261123T213000Z-"
            + twelve("schedule", "2026-11-23T21:30:00Z", f'{{"instance_id":"{INSTANCE_ID}"}}'),
            "schedule",
            "2026-11-23T21:30:00Z",
        ),
        (
            sample("scheduled-event"),
            f"auto-20261123T213000Z-{twelve('rule', RULE, '2026-11-23T21:30:00Z')}",
            "schedule",
            "2026-11-23T21:30:00Z",
        ),
        (
            {**sample("scheduled-event"), "resources": [], "source": "aws.scheduler"},
            "auto-20261123T213000Z-"
            + twelve("rule", "89d1a02d-5ec7-412e-82f5-13505f849b41", "2026-11-23T21:30:00Z"),
            "schedule",
            "2026-11-23T21:30:00Z",
        ),
        (
            bus_event(),
            "auto-20261123T101504Z-"
            + twelve("eventbridge", "6a7e8feb-b491-4cf7-a9f1-bf3703467718"),
            "eventbridge",
            "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        ),
        (
            bus_event({**PAYLOAD, "idempotency_key": "release-48"}),
            f"auto-{twelve('key', 'release-48')}",
            "eventbridge",
            "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        ),
        (
            {**PAYLOAD, "idempotency_key": "key", "scheduled_time": "2026-11-23T21:30:00Z"},
            f"auto-20261123T213000Z-{twelve('key', 'key')}",
            "schedule",
            "2026-11-23T21:30:00Z",
        ),
    ],
    ids=[
        "Scheduler with input",
        "time in another zone",
        "Scheduled Event",
        "Scheduled Event without resources",
        "EventBridge",
        "EventBridge with a key",
        "key and time",
    ],
)
def test_the_name_is_derived_from_the_event(
    harness: Harness, event: Any, name: str, trigger: str, correlation_id: str
) -> None:
    """Every delivery of an event asks for the same name, whose form is frozen."""
    invocation = harness.invoke(event)
    again = harness.invoke(event)
    assert invocation.reply["backup"]["name"] == again.reply["backup"]["name"] == name
    assert [invocation.reply["outcome"], again.reply["outcome"]] == ["created", "existing"]
    assert invocation.record["trigger"] == trigger
    assert invocation.record["correlation_id"] == correlation_id


def test_a_scheduled_event_needs_the_default_payload() -> None:
    """If the variable is not set, the error says so."""
    with Harness(DEFAULT_PAYLOAD="") as harness:
        invocation = harness.invoke(sample("scheduled-event"))
    assert invocation.error_name == "InvalidRequest"
    assert "DEFAULT_PAYLOAD" in str(invocation.error)


def test_a_schedule_may_not_fix_the_name(harness: Harness) -> None:
    """The second night would find the name taken."""
    event = {**PAYLOAD, "scheduled_time": "2026-11-23T21:30:00Z", "name": "nightly"}
    invocation = harness.invoke(event)
    assert invocation.error_name == "InvalidRequest"
    assert "/name " in str(invocation.error)
    assert harness.emulator.calls == []


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({}, "InvalidRequest"),
        ({**PAYLOAD, "colour": "blue"}, "InvalidRequest"),
        (bus_event({"instance_id": ELSEWHERE}), "InstanceNotFound"),
        ({"instance_id": ELSEWHERE}, "InstanceNotFound"),
        ({**PAYLOAD, "action": "verify", "max_age_hours": 24}, "BackupStale"),
        ({**PAYLOAD, "action": "status", "name": "unknown"}, "BackupNotFound"),
    ],
)
def test_a_failure_is_raised_with_its_class_name_and_one_line(
    harness: Harness, event: object, error: str
) -> None:
    """Step Functions matches the class name and shows the message."""
    invocation = harness.invoke(event)
    assert invocation.error_name == error
    assert str(invocation.error)
    assert len(str(invocation.error).splitlines()) == 1
    assert invocation.record["message"] == "backup failed"
    assert invocation.record["error"] == error


@pytest.mark.parametrize(
    ("asked", "action"),
    [
        ({}, "create"),
        ({"action": "create"}, "create"),
        ({"action": "unknown"}, "create"),
        ({"action": "status", "name": "unknown"}, "status"),
        ({"action": "check"}, "check"),
        ({"action": "verify", "max_age_hours": 24}, "verify"),
    ],
)
def test_a_failure_is_logged_with_its_action(
    harness: Harness, asked: dict[str, object], action: str
) -> None:
    """The alarm for failed backups filters by this field."""
    invocation = harness.invoke({"instance_id": ELSEWHERE, **asked})
    assert invocation.record["message"] == "backup failed"
    assert invocation.record["action"] == action


@pytest.mark.parametrize("source", [dict, bus_event, http, sqs, sns])
@pytest.mark.parametrize("action", ["create", "status", "check", "verify", "prune", "delete"])
def test_an_invalid_payload_is_logged_with_its_instance(
    harness: Harness, source: Any, action: str
) -> None:
    """Unless the instance ID itself is invalid."""
    refused = {"instance_id": INSTANCE_ID, "action": action, "no_such_field": 1}
    record = harness.invoke(source(refused)).record
    assert record["error"] == "InvalidRequest"
    assert record["instance_id"] == INSTANCE_ID
    for wrong in ("a b", "a" * 65, "", 5, ["a"], "a\n", "\u00e4"):
        record = harness.invoke(source({**refused, "instance_id": wrong})).record
        assert "instance_id" not in record


def test_all_broken_rules_are_reported_together(harness: Harness) -> None:
    """A payload can then be corrected in one step."""
    payload = {
        "instance_id": "!",
        "name": "a",
        "description": "<",
        "colour": 1,
        "idempotency_key": "",
    }
    message = str(harness.invoke(payload).error)
    for field in payload:
        assert f"/{field} " in message


@pytest.mark.parametrize(
    "event",
    [
        None,
        True,
        0,
        "text",
        [],
        [1, 2],
        [{"eventSource": "aws:kinesis"}],
        [*sqs(PAYLOAD)["Records"], {"eventSource": "aws:kinesis"}],
        {"Records": None},
        {"Records": []},
        {"Records": [{"eventSource": "aws:kinesis", "kinesis": {}}]},
        {"Records": [*sqs(PAYLOAD)["Records"], *sns(PAYLOAD)["Records"]]},
        {"Records": [{"EventSource": "aws:s3"}], **PAYLOAD},
        sns(PAYLOAD)["Records"],
        {"requestContext": {}, **PAYLOAD},
        {"requestContext": {"connectionId": "a websocket's"}, **PAYLOAD},
        {"requestContext": {"http": None}},
        {"httpMethod": None, **PAYLOAD},
        {"httpMethod": 1},
        {"detail-type": None, "detail": PAYLOAD},
        {"detail-type": "", "detail": PAYLOAD, "id": "one"},
        {"detail-type": "Backup Requested", "detail": PAYLOAD},
        {"detail-type": "Backup Requested", "id": "one"},
        {"detail-type": "Backup Requested", "id": 1, "detail": PAYLOAD},
        bus_event(time="yesterday"),
        {**sample("scheduled-event"), "time": None},
        {**sample("scheduled-event"), "time": "noon"},
        {**sample("scheduled-event"), "resources": [], "id": None},
    ],
    ids=lambda event: repr(event)[:60],
)
def test_the_error_for_an_unsupported_event_lists_the_supported_ones(
    harness: Harness, event: object
) -> None:
    """No request reaches the cloud."""
    invocation = harness.invoke(event)
    assert invocation.error_name == "InvalidRequest"
    for understood in ("instance_id", "Scheduled Event", "EventBridge", "httpMethod", "SQS", "SNS"):
        assert understood in str(invocation.error)
    assert harness.emulator.calls == []
    assert harness.cloud.secrets.reads == []


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"action": "status", "name": "nightly"},
        {"action": "check"},
        {"action": "verify", "max_age_hours": 1},
    ],
)
def test_an_instance_that_is_not_allowed_is_denied_before_any_call(
    payload: dict[str, object],
) -> None:
    """For every action."""
    with Harness(ALLOWED_INSTANCES=f" {INSTANCE_ID} , another1in14") as harness:
        invocation = harness.invoke({**payload, "instance_id": ELSEWHERE})
        assert invocation.error_name == "PermissionDenied"
        assert harness.emulator.calls == []
        assert harness.cloud.secrets.reads == []
        assert harness.invoke(PAYLOAD).reply["outcome"] == "created"


@pytest.mark.parametrize(
    "event",
    [
        bus_event({"instance_id": ELSEWHERE}),
        http({"instance_id": ELSEWHERE}),
        sqs({"instance_id": ELSEWHERE}),
        sns({"instance_id": ELSEWHERE}),
        {"instance_id": ELSEWHERE, "scheduled_time": "2026-11-23T21:30:00Z"},
    ],
    ids=["EventBridge", "HTTP", "SQS", "SNS", "Scheduler"],
)
def test_an_instance_that_is_not_allowed_is_denied_for_every_source(event: object) -> None:
    """`ALLOWED_INSTANCES` applies to all event sources."""
    with Harness(ALLOWED_INSTANCES=INSTANCE_ID) as harness:
        invocation = harness.invoke(event)
        assert invocation.record["error"] == "PermissionDenied"
        assert invocation.record["message"] == "backup failed"
        assert harness.emulator.calls == []
