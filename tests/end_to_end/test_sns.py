"""SNS: every record is tried, and a failure is raised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.local_cloud.events import PAYLOAD, sns

if TYPE_CHECKING:
    from tests.local_cloud.harness import Harness

UNKNOWN = {"instance_id": "0" * 32 + "in14"}


pytestmark = pytest.mark.usefixtures("backups_complete_at_once")


def test_all_replies_come_in_the_order_of_the_records(harness: Harness) -> None:
    """One reply per notification, the same as for a direct call."""
    prefixes = ["first", "second", "third"]
    invocation = harness.invoke(sns(*[{**PAYLOAD, "name_prefix": prefix} for prefix in prefixes]))
    assert set(invocation.reply) == {"replies"}
    names = [reply["backup"]["name"] for reply in invocation.reply["replies"]]
    assert [name.split("-")[0] for name in names] == prefixes
    jobs = {backup.name: backup.job_id for backup in harness.emulator.backups}
    assert {r["backup"]["name"]: r["job_id"] for r in invocation.reply["replies"]} == jobs


def test_a_failure_is_raised_once_all_records_were_tried(harness: Harness) -> None:
    """The records behind a failing one have their backups before Lambda sees the error."""
    invocation = harness.invoke(sns(UNKNOWN, PAYLOAD, {"instance_id": "!"}, PAYLOAD))
    assert invocation.error_name == "InstanceNotFound"
    assert len(harness.emulator.backups) == 2
    assert [record["message"] for record in by_notification(invocation.records)] == [
        "backup failed",
        "backup accepted",
        "backup failed",
        "backup accepted",
    ]


def test_lambdas_retry_finds_the_backups_of_the_first_try(harness: Harness) -> None:
    """`MessageId` and `Timestamp` identify a notification."""
    event = sns(PAYLOAD, UNKNOWN)
    harness.invoke(event, request_id="one")
    invocation = harness.invoke(event, request_id="one")
    assert invocation.error_name == "InstanceNotFound"
    assert harness.backup().name.startswith("auto-20261123T101504Z-")
    assert by_notification(invocation.records)[0]["outcome"] == "existing"


@pytest.mark.parametrize("message", ["", "no JSON", "[]", "null", '"text"', '{"colour": 1}'])
def test_a_message_that_is_no_payload_is_rejected(harness: Harness, message: str) -> None:
    """The error names the problem, and no request reaches the service."""
    invocation = harness.invoke(sns(message))
    assert invocation.error_name == "InvalidRequest"
    assert harness.emulator.calls == []


@pytest.mark.parametrize("missing", ["MessageId", "Timestamp", "Message"])
def test_a_notification_without_an_identity_is_rejected(harness: Harness, missing: str) -> None:
    """Without it the name would differ on the next delivery."""
    event = sns(PAYLOAD)
    del event["Records"][0]["Sns"][missing]
    invocation = harness.invoke(event)
    assert invocation.error_name == "InvalidRequest"
    assert harness.emulator.calls == []


def test_the_log_names_the_notification(harness: Harness) -> None:
    """By trigger and `MessageId`."""
    invocation = harness.invoke(sns(PAYLOAD))
    assert invocation.record["trigger"] == "sns"
    assert invocation.record["correlation_id"] == "notification-0"


def by_notification(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Log lines in the order of the records, which are processed concurrently."""
    return sorted(records, key=lambda record: str(record["correlation_id"]))
