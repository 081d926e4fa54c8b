"""The doors with one delivery and no envelope of their own for the answer.

Direct: Step Functions, ``aws lambda invoke``, EventBridge Scheduler with an input. Events: an
EventBridge bus, and the Scheduled Event of a rule or a schedule without an input.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from pydantic import JsonValue

from gaussdb_backup.errors import BackupError
from gaussdb_backup.event_sources.base import (
    DeliveryResult,
    error_to_raise,
    text,
    unsupported_event,
)
from gaussdb_backup.payload_models import invalid_request
from gaussdb_backup.request import Delivery, Identity
from gaussdb_backup.timestamps import format_utc, parse_utc

SCHEDULED_EVENT = "Scheduled Event"


class SingleDelivery(NamedTuple):
    """A door whose answer is the reply itself, and whose failure is raised."""

    delivery: Delivery

    @property
    def groups(self) -> Sequence[Sequence[Delivery]]:
        """The one delivery."""
        return [[self.delivery]]

    def answer(self, outcomes: Sequence[Sequence[DeliveryResult]]) -> JsonValue:
        """The reply.

        Raises:
            BackupError: the delivery failed.
        """
        outcome = outcomes[0][0]
        if isinstance(outcome.end, BackupError):
            raise error_to_raise(outcome, outcome.end)
        return cast("JsonValue", outcome.end)


def direct(event: JsonValue, request_id: str) -> Delivery:
    """A bare payload; one with ``scheduled_time`` comes from EventBridge Scheduler."""
    time = event.get("scheduled_time") if isinstance(event, dict) else None
    return Delivery(
        trigger="schedule" if time else "direct",
        correlation_id=_shown_time(time) or request_id,
        payload=event,
        identity=Identity("direct", request_id),
        error=None if isinstance(event, dict) else unsupported_event(),
    )


def from_bus(event: Mapping[str, JsonValue], default_payload: JsonValue) -> Delivery:
    """An EventBridge event: scheduled, or put on a bus.

    Args:
        event: the event.
        default_payload: the payload of a scheduled one, which carries none.
    """
    event_id, time = text(event.get("id")), text(event.get("time"))
    if event.get("detail-type") == SCHEDULED_EVENT:
        return _scheduled(event, event_id, time, default_payload)
    delivery = Delivery(
        trigger="eventbridge",
        correlation_id=event_id or "",
        payload=event.get("detail"),
        identity=Identity("eventbridge", event_id or ""),
    )
    if event_id is None or "detail" not in event or not text(event.get("detail-type")):
        return delivery._replace(error=unsupported_event())
    return _timed(delivery, time)


def _scheduled(
    event: Mapping[str, JsonValue],
    event_id: str | None,
    time: str | None,
    default_payload: JsonValue,
) -> Delivery:
    resources = event.get("resources")
    source = text(resources[0]) if isinstance(resources, list) and resources else None
    source = source or event_id
    delivery = Delivery(
        trigger="schedule",
        correlation_id=time or "",
        payload=default_payload,
        identity=Identity("rule", f"{source}\n{time}"),
        scheduled=True,
    )
    if source is None or time is None:
        return delivery._replace(error=unsupported_event())
    if default_payload is None:
        error = invalid_request(
            "", "is missing: a Scheduled Event has none, and DEFAULT_PAYLOAD is not set"
        )
        return delivery._replace(error=error)
    return _timed(delivery, time)


def _timed(delivery: Delivery, time: str | None) -> Delivery:
    """The delivery with its envelope's time, which is then part of the name."""
    if time is None:
        return delivery
    try:
        identity = delivery.identity._replace(time=parse_utc(time))
    except ValueError:
        return delivery._replace(error=unsupported_event())
    return delivery._replace(identity=identity)


def _shown_time(time: JsonValue) -> str | None:
    """A schedule's time as the log shows it: normalised if it is a time, else nothing."""
    try:
        return format_utc(parse_utc(time)) if isinstance(time, str) else None
    except ValueError:
        return None
