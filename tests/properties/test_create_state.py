"""The steps of a creating delivery, walked through whatever the cloud answers and shows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gaussdb_backup.actions.create_state import (
    Call,
    CreateState,
    Fail,
    LookupResult,
    LookupStatus,
    Succeed,
    Wait,
    next_step,
)
from gaussdb_backup.errors import (
    BackupError,
    BackupFailed,
    CredentialsRejected,
    InstanceBusy,
    InstanceNotReady,
    NameTaken,
    OutcomeUnknown,
    PermissionDenied,
    RequestRejected,
    ServiceUnavailable,
    Throttled,
)
from gaussdb_backup.gaussdb.models import AcceptedBackup, CreateResponse
from tests.properties.strategies import LAW

BACKUP = AcceptedBackup(
    id="0483b6b16e954cb88930a360d2c4e663br14",
    name="auto-1",
    begin_time="2026-01-31T20:00:00+0000",
    status="BUILDING",
    type="manual",
    instance_id="7e01ac5ac5274957ba506f3851d11d51in14",
)
ACCEPTED = CreateResponse(backup=BACKUP, job_id="9d12f1f2")
CALL_SECONDS = 0.5

waits = st.one_of(st.none(), st.floats(0, 40), st.integers(0, 10**9).map(float))
errors = st.sampled_from(
    [
        OutcomeUnknown,
        NameTaken,
        InstanceBusy,
        InstanceNotReady,
        Throttled,
        ServiceUnavailable,
        PermissionDenied,
        CredentialsRejected,
        RequestRejected,
    ]
)
refusals = st.builds(lambda kind, wait: kind("said", retry_after=wait), errors, waits)
answers = st.one_of(refusals, refusals, refusals, st.just(ACCEPTED))
statuses = st.one_of(
    st.just(LookupResult(LookupStatus.NOT_FOUND)),
    st.just(LookupResult(LookupStatus.INCONCLUSIVE)),
    st.builds(LookupResult, st.sampled_from(LookupStatus), st.just(BACKUP), st.booleans()),
)


@dataclass(frozen=True)
class Walk:
    """A delivery from its first step to its end.

    Attributes:
        steps: what was done, in order, with what came of it.
        end: how it ended.
        left: the seconds that were left then.
    """

    steps: list[Call | Wait | CreateResponse | BackupError | LookupResult]
    end: Succeed | Fail
    left: float

    @property
    def opened(self) -> list[OutcomeUnknown]:
        """The answers that left it open."""
        return [step for step in self.steps if isinstance(step, OutcomeUnknown)]

    @property
    def statuses(self) -> list[LookupStatus]:
        """What the looks showed."""
        return [step.status for step in self.steps if isinstance(step, LookupResult)]


@st.composite
def walks(draw: st.DrawFn) -> Walk:
    """Any delivery at all: any answers, any list, any time."""
    left = draw(st.floats(0, 60))
    state, steps = CreateState(), []
    for _ in range(1000):
        step = next_step(state, left, draw(st.floats(0.1, 5)))
        match step:
            case Call.CREATE:
                answer = draw(answers)
                still_open = answer if isinstance(answer, OutcomeUnknown) else state.unresolved
                state = state._replace(
                    response=answer, unresolved=still_open, lookup=None, waited=False
                )
                steps += [step, answer]
                left -= CALL_SECONDS
            case Call.LOOK_UP:
                state = state._replace(lookup=draw(statuses), waited=False)
                steps += [step, state.lookup]
                left -= CALL_SECONDS
            case Wait(seconds):
                assert seconds <= left
                state = state._replace(waited=True)
                steps.append(step)
                left -= seconds
            case Succeed() | Fail():
                return Walk(steps, step, left)
    raise AssertionError("a delivery does not end")


@LAW
@given(walks())
def test_every_delivery_ends(walk: Walk) -> None:
    """However the cloud behaves, within its time and one call more."""
    assert walk.left >= -2 * CALL_SECONDS


@LAW
@given(walks())
def test_nothing_is_asked_twice_without_a_look_where_it_is_open(walk: Walk) -> None:
    """Between an answer that left it open and the next request the list was read, in vain."""
    is_open = False
    seen: LookupStatus | None = None
    for step in walk.steps:
        if step is Call.CREATE:
            assert not is_open or seen is LookupStatus.NOT_FOUND
            seen = None
        is_open = is_open or isinstance(step, OutcomeUnknown)
        seen = step.status if isinstance(step, LookupResult) else seen


@LAW
@given(walks())
def test_nothing_is_asked_twice_without_a_pause(walk: Walk) -> None:
    """A service in trouble is left alone for a moment."""
    asked = [n for n, step in enumerate(walk.steps) if step is Call.CREATE]
    for one, other in pairwise(asked):
        assert any(isinstance(step, Wait) for step in walk.steps[one:other])


@LAW
@given(walks())
def test_what_was_open_and_never_seen_is_told_as_open(walk: Walk) -> None:
    """The last answer that left it open, whatever was refused afterwards."""
    proofs = {LookupStatus.OWN, LookupStatus.OWN_FAILED, LookupStatus.DELETING, LookupStatus.OTHER}
    if walk.opened and isinstance(walk.end, Fail) and not proofs & set(walk.statuses):
        assert walk.end.error is walk.opened[-1]


@LAW
@given(walks())
def test_a_success_was_answered_or_seen(walk: Walk) -> None:
    """`created` was accepted, or is open and found; `existing` was found."""
    if not isinstance(walk.end, Succeed):
        return
    accepted = any(isinstance(step, CreateResponse) for step in walk.steps)
    found = walk.statuses[-1:] == [LookupStatus.OWN]
    assert accepted or found
    if walk.end.outcome == "created":
        assert accepted or walk.opened
    else:
        assert found
    assert (walk.end.job_id is not None) is accepted


@LAW
@given(walks())
def test_a_failure_has_its_reason(walk: Walk) -> None:
    """No verdict without the status or the answer that justifies it."""
    if not isinstance(walk.end, Fail):
        return
    error = walk.end.error
    said = {type(step) for step in walk.steps if isinstance(step, BackupError)}
    if isinstance(error, BackupFailed):
        assert LookupStatus.OWN_FAILED in walk.statuses
    elif isinstance(error, NameTaken):
        assert LookupStatus.OTHER in walk.statuses
    elif isinstance(error, OutcomeUnknown):
        assert said & {OutcomeUnknown, NameTaken}
    elif isinstance(error, InstanceBusy):
        assert InstanceBusy in said or LookupStatus.DELETING in walk.statuses
    else:
        assert type(error) in said or not walk.steps


@LAW
@given(walks())
def test_a_wait_that_the_service_names_is_kept(walk: Walk) -> None:
    """Between its answer and the next request at least so many seconds pass."""
    waited, least = 0.0, 0.0
    for step in walk.steps:
        if step is Call.CREATE:
            assert waited >= least
            waited, least = 0.0, 0.0
        elif isinstance(step, Wait):
            waited += step.seconds
        elif isinstance(step, BackupError):
            least = step.retry_after or 0.0
