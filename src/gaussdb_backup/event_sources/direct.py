"""Direct invocation: Step Functions, ``aws lambda invoke``, EventBridge Scheduler with an input."""

from typing import Final

from pydantic import JsonValue

from gaussdb_backup.event_sources.base import EventContext, SingleDelivery, mapping
from gaussdb_backup.payload_models import ACTIONS
from gaussdb_backup.request import Delivery, Identity
from gaussdb_backup.timestamps import format_utc, parse_utc

# An object with one of these is an event of AWS, and never a bare payload.
ENVELOPE_FIELDS: Final = frozenset({"Records", "requestContext", "httpMethod", "detail-type"})


class Direct(SingleDelivery):
    """A bare payload; with ``scheduled_time`` it comes from EventBridge Scheduler."""

    trigger = "direct"
    shape = "a payload with instance_id"

    def matches(self, event: JsonValue) -> bool:
        """Any object without a field of an envelope."""
        return isinstance(event, dict) and not ENVELOPE_FIELDS & event.keys()

    def delivery(self, event: JsonValue, context: EventContext) -> Delivery:
        """The event is the payload. Its identity stays the same when Lambda tries again."""
        time = mapping(event).get("scheduled_time")
        return Delivery(
            trigger="schedule" if time else self.trigger,
            correlation_id=_normalised(time) or context.request_id,
            payload=event,
            identity=Identity(kind="direct", value=context.request_id),
            actions=ACTIONS,
        )


def _normalised(time: JsonValue) -> str | None:
    """A schedule's time as the log shows it, or None if it is no time."""
    try:
        return format_utc(parse_utc(time)) if isinstance(time, str) else None
    except ValueError:
        return None
