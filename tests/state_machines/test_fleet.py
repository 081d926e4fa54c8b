"""Many instances: so many at a time, and one report at the end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.state_machines.deployed import STATES

if TYPE_CHECKING:
    from tests.state_machines.conftest import Stage

NIGHT = "2026-11-24T03:15:00Z"


def report(stage: Stage) -> dict[str, Any]:
    """The one report that came over the event bus, with the counts."""
    told = stage.step_functions.told()
    [detail] = [event["detail"] for event in told if event["detail-type"] == "Fleet Report"]
    return dict(detail)


def test_a_fleet_of_five_with_two_that_fail_is_reported_whole(stage: Stage) -> None:
    """Three completed, one failed and one was refused: each is told, and why, and the run fails."""
    names = [stage.cloud.add_instance().id for _ in range(4)]
    names.insert(3, "unknown")
    stage.cloud.fail_backup()
    ended = stage.fleet({"instances": names, "name_prefix": "nightly"})
    made = {name: backup for name in names for backup in stage.backups_of(name)}
    [failed] = [name for name, backup in made.items() if backup.status == "FAILED"]
    assert (ended["status"], ended["error"]) == ("FAILED", "failed")
    heard = report(stage)
    assert heard["counts"] == {"total": 5, "failures": 2}
    told = heard["report"]
    causes = {one["instance_id"]: one.pop("cause") for one in told["failed"]}
    assert told == {
        "idempotency_key": ended["name"],
        "completed": [
            {"instance_id": name, "job_id": made[name].job_id, "backup_name": made[name].name}
            for name in names
            if name not in {failed, "unknown"}
        ],
        "failed": [
            {
                "instance_id": name,
                "outcome": "failed",
                "error": "InstanceNotFound" if name == "unknown" else "BackupFailed",
            }
            for name in names
            if name in {failed, "unknown"}
        ],
    }
    assert "no such instance" in causes["unknown"]
    assert causes[failed] == "the backup was made and failed"


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"idempotency_key": "stack-schedule-1"}, "instances"),
        ({}, "instances"),
        ({}, "list"),
    ],
)
def test_a_run_that_is_delivered_twice_makes_one_backup_per_instance(
    stage: Stage, given: dict[str, object], where: str
) -> None:
    """The key, or the time alone, is the same on every delivery."""
    names = [stage.cloud.add_instance().id for _ in range(2)]
    listed = {"instances": names, "list": stage.step_functions.upload("twice.json", names)}
    for _ in range(2):
        run = stage.fleet({**given, "scheduled_time": NIGHT, where: listed[where]})
        assert run["status"] == "SUCCEEDED"
    made = [one for one in stage.cloud.backups if one.instance_id in names]
    assert sorted(one.instance_id for one in made) == sorted(names)
    assert all("20261124T031500Z" in one.name for one in made)


@pytest.mark.parametrize(("broken", "status"), [(0, "SUCCEEDED"), (2, "FAILED")])
def test_a_list_in_s3_is_backed_up_and_judged_in_the_same_way(
    stage: Stage, broken: int, status: str
) -> None:
    """Every instance of it is tried, however many fail; the report lies in the list's bucket."""
    names = [stage.cloud.add_instance().id for _ in range(5 - broken)]
    names += [f"unknown{number}" for number in range(broken)]
    where = stage.step_functions.upload("instances.json", names)
    given = {"list": where, "name_prefix": "nightly", "scheduled_time": NIGHT}
    ended = stage.fleet(given)
    assert ended["status"] == status
    for name in names[: 5 - broken]:
        [made] = stage.backups_of(name)
        assert made.name.startswith("nightly-20261124T031500Z-")
    told = report(stage)
    assert told["counts"] == {"total": 5, "failures": broken}
    assert told["report"]["idempotency_key"] == f"schedule/{NIGHT}"
    place = told["report"]["ResultWriterDetails"]
    assert place["Bucket"] == where["bucket"]
    assert place["Key"].startswith("gaussdb-backup-reports/")


@pytest.mark.parametrize(
    ("ended", "failures"),
    [
        ({"Succeeded": 9}, 0),
        ({"Succeeded": 4, "Failed": 2, "TimedOut": 2, "Aborted": 1}, 5),
        ({"Succeeded": 0, "Pending": 9}, 9),
    ],
)
def test_whatever_did_not_succeed_has_failed(
    stage: Stage, ended: dict[str, int], failures: int
) -> None:
    """However it ended, of all that AWS counts in a run over a list in S3."""
    selector = STATES["CountListedInstances"]["ResultSelector"]
    counting = {"Type": "Pass", "Parameters": selector, "End": True}
    none = dict.fromkeys(("Aborted", "Failed", "Pending", "Running", "TimedOut"), 0)
    counted = stage.run(
        {"StartAt": "Count", "States": {"Count": counting}},
        {"ItemCounts": {**none, **ended, "ResultsWritten": 9, "Total": 9}},
    )
    assert json.loads(counted["output"]) == {"total": 9, "failures": failures}
