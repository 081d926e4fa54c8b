"""What a create does next: every combination of response, list, time and wait."""

from __future__ import annotations

from itertools import product

import pytest

from gaussdb_backup.actions.create_state import (
    Call,
    CreateState,
    Fail,
    FindJob,
    Step,
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
from gaussdb_backup.gaussdb.models import Backup, CreateResponse, Job, NotAuthorized

BACKUP = Backup(
    id="0483b6b16e954cb88930a360d2c4e663br14",
    name="auto-1",
    begin_time="2026-01-31T20:00:00+0000",
    status="BUILDING",
    type="manual",
    instance_id="7e01ac5ac5274957ba506f3851d11d51in14",
)
ACCEPTED = CreateResponse(backup=BACKUP, job_id="9d12f1f2-9a5c-4a36-9a6b-0f3a6ff5b1e7")
OPEN = OutcomeUnknown("it was left open", evidence=Evidence(error_code="DBS.200005"))
EVIDENCE = Evidence(http_status=409, error_code="DBS.201201")
JOB = Job(id="9d12f1f2", fail_reason="the disk is full")
PLENTY, NONE_LEFT, BACKOFF = 100.0, -0.1, 0.4

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
STATUSES = [None, *LookupStatus]


def known(
    kind: type[BackupError],
    status: LookupStatus | None = None,
    *,
    is_open: bool = False,
    waited: bool = False,
    earlier: bool = False,
    retry_after: float | None = None,
    lookup_error: BackupError | None = None,
) -> CreateState:
    """What is known after a response and, where there was one, a look-up and a wait."""
    state = after_create(CreateState(), OPEN) if is_open else CreateState()
    state = after_create(state, kind("refused", evidence=EVIDENCE, retry_after=retry_after))
    if status is not None:
        listed = {LookupStatus.OWN, LookupStatus.OWN_FAILED, LookupStatus.DELETING}
        backup = BACKUP if status in listed else None
        lookup = LookupResult(status, backup=backup, earlier=earlier, error=lookup_error)
        state = after_lookup(state, lookup)
    return after_wait(state) if waited else state


def step_after(state: CreateState, remaining: float = PLENTY) -> Step:
    """The next step; where that is to find the job, the step after it was found."""
    step = next_step(state, remaining, BACKOFF)
    if isinstance(step, FindJob):
        assert step.backup == BACKUP
        return next_step(after_job_search(state, JOB), remaining, BACKOFF)
    return step


def described(step: Step) -> str:
    """A step in a word or two, as the tables below write it."""
    match step:
        case Succeed(outcome=outcome):
            return outcome
        case Fail(error=error):
            return type(error).__name__
        case Wait():
            return "wait"
        case FindJob():
            return "find_job"
        case Call():
            return step.name.lower()


def decided(state: CreateState, remaining: float = PLENTY) -> str:
    """The next step, described."""
    return described(step_after(state, remaining))


def test_the_first_step_is_to_ask() -> None:
    """Without a fault a create costs one request."""
    assert next_step(CreateState(), PLENTY, BACKOFF) == Call.CREATE


def test_without_any_time_nothing_is_asked() -> None:
    """Nothing was sent, so nothing can have been made."""
    assert decided(CreateState(), NONE_LEFT) == "ServiceUnavailable"


@pytest.mark.parametrize("before", [CreateState(), after_create(CreateState(), OPEN)])
def test_what_was_accepted_is_created(before: CreateState) -> None:
    """With the job ID that the service gave, however little time is left."""
    for remaining in (PLENTY, NONE_LEFT):
        step = next_step(after_create(before, ACCEPTED), remaining, BACKOFF)
        assert step == Succeed("created", BACKUP, Job(id=ACCEPTED.job_id))


def test_a_failed_log_in_is_no_failed_create() -> None:
    """The request is not repeated: each repetition would log in again."""
    error = ServiceUnavailable("IAM is out of order")
    state = after_create(CreateState(), NotAuthorized(error))
    assert next_step(state, PLENTY, BACKOFF) == Fail(error)
    state = after_create(after_create(CreateState(), OPEN), NotAuthorized(error))
    assert next_step(state, PLENTY, BACKOFF) == Fail(OPEN)


# the last response where nothing is open: first step, then by what the look-up shows
NOTHING_OPEN = """
                     unseen             INCONCLUSIVE     NOT_FOUND        OWN      OWN_FAILED   DELETING     OTHER
    NameTaken        look_up_everywhere wait             wait             existing BackupFailed InstanceBusy NameTaken
    InstanceBusy     look_up            InstanceBusy     InstanceBusy     existing BackupFailed InstanceBusy NameTaken
    InstanceNotReady look_up            InstanceNotReady InstanceNotReady existing BackupFailed InstanceBusy NameTaken
"""  # noqa: E501 - a table

# the last response where an earlier one, or itself, left it open
SOMETHING_OPEN = """
                        unseen             INCONCLUSIVE NOT_FOUND      OWN     OWN_FAILED   DELETING     OTHER
    OutcomeUnknown      look_up            wait         wait           created BackupFailed InstanceBusy NameTaken
    NameTaken           look_up_everywhere wait         wait           created BackupFailed InstanceBusy NameTaken
    InstanceBusy        look_up            wait         wait           created BackupFailed InstanceBusy NameTaken
    InstanceNotReady    look_up            wait         wait           created BackupFailed InstanceBusy NameTaken
    Throttled           look_up            wait         wait           created BackupFailed InstanceBusy NameTaken
    ServiceUnavailable  look_up            wait         wait           created BackupFailed InstanceBusy NameTaken
    PermissionDenied    look_up            wait         OutcomeUnknown created BackupFailed InstanceBusy NameTaken
    InvalidRequest      look_up            wait         OutcomeUnknown created BackupFailed InstanceBusy NameTaken
    InstanceNotFound    look_up            wait         OutcomeUnknown created BackupFailed InstanceBusy NameTaken
    CredentialsRejected look_up            wait         OutcomeUnknown created BackupFailed InstanceBusy NameTaken
    RequestRejected     look_up            wait         OutcomeUnknown created BackupFailed InstanceBusy NameTaken
    SecretUnavailable   look_up            wait         OutcomeUnknown created BackupFailed InstanceBusy NameTaken
"""  # noqa: E501 - a table

KINDS = {kind.__name__: kind for kind in ALL}


def cells(table: str) -> list[tuple[type[BackupError], LookupStatus | None, str]]:
    """A table's cells: the response, what the list shows, the step."""
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
    """A name found is proof; its absence is none, whatever a later response said."""
    assert decided(known(kind, status, is_open=True)) == step


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_ends_it_where_nothing_is_open(kind: type[BackupError]) -> None:
    """The error goes to the caller as the service meant it."""
    state = known(kind)
    assert next_step(state, PLENTY, BACKOFF) == Fail(state.response)  # type: ignore[arg-type] # an error


@pytest.mark.parametrize("kind", NOT_ACCEPTED)
def test_what_was_not_accepted_is_asked_for_again_after_a_wait(kind: type[BackupError]) -> None:
    """No connection or 429: nothing can have been made, so no look-up is needed."""
    assert isinstance(next_step(known(kind), PLENTY, BACKOFF), Wait)
    assert next_step(known(kind, waited=True), PLENTY, BACKOFF) == Call.CREATE


@pytest.mark.parametrize("kind", NOT_ACCEPTED)
def test_a_wait_that_does_not_fit_ends_it_at_once(kind: type[BackupError]) -> None:
    """Nobody sleeps into the end of an invocation."""
    assert decided(known(kind), BACKOFF - 0.1) == kind.__name__
    assert decided(known(kind, retry_after=PLENTY + 1)) == kind.__name__


@pytest.mark.parametrize("kind", [*NOT_ACCEPTED, OutcomeUnknown, NameTaken])
def test_the_wait_that_the_service_asks_for_is_the_least(kind: type[BackupError]) -> None:
    """`Retry-After` counts on the way to the next look-up too."""
    status = LookupStatus.NOT_FOUND if kind in BY_LIST else None
    assert next_step(known(kind, status, retry_after=7), PLENTY, BACKOFF) == Wait(7)


@pytest.mark.parametrize("kind", [*NOT_ACCEPTED, OutcomeUnknown, NameTaken])
def test_zero_seconds_are_no_reason_to_hurry(kind: type[BackupError]) -> None:
    """A service that says `Retry-After: 0` for ever is not asked in a tight loop."""
    status = LookupStatus.NOT_FOUND if kind in BY_LIST else None
    step = next_step(known(kind, status, retry_after=0), PLENTY, BACKOFF)
    assert step == Wait(BACKOFF)


@pytest.mark.parametrize("is_open", [False, True])
def test_a_429_that_names_no_wait_is_followed_by_longer_waits(is_open: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """15, 30, then 60 seconds; after five refusals of one delivery no request follows."""
    state = after_create(CreateState(), OPEN) if is_open else CreateState()
    waits = []
    step: Step = Call.CREATE
    for _ in range(5):
        state = after_create(state, Throttled("slow down"))
        if is_open:
            state = after_lookup(state, LookupResult(LookupStatus.NOT_FOUND))
        step = next_step(state, PLENTY, BACKOFF)
        if isinstance(step, Wait):
            waits.append(step.seconds)
            state = after_wait(state)
            assert next_step(state, PLENTY, BACKOFF) is Call.CREATE
    assert waits == [15, 30, 60, 60]
    assert described(step) == ("OutcomeUnknown" if is_open else "Throttled")


def test_other_refusals_do_not_count_as_throttling() -> None:
    """A service that cannot be reached has refused nothing."""
    state = CreateState()
    for _ in range(20):
        state = after_wait(after_create(state, ServiceUnavailable("no connection")))
    assert state.throttled == 0
    assert next_step(after_create(state, Throttled("slow down")), PLENTY, BACKOFF) == Wait(15)


@pytest.mark.parametrize(
    ("kind", "status", "is_open", "step"),
    [
        (OutcomeUnknown, LookupStatus.NOT_FOUND, True, Call.CREATE),
        (Throttled, LookupStatus.NOT_FOUND, True, Call.CREATE),
        (InstanceBusy, LookupStatus.NOT_FOUND, True, Call.CREATE),
        (OutcomeUnknown, LookupStatus.INCONCLUSIVE, True, Call.LOOK_UP),
        (PermissionDenied, LookupStatus.INCONCLUSIVE, True, Call.LOOK_UP),
        (NameTaken, LookupStatus.NOT_FOUND, False, Call.LOOK_UP_EVERYWHERE),
        (NameTaken, LookupStatus.NOT_FOUND, True, Call.LOOK_UP_EVERYWHERE),
        (NameTaken, LookupStatus.INCONCLUSIVE, False, Call.LOOK_UP_EVERYWHERE),
    ],
)
def test_a_wait_leads_back_to_work(
    kind: type[BackupError],
    status: LookupStatus,
    is_open: bool,  # noqa: FBT001 - a column of the table
    step: Step,
) -> None:
    """Asking again needs a look-up that found nothing; one that failed is made again."""
    assert next_step(known(kind, status, is_open=is_open, waited=True), PLENTY, BACKOFF) == step


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("status", [None, LookupStatus.INCONCLUSIVE, LookupStatus.NOT_FOUND])
def test_what_is_open_at_the_end_is_told_as_open(
    kind: type[BackupError], status: LookupStatus | None
) -> None:
    """`OutcomeUnknown` with the code of the response that left it open, whatever came later."""
    state = known(kind, status, is_open=True)
    for remaining in (NONE_LEFT, 0.0):
        step = next_step(state, remaining, BACKOFF)
        if isinstance(step, Fail):
            assert step == Fail(state.unresolved)  # type: ignore[arg-type] # it is open
        else:
            assert (step, remaining) in {(Call.LOOK_UP, 0.0), (Call.LOOK_UP_EVERYWHERE, 0.0)}


@pytest.mark.parametrize("status", [None, LookupStatus.INCONCLUSIVE, LookupStatus.NOT_FOUND])
def test_a_name_that_is_taken_and_not_shown_stays_unknown(status: LookupStatus | None) -> None:
    """The service knows the name, so there is a backup; whose, the time did not suffice to see."""
    step = next_step(known(NameTaken, status), NONE_LEFT, BACKOFF)
    assert isinstance(step, Fail)
    assert isinstance(step.error, OutcomeUnknown)
    assert step.error.evidence == EVIDENCE


@pytest.mark.parametrize("kind", [InstanceBusy, InstanceNotReady])
def test_a_look_up_that_fails_never_replaces_what_the_service_said(kind: type[BackupError]) -> None:
    """Nor does one for which there is no time."""
    for status in (None, LookupStatus.INCONCLUSIVE, LookupStatus.NOT_FOUND):
        assert decided(known(kind, status), NONE_LEFT) == kind.__name__


REFUSED_LISTS = [
    PermissionDenied("no right", evidence=Evidence(http_status=403, error_code="PAP.0034")),
    CredentialsRejected("refused", evidence=Evidence(http_status=401)),
    RequestRejected("no such path", evidence=Evidence(http_status=404, error_code="APIGW.0101")),
]


@pytest.mark.parametrize("refusal", REFUSED_LISTS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    ("kind", "is_open", "error"),
    [
        (OutcomeUnknown, True, OutcomeUnknown),
        (NameTaken, False, OutcomeUnknown),
        (InstanceBusy, False, InstanceBusy),
        (InstanceNotReady, False, InstanceNotReady),
        (Throttled, True, OutcomeUnknown),
        (PermissionDenied, True, OutcomeUnknown),
    ],
)
def test_a_list_that_is_refused_ends_the_looking_at_once(
    kind: type[BackupError],
    is_open: bool,  # noqa: FBT001 - a column of the table
    error: type[BackupError],
    refusal: BackupError,
) -> None:
    """The outcome stays what it was; the message and the log tell why nothing could be seen."""
    state = known(kind, LookupStatus.INCONCLUSIVE, is_open=is_open, lookup_error=refusal)
    step = next_step(state, PLENTY, BACKOFF)
    assert isinstance(step, Fail)
    assert type(step.error) is error
    assert step.error.evidence == (state.unresolved.evidence if state.unresolved else EVIDENCE)
    assert "list of backups could not be read" in str(step.error)
    assert step.log_fields == {
        "lookup_error": type(refusal).__name__,
        "lookup_error_code": refusal.evidence.error_code,
    }


@pytest.mark.parametrize("kind", [ServiceUnavailable, Throttled, InstanceBusy])
def test_a_list_that_is_out_of_order_is_read_again(kind: type[BackupError]) -> None:
    """As long as there is time; then its error is told as well."""
    trouble = kind("out of order", evidence=Evidence(error_code="DBS.200005"))
    state = known(OutcomeUnknown, LookupStatus.INCONCLUSIVE, lookup_error=trouble)
    assert next_step(state, PLENTY, BACKOFF) == Wait(BACKOFF)
    step = next_step(state, NONE_LEFT, BACKOFF)
    assert isinstance(step, Fail)
    assert step.log_fields["lookup_error"] == kind.__name__


def test_without_credentials_the_list_is_not_read_again() -> None:
    """Each repetition would log in again."""
    trouble = LookupResult(
        LookupStatus.INCONCLUSIVE, error=ServiceUnavailable("no log-in"), not_authorized=True
    )
    state = after_lookup(known(OutcomeUnknown), trouble)
    step = next_step(state, PLENTY, BACKOFF)
    assert isinstance(step, Fail)
    assert isinstance(step.error, OutcomeUnknown)
    assert step.log_fields["lookup_error"] == "ServiceUnavailable"


@pytest.mark.parametrize("kind", BY_LIST)
def test_a_backup_of_an_earlier_delivery_is_existing(kind: type[BackupError]) -> None:
    """`created` is only what this delivery's own request made, as answered or as found."""
    state = known(kind, LookupStatus.OWN, is_open=True, earlier=True)
    assert decided(state) == "existing"


@pytest.mark.parametrize("kind", ALL)
def test_a_found_backup_needs_no_time(kind: type[BackupError]) -> None:
    """What was found counts, even at the last moment."""
    assert decided(known(kind, LookupStatus.OWN, is_open=True), NONE_LEFT) == "created"
    assert decided(known(kind, LookupStatus.OWN_FAILED, is_open=True), NONE_LEFT) == "BackupFailed"


def test_a_found_backup_has_the_job_that_was_found() -> None:
    """Or why there is none."""
    for job in (JOB, Job(lookup="ambiguous")):
        state = after_job_search(known(NameTaken, LookupStatus.OWN), job)
        assert next_step(state, PLENTY, BACKOFF) == Succeed("existing", BACKUP, job)


def test_a_backup_that_failed_is_told_with_its_ids_and_the_reason() -> None:
    """The operator has to look at it, because its name is spent."""
    step = step_after(known(NameTaken, LookupStatus.OWN_FAILED))
    assert isinstance(step, Fail)
    assert step.error.evidence == EVIDENCE
    for part in (BACKUP.id, "9d12f1f2", "the disk is full"):
        assert part in str(step.error)
    assert step.log_fields == {"backup_id": BACKUP.id, "job_id": "9d12f1f2", "job_lookup": None}


def test_a_backup_of_somebody_else_is_told_with_the_service_s_evidence() -> None:
    """The operator sees which code led there."""
    step = next_step(known(NameTaken, LookupStatus.OTHER), PLENTY, BACKOFF)
    assert isinstance(step, Fail)
    assert step.error.evidence == EVIDENCE


EVERYTHING = list(
    product(ALL, STATUSES, [False, True], [False, True], [False, True], [None, 0.0, 7.0])
)


@pytest.mark.parametrize("remaining", [NONE_LEFT, 0.0, 1.0, PLENTY])
def test_promises_over_every_combination(remaining: float) -> None:
    """What callers rely on, whatever comes together."""
    for kind, status, is_open, waited, earlier, retry_after in EVERYTHING:
        state = known(
            kind, status, is_open=is_open, waited=waited, earlier=earlier, retry_after=retry_after
        )
        step = step_after(state, remaining)
        at = (kind.__name__, status, is_open, waited, retry_after, remaining)
        if step is Call.CREATE:
            asked_blindly = state.unresolved is not None and status is not LookupStatus.NOT_FOUND
            assert not asked_blindly, at
            assert waited, at
        if isinstance(step, Wait):
            assert 0 < step.seconds <= remaining, at
            assert not waited, at
        if isinstance(step, Succeed):
            assert status is LookupStatus.OWN, at
        if isinstance(step, Fail) and state.unresolved is not None:
            allowed = (OutcomeUnknown, BackupFailed, InstanceBusy, NameTaken)
            assert isinstance(step.error, allowed), at
            proven = status in {LookupStatus.OWN_FAILED, LookupStatus.DELETING, LookupStatus.OTHER}
            assert proven or step.error is state.unresolved, at
        if isinstance(step, Call) and step is not Call.CREATE and not waited:
            assert status is None, at
