"""One backup, waited for: the definition that the stack deploys, run by an interpreter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.state_machines.definitions import (
    backup_machine,
    deployed_backup,
    limited,
    without_waiting,
)

if TYPE_CHECKING:
    from tests.state_machines.conftest import Stage

TRACE = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"
NIGHT = "2026-11-24T03:15:00Z"


def test_a_backup_is_waited_for_until_it_is_completed(stage: Stage) -> None:
    """The execution succeeds with the completed backup, its job and the key of the request."""
    instance = stage.cloud.add_instance()
    stage.cloud.backup_seconds = 0.3
    ended = stage.backup({"instance_id": instance.id, "name_prefix": "before-deploy"})
    [made] = stage.backups_of(instance.id)
    assert ended["status"] == "SUCCEEDED"
    told = stage.outcome_of(ended)
    backup = told.pop("backup")
    assert told == {
        "outcome": "completed",
        "instance_id": instance.id,
        "idempotency_key": f"{ended['name']}/{instance.id}",
        "job_id": made.job_id,
    }
    assert (backup["id"], backup["status"]) == (made.id, "COMPLETED")
    assert backup["size"] > 0
    assert made.name.startswith("before-deploy-")


def test_the_function_is_asked_for_a_backup_and_then_how_it_is(stage: Stage) -> None:
    """By the ID that it gave the backup, for another may come by the same name."""
    instance = stage.cloud.add_instance()
    stage.cloud.backup_seconds = 0
    ended = stage.backup({"instance_id": instance.id, "description": "before the update"})
    [made] = stage.backups_of(instance.id)
    assert stage.asked == [
        {
            "instance_id": instance.id,
            "description": "before the update",
            "idempotency_key": f"{ended['name']}/{instance.id}",
            TRACE: None,
        },
        {"action": "status", "instance_id": instance.id, "backup_id": made.id},
    ]


@pytest.mark.parametrize("given", [{}, {"idempotency_key": None, "scheduled_time": None}])
def test_without_a_key_the_execution_and_the_instance_are_the_key(
    stage: Stage, given: dict[str, object]
) -> None:
    """So no retry makes a second backup."""
    instance = stage.cloud.add_instance()
    ended = stage.backup({"instance_id": instance.id, **given})
    assert stage.outcome_of(ended)["idempotency_key"] == f"{ended['name']}/{instance.id}"


@pytest.mark.parametrize("given", [{}, {"idempotency_key": None}])
def test_a_scheduled_time_is_a_key(stage: Stage, given: dict[str, object]) -> None:
    """Two executions for one time, as of a schedule delivered twice, end with one backup."""
    instance = stage.cloud.add_instance()
    scheduled = {"instance_id": instance.id, "scheduled_time": NIGHT, **given}
    first, second = (stage.outcome_of(stage.backup(scheduled)) for _ in range(2))
    assert first == second
    assert first["idempotency_key"] == f"schedule/{NIGHT}/{instance.id}"
    [made] = stage.backups_of(instance.id)
    assert made.name.startswith("auto-20261124T031500Z-")


def test_the_caller_s_own_key_stands_above_all(stage: Stage) -> None:
    """Two executions under one key, for whatever time, end with one backup."""
    instance = stage.cloud.add_instance()
    given = {"instance_id": instance.id, "idempotency_key": "night-1", "scheduled_time": NIGHT}
    first, second = (stage.outcome_of(stage.backup(given)) for _ in range(2))
    assert first == second
    assert first["idempotency_key"] == "night-1"
    assert len(stage.backups_of(instance.id)) == 1


@pytest.mark.parametrize("field", ["idempotency_key", "scheduled_time"])
def test_a_key_that_is_none_is_refused_by_name(stage: Stage, field: str) -> None:
    """In silence it would become another one, and a repetition would make a second backup."""
    instance = stage.cloud.add_instance()
    told = stage.outcome_of(stage.backup({"instance_id": instance.id, field: 4711}))
    assert (told["outcome"], told["error"]) == ("failed", "InvalidRequest")
    assert f"/{field}" in told["cause"]
    assert stage.backups_of(instance.id) == []


@pytest.mark.parametrize("action", ["create", None])
def test_the_action_may_be_named(stage: Stage, action: str | None) -> None:
    """It is the only one; and null is as good as none."""
    instance = stage.cloud.add_instance()
    ended = stage.backup({"instance_id": instance.id, "action": action})
    assert stage.outcome_of(ended)["outcome"] == "completed"


def test_a_request_that_is_refused_fails_with_the_function_s_own_words(stage: Stage) -> None:
    """What the function raised is told by its error name and its message, without a traceback."""
    ended = stage.backup({"instance_id": "unknown"})
    told = stage.outcome_of(ended)
    assert told == {
        "outcome": "failed",
        "error": "InstanceNotFound",
        "cause": told["cause"],
        "instance_id": "unknown",
        "idempotency_key": f"{ended['name']}/unknown",
    }
    assert "knows no such instance" in told["cause"]
    assert "\n" not in told["cause"]


@pytest.mark.parametrize(
    "given",
    [
        {"name_prefix": "nightly"},
        {"instance_id": None},
        {"instance_id": 7},
        {"instance_id": "a1", "action": "check"},
        {"instance_id": "a1", "action": 5},
        ["a1"],
        "a1",
    ],
)
def test_an_input_that_asks_for_no_backup_fails_at_once(stage: Stage, given: object) -> None:
    """It is told as every outcome is, and the function is not even called."""
    told = stage.outcome_of(stage.backup(given))
    assert (told["outcome"], told["error"]) == ("failed", "InvalidRequest")
    assert "instance_id" in told["cause"]
    assert stage.asked == []


def test_what_the_function_does_not_know_is_refused_by_name(stage: Stage) -> None:
    """A misspelt field is not left out in silence."""
    told = stage.outcome_of(stage.backup({"instance_id": "a1", "descripton": "typo"}))
    assert told["error"] == "InvalidRequest"
    assert "/descripton" in told["cause"]


@pytest.mark.parametrize(
    "given", [{}, {"idempotency_key": "night-2"}, {"scheduled_time": NIGHT}], ids=str
)
def test_a_state_machine_of_ones_own_may_leave_its_trace_in_the_input(
    stage: Stage, given: dict[str, str]
) -> None:
    """Step Functions' console links an execution to the one that started it by this field."""
    instance = stage.cloud.add_instance()
    trace = {TRACE: "arn:aws:states:::execution:a:b"}
    assert stage.backup({"instance_id": instance.id, **given, **trace})["status"] == "SUCCEEDED"


def test_a_backup_is_looked_at_less_and_less_often(stage: Stage) -> None:
    """After 15 s, then twice as long each time, every four minutes at last, up to the limit."""
    waited: list[int] = []

    def function(event: Any) -> Any:
        if "waited" in event:
            waited.append(event["waited"])
        return {"outcome": "building", "job_id": "one", "backup": {"id": "one"}}

    stage.step_functions.invoke = function
    machine = without_waiting(limited(deployed_backup(), 1000))
    ended = stage.run(machine, {"instance_id": "a1"})
    assert stage.outcome_of(ended)["outcome"] == "timed_out"
    assert waited == [15, 45, 105, 225, 465, 705, 945, 1185]


def test_a_backup_that_fails_fails_the_execution(stage: Stage) -> None:
    """The error is the outcome, and the cause tells which backup it was."""
    instance = stage.cloud.add_instance()
    stage.cloud.fail_backup()
    ended = stage.run(backup_machine(), {"instance_id": instance.id})
    [made] = stage.backups_of(instance.id)
    told = stage.outcome_of(ended)
    assert (ended["status"], ended["error"]) == ("FAILED", "failed")
    backup = told.pop("backup")
    assert told == {
        "outcome": "failed",
        "error": "BackupFailed",
        "cause": "the backup was made and failed",
        "instance_id": instance.id,
        "idempotency_key": f"{ended['name']}/{instance.id}",
        "job_id": made.job_id,
    }
    assert (backup["id"], backup["status"]) == (made.id, "FAILED")
