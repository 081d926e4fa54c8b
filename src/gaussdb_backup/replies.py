"""The JSON objects that callers get back.

What the service did not give, or not in a readable form, is null.
"""

from typing import Literal, TypedDict


class BackupReply(TypedDict):
    """A backup, with the fields that the service returns when it accepts one."""

    id: str | None
    name: str
    description: str | None
    begin_time: str | None
    status: str
    type: str | None
    instance_id: str


class ListedBackupReply(BackupReply):
    """A backup as the service lists it: with its size in MB and its end."""

    size: float | None
    end_time: str | None


class CreateReply(TypedDict):
    """The reply to ``create``: this event's backup, made now or already there."""

    outcome: Literal["created", "existing"]
    job_id: str | None
    backup: BackupReply


class StatusReply(TypedDict):
    """The reply to ``status``: how far a backup has come."""

    outcome: Literal["building", "completed", "failed"]
    backup: ListedBackupReply
    job_id: str | None


class InstanceReply(TypedDict):
    """An instance as ``check`` shows it."""

    id: str
    name: str | None
    status: str


class CheckReply(TypedDict):
    """The reply to ``check``: whether the instance could take a backup now."""

    outcome: Literal["ready", "busy", "not_ready"]
    instance: InstanceReply


class VerifyReply(TypedDict):
    """The reply to ``verify``: the newest completed backup, and the sum of all manual ones."""

    outcome: Literal["fresh"]
    backup: ListedBackupReply
    age_hours: float
    manual_backups: int
    manual_mb: float


class SelectedBackupReply(TypedDict):
    """A backup that the retention policy does not keep; size in MB."""

    id: str
    name: str
    begin_time: str
    size: float | None


class FailedDeletionReply(TypedDict):
    """A backup that was selected and not deleted, with the service's code where it gave one."""

    id: str
    name: str
    error_code: str | None


class PruneReply(TypedDict):
    """The reply to ``prune``: what the policy keeps, and what was deleted of the rest."""

    outcome: Literal["pruned", "reported"]
    instance_id: str
    kept: int
    unmanaged: int
    selected: list[SelectedBackupReply]
    deleted: list[str]
    failed: list[FailedDeletionReply]
    freed_mb: float


Reply = CreateReply | StatusReply | CheckReply | VerifyReply | PruneReply
