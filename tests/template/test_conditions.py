from __future__ import annotations

from typing import Any

import pytest

from tests.template.cloudformation import (
    Stack,
    Unresolvable,
    conditions_behind,
    parameters_behind,
)
from tests.template.parameter_values import CHOICES, EVERYTHING, NOTHING, REQUIRED, combinations

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
    "BackupsOfTheLastDay",
    "CrashCount",
    "Dashboard",
    "DeadLetters",
    "DeadLettersAlarm",
    "DeadLettersPolicy",
    "FailuresByCode",
    "FleetStateMachine",
    "FleetStateMachineRole",
    "FunctionFailingAlarm",
    "FunctionLogs",
    "OneJobsStory",
}
TIMERS = {"Timers", "TimersRole"}
SCHEDULE = {*TIMERS, "FleetSchedule"}
FRESHNESS = {
    *TIMERS,
    "BackupStaleAlarm",
    "FreshnessStateMachine",
    "FreshnessStateMachineRole",
    "FreshnessTimer",
}
API = {
    "AccessLogs",
    "BackupApi",
    "BackupApiIntegration",
    "BackupApiPermission",
    "BackupApiStage",
    "BackupApiCreateRoute",
    "BackupApiStatusRoute",
}
WEBHOOK = {*API, "WebhookKeysAlarm", "WebhookKeysUnavailable", "WebhookRoute"}
QUEUE = {
    "BackupRequests",
    "BackupRequestsMapping",
    "BackupRequestsPolicy",
    "LostRequests",
    "RequestDeadLetters",
    "RequestDeadLettersPolicy",
}
EVERY_NIGHT = {"BackupSchedule": "cron(15 4 * * ? *)"}
FROM_LIST = {"InstanceIds": "", "FleetList": "lists/all.json"}


@pytest.mark.parametrize(
    ("chosen", "added"),
    [
        ({}, set()),
        (EVERY_NIGHT, {*SCHEDULE, "NoBackupStartedAlarm"}),
        ({**EVERY_NIGHT, "NoBackupHours": "0"}, SCHEDULE),
        ({"MaxBackupAgeHours": "36"}, FRESHNESS),
        (FROM_LIST, {"FleetMapPolicy"}),
        (
            {**FROM_LIST, "MaxBackupAgeHours": "36"},
            {*FRESHNESS, "FleetMapPolicy", "FreshnessMapPolicy"},
        ),
        ({"HttpApi": "true"}, API),
        ({"WebhookSecret": "webhook"}, WEBHOOK),
        ({"HttpApi": "true", "WebhookSecret": "webhook"}, WEBHOOK),
        ({"RequestQueue": "true"}, QUEUE),
        (
            {"BackupRequestedEvents": "true"},
            {"BackupRequestedRule", "BackupRequestedPermission"},
        ),
        ({"AlarmEmail": "nights@example.com"}, {"AlarmSubscription"}),
        ({"Retention": "delete", "RetentionSecret": "prune"}, set()),
    ],
    ids=lambda value: str(
        value if isinstance(value, dict) else sorted(value)
    ),  # a set has no order
)
def test_each_choice_adds_exactly_its_own_resources(
    template: dict[str, Any], chosen: dict[str, str], added: set[str]
) -> None:
    """An event source that is off leaves no part behind, one that is on is complete."""
    stack = Stack(template, {**NOTHING, **chosen})
    assert stack.broken_rules() == []
    assert stack.resources.keys() == ALWAYS | added


def test_everything_together_is_every_resource_of_the_template(template: dict[str, Any]) -> None:
    """No resource waits for a combination that cannot be."""
    everything = Stack(template, EVERYTHING)
    assert everything.broken_rules() == []
    assert everything.resources.keys() == template["Resources"].keys()


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
    """The evaluator rejects a part that outlives what it refers to."""
    permission = dict(template["Resources"]["BackupApiPermission"])
    del permission["Condition"]
    resources = {**template["Resources"], "BackupApiPermission": permission}
    with pytest.raises(Unresolvable, match="BackupApi, which is not made"):
        Stack({**template, "Resources": resources}, REQUIRED).resource("BackupApiPermission")


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


@pytest.mark.parametrize(
    ("chosen", "complaint"),
    [
        ({"InstanceIds": ""}, "Set InstanceIds, or FleetList for a list in S3."),
        ({"FleetList": "lists/all.json"}, "Set InstanceIds or FleetList, not both."),
        (
            {"Retention": "delete"},
            "Retention=delete needs RetentionSecret, the credentials of a second cloud user.",
        ),
        (
            {"Retention": "delete", "RetentionSecret": REQUIRED["CredentialsSecret"]},
            "RetentionSecret must be another secret than CredentialsSecret.",
        ),
    ],
    ids=["no list", "two lists", "no second user", "the same user"],
)
def test_choices_that_exclude_each_other_are_refused_before_anything_is_made(
    template: dict[str, Any], chosen: dict[str, str], complaint: str
) -> None:
    """By CloudFormation's rules, in a sentence that says what to do."""
    assert Stack(template, {**REQUIRED, **chosen}).broken_rules() == [complaint]


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        FROM_LIST,
        {"Retention": "report"},
        {"Retention": "delete", "RetentionSecret": "gaussdb/prune"},
        {"Retention": "report", "RetentionSecret": "gaussdb/prune"},
    ],
    ids=str,
)
def test_choices_that_go_together_are_taken(
    template: dict[str, Any], chosen: dict[str, str]
) -> None:
    """One list, and a second user where one is needed."""
    assert Stack(template, {**REQUIRED, **chosen}).broken_rules() == []


def test_only_the_secret_has_no_default(template: dict[str, Any]) -> None:
    """The instances have none that works either: the rules ask for them."""
    required = {n for n, p in template["Parameters"].items() if "Default" not in p}
    assert required == {"CredentialsSecret"}


def test_every_parameter_is_explained_and_has_its_place_in_the_console(
    template: dict[str, Any],
) -> None:
    """Groups name each parameter once."""
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(template["Parameters"])
    assert all(parameter["Description"] for parameter in template["Parameters"].values())


def test_the_stack_stays_small(template: dict[str, Any]) -> None:
    """No more parameters and alarms than a person keeps in mind."""
    kinds = [resource["Type"] for resource in template["Resources"].values()]
    assert len(template["Parameters"]) <= 24
    assert kinds.count("AWS::CloudWatch::Alarm") <= 6
