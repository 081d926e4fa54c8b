"""From an event to its requests, without a connection: there are no webhook keys here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from gaussdb_backup.clock import Clock, deadline_of_invocation
from gaussdb_backup.credentials.secret_store import Secret, SecretStore
from gaussdb_backup.errors import InvalidRequest
from gaussdb_backup.event_sources.base import DeliveryResult, EventContext
from gaussdb_backup.event_sources.dispatch import SUPPORTED, find_source
from gaussdb_backup.event_sources.webhook_keys import WebhookKeys
from gaussdb_backup.http_client.transport import Transport
from gaussdb_backup.request import CreateRequest, read_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gaussdb_backup.clock import Deadline
    from gaussdb_backup.errors import BackupError, SecretUnavailable
    from gaussdb_backup.replies import Reply
    from gaussdb_backup.request import Delivery, Request

REQUEST_ID: Final = "6f1c2a52-27a3-4f0f-a13a-5a5f7a1c9a01"
NO_PORT: Final = 1
# No event is from after this, unless a test says what time it is.
END_OF_TIME: Final = datetime(9999, 1, 1, tzinfo=UTC)


class KnownSecret(SecretStore):
    """A secret store that holds one secret and needs no connection."""

    def __init__(self, value: dict[str, Any]) -> None:
        super().__init__(Transport(), NO_PORT, "")
        self._secret = Secret(value, "version-1")

    def read(self, secret_id: str, variable: str, deadline: Deadline) -> Secret:
        """The one secret."""
        del secret_id, variable, deadline
        return self._secret


def _unexpected(error: SecretUnavailable) -> None:
    raise AssertionError(error)


def webhook_keys(*keys: str) -> WebhookKeys:
    """These signing keys; without any, no webhook secret is configured."""
    return WebhookKeys(KnownSecret({"keys": list(keys)}), "webhook" if keys else None, _unexpected)


_NO_KEYS: Final = webhook_keys()


def groups_of(
    event: Any,
    *,
    default_payload: Any = None,
    request_id: str = REQUEST_ID,
    webhook_keys: WebhookKeys = _NO_KEYS,
) -> Sequence[Sequence[Delivery]]:
    """The deliveries of an event, in their groups."""
    context = EventContext(
        request_id=request_id,
        default_payload=default_payload,
        webhook_keys=webhook_keys,
        deadline=deadline_of_invocation(Clock(), 30, 20),
        supported=SUPPORTED,
    )
    return find_source(event).deliveries(event, context)


def deliveries_of(event: Any, **context: Any) -> list[Delivery]:
    """All deliveries of an event."""
    return [delivery for group in groups_of(event, **context) for delivery in group]


def response_to(event: Any, *ends: Reply | BackupError | None, **context: Any) -> Any:
    """What the function returns for an event whose deliveries ended like this."""
    results = [
        DeliveryResult(delivery=delivery, end=end, backup_name="auto-1" if end else None)
        for delivery, end in zip(deliveries_of(event, **context), ends, strict=True)
    ]
    return find_source(event).response(results)


def requests_of(event: Any, *, now: datetime = END_OF_TIME, **context: Any) -> list[Request]:
    """What all deliveries of an event ask for."""
    return [read_request(delivery, now) for delivery in deliveries_of(event, **context)]


def create_of(event: Any, **context: Any) -> CreateRequest:
    """The one backup that an event asks for."""
    [request] = requests_of(event, **context)
    assert isinstance(request, CreateRequest)
    return request


def refusal_of(event: Any, **context: Any) -> InvalidRequest:
    """Why an event is refused."""
    try:
        requests = requests_of(event, **context)
    except InvalidRequest as refusal:
        return refusal
    raise AssertionError(f"it was understood: {requests}")
