from __future__ import annotations

import re
from typing import Any

import pytest

from tests.stack.choices import EVERYTHING, EVERYTHING_DIRECT, KEY_ARN, NOTHING, combinations
from tests.stack.cloudformation import ACCOUNT, REGION, STACK, Stack
from tests.stack.translation import TEMPLATE

Rights = set[tuple[str, str]]

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:BackupFunction"
BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{STACK}"
SECRETS = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret"
STATES = f"arn:aws:states:{REGION}:{ACCOUNT}"
DEAD_LETTERS = f"arn:aws:sqs:{REGION}:{ACCOUNT}:DeadLetters"
REQUESTS = f"arn:aws:sqs:{REGION}:{ACCOUNT}:BackupRequests"
LOGS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:FunctionLogs:*"
MANAGED_RULE = (
    f"arn:aws:events:{REGION}:{ACCOUNT}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"
)

FUNCTION_ALWAYS: Rights = {
    ("logs:CreateLogStream", LOGS),
    ("logs:PutLogEvents", LOGS),
    ("secretsmanager:GetSecretValue", f"{SECRETS}:gaussdb/backup-??????"),
    ("sqs:SendMessage", DEAD_LETTERS),
}
FLEET_ALWAYS: Rights = {
    ("states:StartExecution", f"{STATES}:stateMachine:BackupStateMachine"),
    ("states:DescribeExecution", f"{STATES}:execution:BackupStateMachine:*"),
    ("states:StopExecution", f"{STATES}:execution:BackupStateMachine:*"),
    ("events:PutTargets", MANAGED_RULE),
    ("events:PutRule", MANAGED_RULE),
    ("events:DescribeRule", MANAGED_RULE),
    ("events:PutEvents", BUS),
    ("states:StartExecution", f"{STATES}:stateMachine:FleetStateMachine"),
    ("states:DescribeMapRun", f"{STATES}:mapRun:FleetStateMachine/*"),
    *(
        (f"states:{action}Execution", f"{STATES}:execution:FleetStateMachine{rest}")
        for action in ("Describe", "Stop", "Redrive")
        for rest in (":*", "/*")
    ),
}
LIST = "arn:aws:s3:::our-lists/instances.json"
REPORTS = "arn:aws:s3:::our-lists/gaussdb-backup-reports/*"


def rights_of(stack: Stack, role: str) -> Rights:
    """Every action and resource that a role's policies allow, one by one."""
    documents = [
        policy["PolicyDocument"] for policy in stack.properties(role).get("Policies", [])
    ] + [
        policy["PolicyDocument"]
        for policy in stack.of_type("AWS::IAM::Policy").values()
        if role in policy["Roles"]
    ]
    return {
        (action, resource)
        for document in documents
        for statement in document["Statement"]
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
    }


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("chosen", "more", "less"),
    [
        ({}, set(), set()),
        (
            {"CredentialsSecret": f"{SECRETS}:other-a1B2c3"},
            {("secretsmanager:GetSecretValue", f"{SECRETS}:other-a1B2c3")},
            {("secretsmanager:GetSecretValue", f"{SECRETS}:gaussdb/backup-??????")},
        ),
        (
            {"WebhookSecret": "hooks"},
            {("secretsmanager:GetSecretValue", f"{SECRETS}:hooks-??????")},
            set(),
        ),
        (
            {"WebhookSecret": f"{SECRETS}:hooks-a1B2c3"},
            {("secretsmanager:GetSecretValue", f"{SECRETS}:hooks-a1B2c3")},
            set(),
        ),
        ({"SecretsKmsKeyArn": KEY_ARN}, {("kms:Decrypt", KEY_ARN)}, set()),
        ({"InvocationEvents": "true"}, {("events:PutEvents", BUS)}, set()),
        (
            {"RequestQueue": "true"},
            {
                ("sqs:ReceiveMessage", REQUESTS),
                ("sqs:DeleteMessage", REQUESTS),
                ("sqs:GetQueueAttributes", REQUESTS),
            },
            set(),
        ),
    ],
    ids=str,
)
def test_the_function_may_do_exactly_this(
    template: dict[str, Any], chosen: dict[str, str], more: Rights, less: Rights
) -> None:
    """Read the named secrets, write its own logs, and what a chosen trigger needs."""
    stack = Stack(template, {**NOTHING, **chosen})
    assert rights_of(stack, "BackupFunctionRole") == FUNCTION_ALWAYS - less | more


def test_the_key_of_the_secrets_serves_secrets_manager_alone(template: dict[str, Any]) -> None:
    """The function cannot decrypt anything else with it."""
    stack = Stack(template, {**NOTHING, "SecretsKmsKeyArn": KEY_ARN})
    [policy] = stack.properties("BackupFunctionRole")["Policies"]
    [statement] = [s for s in policy["PolicyDocument"]["Statement"] if s["Action"] == "kms:Decrypt"]
    assert statement["Condition"] == {
        "StringEquals": {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}
    }


@pytest.mark.parametrize(
    ("chosen", "role", "rights"),
    [
        (
            {"WaitForCompletion": "true"},
            "BackupStateMachineRole",
            {("lambda:InvokeFunction", FUNCTION), ("events:PutEvents", BUS)},
        ),
        ({"WaitForCompletion": "true"}, "FleetStateMachineRole", FLEET_ALWAYS),
        (
            {"WaitForCompletion": "true", "FleetList": "our-lists/instances.json"},
            "FleetStateMachineRole",
            FLEET_ALWAYS
            | {
                ("s3:GetObject", LIST),
                ("s3:PutObject", REPORTS),
                ("s3:GetObject", REPORTS),
                ("s3:ListMultipartUploadParts", REPORTS),
                ("s3:AbortMultipartUpload", REPORTS),
            },
        ),
        (
            {"FreshnessHours": "6"},
            "FreshnessStateMachineRole",
            {("lambda:InvokeFunction", FUNCTION)},
        ),
        (
            {"FreshnessHours": "6", "FleetList": "our-lists/instances.json"},
            "FreshnessStateMachineRole",
            {
                ("lambda:InvokeFunction", FUNCTION),
                ("s3:GetObject", LIST),
                ("states:StartExecution", f"{STATES}:stateMachine:FreshnessStateMachine"),
                ("states:DescribeExecution", f"{STATES}:execution:FreshnessStateMachine:*"),
                ("states:StopExecution", f"{STATES}:execution:FreshnessStateMachine:*"),
            },
        ),
        (
            {"FreshnessHours": "6"},
            "TimersRole",
            {
                ("sqs:SendMessage", DEAD_LETTERS),
                ("states:StartExecution", f"{STATES}:stateMachine:FreshnessStateMachine"),
            },
        ),
        (
            {"BackupSchedule": "rate(1 day)"},
            "TimersRole",
            {("sqs:SendMessage", DEAD_LETTERS), ("lambda:InvokeFunction", FUNCTION)},
        ),
        (
            {"BackupSchedule": "rate(1 day)", "WaitForCompletion": "true"},
            "TimersRole",
            {
                ("sqs:SendMessage", DEAD_LETTERS),
                ("states:StartExecution", f"{STATES}:stateMachine:FleetStateMachine"),
            },
        ),
    ],
    ids=str,
)
def test_the_other_roles_may_do_exactly_this(
    template: dict[str, Any], chosen: dict[str, str], role: str, rights: Rights
) -> None:
    """Call what they are there to call, and nothing more."""
    assert rights_of(Stack(template, {**NOTHING, **chosen}), role) == rights


def test_there_are_no_other_roles(template: dict[str, Any]) -> None:
    """The tests above look at every role, and no role has AWS's own policies beside."""
    roles = {n: r for n, r in template["Resources"].items() if r["Type"] == "AWS::IAM::Role"}
    assert roles.keys() == {
        "BackupFunctionRole",
        "BackupStateMachineRole",
        "FleetStateMachineRole",
        "FreshnessStateMachineRole",
        "TimersRole",
    }
    assert all("ManagedPolicyArns" not in role["Properties"] for role in roles.values())


@pytest.mark.parametrize(
    ("role", "service", "only"),
    [
        ("BackupFunctionRole", "lambda", None),
        ("BackupStateMachineRole", "states", {"aws:SourceAccount": ACCOUNT}),
        ("FleetStateMachineRole", "states", {"aws:SourceAccount": ACCOUNT}),
        ("FreshnessStateMachineRole", "states", {"aws:SourceAccount": ACCOUNT}),
        (
            "TimersRole",
            "scheduler",
            {
                "aws:SourceAccount": ACCOUNT,
                "aws:SourceArn": f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/Timers",
            },
        ),
    ],
)
def test_a_role_is_assumed_by_its_own_service(
    template: dict[str, Any], role: str, service: str, only: dict[str, str] | None
) -> None:
    """And by that service on behalf of this account alone, where it says on whose behalf."""
    trust = Stack(template, EVERYTHING).properties(role)["AssumeRolePolicyDocument"]
    [statement] = trust["Statement"]
    assert statement["Principal"] == {"Service": f"{service}.amazonaws.com"}
    assert statement["Action"] == "sts:AssumeRole"
    assert statement.get("Condition", {}).get("StringEquals") == only


def test_queue_topic_and_bus_let_in_those_that_they_name(template: dict[str, Any]) -> None:
    """What is allowed is allowed to a service for this stack's own sake, or to one account."""
    stack = Stack(template, EVERYTHING)
    allowed = {
        statement["Sid"]: (statement["Principal"], statement["Action"], statement.get("Condition"))
        for statement in _resource_policy_statements(stack)
        if statement["Effect"] == "Allow"
    }
    other_account = {"AWS": "arn:aws:iam::210987654321:root"}
    rule = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{STACK}/BackupRequestedRule"
    alarms = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{STACK}-*"
    assert allowed == {
        "FromTheEventRule": (
            {"Service": "events.amazonaws.com"},
            "sqs:SendMessage",
            {"ArnEquals": {"aws:SourceArn": rule}},
        ),
        "FromTheOtherAccount": (other_account, "sqs:SendMessage", None),
        "FromAlarms": (
            {"Service": "cloudwatch.amazonaws.com"},
            "sns:Publish",
            {
                "StringEquals": {"aws:SourceAccount": ACCOUNT},
                "ArnLike": {"aws:SourceArn": alarms},
            },
        ),
    }
    bus = stack.properties("BackupBusPolicy")["Statement"]
    assert bus["Principal"] == other_account
    assert bus["Condition"] == {"StringEquals": {"events:detail-type": "Backup Requested"}}


def test_nobody_speaks_to_a_queue_in_the_clear(template: dict[str, Any]) -> None:
    """Every queue of the stack has a policy that refuses plain HTTP to everybody."""
    stack = Stack(template, EVERYTHING)
    refusing = {
        queue.rsplit("/", 1)[1]
        for policy in stack.of_type("AWS::SQS::QueuePolicy").values()
        for queue in policy["Queues"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement["Principal"] == "*"
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    }
    assert refusing == stack.of_type("AWS::SQS::Queue").keys()


def _resource_policy_statements(stack: Stack) -> list[dict[str, Any]]:
    kinds = ("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy")
    return [
        statement
        for kind in kinds
        for policy in stack.of_type(kind).values()
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def test_no_endpoint_is_open_in_any_combination(template: dict[str, Any]) -> None:
    """Callers sign for AWS; the one route without is there only with keys to check bodies by."""
    seen = set()
    for name, resource in template["Resources"].items():
        if resource["Type"] != "AWS::ApiGatewayV2::Route":
            continue
        for chosen in combinations(template, [resource, template["Resources"]["BackupFunction"]]):
            stack = Stack(template, chosen)
            if not stack.has(name):
                continue
            route = stack.properties(name)
            seen.add((route["RouteKey"], route["AuthorizationType"]))
            if route["AuthorizationType"] != "AWS_IAM":
                environment = stack.properties("BackupFunction")["Environment"]["Variables"]
                assert environment["WEBHOOK_SECRET_ID"] == chosen["WebhookSecret"]
    assert seen == {
        ("POST /backups", "AWS_IAM"),
        ("GET /backups/{backup_id}", "AWS_IAM"),
        ("POST /backups", "NONE"),
    }


def test_nothing_else_can_be_reached_from_outside(template: dict[str, Any]) -> None:
    """No function URL, no REST API, no route made on the fly by an API itself."""
    kinds = {resource["Type"] for resource in template["Resources"].values()}
    assert not {k for k in kinds if k.startswith(("AWS::ApiGateway::", "AWS::Elastic"))}
    assert "AWS::Lambda::Url" not in kinds
    for api in Stack(template, EVERYTHING).of_type("AWS::ApiGatewayV2::Api").values():
        assert api.keys() == {"Name", "Description", "ProtocolType"}


@pytest.mark.parametrize("chosen", [EVERYTHING, EVERYTHING_DIRECT], ids=["waiting", "direct"])
def test_whoever_calls_the_function_is_named_with_its_source(
    template: dict[str, Any], chosen: dict[str, str]
) -> None:
    """No permission lets in a service on behalf of everybody's resources."""
    permissions = Stack(template, chosen).of_type("AWS::Lambda::Permission").values()
    apis = f"arn:aws:execute-api:{REGION}:{ACCOUNT}"
    assert {(p["Principal"], p["SourceArn"]) for p in permissions} == {
        ("apigateway.amazonaws.com", f"{apis}:BackupApi/*/POST/backups"),
        ("apigateway.amazonaws.com", f"{apis}:BackupApi/*/GET/backups/*"),
        ("apigateway.amazonaws.com", f"{apis}:WebhookApi/*/POST/backups"),
        (
            "events.amazonaws.com",
            f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{STACK}/BackupRequestedRule",
        ),
    }


def test_every_wildcard_in_a_policy_says_why(template: dict[str, Any]) -> None:
    """A comment in the template stands in each statement that names its resources by a pattern."""
    stack = Stack(template, EVERYTHING)
    documents = [
        policy["PolicyDocument"]
        for role in stack.of_type("AWS::IAM::Role").values()
        for policy in role["Policies"]
    ] + [policy["PolicyDocument"] for policy in stack.of_type("AWS::IAM::Policy").values()]
    documents.append(
        Stack(template, NOTHING).properties("BackupFunctionRole")["Policies"][0]["PolicyDocument"]
    )
    patterns = {
        statement["Sid"]
        for document in documents
        for statement in document["Statement"]
        if any(re.search(r"[*?]", resource) for resource in _listed(statement["Resource"]))
    }
    assert {"WriteOwnLogs", "ReadCredentials", "FollowBackups"} <= patterns
    text = TEMPLATE.read_text(encoding="utf-8")
    for sid in patterns:
        for statement in re.findall(rf"- Sid: {sid}\n(.*?)(?=- Sid:|\n\n)", text, re.DOTALL):
            assert re.search(r"^ +# \w", statement, re.MULTILINE), sid


def test_every_suppressed_finding_has_its_reason(template: dict[str, Any]) -> None:
    """What a linter is told to overlook stands beside the resource, with a sentence."""
    for name, resource in template["Resources"].items():
        for skipped in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
            assert skipped["id"].startswith("CKV_AWS_"), name
            assert len(skipped["comment"].split()) > 5, name
