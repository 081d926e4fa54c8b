from __future__ import annotations

import re
from typing import Any

import pytest

from tests.local_cloud.local_cloud import INSTANCE_ID
from tests.template.parameter_values import CHOICES, KEY_ARN, LAYER_ARN, SECRET_ARN

BROAD_SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:*"
BROAD_KEY = "arn:aws:kms:eu-central-1:123456789012:key/*"
ENDPOINTS = (
    ["", "https://gaussdb.example.com", "https://gaussdb.example.com:8443"],
    ["http://gaussdb.example.com", "https://", "https://a.example.com/path", "https://a b"],
)

# what a parameter takes, and what it refuses
PATTERNS: dict[str, tuple[list[str], list[str]]] = {
    "AlarmEmail": (["", "nights@example.com"], ["nights", "a b@example.com", "@"]),
    "AllowedInstances": (["", "a1", "a1,b2"], ["a1,", ",", "a1, b2", "*"]),
    "BackupSchedule": (["", "rate(1 day)", "cron(0 4 * * ? *)"], ["daily", "0 4 * * *"]),
    "CredentialsSecret": (
        ["gaussdb/backup", SECRET_ARN.format("a/b")],
        ["", "*", "a*", "a?", 'a"', BROAD_SECRET, SECRET_ARN.format("*")],
    ),
    "ExtensionLayerArn": (["", LAYER_ARN.format("our-own")], ["*", LAYER_ARN.format("*")]),
    "FleetList": (["", "our-lists/all.json"], ["*/x", "our-lists/*", "our-lists/a/b", 'b/"']),
    "GaussDBEndpoint": ENDPOINTS,
    "IamEndpoint": ENDPOINTS,
    "InstanceIds": ([INSTANCE_ID], ["", "a-b", "a b", '"', "a" * 65]),
    "LogsKmsKeyArn": (["", KEY_ARN], ["*", BROAD_KEY]),
    "NamePrefix": (["auto", "a" * 34], ["", "1a", "a" * 35, 'a"']),
    "ProjectId": (["", "0483b6b16e954cb88930a360d2c4e663"], ["a b", '"', "a" * 65]),
    "RequesterAccount": (["", "210987654321"], ["*", "21098765432"]),
    "RunbookUrl": (
        ["docs/runbook.md", "https://wiki.example.com/backups?page=1"],
        ["", "our wiki", 'https://"', "wiki\\backups", "one\ntwo"],
    ),
    "SecretsKmsKeyArn": (["", KEY_ARN], ["*", BROAD_KEY]),
    "WebhookSecret": (
        ["", "gaussdb/webhook", SECRET_ARN.format("a/b")],
        ["*", "a*", "a?", 'a"', BROAD_SECRET, SECRET_ARN.format("*")],
    ),
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
        if parameter["Type"] in {"String", "CommaDelimitedList"}
        and "AllowedValues" not in parameter
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
            parts = value.split(",") if parameter["Type"] == "CommaDelimitedList" else [value]
            assert all(re.fullmatch(parameter.get("AllowedPattern", ".*"), part) for part in parts)
            assert value in parameter.get("AllowedValues", [value]), name
