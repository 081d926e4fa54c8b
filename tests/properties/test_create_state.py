"""The steps of a create, walked through whatever the cloud answers and shows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

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
from gaussdb_backup.actions.matching import LookupResult, LookupStatus
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
from gaussdb_backup.gaussdb.models import Backup, CreateResponse, Job, NotAuthorized
from tests.properties.strategies import LAW

BACKUP = Backup(
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
refusals = st.builds(lambda kind, wait: kind("refused", retry_after=wait), errors, waits)
log_ins = st.builds(lambda kind: NotAuthorized(kind("no log-in")), errors)
responses = st.one_of(refusals, refusals, refusals, st.just(ACCEPTED), log_ins)
lookups = st.one_of(
    st.just(LookupResult(LookupStatus.NOT_FOUND)),
    (st.none() | refusals).map(lambda error: LookupResult(LookupStatus.INCONCLUSIVE, error=error)),
    st.tuples(st.sampled_from(LookupStatus), st.booleans()).map(
        lambda found: LookupResult(status=found[0], backup=BACKUP, earlier=found[1])
    ),
)
jobs = st.sampled_from([Job(id="9d12f1f2"), Job(lookup="none"), Job(lookup="failed")])

Event = Call | FindJob | Wait | CreateResponse | BackupError | NotAuthorized | LookupResult | Job


@dataclass(frozen=True)
class Walk:
    """A delivery from its first step to its end.

    Attributes:
        steps: what was done, in order, each followed by what came of it.
        end: how it ended.
        remaining: the seconds that were left then.
    """

    steps: list[Event]
    end: Succeed | Fail
    remaining: float

    @property
    def opened(self) -> list[OutcomeUnknown]:
        """The responses that left it open."""
        return [step for step in self.steps if isinstance(step, OutcomeUnknown)]

    @property
    def statuses(self) -> list[LookupStatus]:
        """What the look-ups showed."""
        return [step.status for step in self.steps if isinstance(step, LookupResult)]


@st.composite
def walks(draw: st.DrawFn) -> Walk:
    """Any delivery at all: any responses, any list, any time."""
    remaining = draw(st.floats(0, 60) | st.floats(0, 900))
    state = CreateState()
    steps: list[Event] = []
    for _ in range(3000):
        step = next_step(state, remaining, draw(st.floats(0.1, 5)))
        if isinstance(step, Succeed | Fail):
            return Walk(steps, step, remaining)
        steps.append(step)
        match step:
            case Call.CREATE:
                response = draw(responses)
                state = after_create(state, response)
                steps.append(response)
                remaining -= CALL_SECONDS
            case Call.LOOK_UP | Call.LOOK_UP_EVERYWHERE:
                lookup = draw(lookups)
                state = after_lookup(state, lookup)
                steps.append(lookup)
                remaining -= CALL_SECONDS
            case FindJob():
                job = draw(jobs)
                state = after_job_search(state, job)
                steps.append(job)
            case Wait(seconds=seconds):
                assert seconds <= remaining
                state = after_wait(state)
                remaining -= seconds
    raise AssertionError("a delivery does not end")


@LAW
@given(walks())
def test_every_delivery_ends(walk: Walk) -> None:
    """However the cloud behaves, within its time and one call more."""
    assert walk.remaining >= -2 * CALL_SECONDS


@LAW
@given(walks())
def test_nothing_is_asked_twice_without_a_look_up_where_it_is_open(walk: Walk) -> None:
    """Between a response that left it open and the next request the list was read, in vain."""
    is_open = False
    status: LookupStatus | None = None
    for step in walk.steps:
        if step is Call.CREATE:
            assert not is_open or status is LookupStatus.NOT_FOUND
            status = None
        is_open = is_open or isinstance(step, OutcomeUnknown)
        status = step.status if isinstance(step, LookupResult) else status


@LAW
@given(walks())
def test_nothing_is_asked_twice_without_a_wait(walk: Walk) -> None:
    """A service in trouble is left alone for a moment."""
    requests = [n for n, step in enumerate(walk.steps) if step is Call.CREATE]
    for one, other in pairwise(requests):
        assert any(isinstance(step, Wait) for step in walk.steps[one:other])


@LAW
@given(walks())
def test_no_request_follows_five_refusals_by_429(walk: Walk) -> None:
    """Whatever came between them, and whatever waits the service asks for."""
    assert sum(isinstance(step, Throttled) for step in walk.steps) <= 5


@LAW
@given(walks())
def test_no_request_follows_a_failed_log_in(walk: Walk) -> None:
    """A repetition would log in again."""
    assert not any(isinstance(step, NotAuthorized) for step in walk.steps[:-1])


@LAW
@given(walks())
def test_nothing_is_looked_up_after_a_list_was_refused(walk: Walk) -> None:
    """No repetition changes that, and the end tells it."""
    refused = [
        n
        for n, step in enumerate(walk.steps)
        if isinstance(step, LookupResult) and step.error and not step.error.retryable
    ]
    if refused:
        assert refused == [len(walk.steps) - 1]
        assert isinstance(walk.end, Fail)
        assert "lookup_error" in walk.end.log_fields


@LAW
@given(walks())
def test_what_was_open_and_never_found_is_told_as_open(walk: Walk) -> None:
    """With the evidence of the last response that left it open, whatever was refused later."""
    proofs = {LookupStatus.OWN, LookupStatus.OWN_FAILED, LookupStatus.DELETING, LookupStatus.OTHER}
    if walk.opened and isinstance(walk.end, Fail) and not proofs & set(walk.statuses):
        assert isinstance(walk.end.error, OutcomeUnknown)
        assert walk.end.error.evidence is walk.opened[-1].evidence


@LAW
@given(walks())
def test_a_success_was_answered_or_found(walk: Walk) -> None:
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
    assert walk.end.job == (Job(id=ACCEPTED.job_id) if accepted else walk.steps[-1])


@LAW
@given(walks())
def test_a_failure_has_its_reason(walk: Walk) -> None:
    """No verdict without the look-up or the response that justifies it."""
    if not isinstance(walk.end, Fail):
        return
    error = walk.end.error
    said = {type(step) for step in walk.steps if isinstance(step, BackupError)}
    said |= {type(step.error) for step in walk.steps if isinstance(step, NotAuthorized)}
    if isinstance(error, BackupFailed):
        assert LookupStatus.OWN_FAILED in walk.statuses
    elif isinstance(error, NameTaken):
        assert LookupStatus.OTHER in walk.statuses or isinstance(walk.steps[-1], NotAuthorized)
    elif isinstance(error, OutcomeUnknown):
        assert said & {OutcomeUnknown, NameTaken}
    elif isinstance(error, InstanceBusy):
        assert InstanceBusy in said or LookupStatus.DELETING in walk.statuses
    else:
        assert type(error) in said or not walk.steps


@LAW
@given(walks())
def test_the_wait_that_the_service_asks_for_is_kept(walk: Walk) -> None:
    """Between its response and the next request at least so many seconds pass."""
    waited, least, refusals_by_429 = 0.0, 0.0, 0
    for step in walk.steps:
        if step is Call.CREATE:
            assert waited >= least
            waited, least = 0.0, 0.0
        elif isinstance(step, Wait):
            waited += step.seconds
        elif isinstance(step, Throttled):
            refusals_by_429 += 1
            unnamed = (15.0, 30.0, 60.0, 60.0, 60.0)[refusals_by_429 - 1]
            least = unnamed if step.retry_after is None else step.retry_after
        elif isinstance(step, BackupError):
            least = step.retry_after or 0.0
