"""The signing keys of webhooks, cached in this execution environment.

Anybody can send requests with a signature. So whatever a sender does, the secret is read at most
once a minute, and an unusable secret is logged at most once a minute.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from gaussdb_backup.clock import Deadline
from gaussdb_backup.credentials.secret_store import SecretStore
from gaussdb_backup.errors import SecretUnavailable
from gaussdb_backup.event_sources.webhooks import (
    Reason,
    decode_key,
    matching_key,
    parse_signature,
)

WEBHOOK_VARIABLE: Final = "WEBHOOK_SECRET_ID"
MIN_SECONDS_BETWEEN_READS: Final = 60.0
FRESH_SECONDS: Final = 300.0
MAX_AGE_SECONDS: Final = 3600.0


def _key(text: str) -> str:
    decode_key(text)
    return text


class _WebhookSecret(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    keys: Annotated[
        tuple[Annotated[str, AfterValidator(_key)], ...], Field(min_length=1, repr=False)
    ]


class VerifiedWebhook(NamedTuple):
    """A request with a valid signature.

    Args:
        webhook_id: the sender's ID of the message, the same on every attempt.
        key: the position of the key in the secret; 1 is the newest.
    """

    webhook_id: str
    key: int


Verification = VerifiedWebhook | Reason


class WebhookKeys:
    """The keys of the webhook secret.

    They are read again when they are five minutes old, and when a signature fits none of them. A
    read that fails leaves the cached keys valid until they are an hour old.

    Args:
        store: the secret store.
        secret_id: name or ARN of the secret; None if no webhooks are accepted.
        report: takes the error of each read that fails.
    """

    def __init__(
        self,
        store: SecretStore,
        secret_id: str | None,
        report: Callable[[SecretUnavailable], None],
    ) -> None:
        self._store = store
        self._secret_id = secret_id
        self._report = report
        self._lock = threading.Lock()
        self._keys: tuple[bytes, ...] = ()
        self._read_at = 0.0
        self._tried_at: float | None = None

    def verify(self, headers: Mapping[str, str], body: bytes, deadline: Deadline) -> Verification:
        """Whether one of the keys has signed a request; if not, why not.

        Args:
            headers: the headers of the request, names in lower case.
            body: the raw body.
            deadline: the end of the invocation.

        Raises:
            SecretUnavailable: there are no keys to verify the signature with. The message is for
                the sender and does not say why; the cause has been reported.
        """
        signature = parse_signature(headers, deadline.clock.now())
        if isinstance(signature, str):
            return signature
        if self._secret_id is None:
            return "not_configured"
        with self._lock:
            if self._age(deadline) >= FRESH_SECONDS:
                self._read(self._secret_id, deadline)
            position = matching_key(signature, body, self._keys)
            if position is None and self._read(self._secret_id, deadline):
                position = matching_key(signature, body, self._keys)
            if position is not None:
                return VerifiedWebhook(webhook_id=signature.webhook_id, key=position)
            if self._keys:
                return "no_key_fits"
        raise SecretUnavailable(
            "signatures cannot be verified at the moment", retry_after=MIN_SECONDS_BETWEEN_READS
        )

    def _age(self, deadline: Deadline) -> float:
        """Seconds since the cached keys were read."""
        return deadline.clock.monotonic() - self._read_at if self._keys else MAX_AGE_SECONDS

    def _read(self, secret_id: str, deadline: Deadline) -> bool:
        """Reads the keys, unless a read was tried less than a minute ago.

        Returns:
            Whether the keys were read.
        """
        now = deadline.clock.monotonic()
        if self._tried_at is not None and now < self._tried_at + MIN_SECONDS_BETWEEN_READS:
            self._forget_old_keys(deadline)
            return False
        self._tried_at = now
        try:
            self._keys = self._read_keys(secret_id, deadline)
        except SecretUnavailable as error:
            self._report(error)
            self._forget_old_keys(deadline)
            return False
        self._read_at = now
        return True

    def _forget_old_keys(self, deadline: Deadline) -> None:
        if self._age(deadline) >= MAX_AGE_SECONDS:
            self._keys = ()

    def _read_keys(self, secret_id: str, deadline: Deadline) -> tuple[bytes, ...]:
        secret = self._store.read(secret_id, WEBHOOK_VARIABLE, deadline)
        try:
            keys = _WebhookSecret.model_validate(secret.value).keys
        except ValidationError:
            raise SecretUnavailable(
                f"{WEBHOOK_VARIABLE}: keys must be a list of whsec_ and base64 of 24 to 64 bytes"
            ) from None
        return tuple(decode_key(key) for key in keys)
