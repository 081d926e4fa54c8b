"""The definitions as they are deployed, with their real waits: to be read, not to be run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.state_machines.definitions import definition

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTION: Final = "arn:aws:lambda:eu-central-1:123456789012:function:BackupFunction"
VALUES: Final[dict[str, dict[str, str | float]]] = {
    "backup": {
        "BackupFunctionArn": FUNCTION,
        "EventBusName": "backups",
        "PruneAfter": "completed",
        "StackName": "night-backups",
    },
    "fleet": {
        "BackupStateMachineArn": "arn:aws:states:eu-central-1:123456789012:stateMachine:backup",
        "EventBusName": "backups",
        "FleetConcurrency": 7,
    },
    "freshness": {"BackupFunctionArn": FUNCTION},
}
ALL: Final = {name: definition(name, **values) for name, values in VALUES.items()}


def states(part: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The states of a machine, those of a map's items too, by their names."""
    for name, state in part["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


# Some names recur among the choices of different machines, none among what tries again or catches.
STATES: Final = {name: state for machine in ALL.values() for name, state in states(machine)}
