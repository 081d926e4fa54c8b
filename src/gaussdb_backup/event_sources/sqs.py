"""SQS: batches of messages. EventBridge Pipes sends a batch as a bare list of messages."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import JsonValue

from gaussdb_backup.errors import BackupError
from gaussdb_backup.event_sources.base import (
    DeliveryResult,
    EventContext,
    EventSource,
    mapping,
    sequence,
    text,
)
from gaussdb_backup.event_sources.eventbridge import wrapped_event
from gaussdb_backup.event_sources.sns import notification_delivery
from gaussdb_backup.payload_validation import parse_json
from gaussdb_backup.request import Delivery, Identity
from gaussdb_backup.timestamps import parse_epoch_milliseconds

FIFO_SUFFIX: Final = ".fifo"
MAX_COUNT: Final = 10**9

Record = Mapping[str, JsonValue]


class Sqs(EventSource):
    """A batch of messages; the response names those that SQS must deliver again.

    Messages of one group of a FIFO queue are a group here. Every message of a standard queue is a
    group of its own.
    """

    trigger = "sqs"
    shape = "Records, or a list, of SQS messages (eventSource aws:sqs, messageId, body)"

    def matches(self, event: JsonValue) -> bool:
        """Every record is from SQS and has an ID, without which its failure cannot be reported."""
        records = _records(event)
        return bool(records) and all(
            record.get("eventSource") == "aws:sqs" and text(record.get("messageId"))
            for record in records
        )

    def deliveries(self, event: JsonValue, context: EventContext) -> Sequence[Sequence[Delivery]]:
        """The messages by their FIFO group; the correlation ID of each is its message ID."""
        groups: dict[str, list[Delivery]] = {}
        for position, record in enumerate(_records(event)):
            message_id = text(record.get("messageId")) or ""
            delivery = _message_delivery(record, message_id, context)
            group = _fifo_group(record) or f"position {position}"
            groups.setdefault(group, []).append(
                delivery._replace(
                    trigger=self.trigger,
                    correlation_id=message_id,
                    log_fields=_receive_count(record),
                )
            )
        return list(groups.values())

    def response(self, results: Sequence[DeliveryResult]) -> JsonValue:
        """Lambda's partial batch response: every message that failed or was not attempted."""
        return {
            "batchItemFailures": [
                {"itemIdentifier": result.delivery.correlation_id}
                for result in results
                if result.end is None or isinstance(result.end, BackupError)
            ]
        }


def _records(event: JsonValue) -> Sequence[Record]:
    records = event if isinstance(event, list) else mapping(event).get("Records")
    return [mapping(record) for record in sequence(records)]


def _receive_count(record: Record) -> dict[str, int]:
    """How often SQS has delivered the message, so that an alarm can count the first time only."""
    count = mapping(record.get("attributes")).get("ApproximateReceiveCount")
    if isinstance(count, str) and re.fullmatch(r"[0-9]{1,9}", count):
        count = int(count)
    if isinstance(count, int) and not isinstance(count, bool) and 0 <= count < MAX_COUNT:
        return {"receive_count": count}
    return {}


def _fifo_group(record: Record) -> str | None:
    if not (text(record.get("eventSourceARN")) or "").endswith(FIFO_SUFFIX):
        return None
    group = text(mapping(record.get("attributes")).get("MessageGroupId"))
    return f"group {group}" if group else None


def _message_delivery(record: Record, message_id: str, context: EventContext) -> Delivery:
    """The delivery of a message: its body is a payload, a notification or an EventBridge event."""
    sent = parse_epoch_milliseconds(mapping(record.get("attributes")).get("SentTimestamp"))
    delivery = Delivery(
        trigger="sqs",
        correlation_id=message_id,
        payload=None,
        identity=Identity(kind="sqs", value=message_id, time=sent),
    )
    try:
        body = parse_json(text(record.get("body")) or "")
    except BackupError as error:
        return delivery._replace(error=error)
    fields = mapping(body)
    if fields.get("Type") == "Notification" and "TopicArn" in fields:
        return notification_delivery(fields, "sqs", context)
    return wrapped_event(body, context) or delivery._replace(payload=body)
