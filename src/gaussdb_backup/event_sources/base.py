"""What all event sources share, and how to read JSON from outside without trusting its shape."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple, cast

from pydantic import JsonValue

from gaussdb_backup.clock import Deadline
from gaussdb_backup.errors import BackupError, InvalidRequest
from gaussdb_backup.event_sources.webhook_keys import WebhookKeys
from gaussdb_backup.payload_validation import invalid_request
from gaussdb_backup.replies import Reply
from gaussdb_backup.request import Delivery


class EventContext(NamedTuple):
    """What an event source needs to read an event, besides the event.

    Args:
        request_id: the invocation's request ID.
        default_payload: the payload of a scheduled event, which carries none.
        webhook_keys: verifies signed webhooks.
        deadline: the end of the invocation.
        supported: the shapes of all event sources in words, for an event that has none of them.
    """

    request_id: str
    default_payload: JsonValue
    webhook_keys: WebhookKeys
    deadline: Deadline
    supported: str

    def unsupported_event(self) -> InvalidRequest:
        """The error for an event, or an event inside a message, that has no supported shape."""
        return invalid_request("", f"is none of: {self.supported}")


class DeliveryResult(NamedTuple):
    """How one delivery ended.

    Args:
        delivery: the delivery.
        end: the reply or the error; None if it was not attempted, because an earlier delivery of
            its group failed.
        backup_name: the name of the backup, where it is known.
    """

    delivery: Delivery
    end: Reply | BackupError | None
    backup_name: str | None = None


class EventSource(ABC):
    """An event source: how to recognise its events, read them and respond to them.

    Attributes:
        trigger: its name in the logs.
        shape: the fields by which its events are recognised, in words.
        max_seconds: how long its caller waits for the response.
    """

    trigger: ClassVar[str]
    shape: ClassVar[str]
    max_seconds: ClassVar[float] = math.inf

    @abstractmethod
    def matches(self, event: JsonValue) -> bool:
        """Whether an event is from this source. Never raises, whatever the event is."""

    @abstractmethod
    def deliveries(self, event: JsonValue, context: EventContext) -> Sequence[Sequence[Delivery]]:
        """The deliveries of an event that matches, in groups.

        Deliveries of one group are processed in order, up to the first failure. Groups do not wait
        for each other.
        """

    @abstractmethod
    def response(self, results: Sequence[DeliveryResult]) -> JsonValue:
        """What the function returns for the results of all deliveries.

        Raises:
            BackupError: a delivery failed, and this event source reports that as an exception.
        """

    def failure(self, error: BackupError, request_id: str) -> JsonValue:  # noqa: ARG002 - for HTTP
        """What the function returns for an event that could not be read.

        Args:
            error: why not.
            request_id: the invocation's request ID.

        Raises:
            BackupError: the error, unless this event source returns errors.
        """
        raise error.with_traceback(None)


class SingleDelivery(EventSource):
    """An event source whose events are one delivery and whose response is the reply itself."""

    @abstractmethod
    def delivery(self, event: JsonValue, context: EventContext) -> Delivery:
        """The one delivery of an event that matches."""

    def deliveries(self, event: JsonValue, context: EventContext) -> Sequence[Sequence[Delivery]]:
        """One group of one delivery."""
        return [[self.delivery(event, context)]]

    def response(self, results: Sequence[DeliveryResult]) -> JsonValue:
        """The reply.

        Raises:
            BackupError: the delivery failed.
        """
        return replies_or_raise(results)[0]


def replies_or_raise(results: Sequence[DeliveryResult]) -> list[JsonValue]:
    """The replies of all deliveries.

    Raises:
        BackupError: the first failure. Its message names the backup, so that whoever reads it can
            find the backup or ask again. The traceback is removed, because Lambda would show the
            function's stack frames to every synchronous caller and destination.
    """
    for result in results:
        error = result.end
        if isinstance(error, BackupError):
            if result.backup_name:
                error.args = (f"{error.detail}; backup name {result.backup_name}",)
            raise error.with_traceback(None)
    return [cast("JsonValue", result.end) for result in results]


def mapping(value: object) -> Mapping[str, JsonValue]:
    """A JSON object as it is, anything else as an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> Sequence[JsonValue]:
    """A JSON array as it is, anything else as an empty one."""
    return value if isinstance(value, list) else []


def text(value: object) -> str | None:
    """A text that is not empty and that UTF-8 can encode, or None.

    JSON can spell half of a surrogate pair, which no log line could show.
    """
    if not isinstance(value, str) or not value:
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value
