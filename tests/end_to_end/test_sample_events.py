"""Every event source in AWS's own formats, through AWS's emulator: our samples and AWS's."""

from __future__ import annotations

import base64
import copy
import functools
import json
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.local_cloud.emulator import Fault
from tests.local_cloud.events import (
    PAYLOAD,
    SAMPLES,
    USER_ARN,
    bus_event,
    http,
    sample,
    signed,
    sns,
)
from tests.local_cloud.lambda_runtime import FunctionFailed, LambdaRuntime
from tests.local_cloud.local_cloud import INSTANCE_ID, LocalCloud

if TYPE_CHECKING:
    from collections.abc import Iterator

SAM = Path(__file__).resolve().parents[2] / ".venv-sam/bin/sam"
ELSEWHERE = "0" * 32 + "in14"

# What the log says of each sample: its trigger and its envelope's ID; None is the invocation's.
TOLD = {
    "direct": ("direct", None),
    "eventbridge": ("eventbridge", "6a7e8feb-b491-4cf7-a9f1-bf3703467718"),
    "eventbridge-in-sns": ("sns", "7d0c1b52-9e4f-5c38-a1d6-3f8b2e70c945"),
    "eventbridge-in-sns-in-sqs": ("sqs", "a8e3c6d1-4b70-4f29-95ce-6d2f1b8a0c74"),
    "eventbridge-in-sqs": ("sqs", "d9a4e7c1-3b52-4f68-a0d7-1c8e5f2b9a63"),
    "function-url": ("http", "b6e1e3a5-6f0c-4c53-9f0b-0c2f7d7a9f11"),
    "http-api": ("http", "VzQ4xhWbFiAEMNw="),
    "pipes": ("sqs", "e0b6d3f8-7a19-4c25-b84e-6f1d9c0a2b57"),
    "rest-api": ("http", "0f0e6c2a-5d7b-4b9e-8a34-c1d2e3f4a5b6"),
    "schedule": ("schedule", "2026-11-23T21:30:00Z"),
    "scheduler-without-input": ("schedule", "2026-11-23T21:30:00Z"),
    "scheduled-event": ("schedule", "2026-11-23T21:30:00Z"),
    "sns": ("sns", "95df01b4-ee98-5cb9-9903-4c221d41eb5e"),
    "sns-in-sqs": ("sqs", "c2f5b0a6-0f6e-4a7c-8d11-5e9a3b7c6d42"),
    "sqs": ("sqs", "19dd0b57-b21e-4ac1-bd88-01bbb068cb78"),
    "sqs-fifo": ("sqs", "6f1c2a4e-8b3d-4c7f-9e15-2d7a0b9c8e31"),
    "step-functions": ("direct", None),
    "webhook": ("http", "VzQ5jgLRliAEJ7g="),
}


class Lambda:
    """One execution environment of the function with its own local cloud."""

    def __init__(self, cloud: LocalCloud, function: LambdaRuntime) -> None:
        self.emulator = cloud.emulator
        self.function = function

    def invoke(self, event: object) -> tuple[Any, dict[str, Any]]:
        """The reply to an event, and its one log line."""
        seen = len(self.function.records())
        reply = self.function.invoke(event)
        [line] = [one for one in self.function.records()[seen:] if "message" in one]
        return reply, line


@pytest.fixture(scope="module")
def lambda_() -> Iterator[Lambda]:
    """The function in the Runtime Interface Emulator; backups complete at once."""
    with LocalCloud() as cloud, LambdaRuntime(cloud.environment()) as function:
        cloud.emulator.backup_seconds = 0
        yield Lambda(cloud, function)


def test_every_sample_is_known_here() -> None:
    """And every event source has a sample."""
    assert {path.stem for path in SAMPLES.iterdir()} == set(TOLD)


@pytest.mark.parametrize("name", TOLD)
def test_every_sample_makes_its_backup(lambda_: Lambda, name: str) -> None:
    """The log line has the job that the service started, and so has the reply if it has room."""
    reply, line = lambda_.invoke(signed(sample(name), now=time.time()))
    trigger, correlation_id = TOLD[name]
    assert (line["message"], line["outcome"]) == ("backup accepted", "created")
    [made] = [one for one in lambda_.emulator.backups if one.id == line["backup_id"]]
    assert line["job_id"] == made.job_id
    assert line["trigger"] == trigger
    assert line["correlation_id"] == (correlation_id or line["function_request_id"])
    assert made.instance_id == INSTANCE_ID
    if trigger == "sqs":
        assert reply == {"batchItemFailures": []}
    else:
        assert f'"{made.job_id}"' in json.dumps(reply).replace("\\", "")


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (http(), 202),
        (http(dialect="function-url"), 202),
        (http(dialect="rest-api", encoded=True), 202),
        (http(b"{"), 400),
        (http(known=False), 401),
        (http(path="/elsewhere"), 404),
        (http({"instance_id": ELSEWHERE}), 404),
        (http(method="DELETE", dialect="rest-api"), 405),
        (http(b" " * 20_001), 413),
        (http(headers={"content-type": "text/plain"}), 415),
    ],
)
def test_an_http_error_is_a_response_and_never_raised(
    lambda_: Lambda, event: object, status: int
) -> None:
    """A raised exception would become the gateway's own 500 or 502."""
    reply, line = lambda_.invoke(event)
    assert reply["statusCode"] == status
    kind = "application/json" if status < 300 else "application/problem+json"
    assert reply["headers"]["Content-Type"] == kind
    assert line["level"] in {"INFO", "WARNING", "ERROR"}


def test_a_batch_that_failed_completely_is_a_list(lambda_: Lambda) -> None:
    """Lambda's poller never sees an exception."""
    batch = sample("sqs")
    batch["Records"][0]["body"] = json.dumps({"instance_id": ELSEWHERE})
    reply, line = lambda_.invoke(batch)
    assert reply == {"batchItemFailures": [{"itemIdentifier": batch["Records"][0]["messageId"]}]}
    assert line["error"] == "InstanceNotFound"


def rejected(code: str) -> Fault:
    """Lets the service reject the next create request."""
    return Fault(operation="CreateManualBackup", error_code=code)


@pytest.mark.parametrize(
    ("error", "event", "fault"),
    [
        ("InvalidRequest", {"colour": "blue"}, None),
        ("InvalidRequest", {"detail-type": "Backup Requested"}, None),
        ("InstanceNotFound", {"instance_id": ELSEWHERE}, None),
        ("InstanceNotReady", PAYLOAD, rejected("DBS.201014")),
        ("InstanceBusy", PAYLOAD, rejected("DBS.201202")),
        ("PermissionDenied", PAYLOAD, rejected("DBS.201003")),
        ("RequestRejected", PAYLOAD, rejected("DBS.201207")),
        ("Throttled", PAYLOAD, Fault(status=429, retry_after=3600)),
        ("BackupNotFound", {**PAYLOAD, "action": "status", "name": "unknown"}, None),
        ("BackupStale", {**PAYLOAD, "action": "verify", "max_age_hours": 1e-9}, None),
        ("InstanceNotFound", sns({"instance_id": ELSEWHERE}), None),
        ("InstanceNotFound", bus_event({"instance_id": ELSEWHERE}), None),
    ],
)
def test_step_functions_finds_the_error_by_its_name(
    lambda_: Lambda, error: str, event: object, fault: Fault | None
) -> None:
    """`errorType`, which `Retry` and `Catch` match, is the error's name; the message is a line."""
    if fault is not None:
        lambda_.emulator.faults.add(fault)
    with pytest.raises(FunctionFailed) as failure:
        lambda_.invoke(event)
    assert failure.value.error_type == error
    assert len(failure.value.error_message.splitlines()) == 1


# --- AWS's own generator ---------------------------------------------------------------------


@functools.cache
def generated(*command: str) -> Any:
    """The event that `sam local generate-event` makes."""
    if not SAM.exists():
        pytest.skip("there is no .venv-sam: make test sets it up")
    done = subprocess.run(
        [SAM, "local", "generate-event", *command],
        capture_output=True,
        check=True,
        env={**os.environ, "SAM_CLI_TELEMETRY": "0"},
    )
    return json.loads(done.stdout)


BODY = json.dumps(PAYLOAD)
# The generator puts texts into its templates as they are: quotes must come escaped.
ESCAPED = json.dumps(BODY)[1:-1]


def with_caller(event: Any) -> Any:
    """The generator's REST event with an authenticated caller."""
    event = copy.deepcopy(event)
    event["requestContext"]["identity"] |= {"userArn": USER_ARN, "caller": "AIDACKCEVSQ6C2EXAMPLE"}
    return event


def test_a_generated_batch_makes_a_backup(lambda_: Lambda) -> None:
    """`sqs receive-message`, unchanged."""
    event = generated("sqs", "receive-message", "--body", ESCAPED)
    reply, line = lambda_.invoke(event)
    assert reply == {"batchItemFailures": []}
    assert line["correlation_id"] == event["Records"][0]["messageId"]
    assert "-20180409T000000Z-" in line["backup_name"]


def test_a_generated_notification_makes_a_backup(lambda_: Lambda) -> None:
    """`sns notification`, unchanged."""
    event = generated("sns", "notification", "--message", ESCAPED)
    reply, line = lambda_.invoke(event)
    assert [one["outcome"] for one in reply["replies"]] == ["created"]
    assert line["correlation_id"] == event["Records"][0]["Sns"]["MessageId"]


def test_a_generated_scheduled_event_makes_a_backup(lambda_: Lambda) -> None:
    """`cloudwatch scheduled-event`, which has no version and a time in 1970."""
    reply, line = lambda_.invoke(generated("cloudwatch", "scheduled-event"))
    assert reply["outcome"] == "created"
    assert line["correlation_id"] == "1970-01-01T00:00:00Z"


def test_a_generated_http_request_makes_a_backup(lambda_: Lambda) -> None:
    """`apigateway http-api-proxy`: base64, no Content-Type, and the claims of a JWT."""
    path = ("--path", "backups", "--method", "POST")
    event = generated("apigateway", "http-api-proxy", "--body", BODY, *path)
    reply, line = lambda_.invoke(event)
    assert reply["statusCode"] == 202
    assert line["correlation_id"] == event["requestContext"]["requestId"]
    del event["requestContext"]["authorizer"]
    assert lambda_.invoke(event)[0]["statusCode"] == 401


@pytest.mark.parametrize("stage", ["prod", "backups"])
def test_a_generated_rest_request_makes_a_backup(lambda_: Lambda, stage: str) -> None:
    """`apigateway aws-proxy`: base64; rejected until it has an authenticated identity."""
    path = ("--path", "backups", "--method", "POST", "--stage", stage)
    event = generated("apigateway", "aws-proxy", "--body", BODY, *path)
    assert base64.b64decode(event["body"]) == BODY.encode()
    assert lambda_.invoke(event)[0]["statusCode"] == 401
    reply, line = lambda_.invoke(with_caller(event))
    assert reply["statusCode"] == (202 if stage == "prod" else 200)
    assert line["correlation_id"] == event["requestContext"]["requestId"]


# Maps whose names are the client's or the operator's own.
OPEN = {
    "authorizer",
    "detail",
    "headers",
    "messageAttributes",
    "MessageAttributes",
    "multiValueHeaders",
    "multiValueQueryStringParameters",
    "pathParameters",
    "queryStringParameters",
    "stageVariables",
}


def differences(theirs: Any, ours: Any, place: str = "") -> set[str]:
    """What only one of them has (`-` theirs, `+` ours), and what has another type (`~`)."""
    if theirs is None or ours is None:
        return set()
    if type(theirs) is not type(ours):
        return {f"~{place}"}
    if isinstance(theirs, list):
        return differences(theirs[0], ours[0], f"{place}/0")
    if not isinstance(theirs, dict) or place.rpartition("/")[2] in OPEN:
        return set()
    found = {f"-{place}/{name}" for name in theirs.keys() - ours.keys()}
    found |= {f"+{place}/{name}" for name in ours.keys() - theirs.keys()}
    for name in theirs.keys() & ours.keys():
        found |= differences(theirs[name], ours[name], f"{place}/{name}")
    return found


# What a gateway leaves out when there is nothing to say, and the generator always has.
WHERE_GIVEN = {"-/cookies", "-/pathParameters", "-/queryStringParameters", "-/stageVariables"}


@pytest.mark.parametrize(
    ("name", "command", "expected"),
    [
        ("sqs", "sqs receive-message", set()),
        ("pipes", "sqs receive-message", set()),
        ("eventbridge-in-sqs", "sqs receive-message", set()),
        ("sns-in-sqs", "sqs receive-message", set()),
        ("eventbridge-in-sns-in-sqs", "sqs receive-message", set()),
        ("eventbridge-in-sns", "sns notification", set()),
        (
            "sqs-fifo",
            "sqs receive-message",
            {
                "+/Records/0/attributes/MessageDeduplicationId",
                "+/Records/0/attributes/MessageGroupId",
                "+/Records/0/attributes/SequenceNumber",
            },
        ),
        ("sns", "sns notification", set()),
        ("scheduled-event", "cloudwatch scheduled-event", {"+/version"}),
        (
            "http-api",
            "apigateway http-api-proxy",
            {*WHERE_GIVEN, "-/requestContext/authentication"},
        ),
        (
            "function-url",
            "apigateway http-api-proxy",
            {*WHERE_GIVEN, "-/requestContext/authentication"},
        ),
        (
            "webhook",
            "apigateway http-api-proxy",
            {*WHERE_GIVEN, "-/requestContext/authentication", "-/requestContext/authorizer"},
        ),
        (
            "rest-api",
            "apigateway aws-proxy",
            {
                "+/requestContext/domainName",
                "+/requestContext/domainPrefix",
                "+/requestContext/extendedRequestId",
                "+/requestContext/identity/principalOrgId",
            },
        ),
    ],
)
def test_samples_keep_the_generators_shape(name: str, command: str, expected: set[str]) -> None:
    """They differ from AWS's own samples only in what is listed here."""
    theirs = generated(*command.split())
    ours = {"Records": sample(name)} if name == "pipes" else sample(name)
    assert differences(theirs, ours) == expected
