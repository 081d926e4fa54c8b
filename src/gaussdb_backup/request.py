"""A delivery becomes a checked request; its name follows from the event, never from the clock.

The name is the idempotency key: every delivery of one event asks for the same one, and the service
refuses a second backup of that name. The form of the name is frozen, for a deployment between two
deliveries must not change it:

    <prefix>-<YYYYMMDDTHHMMSSZ>-<first 12 hex digits of SHA-256(kind LF identity LF instance_id)>

without the time where the event has none that stays the same on every delivery.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple

from pydantic import JsonValue

from gaussdb_backup.errors import BackupError
from gaussdb_backup.payload_models import (
    ACTIONS,
    DIRECT_ONLY,
    INSTANCE_PATTERN,
    CheckRequest,
    CreatePayload,
    PruneRequest,
    StatusRequest,
    VerifyRequest,
)
from gaussdb_backup.payload_validation import invalid_request, payload_fields, validate_payload
from gaussdb_backup.timestamps import format_utc, parse_utc

DEFAULT_PREFIX: Final = "auto"
MAX_AHEAD: Final = timedelta(minutes=5)


class Identity(NamedTuple):
    """What makes an event this one and no other, the same on every delivery of it.

    Args:
        kind: the sort of identity, so that two sorts never meet.
        value: the identity itself, its parts joined by LF.
        time: the event's own time in UTC, where it has one that stays.
    """

    kind: str
    value: str
    time: datetime | None = None


class Delivery(NamedTuple):
    """One request inside one invocation, before its payload is checked.

    Args:
        trigger: the event source, as the log names it.
        correlation_id: the envelope's own ID.
        payload: the payload as received.
        identity: the identity that the envelope gives.
        key: the caller's key from an HTTP header.
        scheduled: a timer fired it without an input of its own.
        actions: the actions that its event source may ask for.
        error: why there is no payload to read.
        log_fields: what its log lines show besides the usual fields.
    """

    trigger: str
    correlation_id: str
    payload: JsonValue
    identity: Identity
    key: str | None = None
    scheduled: bool = False
    actions: frozenset[str] = ACTIONS - DIRECT_ONLY
    error: BackupError | None = None
    log_fields: Mapping[str, str | int] = MappingProxyType({})

    @property
    def action(self) -> str:
        """The requested action; ``create`` by default."""
        named = self.payload.get("action") if isinstance(self.payload, dict) else None
        return named if isinstance(named, str) and named in ACTIONS else "create"

    @property
    def instance_id(self) -> str | None:
        """The instance that the payload names, if it is valid; known even of a refused payload."""
        named = self.payload.get("instance_id") if isinstance(self.payload, dict) else None
        is_valid = isinstance(named, str) and re.fullmatch(INSTANCE_PATTERN, named)
        return str(named) if is_valid else None


class CreateRequest(NamedTuple):
    """Ask for one backup.

    Args:
        instance_id: the instance to back up.
        name: the name to ask for, the same on every delivery.
        description: the description of the backup.
        explicit: the caller chose the name, so that others may have chosen it too.
        event_time: the time of the event, if it is the same on every delivery.
    """

    instance_id: str
    name: str
    description: str | None
    explicit: bool
    event_time: datetime | None


Request = CreateRequest | StatusRequest | CheckRequest | VerifyRequest | PruneRequest


def read_request(delivery: Delivery, now: datetime) -> Request:
    """The request of a delivery, checked against every rule for payloads.

    Args:
        delivery: the delivery.
        now: the time in UTC, for the check that the event is not from the future.

    Raises:
        InvalidRequest: with one violation per broken rule.
        BackupError: the event source has refused it already.
    """
    if delivery.error is not None:
        raise delivery.error
    received = payload_fields(delivery.payload)
    fields = validate_payload(received, delivery.actions)
    match fields:
        case CreatePayload():
            return _create(fields, received, delivery, now)
        case _:
            return fields


def canonical_json(fields: dict[str, JsonValue]) -> str:
    """The only spelling of a payload's fields: keys sorted, no blanks, no ASCII escapes."""
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def derived_name(prefix: str, identity: Identity, instance_id: str) -> str:
    """The name under which every delivery of one event asks for its backup.

    Args:
        prefix: 1 to 34 characters of a name.
        identity: the event's identity.
        instance_id: the instance, so that one event may back up several.
    """
    text = f"{identity.kind}\n{identity.value}\n{instance_id}"
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]
    parts = [prefix, digest]
    if identity.time is not None:
        parts.insert(1, format_utc(identity.time).translate({ord("-"): None, ord(":"): None}))
    return "-".join(parts)


def _create(
    fields: CreatePayload, received: dict[str, JsonValue], delivery: Delivery, now: datetime
) -> CreateRequest:
    if fields.name and (fields.scheduled_time or delivery.scheduled):
        raise invalid_request(
            "/name", "cannot be fixed for a schedule, because its second run would find it"
        )
    identity = _identity(fields, received, delivery)
    if identity.time is not None and identity.time - now > MAX_AHEAD:
        # A request ahead of its time would take the name of a later backup.
        if fields.scheduled_time:
            raise invalid_request("/scheduled_time", "is more than 5 minutes ahead of the clock")
        raise invalid_request("", "is from an event more than 5 minutes ahead of the clock")
    prefix = fields.name_prefix or DEFAULT_PREFIX
    return CreateRequest(
        instance_id=fields.instance_id,
        name=fields.name or derived_name(prefix, identity, fields.instance_id),
        description=fields.description,
        explicit=fields.name is not None,
        event_time=identity.time,
    )


def _identity(
    fields: CreatePayload, received: dict[str, JsonValue], delivery: Delivery
) -> Identity:
    key = fields.idempotency_key or delivery.key
    scheduled = fields.scheduled_time
    if key is not None:
        time = parse_utc(scheduled) if scheduled else None
        return Identity(kind="key", value=key, time=time)
    if scheduled is None:
        return delivery.identity
    rest = {name: value for name, value in received.items() if name != "scheduled_time"}
    return Identity(
        kind="schedule",
        value=f"{scheduled}\n{canonical_json(rest)}",
        time=parse_utc(scheduled),
    )
