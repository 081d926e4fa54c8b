"""What the list of backups shows of a name: this event's backup, another's, or none."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from gaussdb_backup.actions.create_state import LookupResult, LookupStatus
from gaussdb_backup.gaussdb.api import GaussDB
from gaussdb_backup.gaussdb.models import Backup
from gaussdb_backup.gaussdb.pages import Listing
from gaussdb_backup.gaussdb.pagination import list_backups
from gaussdb_backup.request import CreateRequest

CLOCK_TOLERANCE: Final = timedelta(minutes=5)
TIMELESS_TOLERANCE: Final = timedelta(minutes=15)


def look_up(
    request: CreateRequest, gaussdb: GaussDB, now: datetime, *, everywhere: bool
) -> LookupResult:
    """Reads the list of backups and says what it shows of the name.

    Args:
        request: the request.
        gaussdb: the API, for this delivery.
        now: the time of this delivery, in UTC.
        everywhere: look through the whole project if the instance's list lacks the name. Names are
            unique in the project, so the backup may be another instance's.
    """

    def shows_name(backups: Sequence[Backup]) -> bool:
        return any(backup.name == request.name for backup in backups)

    def read(instance_id: str | None) -> Listing[Backup]:
        return list_backups(
            gaussdb, instance_id=instance_id, is_enough=shows_name, backup_type="manual"
        )

    listing = read(request.instance_id)
    if everywhere and not listing.error and not shows_name(listing.entries):
        listing = read(None)
    result = match_backups(request, listing.entries, now)
    if result.status is LookupStatus.NOT_FOUND and not listing.is_whole:
        return LookupResult(
            status=LookupStatus.INCONCLUSIVE,
            error=listing.error,
            not_authorized=gaussdb.auth_error is not None,
        )
    return result


def match_backups(request: CreateRequest, backups: Iterable[Backup], now: datetime) -> LookupResult:
    """Says what these backups show of the name that a request asks for; pure.

    Args:
        request: the request.
        backups: the backups of an instance or of the project, in any order.
        now: the time of this delivery, in UTC.
    """
    results = [_match(request, backup, now) for backup in backups if backup.name == request.name]
    return min(
        results,
        key=lambda result: _PREFERRED.index(result.status),
        default=LookupResult(LookupStatus.NOT_FOUND),
    )


# The list may show two backups of one name while one of them is being deleted.
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


def _match(request: CreateRequest, backup: Backup, now: datetime) -> LookupResult:
    """Says whose backup it is, by CONTRACT 4, "Whose backup is it?"."""
    began = backup.began_at()
    if not _fits(request, backup):
        return LookupResult(LookupStatus.OTHER)
    earliest = _earliest(request, now)
    if began is None and earliest is not None:
        return LookupResult(LookupStatus.INCONCLUSIVE, backup)
    if began is not None and earliest is not None and began < earliest:
        return LookupResult(LookupStatus.OTHER)
    return LookupResult(
        status=_BY_STATUS.get(backup.status, LookupStatus.INCONCLUSIVE),
        backup=backup,
        earlier=began is not None and began < now - CLOCK_TOLERANCE,
    )


def _fits(request: CreateRequest, backup: Backup) -> bool:
    """Whether instance and, of a name that anybody may choose, the description are the same."""
    same_description = (backup.description or "") == (request.description or "")
    is_described = same_description or not request.explicit
    return backup.instance_id == request.instance_id and is_described


def _earliest(request: CreateRequest, now: datetime) -> datetime | None:
    """The time before which this event's backup cannot have begun; None if there is no such time.

    Whoever may ask for a backup can ask days ahead under a name that has a time in it. Such a
    backup must not pass for the one of that time.
    """
    if request.event_time is not None:
        return request.event_time - CLOCK_TOLERANCE
    return now - TIMELESS_TOLERANCE if request.explicit else None
