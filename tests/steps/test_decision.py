"""What a creating delivery does next: every combination of answer, list, time and pause."""

from __future__ import annotations

from itertools import product

import pytest

from gaussdb_backup.decision import (
    Call,
    Fail,
    Finish,
    Known,
    Pause,
    Seen,
    Sight,
    Step,
    next_step,
)
from gaussdb_backup.documents import Accepted, Backup
from gaussdb_backup.errors import (
    BackupError,
    BackupFailed,
    CredentialsRejected,
    Evidence,
    InstanceBusy,
    InstanceNotFound,
    InstanceNotReady,
    InvalidRequest,
    NameTaken,
    OutcomeUnknown,
    PermissionDenied,
    RequestRejected,
    SecretUnavailable,
    ServiceUnavailable,
    Throttled,
)

BACKUP = Backup(
    id="0483b6b16e954cb88930a360d2c4e663br14",
    name="auto-1",
    begin_time="2026-01-31T20:00:00+0000",
    status="BUILDING",
    type="manual",
    instance_id="7e01ac5ac5274957ba506f3851d11d51in14",
)
ACCEPTED = Accepted(backup=BACKUP, job_id="9d12f1f2-9a5c-4a36-9a6b-0f3a6ff5b1e7")
OPEN = OutcomeUnknown("it was left open", evidence=Evidence(error_code="DBS.200005"))
PLENTY, NONE_LEFT, PAUSE = 10.0, -0.1, 0.4

REFUSALS: list[type[BackupError]] = [
    InvalidRequest,
    PermissionDenied,
    InstanceNotFound,
    CredentialsRejected,
    RequestRejected,
    SecretUnavailable,
]
BY_LIST: list[type[BackupError]] = [OutcomeUnknown, NameTaken, InstanceBusy, InstanceNotReady]
NOT_TAKEN: list[type[BackupError]] = [ServiceUnavailable, Throttled]
ALL = [*REFUSALS, *BY_LIST, *NOT_TAKEN]
SIGHTS = [None, *Sight]


def known(
    kind: type[BackupError],
    sight: Sight | None = None,
    *,
    is_open: bool = False,
    rested: bool = False,
    earlier: bool = False,
    retry_after: float | None = None,
) -> Known:
    """What is known after an answer and, where there was one, a look."""
    answer = kind("said", retry_after=retry_after)
    still_open = answer if isinstance(answer, OutcomeUnknown) else (OPEN if is_open else None)
    shows = BACKUP if sight in {Sight.OURS, Sight.OURS_FAILED, Sight.OURS_LEAVING} else None
    seen = None if sight is None else Seen(sight, shows, earlier)
    return Known(answer=answer, seen=seen, open=still_open, rested=rested)


def described(step: Step) -> str:
    """A step in a word or two, as the tables below write it."""
    match step:
        case Finish(outcome):
            return outcome
        case Fail(error):
            return type(error).__name__
        case Pause():
            return "pause"
        case Call():
            return step.name.lower()


def decided(state: Known, left: float = PLENTY, pause: float = PAUSE) -> str:
    """The next step, described."""
    return described(next_step(state, left, pause))


def test_the_first_step_is_to_ask() -> None:
    """Without a fault a create costs one request."""
    assert next_step(Known(), PLENTY, PAUSE) == Call.ASK


def test_without_any_time_nothing_is_asked() -> None:
    """Nothing was sent, so nothing can have been made."""
    assert decided(Known(), NONE_LEFT) == "ServiceUnavailable"


def test_what_was_accepted_is_created() -> None:
    """With the job ID that the service gave, however little time is left."""
    for left in (PLENTY, NONE_LEFT):
        assert next_step(Known(answer=ACCEPTED), left, PAUSE) == (
            Finish("created", BACKUP, ACCEPTED.job_id)
        )
        assert next_step(Known(answer=ACCEPTED, open=OPEN), left, PAUSE) == (
            Finish("created", BACKUP, ACCEPTED.job_id)
        )


# the last answer where nothing is open: first step, then by what the look shows
NOTHING_OPEN = """
                     unseen   UNREADABLE       ABSENT           OURS     OURS_FAILED  OURS_LEAVING FOREIGN
    NameTaken        look     pause            pause            existing BackupFailed InstanceBusy NameTaken
    InstanceBusy     look     InstanceBusy     InstanceBusy     existing BackupFailed InstanceBusy NameTaken
    InstanceNotReady look     InstanceNotReady InstanceNotReady existing BackupFailed InstanceBusy NameTaken
"""  # noqa: E501 - a table

# the last answer where an earlier one, or itself, left it open
SOMETHING_OPEN = """
                        unseen UNREADABLE     ABSENT         OURS    OURS_FAILED  OURS_LEAVING FOREIGN
    OutcomeUnknown      look   pause          pause          created BackupFailed InstanceBusy NameTaken
    NameTaken           look   pause          pause          created BackupFailed InstanceBusy NameTaken
    InstanceBusy        look   pause          pause          created BackupFailed InstanceBusy NameTaken
    InstanceNotReady    look   pause          pause          created BackupFailed InstanceBusy NameTaken
    Throttled           look   pause          pause          created BackupFailed InstanceBusy NameTaken
    ServiceUnavailable  look   pause          pause          created BackupFailed InstanceBusy NameTaken
    PermissionDenied    look   pause          OutcomeUnknown created BackupFailed InstanceBusy NameTaken
    InvalidRequest      look   pause          OutcomeUnknown created BackupFailed InstanceBusy NameTaken
    InstanceNotFound    look   pause          OutcomeUnknown created BackupFailed InstanceBusy NameTaken
    CredentialsRejected look   pause          OutcomeUnknown created BackupFailed InstanceBusy NameTaken
    RequestRejected     look   pause          OutcomeUnknown created BackupFailed InstanceBusy NameTaken
    SecretUnavailable   look   pause          OutcomeUnknown created BackupFailed InstanceBusy NameTaken
"""  # noqa: E501 - a table

KINDS = {kind.__name__: kind for kind in ALL}


def cells(table: str) -> list[tuple[type[BackupError], Sight | None, str]]:
    """A table's cells: the answer, what was seen, the step."""
    head, *lines = [line.split() for line in table.strip().splitlines()]
    sights = [None if name == "unseen" else Sight[name] for name in head]
    return [
        (KINDS[name], sight, step)
        for name, *steps in lines
        for sight, step in zip(sights, steps, strict=True)
    ]


@pytest.mark.parametrize(("kind", "sight", "step"), cells(NOTHING_OPEN))
def test_the_list_decides_a_conflict(
    kind: type[BackupError], sight: Sight | None, step: str
) -> None:
    """A taken name or a busy instance may be this very event's backup."""
    assert decided(known(kind, sight)) == step


@pytest.mark.parametrize(("kind", "sight", "step"), cells(SOMETHING_OPEN))
def test_the_list_decides_what_is_open(
    kind: type[BackupError], sight: Sight | None, step: str
) -> None:
    """A name found is proof; its absence is none, whatever a later answer said."""
    assert decided(known(kind, sight, is_open=True)) == step


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_ends_it_where_nothing_is_open(kind: type[BackupError]) -> None:
    """The error goes to the caller as the service meant it."""
    state = known(kind)
    assert next_step(state, PLENTY, PAUSE) == Fail(state.answer)  # type: ignore[arg-type] # an error


@pytest.mark.parametrize("kind", NOT_TAKEN)
def test_what_was_not_taken_is_asked_again_after_a_pause(kind: type[BackupError]) -> None:
    """No connection or 429: nothing can have been made, so no look is needed."""
    assert next_step(known(kind), PLENTY, PAUSE) == Pause(PAUSE)
    assert next_step(known(kind, rested=True), PLENTY, PAUSE) == Call.ASK


@pytest.mark.parametrize("kind", NOT_TAKEN)
def test_a_pause_that_does_not_fit_ends_it_at_once(kind: type[BackupError]) -> None:
    """Nobody sleeps into the end of an invocation."""
    assert decided(known(kind), left=PAUSE - 0.1) == kind.__name__
    assert decided(known(kind, retry_after=PLENTY + 1)) == kind.__name__


@pytest.mark.parametrize("kind", [*NOT_TAKEN, OutcomeUnknown, NameTaken])
def test_the_service_s_own_wait_is_kept(kind: type[BackupError]) -> None:
    """`Retry-After` is a least, also on the way to the next look."""
    sight = Sight.ABSENT if kind in BY_LIST else None
    assert next_step(known(kind, sight, retry_after=7), PLENTY, PAUSE) == Pause(7)


@pytest.mark.parametrize("kind", [*NOT_TAKEN, OutcomeUnknown, NameTaken])
def test_zero_seconds_are_no_reason_to_hurry(kind: type[BackupError]) -> None:
    """A service that says `Retry-After: 0` for ever is not asked in a tight loop."""
    sight = Sight.ABSENT if kind in BY_LIST else None
    step = next_step(known(kind, sight, retry_after=0), PLENTY, PAUSE)
    assert isinstance(step, Pause)
    assert step.seconds > 0


@pytest.mark.parametrize(
    ("kind", "sight", "is_open", "step"),
    [
        (OutcomeUnknown, Sight.ABSENT, True, Call.ASK),
        (Throttled, Sight.ABSENT, True, Call.ASK),
        (InstanceBusy, Sight.ABSENT, True, Call.ASK),
        (OutcomeUnknown, Sight.UNREADABLE, True, Call.LOOK),
        (PermissionDenied, Sight.UNREADABLE, True, Call.LOOK),
        (NameTaken, Sight.ABSENT, False, Call.LOOK),
        (NameTaken, Sight.ABSENT, True, Call.LOOK),
        (NameTaken, Sight.UNREADABLE, False, Call.LOOK),
    ],
)
def test_a_pause_leads_back_to_work(
    kind: type[BackupError],
    sight: Sight,
    is_open: bool,  # noqa: FBT001 - a column of the table
    step: Step,
) -> None:
    """Asking again needs a look that found nothing; a look that failed is made again."""
    assert next_step(known(kind, sight, is_open=is_open, rested=True), PLENTY, PAUSE) == step


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("sight", [None, Sight.UNREADABLE, Sight.ABSENT])
def test_what_is_open_at_the_end_is_told_as_open(
    kind: type[BackupError], sight: Sight | None
) -> None:
    """`OutcomeUnknown` with the code of the answer that left it open, whatever came later."""
    state = known(kind, sight, is_open=True)
    for left in (NONE_LEFT, 0.0):
        step = next_step(state, left, PAUSE)
        if isinstance(step, Fail):
            assert step == Fail(state.open)  # type: ignore[arg-type] # it is open
        else:
            assert (step, left) == (Call.LOOK, 0.0)


@pytest.mark.parametrize("sight", [None, Sight.UNREADABLE, Sight.ABSENT])
def test_a_name_that_is_taken_and_not_shown_stays_unknown(sight: Sight | None) -> None:
    """The service knows the name, so there is a backup; whose, the time did not suffice to see."""
    state = known(NameTaken, sight)
    state = Known(
        answer=NameTaken("taken", evidence=Evidence(error_code="DBS.201201")), seen=state.seen
    )
    step = next_step(state, NONE_LEFT, PAUSE)
    assert isinstance(step, Fail)
    assert isinstance(step.error, OutcomeUnknown)
    assert step.error.evidence.error_code == "DBS.201201"


@pytest.mark.parametrize("kind", [InstanceBusy, InstanceNotReady])
def test_a_look_that_fails_never_replaces_what_the_service_said(kind: type[BackupError]) -> None:
    """Nor does one for which there is no time."""
    for sight in (None, Sight.UNREADABLE, Sight.ABSENT):
        assert decided(known(kind, sight), NONE_LEFT) == kind.__name__


@pytest.mark.parametrize("kind", BY_LIST)
def test_a_backup_of_an_earlier_delivery_is_existing(kind: type[BackupError]) -> None:
    """`created` is only what this delivery's own request made, answered or found."""
    state = known(kind, Sight.OURS, is_open=True, earlier=True)
    assert decided(state) == "existing"


@pytest.mark.parametrize("kind", ALL)
def test_a_found_backup_needs_no_time(kind: type[BackupError]) -> None:
    """What has been seen counts, even at the last moment."""
    assert decided(known(kind, Sight.OURS, is_open=True), NONE_LEFT) == "created"
    assert decided(known(kind, Sight.OURS_FAILED, is_open=True), NONE_LEFT) == "BackupFailed"


def test_a_foreign_backup_is_told_with_the_service_s_evidence() -> None:
    """The operator sees which code led there."""
    evidence = Evidence(error_code="DBS.201201")
    state = Known(answer=NameTaken("taken", evidence=evidence), seen=Seen(Sight.FOREIGN))
    step = next_step(state, PLENTY, PAUSE)
    assert isinstance(step, Fail)
    assert step.error.evidence == evidence


EVERYTHING = list(
    product(ALL, SIGHTS, [False, True], [False, True], [False, True], [None, 0.0, 7.0])
)


@pytest.mark.parametrize("left", [NONE_LEFT, 0.0, 1.0, PLENTY])
def test_promises_over_every_combination(left: float) -> None:
    """What callers rely on, whatever comes together."""
    for kind, sight, is_open, rested, earlier, wait in EVERYTHING:
        state = known(
            kind, sight, is_open=is_open, rested=rested, earlier=earlier, retry_after=wait
        )
        step = next_step(state, left, PAUSE)
        at = (kind.__name__, sight, is_open, rested, wait, left)
        if step is Call.ASK:
            asked_blindly = state.open is not None and sight is not Sight.ABSENT
            assert not asked_blindly, at
            assert rested, at
        if isinstance(step, Pause):
            assert 0 < step.seconds <= left, at
            assert not rested, at
        if isinstance(step, Finish):
            assert sight is Sight.OURS, at
        if isinstance(step, Fail) and state.open is not None:
            allowed = (OutcomeUnknown, BackupFailed, InstanceBusy, NameTaken)
            assert isinstance(step.error, allowed), at
            proven = sight in {Sight.OURS_FAILED, Sight.OURS_LEAVING, Sight.FOREIGN}
            assert proven or step.error is state.open, at
        if step is Call.LOOK and not rested:
            assert sight is None, at
