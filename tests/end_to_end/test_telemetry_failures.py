"""Nothing that runs after the outcome is known changes it: not metrics, logs or the response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gaussdb_backup.event_sources.direct import Direct
from gaussdb_backup.event_sources.http import Http
from gaussdb_backup.event_sources.sqs import Sqs
from gaussdb_backup.telemetry import Telemetry
from tests.local_cloud.events import PAYLOAD, http, response, sqs
from tests.local_cloud.harness import Harness, Invocation

if TYPE_CHECKING:
    from collections.abc import Iterator

UNKNOWN = {"instance_id": "0" * 32 + "in14"}
FAILED = "telemetry failed"


@pytest.fixture
def harness() -> Iterator[Harness]:
    """The function beside a cloud of its own, whose backups are complete at once."""
    with Harness() as harness:
        harness.emulator.backup_seconds = 0
        yield harness


def fail(*_: Any, **__: Any) -> None:
    """What nobody expects, with a message that must not be shown."""
    raise ValueError("secret detail")


def telemetry_failures(invocation: Invocation) -> list[dict[str, Any]]:
    """The log lines about it."""
    found = [line for line in invocation.records if line["message"] == FAILED]
    assert all(line["level"] == "ERROR" for line in found)
    assert "secret detail" not in str(invocation.records)
    return found


@pytest.mark.parametrize("value", ["", "perhaps"])
def test_an_accepted_backup_stays_accepted_if_metrics_cannot_be_written(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """Powertools raises when it writes metrics while this is malformed."""
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", value)
    for _ in range(3):
        invocation = harness.invoke(PAYLOAD)
        assert invocation.reply["outcome"] == "created"
        assert len(telemetry_failures(invocation)) == 1
        assert "backup accepted" in [line["message"] for line in invocation.records]
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED")
    invocation = harness.invoke(PAYLOAD)
    assert telemetry_failures(invocation) == []
    [accepted] = [metric for metric in invocation.metrics if "BackupAccepted" in metric]
    assert accepted["BackupAccepted"] == [1.0]


def test_a_failed_backup_stays_the_failure_that_it_is(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its error is not replaced by that of the metrics."""
    monkeypatch.setattr(Telemetry, "flush", fail)
    invocation = harness.invoke(UNKNOWN)
    assert invocation.error_name == "InstanceNotFound"
    assert len(telemetry_failures(invocation)) == 1


@pytest.mark.parametrize("method", ["log_success", "log_failure", "flush"])
def test_every_message_of_a_batch_keeps_its_outcome(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Whichever part of the telemetry fails."""
    monkeypatch.setattr(Telemetry, method, fail)
    invocation = harness.invoke(sqs(PAYLOAD, UNKNOWN))
    assert invocation.reply == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    assert len(telemetry_failures(invocation)) == 1


def test_not_even_a_log_that_cannot_be_written_changes_the_outcome(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then there is no line at all, but the reply."""
    monkeypatch.setattr(Telemetry, "log", fail)
    invocation = harness.invoke(PAYLOAD)
    assert invocation.reply["outcome"] == "created"


@pytest.mark.parametrize("source", [Direct, Http])
def test_a_response_that_cannot_be_shaped_is_the_reply_itself(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, source: type[Any]
) -> None:
    """The backup was accepted, and its caller learns that."""
    monkeypatch.setattr(source, "response", fail)
    invocation = harness.invoke(PAYLOAD if source is Direct else http())
    assert invocation.reply["outcome"] == "created"
    assert len(telemetry_failures(invocation)) == 1


def test_a_batch_whose_response_cannot_be_shaped_still_raises_its_failure(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no message is forgotten; those that have their backup find it again."""
    monkeypatch.setattr(Sqs, "response", fail)
    invocation = harness.invoke(sqs(PAYLOAD, UNKNOWN))
    assert invocation.error_name == "InstanceNotFound"
    assert len(telemetry_failures(invocation)) == 1


def test_hidden_output_is_told_once_per_environment() -> None:
    """At cold start, whatever the level."""
    with Harness(AWS_LAMBDA_LOG_LEVEL="ERROR", POWERTOOLS_METRICS_DISABLED="true") as harness:
        first, second = (harness.invoke(PAYLOAD) for _ in range(2))
        [warning] = [line for line in first.records if line["message"] == "output is hidden"]
        assert warning["level"] == "WARNING"
        assert "AWS_LAMBDA_LOG_LEVEL" in warning["detail"]
        assert "POWERTOOLS_METRICS_DISABLED" in warning["detail"]
        assert not [line for line in second.records if line["message"] == "output is hidden"]


def test_a_request_over_http_keeps_its_response(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused ones too."""
    monkeypatch.setattr(Telemetry, "log_refusal", fail)
    invocation = harness.invoke(http(known=False))
    assert response(invocation.reply).status == 401
    assert len(telemetry_failures(invocation)) == 1
