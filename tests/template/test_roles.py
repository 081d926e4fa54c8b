from __future__ import annotations

from typing import Any, Final

import pytest

from tests.template.cloudformation import ACCOUNT, REGION, STACK, Stack
from tests.template.parameter_values import BOUNDARY_ARN, CHOICES, EVERYTHING, REQUIRED
from tests.template.policies import Granted, choices, expected, of_role, statement

STATES: Final = f"arn:aws:states:{REGION}:{ACCOUNT}"
SECRETS: Final = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret"
BUS: Final = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{STACK}"
DEAD_LETTERS: Final = f"arn:aws:sqs:{REGION}:{ACCOUNT}:DeadLetters"
LIST: Final = "arn:aws:s3:::our-lists/instances.json"
SCHEDULE: Final = CHOICES["BackupSchedule"][0]
NAME, ARN = CHOICES["CredentialsSecret"]
_, WEBHOOK_NAME, WEBHOOK_ARN = CHOICES["WebhookSecret"]
_, PRUNE_NAME, PRUNE_ARN = CHOICES["RetentionSecret"]

WITH_LIST: Final = {"FleetList": "our-lists/instances.json"}
CALL = Granted(
    {},
    statement(
        "CallTheFunction",
        "lambda:InvokeFunction",
        f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:BackupFunction",
    ),
)
KEEP = Granted({}, statement("KeepFailedEvents", "sqs:SendMessage", DEAD_LETTERS))
READ_LIST = Granted(WITH_LIST, statement("ReadTheList", "s3:GetObject", LIST))


def read_secret(sid: str, resource: str, **when: str) -> Granted:
    """The right to read a secret, where the parameters have these values."""
    return Granted(when, statement(sid, "secretsmanager:GetSecretValue", resource))


def count_prunes(mode: str) -> Granted:
    """The right to count what the function could not, where backups are pruned."""
    return Granted(
        {"Retention": mode},
        statement(
            "CountFailedPrunes",
            "cloudwatch:PutMetricData",
            "*",
            condition={"StringEquals": {"cloudwatch:namespace": "GaussDBBackup"}},
        ),
    )


# All that the roles may do. A statement is there if the parameters have these values.
RIGHTS: Final = {
    "BackupFunctionRole": [
        Granted(
            {},
            statement(
                "WriteOwnLogs",
                ["logs:CreateLogStream", "logs:PutLogEvents"],
                f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:FunctionLogs:*",
            ),
        ),
        read_secret("ReadCredentials", f"{SECRETS}:{NAME}-??????", CredentialsSecret=NAME),
        read_secret("ReadCredentials", ARN, CredentialsSecret=ARN),
        read_secret(
            "ReadWebhookKeys", f"{SECRETS}:{WEBHOOK_NAME}-??????", WebhookSecret=WEBHOOK_NAME
        ),
        read_secret("ReadWebhookKeys", WEBHOOK_ARN, WebhookSecret=WEBHOOK_ARN),
        read_secret(
            "ReadDeletingCredentials",
            f"{SECRETS}:{PRUNE_NAME}-??????",
            Retention="delete",
            RetentionSecret=PRUNE_NAME,
        ),
        read_secret(
            "ReadDeletingCredentials", PRUNE_ARN, Retention="delete", RetentionSecret=PRUNE_ARN
        ),
        Granted(
            {},
            statement(
                "DecryptSecrets",
                "kms:Decrypt",
                f"arn:aws:kms:{REGION}:*:key/*",
                condition={
                    "StringEquals": {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}
                },
            ),
        ),
        KEEP,
        Granted(
            {"RequestQueue": "true"},
            statement(
                "TakeRequests",
                ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
                f"arn:aws:sqs:{REGION}:{ACCOUNT}:BackupRequests",
            ),
        ),
    ],
    "BackupStateMachineRole": [
        CALL,
        Granted({}, statement("PublishOutcomes", "events:PutEvents", BUS)),
        count_prunes("report"),
        count_prunes("delete"),
    ],
    "FleetStateMachineRole": [
        Granted({}, statement("PublishReports", "events:PutEvents", BUS)),
        Granted(
            {},
            statement(
                "StartBackups",
                "states:StartExecution",
                f"{STATES}:stateMachine:BackupStateMachine",
            ),
        ),
        Granted(
            {},
            statement(
                "FollowBackups",
                ["states:DescribeExecution", "states:StopExecution"],
                f"{STATES}:execution:BackupStateMachine:*",
            ),
        ),
        Granted(
            {},
            statement(
                "HearOfTheirEnd",
                ["events:PutTargets", "events:PutRule", "events:DescribeRule"],
                f"arn:aws:events:{REGION}:{ACCOUNT}:rule/"
                "StepFunctionsGetEventsForStepFunctionsExecutionRule",
            ),
        ),
        Granted(
            WITH_LIST,
            statement(
                "StartItems", "states:StartExecution", f"{STATES}:stateMachine:FleetStateMachine"
            ),
        ),
        Granted(
            WITH_LIST,
            statement(
                "CountItems", "states:DescribeMapRun", f"{STATES}:mapRun:FleetStateMachine/*"
            ),
        ),
        Granted(
            WITH_LIST,
            statement(
                "FollowItems",
                ["states:DescribeExecution", "states:StopExecution", "states:RedriveExecution"],
                [
                    f"{STATES}:execution:FleetStateMachine:*",
                    f"{STATES}:execution:FleetStateMachine/*",
                ],
            ),
        ),
        READ_LIST,
        Granted(
            WITH_LIST,
            statement(
                "WriteReports",
                [
                    "s3:PutObject",
                    "s3:GetObject",
                    "s3:ListMultipartUploadParts",
                    "s3:AbortMultipartUpload",
                ],
                "arn:aws:s3:::our-lists/gaussdb-backup-reports/*",
            ),
        ),
    ],
    "FreshnessStateMachineRole": [
        CALL,
        READ_LIST,
        Granted(
            WITH_LIST,
            statement(
                "StartItems",
                "states:StartExecution",
                f"{STATES}:stateMachine:FreshnessStateMachine",
            ),
        ),
        Granted(
            WITH_LIST,
            statement(
                "FollowItems",
                ["states:DescribeExecution", "states:StopExecution"],
                f"{STATES}:execution:FreshnessStateMachine:*",
            ),
        ),
    ],
    "TimersRole": [
        KEEP,
        Granted(
            {"BackupSchedule": SCHEDULE},
            statement(
                "StartBackups", "states:StartExecution", f"{STATES}:stateMachine:FleetStateMachine"
            ),
        ),
        Granted(
            {"MaxBackupAgeHours": "36"},
            statement(
                "StartChecks",
                "states:StartExecution",
                f"{STATES}:stateMachine:FreshnessStateMachine",
            ),
        ),
    ],
}
TRUSTED: Final[dict[str, tuple[str, dict[str, str] | None]]] = {
    "BackupFunctionRole": ("lambda", None),
    "BackupStateMachineRole": ("states", {"aws:SourceAccount": ACCOUNT}),
    "FleetStateMachineRole": ("states", {"aws:SourceAccount": ACCOUNT}),
    "FreshnessStateMachineRole": ("states", {"aws:SourceAccount": ACCOUNT}),
    "TimersRole": (
        "scheduler",
        {
            "aws:SourceAccount": ACCOUNT,
            "aws:SourceArn": f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/Timers",
        },
    ),
}


@pytest.mark.parametrize("role", RIGHTS)
def test_a_role_may_do_exactly_this_in_every_combination(
    template: dict[str, Any], role: str
) -> None:
    """Each statement whole, under each choice of the parameters that bear upon the role."""
    policies = {n for n, r in template["Resources"].items() if r["Type"] == "AWS::IAM::Policy"}
    made = 0
    for chosen in choices(template, {role, *policies}):
        stack = Stack(template, chosen)
        if stack.has(role):
            made += 1
            assert of_role(stack, role) == expected(RIGHTS[role], chosen), chosen
    assert made > 0


def test_every_right_is_given_in_some_combination(template: dict[str, Any]) -> None:
    """No row of the table above waits for parameters that cannot be."""
    policies = {n for n, r in template["Resources"].items() if r["Type"] == "AWS::IAM::Policy"}
    for role, table in RIGHTS.items():
        seen = {
            given
            for chosen in choices(template, {role, *policies})
            if Stack(template, chosen).has(role)
            for given in expected(table, chosen)
        }
        assert seen == {row.statement for row in table}


def test_there_are_no_other_rights(template: dict[str, Any]) -> None:
    """Every role is looked at above, none has policies of AWS's beside, and no user has any."""
    kinds = {
        name: resource["Type"]
        for name, resource in template["Resources"].items()
        if resource["Type"].startswith("AWS::IAM::")
    }
    assert kinds == {
        **dict.fromkeys(RIGHTS, "AWS::IAM::Role"),
        "FleetMapPolicy": "AWS::IAM::Policy",
        "FreshnessMapPolicy": "AWS::IAM::Policy",
    }
    for role in RIGHTS:
        properties = template["Resources"][role]["Properties"]
        assert properties.keys() == {
            "Description",
            "PermissionsBoundary",
            "AssumeRolePolicyDocument",
            "Policies",
        }


def test_an_organisation_can_bound_every_role(template: dict[str, Any]) -> None:
    """With the policy that it demands; without one no role has a boundary."""
    for chosen, boundary in ((EVERYTHING, BOUNDARY_ARN), (REQUIRED, None)):
        roles = Stack(template, chosen).of_type("AWS::IAM::Role").values()
        assert {role.get("PermissionsBoundary") for role in roles} == {boundary}


def test_a_role_is_assumed_by_its_own_service(stack: Stack) -> None:
    """And by that service on behalf of this account alone, where it says on whose behalf."""
    assert TRUSTED.keys() == RIGHTS.keys()
    for role, (service, only) in TRUSTED.items():
        trusted = {
            "Effect": "Allow",
            "Principal": {"Service": f"{service}.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        condition = {"Condition": {"StringEquals": only}} if only else {}
        [said] = stack.properties(role)["AssumeRolePolicyDocument"]["Statement"]
        assert said == {**trusted, **condition}, role


def test_each_part_works_under_its_own_role(stack: Stack) -> None:
    """What is proved of the roles holds for those who have them."""
    roles = {
        name: made["RoleArn" if "RoleArn" in made else "Role"].rpartition("/")[2]
        for kind in ("AWS::Lambda::Function", "AWS::StepFunctions::StateMachine")
        for name, made in stack.of_type(kind).items()
    }
    assert roles == {
        "BackupFunction": "BackupFunctionRole",
        "BackupStateMachine": "BackupStateMachineRole",
        "FleetStateMachine": "FleetStateMachineRole",
        "FreshnessStateMachine": "FreshnessStateMachineRole",
    }
