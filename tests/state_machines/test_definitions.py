"""The definitions as they are deployed, with their real waits: linted, and held to the contract."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest

from gaussdb_backup import errors
from gaussdb_backup.errors import BackupError
from tests.state_machines.step_functions import DEFINITIONS, definition

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOOLS: Final = DEFINITIONS.parents[1] / ".venv-sam/bin"
FUNCTION: Final = "arn:aws:lambda:eu-central-1:123456789012:function:BackupFunction"
HOUR: Final = 3600

BACKUP: Final = definition(
    "backup",
    BackupFunctionArn=FUNCTION,
    EventBusName="backups",
    BusyRetries=18,
    BackupTimeLimitSeconds=12 * HOUR,
)
FLEET: Final = definition(
    "fleet",
    BackupStateMachineArn="arn:aws:states:eu-central-1:123456789012:stateMachine:backup",
    EventBusName="backups",
    FleetConcurrency=10,
    ToleratedFailurePercentage=20,
)
FRESHNESS: Final = definition("freshness", BackupFunctionArn=FUNCTION)
ALL: Final = {"backup": BACKUP, "fleet": FLEET, "freshness": FRESHNESS}


def lint(path: Path) -> list[str]:
    """What the linter of Amazon States Language finds, line by line."""
    options = ["--ignore=FLOAT"]  # it wants 2.0 where the specification takes any number
    done = subprocess.run(
        [str(TOOLS / "statelint"), *options, str(path)],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.stderr == ""
    return [line.strip() for line in done.stdout.splitlines()[1:]]


@pytest.mark.parametrize("name", ALL)
def test_the_states_language_is_spoken_without_a_mistake(tmp_path: Path, name: str) -> None:
    """Targets, reachability, fields, paths and intrinsic functions, by a linter for them."""
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps(ALL[name]), encoding="utf-8")
    # AWS's own addition to the language, which says how a list in S3 is written
    known = 'Field "InputType" not allowed in State Machine.States.'
    assert [finding for finding in lint(path) if not finding.startswith(known)] == []


@pytest.mark.parametrize(
    ("fault", "finding"),
    [
        ({"Next": "Nowhere"}, 'No state found named "Nowhere"'),
        ({"ToleratedFailurePercentage": 101}, "allowed ceiling is 100"),
        ({"ItemReader": {}}, 'does not have required field "Resource"'),
        ({"ItemRaeder": {}}, 'Field "ItemRaeder" not allowed'),
    ],
)
def test_the_linter_sees_what_the_interpreter_overlooks(
    tmp_path: Path, fault: dict[str, object], finding: str
) -> None:
    """A broken Map over a list in S3 does not pass."""
    states = {
        **FLEET["States"],
        "Back up a list in S3": FLEET["States"]["Back up a list in S3"] | fault,
    }
    path = tmp_path / "broken.json"
    path.write_text(json.dumps({**FLEET, "States": states}), encoding="utf-8")
    assert any(finding in line for line in lint(path))


def test_cloudformation_would_take_them(tmp_path: Path) -> None:
    """Its linter has a schema of definitions, and looks into those in a template."""
    machine = {"RoleArn": "arn:aws:iam::123456789012:role/machine"}
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {
            name.title(): {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {**machine, "Definition": made},
            }
            for name, made in ALL.items()
        },
    }
    path = tmp_path / "template.json"
    path.write_text(json.dumps(template, indent=2), encoding="utf-8")
    done = subprocess.run(
        [str(TOOLS / "cfn-lint"), str(path)], capture_output=True, check=False, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_a_task_is_the_function_or_a_service_of_aws() -> None:
    """No second function hides in a definition."""
    tasks = {state["Resource"] for made in ALL.values() for state in _states(made, "Task")}
    assert tasks == {
        "arn:aws:states:::lambda:invoke",
        "arn:aws:states:::events:putEvents",
        "arn:aws:states:::states:startExecution.sync:2",
        "arn:aws:states:::aws-sdk:sfn:describeMapRun",
    }


def test_what_the_contract_calls_retryable_is_tried_again_and_nothing_else() -> None:
    """Of our errors; beside them all by which Lambda says that the function did not end."""
    ours = {
        name: error
        for name, error in vars(errors).items()
        if isinstance(error, type) and issubclass(error, BackupError) and error is not BackupError
    }
    tried = {name for retry in BACKUP["States"]["Create"]["Retry"] for name in retry["ErrorEquals"]}
    assert tried & ours.keys() == {name for name, error in ours.items() if error.retryable}
    assert tried - ours.keys() >= {
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.ServiceException",
        "Lambda.TooManyRequestsException",
        "Lambda.Unknown",
        "Runtime.ExitError",
        "Sandbox.Timedout",
        "States.Timeout",
    }
    assert tried.isdisjoint({"States.ALL", "States.TaskFailed"})


def test_a_busy_instance_is_asked_again_for_as_long_as_the_parameter_says() -> None:
    """Ten minutes apart: 18 times make three hours."""
    busy, *others = BACKUP["States"]["Create"]["Retry"]
    assert set(busy["ErrorEquals"]) == {"InstanceBusy", "InstanceNotReady"}
    assert busy["IntervalSeconds"] * busy["MaxAttempts"] == 3 * HOUR
    assert busy["BackoffRate"] == 1
    assert all(retry["BackoffRate"] > 1 and retry["JitterStrategy"] == "FULL" for retry in others)


def test_looks_come_seldomer_with_time_up_to_the_limit() -> None:
    """After 15 s, twice as long each time, and every four minutes at last."""
    states = BACKUP["States"]
    wait = states["Begin to wait"]["Parameters"]["wait"]
    limits = {
        choice["Variable"]: choice["NumericGreaterThanEquals"]
        for choice in states["How is it"]["Choices"]
        if "NumericGreaterThanEquals" in choice
    }
    seconds, waited = wait["seconds"], wait["waited"]
    looks = [waited]
    while waited < limits["$.wait.waited"]:
        seconds *= 1 if seconds >= limits["$.wait.seconds"] else 2
        waited += seconds
        looks.append(waited)
    assert looks[:7] == [15, 45, 105, 225, 465, 705, 945]
    assert 12 * HOUR <= looks[-1] < 12 * HOUR + seconds


def test_a_task_has_more_time_than_the_function_takes() -> None:
    """What is still running must not be tried again."""
    for state in _states(BACKUP, "Task"):
        if state["Resource"].endswith("lambda:invoke"):
            assert state["TimeoutSeconds"] > 120


def _states(part: Any, kind: str) -> Iterator[dict[str, Any]]:
    """The states of one type, those of a Map's items too."""
    if isinstance(part, dict):
        if part.get("Type") == kind:
            yield part
        for inner in part.values():
            yield from _states(inner, kind)
