"""Exactly one backup per event: asks, and finds out when the answer is lost.

The API has no idempotency key, but refuses a second backup of one name, and the name follows from
the event. So asking again for the same name is always safe; what must never happen is a wrong
answer. ``decision`` says what to do next, and the loop here only does what it says.
"""

from typing import NamedTuple

from gaussdb_backup.actions.create_state import (
    Call,
    CreateOutcome,
    CreateState,
    Fail,
    Succeed,
    Wait,
    next_step,
)
from gaussdb_backup.errors import BackupError, NameTaken, OutcomeUnknown
from gaussdb_backup.gaussdb.api import GaussDB
from gaussdb_backup.gaussdb.models import Backup, CreateResponse
from gaussdb_backup.http_client.pauses import MIN_CALL_SECONDS
from gaussdb_backup.http_client.retry import backoff
from gaussdb_backup.request import CreateRequest


class CreateResult(NamedTuple):
    """How a delivery ended well."""

    outcome: CreateOutcome
    backup: Backup
    job_id: str | None
    job_lookup: str | None = None


def create_backup(request: CreateRequest, gaussdb: GaussDB) -> CreateResult:
    """Makes sure that this event has its one backup.

    Args:
        request: the backup to ask for.
        gaussdb: the API, for this delivery.

    Raises:
        BackupError: this delivery ends without one that it can show.
    """
    deadline = gaussdb.deadline
    began = deadline.clock.utc()
    state = CreateState()
    while True:
        match next_step(state, deadline.remaining() - MIN_CALL_SECONDS, backoff(state.waits)):
            case Call.CREATE:
                state = _asked(state, gaussdb.create(request))
                state = state._replace(auth_error=gaussdb.auth_error)
            case Call.LOOK_UP:
                from gaussdb_backup.actions.lookup import look_up

                taken = isinstance(state.response, NameTaken)
                seen = look_up(request, gaussdb, began, everywhere=taken)
                state = state._replace(lookup=seen, waited=False, auth_error=gaussdb.auth_error)
            case Wait(seconds):
                deadline.clock.sleep(seconds)
                state = state._replace(waits=state.waits + 1, waited=True)
            case Succeed(outcome, backup, None):
                from gaussdb_backup.gaussdb.tasks import find_job

                job = find_job(gaussdb, backup)
                return CreateResult(outcome, backup, job.id, job.lookup)
            case Succeed(outcome, backup, job_id):
                return CreateResult(outcome, backup, job_id)
            case Fail(error):
                raise error


def _asked(state: CreateState, answer: CreateResponse | BackupError) -> CreateState:
    still_open = answer if isinstance(answer, OutcomeUnknown) else state.unresolved
    return state._replace(response=answer, unresolved=still_open, lookup=None, waited=False)
