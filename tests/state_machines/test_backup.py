"""One backup, waited for: the definition that the stack deploys, run by an interpreter."""

from __future__ import annotations

import json
from threading import Timer
from typing import TYPE_CHECKING, Any

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
    (made,) = [one for one in stage.cloud.backups if one.instance_id == instance.id]
    assert ended["status"] == "SUCCEEDED"
    told = outcome(ended)
    assert (told["outcome"], told["job_id"]) == ("completed", made.job_id)
    assert (told["backup"]["id"], told["backup"]["status"]) == (made.id, "COMPLETED")
    assert told["idempotency_key"] == f"{ended['name']}/{instance.id}"


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
    assert len([one for one in stage.cloud.backups if one.instance_id == instance.id]) == 1


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


def test_an_input_without_an_instance_fails_at_once(stage: Stage) -> None:
    """The function is not even asked, and the outcome says what is missing."""
    ended = stage.backup({"name_prefix": "nightly"})
    told = outcome(ended)
    assert (ended["error"], told["error"]) == ("failed", "InvalidRequest")
    assert "needs an instance_id" in told["cause"]


def test_a_backup_that_never_ends_is_given_up(stage: Stage) -> None:
    """At its own time limit the execution fails as timed out, with the backup it leaves behind."""
    instance = stage.cloud.add_instance()
    stage.cloud.backup_seconds = 3600
    ended = stage.backup({"instance_id": instance.id}, limit=1)
    assert (ended["status"], ended["error"]) == ("FAILED", "timed_out")
    assert outcome(ended)["backup"]["status"] == "BUILDING"


def test_a_busy_instance_is_waited_for(stage: Stage) -> None:
    """It is being modified when the first request comes; a later one is accepted."""
    instance = stage.cloud.add_instance(status="MODIFYING")
    ready = Timer(1.0, lambda: setattr(instance, "status", "ACTIVE"))
    ready.start()
    ended = stage.backup({"instance_id": instance.id})
    ready.join()
    assert ended["status"] == "SUCCEEDED"
    busy = [
        record
        for record in stage.runtime.records()
        if record.get("instance_id") == instance.id and record.get("error") == "InstanceBusy"
    ]
    assert busy


def test_a_function_that_is_killed_once_makes_no_second_backup(stage: Stage) -> None:
    """The reply is lost with the function; the retry under the same key finds the backup."""
    instance = stage.cloud.add_instance()
    stage.deaths = 1
    ended = stage.backup({"instance_id": instance.id})
    assert ended["status"] == "SUCCEEDED"
    assert len([one for one in stage.cloud.backups if one.instance_id == instance.id]) == 1
