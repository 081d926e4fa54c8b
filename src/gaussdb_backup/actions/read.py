"""Status, check and verify: what only reads. The list of backups is the truth.

The job API is documented in contradictory ways for manual backups, so no answer depends on it.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from gaussdb_backup.errors import (
    BackupNotFound,
    BackupStale,
    InstanceNotFound,
    ServiceUnavailable,
)
from gaussdb_backup.gaussdb.api import GaussDB
from gaussdb_backup.gaussdb.models import Backup
from gaussdb_backup.gaussdb.pagination import Instance, Job, find_instance, find_job, list_backups
from gaussdb_backup.payload_models import CheckRequest, StatusRequest, VerifyRequest

StatusOutcome = Literal["building", "completed", "failed"]
Readiness = Literal["ready", "busy", "not_ready"]

OUTCOME_BY_STATUS: Final[Mapping[str, StatusOutcome]] = {
    "BUILDING": "building",
    "COMPLETED": "completed",
    "FAILED": "failed",
}
BUSY_STATUSES: Final = frozenset(
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


class StatusResult(NamedTuple):
    """How far a backup has come."""

    outcome: StatusOutcome
    backup: Backup
    job: Job


class BackupAge(NamedTuple):
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


def read_status(request: StatusRequest, gaussdb: GaussDB) -> StatusResult:
    """How far one backup has come.

    Raises:
        BackupNotFound: the list does not show it, or shows it being deleted.
        BackupError: the list cannot be read.
    """
    query = {"instance_id": request.instance_id}
    if request.backup_id is not None:
        query["backup_id"] = request.backup_id
    found = [backup for backup in list_backups(gaussdb, **query) if _is_meant(request, backup)]
    if not found:
        raise BackupNotFound("the service lists no such backup of this instance")
    backup = max(found, key=lambda one: (one.status in OUTCOME_BY_STATUS, _began(one)))
    if backup.status == "DELETING":
        raise BackupNotFound("the backup is being deleted")
    if backup.status not in OUTCOME_BY_STATUS:
        raise ServiceUnavailable("the service lists the backup in a state that is not documented")
    return StatusResult(OUTCOME_BY_STATUS[backup.status], backup, find_job(gaussdb, backup))


def check_instance(request: CheckRequest, gaussdb: GaussDB) -> tuple[Readiness, Instance]:
    """Whether an instance could take a backup now.

    Raises:
        InstanceNotFound: the service does not list it.
        BackupError: the list of instances cannot be read.
    """
    found = find_instance(gaussdb, request.instance_id)
    if found is None:
        raise InstanceNotFound("the service lists no such instance")
    return readiness(found.status), found


def readiness(status: str) -> Readiness:
    """What an instance's state means for a backup; an unknown one is no good sign."""
    if status == "ACTIVE":
        return "ready"
    return "busy" if status in BUSY_STATUSES else "not_ready"


def newest_backup_age(request: VerifyRequest, gaussdb: GaussDB) -> BackupAge:
    """The age of the newest completed backup that holds something.

    Raises:
        BackupError: the list cannot be read.
    """
    listed = list_backups(gaussdb, instance_id=request.instance_id)
    manual = [backup for backup in listed if backup.type == "manual"]
    whole = [
        backup
        for backup in listed
        if backup.status == "COMPLETED" and (backup.size or 0) > 0 and backup.began_at() is not None
    ]
    newest = max(whole, key=_began, default=None)
    hours = None
    if newest is not None:
        seconds = gaussdb.deadline.clock.now() - _began(newest)
        hours = max(0.0, seconds / SECONDS_PER_HOUR)
    return BackupAge(newest, hours, len(manual), sum(backup.size or 0.0 for backup in manual))


def stale_error(age: BackupAge) -> BackupStale:
    """The error that says why an age will not do."""
    if age.hours is None:
        return BackupStale("the service lists no completed backup of this instance")
    return BackupStale(f"the newest completed backup is {age.hours:.1f} hours old")


def _is_meant(request: StatusRequest, backup: Backup) -> bool:
    if backup.instance_id != request.instance_id:
        return False
    return request.backup_id == backup.id or request.name == backup.name


def _began(backup: Backup) -> float:
    began = backup.began_at()
    return began.timestamp() if began is not None else 0.0
