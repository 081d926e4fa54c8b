"""The read-only actions: status, check and verify. The list of backups is the truth.

The job API is documented in contradictory ways for manual backups, so no outcome depends on it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, Literal, NamedTuple

from gaussdb_backup.errors import (
    BackupNotFound,
    BackupStale,
    InstanceNotFound,
    ServiceUnavailable,
)
from gaussdb_backup.gaussdb.api import GaussDB
from gaussdb_backup.gaussdb.models import Backup, Job
from gaussdb_backup.gaussdb.pagination import (
    Instance,
    check_list_access,
    find_instance,
    list_backups,
)
from gaussdb_backup.gaussdb.tasks import find_job
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
    """The newest completed backup, and the number and size of all manual ones.

    Args:
        backup: the newest completed backup of any type, if there is one.
        hours: its age.
        undated: how many completed backups have no readable time, so that they may be newer.
        manual_backups: how many manual backups are listed.
        manual_mb: their total size in MB.
    """

    backup: Backup | None
    hours: float | None
    undated: int
    manual_backups: int
    manual_mb: float


def read_status(request: StatusRequest, gaussdb: GaussDB) -> StatusResult:
    """Reads how far one backup has come.

    Raises:
        BackupNotFound: the list does not show it, or shows it being deleted.
        BackupError: the list cannot be read.
    """
    listing = list_backups(
        gaussdb,
        instance_id=request.instance_id,
        is_enough=lambda backups: any(_is_meant(request, backup) for backup in backups),
        **({"backup_id": request.backup_id} if request.backup_id else {}),
    )
    found = [backup for backup in listing.entries if _is_meant(request, backup)]
    if not found:
        listing.whole()  # raises where the list may have more entries than were read
        raise BackupNotFound("the service lists no such backup of this instance")
    backup = max(found, key=lambda one: (one.status in OUTCOME_BY_STATUS, _began(one)))
    if backup.status == "DELETING":
        raise BackupNotFound("the backup is being deleted")
    if backup.status not in OUTCOME_BY_STATUS:
        raise ServiceUnavailable("the service lists the backup in a state that is not documented")
    return StatusResult(
        outcome=OUTCOME_BY_STATUS[backup.status], backup=backup, job=find_job(gaussdb, backup)
    )


def check_instance(request: CheckRequest, gaussdb: GaussDB) -> tuple[Readiness, Instance]:
    """Reads whether an instance could take a backup now, and whether backups can be listed.

    Raises:
        InstanceNotFound: the service does not list it.
        BackupError: one of the two lists cannot be read. Without the right to list backups a
            lost response cannot be looked up, and a check shows that before the night.
    """
    instance = find_instance(gaussdb, request.instance_id)
    if instance is None:
        raise InstanceNotFound("the service lists no such instance")
    check_list_access(gaussdb, request.instance_id)
    return readiness(instance.status), instance


def readiness(status: str) -> Readiness:
    """Maps an instance's status to its readiness; an unknown status is not ready."""
    if status == "ACTIVE":
        return "ready"
    return "busy" if status in BUSY_STATUSES else "not_ready"


def newest_backup_age(request: VerifyRequest, gaussdb: GaussDB) -> BackupAge:
    """Reads the age of the newest completed backup.

    Raises:
        ServiceUnavailable: the list, or a time in it, cannot be read, so that there may be a newer
            backup than those that can be read.
        BackupError: the list is refused.
    """
    now = gaussdb.deadline.clock.utc()

    def is_fresh(age: BackupAge) -> bool:
        return age.hours is not None and age.hours <= request.max_age_hours

    listing = list_backups(
        gaussdb,
        instance_id=request.instance_id,
        is_enough=lambda backups: is_fresh(measure_age(backups, now)),
    )
    age = measure_age(listing.entries, now)
    if not is_fresh(age):
        listing.whole()  # raises where the list may have more entries than were read
        if age.undated:
            raise ServiceUnavailable(
                f"the service lists {age.undated} completed backup(s) whose begin_time has no"
                " zone or is no time, so that their age is not known"
            )
    return age


def measure_age(backups: Iterable[Backup], now: datetime) -> BackupAge:
    """Measures the age of the newest completed backup that holds something; pure.

    Args:
        backups: the backups of one instance.
        now: the time, in UTC.
    """
    backups = list(backups)
    manual = [backup for backup in backups if backup.type == "manual"]
    completed = [one for one in backups if one.status == "COMPLETED" and (one.size or 0) > 0]
    dated = [backup for backup in completed if backup.began_at() is not None]
    newest = max(dated, key=_began, default=None)
    hours = None
    if newest is not None:
        hours = max(0.0, (now.timestamp() - _began(newest)) / SECONDS_PER_HOUR)
    return BackupAge(
        backup=newest,
        hours=hours,
        undated=len(completed) - len(dated),
        manual_backups=len(manual),
        manual_mb=sum(backup.size or 0.0 for backup in manual),
    )


def stale_error(age: BackupAge) -> BackupStale:
    """The error for a backup that is too old or missing."""
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
