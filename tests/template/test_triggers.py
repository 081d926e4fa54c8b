"""What starts the state machines and the function: schedules, API, queue and events."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.template.cloudformation import ACCOUNT, REGION, STACK, STACK_UUID, Stack
from tests.template.parameter_values import EVERYTHING, REQUIRED
from tests.template.scheduler import NIGHT, fired
from tests.template.translation import ROOT

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:BackupFunction"
DEAD_LETTERS = f"arn:aws:sqs:{REGION}:{ACCOUNT}:DeadLetters"
KEY = f"{STACK_UUID}-schedule-{NIGHT}"
HANDED_OVER = {
    "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/TimersRole",
    # the hand-over is tried again for an hour, and kept if it never succeeds
    "RetryPolicy": {"MaximumRetryAttempts": 10, "MaximumEventAgeInSeconds": 3600},
    "DeadLetterConfig": {"Arn": DEAD_LETTERS},
}


def machine(name: str) -> str:
    """The ARN of a state machine of the stack."""
    return f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"


def schedule(template: dict[str, Any], name: str, **chosen: str) -> dict[str, Any]:
    """One schedule of a stack with the required parameters and those given."""
    return Stack(template, {**REQUIRED, **chosen}).properties(name)


@pytest.mark.parametrize("typed", ["a1,b2,c3", "a1, b2,c3"])
def test_the_schedule_starts_the_state_machine(template: dict[str, Any], typed: str) -> None:
    """It hands over all instances, the time, and a key that a second delivery repeats."""
    made = schedule(template, "FleetSchedule", InstanceIds=typed, NamePrefix="nightly")
    assert fired(made) == {
        "instances": ["a1", "b2", "c3"],
        "name_prefix": "nightly",
        "scheduled_time": NIGHT,
        "idempotency_key": KEY,
    }


def test_the_schedule_can_take_its_instances_from_a_list_in_s3(template: dict[str, Any]) -> None:
    """The state machine reads the list; the input says where it lies."""
    listed = {"InstanceIds": "", "FleetList": "our-lists/instances.json"}
    assert fired(schedule(template, "FleetSchedule", **listed)) == {
        "list": {"bucket": "our-lists", "key": "instances.json"},
        "name_prefix": "auto",
        "scheduled_time": NIGHT,
        "idempotency_key": KEY,
    }


def test_the_schedule_comes_when_it_is_wanted(template: dict[str, Any]) -> None:
    """Time and time zone are those chosen; it may start a quarter of an hour late."""
    late = {"BackupSchedule": "cron(0 4 ? * SUN *)", "ScheduleTimeZone": "Asia/Shanghai"}
    made = schedule(template, "FleetSchedule", **late)
    del made["Description"], made["Target"]["Input"]
    assert made == {
        "GroupName": "Timers",
        "State": "ENABLED",
        "ScheduleExpression": "cron(0 4 ? * SUN *)",
        "ScheduleExpressionTimezone": "Asia/Shanghai",
        "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
        "Target": {**HANDED_OVER, "Arn": machine("FleetStateMachine")},
    }


def test_the_freshness_timer_asks_for_every_instance(template: dict[str, Any]) -> None:
    """It hands over all instances, or where they are listed, and the age that is too much."""
    made = schedule(template, "FreshnessTimer", InstanceIds="a1, b2", MaxBackupAgeHours="30")
    assert fired(made) == {"instances": ["a1", "b2"], "max_age_hours": 30}
    listed = {"InstanceIds": "", "FleetList": "our-lists/instances.json"}
    assert fired(schedule(template, "FreshnessTimer", **listed)) == {
        "list": {"bucket": "our-lists", "key": "instances.json"},
        "max_age_hours": 36,
    }
    del made["Description"], made["Target"]["Input"]
    assert made == {
        "GroupName": "Timers",
        "State": "ENABLED",
        "ScheduleExpression": "rate(6 hours)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {**HANDED_OVER, "Arn": machine("FreshnessStateMachine")},
    }


def window_minutes(template: dict[str, Any]) -> int:
    """By how much the schedule may be late."""
    window = schedule(template, "FleetSchedule")["FlexibleTimeWindow"]
    return int(window["MaximumWindowInMinutes"])


def test_the_default_schedule_keeps_out_of_the_hours_that_a_clock_change_touches(
    template: dict[str, Any],
) -> None:
    """In its time zone it lies outside 01:00 to 03:00, from the earliest to the latest start."""
    parameters = template["Parameters"]
    assert parameters["ScheduleTimeZone"]["Default"] == "Europe/Berlin"
    found = re.fullmatch(
        r"cron\((\d+) (\d+) \* \* \? \*\)", parameters["BackupSchedule"]["Default"]
    )
    assert found
    starts = int(found[2]) * 60 + int(found[1])
    ends = starts + window_minutes(template)
    assert starts >= 3 * 60
    assert ends < 24 * 60


def test_silence_is_noticed_no_earlier_than_a_daily_schedule_allows(
    template: dict[str, Any],
) -> None:
    """The longest day has 25 hours, and the window comes on top."""
    hours = template["Parameters"]["NoBackupHours"]["Default"]
    assert hours >= 25 + window_minutes(template) / 60


def test_the_api_is_throttled_and_leaves_the_function_its_time(template: dict[str, Any]) -> None:
    """Every stage has its limits; the gateway waits longer than the function takes over HTTP."""
    stack = Stack(template, EVERYTHING)
    limits = {
        name: made["DefaultRouteSettings"]
        for name, made in stack.of_type("AWS::ApiGatewayV2::Stage").items()
    }
    assert limits == {"BackupApiStage": {"ThrottlingRateLimit": 10, "ThrottlingBurstLimit": 20}}
    for made in stack.of_type("AWS::ApiGatewayV2::Integration").values():
        assert 20_000 < made["TimeoutInMillis"] <= 30_000
        assert made["PayloadFormatVersion"] == "2.0"
        assert made["IntegrationUri"] == FUNCTION


def test_access_logs_carry_no_header_and_no_body(template: dict[str, Any]) -> None:
    """A signature or a payload must not end up in a log."""
    for made in Stack(template, EVERYTHING).of_type("AWS::ApiGatewayV2::Stage").values():
        logged = json.loads(made["AccessLogSettings"]["Format"])
        assert {"request_id", "source_ip", "route", "status"} <= logged.keys()
        assert not re.search(r"header|authorizer|body|querystring", str(logged).lower())


def test_one_api_serves_every_route(template: dict[str, Any]) -> None:
    """Each leads to the function."""
    routes = Stack(template, EVERYTHING).of_type("AWS::ApiGatewayV2::Route").values()
    assert sorted(route["RouteKey"] for route in routes) == [
        "GET /backups/{backup_id}",
        "POST /backups",
        "POST /webhook",
    ]
    assert {route["ApiId"] for route in routes} == {"BackupApi"}
    assert {route["Target"] for route in routes} == {"integrations/BackupApiIntegration"}


def test_the_queue_feeds_the_function_and_takes_back_what_failed(stack: Stack) -> None:
    """Only the messages that failed are delivered again, ten times, until they are dead letters."""
    queue = stack.properties("BackupRequests")
    assert queue["VisibilityTimeout"] >= 6 * stack.properties("BackupFunction")["Timeout"]
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:RequestDeadLetters",
        "maxReceiveCount": 10,
    }
    assert stack.properties("BackupRequestsMapping") == {
        "FunctionName": "BackupFunction",
        "EventSourceArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:BackupRequests",
        "BatchSize": 10,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": 2},
    }


def test_queues_keep_their_messages_for_days_and_encrypt_them(stack: Stack) -> None:
    """Requests over a long weekend, and what was given up as long as SQS can."""
    queues = stack.of_type("AWS::SQS::Queue")
    days = {name: made["MessageRetentionPeriod"] / 86_400 for name, made in queues.items()}
    assert days == {"BackupRequests": 4, "DeadLetters": 14, "RequestDeadLetters": 14}
    assert all(made["SqsManagedSseEnabled"] for made in queues.values())


def test_an_event_on_the_bus_starts_the_function(stack: Stack) -> None:
    """The rule lies on the stack's bus, retries, and keeps what it could not deliver."""
    rule = stack.properties("BackupRequestedRule")
    assert (rule["EventBusName"], rule["State"]) == (STACK, "ENABLED")
    assert rule["EventPattern"] == {"detail-type": ["Backup Requested"]}
    assert rule["Targets"] == [
        {
            "Id": "function",
            "Arn": FUNCTION,
            "RetryPolicy": HANDED_OVER["RetryPolicy"],
            "DeadLetterConfig": HANDED_OVER["DeadLetterConfig"],
        }
    ]


def test_asynchronous_events_are_tried_again_for_an_hour_at_most(stack: Stack) -> None:
    """Twice after the first attempt; the rest is for the dead letters."""
    config = stack.properties("AsynchronousInvocations")
    assert config == {
        "FunctionName": "BackupFunction",
        "Qualifier": "$LATEST",
        "MaximumRetryAttempts": 2,
        "MaximumEventAgeInSeconds": 3600,
    }


@pytest.mark.parametrize(
    ("name", "substitutions"),
    [
        (
            "BackupStateMachine",
            {
                "BackupFunctionArn": FUNCTION,
                "EventBusName": STACK,
                "PruneAfter": "completed",
                "StackName": STACK,
            },
        ),
        (
            "FleetStateMachine",
            {
                "BackupStateMachineArn": machine("BackupStateMachine"),
                "EventBusName": STACK,
                "FleetConcurrency": "40",
            },
        ),
        ("FreshnessStateMachine", {"BackupFunctionArn": FUNCTION}),
    ],
)
def test_a_definition_gets_what_it_asks_for(
    template: dict[str, Any], name: str, substitutions: dict[str, str]
) -> None:
    """Every ${…} of the file is filled in with what it names, the result is JSON."""
    made = Stack(template, {**EVERYTHING, "FleetConcurrency": "40"}).properties(name)
    assert made["DefinitionSubstitutions"] == substitutions
    definition = (ROOT / made["DefinitionS3Location"]["Key"]).read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{(\w+)\}", definition)) == substitutions.keys()
    filled = re.sub(r"\$\{(\w+)\}", lambda found: str(substitutions[found[1]]), definition)
    assert json.loads(filled)["StartAt"]


def test_nothing_is_pruned_where_retention_is_off(template: dict[str, Any]) -> None:
    """No outcome of a backup is the one after which it prunes."""
    made = Stack(template, REQUIRED).properties("BackupStateMachine")
    assert made["DefinitionSubstitutions"]["PruneAfter"] == "nothing"
