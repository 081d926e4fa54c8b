"""What the list of backups shows of a name: this event's backup, another's, or none."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from gaussdb_backup.actions.create_state import LookupResult, LookupStatus
from gaussdb_backup.errors import BackupError
from gaussdb_backup.gaussdb.api import GaussDB
from gaussdb_backup.gaussdb.models import Backup
from gaussdb_backup.gaussdb.pagination import list_backups
from gaussdb_backup.request import CreateRequest

CLOCK_TOLERANCE: Final = timedelta(minutes=5)
TIMELESS_TOLERANCE: Final = timedelta(minutes=15)


def look_up(
    request: CreateRequest, gaussdb: GaussDB, now: datetime, *, everywhere: bool
) -> LookupResult:
    """Reads the list and says what it shows.

    Args:
        request: the request.
        gaussdb: the API.
        now: the time of this delivery, in UTC.
        everywhere: an explicit name may belong to a backup of another instance; look there too.
    """
    try:
        listed = list_backups(gaussdb, instance_id=request.instance_id, backup_type="manual")
        seen = match_backups(request, listed, now)
        if seen.status is LookupStatus.NOT_FOUND and request.explicit and everywhere:
            return match_backups(request, list_backups(gaussdb, backup_type="manual"), now)
    except BackupError:
        return LookupResult(LookupStatus.INCONCLUSIVE)
    return seen


def match_backups(request: CreateRequest, listed: Iterable[Backup], now: datetime) -> LookupResult:
    """What a list of backups shows of the name that a request asks for.

    Args:
        request: the request.
        listed: the backups, in whatever order.
        now: the time of this delivery, in UTC.
    """
    seen = [_seen(request, backup, now) for backup in listed if backup.name == request.name]
    return min(
        seen,
        key=lambda one: _PREFERRED.index(one.status),
        default=LookupResult(LookupStatus.NOT_FOUND),
    )


_PREFERRED: Final = (
    LookupStatus.OWN,
    LookupStatus.INCONCLUSIVE,
    LookupStatus.DELETING,
    LookupStatus.OWN_FAILED,
    LookupStatus.OTHER,
)
_BY_STATUS: Final = {
    "BUILDING": LookupStatus.OWN,
    "COMPLETED": LookupStatus.OWN,
    "FAILED": LookupStatus.OWN_FAILED,
    "DELETING": LookupStatus.DELETING,
}


def _seen(request: CreateRequest, backup: Backup, now: datetime) -> LookupResult:
    if not _is_ours(request, backup, now):
        return LookupResult(LookupStatus.OTHER)
    began = backup.began_at()
    earlier = began is not None and began < now - CLOCK_TOLERANCE
    return LookupResult(_BY_STATUS.get(backup.status, LookupStatus.INCONCLUSIVE), backup, earlier)


def _is_ours(request: CreateRequest, backup: Backup, now: datetime) -> bool:
    """A derived name is nobody else's; an explicit one may be anybody's."""
    if backup.instance_id != request.instance_id:
        return False
    if not request.explicit:
        return True
    if request.event_time is None:
        earliest = now - TIMELESS_TOLERANCE
    else:
        earliest = request.event_time - CLOCK_TOLERANCE
    began = backup.began_at()
    same_description = (backup.description or "") == (request.description or "")
    return same_description and began is not None and began >= earliest
