"""Exactly one backup per event: sends the create request, and finds out if the response is lost.

The API has no idempotency key, but it refuses a second backup of one name, and the name follows
from the event. So it is always safe to ask for the same name again; what must never happen is a
wrong answer. ``create_state`` decides what to do next, and the loop here only does it.
"""

from gaussdb_backup.actions.create_state import (
    Call,
    CreateState,
    Fail,
    FindJob,
    Succeed,
    Wait,
    after_create,
    after_job_search,
    after_lookup,
    after_wait,
    next_step,
)
from gaussdb_backup.gaussdb.api import GaussDB
from gaussdb_backup.http_client.pauses import MIN_CALL_SECONDS
from gaussdb_backup.http_client.retry import backoff
from gaussdb_backup.request import CreateRequest


def create_backup(request: CreateRequest, gaussdb: GaussDB) -> Succeed:
    """Makes sure that this event has its one backup.

    Args:
        request: the backup to ask for.
        gaussdb: the API, for this delivery.

    Raises:
        BackupError: this delivery ends without a backup that it can show.
    """
    deadline = gaussdb.deadline
    began = deadline.clock.utc()
    state = CreateState()
    while True:
        match next_step(state, deadline.remaining() - MIN_CALL_SECONDS, backoff(state.waits)):
            case Call.CREATE:
                state = after_create(state, gaussdb.create(request))
            case Call.LOOK_UP | Call.LOOK_UP_EVERYWHERE as call:
                # imported here because only a conflict or a lost response needs the lists
                from gaussdb_backup.actions.lookup import look_up

                everywhere = call is Call.LOOK_UP_EVERYWHERE
                state = after_lookup(state, look_up(request, gaussdb, began, everywhere=everywhere))
            case FindJob(backup=backup):
                from gaussdb_backup.gaussdb.tasks import find_job  # as above

                state = after_job_search(state, find_job(gaussdb, backup))
            case Wait(seconds=seconds):
                deadline.clock.sleep(seconds)
                state = after_wait(state)
            case Succeed() as success:
                return success
            case Fail(error=error, log_fields=log_fields):
                gaussdb.log_fields.update(log_fields)
                raise error
