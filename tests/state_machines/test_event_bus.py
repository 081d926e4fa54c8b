"""What the event bus hears of the state machines, whatever becomes of them and of the bus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.state_machines.definitions import backup_machine, fleet_machine

if TYPE_CHECKING:
    from tests.state_machines.conftest import Stage

OUTCOME = {"outcome": "completed", "instance_id": "a1"}
REPORT = {"idempotency_key": "night-1", "completed": [{"instance_id": "a1"}], "failed": []}
COUNTED = {"counts": {"total": 1, "failures": 0}, "report": REPORT}


def told(stage: Stage) -> list[tuple[str, Any]]:
    """The kind and the detail of each event since the last look."""
    return [(event["detail-type"], event["detail"]) for event in stage.step_functions.told()]


def test_an_event_says_of_which_execution_it_tells(stage: Stage) -> None:
    """So that a rule gets what it asks for, and whoever reads it finds the history."""
    instance = stage.cloud.add_instance()
    ended = stage.backup({"instance_id": instance.id})
    [event] = stage.step_functions.told()
    assert (event["source"], event["detail-type"]) == ("gaussdb-backup", "Backup Outcome")
    assert ended["executionArn"] in event["resources"]


def test_a_bus_that_is_out_of_order_for_a_moment_hears_it_later(stage: Stage) -> None:
    """Of a backup and of a fleet."""
    stage.step_functions.bus_troubles = 2
    running = [
        stage.start({**backup_machine(), "StartAt": "PublishOutcome"}, OUTCOME),
        stage.start({**fleet_machine(), "StartAt": "PublishReport"}, COUNTED),
    ]
    ended = [stage.step_functions.ended(arn)["status"] for arn in running]
    assert ended == ["SUCCEEDED", "SUCCEEDED"]
    assert sorted(told(stage)) == [("Backup Outcome", OUTCOME), ("Fleet Report", COUNTED)]


def test_a_bus_that_stays_out_of_order_ends_nothing(stage: Stage) -> None:
    """A backup that is completed is one, also where nobody can be told of it."""
    stage.step_functions.bus_troubles = 10  # five attempts of either
    running = [
        stage.start({**backup_machine(), "StartAt": "PublishOutcome"}, OUTCOME),
        stage.start({**fleet_machine(), "StartAt": "PublishReport"}, COUNTED),
    ]
    ended = [stage.step_functions.ended(arn)["status"] for arn in running]
    assert ended == ["SUCCEEDED", "SUCCEEDED"]
    assert (stage.step_functions.bus_troubles, told(stage)) == (0, [])
