from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.template.cloudformation import ACCOUNT, REGION, STACK, Stack
from tests.template.parameter_values import EVERYTHING, EVERYTHING_DIRECT, INSTANCES, REQUIRED
from tests.template.scheduler import NIGHT, fired
from tests.template.translation import ROOT

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:BackupFunction"
DEAD_LETTERS = f"arn:aws:sqs:{REGION}:{ACCOUNT}:DeadLetters"


def machine(name: str) -> str:
    """The ARN of a state machine of the stack."""
    return f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"


def schedule(template: dict[str, Any], name: str, **chosen: str) -> dict[str, Any]:
    """One schedule of a stack with the required parameters and those given."""
    return Stack(template, {**REQUIRED, **chosen}).properties(name)


def without_its_own(schedule: dict[str, Any]) -> dict[str, Any]:
    """What is not one schedule's alone: all but the description and the input."""
    target = {name: value for name, value in schedule["Target"].items() if name != "Input"}
    rest = {name: value for name, value in schedule.items() if name != "Description"}
    return {**rest, "Target": target}


def test_a_schedule_starts_the_state_machine_by_default(template: dict[str, Any]) -> None:
    """It hands over all instances, the time, and a key that a second delivery repeats."""
    made = schedule(template, "FleetSchedule", InstanceIds="a1,b2,c3", NamePrefix="nightly")
    assert made["Target"]["Arn"] == machine("FleetStateMachine")
    assert fired(made) == {
        "instances": ["a1", "b2", "c3"],
        "name_prefix": "nightly",
        "scheduled_time": NIGHT,
        "idempotency_key": f"{STACK}-schedule-{NIGHT}",
    }


def test_a_schedule_can_take_its_instances_from_a_list_in_s3(template: dict[str, Any]) -> None:
    """The state machine reads the list; the input says where it lies."""
    made = schedule(template, "FleetSchedule", FleetList="our-lists/instances.json")
    assert fired(made) == {
        "list": {"bucket": "our-lists", "key": "instances.json"},
        "name_prefix": "auto",
        "scheduled_time": NIGHT,
        "idempotency_key": f"{STACK}-schedule-{NIGHT}",
    }


@pytest.mark.parametrize(
    ("minutes", "window"),
    [
        ("45", {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": "45"}),
        ("0", {"Mode": "OFF"}),
    ],
)
def test_every_schedule_comes_when_it_is_wanted(
    template: dict[str, Any], minutes: str, window: dict[str, str]
) -> None:
    """Time, time zone and window are those chosen; but for their inputs the direct ones are one."""
    late = {
        "BackupSchedule": "cron(0 4 ? * SUN *)",
        "FlexibleWindowMinutes": minutes,
        "ScheduleTimeZone": "Asia/Shanghai",
    }
    timed = {
        "GroupName": "Timers",
        "State": "ENABLED",
        "ScheduleExpression": "cron(0 4 ? * SUN *)",
        "ScheduleExpressionTimezone": "Asia/Shanghai",
        "FlexibleTimeWindow": window,
    }
    target = {
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/TimersRole",
        "RetryPolicy": {"MaximumRetryAttempts": 10, "MaximumEventAgeInSeconds": 3600},
        "DeadLetterConfig": {"Arn": DEAD_LETTERS},
    }
    fleet = schedule(template, "FleetSchedule", **late)
    to_machine = {**target, "Arn": machine("FleetStateMachine")}
    assert without_its_own(fleet) == {**timed, "Target": to_machine}
    direct = Stack(template, {**EVERYTHING_DIRECT, **late})
    for number in range(1, 6):
        made = without_its_own(direct.properties(f"DirectSchedule{number}"))
        assert made == {**timed, "Target": {**target, "Arn": FUNCTION}}, number


def test_without_waiting_each_instance_has_a_payload_of_its_own(template: dict[str, Any]) -> None:
    """What the function takes: instance, prefix and time."""
    stack = Stack(template, EVERYTHING_DIRECT)
    assert [fired(stack.properties(f"DirectSchedule{number}")) for number in range(1, 6)] == [
        {"instance_id": instance, "name_prefix": "auto", "scheduled_time": NIGHT}
        for instance in INSTANCES[:5]
    ]


def test_the_freshness_timer_asks_for_every_instance(template: dict[str, Any]) -> None:
    """It hands over all instances, or where they are listed, and the age that is too much."""
    made = schedule(template, "FreshnessTimer", InstanceIds="a1,b2", MaxBackupAgeHours="30")
    assert made["Target"]["Arn"] == machine("FreshnessStateMachine")
    assert fired(made) == {"instances": ["a1", "b2"], "max_age_hours": 30}
    listed = schedule(template, "FreshnessTimer", FleetList="our-lists/instances.json")
    assert fired(listed) == {
        "list": {"bucket": "our-lists", "key": "instances.json"},
        "max_age_hours": 36,
    }


@pytest.mark.parametrize(
    ("hours", "rate"),
    [
        ("1", "rate(1 hour)"),
        ("6", "rate(6 hours)"),
        ("12", "rate(12 hours)"),
        ("24", "rate(1 day)"),
    ],
)
def test_freshness_is_looked_at_as_often_as_chosen(
    template: dict[str, Any], hours: str, rate: str
) -> None:
    """As a rate of its own, whatever the schedule of the backups."""
    made = schedule(template, "FreshnessTimer", FreshnessHours=hours)
    assert made["ScheduleExpression"] == rate


def test_every_offered_rate_of_looks_is_known(template: dict[str, Any]) -> None:
    """Each value of the parameter has a row in the table."""
    allowed = template["Parameters"]["FreshnessHours"]["AllowedValues"]
    assert set(allowed) == template["Mappings"]["FreshnessTimer"].keys()


@pytest.mark.parametrize("chosen", [EVERYTHING, EVERYTHING_DIRECT], ids=["waiting", "direct"])
def test_no_schedule_loses_an_event(template: dict[str, Any], chosen: dict[str, str]) -> None:
    """A hand-over is tried again for an hour, and kept if it never succeeds."""
    for made in Stack(template, chosen).of_type("AWS::Scheduler::Schedule").values():
        target = made["Target"]
        assert target["DeadLetterConfig"] == {"Arn": DEAD_LETTERS}
        assert target["RetryPolicy"] == {
            "MaximumRetryAttempts": 10,
            "MaximumEventAgeInSeconds": 3600,
        }
        assert made["State"] == "ENABLED"


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
    ends = starts + parameters["FlexibleWindowMinutes"]["Default"]
    assert starts >= 3 * 60
    assert ends < 24 * 60


def test_silence_is_noticed_no_earlier_than_a_daily_schedule_allows(
    template: dict[str, Any],
) -> None:
    """The longest day has 25 hours, and the window comes on top."""
    parameters = template["Parameters"]
    window = parameters["FlexibleWindowMinutes"]["Default"] / 60
    assert parameters["NoBackupHours"]["Default"] >= 26
    assert parameters["NoBackupHours"]["Default"] > 25 + window


def test_the_api_is_throttled_and_leaves_the_function_its_time(template: dict[str, Any]) -> None:
    """Every stage has its limits; the gateway waits longer than the function takes over HTTP."""
    stack = Stack(template, EVERYTHING)
    limits = {
        name: made["DefaultRouteSettings"]
        for name, made in stack.of_type("AWS::ApiGatewayV2::Stage").items()
    }
    assert limits == {
        "BackupApiStage": {"ThrottlingRateLimit": 5, "ThrottlingBurstLimit": 10},
        "WebhookStage": {"ThrottlingRateLimit": 1, "ThrottlingBurstLimit": 5},
    }
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


@pytest.mark.parametrize(
    ("name", "substitutions"),
    [
        (
            "BackupStateMachine",
            {
                "BackupFunctionArn": FUNCTION,
                "EventBusName": STACK,
                "BusyRetries": "7",
                "BackupTimeLimitSeconds": "7200",
            },
        ),
        (
            "FleetStateMachine",
            {
                "BackupStateMachineArn": machine("BackupStateMachine"),
                "EventBusName": STACK,
                "FleetConcurrency": "40",
                "ToleratedFailurePercentage": "5",
            },
        ),
        ("FreshnessStateMachine", {"BackupFunctionArn": FUNCTION}),
    ],
)
def test_a_definition_gets_what_it_asks_for(
    template: dict[str, Any], name: str, substitutions: dict[str, str]
) -> None:
    """Every ${…} of the file is filled in with what it names, the result is JSON."""
    chosen = {
        "BusyRetries": "7",
        "BackupTimeLimitSeconds": "7200",
        "FleetConcurrency": "40",
        "ToleratedFailurePercentage": "5",
    }
    made = Stack(template, {**EVERYTHING, **chosen}).properties(name)
    assert made["DefinitionSubstitutions"] == substitutions
    definition = (ROOT / made["DefinitionS3Location"]["Key"]).read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{(\w+)\}", definition)) == substitutions.keys()
    filled = re.sub(r"\$\{(\w+)\}", lambda found: str(substitutions[found[1]]), definition)
    assert json.loads(filled)["StartAt"]
