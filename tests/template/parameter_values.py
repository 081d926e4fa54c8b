"""Values for the template's parameters: one for each way in which a condition may turn out."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, Final

from tests.template.cloudformation import conditions_behind, parameters_behind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SECRET_ARN: Final = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:{}-a1B2c3"
KEY_ARN: Final = "arn:aws:kms:eu-central-1:123456789012:key/1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"
LAYER_ARN: Final = "arn:aws:lambda:eu-central-1:123456789012:layer:{}:7"
INSTANCES: Final = tuple(f"instance{number}in14" for number in range(1, 7))

REQUIRED: Final = {"InstanceIds": INSTANCES[0], "CredentialsSecret": "gaussdb/backup"}

# Whoever adds a parameter that a condition asks for must say here what it may be.
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "AlarmEmail": ("", "nights@example.com"),
    "AllowedInstances": ("", "instance1in14,instance2in14"),
    "Architecture": ("arm64", "x86_64"),
    "BackupRequestedEvents": ("false", "true"),
    "BackupSchedule": ("cron(15 4 * * ? *)", ""),
    "CredentialsSecret": ("gaussdb/backup", SECRET_ARN.format("gaussdb/backup")),
    "ExtensionLayerArn": ("", LAYER_ARN.format("our-own")),
    "FleetList": ("", "our-lists/instances.json"),
    "FlexibleWindowMinutes": ("15", "0"),
    "FreshnessHours": ("6", "0"),
    "GaussDBEndpoint": ("", "https://gaussdb.example.com"),
    "HttpApi": ("false", "true"),
    "IamEndpoint": ("", "https://iam.example.com"),
    "InstanceIds": tuple(",".join(INSTANCES[:count]) for count in range(1, 7)),
    "InvocationEvents": ("false", "true"),
    "LogsKmsKeyArn": ("", KEY_ARN),
    "ProjectId": ("", "0483b6b16e954cb88930a360d2c4e663"),
    "RequestQueue": ("false", "true"),
    "RequesterAccount": ("", "210987654321"),
    "SecretsKmsKeyArn": ("", KEY_ARN),
    "WaitForCompletion": ("true", "false"),
    "WebhookSecret": ("", "gaussdb/webhook", SECRET_ARN.format("gaussdb/webhook")),
}

EVERYTHING: Final = {
    **REQUIRED,
    **{name: values[-1] for name, values in CHOICES.items()},
    "BackupSchedule": "cron(15 4 * * ? *)",
    "FreshnessHours": "6",
    "InstanceIds": ",".join(INSTANCES[:3]),
    "WaitForCompletion": "true",
}
EVERYTHING_DIRECT: Final = {
    **EVERYTHING,
    "WaitForCompletion": "false",
    "FleetList": "",
    "InstanceIds": ",".join(INSTANCES[:5]),
}
NOTHING: Final = {
    **REQUIRED,
    "BackupSchedule": "",
    "FreshnessHours": "0",
    "WaitForCompletion": "false",
}


def combinations(template: Mapping[str, Any], part: Any) -> Iterator[dict[str, str]]:
    """Every choice of parameters under which a part of the template may turn out differently.

    What no condition of the part depends on keeps its default: it cannot change the outcome, so
    these are all combinations for that part, without the billions that differ elsewhere.
    """
    names = sorted(parameters_behind(template, conditions_behind(template, part)))
    for values in product(*(CHOICES[name] for name in names)):
        yield {**REQUIRED, **dict(zip(names, values, strict=True))}
