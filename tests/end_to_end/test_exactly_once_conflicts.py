"""After "duplicate", "busy" or "not ready", the list shows whether this event's backup exists."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from tests.local_cloud.emulator import Fault
from tests.local_cloud.events import PAYLOAD
from tests.local_cloud.local_cloud import INSTANCE_ID, USER

if TYPE_CHECKING:
    from tests.local_cloud.emulator.request import Request
    from tests.local_cloud.harness import Harness


EVENT: Final = {**PAYLOAD, "idempotency_key": "one"}
OTHER: Final = "0123456789abcdef0123456789abcdefin14"
CREATE: Final = "CreateManualBackup"
LIST: Final = "ListBackups"
TASKS: Final = "ListTasks"
FOR_EVER: Final = 1_000_000

# One code per meaning; `tests/unit/error_code_tables.py` has all codes of each meaning.
DUPLICATE: Final = "DBS.201201"
REFUSED: Final = {
    "DBS.201205": "InstanceBusy",
    "DBS.201014": "InstanceNotReady",
}
UNKNOWN_CONFLICT: Final = "DBS.999999"


def reject_create(
    harness: Harness, code: str, *, times: int = 1, status: int | None = None
) -> None:
    """Rejects the next create requests with a code, whatever the state of the instance."""
    fault = Fault(operation=CREATE, error_code=code, status=status, times=times)
    harness.emulator.faults.script([fault])


@pytest.mark.parametrize("status", ["BUILDING", "COMPLETED"])
@pytest.mark.parametrize("code", [DUPLICATE, *REFUSED])
def test_a_rejection_because_of_the_own_backup_is_success(
    harness: Harness, code: str, status: str
) -> None:
    """The list shows this event's backup, whatever the code of the rejection; its job is found."""
    harness.emulator.backup_seconds = 60 if status == "BUILDING" else 0
    harness.invoke(EVENT)
    reject_create(harness, code)
    invocation = harness.invoke(EVENT)
    made = harness.backup()
    assert made.status == status
    assert invocation.operations == ["create", "list", "tasks"]
    assert invocation.reply == {
        "outcome": "existing",
        "job_id": made.job_id,
        "backup": {
            **invocation.reply["backup"],
            "id": made.id,
            "name": made.name,
            "status": status,
        },
    }
    assert invocation.record["outcome"] == "existing"
    assert invocation.record["job_id"] == made.job_id
    assert invocation.record["backup_id"] == made.id


@pytest.mark.parametrize("code", REFUSED)
def test_a_rejection_because_of_another_operation_keeps_its_meaning(
    harness: Harness, code: str
) -> None:
    """The list shows only other backups: retryable, with the service's own code."""
    harness.emulator.add_backup("of-somebody-else", instance_id=INSTANCE_ID)
    reject_create(harness, code)
    invocation = harness.invoke(EVENT)
    assert invocation.operations == ["create", "list"]
    assert invocation.error_name == REFUSED[code]
    assert invocation.record["error_code"] == code
    assert invocation.record["retryable"] is True
    assert harness.invoke(EVENT).reply["outcome"] == "created"


@pytest.mark.parametrize("code", [UNKNOWN_CONFLICT, "DBS.05000084"])
def test_an_unknown_conflict_counts_as_a_busy_instance(harness: Harness, code: str) -> None:
    """A 409 with an unknown code keeps its meaning, and the list decides here too."""
    reject_create(harness, code, status=409)
    invocation = harness.invoke(EVENT)
    assert invocation.operations == ["create", "list"]
    assert invocation.error_name == "InstanceBusy"
    assert invocation.record["error_code"] == code
    harness.invoke(EVENT)
    reject_create(harness, code, status=409)
    assert harness.invoke(EVENT).reply["outcome"] == "existing"


@pytest.mark.parametrize("code", REFUSED)
def test_a_failed_lookup_does_not_replace_the_rejection(harness: Harness, code: str) -> None:
    """The error is that of the create request."""
    harness.emulator.faults.script(
        [
            Fault(operation=CREATE, error_code=code),
            Fault(operation=LIST, error_code="DBS.200044", times=FOR_EVER),
        ]
    )
    invocation = harness.invoke(EVENT)
    assert invocation.error_name == REFUSED[code]
    assert invocation.record["error_code"] == code


@pytest.mark.parametrize("code", [DUPLICATE, *REFUSED])
def test_an_own_backup_that_failed_is_not_retryable(harness: Harness, code: str) -> None:
    """The name cannot be used again; a new event makes a new backup."""
    harness.emulator.backup_seconds = 0
    harness.emulator.fail_backup()
    assert harness.invoke(EVENT).reply["outcome"] == "created"
    reject_create(harness, code)
    invocation = harness.invoke(EVENT)
    assert invocation.error_name == "BackupFailed"
    assert invocation.record["retryable"] is False
    assert harness.invoke({**EVENT, "idempotency_key": "two"}).reply["outcome"] == "created"


@pytest.mark.parametrize("code", [DUPLICATE, *REFUSED])
def test_an_own_backup_that_is_deleting_is_a_busy_instance(harness: Harness, code: str) -> None:
    """After the deletion, a redelivery makes the backup again."""
    harness.emulator.backup_seconds = 0
    harness.emulator.deleting_seconds = 30
    harness.invoke(EVENT)
    first = harness.backup()
    harness.delete(first)
    reject_create(harness, code)
    invocation = harness.invoke(EVENT)
    assert invocation.error_name == "InstanceBusy"
    assert invocation.record["retryable"] is True
    harness.time.advance(31)
    again = harness.invoke(EVENT)
    assert again.reply["outcome"] == "created"
    assert again.reply["backup"]["name"] == first.name
    assert harness.backup().id != first.id


def test_a_failed_backup_is_logged_with_its_ids_and_reason(harness: Harness) -> None:
    """An operator needs them, because no redelivery makes another backup."""
    harness.emulator.backup_seconds = 0
    harness.emulator.fail_backup()
    made = harness.invoke(EVENT).reply
    invocation = harness.invoke(EVENT)
    record = invocation.record
    assert invocation.error_name == record["error"] == "BackupFailed"
    assert record["backup_id"] == made["backup"]["id"]
    assert record["job_id"] == made["job_id"]
    assert record["error_code"] == "DBS.201201"
    [job] = harness.emulator.jobs
    for part in (made["backup"]["id"], made["job_id"], str(job.fail_reason)):
        assert part in str(invocation.error)
        assert part in record["detail"]


def test_a_fail_reason_is_redacted(harness: Harness) -> None:
    """The text comes from the service and may quote a request."""
    harness.emulator.backup_seconds = 0
    harness.emulator.fail_backup()
    tokens: list[str] = []

    def keep_token(request: Request) -> bool:
        tokens.append(request.headers["x-auth-token"])
        return True

    harness.emulator.faults.script([Fault(operation=CREATE, kind="pass", where=keep_token)])
    harness.invoke(EVENT)
    [token] = tokens
    [job] = harness.emulator.jobs
    body = {
        "tasks": [
            {
                "job_id": job.id,
                "name": job.name,
                "created_at": f"{job.created:%Y-%m-%dT%H:%M:%SZ}",
                "instance_info": {"instance_id": INSTANCE_ID},
                "fail_reason": f"refused: {USER['password']} {token}\nsecond line",
            }
        ],
        "total_count": 1,
    }
    harness.emulator.faults.script([Fault(operation=TASKS, status=200, body=body)])
    invocation = harness.invoke(EVENT)
    assert invocation.record["job_id"] == job.id
    assert USER["password"] not in str(invocation.error)
    assert token not in str(invocation.error)
    assert str(invocation.error).isprintable()


def test_a_failed_backup_without_a_job_is_logged_without_it(harness: Harness) -> None:
    """Some clouds do not show the jobs of backups."""
    harness.emulator.backup_seconds = 0
    harness.emulator.jobs_show_backups = False
    harness.emulator.fail_backup()
    made = harness.invoke(EVENT).reply
    invocation = harness.invoke(EVENT)
    assert invocation.error_name == "BackupFailed"
    assert invocation.record["backup_id"] == made["backup"]["id"]
    assert invocation.record["job_lookup"] == "none"
    assert "job_id" not in invocation.record


def test_a_deleted_backup_is_made_again(harness: Harness) -> None:
    """The deletion frees the name: one backup, with the same name."""
    harness.emulator.backup_seconds = 0
    first = harness.invoke(EVENT).reply["backup"]
    harness.delete(harness.backup())
    invocation = harness.invoke(EVENT)
    assert invocation.operations == ["create"]
    assert invocation.reply["outcome"] == "created"
    assert invocation.reply["job_id"] == harness.backup(first["name"]).job_id


def test_a_duplicate_that_the_list_does_not_show_is_looked_up_again(harness: Harness) -> None:
    """The list lags: it is read again, with growing pauses, and no create request is sent."""
    harness.emulator.list_lag = 5
    harness.invoke(EVENT)
    invocation = harness.invoke(EVENT)
    looks = invocation.operations[1:-1]
    assert invocation.operations == ["create", *looks, "tasks"]
    assert set(looks) == {"list"}
    assert len(looks) > 2
    assert 4 < sum(invocation.pauses) < 11
    assert invocation.reply["job_id"] == harness.backup().job_id


def test_a_duplicate_that_the_list_never_shows_is_unknown(harness: Harness) -> None:
    """The name may be taken by this event or another: retryable, with the service's code."""
    reject_create(harness, DUPLICATE)
    invocation = harness.invoke(EVENT)
    assert invocation.error_name == "OutcomeUnknown"
    assert invocation.operations.count("create") == 1
    assert invocation.record["error_code"] == DUPLICATE
    assert invocation.record["retryable"] is True


def test_a_duplicate_whose_list_cannot_be_read_is_unknown(harness: Harness) -> None:
    """The name may be taken by this event's own backup."""
    harness.invoke(EVENT)
    unreadable = Fault(operation=LIST, kind="cut", times=FOR_EVER)
    harness.emulator.faults.script([unreadable])
    invocation = harness.invoke(EVENT)
    assert invocation.error_name == "OutcomeUnknown"
    assert invocation.record["error_code"] == "DBS.201201"


def test_an_undocumented_status_is_neither_success_nor_failure(harness: Harness) -> None:
    """The function waits for another status and ends as unknown if there is none."""
    harness.invoke(EVENT)
    made = harness.backup()
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
    harness.emulator.faults.script([Fault(operation=LIST, status=200, body=odd, times=2)])
    assert harness.invoke(EVENT).reply["outcome"] == "existing"
    harness.emulator.faults.script([Fault(operation=LIST, status=200, body=odd, times=FOR_EVER)])
    assert harness.invoke(EVENT).error_name == "OutcomeUnknown"


# The job of a backup that was found


def test_the_job_is_the_nearest_one_of_this_instance(harness: Harness) -> None:
    """Jobs of other instances or of other types do not count, even if they are nearer."""
    cloud = harness.emulator
    cloud.add_instance(OTHER)
    cloud.task_lag = 20
    cloud.backup_seconds = 0
    harness.invoke(EVENT)
    began = harness.backup().begin_time
    cloud.add_job(instance_id=OTHER, created=began)
    cloud.add_job("CloneGaussDBV5NewInstance", instance_id=INSTANCE_ID, created=began)
    cloud.add_job(instance_id=INSTANCE_ID, created=began - timedelta(seconds=40))
    cloud.add_job(instance_id=INSTANCE_ID, created=began + timedelta(seconds=100))
    harness.time.advance(200)
    cloud.add_job(instance_id=INSTANCE_ID)
    invocation = harness.invoke(EVENT)
    assert invocation.reply["job_id"] == harness.backup().job_id


def test_the_job_is_found_on_the_last_page(harness: Harness) -> None:
    """The task list is read to its end."""
    cloud = harness.emulator
    cloud.add_instance(OTHER)
    cloud.backup_seconds = 0
    harness.invoke(EVENT)
    began = harness.backup().begin_time
    for number in range(250):
        cloud.add_job(instance_id=OTHER, created=began + timedelta(seconds=1 + number))
    harness.time.advance(300)
    invocation = harness.invoke(EVENT)
    assert invocation.operations == ["create", "list", "tasks", "tasks", "tasks"]
    assert invocation.reply["job_id"] == harness.backup().job_id


def assert_success_without_a_job(harness: Harness, why: str) -> None:
    """A redelivery succeeds without a job ID, and the log says why there is none."""
    invocation = harness.invoke(EVENT)
    assert invocation.reply["outcome"] == "existing"
    assert invocation.reply["job_id"] is None
    assert invocation.reply["backup"]["id"] == harness.backup().id
    assert invocation.record["message"] == "backup accepted"
    assert invocation.record["job_lookup"] == why
    assert "job_id" not in invocation.record


def test_a_missing_job_is_no_failure(harness: Harness) -> None:
    """Some clouds do not show the jobs of backups."""
    harness.invoke(EVENT)
    harness.emulator.jobs_show_backups = False
    assert_success_without_a_job(harness, "none")


@pytest.mark.parametrize(("lag", "near"), [(298, True), (302, False)])
def test_a_job_counts_within_five_minutes(harness: Harness, lag: float, near: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A job that was created further from the backup's begin time is another one."""
    harness.emulator.task_lag = lag
    harness.invoke(EVENT)
    harness.time.advance(400)
    if near:
        assert harness.invoke(EVENT).reply["job_id"] == harness.backup().job_id
    else:
        assert_success_without_a_job(harness, "none")


def test_two_jobs_equally_near_are_ambiguous(harness: Harness) -> None:
    """Then there is no job ID."""
    harness.emulator.task_lag = 60
    harness.invoke(EVENT)
    before = harness.backup().begin_time - timedelta(seconds=60)
    harness.emulator.add_job(instance_id=INSTANCE_ID, created=before)
    harness.time.advance(100)
    assert_success_without_a_job(harness, "ambiguous")


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
def test_a_task_list_that_cannot_be_read_is_no_failure(harness: Harness, fault: Fault) -> None:
    """The result is a success without a job ID."""
    harness.invoke(EVENT)
    harness.emulator.faults.script([replace(fault, operation=TASKS, times=FOR_EVER)])
    assert_success_without_a_job(harness, "failed")


def test_no_time_for_the_job_is_no_failure(harness: Harness) -> None:
    """The task list hangs to the end: the result is a success without a job ID."""
    harness.invoke(EVENT)
    harness.emulator.faults.script([Fault(operation=TASKS, kind="hang", seconds=9, times=9)])
    invocation = harness.invoke(EVENT, seconds=1.5)
    assert invocation.reply["outcome"] == "existing"
    assert invocation.record["job_lookup"] == "failed"


def test_the_log_tells_the_services_id_of_the_create_request(harness: Harness) -> None:
    """Of the accepted one, and of the one that was refused as a duplicate."""
    created = harness.invoke(EVENT).record["api_request_id"]
    existing = harness.invoke(EVENT).record["api_request_id"]
    assert len({created, existing}) == 2
    for request_id in (created, existing):
        assert re.fullmatch("[0-9a-f]{32}", request_id)


@pytest.mark.parametrize(
    ("request_id", "logged"),
    [("a-1", "a-1"), ("a b", None), ("x" * 65, None), ("", None), ('"><script>', None)],
)
def test_an_odd_id_of_a_request_is_not_logged(
    harness: Harness, request_id: str, logged: str | None
) -> None:
    """It is foreign text."""
    backup = {
        "id": "x1br14",
        "name": "nightly-1",
        "begin_time": "2026-11-23T10:15:04+0000",
        "status": "BUILDING",
        "type": "manual",
        "instance_id": INSTANCE_ID,
    }
    accepted = Fault(
        operation=CREATE,
        status=202,
        body={"backup": backup, "job_id": "9d12f1f2"},
        headers={"X-Request-Id": request_id},
    )
    harness.emulator.faults.script([accepted])
    record = harness.invoke(EVENT).record
    assert record["outcome"] == "created"
    assert record.get("api_request_id") == logged
