"""Exactly one backup per event: asks, and finds out when the answer is lost.

The API has no idempotency key, but refuses a second backup of one name, and the name follows from
the event. So asking again for the same name is always safe; what must never happen is a wrong
answer. ``decision`` says what to do next, and the loop here only does what it says.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from gaussdb_backup.decision import (
    Call,
    Fail,
    Finish,
    Known,
    Outcome,
    Pause,
    Seen,
    Sight,
    next_step,
)
from gaussdb_backup.documents import Accepted, Backup
from gaussdb_backup.errors import BackupError, NameTaken, OutcomeUnknown
from gaussdb_backup.gaussdb import GaussDB, Job
from gaussdb_backup.patience import SHORTEST_CALL_SECONDS, backoff
from gaussdb_backup.payload import Create

CLOCK_TOLERANCE: Final = timedelta(minutes=5)
TIMELESS_TOLERANCE: Final = timedelta(minutes=15)


class Made(NamedTuple):
    """How a delivery ended well."""

    outcome: Outcome
    backup: Backup
    job: Job


def create_backup(request: Create, gaussdb: GaussDB) -> Made:
    """Makes sure that this event has its one backup.

    Args:
        request: the backup to ask for.
        gaussdb: the API, for this delivery.

    Raises:
        BackupError: this delivery ends without one that it can show.
    """
    deadline = gaussdb.deadline
    began = deadline.clock.utc()
    known = Known()
    while True:
        match next_step(known, deadline.left() - SHORTEST_CALL_SECONDS, backoff(known.pauses)):
            case Call.ASK:
                known = _asked(known, gaussdb.create(request))
            case Call.LOOK:
                known = known._replace(seen=_look(request, gaussdb, known, began), rested=False)
            case Pause(seconds):
                deadline.clock.sleep(seconds)
                known = known._replace(pauses=known.pauses + 1, rested=True)
            case Finish(outcome, backup, None):
                return Made(outcome, backup, gaussdb.job_of(backup))
            case Finish(outcome, backup, job_id):
                return Made(outcome, backup, Job(job_id))
            case Fail(error):
                raise error


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


def _asked(known: Known, answer: Accepted | BackupError) -> Known:
    still_open = answer if isinstance(answer, OutcomeUnknown) else known.open
    return known._replace(answer=answer, open=still_open, seen=None, rested=False)


def _look(request: Create, gaussdb: GaussDB, known: Known, now: datetime) -> Seen:
    try:
        listed = gaussdb.backups(instance_id=request.instance_id, backup_type="manual")
        seen = recognise(request, listed, now)
        if seen.sight is Sight.ABSENT and request.explicit and isinstance(known.answer, NameTaken):
            return recognise(request, gaussdb.backups(backup_type="manual"), now)
    except BackupError:
        return Seen(Sight.UNREADABLE)
    return seen
