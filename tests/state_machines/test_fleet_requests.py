"""What a run over many instances asks for, and what it makes of an input that is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.state_machines.definitions import DESCRIBED, fleet_machine
from tests.state_machines.step_functions import BUCKET, EVENT_BUS

if TYPE_CHECKING:
    from tests.state_machines.conftest import Stage

NIGHT: Final = "2026-11-24T03:15:00Z"
# in the place of a backup: says on the event bus what it was asked for, and is done
SAYS_WHAT_IT_IS_ASKED: Final = {
    "StartAt": "Say",
    "States": {
        "Say": {
            "Type": "Task",
            "Resource": "arn:aws:states:::events:putEvents",
            "Parameters": {
                "Entries": [
                    {
                        "EventBusName": EVENT_BUS,
                        "Source": "gaussdb-backup",
                        "DetailType": "Asked",
                        "Detail.$": "$",
                    }
                ]
            },
            "Next": "Done",
        },
        "Done": {
            "Type": "Pass",
            "Result": {"outcome": "completed", "job_id": "one", "backup": {"name": "one"}},
            "End": True,
        },
    },
}


def asked(stage: Stage, given: object) -> tuple[dict[str, Any], list[Any]]:
    """A run's end, and what it asked for in the order of the instances."""
    ended = stage.fleet(given, backup=SAYS_WHAT_IT_IS_ASKED)
    told = stage.step_functions.told()
    inputs = [event["detail"] for event in told if event["detail-type"] == "Asked"]
    return ended, sorted(inputs, key=lambda one: str(one["instance_id"]))


@pytest.mark.parametrize("where", ["instances", "list"])
def test_a_backup_is_asked_for_all_that_the_run_is(stage: Stage, where: str) -> None:
    """But for the list; what a backup does not know, the function refuses by name."""
    listed = {
        "instances": ["a1", "b2"],
        "list": stage.step_functions.upload("two.json", ["a1", "b2"]),
    }
    rest = {"name_prefix": "nightly", "description": "by night", "descripton": "typo", "name": "a"}
    ended, inputs = asked(stage, {**rest, where: listed[where]})
    assert inputs == [
        {
            **rest,
            "instance_id": name,
            "idempotency_key": ended["name"],
            "instances": None,
            "list": None,
            "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": ended["executionArn"],
        }
        for name in ("a1", "b2")
    ]


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"idempotency_key": "night-1", "scheduled_time": NIGHT}, "night-1"),
        ({"idempotency_key": 4711}, 4711),
        ({"scheduled_time": NIGHT}, f"schedule/{NIGHT}"),
        ({"scheduled_time": NIGHT, "idempotency_key": None}, f"schedule/{NIGHT}"),
    ],
)
def test_the_caller_s_key_is_kept_and_a_scheduled_time_is_one(
    stage: Stage, given: dict[str, object], key: object
) -> None:
    """It is the report's too; one that is no key is the function's to refuse, by name."""
    ended, [request] = asked(stage, {"instances": ["a1"], **given})
    assert request["idempotency_key"] == key
    assert json.loads(ended["output"])["idempotency_key"] == key


@pytest.mark.parametrize("given", [{"scheduled_time": 4711}, {"scheduled_time": None}, {}])
def test_without_a_key_the_execution_is_the_key(stage: Stage, given: dict[str, object]) -> None:
    """So no retry makes a second backup."""
    ended, [request] = asked(stage, {"instances": ["a1"], **given})
    assert request["idempotency_key"] == ended["name"]


def test_a_list_in_s3_stands_above_the_instances(stage: Stage) -> None:
    """Where there are both; null is none."""
    where = stage.step_functions.upload("one.json", ["listed"])
    _, [request] = asked(stage, {"instances": ["named"], "list": where})
    assert request["instance_id"] == "listed"
    _, [request] = asked(stage, {"instances": ["named"], "list": None})
    assert request["instance_id"] == "named"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"instances": []},
        {"instances": None},
        {"instances": "a1"},
        {"instances": {"a1": True}},
        {"list": None},
        {"list": {}},
        {"list": {"bucket": BUCKET}, "instances": ["a1"]},
        {"list": {"bucket": BUCKET, "key": 5}},
        ["a1"],
        "a1",
        None,
    ],
)
def test_a_run_without_a_list_is_told_as_a_failure(stage: Stage, given: object) -> None:
    """The caller and the bus hear of it: a list that was lost is no night without failures."""
    ended = stage.fleet(given, backup=SAYS_WHAT_IT_IS_ASKED)
    [event] = stage.step_functions.told()
    assert event["detail"] == {
        "counts": {"total": 0, "failures": 0},
        "report": {
            "idempotency_key": ended["name"],
            "error": "InvalidRequest",
            "cause": event["detail"]["report"]["cause"],
        },
    }
    assert (ended["status"], ended["error"]) == ("FAILED", "failed")
    assert json.loads(ended["cause"]) == event["detail"]["report"]


def test_an_empty_list_in_s3_is_told_as_a_failure(stage: Stage) -> None:
    """Nothing failed, and nothing was backed up."""
    empty = {"list": stage.step_functions.upload("empty.json", [])}
    ended = stage.fleet(empty, backup=SAYS_WHAT_IT_IS_ASKED)
    [event] = stage.step_functions.told()
    assert event["detail"]["counts"] == {"total": 0, "failures": 0}
    assert (ended["status"], ended["error"]) == ("FAILED", "failed")
    assert "no instance to back up" in ended["cause"]


@pytest.mark.parametrize(("key", "says"), [("gone", "NoSuchKey"), ("object.json", "iterable")])
def test_a_list_that_cannot_be_read_is_told_as_a_failure(stage: Stage, key: str, says: str) -> None:
    """It is not there, or it is no list."""
    stage.step_functions.upload("object.json", {"a1": True})
    given = {"list": {"bucket": BUCKET, "key": key}, "idempotency_key": "night-1"}
    ended = stage.fleet(given, backup=SAYS_WHAT_IT_IS_ASKED)
    [event] = stage.step_functions.told()
    told = event["detail"]["report"]
    assert event["detail"]["counts"] == {"total": 0, "failures": 0}
    assert (told["idempotency_key"], told.keys()) == (
        "night-1",
        {"idempotency_key", "error", "cause"},
    )
    assert says in told["cause"]
    assert (ended["status"], ended["error"]) == ("FAILED", "failed")
    assert json.loads(ended["cause"]) == told


OUTCOME: Final = {
    "outcome": "timed_out",
    "error": "TimedOut",
    "cause": "the backup was not completed",
    "instance_id": "a1",
}
EXECUTION: Final = {**DESCRIBED, "Input": '{"instance_id":"a1","description":"any outcome"}'}
ABORTED: Final = {**EXECUTION, "Status": "ABORTED"}
OUTGROWN: Final = {"Cause": "too many events", "Error": "States.Runtime", **EXECUTION}


def compact(document: object) -> str:
    """JSON as Step Functions writes it."""
    return json.dumps(document, separators=(",", ":"), sort_keys=True)


@pytest.mark.parametrize(
    ("error", "cause", "told"),
    [
        (
            "States.TaskFailed",
            compact({"Cause": compact(OUTCOME), "Error": "timed_out", **EXECUTION}),
            {key: OUTCOME[key] for key in ("outcome", "error", "cause")},
        ),
        ("States.TaskFailed", compact(ABORTED), None),
        ("States.TaskFailed", compact(OUTGROWN), None),
        ("StepFunctions.AccessDeniedException", "User is not authorized", None),
    ],
    ids=["outcome", "stopped", "outgrown", "not started"],
)
def test_what_became_of_an_execution_is_read_from_what_aws_says_of_it(
    stage: Stage, error: str, cause: str, told: dict[str, str] | None
) -> None:
    """Its own outcome, if it told one; else what Step Functions says, as it is."""
    items = fleet_machine()["States"]["BackUpInstances"]["ItemProcessor"]
    ended = stage.run_from(
        "CheckExecutionCause",
        items,
        {"always": {"instance_id": "a1"}, "failure": {"Error": error, "Cause": cause}},
    )
    as_it_is = {"outcome": "failed", "error": error, "cause": cause}
    assert json.loads(ended["output"]) == {"failed": {"instance_id": "a1", **(told or as_it_is)}}
