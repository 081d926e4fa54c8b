"""A create whose event is from the future is refused, from every event source.

Whoever could ask ahead could take the name of tonight's backup, which would then not be made.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gaussdb_backup.timestamps import format_utc
from tests.local_cloud import events
from tests.local_cloud.events import PAYLOAD
from tests.unit.event_reading import create_of, refusal_of, requests_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULE = "arn:aws:events:eu-central-1:123456789012:rule/nightly"


def bus_event(time: datetime, **differing: Any) -> dict[str, Any]:
    """An event on a bus that happened at this time."""
    return events.bus_event(time=format_utc(time), **differing)


def scheduled_event(time: datetime) -> dict[str, Any]:
    """A Scheduled Event of this time."""
    return bus_event(
        time, **{"detail-type": "Scheduled Event", "source": "aws.events", "resources": [RULE]}
    ) | {"detail": {}}


def scheduled(time: datetime, **fields: Any) -> dict[str, Any]:
    """A payload with this scheduled time."""
    return {**PAYLOAD, "scheduled_time": format_utc(time), **fields}


def http_event(time: datetime, dialect: events.Dialect, field: str) -> dict[str, Any]:
    """A request that the gateway received at this time."""
    event = events.http(dialect=dialect)
    event["requestContext"][field] = int(time.timestamp() * 1000)
    return event


def sqs_event(time: datetime) -> dict[str, Any]:
    """A message that was sent at this time."""
    event = events.sqs(PAYLOAD)
    event["Records"][0]["attributes"]["SentTimestamp"] = str(int(time.timestamp() * 1000))
    return event


def notification(time: datetime) -> dict[str, Any]:
    """A notification of this time."""
    return {**events.notification(PAYLOAD), "Timestamp": format_utc(time)}


def sns_event(time: datetime) -> dict[str, Any]:
    """An event of SNS with this time."""
    return {"Records": [{"EventSource": "aws:sns", "Sns": notification(time)}]}


BY_SCHEDULED_TIME = {
    "direct": scheduled,
    "direct with a key": lambda time: scheduled(time, idempotency_key="night-1"),
    "eventbridge": lambda time: events.bus_event(scheduled(time)),
    "http": lambda time: events.http(scheduled(time)),
    "http with a key": lambda time: events.http(
        scheduled(time), headers={"Idempotency-Key": "night-1"}
    ),
    "sqs": lambda time: events.sqs(scheduled(time)),
    "sns": lambda time: events.sns(scheduled(time)),
    "a notification in a queue": lambda time: events.sqs(events.notification(scheduled(time))),
}
BY_ITS_OWN_TIME = {
    "eventbridge": bus_event,
    "eventbridge with an explicit name": lambda time: bus_event(
        time, detail={**PAYLOAD, "name": "release-48"}
    ),
    "a rule": scheduled_event,
    "http": lambda time: http_event(time, "http-api", "timeEpoch"),
    "http of a REST API": lambda time: http_event(time, "rest-api", "requestTimeEpoch"),
    "sqs": sqs_event,
    "sns": sns_event,
    "a notification in a queue": lambda time: events.sqs(notification(time)),
    "eventbridge in a queue": lambda time: events.sqs(bus_event(time)),
    "a rule in a queue": lambda time: events.sqs(scheduled_event(time)),
    "eventbridge in a notification": lambda time: events.sns(bus_event(time)),
}
BY_ANY_TIME = [
    *(pytest.param(make, "/scheduled_time", id=id_) for id_, make in BY_SCHEDULED_TIME.items()),
    *(pytest.param(make, "", id=f"{id_}, its own") for id_, make in BY_ITS_OWN_TIME.items()),
]


@pytest.mark.parametrize(("make", "pointer"), BY_ANY_TIME)
@pytest.mark.parametrize("ahead", [timedelta(seconds=301), timedelta(days=1), timedelta(days=400)])
def test_an_event_from_the_future_is_refused(make: Any, pointer: str, ahead: timedelta) -> None:
    """More than 5 minutes ahead of the clock."""
    refusal = refusal_of(make(NOW + ahead), now=NOW, default_payload=PAYLOAD)
    assert [violation.pointer for violation in refusal.violations] == [pointer]
    assert "5 minutes ahead" in refusal.detail


@pytest.mark.parametrize(("make", "pointer"), BY_ANY_TIME)
@pytest.mark.parametrize("ahead", [timedelta(seconds=300), timedelta(0), timedelta(days=-400)])
def test_clocks_may_differ_by_five_minutes(make: Any, pointer: str, ahead: timedelta) -> None:
    """And an event may be as old as it likes."""
    del pointer
    assert create_of(make(NOW + ahead), now=NOW, default_payload=PAYLOAD).instance_id


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "status", "backup_id": "a"},
        {"action": "check"},
        {"action": "verify", "max_age_hours": 26},
    ],
)
def test_an_action_that_only_reads_ignores_the_time(fields: dict[str, Any]) -> None:
    """It takes no name."""
    assert requests_of(scheduled(NOW + timedelta(days=1), **fields), now=NOW)


def test_a_webhook_has_no_time_of_its_own() -> None:
    """Nor has a direct invocation: only `scheduled_time` can be ahead."""
    assert create_of(PAYLOAD, now=datetime(1980, 1, 1, tzinfo=UTC)).event_time is None
