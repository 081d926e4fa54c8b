"""Whoever may ask for a backup may not spend the night's name days ahead.

The night would answer `existing`, count as accepted, and there would be no backup. Whatever is
tried, the night has its backup or is loud: `NameTaken`, which the alarm on failed backups counts.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.local_cloud.emulator import Fault
from tests.local_cloud.events import PAYLOAD, bus_event, http, sample, sns, sqs
from tests.local_cloud.harness import Harness
from tests.local_cloud.local_cloud import INSTANCE_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

NIGHT: Final = datetime(2026, 11, 23, 10, 15, 4, tzinfo=UTC)
TIME: Final = f"{NIGHT:%Y-%m-%dT%H:%M:%SZ}"
KEY: Final = {"idempotency_key": f"a-key-that-is-known-{TIME}", "scheduled_time": TIME}

# every event whose identity has the night's time
NIGHTS: Final[Mapping[str, Any]] = {
    "rule": {**sample("scheduled-event"), "time": TIME},
    "scheduler": {**PAYLOAD, "scheduled_time": TIME},
    "key": {**PAYLOAD, **KEY},
    "bus": bus_event(time=TIME),
    "http": http(request_id="one"),
    "http with a key": http({**PAYLOAD, **KEY}),
    "sqs": sqs(PAYLOAD),
    "sns": sns(PAYLOAD),
}
EVENT_SOURCES: Final[Mapping[str, Callable[[dict[str, object]], Any]]] = {
    "direct": dict,
    "bus": lambda payload: bus_event(payload, time="2026-11-20T10:00:00Z"),
    "http": http,
    "sqs": sqs,
    "sns": sns,
}


@pytest.fixture
def harness() -> Iterator[Harness]:
    """The function beside a cloud of its own, whose backups are complete at once."""
    with Harness() as harness:
        harness.emulator.backup_seconds = 0
        yield harness


def name_of(event: Any) -> str:
    """The name under which an event asks for its backup, as a function elsewhere tells it."""
    with Harness() as elsewhere:
        elsewhere.time.set(NIGHT + timedelta(minutes=1))
        refusal = Fault(operation="CreateManualBackup", error_code="DBS.280404")
        elsewhere.emulator.faults.script([refusal])
        return str(elsewhere.invoke(event).record["backup_name"])


@pytest.mark.parametrize("night", ["rule", "scheduler", "key"])
@pytest.mark.parametrize("attack", ["explicit name", "scheduled time", "known key"])
@pytest.mark.parametrize("source", EVENT_SOURCES)
def test_the_nights_name_cannot_be_asked_for_ahead(
    harness: Harness, source: str, attack: str, night: str
) -> None:
    """The request is refused, and the night has its backup."""
    event = NIGHTS[night]
    payload: dict[str, dict[str, object]] = {
        "explicit name": {**PAYLOAD, "name": name_of(event)},
        "scheduled time": {**PAYLOAD, "scheduled_time": TIME},
        "known key": {**PAYLOAD, **KEY},
    }
    harness.time.set(NIGHT - timedelta(days=3))
    ahead = EVENT_SOURCES[source](payload[attack])
    if source in {"sqs", "sns"}:
        ahead = _sent(ahead, NIGHT - timedelta(days=3))
    assert harness.invoke(ahead).record["error"] == "InvalidRequest"
    assert harness.emulator.backups == []
    harness.time.set(NIGHT + timedelta(minutes=1))
    assert harness.invoke(event).reply["outcome"] == "created"


@pytest.mark.parametrize("status", ["COMPLETED", "BUILDING", "FAILED"])
@pytest.mark.parametrize("night", NIGHTS)
def test_a_backup_made_ahead_under_the_nights_name_is_loud(
    harness: Harness, night: str, status: Any
) -> None:
    """Somebody made it without the function: the night does not call it its own."""
    event = NIGHTS[night]
    harness.time.set(NIGHT + timedelta(minutes=1))
    began = NIGHT - timedelta(days=3)
    harness.emulator.add_backup(
        name_of(event), instance_id=INSTANCE_ID, begin_time=began, status=status
    )
    invocation = harness.invoke(event)
    record = invocation.record
    assert (record["level"], record["message"]) == ("ERROR", "backup failed")
    assert record["error"] == "NameTaken"
    metrics = {name for blob in invocation.metrics for name in blob}
    assert "BackupFailed" in metrics
    assert "BackupAccepted" not in metrics


def _sent(event: Any, time: datetime) -> Any:
    """The same messages or notifications, sent at this time."""
    for record in event["Records"]:
        if "Sns" in record:
            record["Sns"]["Timestamp"] = f"{time:%Y-%m-%dT%H:%M:%SZ}"
        else:
            record["attributes"]["SentTimestamp"] = str(int(time.timestamp() * 1000))
    return event
