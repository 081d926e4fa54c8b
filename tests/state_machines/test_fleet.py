"""Many instances: so many at a time, and one report at the end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.state_machines.conftest import Stage


def reports(stage: Stage) -> list[dict[str, Any]]:
    """The reports that came over the event bus."""
    told = stage.step_functions.told()
    return [event["detail"] for event in told if event["detail-type"] == "Fleet Report"]


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
    [told_of] = reports(stage)
    assert told_of["report"] == report
    assert told_of["counts"] == {"total": 10, "failures": 2}


def test_more_failures_than_are_tolerated_fail_the_run(stage: Stage) -> None:
    """One of four is a quarter, and a fifth is tolerated; all the same every instance is tried."""
    names = ["unknown", *(stage.cloud.add_instance().id for _ in range(3))]
    ended = stage.fleet({"instances": names})
    assert (ended["status"], ended["error"]) == ("FAILED", "failed")
    assert {one.instance_id for one in stage.cloud.backups} >= set(names[1:])
    [told] = reports(stage)
    assert [one["instance_id"] for one in told["report"]["failed"]] == ["unknown"]


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


@pytest.mark.parametrize(
    ("tolerated", "failures", "status"),
    [
        (0, 0, "SUCCEEDED"),
        (0, 1, "FAILED"),
        (33, 1, "FAILED"),
        (34, 1, "SUCCEEDED"),
        (100, 3, "SUCCEEDED"),
    ],
)
def test_the_share_is_of_the_whole_list(
    stage: Stage, tolerated: int, failures: int, status: str
) -> None:
    """One of three is more than 33 per cent and less than 34."""
    names = ["unknown"] * failures
    names += [stage.cloud.add_instance().id for _ in range(3 - failures)]
    assert stage.fleet({"instances": names}, tolerated=tolerated)["status"] == status


@pytest.mark.parametrize("given", [{}, {"instances": []}])
def test_nothing_to_back_up_is_no_success(stage: Stage, given: dict[str, object]) -> None:
    """A list that was lost must not pass for a night without failures."""
    ended = stage.fleet(given)
    assert (ended["status"], ended["error"]) == ("FAILED", "failed")
    assert "no instance" in ended["cause"]


@pytest.mark.parametrize(("broken", "status"), [(0, "SUCCEEDED"), (1, "SUCCEEDED"), (2, "FAILED")])
def test_a_list_in_s3_is_backed_up_and_judged_in_the_same_way(
    stage: Stage, broken: int, status: str
) -> None:
    """Every instance of it is tried, however many fail; the report lies in the list's bucket."""
    names = [stage.cloud.add_instance().id for _ in range(5 - broken)]
    names += [f"unknown{number}" for number in range(broken)]
    where = stage.step_functions.upload("instances.json", names)
    given = {"list": where, "name_prefix": "nightly", "scheduled_time": "2026-11-24T03:15:00Z"}
    ended = stage.fleet(given)
    assert ended["status"] == status
    for name in names[: 5 - broken]:
        [made] = stage.backups_of(name)
        assert made.name.startswith("nightly-20261124T031500Z-")
    [told] = reports(stage)
    assert told["counts"] == {"total": 5, "failures": broken}
    place = told["report"]["ResultWriterDetails"]
    assert place["Bucket"] == where["bucket"]
    assert place["Key"].startswith("gaussdb-backup-reports/")
