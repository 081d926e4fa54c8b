"""When the service says duplicate, busy or not ready, the list says whose backup it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from tests.local_cloud.emulator import Fault
from tests.local_cloud.events import PAYLOAD
from tests.local_cloud.harness import Stage
from tests.local_cloud.local_cloud import INSTANCE_ID

if TYPE_CHECKING:
    from collections.abc import Iterator


EVENT: Final = {**PAYLOAD, "idempotency_key": "one"}
OTHER: Final = "0123456789abcdef0123456789abcdefin14"
CREATE: Final = "CreateManualBackup"
LIST: Final = "ListBackups"
TASKS: Final = "ListTasks"
FOR_EVER: Final = 1_000_000

# GaussDB(openGauss) API reference, "Error Codes": what a request to create may meet, by meaning.
DUPLICATE: Final = ["DBS.201201", "DBS.201209"]
BUSY: Final = [
    "DBS.201202",
    "DBS.200011",
    "DBS.200019",
    "DBS.200047",
    "DBS.212006",
    "DBS.06020003",
    "DBS.201205",
]
NOT_READY: Final = [
    "DBS.201014",
    "DBS.200086",
    "DBS.280800",
    "DBS.06010001",
    "DBS.280406",
    "DBS.280011",
    "DBS.200316",
    "DBS.200408",
    "DBS.280449",
]
REFUSED: Final = {
    **dict.fromkeys(BUSY, "InstanceBusy"),
    **dict.fromkeys(NOT_READY, "InstanceNotReady"),
}
UNKNOWN_CONFLICT: Final = "DBS.999999"


@pytest.fixture
def stage() -> Iterator[Stage]:
    """The function beside a cloud of its own."""
    with Stage() as stage:
        yield stage


def answer_create(stage: Stage, code: str, *, times: int = 1, status: int | None = None) -> None:
    """Lets the next create requests be refused, whatever the state of things."""
    fault = Fault(operation=CREATE, error_code=code, status=status, times=times)
    stage.emulator.faults.script([fault])


@pytest.mark.parametrize("status", ["BUILDING", "COMPLETED"])
@pytest.mark.parametrize("code", [*DUPLICATE, *REFUSED])
def test_a_refusal_over_this_events_own_backup_is_success(
    stage: Stage, code: str, status: str
) -> None:
    """Whatever reason the service gives, the list shows that it is there; its job is found."""
    stage.emulator.backup_seconds = 60 if status == "BUILDING" else 0
    stage.deliver(EVENT)
    answer_create(stage, code)
    ending = stage.deliver(EVENT)
    made = stage.backup()
    assert made.status == status
    assert ending.operations == ["create", "list", "tasks"]
    assert ending.reply == {
        "outcome": "existing",
        "job_id": made.job_id,
        "backup": {**ending.reply["backup"], "id": made.id, "name": made.name, "status": status},
    }
    assert ending.record["outcome"] == "existing"
    assert ending.record["job_id"] == made.job_id
    assert ending.record["backup_id"] == made.id


@pytest.mark.parametrize("code", REFUSED)
def test_a_refusal_over_somebody_elses_work_is_what_it_says(stage: Stage, code: str) -> None:
    """The list shows other backups alone: to be tried again, with the service's own code."""
    stage.emulator.add_backup("of-somebody-else", instance_id=INSTANCE_ID)
    answer_create(stage, code)
    ending = stage.deliver(EVENT)
    assert ending.operations == ["create", "list"]
    assert ending.error_name == REFUSED[code]
    assert ending.record["error_code"] == code
    assert ending.record["retryable"] is True
    assert stage.deliver(EVENT).reply["outcome"] == "created"


@pytest.mark.parametrize("code", [UNKNOWN_CONFLICT, "DBS.05000084"])
def test_an_unknown_conflict_counts_as_a_busy_instance(stage: Stage, code: str) -> None:
    """Codes are added over time; a 409 keeps its meaning, and the list decides here too."""
    answer_create(stage, code, status=409)
    ending = stage.deliver(EVENT)
    assert ending.operations == ["create", "list"]
    assert ending.error_name == "InstanceBusy"
    assert ending.record["error_code"] == code
    stage.deliver(EVENT)
    answer_create(stage, code, status=409)
    assert stage.deliver(EVENT).reply["outcome"] == "existing"


@pytest.mark.parametrize("code", REFUSED)
def test_a_list_that_cannot_be_read_leaves_the_refusal_as_it_was(stage: Stage, code: str) -> None:
    """A look-up that fails never replaces what the create request said."""
    stage.emulator.faults.script(
        [
            Fault(operation=CREATE, error_code=code),
            Fault(operation=LIST, error_code="DBS.200044", times=FOR_EVER),
        ]
    )
    ending = stage.deliver(EVENT)
    assert ending.error_name == REFUSED[code]
    assert ending.record["error_code"] == code


@pytest.mark.parametrize("code", [*DUPLICATE, *REFUSED])
def test_this_events_backup_that_failed_is_spent(stage: Stage, code: str) -> None:
    """Its name cannot be used again: a person has to look, and a new event makes a new one."""
    stage.emulator.backup_seconds = 0
    stage.emulator.fail_backup()
    assert stage.deliver(EVENT).reply["outcome"] == "created"
    answer_create(stage, code)
    ending = stage.deliver(EVENT)
    assert ending.error_name == "BackupFailed"
    assert ending.record["retryable"] is False
    assert stage.deliver({**EVENT, "idempotency_key": "two"}).reply["outcome"] == "created"


@pytest.mark.parametrize("code", [*DUPLICATE, *REFUSED])
def test_this_events_backup_that_is_being_deleted_makes_the_instance_busy(
    stage: Stage, code: str
) -> None:
    """Once it is gone, a redelivery makes it anew."""
    stage.emulator.backup_seconds = 0
    stage.emulator.deleting_seconds = 30
    stage.deliver(EVENT)
    first = stage.backup()
    stage.delete(first)
    answer_create(stage, code)
    ending = stage.deliver(EVENT)
    assert ending.error_name == "InstanceBusy"
    assert ending.record["retryable"] is True
    stage.time.pass_by(31)
    again = stage.deliver(EVENT)
    assert again.reply["outcome"] == "created"
    assert again.reply["backup"]["name"] == first.name
    assert stage.backup().id != first.id


def test_a_backup_that_was_deleted_is_made_anew(stage: Stage) -> None:
    """The service has no memory of it, nor has the function: one backup, of the same name."""
    stage.emulator.backup_seconds = 0
    first = stage.deliver(EVENT).reply["backup"]
    stage.delete(stage.backup())
    ending = stage.deliver(EVENT)
    assert ending.operations == ["create"]
    assert ending.reply["outcome"] == "created"
    assert ending.reply["job_id"] == stage.backup(first["name"]).job_id


def test_a_duplicate_that_the_list_does_not_show_is_looked_for_again(stage: Stage) -> None:
    """The list lags: it is read on, with growing pauses, and nothing is sent again."""
    stage.emulator.list_lag = 5
    stage.deliver(EVENT)
    ending = stage.deliver(EVENT)
    looks = ending.operations[1:-1]
    assert ending.operations == ["create", *looks, "tasks"]
    assert set(looks) == {"list"}
    assert len(looks) > 2
    assert 4 < sum(ending.pauses) < 11
    assert ending.reply["job_id"] == stage.backup().job_id


@pytest.mark.parametrize("code", DUPLICATE)
def test_a_duplicate_that_the_list_never_shows_is_unknown(stage: Stage, code: str) -> None:
    """Somebody has the name, perhaps we: to be tried again, with the code that said so."""
    answer_create(stage, code)
    ending = stage.deliver(EVENT)
    assert ending.error_name == "OutcomeUnknown"
    assert ending.operations.count("create") == 1
    assert ending.record["error_code"] == code
    assert ending.record["retryable"] is True


def test_a_duplicate_whose_list_cannot_be_read_is_unknown(stage: Stage) -> None:
    """A derived name is this event's own, and a failed look-up is no reason to deny it."""
    stage.deliver(EVENT)
    unreadable = Fault(operation=LIST, kind="cut", times=FOR_EVER)
    stage.emulator.faults.script([unreadable])
    ending = stage.deliver(EVENT)
    assert ending.error_name == "OutcomeUnknown"
    assert ending.record["error_code"] == "DBS.201201"


def test_a_state_that_nobody_documents_is_not_called_success_or_failure(stage: Stage) -> None:
    """A backup in an unknown state is waited for, and left open where that does not help."""
    stage.deliver(EVENT)
    made = stage.backup()
    odd = {
        "backups": [
            {
                "id": made.id,
                "name": made.name,
                "begin_time": "2026-11-23T10:15:04+0000",
                "status": "PAUSED",
                "type": "manual",
                "instance_id": INSTANCE_ID,
            }
        ],
        "total_count": 1,
    }
    stage.emulator.faults.script([Fault(operation=LIST, status=200, body=odd, times=2)])
    assert stage.deliver(EVENT).reply["outcome"] == "existing"
    stage.emulator.faults.script([Fault(operation=LIST, status=200, body=odd, times=FOR_EVER)])
    assert stage.deliver(EVENT).error_name == "OutcomeUnknown"


# The job of a backup that was found


def test_the_job_is_the_nearest_one_of_this_instance(stage: Stage) -> None:
    """Nearer jobs of another instance, and nearer jobs of another kind, are not its own."""
    cloud = stage.emulator
    cloud.add_instance(OTHER)
    cloud.task_lag = 20
    cloud.backup_seconds = 0
    stage.deliver(EVENT)
    began = stage.backup().begin_time
    cloud.add_job(instance_id=OTHER, created=began)
    cloud.add_job("CloneGaussDBV5NewInstance", instance_id=INSTANCE_ID, created=began)
    cloud.add_job(instance_id=INSTANCE_ID, created=began - timedelta(seconds=40))
    cloud.add_job(instance_id=INSTANCE_ID, created=began + timedelta(seconds=100))
    stage.time.pass_by(200)
    cloud.add_job(instance_id=INSTANCE_ID)
    ending = stage.deliver(EVENT)
    assert ending.reply["job_id"] == stage.backup().job_id


def test_the_job_is_found_among_hundreds(stage: Stage) -> None:
    """The task list is read to its end, too."""
    cloud = stage.emulator
    cloud.add_instance(OTHER)
    cloud.backup_seconds = 0
    stage.deliver(EVENT)
    began = stage.backup().begin_time
    for number in range(250):
        cloud.add_job(instance_id=OTHER, created=began + timedelta(seconds=1 + number))
    stage.time.pass_by(300)
    ending = stage.deliver(EVENT)
    assert ending.operations == ["create", "list", "tasks", "tasks", "tasks"]
    assert ending.reply["job_id"] == stage.backup().job_id


def assert_success_without_a_job(stage: Stage, why: str) -> None:
    """A redelivery succeeds without a job ID, and the log says why there is none."""
    ending = stage.deliver(EVENT)
    assert ending.reply["outcome"] == "existing"
    assert ending.reply["job_id"] is None
    assert ending.reply["backup"]["id"] == stage.backup().id
    assert ending.record["message"] == "backup accepted"
    assert ending.record["job_lookup"] == why
    assert "job_id" not in ending.record


def test_no_job_is_no_failure(stage: Stage) -> None:
    """Some clouds do not show the jobs of backups."""
    stage.deliver(EVENT)
    stage.emulator.jobs_know_backups = False
    assert_success_without_a_job(stage, "none")


@pytest.mark.parametrize(("lag", "near"), [(298, True), (302, False)])
def test_a_job_counts_within_five_minutes(stage: Stage, lag: float, near: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """What was created further from the backup's beginning is another job."""
    stage.emulator.task_lag = lag
    stage.deliver(EVENT)
    stage.time.pass_by(400)
    if near:
        assert stage.deliver(EVENT).reply["job_id"] == stage.backup().job_id
    else:
        assert_success_without_a_job(stage, "none")


def test_two_jobs_equally_near_are_ambiguous(stage: Stage) -> None:
    """A guess is worse than none."""
    stage.emulator.task_lag = 60
    stage.deliver(EVENT)
    before = stage.backup().begin_time - timedelta(seconds=60)
    stage.emulator.add_job(instance_id=INSTANCE_ID, created=before)
    stage.time.pass_by(100)
    assert_success_without_a_job(stage, "ambiguous")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500),
        Fault(kind="reset"),
        Fault(error_code="DBS.200044"),
        Fault(kind="cut"),
        Fault(kind="html", status=200),
        Fault(status=200, body={"tasks": [{}], "total_count": 1}),
        Fault(status=429, retry_after=3600),
        Fault(status=401),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status or fault.error_code}",
)
def test_a_task_list_that_cannot_be_read_is_no_failure(stage: Stage, fault: Fault) -> None:
    """A success is never lost for want of a job ID."""
    stage.deliver(EVENT)
    stage.emulator.faults.script([replace(fault, operation=TASKS, times=FOR_EVER)])
    assert_success_without_a_job(stage, "failed")


def test_no_time_for_the_job_is_no_failure(stage: Stage) -> None:
    """The task list hangs to the end of the invocation: the backup is told all the same."""
    stage.deliver(EVENT)
    stage.emulator.faults.script([Fault(operation=TASKS, kind="hang", seconds=9, times=9)])
    ending = stage.deliver(EVENT, seconds=1.5)
    assert ending.reply["outcome"] == "existing"
    assert ending.record["job_lookup"] == "failed"
