"""Status, check and verify: what only reads. The list of backups is the truth.

The job API is documented in contradictory ways for manual backups, so no answer depends on it.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from gaussdb_backup.documents import Backup
from gaussdb_backup.errors import (
    BackupNotFound,
    BackupStale,
    InstanceNotFound,
    ServiceUnavailable,
)
from gaussdb_backup.fields import Check, Status, Verify
from gaussdb_backup.gaussdb import GaussDB
from gaussdb_backup.lists import Instance, Job, backups, instance, job_of

Progress = Literal["building", "completed", "failed"]
Readiness = Literal["ready", "busy", "not_ready"]

PROGRESS: Final[Mapping[str, Progress]] = {
    "BUILDING": "building",
    "COMPLETED": "completed",
    "FAILED": "failed",
}
BUSY: Final = frozenset(
    {
        "BACKING UP",
        "MODIFYING",
        "EXPANDING",
        "REBOOTING",
        "UPGRADING",
        "RESTORING",
        "SWITCHOVER",
        "MIGRATING",
        "REPAIRING",
        "REDUCING REPLICATION",
    }
)
SECONDS_PER_HOUR: Final = 3600


class Watched(NamedTuple):
    """How far a backup has come."""

    outcome: Progress
    backup: Backup
    job: Job


class Age(NamedTuple):
    """The newest completed backup, and what the manual ones add up to.

    Args:
        backup: the newest completed backup of any type, if there is one.
        hours: its age.
        manual_backups: how many manual backups are listed.
        manual_mb: their size together, in MB.
    """

    backup: Backup | None
    hours: float | None
    manual_backups: int
    manual_mb: float


def watch(request: Status, gaussdb: GaussDB) -> Watched:
    """How far one backup has come.

    Raises:
        BackupNotFound: the list does not show it, or shows it being deleted.
        BackupError: the list cannot be read.
    """
    query = {"instance_id": request.instance_id}
    if request.backup_id is not None:
        query["backup_id"] = request.backup_id
    found = [backup for backup in backups(gaussdb, **query) if _is_meant(request, backup)]
    if not found:
        raise BackupNotFound("the service lists no such backup of this instance")
    backup = max(found, key=lambda one: (one.status in PROGRESS, _began(one)))
    if backup.status == "DELETING":
        raise BackupNotFound("the backup is being deleted")
    if backup.status not in PROGRESS:
        raise ServiceUnavailable("the service lists the backup in a state that is not documented")
    return Watched(PROGRESS[backup.status], backup, job_of(gaussdb, backup))


def check(request: Check, gaussdb: GaussDB) -> tuple[Readiness, Instance]:
    """Whether an instance could take a backup now.

    Raises:
        InstanceNotFound: the service does not list it.
        BackupError: the list of instances cannot be read.
    """
    found = instance(gaussdb, request.instance_id)
    if found is None:
        raise InstanceNotFound("the service lists no such instance")
    return readiness(found.status), found


def readiness(status: str) -> Readiness:
    """What an instance's state means for a backup; an unknown one is no good sign."""
    if status == "ACTIVE":
        return "ready"
    return "busy" if status in BUSY else "not_ready"


def age_of_newest(request: Verify, gaussdb: GaussDB) -> Age:
    """The age of the newest completed backup that holds something.

    Raises:
        BackupError: the list cannot be read.
    """
    listed = backups(gaussdb, instance_id=request.instance_id)
    manual = [backup for backup in listed if backup.type == "manual"]
    whole = [
        backup
        for backup in listed
        if backup.status == "COMPLETED" and (backup.size or 0) > 0 and backup.began() is not None
    ]
    newest = max(whole, key=_began, default=None)
    hours = None
    if newest is not None:
        seconds = gaussdb.deadline.clock.now() - _began(newest)
        hours = max(0.0, seconds / SECONDS_PER_HOUR)
    return Age(newest, hours, len(manual), sum(backup.size or 0.0 for backup in manual))


def stale(age: Age) -> BackupStale:
    """The error that says why an age will not do."""
    if age.hours is None:
        return BackupStale("the service lists no completed backup of this instance")
    return BackupStale(f"the newest completed backup is {age.hours:.1f} hours old")


def _is_meant(request: Status, backup: Backup) -> bool:
    if backup.instance_id != request.instance_id:
        return False
    return request.backup_id == backup.id or request.name == backup.name


def _began(backup: Backup) -> float:
    began = backup.began()
    return began.timestamp() if began is not None else 0.0
