"""Values for the template's parameters: one for each way in which a condition may turn out."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, Final

from tests.template.cloudformation import Stack, conditions_behind, parameters_behind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SECRET_ARN: Final = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:{}-a1B2c3"
LAYER_ARN: Final = "arn:aws:lambda:eu-central-1:123456789012:layer:{}:7"
REQUIRED: Final = {"InstanceIds": "instance1in14", "CredentialsSecret": "gaussdb/backup"}

BOUNDARY_ARN: Final = "arn:aws:iam::123456789012:policy/boundary"
POLICY: Final = "last=7,daily=14,weekly=8,monthly=12"

# Whoever adds a parameter that a condition asks for must say here what it may be.
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "AlarmEmail": ("", "nights@example.com"),
    "AllowedInstances": ("", "instance1in14,instance2in14"),
    "BackupRequestedEvents": ("false", "true"),
    "BackupSchedule": ("cron(15 4 * * ? *)", ""),
    "CloudEndpoints": ("", "https://gaussdb.example.com,https://iam.example.com"),
    "CredentialsSecret": ("gaussdb/backup", SECRET_ARN.format("gaussdb/backup")),
    "FleetList": ("", "our-lists/instances.json"),
    "HttpApi": ("false", "true"),
    "MaxBackupAgeHours": ("36", "0"),
    "NoBackupHours": ("26", "0"),
    "PermissionsBoundary": ("", BOUNDARY_ARN),
    "ProjectId": ("", "0483b6b16e954cb88930a360d2c4e663"),
    "RequestQueue": ("false", "true"),
    "Retention": ("off", "report", "delete"),
    "RetentionPolicy": (POLICY, f"{POLICY},keep=before-2026+audit_1"),
    "RetentionSecret": ("", "gaussdb/prune", SECRET_ARN.format("gaussdb/prune")),
    "RunbookUrl": ("", "https://wiki.example.com/backups"),
    "WebhookSecret": ("", "gaussdb/webhook", SECRET_ARN.format("gaussdb/webhook")),
}

# All that the template can make at once: a list in S3, so no instances of its own.
EVERYTHING: Final = {
    **REQUIRED,
    **{name: values[-1] for name, values in CHOICES.items()},
    "BackupSchedule": "cron(15 4 * * ? *)",
    "InstanceIds": "",
    "MaxBackupAgeHours": "36",
    "NoBackupHours": "26",
}
NOTHING: Final = {**REQUIRED, "BackupSchedule": "", "MaxBackupAgeHours": "0"}


def combinations(template: Mapping[str, Any], part: Any) -> Iterator[dict[str, str]]:
    """Every choice of parameters under which a part of the template may turn out differently.

    What no condition of the part depends on keeps its default: it cannot change the outcome, so
    these are all combinations for that part, without the billions that differ elsewhere. What the
    template's rules demand beside a choice is chosen too; what they refuse is left out.
    """
    names = sorted(parameters_behind(template, conditions_behind(template, part)))
    for values in product(*(CHOICES[name] for name in names)):
        chosen = {**REQUIRED, **dict(zip(names, values, strict=True))}
        if chosen.get("FleetList"):
            chosen["InstanceIds"] = ""
        if chosen.get("Retention") == "delete":
            chosen.setdefault("RetentionSecret", "gaussdb/prune")
        if not Stack(template, chosen).broken_rules():
            yield chosen
