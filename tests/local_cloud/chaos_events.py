"""Events that are delivered again and again, through every door, each the same event every time."""

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
class Happening:
    """One event of the outside world, of which there shall be one backup.

    Attributes:
        number: tells it from all others; also what its identity is made of.
        door: a key of `DOORS`.
        instance_id: what is to be backed up.
        time: when it happened.
    """

    number: int
    door: str
    instance_id: str
    time: datetime

    @property
    def key(self) -> str:
        """An identity as an envelope carries it."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"happening:{self.number}"))

    @property
    def format_utc(self) -> str:
        """When it happened, as events write it."""
        return f"{self.time:%Y-%m-%dT%H:%M:%SZ}"

    @property
    def payload(self) -> dict[str, object]:
        """What it asks for; the description is by what a test tells whose a backup is."""
        return {"instance_id": self.instance_id, "description": f"happening {self.number}"}

    @property
    def stamp(self) -> str:
        """The part of a backup's name that shows the time."""
        return f"-{self.time:%Y%m%dT%H%M%SZ}-"

    @property
    def request_id(self) -> str | None:
        """The invocation's ID, where it is the event's identity."""
        return self.key if self.door == "direct" else None

    @property
    def message_id(self) -> str:
        """The ID of the message that carries it, where one does."""
        return f"around-{self.key}" if "around" in self.door else self.key

    @property
    def is_queued(self) -> bool:
        """Whether it comes from a queue, alone or in a batch."""
        return self.door in QUEUED

    def envelope(self, now: float) -> Any:
        """The event as Lambda hands it over.

        Args:
            now: when it is delivered, in seconds since 1970.
        """
        return DOORS[self.door](self, now)

    def owns(self, name: object, description: object) -> bool:
        """Whether a backup of this name and description is its own."""
        if self.door == "rule":
            return description is None and self.stamp in str(name)
        return description == self.payload["description"]

    def made(self, backup: Backup) -> bool:
        """Whether a backup was made of it."""
        return self.owns(backup.name, backup.description)


def batch(happenings: list[Happening]) -> dict[str, Any]:
    """One invocation with the messages of several."""
    return {"Records": [record for one in happenings for record in _sqs(one)["Records"]]}


def _sqs(happening: Happening) -> dict[str, Any]:
    return QUEUED[happening.door](happening)


def _plain(happening: Happening) -> dict[str, Any]:
    return sqs(happening.payload, ids=[happening.message_id])


def _fifo(happening: Happening) -> dict[str, Any]:
    return sqs(happening.payload, ids=[happening.message_id], queue="backups.fifo", groups=["one"])


def _around_sns(happening: Happening) -> dict[str, Any]:
    wrapped = notification(happening.payload, message_id=happening.key)
    return sqs(wrapped, ids=[happening.message_id])


def _around_bus(happening: Happening) -> dict[str, Any]:
    return sqs(_bus(happening), ids=[happening.message_id])


def _bus(happening: Happening, **fields: object) -> dict[str, Any]:
    return bus_event({**happening.payload, **fields}, id=happening.key, time=happening.format_utc)


def _rule(happening: Happening) -> dict[str, Any]:
    return {**sample("scheduled-event"), "id": happening.key, "time": happening.format_utc}


def _sns(happening: Happening) -> dict[str, Any]:
    said = notification(happening.payload, message_id=happening.key)
    return {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": said}]}


def _webhook(happening: Happening, now: float) -> dict[str, Any]:
    body = json.dumps(happening.payload).encode()
    headers = signed_headers(body, now=now, message_id=happening.key)
    return http(body, headers=headers, known=False)


def _keyed(happening: Happening) -> dict[str, object]:
    return {**happening.payload, "idempotency_key": happening.key}


QUEUED: Final[Mapping[str, Callable[[Happening], dict[str, Any]]]] = {
    "sqs": _plain,
    "sqs fifo": _fifo,
    "sqs around sns": _around_sns,
    "sqs around eventbridge": _around_bus,
}
DOORS: Final[Mapping[str, Callable[[Happening, float], Any]]] = {
    **{door: lambda one, _: _sqs(one) for door in QUEUED},
    "pipes": lambda one, _: _plain(one)["Records"],
    "sns": lambda one, _: _sns(one),
    "eventbridge": lambda one, _: _bus(one),
    "eventbridge, named": lambda one, _: _bus(one, name=f"by-hand-{one.number}"),
    "rule": lambda one, _: _rule(one),
    "schedule": lambda one, _: {**one.payload, "scheduled_time": one.format_utc},
    "http-api": lambda one, _: http(one.payload, headers={"Idempotency-Key": one.key}),
    "function-url": lambda one, _: http(_keyed(one), dialect="function-url", encoded=True),
    "rest-api": lambda one, _: http(
        one.payload, dialect="rest-api", headers={"Idempotency-Key": one.key}
    ),
    "webhook": _webhook,
    "direct": lambda one, _: one.payload,
    "direct, with a key": lambda one, _: _keyed(one),
}
# The door whose payload is a variable of the function, and so always of one instance.
OF_THE_FIRST_INSTANCE: Final = {"rule": INSTANCE_ID}


def happened(seconds: float) -> datetime:
    """A moment, in whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC)
