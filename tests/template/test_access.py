from __future__ import annotations

from typing import Any, Final

import pytest

from tests.template.cloudformation import ACCOUNT, REGION, STACK, Stack
from tests.template.parameter_values import EVERYTHING, combinations
from tests.template.policies import Granted, choices, expected, of_resource, statement

POLICIES: Final = {
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
}
EVENTS: Final = f"arn:aws:events:{REGION}:{ACCOUNT}"


def queue(name: str) -> str:
    """The ARN of a queue of the stack."""
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def only_encrypted(name: str) -> Granted:
    """What refuses everybody who speaks to a queue in the clear."""
    refused = statement(
        "OnlyEncrypted",
        "sqs:*",
        queue(name),
        principal="*",
        condition={"Bool": {"aws:SecureTransport": "false"}},
    )
    return Granted({}, refused._replace(effect="Deny"))


# All that others may do here. A statement is there if the parameters have these values.
ADMITTED: Final = {
    "DeadLettersPolicy": [
        only_encrypted("DeadLetters"),
        Granted(
            {"BackupRequestedEvents": "true"},
            statement(
                "FromTheEventRule",
                "sqs:SendMessage",
                queue("DeadLetters"),
                principal={"Service": "events.amazonaws.com"},
                condition={
                    "ArnEquals": {"aws:SourceArn": f"{EVENTS}:rule/{STACK}/BackupRequestedRule"}
                },
            ),
        ),
    ],
    "BackupRequestsPolicy": [only_encrypted("BackupRequests")],
    "RequestDeadLettersPolicy": [only_encrypted("RequestDeadLetters")],
    "AlarmTopicPolicy": [
        Granted(
            {},
            statement(
                "FromAlarms",
                "sns:Publish",
                f"arn:aws:sns:{REGION}:{ACCOUNT}:AlarmTopic",
                principal={"Service": "cloudwatch.amazonaws.com"},
                condition={
                    "StringEquals": {"aws:SourceAccount": ACCOUNT},
                    "ArnLike": {
                        "aws:SourceArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{STACK}-*"
                    },
                },
            ),
        )
    ],
}
GUARDED: Final = {
    "DeadLettersPolicy": "DeadLetters",
    "BackupRequestsPolicy": "BackupRequests",
    "RequestDeadLettersPolicy": "RequestDeadLetters",
    "AlarmTopicPolicy": "AlarmTopic",
}


@pytest.mark.parametrize("policy", ADMITTED)
def test_queue_topic_and_bus_admit_exactly_these_in_every_combination(
    template: dict[str, Any], policy: str
) -> None:
    """Each statement whole, under each choice of the parameters that bear upon the policy."""
    made = 0
    for chosen in choices(template, {policy}):
        stack = Stack(template, chosen)
        if stack.has(policy):
            made += 1
            assert of_resource(stack, policy) == expected(ADMITTED[policy], chosen), chosen
    assert made > 0


def test_there_are_no_other_ways_to_let_somebody_in(template: dict[str, Any]) -> None:
    """Every policy of a resource is looked at above."""
    kinds = {name: resource["Type"] for name, resource in template["Resources"].items()}
    assert {name for name, kind in kinds.items() if kind in POLICIES} == ADMITTED.keys()
    assert {
        kind
        for kind in kinds.values()
        if kind.endswith("Policy") and not kind.startswith("AWS::IAM::")
    } == POLICIES


def test_nobody_lets_everybody_in_in_any_combination(template: dict[str, Any]) -> None:
    """What is allowed is allowed to a service or to an account by its name."""
    for policy in ADMITTED:
        for chosen in choices(template, {policy}):
            stack = Stack(template, chosen)
            if not stack.has(policy):
                continue
            for said in of_resource(stack, policy):
                assert "*" not in said.principal or said.effect == "Deny", (policy, said)


def test_a_policy_guards_what_it_is_named_for(stack: Stack) -> None:
    """Every queue has its own, which refuses plain HTTP."""
    guarded = {}
    for policy in GUARDED:
        said = stack.properties(policy)
        guarded[policy] = said.get("Queues") or said["Topics"]
    assert guarded == {policy: [stack.answer(name, "")] for policy, name in GUARDED.items()}
    assert stack.of_type("AWS::SQS::Queue").keys() <= set(GUARDED.values())


def test_no_endpoint_is_open_in_any_combination(template: dict[str, Any]) -> None:
    """Callers sign for AWS; the one route without is there only with keys to check bodies by."""
    kind = "AWS::ApiGatewayV2::Route"
    routes = {n: r for n, r in template["Resources"].items() if r["Type"] == kind}
    parts = [*routes.values(), template["Resources"]["BackupFunction"]["Properties"]["Environment"]]
    seen = set()
    for chosen in combinations(template, parts):
        stack = Stack(template, chosen)
        for name in filter(stack.has, routes):
            route = stack.properties(name)
            seen.add((route["ApiId"], route["RouteKey"], route["AuthorizationType"]))
            if route["AuthorizationType"] != "AWS_IAM":
                environment = stack.properties("BackupFunction")["Environment"]["Variables"]
                assert environment["WEBHOOK_SECRET_ID"] == chosen["WebhookSecret"] != ""
    assert seen == {
        ("BackupApi", "POST /backups", "AWS_IAM"),
        ("BackupApi", "GET /backups/{backup_id}", "AWS_IAM"),
        ("BackupApi", "POST /webhook", "NONE"),
    }


def test_nothing_else_can_be_reached_from_outside(template: dict[str, Any]) -> None:
    """No function URL, no REST API, no route made on the fly by an API itself."""
    kinds = {resource["Type"] for resource in template["Resources"].values()}
    assert not {k for k in kinds if k.startswith(("AWS::ApiGateway::", "AWS::Elastic"))}
    assert "AWS::Lambda::Url" not in kinds
    for api in Stack(template, EVERYTHING).of_type("AWS::ApiGatewayV2::Api").values():
        assert api.keys() == {"Name", "Description", "ProtocolType"}


def test_whoever_calls_the_function_is_named_with_its_source(template: dict[str, Any]) -> None:
    """No permission lets in a service on behalf of everybody's resources."""
    gateway = "apigateway.amazonaws.com"
    api = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:BackupApi/*"
    rule = f"{EVENTS}:rule/{STACK}/BackupRequestedRule"
    call = {"FunctionName": "BackupFunction", "Action": "lambda:InvokeFunction"}
    callers = {
        "BackupApiPermission": (gateway, api),
        "BackupRequestedPermission": ("events.amazonaws.com", rule),
    }
    assert Stack(template, EVERYTHING).of_type("AWS::Lambda::Permission") == {
        name: {**call, "Principal": principal, "SourceArn": source}
        for name, (principal, source) in callers.items()
    }
