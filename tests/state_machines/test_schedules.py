"""What the stack's schedules say, handed to the state machines that they start."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.template.cloudformation import STACK_UUID, Stack
from tests.template.parameter_values import REQUIRED
from tests.template.scheduler import NIGHT, fired
from tests.template.translation import translated

if TYPE_CHECKING:
    from tests.state_machines.conftest import Stage

KEY = f"{STACK_UUID}-schedule-{NIGHT}"


def event_of(schedule: str, **chosen: str) -> Any:
    """What a schedule of the stack hands over when it fires, with these parameters chosen."""
    return fired(Stack(translated(), {**REQUIRED, **chosen}).properties(schedule))


def listed(stage: Stage, key: str, names: list[str]) -> str:
    """A list in S3, as the parameter names it."""
    return "{bucket}/{key}".format(**stage.step_functions.upload(key, names))


def made_of(stage: Stage, names: list[str]) -> dict[str, list[str]]:
    """The names of the backups that each instance has, without their last part."""
    return {name: [one.name.rpartition("-")[0] for one in stage.backups_of(name)] for name in names}


def test_what_the_schedule_says_becomes_one_backup_per_instance(stage: Stage) -> None:
    """Named for its time; and fired twice, for Scheduler delivers at least once, still one."""
    names = [stage.cloud.add_instance().id for _ in range(3)]
    event = event_of("FleetSchedule", InstanceIds=",".join(names), NamePrefix="nightly")
    first, second = stage.fleet(event), stage.fleet(event)
    assert first["status"] == second["status"] == "SUCCEEDED"
    report = json.loads(first["output"])
    assert report["idempotency_key"] == KEY
    assert sorted(one["instance_id"] for one in report["completed"]) == sorted(names)
    assert json.loads(second["output"]) == report
    assert made_of(stage, names) == {key: ["nightly-20261123T031500Z"] for key in names}


def test_what_the_schedule_says_of_a_list_in_s3_becomes_its_backups(stage: Stage) -> None:
    """Every instance of the list that lies where the parameter says."""
    names = [stage.cloud.add_instance().id for _ in range(3)]
    where = listed(stage, "nightly.json", names)
    event = event_of("FleetSchedule", InstanceIds="", FleetList=where)
    assert stage.fleet(event)["status"] == "SUCCEEDED"
    assert made_of(stage, names) == {key: ["auto-20261123T031500Z"] for key in names}


def test_what_the_timer_says_is_verified_for_every_instance(stage: Stage) -> None:
    """By the age that the parameter says: one is fresh, one is older, one has none at all."""
    names = [stage.cloud.add_instance().id for _ in range(3)]
    for name, hours in zip(names, (29, 31), strict=False):
        stage.cloud.add_backup(instance_id=name, age=timedelta(hours=hours))
    event = event_of("FreshnessTimer", InstanceIds=",".join(names), MaxBackupAgeHours="30")
    ended = stage.freshness(event)
    assert stage.step_functions.output_of("Report", ended) == {
        "fresh": names[:1],
        "stale": names[1:],
        "not_verified": [],
    }


def test_what_the_timer_says_of_a_list_in_s3_is_verified(stage: Stage) -> None:
    """Every instance of the list that lies where the parameter says."""
    names = [stage.cloud.add_instance().id for _ in range(3)]
    stage.cloud.add_backup(instance_id=names[1], age=timedelta(hours=1))
    where = listed(stage, "verified.json", names)
    event = event_of("FreshnessTimer", InstanceIds="", FleetList=where)
    ended = stage.freshness(event)
    assert stage.step_functions.output_of("Report", ended) == {
        "fresh": [names[1]],
        "stale": [names[0], names[2]],
        "not_verified": [],
    }
