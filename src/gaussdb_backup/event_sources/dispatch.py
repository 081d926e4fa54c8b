"""Which door an event comes through, told by its shape alone."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Final

from pydantic import JsonValue

from gaussdb_backup.clock import Deadline
from gaussdb_backup.errors import BackupError
from gaussdb_backup.event_sources.base import EventSource, listed, mapping, text, unsupported_event
from gaussdb_backup.event_sources.direct import SingleDelivery, direct, from_bus
from gaussdb_backup.event_sources.webhook_keys import WebhookKeys
from gaussdb_backup.request import Delivery, Identity

MAX_HTTP_SECONDS: Final = 20.0
ENVELOPES: Final = frozenset({"Records", "requestContext", "httpMethod", "detail-type"})


def read_event(
    event: JsonValue,
    *,
    request_id: str,
    default_payload: JsonValue,
    keys: WebhookKeys,
    deadline: Deadline,
) -> EventSource:
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
        from gaussdb_backup.event_sources.records import sqs

        return sqs(listed(records), default_payload)
    if "Records" in fields and _are_from(records, "EventSource", "aws:sns"):
        from gaussdb_backup.event_sources.records import sns

        return sns(listed(records))
    if _is_http(fields):
        from gaussdb_backup.event_sources.http import HttpEvent, http_delivery
        from gaussdb_backup.event_sources.http_request import read_http

        verify = partial(keys.verified_webhook_id, deadline=deadline)
        return HttpEvent(http_delivery(read_http(fields, request_id), verify))
    if "detail-type" in fields:
        return SingleDelivery(from_bus(fields, default_payload))
    if ENVELOPES & fields.keys():
        return rejected_event(event, unsupported_event(), request_id)
    return SingleDelivery(direct(event, request_id))


def rejected_event(event: JsonValue, error: BackupError, request_id: str) -> EventSource:
    """A door that answers any event of its kind with one and the same error."""
    identity = Identity("direct", request_id)
    if _is_http(mapping(event)):
        from gaussdb_backup.event_sources.http import HttpEvent

        return HttpEvent(Delivery("http", request_id, None, identity, error=error))
    return SingleDelivery(Delivery("direct", request_id, None, identity, error=error))


def max_seconds(event: JsonValue) -> float:
    """How long the caller behind a door waits: the gateway gives up on HTTP before Lambda does."""
    return MAX_HTTP_SECONDS if _is_http(mapping(event)) else math.inf


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
