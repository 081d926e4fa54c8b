"""What looks wrong in the template has its reason beside it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.template.cloudformation import Stack
from tests.template.parameter_values import EVERYTHING
from tests.template.translation import TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Iterator

# Every place that means more than it names: the resource, and its statement if there is one.
PATTERNS = {
    ("AlarmTopicPolicy", "FromAlarms"),
    ("BackupApiPermission", ""),
    ("BackupFunctionRole", "DecryptSecrets"),
    ("BackupFunctionRole", "ReadCredentials"),
    ("BackupFunctionRole", "ReadDeletingCredentials"),
    ("BackupFunctionRole", "ReadWebhookKeys"),
    ("BackupFunctionRole", "WriteOwnLogs"),
    ("BackupRequestsPolicy", "OnlyEncrypted"),
    ("BackupStateMachineRole", "CountFailedPrunes"),
    ("DeadLettersPolicy", "OnlyEncrypted"),
    ("FleetMapPolicy", "CountItems"),
    ("FleetMapPolicy", "FollowItems"),
    ("FleetMapPolicy", "WriteReports"),
    ("FleetStateMachineRole", "FollowBackups"),
    ("FreshnessMapPolicy", "FollowItems"),
    ("RequestDeadLettersPolicy", "OnlyEncrypted"),
}


def test_every_pattern_in_a_policy_says_why(template: dict[str, Any]) -> None:
    """A comment stands in each statement that means more than it names."""
    by_name = {name: "a-name" for name in EVERYTHING if name.endswith("Secret")}
    found = {
        place
        for chosen in (EVERYTHING, {**EVERYTHING, **by_name})
        for place in _patterns(Stack(template, chosen))
    }
    assert found == PATTERNS
    assert {place for place in found if "# " not in _text(*place)} == set()


def test_every_suppressed_finding_has_its_reason(template: dict[str, Any]) -> None:
    """What a linter is told to overlook stands beside the resource, with a sentence."""
    for name, resource in template["Resources"].items():
        for skipped in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
            assert skipped["id"].startswith("CKV_AWS_"), name
            assert len(skipped["comment"].split()) > 5, name


def _patterns(stack: Stack) -> Iterator[tuple[str, str]]:
    """Where an action, a resource, a principal or a condition has an asterisk or question mark."""
    for name, resource in stack.resources.items():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::Lambda::Permission" and _is_pattern(properties):
            yield name, ""
        policies = [one["PolicyDocument"] for one in properties.get("Policies", [])]
        if "PolicyDocument" in properties:
            policies.append(properties["PolicyDocument"])
        for statement in (one for policy in policies for one in policy["Statement"]):
            if _is_pattern(statement):
                yield name, statement["Sid"]


def _is_pattern(value: Any) -> bool:
    parts = value.values() if isinstance(value, dict) else value
    if isinstance(value, str):
        return re.search(r"[*?]", value) is not None
    return isinstance(value, dict | list) and any(map(_is_pattern, parts))


def _text(name: str, sid: str) -> str:
    """The template's text of one resource, or of one statement in it."""
    text = TEMPLATE.read_text(encoding="utf-8").partition("\nResources:\n")[2]
    [resource] = re.findall(rf"^  {name}:\n((?:    .*\n|\n)+)", text, re.MULTILINE)
    if not sid:
        return str(resource)
    [statement] = re.findall(
        rf"^ +(?:- )+Sid: {sid}\n(.*?)(?=^ +- !If|^ +(?:- )+Sid:|\Z)",
        resource,
        re.MULTILINE | re.DOTALL,
    )
    return str(statement)
