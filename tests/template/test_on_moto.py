"""moto's CloudFormation makes what it can; the rest is made through its own APIs.

Either way the properties are those of the translation, and what came of them is looked up.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import re
import zipfile
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from tests.template.aws_account import AwsAccount
from tests.template.cloudformation import ACCOUNT, STACK, Stack
from tests.template.moto_template import CREATED, for_moto
from tests.template.parameter_values import EVERYTHING, EVERYTHING_DIRECT, NOTHING

if TYPE_CHECKING:
    from collections.abc import Mapping

CHOSEN = {"everything": EVERYTHING, "direct": EVERYTHING_DIRECT, "nothing": NOTHING}


class Deployed:
    """The template, deployed by moto's CloudFormation into an account of its own."""

    def __init__(self, template: Mapping[str, Any], chosen: Mapping[str, str]) -> None:
        self.account = AwsAccount()
        bucket = self.account.upload("src/", _empty_archive())
        body = for_moto(template, Stack(template, EVERYTHING), bucket)
        parameters = [{"ParameterKey": k, "ParameterValue": v} for k, v in chosen.items()]
        self.account.query(
            "cloudformation",
            "CreateStack",
            {"StackName": STACK, "TemplateBody": json.dumps(body), "Parameters": parameters},
        )
        listed = self.account.query("cloudformation", "ListStackResources", {"StackName": STACK})[
            "StackResourceSummaries"
        ]["member"]
        self.made = {r["LogicalResourceId"]: r for r in listed if r["LogicalResourceId"]}

    def name(self, logical_id: str) -> str:
        """The name that CloudFormation gave to a resource."""
        return str(self.made[logical_id]["PhysicalResourceId"])

    def queue(self, logical_id: str) -> dict[str, str]:
        """The attributes of a queue."""
        attributes: dict[str, str] = self.account.json(
            "sqs",
            "GetQueueAttributes",
            {"QueueUrl": self.name(logical_id), "AttributeNames": ["All"]},
        )["Attributes"]
        return attributes

    def function(self) -> dict[str, Any]:
        """The function's configuration."""
        path = f"/2015-03-31/functions/{self.name('BackupFunction')}"
        configuration: dict[str, Any] = self.account.rest("lambda", "GET", path)["Configuration"]
        return configuration

    def policies(self, role: str) -> dict[str, Any]:
        """The policies of a role by name, with logical IDs in place of the names that were made."""
        place = {"RoleName": self.name(role)}
        listed = self.account.query("iam", "ListRolePolicies", place)["PolicyNames"]["member"]
        documents = {}
        for name in [listed] if isinstance(listed, str) else listed:
            kept = self.account.query("iam", "GetRolePolicy", {**place, "PolicyName": name})
            documents[name] = _document(
                re.sub(rf"{STACK}-(\w+)-[A-Z0-9]{{12}}", r"\1", unquote(kept["PolicyDocument"]))
                .replace(self.account.number, ACCOUNT)
                # AWS's own ARN of a log group ends like this, moto's does not
                .replace("log-group:FunctionLogs", "log-group:FunctionLogs:*")
            )
        return documents


def _document(text: str) -> Any:
    """A policy as moto keeps it: Python's text, and None for what is left out, or JSON."""
    document = ast.literal_eval(text)
    return {**document, "Statement": [one for one in document["Statement"] if one is not None]}


def _empty_archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("empty", "")
    return content.getvalue()


@pytest.fixture(scope="module")
def deployed(template: dict[str, Any]) -> Deployed:
    """With every trigger, waiting for completion."""
    return Deployed(template, EVERYTHING)


@pytest.fixture
def account() -> AwsAccount:
    """An empty account."""
    return AwsAccount()


@pytest.fixture(scope="module", params=[EVERYTHING, EVERYTHING_DIRECT], ids=["waiting", "direct"])
def stack(request: pytest.FixtureRequest, template: dict[str, Any]) -> Stack:
    """What the translation says, for either kind of schedule."""
    return Stack(template, request.param)


@pytest.mark.filterwarnings("default::UserWarning")
@pytest.mark.parametrize("chosen", CHOSEN.values(), ids=CHOSEN)
def test_cloudformation_makes_what_the_evaluator_says(
    template: dict[str, Any], chosen: dict[str, str]
) -> None:
    """Two readings of the conditions agree on every type that moto knows."""
    made = {
        name: resource["ResourceType"] for name, resource in Deployed(template, chosen).made.items()
    }
    said = {
        name: resource["Type"]
        for name, resource in Stack(template, chosen).resources.items()
        if resource["Type"] in CREATED
    }
    assert made == said


def test_the_queue_hides_a_message_six_times_as_long_as_the_function_may_take(
    deployed: Deployed,
) -> None:
    """Lambda's own advice, so that no message is handled twice at a time."""
    hidden = int(deployed.queue("BackupRequests")["VisibilityTimeout"])
    assert hidden >= 6 * deployed.function()["Timeout"]


def test_messages_that_fail_again_and_again_reach_their_dead_letter_queue(
    deployed: Deployed,
) -> None:
    """The queue's redrive policy points to the other queue."""
    redrive = json.loads(deployed.queue("BackupRequests")["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"] == deployed.queue("RequestDeadLetters")["QueueArn"]
    assert int(redrive["maxReceiveCount"]) == 10


def test_queues_keep_their_messages_for_days(deployed: Deployed) -> None:
    """Requests over a long weekend, and what was given up as long as SQS can."""
    day = 24 * 3600
    names = ("BackupRequests", "DeadLetters", "RequestDeadLetters")
    kept = {name: int(deployed.queue(name)["MessageRetentionPeriod"]) for name in names}
    assert kept == {
        "BackupRequests": 4 * day,
        "DeadLetters": 14 * day,
        "RequestDeadLetters": 14 * day,
    }


def test_the_queue_feeds_the_function_and_takes_back_what_failed(deployed: Deployed) -> None:
    """Only the messages that failed are delivered again."""
    [mapping] = deployed.account.rest("lambda", "GET", "/2015-03-31/event-source-mappings")[
        "EventSourceMappings"
    ]
    assert mapping["EventSourceArn"] == deployed.queue("BackupRequests")["QueueArn"]
    assert mapping["FunctionArn"] == deployed.function()["FunctionArn"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}


def test_an_event_starts_the_function(deployed: Deployed) -> None:
    """The rule lies on the stack's bus, retries, and keeps what it could not deliver."""
    place = {"EventBusName": STACK, "Name": deployed.name("BackupRequestedRule")}
    rule = deployed.account.json("events", "DescribeRule", place)
    assert json.loads(rule["EventPattern"]) == {"detail-type": ["Backup Requested"]}
    assert rule["State"] == "ENABLED"
    targets = deployed.account.json(
        "events", "ListTargetsByRule", {"EventBusName": STACK, "Rule": place["Name"]}
    )["Targets"]
    assert targets == [
        {
            "Id": "function",
            "Arn": deployed.function()["FunctionArn"],
            "RetryPolicy": {"MaximumRetryAttempts": 10, "MaximumEventAgeInSeconds": 3600},
            "DeadLetterConfig": {"Arn": deployed.queue("DeadLetters")["QueueArn"]},
        }
    ]


def test_logs_are_kept_as_long_as_chosen(deployed: Deployed) -> None:
    """Every log group of the stack forgets."""
    groups = deployed.account.json("logs", "DescribeLogGroups", {})["logGroups"]
    assert {group["logGroupName"]: group["retentionInDays"] for group in groups} == {
        deployed.name("FunctionLogs"): 90,
        deployed.name("AccessLogs"): 90,
    }


def test_the_dashboard_is_there(deployed: Deployed) -> None:
    """CloudWatch takes its body, which is JSON."""
    dashboard = deployed.account.query("monitoring", "GetDashboard", {"DashboardName": STACK})
    assert json.loads(dashboard["DashboardBody"])["widgets"]


def test_roles_hold_the_policies_of_the_template(
    deployed: Deployed, template: dict[str, Any]
) -> None:
    """IAM keeps every statement that the template has, whole, and has no policy besides."""
    stack = Stack(template, EVERYTHING)
    attached = list(stack.of_type("AWS::IAM::Policy").values())
    for role, properties in stack.of_type("AWS::IAM::Role").items():
        policies = properties["Policies"] + [one for one in attached if role in one["Roles"]]
        assert deployed.policies(role) == {
            one["PolicyName"]: one["PolicyDocument"] for one in policies
        }


def test_schedules_are_made_as_written(account: AwsAccount, stack: Stack) -> None:
    """Scheduler knows each under its group with time, zone, window, target, retries and all."""
    account.rest("scheduler", "POST", "/schedule-groups/Timers", {})
    schedules = stack.of_type("AWS::Scheduler::Schedule")
    for name, properties in schedules.items():
        account.rest("scheduler", "POST", f"/schedules/{name}", properties)
    listed = account.rest("scheduler", "GET", "/schedules?ScheduleGroup=Timers")["Schedules"]
    assert {schedule["Name"] for schedule in listed} == schedules.keys()
    for name, properties in schedules.items():
        kept = account.rest("scheduler", "GET", f"/schedules/{name}?groupName=Timers")
        assert kept.items() >= properties.items()


def test_alarms_are_made_as_written(account: AwsAccount, stack: Stack) -> None:
    """CloudWatch knows each with every property that the template has."""
    for properties in stack.of_type("AWS::CloudWatch::Alarm").values():
        account.query("monitoring", "PutMetricAlarm", properties)
        kept = account.query(
            "monitoring", "DescribeAlarms", {"AlarmNames": [properties["AlarmName"]]}
        )["MetricAlarms"]["member"]
        assert _plain(kept).items() >= _plain(properties).items()
        assert kept["ActionsEnabled"] == "true"


def test_queue_policies_are_made_as_written(account: AwsAccount, stack: Stack) -> None:
    """SQS takes each policy and shows it again."""
    for policy in stack.of_type("AWS::SQS::QueuePolicy").values():
        [said] = policy["Queues"]
        made = account.json("sqs", "CreateQueue", {"QueueName": said.rsplit("/", 1)[1]})
        document = json.dumps(policy["PolicyDocument"])
        place = {"QueueUrl": made["QueueUrl"]}
        account.json("sqs", "SetQueueAttributes", {**place, "Attributes": {"Policy": document}})
        kept = account.json("sqs", "GetQueueAttributes", {**place, "AttributeNames": ["Policy"]})
        assert json.loads(kept["Attributes"]["Policy"]) == policy["PolicyDocument"]


def test_alarms_reach_the_subscriber(account: AwsAccount, stack: Stack) -> None:
    """SNS knows the address, and the topic's policy lets CloudWatch publish."""
    topic = account.query("sns", "CreateTopic", {"Name": "AlarmTopic"})["TopicArn"]
    subscription = stack.properties("AlarmSubscription")
    account.query("sns", "Subscribe", {**subscription, "TopicArn": topic})
    listed = account.query("sns", "ListSubscriptionsByTopic", {"TopicArn": topic})
    kept = listed["Subscriptions"]["member"]
    assert (kept["Protocol"], kept["Endpoint"]) == ("email", "nights@example.com")
    policy = json.dumps(stack.properties("AlarmTopicPolicy")["PolicyDocument"])
    account.query(
        "sns",
        "SetTopicAttributes",
        {"TopicArn": topic, "AttributeName": "Policy", "AttributeValue": policy},
    )
    attributes = account.query("sns", "GetTopicAttributes", {"TopicArn": topic})
    values = {e["key"]: e["value"] for e in attributes["Attributes"]["entry"]}
    assert json.loads(values["Policy"]) == json.loads(policy)


def test_the_http_apis_are_made_as_written(account: AwsAccount, stack: Stack) -> None:
    """API Gateway has their routes with their authorisation, integrations and throttled stages."""
    ids: dict[str, str] = {}
    for name, api in stack.of_type("AWS::ApiGatewayV2::Api").items():
        ids[name] = account.rest("apigateway", "POST", "/v2/apis", _camel(api))["apiId"]
    parts = {
        "integrations": stack.of_type("AWS::ApiGatewayV2::Integration"),
        "routes": stack.of_type("AWS::ApiGatewayV2::Route"),
        "stages": stack.of_type("AWS::ApiGatewayV2::Stage"),
    }
    for kind, resources in parts.items():
        for properties in resources.values():
            api_id = ids[properties["ApiId"]]
            said = _camel({k: v for k, v in properties.items() if k != "ApiId"})
            account.rest("apigateway", "POST", f"/v2/apis/{api_id}/{kind}", said)
    for name, api_id in ids.items():
        for kind, resources in parts.items():
            kept = account.rest("apigateway", "GET", f"/v2/apis/{api_id}/{kind}")["items"]
            said_of_this = [p for p in resources.values() if p["ApiId"] == name]
            assert len(kept) == len(said_of_this)
            for properties in said_of_this:
                said = _camel({k: v for k, v in properties.items() if k != "ApiId"})
                assert any(part.items() >= said.items() for part in kept), (kind, kept)


def test_asynchronous_invocations_are_configured_as_written(
    deployed: Deployed, template: dict[str, Any]
) -> None:
    """Lambda knows retries, age and destinations of events, with which backups are chained."""
    said = Stack(template, EVERYTHING).properties("AsynchronousInvocations")
    config = {k: v for k, v in said.items() if k not in {"FunctionName", "Qualifier"}}
    path = f"/2019-09-25/functions/{deployed.name('BackupFunction')}/event-invoke-config"
    deployed.account.rest("lambda", "PUT", path, config)
    kept = deployed.account.rest("lambda", "GET", path)
    assert kept.items() >= config.items()
    assert (said["MaximumRetryAttempts"], said["MaximumEventAgeInSeconds"]) == (2, 3600)
    bus = f"arn:aws:events:eu-central-1:{ACCOUNT}:event-bus/{STACK}"
    assert config["DestinationConfig"] == {
        "OnSuccess": {"Destination": bus},
        "OnFailure": {"Destination": bus},
    }


def test_log_metrics_are_made_as_written(account: AwsAccount, stack: Stack) -> None:
    """CloudWatch Logs takes the patterns and what they count."""
    account.json("logs", "CreateLogGroup", {"logGroupName": "FunctionLogs"})
    for name, properties in stack.of_type("AWS::Logs::MetricFilter").items():
        [said] = properties["MetricTransformations"]
        metric = {
            "metricName": said["MetricName"],
            "metricNamespace": said["MetricNamespace"],
            "metricValue": said["MetricValue"],
        }
        place = {"logGroupName": properties["LogGroupName"], "filterName": name}
        account.json(
            "logs",
            "PutMetricFilter",
            {
                **place,
                "filterPattern": properties["FilterPattern"],
                "metricTransformations": [metric],
            },
        )
        [kept] = account.json(
            "logs",
            "DescribeMetricFilters",
            {"logGroupName": place["logGroupName"], "filterNamePrefix": name},
        )["metricFilters"]
        assert kept["filterPattern"] == properties["FilterPattern"]
        assert kept["metricTransformations"] == [metric]


def _plain(value: Any) -> Any:
    """A value without what differs between JSON and XML: lists are members there, all is text."""
    if isinstance(value, dict) and value.keys() == {"member"}:
        members = value["member"]
        value = members if isinstance(members, list) else [members]
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    text = str(value).lower() if isinstance(value, bool) else str(value)
    with contextlib.suppress(ValueError):
        return float(text)
    return text


def _camel(value: Any) -> Any:
    """Names as API Gateway's own API writes them, where CloudFormation begins with a capital."""
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: _camel(part) for key, part in value.items()}
    return value
