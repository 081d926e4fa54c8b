"""Pruning after a completed backup: it never changes the outcome, and its failure is counted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.local_cloud.lambda_runtime import FunctionFailed, FunctionTimedOut
from tests.state_machines.definitions import backup_machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.state_machines.conftest import Stage

BACKUP = {"id": "one", "name": "auto-one"}
FAILED_BY_ITSELF = FunctionFailed({"errorType": "PruneRefused", "errorMessage": "11 selected"})
NO_ANSWER = FunctionTimedOut("Task timed out after 120.00 seconds")
KILLED = FunctionFailed({"errorType": "Runtime.OutOfMemory", "errorMessage": "killed"})


def function(
    outcome: str, asked: list[str], end: Exception | None = None
) -> Callable[[Any], dict[str, Any]]:
    """The function, of which only pruning may fail."""

    def invoke(event: Any) -> dict[str, Any]:
        action = event.get("action", "create")
        asked.append(action)
        if action == "prune":
            assert event == {"action": "prune", "instance_id": "a1"}
            if end:
                raise end
        return {"outcome": outcome, "job_id": "job", "backup": BACKUP}

    return invoke


def run(stage: Stage, *, prunes: bool) -> Any:
    """What a pipeline learns of a backup's execution."""
    ended = stage.run(backup_machine(prunes=prunes), {"instance_id": "a1"})
    return stage.outcome_of(ended)


def test_a_completed_backup_is_followed_by_pruning(stage: Stage) -> None:
    """Once, and after the outcome is told; the outcome says nothing of it."""
    asked: list[str] = []
    stage.step_functions.invoke = function("completed", asked)
    told = run(stage, prunes=True)
    assert (told["outcome"], told.keys()) == (
        "completed",
        {"outcome", "instance_id", "idempotency_key", "job_id", "backup"},
    )
    assert asked == ["create", "status", "prune"]


@pytest.mark.parametrize(("outcome", "prunes"), [("failed", True), ("completed", False)])
def test_nothing_is_pruned_after_a_failure_or_without_a_policy(
    stage: Stage,
    outcome: str,
    prunes: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Older backups are worth more where the newest failed."""
    asked: list[str] = []
    stage.step_functions.invoke = function(outcome, asked)
    assert run(stage, prunes=prunes)["outcome"] == outcome
    assert asked == ["create", "status"]


@pytest.mark.parametrize(
    ("end", "attempts", "counted"),
    [(FAILED_BY_ITSELF, 1, 0), (NO_ANSWER, 3, 1), (KILLED, 3, 1)],
    ids=["logged by the function", "out of time", "killed"],
)
def test_pruning_that_fails_fails_no_backup_and_is_counted(
    stage: Stage, end: Exception, attempts: int, counted: int
) -> None:
    """The function counts what it says itself; what AWS says of it is counted by the machine."""
    asked: list[str] = []
    stage.step_functions.invoke = function("completed", asked, end)
    told = run(stage, prunes=True)
    assert (told["outcome"], told["backup"]) == ("completed", BACKUP)
    assert "prune_failure" not in told
    assert asked.count("prune") == attempts
    metric = ("GaussDBBackup/PruneFailed", "service=backups")
    assert stage.step_functions.metrics() == [metric] * counted


def test_the_count_that_fails_fails_no_backup(stage: Stage) -> None:
    """The machine drops the error that it could not count."""
    machine = backup_machine(prunes=True)
    told = {
        "outcome": "completed",
        "instance_id": "a1",
        "idempotency_key": "key",
        "job_id": None,
        "backup": BACKUP,
    }
    ended = stage.run_from("DropPruneError", machine, {**told, "prune_failure": {"Error": "a.b"}})
    assert json.loads(ended["output"]) == told
