"""What a create knows, and what it does next: pure functions.

The whole decision is here: the state, its transitions (after a create request, after a look-up,
after the search for the job, after a wait) and the next step. ``actions.create`` only does what the
steps say.

- A name found in the list is proof. Its absence is none: a request may land late, the list may lag.
- After a response that leaves it open whether the backup was accepted, the list is read before the
  same name is asked for again. What is open at the end is ``OutcomeUnknown``, whatever came later.
- A duplicate name or a busy instance may be this event's own backup: the list decides.
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final, Literal, NamedTuple

from gaussdb_backup.actions.matching import LookupResult, LookupStatus
from gaussdb_backup.errors import (
    BackupError,
    BackupFailed,
    InstanceBusy,
    InstanceNotReady,
    NameTaken,
    OutcomeUnknown,
    ServiceUnavailable,
    Throttled,
)
from gaussdb_backup.gaussdb.models import Backup, CreateResponse, Job, NotAuthorized
from gaussdb_backup.http_client.pauses import MAX_THROTTLED, throttle_pause

# The request was certainly not accepted, and the same request may be accepted later.
NOT_ACCEPTED: Final = (Throttled, ServiceUnavailable)
# There may be a backup of this name, so the list decides.
UNDECIDED: Final = (OutcomeUnknown, NameTaken, InstanceBusy, InstanceNotReady)

CreateOutcome = Literal["created", "existing"]


class CreateState(NamedTuple):
    """All that is known between two steps.

    Args:
        response: what came of the last create request, if one was sent.
        lookup: what the list has shown since then.
        unresolved: the last response that left it open whether the backup was accepted.
        job: the task of the backup that the list shows, once it was searched for.
        throttled: how many create requests were refused with 429.
        waits: how many waits there were.
        waited: the last step was a wait.
    """

    response: CreateResponse | BackupError | NotAuthorized | None = None
    lookup: LookupResult | None = None
    unresolved: OutcomeUnknown | None = None
    job: Job | None = None
    throttled: int = 0
    waits: int = 0
    waited: bool = False


class Call(Enum):
    """A call to the service.

    ``CREATE`` sends the create request. ``LOOK_UP`` reads the instance's list of backups, and
    ``LOOK_UP_EVERYWHERE`` the project's too if the instance's list lacks the name.
    """

    CREATE = auto()
    LOOK_UP = auto()
    LOOK_UP_EVERYWHERE = auto()


class FindJob(NamedTuple):
    """Search for the task that made this event's backup."""

    backup: Backup


class Wait(NamedTuple):
    """Wait so many seconds."""

    seconds: float


class Succeed(NamedTuple):
    """This event has its backup."""

    outcome: CreateOutcome
    backup: Backup
    job: Job


class Fail(NamedTuple):
    """This delivery ends without a backup to show.

    Args:
        error: the reason.
        log_fields: what the log line shows besides the error.
    """

    error: BackupError
    log_fields: Mapping[str, str | None] = {}


Step = Call | FindJob | Wait | Succeed | Fail


def after_create(
    state: CreateState, response: CreateResponse | BackupError | NotAuthorized
) -> CreateState:
    """The state after a create request; what the list showed before it no longer counts."""
    return state._replace(
        response=response,
        lookup=None,
        unresolved=response if isinstance(response, OutcomeUnknown) else state.unresolved,
        throttled=state.throttled + isinstance(response, Throttled),
        waited=False,
    )


def after_lookup(state: CreateState, lookup: LookupResult) -> CreateState:
    """The state after a look-up."""
    return state._replace(lookup=lookup, waited=False)


def after_job_search(state: CreateState, job: Job) -> CreateState:
    """The state after the search for the job of the backup that was found."""
    return state._replace(job=job)


def after_wait(state: CreateState) -> CreateState:
    """The state after a wait."""
    return state._replace(waits=state.waits + 1, waited=True)


def next_step(state: CreateState, remaining: float, backoff: float) -> Step:
    """Decides what to do next.

    Args:
        state: all that is known.
        remaining: seconds left to this invocation, less what one more call needs.
        backoff: seconds to wait where a wait is due; more where the service asks for more.
    """
    match state.response:
        case None:
            return Call.CREATE if remaining >= 0 else Fail(error=_no_time())
        case CreateResponse(backup=backup, job_id=job_id):
            return Succeed(outcome="created", backup=backup, job=Job(id=job_id))
        case NotAuthorized(error=error):
            return Fail(error=state.unresolved or error)
        case BackupError() as error:
            if isinstance(error, NOT_ACCEPTED) and state.unresolved is None:
                return _after_pause(Call.CREATE, error, state, remaining, backoff)
            if isinstance(error, UNDECIDED) or state.unresolved is not None:
                return _by_the_list(error, state, remaining, backoff)
            return Fail(error=error)


def _by_the_list(error: BackupError, state: CreateState, remaining: float, backoff: float) -> Step:
    look_up = Call.LOOK_UP_EVERYWHERE if isinstance(error, NameTaken) else Call.LOOK_UP
    match state.lookup:
        case None:
            return look_up if remaining >= 0 else Fail(error=_verdict(state))
        case LookupResult(status=LookupStatus.NOT_FOUND) if isinstance(error, NameTaken):
            return _after_pause(look_up, error, state, remaining, backoff)
        case LookupResult(status=LookupStatus.NOT_FOUND) if state.unresolved and isinstance(
            error, NOT_ACCEPTED + UNDECIDED
        ):
            return _after_pause(Call.CREATE, error, state, remaining, backoff)
        case LookupResult(status=LookupStatus.INCONCLUSIVE) as lookup if _may_look_again(
            lookup, error, state
        ):
            return _after_pause(look_up, error, state, remaining, backoff)
        case LookupResult(status=LookupStatus.NOT_FOUND | LookupStatus.INCONCLUSIVE):
            return _fail(state)
        case LookupResult() as lookup:
            return _by_the_backup(lookup, error, state)


def _by_the_backup(lookup: LookupResult, error: BackupError, state: CreateState) -> Step:
    """What a name that is listed means."""
    match lookup:
        case LookupResult(
            status=LookupStatus.OWN | LookupStatus.OWN_FAILED, backup=Backup() as backup
        ) if state.job is None:
            return FindJob(backup=backup)
        case LookupResult(status=LookupStatus.OWN, backup=Backup() as backup, earlier=earlier):
            is_new = state.unresolved is not None and not earlier
            return Succeed(
                outcome="created" if is_new else "existing", backup=backup, job=state.job or Job()
            )
        case LookupResult(status=LookupStatus.OWN_FAILED, backup=Backup() as backup):
            return _backup_failed(backup, state.job or Job(), error)
        case LookupResult(status=LookupStatus.DELETING):
            return Fail(error=InstanceBusy("this event's backup is being deleted"))
        case _:
            return Fail(
                error=NameTaken("the name belongs to another backup", evidence=error.evidence)
            )


def _may_look_again(lookup: LookupResult, error: BackupError, state: CreateState) -> bool:
    """Whether another look-up may show more, and whether it is needed."""
    is_refused = lookup.error is not None and not lookup.error.retryable
    is_needed = state.unresolved is not None or isinstance(error, NameTaken)
    return is_needed and not is_refused and not lookup.not_authorized


def _after_pause(
    step: Call, error: BackupError, state: CreateState, remaining: float, backoff: float
) -> Step:
    """The step, once a wait came before it; the end where the service or the time forbids both."""
    if state.waited:
        return step
    pause = max(backoff, error.retry_after or 0.0)
    if isinstance(error, Throttled):
        if state.throttled >= MAX_THROTTLED:
            return _fail(state)
        pause = max(pause, throttle_pause(state.throttled, error.retry_after))
    return Wait(seconds=pause) if pause <= remaining else _fail(state)


def _fail(state: CreateState) -> Fail:
    """The end of a delivery that runs out of time, or of sense in going on."""
    error = _verdict(state)
    unread = state.lookup.error if state.lookup is not None else None
    if unread is None:
        return Fail(error=error)
    told = f"{error.detail}; the list of backups could not be read: {unread.detail}"
    fields = {
        "lookup_error": type(unread).__name__,
        "lookup_error_code": unread.evidence.error_code,
    }
    same = type(error)(told, evidence=error.evidence, retry_after=error.retry_after)
    return Fail(error=same, log_fields=fields)


def _verdict(state: CreateState) -> BackupError:
    match state.response:
        case _ if state.unresolved is not None:
            return state.unresolved
        case NameTaken() as error:
            return OutcomeUnknown(
                "the service knows the name, and the list does not show whose it is",
                evidence=error.evidence,
            )
        case BackupError() as error:
            return error
        case _:
            return _no_time()


def _backup_failed(backup: Backup, job: Job, error: BackupError) -> Fail:
    """The name is spent: the operator needs to know which backup and which task to look at."""
    of_job = f", job {job.id}" if job.id else ""
    reason = f": {job.fail_reason}" if job.fail_reason else ""
    return Fail(
        error=BackupFailed(
            f"this event's backup was made and failed (backup {backup.id}{of_job}){reason}",
            evidence=error.evidence,
        ),
        log_fields={"backup_id": backup.id, "job_id": job.id, "job_lookup": job.lookup},
    )


def _no_time() -> ServiceUnavailable:
    return ServiceUnavailable("no time is left to send the request")
