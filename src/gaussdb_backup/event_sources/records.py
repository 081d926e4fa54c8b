"""The doors with many deliveries: messages of SQS (also by EventBridge Pipes) and of SNS."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple, cast

from pydantic import JsonValue

from gaussdb_backup.errors import BackupError
from gaussdb_backup.event_sources.base import (
    DeliveryResult,
    error_to_raise,
    mapping,
    text,
    unsupported_event,
)
from gaussdb_backup.event_sources.direct import from_bus
from gaussdb_backup.payload_models import parse_json
from gaussdb_backup.request import Delivery, Identity
from gaussdb_backup.timestamps import parse_epoch_milliseconds, parse_utc

FIFO = ".fifo"

Record = Mapping[str, JsonValue]


class SqsBatch(NamedTuple):
    """A batch of SQS messages; the answer names those to deliver again.

    Messages of a FIFO queue form a group by their group ID: in order, and stopped at the first
    failure. Every message of a standard queue is a group of its own.
    """

    groups: Sequence[Sequence[Delivery]]
    order: Sequence[str]

    def answer(self, outcomes: Sequence[Sequence[DeliveryResult]]) -> JsonValue:
        """Lambda's partial batch response: every message that did not end well."""
        ended_well = {
            delivery.correlation_id
            for group, ends in zip(self.groups, outcomes, strict=True)
            for delivery, outcome in zip(group, ends, strict=False)
            if not isinstance(outcome.end, BackupError)
        }
        failed = [message for message in self.order if message not in ended_well]
        return {"batchItemFailures": [{"itemIdentifier": message} for message in failed]}


class SnsEvent(NamedTuple):
    """The records of an SNS notification."""

    groups: Sequence[Sequence[Delivery]]

    def answer(self, outcomes: Sequence[Sequence[DeliveryResult]]) -> JsonValue:
        """All replies.

        Raises:
            BackupError: the first failure, once all records were tried.
        """
        ended = list(chain.from_iterable(outcomes))
        for outcome in ended:
            if isinstance(outcome.end, BackupError):
                raise error_to_raise(outcome, outcome.end)
        return {"replies": [cast("JsonValue", outcome.end) for outcome in ended]}


def sqs(records: Sequence[JsonValue], default_payload: JsonValue) -> SqsBatch:
    """The messages of a batch.

    Raises:
        InvalidRequest: a message has no ID by which its failure could be told.
    """
    groups: dict[str, list[Delivery]] = {}
    order = []
    for place, record in enumerate(map(mapping, records)):
        message_id = text(record.get("messageId"))
        if message_id is None:
            raise unsupported_event()
        order.append(message_id)
        group = _fifo_group(record) or f"{place}"
        groups.setdefault(group, []).append(_message(record, message_id, default_payload))
    return SqsBatch(list(groups.values()), order)


def sns(records: Sequence[JsonValue]) -> SnsEvent:
    """The notifications of an event."""
    notifications = (mapping(mapping(record).get("Sns")) for record in records)
    return SnsEvent([[_notification("sns", sns)] for sns in notifications])


def _fifo_group(record: Record) -> str | None:
    if not (text(record.get("eventSourceARN")) or "").endswith(FIFO):
        return None
    group = text(mapping(record.get("attributes")).get("MessageGroupId"))
    return f"group {group}" if group else None


def _message(record: Record, message_id: str, default_payload: JsonValue) -> Delivery:
    sent = parse_epoch_milliseconds(mapping(record.get("attributes")).get("SentTimestamp"))
    bare = Delivery("sqs", message_id, None, Identity("sqs", message_id, sent))
    try:
        body = parse_json(text(record.get("body")) or "")
    except BackupError as error:
        return bare._replace(error=error)
    inside = mapping(body)
    if inside.get("Type") == "Notification" and "TopicArn" in inside:
        return _notification("sqs", inside)._replace(correlation_id=message_id)
    if "detail-type" in inside:
        event = from_bus(inside, default_payload)
        return event._replace(trigger="sqs", correlation_id=message_id)
    return bare._replace(payload=body)


def _notification(trigger: str, notification: Record) -> Delivery:
    message_id = text(notification.get("MessageId"))
    bare = Delivery(trigger, message_id or "", None, Identity("sns", message_id or ""))
    if message_id is None:
        return bare._replace(error=unsupported_event())
    try:
        time = parse_utc(text(notification.get("Timestamp")) or "")
        payload = parse_json(text(notification.get("Message")) or "")
    except ValueError:
        return bare._replace(error=unsupported_event())
    except BackupError as error:
        return bare._replace(error=error)
    return bare._replace(payload=payload, identity=bare.identity._replace(time=time))
