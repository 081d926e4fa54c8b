"""The JSON objects that the API sends, as far as a backup depends on them.

Source: Open Telekom Cloud, "GaussDB(openGauss) API Reference", "Creating a Manual Backup" and
"Querying Backups". Huawei's SDK marks every field of a listed backup as optional.
"""

from collections.abc import Hashable
from datetime import MAXYEAR, MINYEAR, datetime
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gaussdb_backup import replies
from gaussdb_backup.errors import BackupError

JobLookup = Literal["none", "ambiguous", "failed"]


class ApiModel(BaseModel):
    """A JSON object of the API; fields that the API adds over time are ignored."""

    model_config = ConfigDict(
        frozen=True, hide_input_in_errors=True, defer_build=True, allow_inf_nan=False
    )

    def identity(self) -> Hashable:
        """What no other entry of a list has, whatever else changes between two pages."""
        return self


NonEmpty = Annotated[str, Field(min_length=1)]


class Backup(ApiModel):
    """A backup as the service lists it; whatever has a default may be missing.

    Attributes:
        id: its ID, or empty.
        begin_time: when it began, as the service writes it; ``began_at`` reads it.
        size: in MB.
    """

    name: str
    instance_id: str
    status: str
    id: str = ""
    description: str | None = None
    begin_time: str | None = None
    type: str | None = None
    size: float | None = None
    end_time: str | None = None

    def identity(self) -> Hashable:
        """Its ID; of a backup without one, all that the list shows."""
        return self.id or self

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


class CreateResponse(ApiModel):
    """The documented response to a create request."""

    backup: Backup
    job_id: NonEmpty

    @field_validator("backup")
    @classmethod
    def _is_complete(cls, backup: Backup) -> Backup:
        if not backup.id or backup.begin_time is None or backup.type is None:
            raise ValueError("a documented field is missing")
        return backup


class NotAuthorized(NamedTuple):
    """The request was not sent, or not again, because there are no credentials to send it with.

    A failed log-in is no failed request, so it is not repeated.
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
