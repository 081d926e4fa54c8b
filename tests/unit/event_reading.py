"""The way from an event to its requests, without a connection: nobody knows a key here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gaussdb_backup.clock import Clock, deadline_of_invocation
from gaussdb_backup.credentials.secret_store import SecretStore
from gaussdb_backup.errors import InvalidRequest
from gaussdb_backup.event_sources.dispatch import read_event
from gaussdb_backup.event_sources.webhook_keys import WebhookKeys
from gaussdb_backup.http_client.transport import Transport
from gaussdb_backup.request import CreateRequest, read_request

if TYPE_CHECKING:
    from gaussdb_backup.event_sources.base import EventSource
    from gaussdb_backup.request import Request

REQUEST_ID: Final = "6f1c2a52-27a3-4f0f-a13a-5a5f7a1c9a01"
NO_PORT: Final = 1
_KEYLESS: Final = WebhookKeys(SecretStore(Transport(), NO_PORT, ""), secret_id=None)


def enter(event: Any, *, default_payload: Any = None, request_id: str = REQUEST_ID) -> EventSource:
    """The door that an event comes through."""
    return read_event(
        event,
        request_id=request_id,
        default_payload=default_payload,
        keys=_KEYLESS,
        deadline=deadline_of_invocation(Clock(), 30, 20),
    )


def requests_of(event: Any, **entering: Any) -> list[Request]:
    """What all deliveries of an event ask for."""
    door = enter(event, **entering)
    return [read_request(delivery) for group in door.groups for delivery in group]


def create_of(event: Any, **entering: Any) -> CreateRequest:
    """The one backup that an event asks for."""
    [request] = requests_of(event, **entering)
    assert isinstance(request, CreateRequest)
    return request


def refusal_of(event: Any, **entering: Any) -> InvalidRequest:
    """Why an event asks for nothing."""
    try:
        asked = requests_of(event, **entering)
    except InvalidRequest as refusal:
        return refusal
    raise AssertionError(f"it was understood: {asked}")
