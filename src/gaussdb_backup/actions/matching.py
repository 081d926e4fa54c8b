"""Whose backup is it? Compares listed backups with a request; pure.

A name found is proof, by these rules. The instance must be the same. A derived name with a time
counts if the backup began no earlier than that time less five minutes; one without a time always
counts. An explicit name counts if the description is the same too, and if the backup began no more
than five minutes before the event, or fifteen minutes before now where the event has no time.
Everything else belongs to another event. If only the time decides and it is unreadable, the result
is inconclusive.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final, NamedTuple

from gaussdb_backup.errors import BackupError
from gaussdb_backup.gaussdb.models import Backup
from gaussdb_backup.request import CreateRequest

CLOCK_TOLERANCE: Final = timedelta(minutes=5)
TIMELESS_TOLERANCE: Final = timedelta(minutes=15)


class LookupStatus(Enum):
    """What the list shows of the name."""

    INCONCLUSIVE = auto()
    NOT_FOUND = auto()
    OWN = auto()
    OWN_FAILED = auto()
    DELETING = auto()
    OTHER = auto()


class LookupResult(NamedTuple):
    """What one look-up found.

    Args:
        status: what the list shows of the name.
        backup: this event's backup, where it is listed.
        earlier: it began before this delivery, by more than clocks may differ.
        error: why the list could not be read.
        not_authorized: it could not because there are no credentials, so that no call can succeed.
    """

    status: LookupStatus
    backup: Backup | None = None
    earlier: bool = False
    error: BackupError | None = None
    not_authorized: bool = False


def match_backups(request: CreateRequest, backups: Iterable[Backup], now: datetime) -> LookupResult:
    """Returns what these backups show about the requested name.

    Args:
        request: the request.
        backups: the backups of an instance or of the project, in any order.
        now: the time of this delivery, in UTC.
    """
    results = [_match(request, backup, now) for backup in backups if backup.name == request.name]
    return min(
        results,
        key=lambda result: _PREFERRED.index(result.status),
        default=LookupResult(status=LookupStatus.NOT_FOUND),
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
    began = backup.began_at()
    if not _fits(request, backup):
        return LookupResult(status=LookupStatus.OTHER)
    earliest = _earliest(request, now)
    if began is None and earliest is not None:
        return LookupResult(status=LookupStatus.INCONCLUSIVE, backup=backup)
    if began is not None and earliest is not None and began < earliest:
        return LookupResult(status=LookupStatus.OTHER)
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

    A caller can request a backup days ahead with a name that contains a later time. Such a
    backup must not pass for the one of that time.
    """
    if request.event_time is not None:
        return request.event_time - CLOCK_TOLERANCE
    return now - TIMELESS_TOLERANCE if request.explicit else None
