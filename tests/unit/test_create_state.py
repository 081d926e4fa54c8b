"""What a creating delivery does next: every combination of answer, list, time and pause."""

from __future__ import annotations

from itertools import product

import pytest

from gaussdb_backup.actions.create_state import (
    Call,
    CreateState,
    Fail,
    LookupResult,
    LookupStatus,
    Step,
    Succeed,
    Wait,
    next_step,
)
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
from gaussdb_backup.gaussdb.models import AcceptedBackup, CreateResponse

BACKUP = AcceptedBackup(
    id="0483b6b16e954cb88930a360d2c4e663br14",
    name="auto-1",
    begin_time="2026-01-31T20:00:00+0000",
    status="BUILDING",
    type="manual",
    instance_id="7e01ac5ac5274957ba506f3851d11d51in14",
)
ACCEPTED = CreateResponse(backup=BACKUP, job_id="9d12f1f2-9a5c-4a36-9a6b-0f3a6ff5b1e7")
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
NOT_ACCEPTED: list[type[BackupError]] = [ServiceUnavailable, Throttled]
ALL = [*REFUSALS, *BY_LIST, *NOT_ACCEPTED]
SIGHTS = [None, *LookupStatus]


def known(
    kind: type[BackupError],
    status: LookupStatus | None = None,
    *,
    is_open: bool = False,
    waited: bool = False,
    earlier: bool = False,
    retry_after: float | None = None,
) -> CreateState:
    """What is known after an answer and, where there was one, a look."""
    answer = kind("said", retry_after=retry_after)
    still_open = answer if isinstance(answer, OutcomeUnknown) else (OPEN if is_open else None)
    shows = (
        BACKUP
        if status in {LookupStatus.OWN, LookupStatus.OWN_FAILED, LookupStatus.DELETING}
        else None
    )
    seen = None if status is None else LookupResult(status, shows, earlier)
    return CreateState(response=answer, lookup=seen, unresolved=still_open, waited=waited)


def described(step: Step) -> str:
    """A step in a word or two, as the tables below write it."""
    match step:
        case Succeed(outcome):
            return outcome
        case Fail(error):
            return type(error).__name__
        case Wait():
            return "pause"
        case Call():
            return step.name.lower()


def decided(state: CreateState, left: float = PLENTY, pause: float = PAUSE) -> str:
    """The next step, described."""
    return described(next_step(state, left, pause))


def test_the_first_step_is_to_ask() -> None:
    """Without a fault a create costs one request."""
    assert next_step(CreateState(), PLENTY, PAUSE) == Call.CREATE


def test_without_any_time_nothing_is_asked() -> None:
    """Nothing was sent, so nothing can have been made."""
    assert decided(CreateState(), NONE_LEFT) == "ServiceUnavailable"


def test_what_was_accepted_is_created() -> None:
    """With the job ID that the service gave, however little time is left."""
    for left in (PLENTY, NONE_LEFT):
        assert next_step(CreateState(response=ACCEPTED), left, PAUSE) == (
            Succeed("created", BACKUP, ACCEPTED.job_id)
        )
        assert next_step(CreateState(response=ACCEPTED, unresolved=OPEN), left, PAUSE) == (
            Succeed("created", BACKUP, ACCEPTED.job_id)
        )


# the last answer where nothing is open: first step, then by what the look_up shows
NOTHING_OPEN = """
                     unseen   INCONCLUSIVE       NOT_FOUND           OWN     OWN_FAILED  DELETING OTHER
    NameTaken        look_up     pause            pause            existing BackupFailed InstanceBusy NameTaken
    InstanceBusy     look_up     InstanceBusy     InstanceBusy     existing BackupFailed InstanceBusy NameTaken
    InstanceNotReady look_up     InstanceNotReady InstanceNotReady existing BackupFailed InstanceBusy NameTaken
"""  # noqa: E501 - a table

# the last answer where an earlier one, or itself, left it open
SOMETHING_OPEN = """
                        unseen INCONCLUSIVE     NOT_FOUND         OWN    OWN_FAILED  DELETING OTHER
    OutcomeUnknown      look_up   pause          pause          created BackupFailed InstanceBusy NameTaken
    NameTaken           look_up   pause          pause          created BackupFailed InstanceBusy NameTaken
    InstanceBusy        look_up   pause          pause          created BackupFailed InstanceBusy NameTaken
    InstanceNotReady    look_up   pause          pause          created BackupFailed InstanceBusy NameTaken
    Throttled           look_up   pause          pause          created BackupFailed InstanceBusy NameTaken
    ServiceUnavailable  look_up   pause          pause          created BackupFailed InstanceBusy NameTaken
    PermissionDenied    look_up   pause          OutcomeUnknown created BackupFailed InstanceBusy NameTaken
    InvalidRequest      look_up   pause          OutcomeUnknown created BackupFailed InstanceBusy NameTaken
    InstanceNotFound    look_up   pause          OutcomeUnknown created BackupFailed InstanceBusy NameTaken
    CredentialsRejected look_up   pause          OutcomeUnknown created BackupFailed InstanceBusy NameTaken
    RequestRejected     look_up   pause          OutcomeUnknown created BackupFailed InstanceBusy NameTaken
    SecretUnavailable   look_up   pause          OutcomeUnknown created BackupFailed InstanceBusy NameTaken
"""  # noqa: E501 - a table

KINDS = {kind.__name__: kind for kind in ALL}


def cells(table: str) -> list[tuple[type[BackupError], LookupStatus | None, str]]:
    """A table's cells: the answer, what was seen, the step."""
    head, *lines = [line.split() for line in table.strip().splitlines()]
    statuses = [None if name == "unseen" else LookupStatus[name] for name in head]
    return [
        (KINDS[name], status, step)
        for name, *steps in lines
        for status, step in zip(statuses, steps, strict=True)
    ]


@pytest.mark.parametrize(("kind", "status", "step"), cells(NOTHING_OPEN))
def test_the_list_decides_a_conflict(
    kind: type[BackupError], status: LookupStatus | None, step: str
) -> None:
    """A taken name or a busy instance may be this very event's backup."""
    assert decided(known(kind, status)) == step


@pytest.mark.parametrize(("kind", "status", "step"), cells(SOMETHING_OPEN))
def test_the_list_decides_what_is_open(
    kind: type[BackupError], status: LookupStatus | None, step: str
) -> None:
    """A name found is proof; its absence is none, whatever a later answer said."""
    assert decided(known(kind, status, is_open=True)) == step


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_ends_it_where_nothing_is_open(kind: type[BackupError]) -> None:
    """The error goes to the caller as the service meant it."""
    state = known(kind)
    assert next_step(state, PLENTY, PAUSE) == Fail(state.response)  # type: ignore[arg-type] # an error


@pytest.mark.parametrize("kind", NOT_ACCEPTED)
def test_what_was_not_taken_is_asked_again_after_a_pause(kind: type[BackupError]) -> None:
    """No connection or 429: nothing can have been made, so no look is needed."""
    assert next_step(known(kind), PLENTY, PAUSE) == Wait(PAUSE)
    assert next_step(known(kind, waited=True), PLENTY, PAUSE) == Call.CREATE


@pytest.mark.parametrize("kind", NOT_ACCEPTED)
def test_a_pause_that_does_not_fit_ends_it_at_once(kind: type[BackupError]) -> None:
    """Nobody sleeps into the end of an invocation."""
    assert decided(known(kind), left=PAUSE - 0.1) == kind.__name__
    assert decided(known(kind, retry_after=PLENTY + 1)) == kind.__name__


@pytest.mark.parametrize("kind", [*NOT_ACCEPTED, OutcomeUnknown, NameTaken])
def test_the_service_s_own_wait_is_kept(kind: type[BackupError]) -> None:
    """`Retry-After` is a least, also on the way to the next look."""
    status = LookupStatus.NOT_FOUND if kind in BY_LIST else None
    assert next_step(known(kind, status, retry_after=7), PLENTY, PAUSE) == Wait(7)


@pytest.mark.parametrize("kind", [*NOT_ACCEPTED, OutcomeUnknown, NameTaken])
def test_zero_seconds_are_no_reason_to_hurry(kind: type[BackupError]) -> None:
    """A service that says `Retry-After: 0` for ever is not asked in a tight loop."""
    status = LookupStatus.NOT_FOUND if kind in BY_LIST else None
    step = next_step(known(kind, status, retry_after=0), PLENTY, PAUSE)
    assert isinstance(step, Wait)
    assert step.seconds > 0


@pytest.mark.parametrize(
    ("kind", "status", "is_open", "step"),
    [
        (OutcomeUnknown, LookupStatus.NOT_FOUND, True, Call.CREATE),
        (Throttled, LookupStatus.NOT_FOUND, True, Call.CREATE),
        (InstanceBusy, LookupStatus.NOT_FOUND, True, Call.CREATE),
        (OutcomeUnknown, LookupStatus.INCONCLUSIVE, True, Call.LOOK_UP),
        (PermissionDenied, LookupStatus.INCONCLUSIVE, True, Call.LOOK_UP),
        (NameTaken, LookupStatus.NOT_FOUND, False, Call.LOOK_UP),
        (NameTaken, LookupStatus.NOT_FOUND, True, Call.LOOK_UP),
        (NameTaken, LookupStatus.INCONCLUSIVE, False, Call.LOOK_UP),
    ],
)
def test_a_pause_leads_back_to_work(
    kind: type[BackupError],
    status: LookupStatus,
    is_open: bool,  # noqa: FBT001 - a column of the table
    step: Step,
) -> None:
    """Asking again needs a look that found nothing; a look that failed is made again."""
    assert next_step(known(kind, status, is_open=is_open, waited=True), PLENTY, PAUSE) == step


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("status", [None, LookupStatus.INCONCLUSIVE, LookupStatus.NOT_FOUND])
def test_what_is_open_at_the_end_is_told_as_open(
    kind: type[BackupError], status: LookupStatus | None
) -> None:
    """`OutcomeUnknown` with the code of the answer that left it open, whatever came later."""
    state = known(kind, status, is_open=True)
    for left in (NONE_LEFT, 0.0):
        step = next_step(state, left, PAUSE)
        if isinstance(step, Fail):
            assert step == Fail(state.unresolved)  # type: ignore[arg-type] # it is open
        else:
            assert (step, left) == (Call.LOOK_UP, 0.0)


@pytest.mark.parametrize("status", [None, LookupStatus.INCONCLUSIVE, LookupStatus.NOT_FOUND])
def test_a_name_that_is_taken_and_not_shown_stays_unknown(status: LookupStatus | None) -> None:
    """The service knows the name, so there is a backup; whose, the time did not suffice to see."""
    state = known(NameTaken, status)
    state = CreateState(
        response=NameTaken("taken", evidence=Evidence(error_code="DBS.201201")), lookup=state.lookup
    )
    step = next_step(state, NONE_LEFT, PAUSE)
    assert isinstance(step, Fail)
    assert isinstance(step.error, OutcomeUnknown)
    assert step.error.evidence.error_code == "DBS.201201"


@pytest.mark.parametrize("kind", [InstanceBusy, InstanceNotReady])
def test_a_look_that_fails_never_replaces_what_the_service_said(kind: type[BackupError]) -> None:
    """Nor does one for which there is no time."""
    for status in (None, LookupStatus.INCONCLUSIVE, LookupStatus.NOT_FOUND):
        assert decided(known(kind, status), NONE_LEFT) == kind.__name__


@pytest.mark.parametrize("kind", BY_LIST)
def test_a_backup_of_an_earlier_delivery_is_existing(kind: type[BackupError]) -> None:
    """`created` is only what this delivery's own request made, answered or found."""
    state = known(kind, LookupStatus.OWN, is_open=True, earlier=True)
    assert decided(state) == "existing"


@pytest.mark.parametrize("kind", ALL)
def test_a_found_backup_needs_no_time(kind: type[BackupError]) -> None:
    """What has been seen counts, even at the last moment."""
    assert decided(known(kind, LookupStatus.OWN, is_open=True), NONE_LEFT) == "created"
    assert decided(known(kind, LookupStatus.OWN_FAILED, is_open=True), NONE_LEFT) == "BackupFailed"


def test_a_foreign_backup_is_told_with_the_service_s_evidence() -> None:
    """The operator sees which code led there."""
    evidence = Evidence(error_code="DBS.201201")
    state = CreateState(
        response=NameTaken("taken", evidence=evidence), lookup=LookupResult(LookupStatus.OTHER)
    )
    step = next_step(state, PLENTY, PAUSE)
    assert isinstance(step, Fail)
    assert step.error.evidence == evidence


EVERYTHING = list(
    product(ALL, SIGHTS, [False, True], [False, True], [False, True], [None, 0.0, 7.0])
)


@pytest.mark.parametrize("left", [NONE_LEFT, 0.0, 1.0, PLENTY])
def test_promises_over_every_combination(left: float) -> None:
    """What callers rely on, whatever comes together."""
    for kind, status, is_open, waited, earlier, wait in EVERYTHING:
        state = known(
            kind, status, is_open=is_open, waited=waited, earlier=earlier, retry_after=wait
        )
        step = next_step(state, left, PAUSE)
        at = (kind.__name__, status, is_open, waited, wait, left)
        if step is Call.CREATE:
            asked_blindly = state.unresolved is not None and status is not LookupStatus.NOT_FOUND
            assert not asked_blindly, at
            assert waited, at
        if isinstance(step, Wait):
            assert 0 < step.seconds <= left, at
            assert not waited, at
        if isinstance(step, Succeed):
            assert status is LookupStatus.OWN, at
        if isinstance(step, Fail) and state.unresolved is not None:
            allowed = (OutcomeUnknown, BackupFailed, InstanceBusy, NameTaken)
            assert isinstance(step.error, allowed), at
            proven = status in {LookupStatus.OWN_FAILED, LookupStatus.DELETING, LookupStatus.OTHER}
            assert proven or step.error is state.unresolved, at
        if step is Call.LOOK_UP and not waited:
            assert status is None, at
