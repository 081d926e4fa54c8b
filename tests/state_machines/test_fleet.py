"""Many instances: so many at a time, and one report at the end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.state_machines.conftest import Stage


def test_a_fleet_of_ten_with_two_that_fail_is_reported_whole(stage: Stage) -> None:
    """Eight completed, one failed and one was refused: each is told, and why; a fifth may fail."""
    names = [stage.cloud.add_instance().id for _ in range(9)]
    names.insert(3, "unknown")
    stage.cloud.fail_backup()
    ended = stage.fleet({"instances": names, "name_prefix": "nightly"})
    assert ended["status"] == "SUCCEEDED"
    report = json.loads(ended["output"])
    assert len(report["completed"]) == 8
    told = {one["error"]: one for one in report["failed"]}
    assert told.keys() == {"InstanceNotFound", "BackupFailed"}
    assert told["InstanceNotFound"]["instance_id"] == "unknown"
    assert "no such instance" in told["InstanceNotFound"]["cause"]
    listed = [one["instance_id"] for one in report["completed"] + report["failed"]]
    assert sorted(listed) == sorted(names)


def test_more_failures_than_are_tolerated_fail_the_run(stage: Stage) -> None:
    """One of four is a quarter, and a fifth is tolerated; all the same every instance is tried."""
    names = ["unknown", *(stage.cloud.add_instance().id for _ in range(3))]
    ended = stage.fleet({"instances": names})
    assert (ended["status"], ended["error"]) == ("FAILED", "failed")
    assert {one.instance_id for one in stage.cloud.backups} >= set(names[1:])


def test_a_run_that_is_delivered_twice_makes_one_backup_per_instance(stage: Stage) -> None:
    """The schedule's key is the same on every delivery, so both runs report the same backups."""
    names = [stage.cloud.add_instance().id for _ in range(3)]
    given = {
        "instances": names,
        "scheduled_time": "2026-11-24T03:15:00Z",
        "idempotency_key": "stack-schedule-2026-11-24T03:15:00Z",
    }
    first, second = stage.fleet(given), stage.fleet(given)
    assert first["output"] == second["output"]
    made = [one for one in stage.cloud.backups if one.instance_id in names]
    assert len(made) == len(names)
    assert all("20261124T031500Z" in one.name for one in made)
