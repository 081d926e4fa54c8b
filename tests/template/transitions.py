"""How many states the state machines go through: each is a transition to pay for.

They are run as they are deployed, but for the waiting, which lasts no time and counts all the same.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tests.state_machines.definitions import (
    STAND_INS,
    as_moto_can_run_it,
    definition,
    fleet_as_moto_can_run_it,
    without_waiting,
)
from tests.state_machines.moto_speed import make_fast
from tests.state_machines.step_functions import BUCKET, EVENT_BUS, FUNCTION_ARN, StepFunctions

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from tests.template.cloudformation import Stack

BACKUP_SECONDS: Final = 3600

_NUMBERS: Final = count(1)
_BACKUP: Final = {"id": "one", "name": "one"}
_COMPLETED: Final = {"outcome": "completed", "job_id": "one", "backup": _BACKUP}
# in place of the backup's own state machine, whose states are counted by themselves
_ELSEWHERE: Final = "Backed up elsewhere"
_ONE_BACKUP: Final = {
    "StartAt": _ELSEWHERE,
    "States": {_ELSEWHERE: {"Type": "Pass", "Result": _COMPLETED, "End": True}},
}


class Transitions(NamedTuple):
    """Those of a run over many instances: so many for each of them, and so many besides."""

    each: int
    besides: int


class Counted(NamedTuple):
    """What it takes to back up.

    Args:
        backup: transitions of one backup.
        looks: how often it is looked at.
        seconds: until it is seen to be completed.
        fleet: a run over the instances of the input.
        listed_fleet: a run over a list in S3.
        freshness: a look at the age of the backups of the input's instances.
        listed_freshness: the same over a list in S3, whose items are express executions.
    """

    backup: int
    looks: int
    seconds: int
    fleet: Transitions
    listed_fleet: Transitions
    freshness: Transitions
    listed_freshness: Transitions


class _Function:
    """The function as the state machines see it: a backup takes an hour."""

    def __init__(self) -> None:
        self.waited: list[int] = []

    def __call__(self, event: Any) -> dict[str, Any]:
        if event.get("action") == "verify":
            return {"outcome": "fresh", "backup": {"instance_id": event["instance_id"]}}
        if event.get("action") != "status":
            return _COMPLETED
        self.waited.append(event["waited"])
        done = event["waited"] >= BACKUP_SECONDS
        return {"outcome": "completed" if done else "building", "backup": _BACKUP}


def counted(stack: Stack, patch: pytest.MonkeyPatch) -> Counted:
    """Counts in runs of each state machine by moto's interpreter."""
    function = _Function()
    with StepFunctions(function) as machines:
        patch.setenv("MOTO_PORT", str(machines.server_port))
        make_fast(patch)
        backup = without_waiting(_deployed(stack, "BackupStateMachine", "backup"))
        made = _run(machines, backup, {"instance_id": "a"})
        fleet = _deployed(stack, "FleetStateMachine", "fleet")
        listed_items = _path(_items_of(fleet, "BackUpListedInstances"))
        fleet = fleet_as_moto_can_run_it(fleet, _ONE_BACKUP, BUCKET)
        freshness = as_moto_can_run_it(_deployed(stack, "FreshnessStateMachine", "freshness"))
        list_in_s3 = {"list": machines.upload("list.json", ["a", "b"])}
        return Counted(
            backup=made,
            looks=len(function.waited),
            seconds=function.waited[-1],
            fleet=_each_and_besides(machines, fleet),
            listed_fleet=Transitions(listed_items, _run(machines, fleet, list_in_s3)),
            freshness=_each_and_besides(machines, freshness),
            listed_freshness=Transitions(0, _run(machines, freshness, list_in_s3)),
        )


def _deployed(stack: Stack, resource: str, name: str) -> Any:
    """A definition with what the template fills in, but for the surroundings, which are moto's."""
    said = stack.properties(resource)["DefinitionSubstitutions"]
    here = {"BackupFunctionArn": FUNCTION_ARN, "EventBusName": EVENT_BUS}
    return definition(name, **{one: here.get(one, value) for one, value in said.items()})


def _each_and_besides(machines: StepFunctions, machine: Any) -> Transitions:
    one, two = (_run(machines, machine, {"instances": names}) for names in (["a"], ["a", "b"]))
    return Transitions(two - one, one - (two - one))


def _run(machines: StepFunctions, machine: Any, given: Mapping[str, object]) -> int:
    """How many states a run that a timer started goes into, those of other executions left out."""
    timer = {
        "idempotency_key": "one",
        "scheduled_time": "2026-11-23T03:15:00Z",
        "name_prefix": "auto",
        "max_age_hours": 36,
    }
    name = f"counted-{next(_NUMBERS)}"
    ended = machines.run(machines.create(name, machine), name, {**timer, **given})
    assert ended["status"] == "SUCCEEDED"
    return sum(state not in {_ELSEWHERE, *STAND_INS} for state in machines.entered(ended))


def _items_of(machine: Any, name: str) -> Any:
    return machine["States"][name]["ItemProcessor"]


def _path(items: Mapping[str, Any]) -> int:
    """How many states an item goes through that is an execution of its own; none may branch."""
    state = items["States"][items["StartAt"]]
    passed = 1
    while not state.get("End"):
        assert state["Type"] != "Choice"
        state = items["States"][state["Next"]]
        passed += 1
    return passed
