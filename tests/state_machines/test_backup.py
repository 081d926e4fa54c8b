"""One backup, waited for: the definition that the stack deploys, run by an interpreter."""

from __future__ import annotations

import json
from dataclasses import replace
from threading import Timer
from typing import TYPE_CHECKING, Any

import pytest

from tests.cloud.emulator import Fault

if TYPE_CHECKING:
    from tests.state_machines.conftest import Stage


def outcome(execution: dict[str, Any]) -> dict[str, Any]:
    """What a pipeline learns of an execution: its output, or the cause of its failure."""
    told: dict[str, Any] = json.loads(execution.get("output") or execution["cause"])
    return told


def test_a_backup_is_waited_for_until_it_is_completed(stage: Stage) -> None:
    """The execution succeeds with the completed backup and its job ID."""
    instance = stage.cloud.add_instance()
    ended = stage.backup({"instance_id": instance.id, "name_prefix": "before-deploy"})
    [made] = stage.backups_of(instance.id)
    assert ended["status"] == "SUCCEEDED"
    told = outcome(ended)
    assert (told["outcome"], told["job_id"]) == ("completed", made.job_id)
    assert (told["backup"]["id"], told["backup"]["status"]) == (made.id, "COMPLETED")
    assert told["backup"]["size"] > 0
    assert made.name.startswith("before-deploy-")


@pytest.mark.parametrize("given", [{}, {"idempotency_key": None}, {"idempotency_key": 5}])
def test_without_a_key_the_execution_and_the_instance_are_the_key(
    stage: Stage, given: dict[str, object]
) -> None:
    """So no retry makes a second backup, also where the caller's key is not one."""
    instance = stage.cloud.add_instance()
    stage.timeouts = 1
    ended = stage.backup({"instance_id": instance.id, **given})
    assert outcome(ended)["idempotency_key"] == f"{ended['name']}/{instance.id}"
    assert len(stage.backups_of(instance.id)) == 1


def test_the_caller_s_own_key_stands_above_the_execution_s_name(stage: Stage) -> None:
    """Two executions under one key, as of a schedule delivered twice, end with one backup."""
    instance = stage.cloud.add_instance()
    given = {
        "instance_id": instance.id,
        "idempotency_key": "night-1",
        "scheduled_time": "2026-11-24T03:15:00Z",
    }
    first, second = stage.backup(given), stage.backup(given)
    assert outcome(first) == outcome(second)
    [made] = stage.backups_of(instance.id)
    assert made.name.startswith("auto-20261124T031500Z-")


def test_a_backup_that_fails_fails_the_execution(stage: Stage) -> None:
    """The error is the outcome, and the cause tells which backup it was."""
    instance = stage.cloud.add_instance()
    stage.cloud.fail_backup()
    ended = stage.backup({"instance_id": instance.id})
    assert (ended["status"], ended["error"]) == ("FAILED", "failed")
    told = outcome(ended)
    assert (told["outcome"], told["error"]) == ("failed", "BackupFailed")
    assert told["backup"]["status"] == "FAILED"


def test_a_request_that_is_refused_fails_with_the_function_s_own_words(stage: Stage) -> None:
    """What the function raised is told by its error name and its message, without a traceback."""
    ended = stage.backup({"instance_id": "unknown"})
    told = outcome(ended)
    assert (ended["error"], told["error"]) == ("failed", "InstanceNotFound")
    assert told["cause"].startswith("the service knows no such instance")
    assert "\n" not in told["cause"]


@pytest.mark.parametrize(
    "given",
    [
        {"name_prefix": "nightly"},
        {"instance_id": None},
        {"instance_id": 7},
        {"instance_id": "a1", "action": "check"},
    ],
)
def test_an_input_that_asks_for_no_backup_fails_at_once(
    stage: Stage, given: dict[str, object]
) -> None:
    """It is told as every outcome is, and the function is not even called."""
    seen = len(stage.runtime.lines())
    ended = stage.backup(given)
    told = outcome(ended)
    assert (ended["error"], told["outcome"], told["error"]) == (
        "failed",
        "failed",
        "InvalidRequest",
    )
    assert [event["detail"] for event in stage.step_functions.told()] == [told]
    assert len(stage.runtime.lines()) == seen


def test_what_the_function_does_not_know_is_refused_by_name(stage: Stage) -> None:
    """A misspelt field is not left out in silence."""
    told = outcome(stage.backup({"instance_id": "a1", "descripton": "typo"}))
    assert told["error"] == "InvalidRequest"
    assert "/descripton" in told["cause"]


def test_a_state_machine_of_ones_own_may_leave_its_trace_in_the_input(stage: Stage) -> None:
    """Step Functions' console links an execution to the one that started it by this field."""
    instance = stage.cloud.add_instance()
    trace = {"AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": "arn:aws:states:::execution:a:b"}
    assert stage.backup({"instance_id": instance.id, **trace})["status"] == "SUCCEEDED"


def test_a_backup_that_never_ends_is_given_up(stage: Stage) -> None:
    """At its own time limit the execution fails as timed out, with the backup it leaves behind."""
    instance = stage.cloud.add_instance()
    stage.cloud.backup_seconds = 3600
    ended = stage.backup({"instance_id": instance.id}, limit=3, wait=1)
    assert (ended["status"], ended["error"]) == ("FAILED", "timed_out")
    told = outcome(ended)
    assert told["outcome"] == "timed_out"
    assert told["backup"]["status"] == "BUILDING"
    looks = [
        record
        for record in stage.runtime.records()
        if record.get("message") == "backup status" and record["instance_id"] == instance.id
    ]
    assert [look["outcome"] for look in looks] == ["building"] * 3  # a second each


def test_an_outage_while_it_is_waited_for_ends_nothing(stage: Stage) -> None:
    """What could not be asked is asked later: the backup builds on meanwhile."""
    instance = stage.cloud.add_instance()
    stage.throttles = 4  # a whole look with its retries, and the next one's first try
    ended = stage.backup({"instance_id": instance.id})
    assert ended["status"] == "SUCCEEDED"
    assert stage.throttles == 0


def test_an_outage_that_never_ends_is_given_up_as_well(stage: Stage) -> None:
    """Nobody can say that the backup failed."""
    instance = stage.cloud.add_instance()
    stage.throttles = 1000
    ended = stage.backup({"instance_id": instance.id}, limit=1, wait=1)
    assert ended["error"] == "timed_out"
    assert len(stage.backups_of(instance.id)) == 1


def test_a_backup_that_vanishes_is_a_failed_one(stage: Stage) -> None:
    """Somebody deleted it, and nothing will ever complete it."""
    instance = stage.cloud.add_instance()
    gone = Fault(operation="ListBackups", status=200, body={"backups": [], "total_count": 0})
    stage.cloud.faults.script([replace(gone, times=5)])
    ended = stage.backup({"instance_id": instance.id})
    told = outcome(ended)
    assert (told["outcome"], told["error"]) == ("failed", "BackupNotFound")
    assert told["backup"]["instance_id"] == instance.id


def test_a_list_that_lags_is_given_time(stage: Stage) -> None:
    """A new backup may not be listed at once."""
    instance = stage.cloud.add_instance()
    stage.cloud.list_lag = 2.5
    ended = stage.backup({"instance_id": instance.id})
    stage.cloud.list_lag = 0.0
    assert ended["status"] == "SUCCEEDED"


def test_a_busy_instance_is_waited_for(stage: Stage) -> None:
    """It is being modified when the first request comes; a later one is accepted."""
    instance = stage.cloud.add_instance(status="MODIFYING")
    ready = Timer(1.0, lambda: setattr(instance, "status", "ACTIVE"))
    ready.start()
    ended = stage.backup({"instance_id": instance.id})
    ready.join()
    assert ended["status"] == "SUCCEEDED"
    errors = [
        record["error"]
        for record in stage.runtime.records()
        if record.get("instance_id") == instance.id and "error" in record
    ]
    assert errors
    assert set(errors) == {"InstanceBusy"}


def test_an_instance_that_stays_busy_is_given_up(stage: Stage) -> None:
    """After as many retries as the parameter allows."""
    instance = stage.cloud.add_instance(status="MODIFYING")
    ended = stage.backup({"instance_id": instance.id}, busy_retries=1)
    assert (ended["error"], outcome(ended)["error"]) == ("failed", "InstanceBusy")
    assert stage.backups_of(instance.id) == []


def test_a_reply_that_is_lost_to_the_timeout_makes_no_second_backup(stage: Stage) -> None:
    """Lambda ends the function when its work is done; the retry under the same key finds it."""
    instance = stage.cloud.add_instance()
    stage.timeouts = 1
    ended = stage.backup({"instance_id": instance.id})
    assert ended["status"] == "SUCCEEDED"
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
    assert ended["status"] == "SUCCEEDED"
    assert len(stage.backups_of(instance.id)) == 1
    assert len(stage.runtime.init_milliseconds()) == starts + 1


def test_every_outcome_is_told_on_the_event_bus(stage: Stage) -> None:
    """A rule gets the very outcome that the execution ends with, and knows whose it is."""
    ended = []
    instance = stage.cloud.add_instance()
    ended.append(stage.backup({"instance_id": instance.id}))
    stage.cloud.fail_backup()
    ended.append(stage.backup({"instance_id": instance.id}))
    stage.cloud.backup_seconds = 3600
    ended.append(stage.backup({"instance_id": instance.id}, limit=1, wait=1))
    events = stage.step_functions.told()
    assert [event["detail"] for event in events] == [outcome(one) for one in ended]
    assert [event["detail"]["outcome"] for event in events] == ["completed", "failed", "timed_out"]
    for event, execution in zip(events, ended, strict=True):
        assert (event["source"], event["detail-type"]) == ("gaussdb-backup", "Backup Outcome")
        assert execution["executionArn"] in event["resources"]
