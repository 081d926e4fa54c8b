"""What every door has in common, and how foreign JSON is read without believing it."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from pydantic import JsonValue

from gaussdb_backup.errors import BackupError
from gaussdb_backup.payload_models import invalid_request
from gaussdb_backup.replies import Reply
from gaussdb_backup.request import Delivery

SUPPORTED: Final = (
    "is none of: a payload with instance_id; a Scheduled Event (detail-type, time, resources or "
    "id); an EventBridge event (detail-type, id, detail); an HTTP request of API Gateway or a "
    "function URL (requestContext.http, or httpMethod); Records, or a list, of SQS messages "
    "(eventSource aws:sqs, messageId, body); Records of SNS (EventSource aws:sns, Sns)"
)


class DeliveryResult(NamedTuple):
    """How one delivery ended: with a reply, or with an error.

    Args:
        end: the reply, or what went wrong.
        backup_name: the name that was or would have been asked for, where it is known.
    """

    end: Reply | BackupError
    backup_name: str | None = None


def error_to_raise(outcome: DeliveryResult, error: BackupError) -> BackupError:
    """An error as a door raises it: with the name under which to find the backup, or ask again.

    Lambda shows every synchronous caller and destination the frames that it came through; those of
    our inside are none of theirs.
    """
    if outcome.backup_name:
        error.args = (f"{error.detail}; backup name {outcome.backup_name}",)
    return error.with_traceback(None)


class EventSource(Protocol):
    """An event at one door."""

    @property
    def groups(self) -> Sequence[Sequence[Delivery]]:
        """The event's deliveries: each group in order, all groups side by side."""

    def answer(self, outcomes: Sequence[Sequence[DeliveryResult]]) -> JsonValue:
        """What the caller gets; a group that stopped early has fewer outcomes than deliveries.

        Raises:
            BackupError: this door tells a failure by raising it.
        """


def mapping(value: object) -> Mapping[str, JsonValue]:
    """A JSON object as it is, anything else as an empty one."""
    return value if isinstance(value, dict) else {}


def listed(value: object) -> Sequence[JsonValue]:
    """A JSON array as it is, anything else as an empty one."""
    return value if isinstance(value, list) else []


def text(value: object) -> str | None:
    """A text that is not empty, or None; half of a surrogate pair is no text that UTF-8 knows."""
    if not isinstance(value, str) or not value:
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value


def unsupported_event() -> BackupError:
    """The refusal of an event that no door recognises."""
    return invalid_request("", SUPPORTED)
