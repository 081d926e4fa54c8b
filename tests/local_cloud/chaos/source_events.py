"""Events of every event source, each with an identity that stays the same on every delivery."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from tests.local_cloud.events import (
    bus_event,
    http,
    notification,
    sample,
    signed_headers,
    sqs,
)
from tests.local_cloud.local_cloud import INSTANCE_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.local_cloud.emulator import Backup


@dataclass(frozen=True, slots=True)
class SourceEvent:
    """One event, for which there must be exactly one backup.

    Attributes:
        number: a unique number, from which the identity is derived.
        source: the event source, a key of `EVENT_SOURCES`.
        instance_id: the instance to back up.
        time: the time of the event.
    """

    number: int
    source: str
    instance_id: str
    time: datetime

    @property
    def identity(self) -> str:
        """The identity in the envelope."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"event:{self.number}"))

    @property
    def written_time(self) -> str:
        """The time in the format of events."""
        return f"{self.time:%Y-%m-%dT%H:%M:%SZ}"

    @property
    def payload(self) -> dict[str, object]:
        """The payload. The description shows which event a backup belongs to."""
        return {"instance_id": self.instance_id, "description": f"event {self.number}"}

    @property
    def name_timestamp(self) -> str:
        """The part of a derived backup name that contains the time."""
        return f"-{self.time:%Y%m%dT%H%M%SZ}-"

    @property
    def request_id(self) -> str | None:
        """The invocation's request ID, if it is the event's identity."""
        return self.identity if self.source == "direct" else None

    @property
    def message_id(self) -> str:
        """The ID of the message that contains the event, if there is one."""
        return f"outer-{self.identity}" if " in sqs" in self.source else self.identity

    @property
    def is_queued(self) -> bool:
        """Whether the event comes from a queue, alone or in a batch."""
        return self.source in QUEUED

    def envelope(self, now: float) -> Any:
        """The event that Lambda passes to the function.

        Args:
            now: the time of the delivery, in seconds since 1970.
        """
        return EVENT_SOURCES[self.source](self, now)

    def owns(self, name: object, description: object) -> bool:
        """Whether a backup with this name and description belongs to the event."""
        if self.source == "rule":
            return description is None and self.name_timestamp in str(name)
        return description == self.payload["description"]

    def owns_backup(self, backup: Backup) -> bool:
        """Whether a backup belongs to the event."""
        return self.owns(backup.name, backup.description)


def batch(events: list[SourceEvent]) -> dict[str, Any]:
    """One invocation with the messages of several events."""
    return {"Records": [record for one in events for record in _sqs(one)["Records"]]}


def _sqs(event: SourceEvent) -> dict[str, Any]:
    return QUEUED[event.source](event)


def _plain(event: SourceEvent) -> dict[str, Any]:
    return sqs(event.payload, ids=[event.message_id])


def _fifo(event: SourceEvent) -> dict[str, Any]:
    return sqs(event.payload, ids=[event.message_id], queue="backups.fifo", groups=["one"])


def _notification_in_sqs(event: SourceEvent) -> dict[str, Any]:
    wrapped = notification(event.payload, message_id=event.identity)
    return sqs(wrapped, ids=[event.message_id])


def _bus_event_in_sqs(event: SourceEvent) -> dict[str, Any]:
    return sqs(_bus(event), ids=[event.message_id])


def _bus(event: SourceEvent, **fields: object) -> dict[str, Any]:
    return bus_event({**event.payload, **fields}, id=event.identity, time=event.written_time)


def _rule(event: SourceEvent) -> dict[str, Any]:
    return {**sample("scheduled-event"), "id": event.identity, "time": event.written_time}


def _sns(event: SourceEvent) -> dict[str, Any]:
    record = notification(event.payload, message_id=event.identity)
    return {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": record}]}


def _webhook(event: SourceEvent, now: float) -> dict[str, Any]:
    body = json.dumps(event.payload).encode()
    headers = signed_headers(body, now=now, message_id=event.identity)
    return http(body, headers=headers, known=False)


def _keyed(event: SourceEvent) -> dict[str, object]:
    return {**event.payload, "idempotency_key": event.identity}


QUEUED: Final[Mapping[str, Callable[[SourceEvent], dict[str, Any]]]] = {
    "sqs": _plain,
    "sqs fifo": _fifo,
    "sns in sqs": _notification_in_sqs,
    "eventbridge in sqs": _bus_event_in_sqs,
}
EVENT_SOURCES: Final[Mapping[str, Callable[[SourceEvent, float], Any]]] = {
    **{source: lambda one, _: _sqs(one) for source in QUEUED},
    "pipes": lambda one, _: _plain(one)["Records"],
    "sns": lambda one, _: _sns(one),
    "eventbridge": lambda one, _: _bus(one),
    "eventbridge, named": lambda one, _: _bus(one, name=f"by-hand-{one.number}"),
    "rule": lambda one, _: _rule(one),
    "schedule": lambda one, _: {**one.payload, "scheduled_time": one.written_time},
    "http-api": lambda one, _: http(one.payload, headers={"Idempotency-Key": one.identity}),
    "function-url": lambda one, _: http(_keyed(one), dialect="function-url", encoded=True),
    "rest-api": lambda one, _: http(
        one.payload, dialect="rest-api", headers={"Idempotency-Key": one.identity}
    ),
    "webhook": _webhook,
    "direct": lambda one, _: one.payload,
    "direct, with a key": lambda one, _: _keyed(one),
}
# The source whose payload is DEFAULT_PAYLOAD, and so always names the same instance.
FIXED_INSTANCES: Final = {"rule": INSTANCE_ID}


def whole_second(seconds: float) -> datetime:
    """A time in whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC)
