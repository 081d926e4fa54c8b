"""The steps of a creating delivery, walked through whatever the cloud answers and shows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gaussdb_backup.decision import (
    Call,
    Fail,
    Finish,
    Known,
    Pause,
    Seen,
    Sight,
    next_step,
)
from gaussdb_backup.documents import Accepted, Backup
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
from tests.properties.strategies import LAW

BACKUP = Backup(
    id="0483b6b16e954cb88930a360d2c4e663br14",
    name="auto-1",
    begin_time="2026-01-31T20:00:00+0000",
    status="BUILDING",
    type="manual",
    instance_id="7e01ac5ac5274957ba506f3851d11d51in14",
)
ACCEPTED = Accepted(backup=BACKUP, job_id="9d12f1f2")
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
sights = st.one_of(
    st.just(Seen(Sight.ABSENT)),
    st.just(Seen(Sight.UNREADABLE)),
    st.builds(Seen, st.sampled_from(Sight), st.just(BACKUP), st.booleans()),
)


@dataclass(frozen=True)
class Walk:
    """A delivery from its first step to its end.

    Attributes:
        steps: what was done, in order, with what came of it.
        end: how it ended.
        left: the seconds that were left then.
    """

    steps: list[Call | Pause | Accepted | BackupError | Seen]
    end: Finish | Fail
    left: float

    @property
    def opened(self) -> list[OutcomeUnknown]:
        """The answers that left it open."""
        return [step for step in self.steps if isinstance(step, OutcomeUnknown)]

    @property
    def sights(self) -> list[Sight]:
        """What the looks showed."""
        return [step.sight for step in self.steps if isinstance(step, Seen)]


@st.composite
def walks(draw: st.DrawFn) -> Walk:
    """Any delivery at all: any answers, any list, any time."""
    left = draw(st.floats(0, 60))
    known, steps = Known(), []
    for _ in range(1000):
        step = next_step(known, left, draw(st.floats(0.1, 5)))
        match step:
            case Call.ASK:
                answer = draw(answers)
                still_open = answer if isinstance(answer, OutcomeUnknown) else known.open
                known = known._replace(answer=answer, open=still_open, seen=None, rested=False)
                steps += [step, answer]
                left -= CALL_SECONDS
            case Call.LOOK:
                known = known._replace(seen=draw(sights), rested=False)
                steps += [step, known.seen]
                left -= CALL_SECONDS
            case Pause(seconds):
                assert seconds <= left
                known = known._replace(rested=True)
                steps.append(step)
                left -= seconds
            case Finish() | Fail():
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
    seen: Sight | None = None
    for step in walk.steps:
        if step is Call.ASK:
            assert not is_open or seen is Sight.ABSENT
            seen = None
        is_open = is_open or isinstance(step, OutcomeUnknown)
        seen = step.sight if isinstance(step, Seen) else seen


@LAW
@given(walks())
def test_nothing_is_asked_twice_without_a_pause(walk: Walk) -> None:
    """A service in trouble is left alone for a moment."""
    asked = [n for n, step in enumerate(walk.steps) if step is Call.ASK]
    for one, other in pairwise(asked):
        assert any(isinstance(step, Pause) for step in walk.steps[one:other])


@LAW
@given(walks())
def test_what_was_open_and_never_seen_is_told_as_open(walk: Walk) -> None:
    """The last answer that left it open, whatever was refused afterwards."""
    proofs = {Sight.OURS, Sight.OURS_FAILED, Sight.OURS_LEAVING, Sight.FOREIGN}
    if walk.opened and isinstance(walk.end, Fail) and not proofs & set(walk.sights):
        assert walk.end.error is walk.opened[-1]


@LAW
@given(walks())
def test_a_success_was_answered_or_seen(walk: Walk) -> None:
    """`created` was accepted, or is open and found; `existing` was found."""
    if not isinstance(walk.end, Finish):
        return
    accepted = any(isinstance(step, Accepted) for step in walk.steps)
    found = walk.sights[-1:] == [Sight.OURS]
    assert accepted or found
    if walk.end.outcome == "created":
        assert accepted or walk.opened
    else:
        assert found
    assert (walk.end.job_id is not None) is accepted


@LAW
@given(walks())
def test_a_failure_has_its_reason(walk: Walk) -> None:
    """No verdict without the sight or the answer that justifies it."""
    if not isinstance(walk.end, Fail):
        return
    error = walk.end.error
    said = {type(step) for step in walk.steps if isinstance(step, BackupError)}
    if isinstance(error, BackupFailed):
        assert Sight.OURS_FAILED in walk.sights
    elif isinstance(error, NameTaken):
        assert Sight.FOREIGN in walk.sights
    elif isinstance(error, OutcomeUnknown):
        assert said & {OutcomeUnknown, NameTaken}
    elif isinstance(error, InstanceBusy):
        assert InstanceBusy in said or Sight.OURS_LEAVING in walk.sights
    else:
        assert type(error) in said or not walk.steps


@LAW
@given(walks())
def test_a_wait_that_the_service_names_is_kept(walk: Walk) -> None:
    """Between its answer and the next request at least so many seconds pass."""
    waited, least = 0.0, 0.0
    for step in walk.steps:
        if step is Call.ASK:
            assert waited >= least
            waited, least = 0.0, 0.0
        elif isinstance(step, Pause):
            waited += step.seconds
        elif isinstance(step, BackupError):
            least = step.retry_after or 0.0
