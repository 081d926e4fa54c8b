"""Many instances: so many at a time, and one report at the end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.state_machines.conftest import Stage


def test_a_fleet_of_ten_with_two_that_fail_is_reported_whole(stage: Stage) -> None:
    """Eight completed, one failed and one refused: each is told, and why, in the list's order."""
    names = [stage.cloud.add_instance().id for _ in range(9)]
    names.insert(3, "unknown")
    stage.cloud.fail_backup()
    ended = stage.fleet({"instances": names, "name_prefix": "nightly"})
    results = json.loads(ended["output"])["results"]
    assert [one["instance_id"] for one in results] == names
    outcomes = [one["outcome"] for one in results]
    assert (outcomes.count("completed"), outcomes.count("failed")) == (8, 2)
    assert results[3]["error"] == "InstanceNotFound"
    assert {one["error"] for one in results if one["outcome"] == "failed"} == {
        "InstanceNotFound",
        "BackupFailed",
    }


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
