"""EventBridge: events on a bus, and the Scheduled Event of a rule or of EventBridge Scheduler."""

from typing import Final

from pydantic import JsonValue

from gaussdb_backup.event_sources.base import EventContext, SingleDelivery, mapping, sequence, text
from gaussdb_backup.payload_validation import invalid_request
from gaussdb_backup.request import Delivery, Identity
from gaussdb_backup.timestamps import parse_utc

SCHEDULED_EVENT: Final = "Scheduled Event"
TIMERS: Final = frozenset({"aws.events", "aws.scheduler"})


class ScheduledEvent(SingleDelivery):
    """A rule or a schedule without an input of its own: the payload is ``DEFAULT_PAYLOAD``."""

    trigger = "schedule"
    shape = f"a {SCHEDULED_EVENT} (detail-type, source, empty detail, time, resources or id)"

    def matches(self, event: JsonValue) -> bool:
        """Recognised by type and source, if there is no detail that could be a payload."""
        fields = mapping(event)
        return (
            fields.get("detail-type") == SCHEDULED_EVENT
            and text(fields.get("source")) in TIMERS
            and _is_empty(fields.get("detail"))
        )

    def delivery(self, event: JsonValue, context: EventContext) -> Delivery:
        """The identity is the rule's ARN and the event's time."""
        fields = mapping(event)
        resources = [text(resource) for resource in sequence(fields.get("resources"))[:1]]
        source = next(iter(resources), None) or text(fields.get("id"))
        time = text(fields.get("time"))
        delivery = Delivery(
            trigger=self.trigger,
            correlation_id=time or "",
            payload=context.default_payload,
            identity=Identity(kind="rule", value=f"{source}\n{time}"),
            scheduled=True,
        )
        if source is None or time is None:
            return delivery._replace(error=context.unsupported_event())
        if context.default_payload is None:
            detail = "is missing: a Scheduled Event has none, and DEFAULT_PAYLOAD is not set"
            return delivery._replace(error=invalid_request("", detail))
        return _with_time(delivery, time, context)


class EventBridge(SingleDelivery):
    """An event on an EventBridge bus: the payload is its ``detail``."""

    trigger = "eventbridge"
    shape = "an EventBridge event (detail-type, id, detail)"

    def matches(self, event: JsonValue) -> bool:
        """Recognised by ``detail-type``."""
        return "detail-type" in mapping(event)

    def delivery(self, event: JsonValue, context: EventContext) -> Delivery:
        """The identity is the event's ID."""
        fields = mapping(event)
        event_id = text(fields.get("id"))
        delivery = Delivery(
            trigger=self.trigger,
            correlation_id=event_id or "",
            payload=fields.get("detail"),
            identity=Identity(kind="eventbridge", value=event_id or ""),
        )
        if event_id is None or "detail" not in fields or not text(fields.get("detail-type")):
            return delivery._replace(error=context.unsupported_event())
        time = text(fields.get("time"))
        return delivery if time is None else _with_time(delivery, time, context)


EVENTS: Final = (ScheduledEvent(), EventBridge())


def wrapped_event(message: JsonValue, context: EventContext) -> Delivery | None:
    """The delivery of an EventBridge event that is the body of a message, or None if it is none."""
    for source in EVENTS:
        if source.matches(message):
            return source.delivery(message, context)
    return None


def _is_empty(detail: JsonValue) -> bool:
    """Whether a detail has no fields. EventBridge Scheduler sends it as a text."""
    if isinstance(detail, dict):
        return all(name.startswith("_") for name in detail)  # as in every payload
    return detail is None or detail == "{}"


def _with_time(delivery: Delivery, time: str, context: EventContext) -> Delivery:
    """The delivery with the envelope's time, which becomes a part of the backup's name."""
    try:
        identity = delivery.identity._replace(time=parse_utc(time))
    except ValueError:
        return delivery._replace(error=context.unsupported_event())
    return delivery._replace(identity=identity)
