"""SQS: a message is delivered again until it has its backup, and no other message is."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.local_cloud.emulator import Fault
from tests.local_cloud.events import PAYLOAD, bus_event, notification, sample, sqs
from tests.local_cloud.harness import Harness
from tests.local_cloud.local_cloud import INSTANCE_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

UNKNOWN = {"instance_id": "0" * 32 + "in14"}
FIFO = "backup-requests.fifo"


pytestmark = pytest.mark.usefixtures("backups_complete_at_once")


def failed(reply: Any) -> list[str]:
    """The message IDs that a reply reports as failed; the reply has nothing else."""
    assert set(reply) == {"batchItemFailures"}
    assert all(set(one) == {"itemIdentifier"} for one in reply["batchItemFailures"])
    return [one["itemIdentifier"] for one in reply["batchItemFailures"]]


def test_a_batch_without_failures_reports_none(harness: Harness) -> None:
    """SQS may delete all messages."""
    invocation = harness.invoke(sqs(PAYLOAD, PAYLOAD, PAYLOAD))
    assert failed(invocation.reply) == []
    assert len(harness.emulator.backups) == 3


def test_only_failed_messages_are_reported(harness: Harness) -> None:
    """In the order of the batch."""
    invocation = harness.invoke(sqs(UNKNOWN, PAYLOAD, "not JSON", PAYLOAD, {"name": "a"}))
    assert failed(invocation.reply) == ["message-0", "message-2", "message-4"]
    assert len(harness.emulator.backups) == 2


def test_a_batch_that_failed_completely_is_a_list_too(harness: Harness) -> None:
    """An exception would return the whole batch and put a traceback into the log."""
    invocation = harness.invoke(sqs(UNKNOWN, "", "[]", "null"))
    assert failed(invocation.reply) == ["message-0", "message-1", "message-2", "message-3"]
    assert harness.emulator.backups == []
    assert not any("exception" in record for record in invocation.records)


def test_a_single_message_that_failed_is_a_list_too(harness: Harness) -> None:
    """With batches of one, every failure is the whole batch."""
    assert failed(harness.invoke(sqs(UNKNOWN)).reply) == ["message-0"]


def test_every_message_has_its_own_log_line(harness: Harness) -> None:
    """With its message ID, for success and failure."""
    invocation = harness.invoke(sqs(PAYLOAD, UNKNOWN, PAYLOAD))
    lines = {record["correlation_id"]: record["message"] for record in invocation.records}
    assert lines == {
        "message-0": "backup accepted",
        "message-1": "backup failed",
        "message-2": "backup accepted",
    }
    assert {record["trigger"] for record in invocation.records} == {"sqs"}


def test_a_redelivered_message_makes_no_second_backup(harness: Harness) -> None:
    """The message ID and the time of sending are its identity, in any batch."""
    first = harness.invoke(sqs(PAYLOAD, UNKNOWN, ids=["one", "two"]))
    again = sqs(PAYLOAD, UNKNOWN, ids=["one", "two"])
    again["Records"].reverse()
    second = harness.invoke(again)
    assert failed(first.reply) == failed(second.reply) == ["two"]
    assert len(harness.emulator.backups) == 1
    accepted = [one for one in second.records if one["message"] == "backup accepted"]
    assert [record["outcome"] for record in accepted] == ["existing"]
    assert harness.backup().name.startswith("auto-20261123T101504Z-")


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (PAYLOAD, "auto-20261123T101504Z-"),
        (notification({**PAYLOAD, "name_prefix": "by-topic"}), "by-topic-20261123T101504Z-"),
        (bus_event({**PAYLOAD, "name_prefix": "by-bus"}), "by-bus-20261123T101504Z-"),
        (sample("scheduled-event"), "auto-20261123T213000Z-"),
        ({**PAYLOAD, "name": "by-hand"}, "by-hand"),
    ],
    ids=["payload", "SNS", "EventBridge", "Scheduled Event", "explicit name"],
)
def test_a_body_is_a_payload_or_wraps_one(harness: Harness, body: object, name: str) -> None:
    """The payload is found in each kind of envelope; the log has the queue's message ID."""
    invocation = harness.invoke(sqs(body))
    assert failed(invocation.reply) == []
    assert harness.backup().name.startswith(name)
    assert invocation.record["trigger"] == "sqs"
    assert invocation.record["correlation_id"] == "message-0"


@pytest.mark.parametrize(
    "body",
    [notification(PAYLOAD), bus_event(), sample("scheduled-event")],
    ids=["SNS", "EventBridge", "Scheduled Event"],
)
def test_an_inner_event_has_its_own_identity(harness: Harness, body: object) -> None:
    """Two messages with the same inner event are one event."""
    harness.invoke(sqs(body, ids=["one"]))
    invocation = harness.invoke(sqs(body, ids=["two"]))
    assert invocation.record["outcome"] == "existing"
    assert len(harness.emulator.backups) == 1


def test_pipes_send_the_bare_list(harness: Harness) -> None:
    """EventBridge Pipes sends no `Records`, and reads the same reply."""
    records = sqs(PAYLOAD, UNKNOWN)["Records"]
    assert failed(harness.invoke(records).reply) == ["message-1"]
    again = harness.invoke({"Records": records[:1]})
    assert again.record["outcome"] == "existing"


def test_a_fifo_group_stops_at_its_first_failure(harness: Harness) -> None:
    """The rest of the group is reported too; other groups go on."""
    bodies = [PAYLOAD, UNKNOWN, PAYLOAD, PAYLOAD, PAYLOAD]
    groups = ["a", "a", "b", "a", "b"]
    invocation = harness.invoke(sqs(*bodies, queue=FIFO, groups=groups))
    assert failed(invocation.reply) == ["message-1", "message-3"]
    tried = {record["correlation_id"] for record in invocation.records}
    assert tried == {"message-0", "message-1", "message-2", "message-4"}
    assert len(harness.emulator.backups) == 3


def test_a_fifo_group_keeps_its_order(harness: Harness) -> None:
    """One message after the other, even if the first is slow."""
    harness.emulator.faults.add(Fault(operation="CreateManualBackup", kind="slow", seconds=0.2))
    bodies = [{**PAYLOAD, "name": f"number-{number}"} for number in range(3)]
    harness.invoke(sqs(*bodies, queue=FIFO, groups=["a", "a", "a"]))
    assert [one.name for one in harness.emulator.backups] == ["number-0", "number-1", "number-2"]


def test_a_group_of_a_standard_queue_does_not_stop(harness: Harness) -> None:
    """A group ID is only a fairness hint there."""
    invocation = harness.invoke(sqs(UNKNOWN, PAYLOAD, groups=["a", "a"]))
    assert failed(invocation.reply) == ["message-0"]


class Gate(ThreadingHTTPServer):
    """A proxy that holds requests back until a number of them has arrived."""

    def __init__(self, expected: int) -> None:
        super().__init__(("127.0.0.1", 0), _Passer)
        self.barrier = threading.Barrier(expected, timeout=10)
        self.leads_to = ""


class _Passer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gate

    def do_POST(self) -> None:
        self.server.barrier.wait()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        url = self.server.leads_to + self.path
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(url, data=body, headers=dict(self.headers), timeout=5)
        self.send_response(answer.status_code)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


@contextmanager
def gate(expected: int) -> Iterator[Gate]:
    """A running proxy, for the length of a block."""
    with Gate(expected) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_ten_messages_take_little_longer_than_one() -> None:
    """All ten requests are sent before the first response arrives."""
    with (
        gate(10) as way,
        Harness(GAUSSDB_ENDPOINT=f"http://127.0.0.1:{way.server_port}") as harness,
    ):
        harness.emulator.backup_seconds = 0
        way.leads_to = harness.emulator.gaussdb_endpoint
        invocation = harness.invoke(sqs(*[PAYLOAD] * 10))
        assert not way.barrier.broken
        assert len(harness.emulator.calls_of("CreateManualBackup")) == 10
        assert failed(invocation.reply) == []


def test_ten_messages_share_one_log_in(harness: Harness) -> None:
    """One of them logs in for all."""
    harness.invoke(sqs(*[PAYLOAD] * 10))
    assert len(harness.emulator.calls_of("CreateToken")) == 1
    assert len(harness.cloud.secrets.reads) == 1
    assert len(harness.emulator.backups) == 10


def test_a_message_without_an_id_fails_the_batch(harness: Harness) -> None:
    """Its failure cannot be reported, and SQS would treat a partial report as success."""
    batch = sqs(PAYLOAD, PAYLOAD)
    del batch["Records"][1]["messageId"]
    invocation = harness.invoke(batch)
    assert invocation.error_name == "InvalidRequest"
    assert invocation.calls == []


def test_metrics_count_every_message(harness: Harness) -> None:
    """Three messages count as three, in one EMF object."""
    invocation = harness.invoke(sqs(PAYLOAD, UNKNOWN, PAYLOAD))
    [blob] = invocation.metrics
    assert blob["BackupAccepted"] == [1, 1]
    assert blob["BackupFailed"] == [1]
    assert len(blob["ApiLatency"]) == 3
    assert json.dumps(blob).count(INSTANCE_ID) == 0


@pytest.mark.parametrize("count", ["1", "2", "10", 1])
def test_the_log_shows_how_often_a_message_was_received(harness: Harness, count: str | int) -> None:
    """So that an alarm rings for the first delivery, and not again for each repetition."""
    bodies = ["not JSON", UNKNOWN, notification(UNKNOWN), bus_event(UNKNOWN), PAYLOAD]
    event = sqs(*bodies)
    for record in event["Records"]:
        record["attributes"]["ApproximateReceiveCount"] = count
    records = harness.invoke(event).records
    assert [record["receive_count"] for record in records] == [int(count)] * len(bodies)


@pytest.mark.parametrize("count", [None, "", "many", "-1", "1.5", 1.5, -1, [], {}, True, "9" * 100])
def test_an_unreadable_count_is_left_out(harness: Harness, count: object) -> None:
    """It is none of the message's own."""
    event = sqs(PAYLOAD)
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = count
    assert "receive_count" not in harness.invoke(event).record
