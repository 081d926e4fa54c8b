"""Which door an event comes through, told by its shape alone."""

import math
from functools import partial

from pydantic import JsonValue

from gaussdb_backup.callers import WebhookKeys
from gaussdb_backup.clock import Deadline
from gaussdb_backup.doors.direct import OneDelivery, direct, from_bus
from gaussdb_backup.doors.door import Door, listed, mapping, not_understood
from gaussdb_backup.doors.http import LONGEST_SECONDS, HttpDoor, http_delivery
from gaussdb_backup.doors.http_request import is_http, read_http
from gaussdb_backup.doors.records import are_from, sns, sqs
from gaussdb_backup.errors import BackupError
from gaussdb_backup.payload import Delivery, Identity

ENVELOPES = frozenset({"Records", "requestContext", "httpMethod", "detail-type"})


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
    if are_from(records, "eventSource", "aws:sqs"):
        return sqs(listed(records), default_payload)
    if "Records" in fields and are_from(records, "EventSource", "aws:sns"):
        return sns(listed(records))
    if is_http(fields):
        signer = partial(keys.signer, deadline=deadline)
        return HttpDoor(http_delivery(read_http(fields, request_id), signer))
    if "detail-type" in fields:
        return OneDelivery(from_bus(fields, default_payload))
    if ENVELOPES & fields.keys():
        return refusing(event, not_understood(), request_id)
    return OneDelivery(direct(event, request_id))


def refusing(event: JsonValue, error: BackupError, request_id: str) -> Door:
    """A door that answers any event of its kind with one and the same error."""
    over_http = is_http(mapping(event))
    trigger = "http" if over_http else "direct"
    identity = Identity("direct", request_id)
    delivery = Delivery(trigger, request_id, None, identity, fault=error)
    return HttpDoor(delivery) if over_http else OneDelivery(delivery)


def longest_seconds(event: JsonValue) -> float:
    """How long the caller behind a door waits: the gateway gives up on HTTP before Lambda does."""
    return LONGEST_SECONDS if is_http(mapping(event)) else math.inf
