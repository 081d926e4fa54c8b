"""What a creating delivery does next: a pure function, and the words it decides with.

Every combination of the last answer, what the list shows and the time left is a row here:

- A name found in the list is proof. Its absence is none: a request may land late, the list may lag.
- After an answer that leaves it open whether the backup was accepted, the list is read before the
  same name is asked for again. What is open at the end is ``OutcomeUnknown``, whatever came later.
- A duplicate name or a busy instance may be this event's own backup: the list decides.
"""

from enum import Enum, auto
from typing import Final, Literal, NamedTuple

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
from gaussdb_backup.gaussdb.models import Backup, CreateResponse

NOT_ACCEPTED: Final = (Throttled, ServiceUnavailable)
UNDECIDED: Final = (OutcomeUnknown, NameTaken, InstanceBusy, InstanceNotReady)

CreateOutcome = Literal["created", "existing"]


class LookupStatus(Enum):
    """What the list shows of the name."""

    INCONCLUSIVE = auto()
    NOT_FOUND = auto()
    OWN = auto()
    OWN_FAILED = auto()
    DELETING = auto()
    OTHER = auto()


class LookupResult(NamedTuple):
    """One look at the list.

    Args:
        status: what it shows of the name.
        backup: this event's backup, where it is there.
        earlier: it began before this delivery, by more than clocks may differ.
        error: why the list could not be read.
    """

    status: LookupStatus
    backup: Backup | None = None
    earlier: bool = False
    error: BackupError | None = None


class CreateState(NamedTuple):
    """All that is state between two steps.

    Args:
        response: what the last create request answered, if one was sent.
        lookup: what the list has shown since then.
        unresolved: the last response that left it open whether the backup was accepted.
        waits: how many waits there were so far.
        waited: the last step was a pause.
        auth_error: there are no credentials, so that no call can succeed.
    """

    response: CreateResponse | BackupError | None = None
    lookup: LookupResult | None = None
    unresolved: OutcomeUnknown | None = None
    waits: int = 0
    waited: bool = False
    auth_error: BackupError | None = None


class Call(Enum):
    """A call to the service: ``CREATE`` sends the create request, ``LOOK_UP`` reads the list."""

    CREATE = auto()
    LOOK_UP = auto()


class Wait(NamedTuple):
    """Wait so many seconds."""

    seconds: float


class Succeed(NamedTuple):
    """This event has its backup."""

    outcome: CreateOutcome
    backup: Backup
    job_id: str | None = None


class Fail(NamedTuple):
    """This delivery ends without one that it can show."""

    error: BackupError


Step = Call | Wait | Succeed | Fail


def next_step(state: CreateState, left: float, pause: float) -> Step:
    """What to do next.

    Args:
        state: all that is state.
        left: seconds left to this invocation, less what one more call needs.
        pause: seconds to wait where a pause is due; more where the service asks for more.
    """
    if state.auth_error is not None and _shows_nothing(state.lookup):
        return Fail(_verdict(state))
    match state.response:
        case None:
            return Call.CREATE if left >= 0 else Fail(_no_time())
        case CreateResponse(backup=backup, job_id=job_id):
            return Succeed("created", backup, job_id)
        case BackupError() as error:
            wait = max(pause, error.retry_after or 0.0)
            if isinstance(error, NOT_ACCEPTED) and state.unresolved is None:
                return _after_pause(Call.CREATE, state, left, wait)
            if isinstance(error, UNDECIDED) or state.unresolved is not None:
                return _by_the_list(error, state, left, wait)
            return Fail(error)


def _by_the_list(  # noqa: PLR0911 - a row per case, as a table
    error: BackupError, state: CreateState, left: float, wait: float
) -> Step:
    match state.lookup:
        case None:
            return Call.LOOK_UP if left >= 0 else Fail(_verdict(state))
        case LookupResult(LookupStatus.OWN, Backup() as backup, earlier):
            return Succeed("existing" if state.unresolved is None or earlier else "created", backup)
        case LookupResult(LookupStatus.OWN_FAILED):
            return Fail(BackupFailed("this event's backup was made and failed"))
        case LookupResult(LookupStatus.DELETING):
            return Fail(InstanceBusy("this event's backup is being deleted"))
        case LookupResult(LookupStatus.OTHER):
            return Fail(NameTaken("the name belongs to another backup", evidence=error.evidence))
        case LookupResult(LookupStatus.NOT_FOUND) if isinstance(error, NameTaken):
            return _after_pause(Call.LOOK_UP, state, left, wait)
        case LookupResult(LookupStatus.NOT_FOUND) if state.unresolved and isinstance(
            error, NOT_ACCEPTED + UNDECIDED
        ):
            return _after_pause(Call.CREATE, state, left, wait)
        case LookupResult(LookupStatus.INCONCLUSIVE) if state.unresolved or isinstance(
            error, NameTaken
        ):
            return _after_pause(Call.LOOK_UP, state, left, wait)
        case _:
            return Fail(_verdict(state))


def _after_pause(step: Call, state: CreateState, left: float, wait: float) -> Step:
    if state.waited:
        return step
    return Wait(wait) if wait <= left else Fail(_verdict(state))


def _shows_nothing(lookup: LookupResult | None) -> bool:
    """Whether the list has shown nothing that decides."""
    return lookup is None or lookup.status is LookupStatus.INCONCLUSIVE


def _verdict(state: CreateState) -> BackupError:
    """What a delivery ends with that runs out of time, or of sense in going on."""
    if state.unresolved is not None:
        return state.unresolved
    match state.response:
        case NameTaken() as error:
            return OutcomeUnknown(
                "the service knows the name, and the list does not show it",
                evidence=error.evidence,
            )
        case BackupError() as error:
            return error
        case _:
            return _no_time()


def _no_time() -> ServiceUnavailable:
    return ServiceUnavailable("no time is left to ask")
