from __future__ import annotations

import json
from typing import Any

import pytest

from gaussdb_backup.settings import read_settings
from tests.template.cloudformation import ACCOUNT, REGION, STACK, STACK_UUID, Stack
from tests.template.parameter_values import REQUIRED, combinations
from tests.template.scheduler import fired

NAME = "BackupFunction"
DEAD_LETTERS = f"arn:aws:sqs:{REGION}:{ACCOUNT}:DeadLetters"
OTC = {
    "GaussDB": "https://gaussdb.eu-de.otc.t-systems.com",
    "Iam": "https://iam.eu-de.otc.t-systems.com",
}
# under which AWS tells of its extension
EXTENSION = "/aws/service/aws-parameters-and-secrets-lambda-extension/arm64/latest"


def environment(chosen: dict[str, str]) -> dict[str, str]:
    """The variables that the function has under the chosen parameters, but for RETENTION."""
    endpoints = chosen["CloudEndpoints"] or f"{OTC['GaussDB']},{OTC['Iam']}"
    gaussdb, iam = endpoints.split(",")
    variables = {
        "GAUSSDB_ENDPOINT": gaussdb,
        "IAM_ENDPOINT": iam,
        "PROJECT_ID": chosen["ProjectId"],
        "CREDENTIALS_SECRET_ID": chosen["CredentialsSecret"],
        "WEBHOOK_SECRET_ID": chosen["WebhookSecret"],
        "ALLOWED_INSTANCES": chosen["AllowedInstances"],
        "RETENTION_SECRET_ID": chosen["RetentionSecret"] if chosen["Retention"] == "delete" else "",
        "SECRETS_MANAGER_TTL": "0",
        "POWERTOOLS_METRICS_NAMESPACE": "GaussDBBackup",
        "POWERTOOLS_SERVICE_NAME": STACK,
    }
    return {name: value for name, value in variables.items() if value}


def test_the_function_is_exactly_this_under_every_combination(template: dict[str, Any]) -> None:
    """Its code, size and time, an extension of its own architecture, its log, and its variables.

    The log's levels let metrics pass, which are lines too, and the reports that tell cold starts.
    """
    for chosen in combinations(template, template["Resources"][NAME]):
        properties = Stack(template, chosen).properties(NAME)
        properties["Environment"]["Variables"].pop("RETENTION", None)
        assert properties == {
            "Description": "Turns an event into exactly one manual backup of a GaussDB instance",
            "Code": {"S3Bucket": "artifacts", "S3Key": "src/"},
            "Handler": "gaussdb_backup.handler.lambda_handler",
            "Runtime": "python3.13",
            "Architectures": ["arm64"],
            "Layers": [EXTENSION],
            "Role": f"arn:aws:iam::{ACCOUNT}:role/BackupFunctionRole",
            "Timeout": 120,
            "MemorySize": 512,
            "LoggingConfig": {
                "LogFormat": "JSON",
                "ApplicationLogLevel": "INFO",
                "SystemLogLevel": "INFO",
                "LogGroup": "FunctionLogs",
            },
            "DeadLetterConfig": {"TargetArn": DEAD_LETTERS},
            "Environment": {"Variables": environment(chosen)},
            "Tags": [{"Key": "lambda:createdBy", "Value": "SAM"}],
        }


def test_the_function_starts_under_every_combination(template: dict[str, Any]) -> None:
    """What the template puts into the environment are settings that the function accepts."""
    for chosen in combinations(template, template["Resources"][NAME]):
        variables = Stack(template, chosen).properties(NAME)["Environment"]["Variables"]
        settings = read_settings(variables)
        assert chosen["CredentialsSecret"] == settings.CREDENTIALS_SECRET_ID
        assert chosen["WebhookSecret"] == (settings.WEBHOOK_SECRET_ID or "")
        assert chosen["ProjectId"] == (settings.PROJECT_ID or "")
        assert settings.POWERTOOLS_SERVICE_NAME == STACK
        assert (settings.ALLOWED_INSTANCES is None) == (chosen["AllowedInstances"] == "")


def retention(template: dict[str, Any], **chosen: str) -> Any:
    """The policy that the function gets, or None."""
    variables = Stack(template, {**REQUIRED, **chosen}).properties(NAME)["Environment"]["Variables"]
    return json.loads(variables["RETENTION"]) if "RETENTION" in variables else None


@pytest.mark.parametrize(
    ("policy", "counts"),
    [
        ("last=7", {"last": 7}),
        (
            "last=7,daily=14,weekly=8,monthly=12",
            {"last": 7, "daily": 14, "weekly": 8, "monthly": 12},
        ),
        ("yearly=10,max_deletions=25", {"yearly": 10, "max_deletions": 25}),
        ("daily=7,keep=before-2026", {"daily": 7, "keep": ["before-2026"]}),
        ("daily=7,keep=before-2026+audit_1", {"daily": 7, "keep": ["before-2026", "audit_1"]}),
    ],
)
def test_a_retention_policy_of_one_line_becomes_the_functions_json(
    template: dict[str, Any], policy: str, counts: dict[str, object]
) -> None:
    """With the names and keys of this stack's schedule, and of no other."""
    chosen = {"Retention": "report", "NamePrefix": "nightly", "RetentionPolicy": policy}
    assert retention(template, **chosen) == {
        "mode": "report",
        "name_prefix": "nightly",
        "key_prefix": f"{STACK_UUID}-schedule-",
        **counts,
    }


def test_retention_is_off_by_default_and_deletes_only_when_told(template: dict[str, Any]) -> None:
    """Off is no policy at all."""
    assert retention(template) is None
    assert retention(template, Retention="report")["mode"] == "report"
    assert retention(template, Retention="delete", RetentionSecret="prune")["mode"] == "delete"


def test_retention_knows_the_backups_that_the_schedule_makes(template: dict[str, Any]) -> None:
    """Its key and prefix are what the schedule passes, up to the time."""
    chosen = {**REQUIRED, "Retention": "report", "NamePrefix": "nightly"}
    event = fired(Stack(template, chosen).properties("FleetSchedule"))
    policy = retention(template, **chosen)
    assert event["idempotency_key"] == policy["key_prefix"] + event["scheduled_time"]
    assert event["name_prefix"] == policy["name_prefix"]


def test_the_extension_can_be_pinned(template: dict[str, Any]) -> None:
    """The parameter is the name of one in SSM, which holds the ARN of a layer's version."""
    parameter = template["Parameters"]["ExtensionLayer"]
    assert parameter["Type"] == "AWS::SSM::Parameter::Value<String>"


OPENGAUSS_HOSTS = (
    "af-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "cn-east-3",
    "cn-north-2",
    "cn-north-4",
    "cn-north-9",
    "cn-south-1",
    "cn-south-2",
    "cn-south-4",
    "cn-southwest-2",
    "la-north-2",
    "la-south-2",
    "ru-northwest-2",
    "sa-brazil-1",
)
PLAIN_HOSTS = (
    "af-north-1",
    "ap-southeast-5",
    "cn-east-2",
    "cn-east-4",
    "cn-east-5",
    "cn-north-12",
    "me-east-1",
    "tr-west-1",
)


def test_the_presets_are_the_published_endpoints(template: dict[str, Any]) -> None:
    """OTC's and those of Huawei Cloud, whose newer regions have another host name."""
    huawei = {
        f"huawei-{region}": {
            "GaussDB": f"https://{host}.{region}.myhuaweicloud.com",
            "Iam": f"https://iam.{region}.myhuaweicloud.com",
        }
        for host, regions in (("gaussdb-opengauss", OPENGAUSS_HOSTS), ("gaussdb", PLAIN_HOSTS))
        for region in regions
    }
    assert template["Mappings"]["Clouds"] == {"otc-eu-de": OTC, **huawei}
    offered = template["Parameters"]["CloudRegion"]
    assert set(offered["AllowedValues"]) == template["Mappings"]["Clouds"].keys()
    assert offered["Default"] == "otc-eu-de"


def test_endpoints_of_ones_own_go_before_the_presets(template: dict[str, Any]) -> None:
    """Both of them: a mixture of two clouds would refuse every log-in."""
    own = {
        "CloudEndpoints": "https://gaussdb.example.com:8443,https://iam.example.com",
        "CloudRegion": "huawei-cn-east-2",
    }
    function = Stack(template, {**REQUIRED, **own}).properties(NAME)
    variables = function["Environment"]["Variables"]
    assert variables["GAUSSDB_ENDPOINT"] == "https://gaussdb.example.com:8443"
    assert variables["IAM_ENDPOINT"] == "https://iam.example.com"
