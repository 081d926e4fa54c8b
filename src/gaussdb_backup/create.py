"""Exactly one backup per event: asks, and finds out when the answer is lost.

The API has no idempotency key, but refuses a second backup of one name, and the name follows from
the event. So asking again for the same name is always safe; what must never happen is a wrong
answer. ``decision`` says what to do next, and the loop here only does what it says.
"""

from typing import NamedTuple

from gaussdb_backup.decision import (
    Call,
    Fail,
    Finish,
    Known,
    Outcome,
    Pause,
    next_step,
)
from gaussdb_backup.documents import Accepted, Backup
from gaussdb_backup.errors import BackupError, NameTaken, OutcomeUnknown
from gaussdb_backup.gaussdb import GaussDB
from gaussdb_backup.patience import SHORTEST_CALL_SECONDS, backoff
from gaussdb_backup.payload import Create


class Made(NamedTuple):
    """How a delivery ended well."""

    outcome: Outcome
    backup: Backup
    job_id: str | None
    job_lookup: str | None = None


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
                from gaussdb_backup.look import look

                taken = isinstance(known.answer, NameTaken)
                seen = look(request, gaussdb, began, everywhere=taken)
                known = known._replace(seen=seen, rested=False)
            case Pause(seconds):
                deadline.clock.sleep(seconds)
                known = known._replace(pauses=known.pauses + 1, rested=True)
            case Finish(outcome, backup, None):
                from gaussdb_backup.lists import job_of

                return Made(outcome, backup, *job_of(gaussdb, backup))
            case Finish(outcome, backup, job_id):
                return Made(outcome, backup, job_id)
            case Fail(error):
                raise error


def _asked(known: Known, answer: Accepted | BackupError) -> Known:
    still_open = answer if isinstance(answer, OutcomeUnknown) else known.open
    return known._replace(answer=answer, open=still_open, seen=None, rested=False)
