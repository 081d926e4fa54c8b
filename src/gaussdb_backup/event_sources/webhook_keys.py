"""The signing keys of webhooks, cached in this execution environment."""

import threading
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from gaussdb_backup.clock import Deadline
from gaussdb_backup.credentials.secret_store import SecretStore
from gaussdb_backup.errors import SecretUnavailable
from gaussdb_backup.event_sources.webhooks import decode_key, is_valid_signature, parse_signature

WEBHOOK_VARIABLE: Final = "WEBHOOK_SECRET_ID"
REREAD_SECONDS: Final = 60.0


def _key(text: str) -> str:
    decode_key(text)
    return text


class _WebhookSecret(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    keys: Annotated[
        tuple[Annotated[str, AfterValidator(_key)], ...], Field(min_length=1, repr=False)
    ]


class WebhookKeys:
    """The keys of the webhook secret, read when first needed and again when none fits.

    Args:
        store: where the secret lies.
        secret_id: its name or ARN; without one, no signature opens anything.
    """

    def __init__(self, store: SecretStore, secret_id: str | None) -> None:
        self._store = store
        self._secret_id = secret_id
        self._lock = threading.Lock()
        self._keys: tuple[bytes, ...] = ()
        self._read_at: float | None = None

    def verified_webhook_id(
        self, headers: Mapping[str, str], body: bytes, deadline: Deadline
    ) -> str | None:
        """The ``webhook-id`` of a request that one of the keys signed, or None.

        Args:
            headers: the request's headers, names in lower case.
            body: the raw body.
            deadline: the end of the invocation.

        Raises:
            SecretUnavailable: the secret cannot be read, or holds no usable keys.
        """
        claim = parse_signature(headers, deadline.clock.now())
        if claim is None or self._secret_id is None:
            return None
        with self._lock:
            if is_valid_signature(claim, body, self._keys):
                return claim.webhook_id
            if not self._may_read(deadline):
                return None
            self._read_at = deadline.clock.monotonic()
            self._keys = self._read(self._secret_id, deadline)
            return claim.webhook_id if is_valid_signature(claim, body, self._keys) else None

    def _may_read(self, deadline: Deadline) -> bool:
        if self._read_at is None or not self._keys:
            return True
        return deadline.clock.monotonic() >= self._read_at + REREAD_SECONDS

    def _read(self, secret_id: str, deadline: Deadline) -> tuple[bytes, ...]:
        secret = self._store.read(secret_id, WEBHOOK_VARIABLE, deadline)
        try:
            keys = _WebhookSecret.model_validate(secret.value).keys
        except ValidationError:
            raise SecretUnavailable(
                f"{WEBHOOK_VARIABLE}: keys must be a list of whsec_ and base64 of 24 to 64 bytes"
            ) from None
        return tuple(decode_key(key) for key in keys)
