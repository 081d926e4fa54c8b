"""One backup, waited for in troubles: nothing that passes ends it, and none makes a second one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.local_cloud.emulator import Fault
from tests.local_cloud.lambda_runtime import FunctionFailed, FunctionTimedOut
from tests.state_machines.definitions import backup_machine
from tests.state_machines.step_functions import NO_ERROR_TYPE

if TYPE_CHECKING:
    from tests.state_machines.conftest import Stage

NO_ANSWER = FunctionTimedOut("Task timed out after 120.00 seconds")
KILLED = FunctionFailed(
    {
        "errorType": "Runtime.OutOfMemory",
        "errorMessage": "RequestId: one Error: Runtime exited with error: signal: killed",
    }
)
TIMED_OUT = NO_ERROR_TYPE.format(NO_ANSWER)
KEY = {"instance_id": "a1", "idempotency_key": "night-1"}
ACCEPTED = {"job_id": "job", "backup": {"id": "one", "name": "auto-one", "status": "BUILDING"}}


def test_a_backup_that_never_ends_is_given_up(stage: Stage) -> None:
    """At its own time limit the execution fails as timed out, with the backup it leaves behind."""
    instance = stage.cloud.add_instance()
    stage.cloud.backup_seconds = 3600
    ended = stage.backup({"instance_id": instance.id}, limit=3, wait=1)
    told = stage.outcome_of(ended)
    [left] = stage.backups_of(instance.id)
    assert (ended["status"], told["outcome"], told["error"]) == ("FAILED", "timed_out", "TimedOut")
    assert (told["job_id"], told["backup"]["id"]) == (left.job_id, left.id)
    looks = [event for event in stage.asked if event.get("action") == "status"]
    assert len(looks) == 2  # after one second, and after two more


@pytest.mark.parametrize(("end", "costs"), [(NO_ANSWER, 300), (KILLED, 45)], ids=["slow", "quick"])
@pytest.mark.parametrize(("more", "outcome"), [(1, "completed"), (0, "timed_out")])
def test_an_outage_while_it_is_waited_for_ends_nothing_before_the_limit(
    stage: Stage, end: Exception, costs: int, more: int, outcome: str
) -> None:
    """What could not be asked is asked later, and a look that is prevented counts for its time.

    At the limit nobody can say that the backup failed, so the execution ends as timed out.
    """
    instance = stage.cloud.add_instance()
    machine = backup_machine(limit=costs + more)
    machine["StartAt"] = "StartWaiting"
    made = stage.cloud.add_backup(instance_id=instance.id, age=timedelta(hours=1))
    known = {"instance_id": instance.id, "idempotency_key": "night-1"}
    accepted = {"job_id": made.job_id, "backup": {"id": made.id, "name": made.name}}
    stage.ends[:] = [end] * 3
    ended = stage.run(machine, {"asked": known, "always": known, "accepted": accepted})
    assert stage.outcome_of(ended)["outcome"] == outcome
    assert len(stage.asked) == 3 + more


def test_a_backup_that_vanishes_is_a_failed_one(stage: Stage) -> None:
    """Somebody deleted it, and nothing will ever complete it."""
    instance = stage.cloud.add_instance()
    gone = Fault(operation="ListBackups", status=200, body={"backups": [], "total_count": 0})
    stage.cloud.faults.script([replace(gone, times=5)])
    ended = stage.backup({"instance_id": instance.id})
    told = stage.outcome_of(ended)
    [made] = stage.backups_of(instance.id)
    assert (told["outcome"], told["error"]) == ("failed", "BackupNotFound")
    assert told["idempotency_key"] == f"{ended['name']}/{instance.id}"
    assert (told["job_id"], told["backup"]["id"]) == (made.job_id, made.id)


def test_a_list_that_lags_is_given_time(stage: Stage) -> None:
    """A new backup may not be listed at once."""
    instance = stage.cloud.add_instance()
    stage.cloud.list_lag = 0.15
    ended = stage.backup({"instance_id": instance.id})
    assert stage.outcome_of(ended)["outcome"] == "completed"


def test_a_busy_instance_is_waited_for(stage: Stage) -> None:
    """It is being modified when the first two requests come; the third is accepted."""
    instance = stage.cloud.add_instance(status="MODIFYING")
    errors: list[str] = []

    def function(event: Any) -> Any:
        if len(errors) == 2:
            instance.status = "ACTIVE"
        try:
            return stage.invoke(event)
        except FunctionFailed as error:
            errors.append(error.error_type)
            raise

    stage.step_functions.invoke = function
    ended = stage.backup({"instance_id": instance.id})
    assert stage.outcome_of(ended)["outcome"] == "completed"
    assert errors == ["InstanceBusy", "InstanceBusy"]


def test_an_instance_that_stays_busy_is_given_up(stage: Stage) -> None:
    """After as many retries as the parameter allows."""
    instance = stage.cloud.add_instance(status="MODIFYING")
    ended = stage.backup({"instance_id": instance.id}, busy_retries=1)
    assert stage.outcome_of(ended)["error"] == "InstanceBusy"
    assert len(stage.asked) == 2
    assert stage.backups_of(instance.id) == []


@pytest.mark.parametrize("end", [NO_ANSWER, KILLED], ids=["time", "memory"])
def test_a_reply_that_is_lost_makes_no_second_backup(stage: Stage, end: Exception) -> None:
    """Lambda ends the function when its work is done; the retry under the same key finds it."""
    instance = stage.cloud.add_instance()
    stage.ends.append(end)
    ended = stage.backup({"instance_id": instance.id})
    assert stage.outcome_of(ended)["outcome"] == "completed"
    first, second, *_ = stage.asked
    assert first == second
    assert len(stage.backups_of(instance.id)) == 1


def test_a_function_that_is_killed_once_makes_no_second_backup(stage: Stage) -> None:
    """Its process dies when the backup is accepted, before it hears so; the retry finds it."""
    instance = stage.cloud.add_instance()
    died = Fault(
        operation="CreateManualBackup", kind="reset", when="after", action=stage.kill_function
    )
    stage.cloud.faults.script([died])
    stage.invoke({"action": "check", "instance_id": instance.id})  # it runs
    starts = len(stage.runtime.init_milliseconds())
    ended = stage.backup({"instance_id": instance.id})
    assert stage.outcome_of(ended)["outcome"] == "completed"
    assert len(stage.backups_of(instance.id)) == 1
    assert len(stage.runtime.init_milliseconds()) == starts + 1


RAISED = {"errorMessage": "fewer requests, please", "errorType": "Throttled", "stackTrace": []}


@pytest.mark.parametrize(
    ("error", "cause", "told"),
    [
        ("Throttled", json.dumps(RAISED), "fewer requests, please"),
        ("Lambda.Unknown", TIMED_OUT, TIMED_OUT),
        ("States.Timeout", "", ""),
        ("Lambda.SdkClientException", "no connection", "no connection"),
        ("Runtime.ExitError", '{"errorType":"none told"}', '{"errorType":"none told"}'),
        ("Runtime.OutOfMemory", json.dumps(KILLED.response), KILLED.error_message),
    ],
)
@pytest.mark.parametrize(
    ("known", "accepted"),
    [
        ({"asked": KEY, "always": KEY}, {}),
        ({**KEY, "accepted": ACCEPTED}, ACCEPTED),
    ],
    ids=["not accepted", "accepted"],
)
def test_what_aws_says_of_an_error_is_told_as_it_is(
    stage: Stage,
    error: str,
    cause: str,
    told: str,
    known: dict[str, Any],
    accepted: dict[str, Any],
) -> None:
    """Only what the function itself raised comes as JSON, of which the message is enough.

    The causes are those that were seen on AWS: that of a time-out has JSON after a sentence.
    """
    ended = stage.run_from(
        "CheckErrorFormat",
        backup_machine(),
        {**known, "failure": {"Error": error, "Cause": cause}},
    )
    failed = {"outcome": "failed", "error": error, "cause": told}
    assert stage.outcome_of(ended) == {**failed, **KEY, **accepted}
