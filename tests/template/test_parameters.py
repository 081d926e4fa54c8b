from __future__ import annotations

import re
from typing import Any

import pytest

from tests.local_cloud.local_cloud import INSTANCE_ID
from tests.template.parameter_values import BOUNDARY_ARN, CHOICES, POLICY, SECRET_ARN

BROAD_SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:*"
SECOND_SECRET = (
    ["", "gaussdb/second", SECRET_ARN.format("a/b")],
    ["*", "a*", "a?", 'a"', BROAD_SECRET, SECRET_ARN.format("*"), "<the secret>"],
)

# what a parameter takes, and what it refuses
PATTERNS: dict[str, tuple[list[str], list[str]]] = {
    "AlarmEmail": (
        ["", "nights@example.com"],
        ["nights", "a b@example.com", "@", "<you@example.com>"],
    ),
    "AllowedInstances": (["", "a1", "a1,b2"], ["a1,", ",", "a1, b2", "*"]),
    "BackupSchedule": (["", "rate(1 day)", "cron(0 4 * * ? *)"], ["daily", "0 4 * * *"]),
    "CloudEndpoints": (
        ["", "https://gaussdb.example.com:8443,https://iam.example.com"],
        [
            "https://gaussdb.example.com",
            "http://gaussdb.example.com,https://iam.example.com",
            "https://gaussdb.example.com/v3,https://iam.example.com",
            "https://gaussdb.example.com, https://iam.example.com",
        ],
    ),
    "CredentialsSecret": (
        ["gaussdb/backup", SECRET_ARN.format("a/b")],
        ["", "*", "a*", "a?", 'a"', BROAD_SECRET, SECRET_ARN.format("*"), "<the secret>"],
    ),
    "FleetList": (["", "our-lists/all.json"], ["*/x", "our-lists/*", "our-lists/a/b", 'b/"']),
    "InstanceIds": (
        ["", INSTANCE_ID, "a1,b2", "a1, b2"],
        ["a-b", "a b", '"', "a" * 65, "a1,", "a1 ,b2", "a1,,b2", "<the instances>"],
    ),
    "NamePrefix": (["auto", "a" * 34], ["", "1a", "a" * 35, 'a"']),
    "PermissionsBoundary": (
        ["", BOUNDARY_ARN, "arn:aws:iam::aws:policy/PowerUserAccess"],
        ["*", "arn:aws:iam::123456789012:policy/*", "boundary"],
    ),
    "ProjectId": (
        ["", "0483b6b16e954cb88930a360d2c4e663"],
        ["a b", '"', "a" * 65, "<the project>"],
    ),
    "RetentionPolicy": (
        [
            POLICY,
            "daily=1000",
            "yearly=1,last=3,max_deletions=25",
            "last=7,keep=before-2026+audit_1",
        ],
        [
            *("", "7", "last", "last=", "last=0", "last=-7", "last=07", "last=1001", "hourly=24"),
            *("last=7 daily=14", "last=7, daily=14", "last=7,", "last:7", '{"last": 7}'),
            *("max_deletions=5", "keep=before-2026", "last=7,keep=", "last=7,keep=a-b,last=3"),
            *('last=7,keep="x"', "last=7,keep=abc", "last=7,mode=delete", "last=7.5"),
            *("last=7,last=3", "daily=7,last=3,weekly=2,last=5", "last=7,keep=abcd,keep=efgh"),
            "last=7,max_deletions=5,max_deletions=50",
        ],
    ),
    "RetentionSecret": SECOND_SECRET,
    "RunbookUrl": (
        ["", "https://wiki.example.com/backups?page=1"],
        ["docs/runbook.md", "our wiki", 'https://"', "https://wiki\\backups", "https://one\ntwo"],
    ),
    "WebhookSecret": SECOND_SECRET,
}


@pytest.mark.parametrize("parameter", PATTERNS)
def test_parameters_admit_nothing_that_would_break_what_they_are_put_into(
    template: dict[str, Any], parameter: str
) -> None:
    """No quote gets into JSON, no asterisk into a policy."""
    good, bad = PATTERNS[parameter]
    pattern = re.compile(template["Parameters"][parameter]["AllowedPattern"])
    assert [text for text in good if not pattern.fullmatch(text)] == []
    assert [text for text in bad if pattern.fullmatch(text)] == []


def test_every_free_text_is_bounded(template: dict[str, Any]) -> None:
    """A parameter has a pattern, or its values are listed, or it is a number or AWS's to say."""
    free = {
        name
        for name, parameter in template["Parameters"].items()
        if parameter["Type"] == "String" and "AllowedValues" not in parameter
    }
    # whose fault CloudFormation finds at deployment, and which stands in no policy and no JSON
    assert free - {"ScheduleTimeZone"} == PATTERNS.keys()


def test_numbers_have_bounds(template: dict[str, Any]) -> None:
    """Both, or a list of values."""
    numbers = {n: p for n, p in template["Parameters"].items() if p["Type"] == "Number"}
    unbounded = {
        name
        for name, parameter in numbers.items()
        if "AllowedValues" not in parameter and not {"MinValue", "MaxValue"} <= parameter.keys()
    }
    assert unbounded == set()


def test_what_the_tests_choose_could_be_deployed(template: dict[str, Any]) -> None:
    """No test proves something of a value that a parameter refuses."""
    for name, values in CHOICES.items():
        parameter = template["Parameters"][name]
        for value in values:
            assert re.fullmatch(parameter.get("AllowedPattern", ".*"), value), name
            assert value in parameter.get("AllowedValues", [value]), name
