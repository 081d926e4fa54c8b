"""The documents that the API answers with, as far as a backup depends on them.

A document that lacks one of these parts, or has it in another form, is not the documented one.
"""

from datetime import MAXYEAR, MINYEAR, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gaussdb_backup import replies


class ApiModel(BaseModel):
    """A part of an answer; what the API adds over time is left alone."""

    model_config = ConfigDict(
        frozen=True, hide_input_in_errors=True, defer_build=True, allow_inf_nan=False
    )


class Backup(ApiModel):
    """A backup as the service names its parts; size (MB) and end only where it is listed."""

    id: Annotated[str, Field(min_length=1)]
    name: str
    description: str | None = None
    begin_time: str
    status: str
    type: str
    instance_id: str
    size: float | None = None
    end_time: str | None = None

    def began_at(self) -> datetime | None:
        """When it began, where the service says it with a zone."""
        return parse_zoned_time(self.begin_time)

    def as_reply(self) -> replies.BackupReply:
        """The parts that the service names when it accepts a backup."""
        return replies.BackupReply(
            id=self.id,
            name=self.name,
            description=self.description,
            begin_time=self.begin_time,
            status=self.status,
            type=self.type,
            instance_id=self.instance_id,
        )

    def as_listed_reply(self) -> replies.ListedBackupReply:
        """The parts that the service names in its list."""
        return replies.ListedBackupReply(**self.as_reply(), size=self.size, end_time=self.end_time)


class CreateResponse(ApiModel):
    """The documented answer to a create request."""

    backup: Backup
    job_id: Annotated[str, Field(min_length=1)]


def parse_zoned_time(text: str) -> datetime | None:
    """A time of the API, such as ``2022-05-09T18:02:31+0800``, or None if it tells no zone.

    Nor is there one at the ends of the calendar, where minutes cannot be added or taken away.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None and MINYEAR < time.year < MAXYEAR else None
