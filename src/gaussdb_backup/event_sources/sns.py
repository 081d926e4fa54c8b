"""SNS: notifications of a topic, each with a payload or an EventBridge event as its message."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from gaussdb_backup.errors import BackupError
from gaussdb_backup.event_sources.base import (
    DeliveryResult,
    EventContext,
    EventSource,
    mapping,
    replies_or_raise,
    sequence,
    text,
)
from gaussdb_backup.event_sources.eventbridge import wrapped_event
from gaussdb_backup.payload_validation import parse_json
from gaussdb_backup.request import Delivery, Identity
from gaussdb_backup.timestamps import parse_utc


class Sns(EventSource):
    """Notifications; none waits for another."""

    trigger = "sns"
    shape = "Records of SNS (EventSource aws:sns, Sns)"

    def matches(self, event: JsonValue) -> bool:
        """Every record is from SNS."""
        records = sequence(mapping(event).get("Records"))
        return bool(records) and all(
            mapping(record).get("EventSource") == "aws:sns" for record in records
        )

    def deliveries(self, event: JsonValue, context: EventContext) -> Sequence[Sequence[Delivery]]:
        """One group per notification."""
        records = sequence(mapping(event).get("Records"))
        return [
            [notification_delivery(mapping(mapping(record).get("Sns")), self.trigger, context)]
            for record in records
        ]

    def response(self, results: Sequence[DeliveryResult]) -> JsonValue:
        """All replies.

        Raises:
            BackupError: the first failure, after all notifications were processed.
        """
        return {"replies": replies_or_raise(results)}


def notification_delivery(
    notification: Mapping[str, JsonValue], trigger: str, context: EventContext
) -> Delivery:
    """The delivery of one notification.

    Args:
        notification: the notification, as SNS sends it to the function or to a queue.
        trigger: the event source, as the log names it.
        context: what reading an event needs.
    """
    message_id = text(notification.get("MessageId"))
    delivery = Delivery(
        trigger=trigger,
        correlation_id=message_id or "",
        payload=None,
        identity=Identity(kind="sns", value=message_id or ""),
    )
    if message_id is None:
        return delivery._replace(error=context.unsupported_event())
    try:
        time = parse_utc(text(notification.get("Timestamp")) or "")
        message = parse_json(text(notification.get("Message")) or "")
    except ValueError:
        return delivery._replace(error=context.unsupported_event())
    except BackupError as error:
        return delivery._replace(error=error)
    wrapped = wrapped_event(message, context)
    if wrapped is not None:
        return wrapped._replace(trigger=trigger, correlation_id=message_id)
    return delivery._replace(payload=message, identity=delivery.identity._replace(time=time))
