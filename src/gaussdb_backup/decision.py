"""What a creating delivery does next: a pure function, and the words it decides with.

Every combination of the last answer, what the list shows and the time left is a row here:

- A name found in the list is proof. Its absence is none: a request may land late, the list may lag.
- After an answer that leaves it open whether the backup was accepted, the list is read before the
  same name is asked for again. What is open at the end is ``OutcomeUnknown``, whatever came later.
- A duplicate name or a busy instance may be this event's own backup: the list decides.
"""

from enum import Enum, auto
from typing import Final, Literal, NamedTuple

from gaussdb_backup.documents import Accepted, Backup
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

NOT_TAKEN: Final = (Throttled, ServiceUnavailable)
UNDECIDED: Final = (OutcomeUnknown, NameTaken, InstanceBusy, InstanceNotReady)

Outcome = Literal["created", "existing"]


class Sight(Enum):
    """What the list shows of the name."""

    UNREADABLE = auto()
    ABSENT = auto()
    OURS = auto()
    OURS_FAILED = auto()
    OURS_LEAVING = auto()
    FOREIGN = auto()


class Seen(NamedTuple):
    """One look at the list.

    Args:
        sight: what it shows of the name.
        backup: this event's backup, where it is there.
        earlier: it began before this delivery, by more than clocks may differ.
    """

    sight: Sight
    backup: Backup | None = None
    earlier: bool = False


class Known(NamedTuple):
    """All that is known between two steps.

    Args:
        answer: what the last create request answered, if one was sent.
        seen: what the list has shown since then.
        open: the last answer that left it open whether the backup was accepted.
        pauses: how many pauses there were so far.
        rested: the last step was a pause.
    """

    answer: Accepted | BackupError | None = None
    seen: Seen | None = None
    open: OutcomeUnknown | None = None
    pauses: int = 0
    rested: bool = False


class Call(Enum):
    """A call to the service: ``ASK`` sends the create request, ``LOOK`` reads the list."""

    ASK = auto()
    LOOK = auto()


class Pause(NamedTuple):
    """Wait so many seconds."""

    seconds: float


class Finish(NamedTuple):
    """This event has its backup."""

    outcome: Outcome
    backup: Backup
    job_id: str | None = None


class Fail(NamedTuple):
    """This delivery ends without one that it can show."""

    error: BackupError


Step = Call | Pause | Finish | Fail


def next_step(known: Known, left: float, pause: float) -> Step:
    """What to do next.

    Args:
        known: all that is known.
        left: seconds left to this invocation, less what one more call needs.
        pause: seconds to wait where a pause is due; more where the service asks for more.
    """
    match known.answer:
        case None:
            return Call.ASK if left >= 0 else Fail(_no_time())
        case Accepted(backup=backup, job_id=job_id):
            return Finish("created", backup, job_id)
        case BackupError() as error:
            wait = max(pause, error.retry_after or 0.0)
            if isinstance(error, NOT_TAKEN) and known.open is None:
                return _after_pause(Call.ASK, known, left, wait)
            if isinstance(error, UNDECIDED) or known.open is not None:
                return _by_the_list(error, known, left, wait)
            return Fail(error)


def _by_the_list(  # noqa: PLR0911 - a row per case, as a table
    error: BackupError, known: Known, left: float, wait: float
) -> Step:
    match known.seen:
        case None:
            return Call.LOOK if left >= 0 else Fail(_verdict(known))
        case Seen(Sight.OURS, Backup() as backup, earlier):
            return Finish("existing" if known.open is None or earlier else "created", backup)
        case Seen(Sight.OURS_FAILED):
            return Fail(BackupFailed("this event's backup was made and failed"))
        case Seen(Sight.OURS_LEAVING):
            return Fail(InstanceBusy("this event's backup is being deleted"))
        case Seen(Sight.FOREIGN):
            return Fail(NameTaken("the name belongs to another backup", evidence=error.evidence))
        case Seen(Sight.ABSENT) if isinstance(error, NameTaken):
            return _after_pause(Call.LOOK, known, left, wait)
        case Seen(Sight.ABSENT) if known.open and isinstance(error, NOT_TAKEN + UNDECIDED):
            return _after_pause(Call.ASK, known, left, wait)
        case Seen(Sight.UNREADABLE) if known.open or isinstance(error, NameTaken):
            return _after_pause(Call.LOOK, known, left, wait)
        case _:
            return Fail(_verdict(known))


def _after_pause(step: Call, known: Known, left: float, wait: float) -> Step:
    if known.rested:
        return step
    return Pause(wait) if wait <= left else Fail(_verdict(known))


def _verdict(known: Known) -> BackupError:
    """What a delivery ends with that runs out of time, or of sense in going on."""
    if known.open is not None:
        return known.open
    match known.answer:
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
