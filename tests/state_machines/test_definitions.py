"""The definitions as they are deployed: linted, and what an interpreter cannot show of them."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.state_machines.definitions import DEFINITIONS, definition, text_of
from tests.state_machines.deployed import ALL, STATES, VALUES, states

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOOLS: Final = DEFINITIONS.parents[1] / ".venv-sam/bin"


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
def test_the_files_are_laid_out_alike(name: str) -> None:
    """An entry a line and two blanks a level, so that a difference shows what has changed."""
    text = text_of(name, **VALUES[name])
    assert text == json.dumps(ALL[name], indent=2, ensure_ascii=False) + "\n"


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
    fleet = ALL["fleet"]
    states = {
        **fleet["States"],
        "BackUpListedInstances": fleet["States"]["BackUpListedInstances"] | fault,
    }
    path = tmp_path / "broken.json"
    path.write_text(json.dumps({**fleet, "States": states}), encoding="utf-8")
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
    tasks = {state["Resource"] for state in STATES.values() if state["Type"] == "Task"}
    assert tasks == {
        "arn:aws:states:::lambda:invoke",
        "arn:aws:states:::events:putEvents",
        "arn:aws:states:::states:startExecution.sync:2",
        "arn:aws:states:::aws-sdk:sfn:describeMapRun",
        "arn:aws:states:::aws-sdk:cloudwatch:putMetricData",
    }


def test_maps_go_so_many_ways_at_a_time_and_put_up_with_so_many_failures() -> None:
    """Over a list in S3 a failure would end the map, and what comes after it would not be tried.

    Of a fleet failures are counted afterwards. A look that finds no answer is no failure; one that
    ends without a trace is, lest it be missed. An express execution is cheaper, and may only last
    as long as a look at an instance.
    """
    maps = {
        name: (
            state["MaxConcurrency"],
            state.get("ToleratedFailurePercentage"),
            state["ItemProcessor"]["ProcessorConfig"].get("ExecutionType"),
        )
        for name, state in STATES.items()
        if state["Type"] == "Map"
    }
    assert maps == {
        "BackUpInstances": (7, None, None),
        "BackUpListedInstances": (7, 100, "STANDARD"),
        "VerifyInstances": (5, None, None),
        "VerifyListedInstances": (5, 0, "EXPRESS"),
    }


def test_the_parameter_decides_how_many_ways_a_fleet_goes() -> None:
    """Over its list and over one in S3."""
    fleet = definition("fleet", **{**VALUES["fleet"], "FleetConcurrency": 31})
    maps = [state for _, state in states(fleet) if state["Type"] == "Map"]
    assert [state["MaxConcurrency"] for state in maps] == [31, 31]


def test_a_map_over_a_list_in_s3_asks_for_what_the_other_does() -> None:
    """Of the function or of a backup's execution, and keeps the same of what it hears."""
    for here, in_s3 in (
        ("BackUpInstance", "BackUpListedInstance"),
        ("VerifyInstance", "VerifyListedInstance"),
    ):
        for field in ("Resource", "Parameters", "ResultSelector"):
            assert STATES[here][field] == STATES[in_s3][field]


def test_no_choice_compares_what_may_not_be_there() -> None:
    """AWS ends an execution there, unheard; an interpreter takes it for a comparison that fails."""
    always = {
        *("$.counts.failures", "$.counts.total", "$.outcome"),  # whatever is told of has them
        *("$.failure.Cause", "$.prune_failure.Error"),  # a Catch sets them
        *("$.status.outcome", "$.wait.seconds", "$.wait.waited"),  # see below
    }
    compared = {
        variable
        for machine in ALL.values()
        for _, state in states(machine)
        for choice in state.get("Choices", [])
        for variable in unguarded(choice)
    }
    assert compared == always
    begin = STATES["StartWaiting"]["Parameters"]
    assert begin["status"].keys() == {"outcome"}
    assert begin["wait"].keys() == {"seconds", "waited"}


def unguarded(choice: Any, guarded: frozenset[str] = frozenset()) -> Iterator[str]:
    """The variables that a rule compares without a look whether they are there."""
    if "And" in choice:
        for part in choice["And"]:
            yield from unguarded(part, guarded)
            if part.get("IsPresent"):
                guarded |= {part["Variable"]}
    elif "Or" in choice:
        for part in choice["Or"]:
            yield from unguarded(part, guarded)
    elif "Not" in choice:
        yield from unguarded(choice["Not"], guarded)
    elif "IsPresent" not in choice and choice["Variable"] not in guarded:
        yield choice["Variable"]


def test_a_list_in_s3_is_read_and_its_report_written_beside_it() -> None:
    """As moto cannot show: it does not look for the bucket where the input names it."""
    for name, path in (
        ("BackUpListedInstances", "$.asked.list"),
        ("VerifyListedInstances", "$.list"),
    ):
        place = {"Bucket.$": f"{path}.bucket", "Key.$": f"{path}.key"}
        assert STATES[name]["ItemReader"]["Parameters"] == place
    assert STATES["BackUpListedInstances"]["ResultWriter"] == {
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket.$": "$.asked.list.bucket", "Prefix": "gaussdb-backup-reports"},
    }
