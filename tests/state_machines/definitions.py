"""The definitions as the stack deploys them, and what it takes to run them on moto."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from tests.state_machines.step_functions import BUCKET, EVENT_BUS, FUNCTION_ARN

DEFINITIONS: Final = Path(__file__).resolve().parents[2] / "src/state_machines"

# What moto runs in the place of an execution that one of ours starts.
_EXECUTION: Final = "Execution"
_OUTPUT: Final = "Its output"
_DESCRIPTION: Final = "Its description"
_FAILURE: Final = "Its failure"
STAND_INS: Final = frozenset({_EXECUTION, _OUTPUT, _DESCRIPTION, _FAILURE})

_BACKUP_MACHINE: Final = "arn:aws:states:us-east-1:123456789012:stateMachine:backup"
# What Step Functions tells of an execution that another one waited for, as it was seen on AWS,
# beside its input and how it ended.
DESCRIBED: Final = {
    "ExecutionArn": "arn:aws:states:us-east-1:123456789012:execution:backup:one",
    "InputDetails": {"Included": True},
    "Name": "one",
    "RedriveCount": 0,
    "RedriveStatus": "REDRIVABLE",
    "StartDate": 1795835700000,
    "StateMachineArn": _BACKUP_MACHINE,
    "Status": "FAILED",
    "StopDate": 1795839300000,
}


def text_of(name: str, **substitutions: str | float) -> str:
    """A definition's file with what the template fills in.

    Args:
        name: the file's name, without its ending.
        substitutions: what stands in the place of each name.
    """
    text = (DEFINITIONS / f"{name}.asl.json").read_text(encoding="utf-8")
    return re.sub(r"\$\{(\w+)\}", lambda found: str(substitutions[found[1]]), text)


def definition(name: str, **substitutions: str | float) -> Any:
    """A definition as the stack deploys it, to be called like `text_of`."""
    return json.loads(text_of(name, **substitutions))


def in_a_hurry(backup: Any, wait: int = 0) -> Any:
    """The machine of one backup whose waits a test can bear.

    Args:
        backup: the definition.
        wait: the seconds of the first wait; those after it are as many times longer as ever.
    """
    backup["States"]["StartWaiting"]["Parameters"]["wait"] = {"seconds": wait, "waited": wait}
    return backup


def without_waiting(backup: Any) -> Any:
    """The machine of one backup whose waits last no time.

    How long they would have been in sum, the function hears as `waited` at each look.
    """
    states = backup["States"]
    states["Wait"] = {"Type": "Wait", "Seconds": 0, "Next": states["Wait"]["Next"]}
    states["GetStatus"]["Parameters"]["Payload"]["waited.$"] = "$.wait.waited"
    return backup


def as_moto_can_run_it(machine: Any) -> Any:
    """A definition with what moto does not know of maps over a list in S3 said in another way.

    It does not read whole percents, and has no express executions in maps: standard ones stand in
    for them, and nobody ends them after five minutes. What it cannot be brought to: it tolerates
    any share of failures, whatever a map says, and has null in the results for an item that
    failed, which on AWS is not among them.
    """
    for state in machine["States"].values():
        if "ItemReader" in state:
            state["ToleratedFailurePercentage"] = float(state["ToleratedFailurePercentage"])
            state["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] = "STANDARD"
    return machine


def fleet_as_moto_can_run_it(fleet: Any, backup: Any, report_bucket: str) -> Any:
    """The fleet's definition with what moto cannot do said in another way.

    moto hands its own client the parameters' names in the wrong case, so that it can start no
    execution from within one. A branch in the execution's place takes the same input and runs the
    same states; what is caught is told as Step Functions tells of an execution that failed. For
    the same reason the count of a list in S3 is asked for in the names that moto's client takes,
    and the bucket of the report is given as it is, since moto looks for it in the results.

    Args:
        fleet: the definition.
        backup: the definition of the state machine that it starts.
        report_bucket: where the report of a list in S3 is written.
    """
    states = as_moto_can_run_it(fleet)["States"]
    listed = states["BackUpListedInstances"]
    _run_inside(states["BackUpInstances"]["ItemProcessor"]["States"], backup)
    _run_inside(listed["ItemProcessor"]["States"], backup)
    del listed["ResultWriter"]["Parameters"]["Bucket.$"]
    listed["ResultWriter"]["Parameters"]["Bucket"] = report_bucket
    count = states["CountListedInstances"]
    count["Parameters"] = {"mapRunArn.$": count["Parameters"]["MapRunArn.$"]}
    count["ResultSelector"] = {
        name: re.sub(r"\.([A-Z])(?!\w+\()", lambda found: f".{found[1].lower()}", path)
        for name, path in count["ResultSelector"].items()
    }
    return fleet


def _run_inside(states: dict[str, Any], backup: Any) -> None:
    """Puts a branch in the place of the one state that starts an execution."""
    [name] = [one for one, state in states.items() if "startExecution" in state.get("Resource", "")]
    started = states[name]
    states[name] = {
        "Type": "Pass",
        "Parameters": {"Input.$": started["Parameters"]["Input.$"]},
        "ResultPath": "$.started",
        "Next": _EXECUTION,
    }
    states[_EXECUTION] = {
        "Type": "Parallel",
        "InputPath": "$.started.Input",
        "Branches": [backup],
        "ResultSelector": {"Output.$": "$[0]"},
        "ResultPath": "$.described",
        "Next": _OUTPUT,
    }
    states[_OUTPUT] = {
        "Type": "Pass",
        "Parameters": {
            field: path.replace("$.Output", "$.described.Output")
            for field, path in started["ResultSelector"].items()
        },
        **{field: started[field] for field in ("ResultPath", "Next", "End") if field in started},
    }
    if "Catch" in started:
        [catch] = started["Catch"]
        states[_EXECUTION]["Catch"] = [
            {"ErrorEquals": ["States.ALL"], "ResultPath": "$.ended", "Next": _DESCRIPTION}
        ]
        states[_DESCRIPTION] = {
            "Type": "Pass",
            "Parameters": {
                **DESCRIBED,
                "Cause.$": "$.ended.Cause",
                "Error.$": "$.ended.Error",
                "Input.$": "States.JsonToString($.started.Input)",
            },
            "ResultPath": "$.described",
            "Next": _FAILURE,
        }
        states[_FAILURE] = {
            "Type": "Pass",
            "Parameters": {
                "Error": "States.TaskFailed",
                "Cause.$": "States.JsonToString($.described)",
            },
            "ResultPath": catch["ResultPath"],
            "Next": catch["Next"],
        }


def backup_machine(
    *,
    limit: int = 3600,
    wait: int = 0,
    busy_retries: int = 5,
    prunes: bool = False,
) -> Any:
    """The machine of one backup, ready to be run.

    Args:
        limit: seconds until a backup is given up.
        wait: seconds before the first look at it.
        busy_retries: how often a busy instance is asked again.
        prunes: whether the stack has a retention policy.
    """
    backup = in_a_hurry(deployed_backup(prunes=prunes), wait)
    backup["States"]["CreateBackup"]["Retry"][0]["MaxAttempts"] = busy_retries
    return limited(backup, limit)


def limited(backup: Any, seconds: int) -> Any:
    """The machine of one backup with another time limit."""
    choices = backup["States"]["CheckStatus"]["Choices"]
    [limit] = [choice for choice in choices if choice["Variable"] == "$.wait.waited"]
    limit["NumericGreaterThanEquals"] = seconds
    return backup


def deployed_backup(*, prunes: bool = False) -> Any:
    """The machine of one backup with its real waits."""
    return definition(
        "backup",
        BackupFunctionArn=FUNCTION_ARN,
        EventBusName=EVENT_BUS,
        PruneAfter="completed" if prunes else "nothing",
        StackName="backups",
    )


def fleet_machine(*, backup: Any = None) -> Any:
    """The machine of a fleet, ready to be run.

    Args:
        backup: what backs up one instance, in place of the machine of one backup.
    """
    fleet = definition(
        "fleet",
        BackupStateMachineArn=_BACKUP_MACHINE,
        EventBusName=EVENT_BUS,
        FleetConcurrency=4,
    )
    return fleet_as_moto_can_run_it(fleet, backup or backup_machine(), BUCKET)


def freshness_machine() -> Any:
    """The machine that looks at the age of backups, ready to be run."""
    freshness = definition("freshness", BackupFunctionArn=FUNCTION_ARN)
    return as_moto_can_run_it(freshness)
