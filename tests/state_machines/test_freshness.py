"""Whether the newest backup of every instance is fresh: what a run says, and when it fails."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.local_cloud.emulator import Fault

if TYPE_CHECKING:
    from tests.state_machines.conftest import Stage

NO_ID = "no-id"  # the function refuses it


def instances(stage: Stage, *hours: int | None) -> list[str]:
    """As many instances, each with a backup of that age, or with none."""
    names = [stage.cloud.add_instance().id for _ in hours]
    for name, age in zip(names, hours, strict=True):
        if age is not None:
            stage.cloud.add_backup(instance_id=name, age=timedelta(hours=age))
    return names


def looked_at(stage: Stage, names: list[str], where: str) -> dict[str, Any]:
    """A run over these instances, named in its input or listed in S3."""
    listed = {"instances": names, "list": stage.step_functions.upload("fresh.json", names)}
    return stage.freshness({where: listed[where], "max_age_hours": 30})


def report(stage: Stage, execution: dict[str, Any]) -> Any:
    """What an operator reads in the console, also where the run failed."""
    return stage.step_functions.output_of("Report", execution)


@pytest.mark.parametrize("where", ["instances", "list"])
def test_a_run_says_of_every_instance_what_it_found(stage: Stage, where: str) -> None:
    """One is fresh, one is older and one has none: that the run fails rings the alarm."""
    fresh, old, never = instances(stage, 29, 31, None)
    ended = looked_at(stage, [fresh, old, never], where)
    assert (ended["status"], ended["error"]) == ("FAILED", "failed")
    assert report(stage, ended) == {
        "fresh": [fresh],
        "stale": [old, never],
        "not_verified": [],
    }
    assert sorted(stage.asked, key=lambda event: str(event["instance_id"])) == [
        {"action": "verify", "instance_id": name, "max_age_hours": 30}
        for name in sorted([fresh, old, never])
    ]
    assert {len(stage.backups_of(name)) for name in (fresh, old)} == {1}


@pytest.mark.parametrize("where", ["instances", "list"])
def test_a_run_that_finds_every_backup_fresh_succeeds(stage: Stage, where: str) -> None:
    """Only then: the alarm counts these runs."""
    names = instances(stage, 1, 29)
    ended = looked_at(stage, names, where)
    assert json.loads(ended["output"]) == {"fresh": names, "stale": [], "not_verified": []}


@pytest.mark.parametrize("where", ["instances", "list"])
def test_an_instance_that_cannot_be_looked_at_fails_the_run(stage: Stage, where: str) -> None:
    """Once all the others have been: their silence would hide it from every other alarm."""
    fresh, old = instances(stage, 1, 31)
    ended = looked_at(stage, [NO_ID, fresh, old], where)
    assert (ended["status"], ended["error"]) == ("FAILED", "failed")
    assert report(stage, ended) == {
        "fresh": [fresh],
        "stale": [old],
        "not_verified": [{"instance_id": NO_ID, "error": "InvalidRequest"}],
    }


@pytest.mark.parametrize("where", ["instances", "list"])
def test_a_crash_of_the_function_is_tried_again(stage: Stage, where: str) -> None:
    """It is killed while it looks; the next attempt says what there is to say."""
    [fresh] = instances(stage, 1)
    stage.invoke({"action": "check", "instance_id": fresh})  # it runs
    stage.asked.clear()
    died = Fault(operation="ListBackups", kind="reset", when="after", action=stage.kill_function)
    stage.cloud.faults.script([died])
    assert looked_at(stage, [fresh], where)["status"] == "SUCCEEDED"
    assert len(stage.asked) == 2


def test_an_outage_that_lasts_fails_the_run(stage: Stage) -> None:
    """Over a list in S3 after the third attempt, for AWS gives each instance five minutes."""
    [fresh] = instances(stage, 1)
    stage.throttles = 3
    ended = looked_at(stage, [fresh], "list")
    assert ended["status"] == "FAILED"
    error = "Lambda.TooManyRequestsException"
    assert report(stage, ended)["not_verified"] == [{"instance_id": fresh, "error": error}]


@pytest.mark.parametrize("where", ["instances", "list"])
def test_nothing_to_look_at_fails_the_run(stage: Stage, where: str) -> None:
    """A list that was lost must not pass for one of fresh backups."""
    ended = looked_at(stage, [], where)
    assert (ended["status"], ended["error"]) == ("FAILED", "failed")


@pytest.mark.parametrize("given", [{}, {"instances": "a1"}, {"list": None}])
def test_an_input_without_a_list_fails_the_run(stage: Stage, given: dict[str, object]) -> None:
    """So does one that only looks like a list."""
    assert stage.freshness({**given, "max_age_hours": 30})["status"] == "FAILED"


def test_a_place_in_s3_that_is_null_is_none(stage: Stage) -> None:
    """The instances of the input are looked at instead."""
    [fresh] = instances(stage, 1)
    ended = stage.freshness({"instances": [fresh], "list": None, "max_age_hours": 30})
    assert json.loads(ended["output"])["fresh"] == [fresh]
