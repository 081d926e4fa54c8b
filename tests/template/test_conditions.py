from __future__ import annotations

import re
from typing import Any

import pytest

from tests.template.cloudformation import (
    Stack,
    Unresolvable,
    conditions_behind,
    parameters_behind,
)
from tests.template.parameter_values import (
    CHOICES,
    EVERYTHING,
    EVERYTHING_DIRECT,
    INSTANCES,
    NOTHING,
    REQUIRED,
    combinations,
)

ALWAYS = {
    "AlarmTopic",
    "AlarmTopicPolicy",
    "AsynchronousInvocations",
    "BackupBus",
    "BackupFailedAlarm",
    "BackupFunction",
    "BackupFunctionRole",
    "BackupStateMachine",
    "BackupStateMachineRole",
    "BackupsKeepFailingAlarm",
    "BackupsOfTheLastDay",
    "CrashCount",
    "Dashboard",
    "DeadLetters",
    "DeadLettersAlarm",
    "DeadLettersPolicy",
    "FailedForGoodCount",
    "FailuresByCode",
    "FunctionCrashedAlarm",
    "FunctionLogs",
    "OneJobsStory",
    "ThrottledAlarm",
}
WAITING = {
    "FleetFailedAlarm",
    "FleetMapPolicy",
    "FleetStateMachine",
    "FleetStateMachineRole",
}
TIMERS = {"Timers", "TimersRole"}
FRESHNESS = {
    *TIMERS,
    "BackupAgeAlarm",
    "BackupStaleAlarm",
    "FreshnessCheckFailedAlarm",
    "FreshnessStateMachine",
    "FreshnessStateMachineRole",
    "FreshnessTimer",
    "OldestAge",
    "StaleCount",
}
HTTP_API = {
    "AccessLogs",
    "BackupApi",
    "BackupApiCreatePermission",
    "BackupApiCreateRoute",
    "BackupApiIntegration",
    "BackupApiStage",
    "BackupApiStatusPermission",
    "BackupApiStatusRoute",
}
WEBHOOK = {
    "AccessLogs",
    "WebhookApi",
    "WebhookIntegration",
    "WebhookPermission",
    "WebhookRoute",
    "WebhookStage",
}
QUEUE = {
    "BackupRequests",
    "BackupRequestsMapping",
    "BackupRequestsPolicy",
    "RequestDeadLetters",
    "RequestDeadLettersAlarm",
    "RequestDeadLettersPolicy",
}
SCHEDULE = "cron(15 4 * * ? *)"


@pytest.mark.parametrize(
    ("chosen", "added"),
    [
        ({}, set()),
        ({"WaitForCompletion": "true"}, WAITING),
        (
            {"WaitForCompletion": "true", "BackupSchedule": SCHEDULE},
            {*WAITING, *TIMERS, "FleetSchedule", "NoBackupAcceptedAlarm"},
        ),
        ({"BackupSchedule": SCHEDULE}, {*TIMERS, "DirectSchedule1", "NoBackupAcceptedAlarm"}),
        ({"FreshnessHours": "1"}, FRESHNESS),
        (
            {"FreshnessHours": "1", "FleetList": "lists/all.json"},
            {*FRESHNESS, "FreshnessMapPolicy"},
        ),
        ({"HttpApi": "true"}, HTTP_API),
        ({"WebhookSecret": "webhook"}, WEBHOOK),
        ({"HttpApi": "true", "WebhookSecret": "webhook"}, HTTP_API | WEBHOOK),
        ({"RequestQueue": "true"}, QUEUE),
        (
            {"BackupRequestedEvents": "true"},
            {"BackupRequestedRule", "BackupRequestedPermission"},
        ),
        ({"InvocationEvents": "true"}, set()),
        ({"RequesterAccount": "210987654321"}, set()),
        (
            {"BackupRequestedEvents": "true", "RequesterAccount": "210987654321"},
            {"BackupRequestedRule", "BackupRequestedPermission", "BackupBusPolicy"},
        ),
        ({"AlarmEmail": "nights@example.com"}, {"AlarmSubscription"}),
    ],
    ids=lambda value: str(
        value if isinstance(value, dict) else sorted(value)
    ),  # a set has no order
)
def test_each_choice_adds_exactly_its_own_resources(
    template: dict[str, Any], chosen: dict[str, str], added: set[str]
) -> None:
    """A trigger that is not asked for leaves no part behind, one that is asked for is complete."""
    stack = Stack(template, {**NOTHING, **chosen})
    assert stack.resources.keys() == ALWAYS | added


def test_everything_together_is_every_resource_of_the_template(template: dict[str, Any]) -> None:
    """No resource waits for a combination that cannot be."""
    made: set[str] = set()
    for chosen in (
        EVERYTHING,
        EVERYTHING_DIRECT,
        {**EVERYTHING_DIRECT, "InstanceIds": ",".join(INSTANCES)},
    ):
        made |= Stack(template, chosen).resources.keys()
    assert made == template["Resources"].keys()


def test_nothing_refers_to_what_is_not_there(template: dict[str, Any]) -> None:
    """Every resource resolves under every combination of the conditions that bear upon it."""
    tried = 0
    for name, resource in template["Resources"].items():
        for chosen in combinations(template, resource):
            stack = Stack(template, chosen)
            if stack.has(name):
                stack.resource(name)
                tried += 1
    for output in template["Outputs"].values():
        for chosen in combinations(template, output):
            assert Stack({**template, "Outputs": {"one": output}}, chosen).outputs is not None
    assert tried > len(template["Resources"])


def test_a_reference_to_an_absent_resource_would_be_seen(template: dict[str, Any]) -> None:
    """The evaluator objects to a part that outlives what it refers to."""
    permission = dict(template["Resources"]["WebhookPermission"])
    del permission["Condition"]
    resources = {**template["Resources"], "WebhookPermission": permission}
    with pytest.raises(Unresolvable, match="WebhookApi, which is not made"):
        Stack({**template, "Resources": resources}, REQUIRED).resource("WebhookPermission")


def test_every_condition_is_seen_both_ways(template: dict[str, Any]) -> None:
    """The combinations above leave no branch untried."""
    for condition in template["Conditions"]:
        part = {"Condition": condition}
        outcomes = {Stack(template, c).condition(condition) for c in combinations(template, part)}
        assert outcomes == {True, False}, condition


def test_the_choices_are_those_that_conditions_ask_for(template: dict[str, Any]) -> None:
    """No parameter is varied in vain, none is forgotten."""
    everything = conditions_behind(template, [template["Resources"], template["Outputs"]])
    assert everything <= template["Conditions"].keys()
    assert parameters_behind(template, frozenset(template["Conditions"])) == CHOICES.keys()


@pytest.mark.parametrize("count", range(1, 6))
def test_without_waiting_each_instance_has_its_own_schedule(
    template: dict[str, Any], count: int
) -> None:
    """As many schedules as instances, up to five."""
    chosen = {**REQUIRED, "WaitForCompletion": "false", "InstanceIds": ",".join(INSTANCES[:count])}
    schedules = Stack(template, chosen).of_type("AWS::Scheduler::Schedule")
    schedules.pop("FreshnessTimer")
    assert set(schedules) == {f"DirectSchedule{number}" for number in range(1, count + 1)}


def test_a_sixth_instance_without_waiting_is_refused_and_not_left_out(
    template: dict[str, Any],
) -> None:
    """The deployment then holds a parameter whose value its own pattern forbids."""
    chosen = {**REQUIRED, "WaitForCompletion": "false", "InstanceIds": ",".join(INSTANCES)}
    guard = Stack(template, chosen).properties("FiveInstancesAtMostWithoutWaiting")
    assert re.search(guard["AllowedPattern"], guard["Value"]) is None
    assert not Stack(template, EVERYTHING).has("FiveInstancesAtMostWithoutWaiting")


def test_a_list_in_s3_needs_the_state_machine(template: dict[str, Any]) -> None:
    """CloudFormation refuses the two choices that exclude each other before it makes anything."""
    [rule] = template["Rules"].values()
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "WaitForCompletion"}, "false"]}
    assert rule["Assertions"][0]["Assert"] == {"Fn::Equals": [{"Ref": "FleetList"}, ""]}


def test_deploying_asks_for_two_things_only(template: dict[str, Any]) -> None:
    """Every other parameter has a default that works."""
    required = {n for n, p in template["Parameters"].items() if "Default" not in p}
    assert required == REQUIRED.keys()


def test_every_parameter_is_explained_and_has_its_place_in_the_console(
    template: dict[str, Any],
) -> None:
    """Groups and labels name each parameter once."""
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(template["Parameters"])
    assert interface["ParameterLabels"].keys() == template["Parameters"].keys()
    assert all(parameter["Description"] for parameter in template["Parameters"].values())
