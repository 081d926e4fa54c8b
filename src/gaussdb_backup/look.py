"""What the list of backups shows of a name: this event's backup, another's, or none."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from gaussdb_backup.decision import Seen, Sight
from gaussdb_backup.documents import Backup
from gaussdb_backup.errors import BackupError
from gaussdb_backup.gaussdb import GaussDB
from gaussdb_backup.lists import backups
from gaussdb_backup.payload import Create

CLOCK_TOLERANCE: Final = timedelta(minutes=5)
TIMELESS_TOLERANCE: Final = timedelta(minutes=15)


def look(request: Create, gaussdb: GaussDB, now: datetime, *, everywhere: bool) -> Seen:
    """Reads the list and says what it shows.

    Args:
        request: the request.
        gaussdb: the API.
        now: the time of this delivery, in UTC.
        everywhere: an explicit name may belong to a backup of another instance; look there too.
    """
    try:
        listed = backups(gaussdb, instance_id=request.instance_id, backup_type="manual")
        seen = recognise(request, listed, now)
        if seen.sight is Sight.ABSENT and request.explicit and everywhere:
            return recognise(request, backups(gaussdb, backup_type="manual"), now)
    except BackupError:
        return Seen(Sight.UNREADABLE)
    return seen


def recognise(request: Create, listed: Iterable[Backup], now: datetime) -> Seen:
    """What a list of backups shows of the name that a request asks for.

    Args:
        request: the request.
        listed: the backups, in whatever order.
        now: the time of this delivery, in UTC.
    """
    seen = [_seen(request, backup, now) for backup in listed if backup.name == request.name]
    return min(seen, key=lambda one: _PREFERRED.index(one.sight), default=Seen(Sight.ABSENT))


_PREFERRED: Final = (
    Sight.OURS,
    Sight.UNREADABLE,
    Sight.OURS_LEAVING,
    Sight.OURS_FAILED,
    Sight.FOREIGN,
)
_BY_STATUS: Final = {
    "BUILDING": Sight.OURS,
    "COMPLETED": Sight.OURS,
    "FAILED": Sight.OURS_FAILED,
    "DELETING": Sight.OURS_LEAVING,
}


def _seen(request: Create, backup: Backup, now: datetime) -> Seen:
    if not _is_ours(request, backup, now):
        return Seen(Sight.FOREIGN)
    began = backup.began()
    earlier = began is not None and began < now - CLOCK_TOLERANCE
    return Seen(_BY_STATUS.get(backup.status, Sight.UNREADABLE), backup, earlier)


def _is_ours(request: Create, backup: Backup, now: datetime) -> bool:
    """A derived name is nobody else's; an explicit one may be anybody's."""
    if backup.instance_id != request.instance_id:
        return False
    if not request.explicit:
        return True
    if request.event_time is None:
        earliest = now - TIMELESS_TOLERANCE
    else:
        earliest = request.event_time - CLOCK_TOLERANCE
    began = backup.began()
    same_description = (backup.description or "") == (request.description or "")
    return same_description and began is not None and began >= earliest
