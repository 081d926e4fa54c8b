"""The JSON objects that the API sends, as far as a backup depends on them.

Source: Open Telekom Cloud, "GaussDB(openGauss) API Reference", "Creating a Manual Backup" and
"Querying Backups". Huawei's SDK marks every field of a listed backup as optional.
"""

from datetime import MAXYEAR, MINYEAR, datetime
from typing import Annotated, Literal, NamedTuple, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from gaussdb_backup import replies
from gaussdb_backup.errors import BackupError

T = TypeVar("T")

JobLookup = Literal["none", "ambiguous", "failed"]


class ApiModel(BaseModel):
    """A JSON object of the API; fields that the API adds over time are ignored."""

    model_config = ConfigDict(
        frozen=True, hide_input_in_errors=True, defer_build=True, allow_inf_nan=False
    )


def _empty_if_unreadable(value: object, read: ValidatorFunctionWrapHandler) -> object:
    try:
        return read(value)
    except ValidationError:
        return ""


def _none_if_unreadable(value: object, read: ValidatorFunctionWrapHandler) -> object:
    try:
        return read(value)
    except ValidationError:
        return None


def _encodable(text: str) -> str:
    """Refuses half of a surrogate pair: JSON can spell it, and no reply can carry it."""
    text.encode()
    return text


Text = Annotated[str, AfterValidator(_encodable)]
NonEmpty = Annotated[Text, Field(min_length=1)]
# A field without which the rest of the object is still useful: None where it cannot be read.
Readable = Annotated[T | None, WrapValidator(_none_if_unreadable)]


class Backup(ApiModel):
    """A backup as the service lists it.

    Without name, instance or status an entry says nothing. Whatever else cannot be read is None.

    Attributes:
        id: its ID; empty where it cannot be read.
        begin_time: when it began, as the service writes it; ``began_at`` reads it.
        size: in MB.
    """

    name: Text
    instance_id: Text
    status: Text
    id: Annotated[Text, WrapValidator(_empty_if_unreadable)] = ""
    description: Readable[Text] = None
    begin_time: Readable[Text] = None
    type: Readable[Text] = None
    size: Readable[float] = None
    end_time: Readable[Text] = None

    def began_at(self) -> datetime | None:
        """When it began; None if the service gives no time, or one without a zone."""
        return parse_zoned_time(self.begin_time or "")

    def as_reply(self) -> replies.BackupReply:
        """The fields that the service returns when it accepts a backup."""
        return replies.BackupReply(
            id=self.id or None,
            name=self.name,
            description=self.description,
            begin_time=self.begin_time,
            status=self.status,
            type=self.type,
            instance_id=self.instance_id,
        )

    def as_listed_reply(self) -> replies.ListedBackupReply:
        """The fields that the service returns in its list."""
        return replies.ListedBackupReply(**self.as_reply(), size=self.size, end_time=self.end_time)


class AcceptedBackup(Backup):
    """A backup as the service accepts it: all documented fields are there."""

    id: NonEmpty
    description: Text | None = None
    begin_time: Text
    type: Text


class CreateResponse(ApiModel):
    """The documented response to a create request."""

    backup: AcceptedBackup
    job_id: NonEmpty


class NotAuthorized(NamedTuple):
    """The request was not sent, or not again, because there are no credentials to send it with.

    A failed log-in is no failed request: nobody must repeat it (CONTRACT 3).
    """

    error: BackupError


class Job(NamedTuple):
    """The task that made a backup, or why none is known.

    Args:
        id: the job ID.
        lookup: why there is no job ID: no task fits, several fit equally well, or the list of tasks
            could not be read.
        fail_reason: why the task failed, as the service says it, without anything secret.
    """

    id: str | None = None
    lookup: JobLookup | None = None
    fail_reason: str | None = None


def parse_zoned_time(text: str) -> datetime | None:
    """Parses a time of the API, such as ``2022-05-09T18:02:31+0800``.

    A time without a zone may be any of 26 hours, so it is none. Instances have times such as
    ``2021-01-15 01:46:40 UTC``. At the ends of the calendar minutes cannot be added or subtracted.

    Returns:
        The aware time, or None.
    """
    if text.endswith(" UTC"):
        text = text.removesuffix(" UTC") + "Z"
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None and MINYEAR < time.year < MAXYEAR else None
