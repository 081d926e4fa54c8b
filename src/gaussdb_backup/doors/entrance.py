"""Which door an event comes through, told by its shape alone."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Final

from pydantic import JsonValue

from gaussdb_backup.callers import WebhookKeys
from gaussdb_backup.clock import Deadline
from gaussdb_backup.doors.direct import OneDelivery, direct, from_bus
from gaussdb_backup.doors.door import Door, listed, mapping, not_understood, text
from gaussdb_backup.errors import BackupError
from gaussdb_backup.payload import Delivery, Identity

LONGEST_HTTP_SECONDS: Final = 20.0
ENVELOPES: Final = frozenset({"Records", "requestContext", "httpMethod", "detail-type"})


def open_door(
    event: JsonValue,
    *,
    request_id: str,
    default_payload: JsonValue,
    keys: WebhookKeys,
    deadline: Deadline,
) -> Door:
    """The door of an event.

    Args:
        event: the event as Lambda hands it over.
        request_id: the invocation's request ID.
        default_payload: the payload of a scheduled event that carries none.
        keys: who may sign a webhook.
        deadline: the end of the invocation.

    Raises:
        InvalidRequest: a batch holds a message that could not be told apart.
    """
    fields = mapping(event)
    records = fields.get("Records", event)
    if _are_from(records, "eventSource", "aws:sqs"):
        from gaussdb_backup.doors.records import sqs

        return sqs(listed(records), default_payload)
    if "Records" in fields and _are_from(records, "EventSource", "aws:sns"):
        from gaussdb_backup.doors.records import sns

        return sns(listed(records))
    if _is_http(fields):
        from gaussdb_backup.doors.http import HttpDoor, http_delivery
        from gaussdb_backup.doors.http_request import read_http

        signer = partial(keys.signer, deadline=deadline)
        return HttpDoor(http_delivery(read_http(fields, request_id), signer))
    if "detail-type" in fields:
        return OneDelivery(from_bus(fields, default_payload))
    if ENVELOPES & fields.keys():
        return refusing(event, not_understood(), request_id)
    return OneDelivery(direct(event, request_id))


def refusing(event: JsonValue, error: BackupError, request_id: str) -> Door:
    """A door that answers any event of its kind with one and the same error."""
    identity = Identity("direct", request_id)
    if _is_http(mapping(event)):
        from gaussdb_backup.doors.http import HttpDoor

        return HttpDoor(Delivery("http", request_id, None, identity, fault=error))
    return OneDelivery(Delivery("direct", request_id, None, identity, fault=error))


def longest_seconds(event: JsonValue) -> float:
    """How long the caller behind a door waits: the gateway gives up on HTTP before Lambda does."""
    return LONGEST_HTTP_SECONDS if _is_http(mapping(event)) else math.inf


def _is_http(event: Mapping[str, JsonValue]) -> bool:
    context = mapping(event.get("requestContext"))
    return isinstance(context.get("http"), dict) or text(event.get("httpMethod")) is not None


def _are_from(records: JsonValue, key: str, source: str) -> bool:
    """Whether these are records, all of one source."""
    return (
        isinstance(records, list)
        and bool(records)
        and all(mapping(record).get(key) == source for record in records)
    )
