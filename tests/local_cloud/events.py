"""Builders of AWS events: a test passes what it needs, the rest has usual values."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from tests.local_cloud.local_cloud import INSTANCE_ID, WEBHOOK_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Dialect = Literal["http-api", "function-url", "rest-api"]

SAMPLES: Final = Path(__file__).resolve().parents[2] / "events"
DIALECTS: Final[tuple[Dialect, ...]] = get_args(Dialect)
PAYLOAD: Final[Mapping[str, object]] = {"instance_id": INSTANCE_ID}
USER_ARN: Final = "arn:aws:iam::123456789012:user/release-engineer"
IAM_CALLER: Final[Mapping[str, object]] = {
    "iam": {
        "accessKey": "AKIAIOSFODNN7EXAMPLE",
        "accountId": "123456789012",
        "callerId": "AIDACKCEVSQ6C2EXAMPLE",
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": USER_ARN,
        "userId": "AIDACKCEVSQ6C2EXAMPLE",
    }
}
# The identity in a REST API's event without authentication.
NOBODY: Final[Mapping[str, object]] = {
    "accessKey": None,
    "accountId": None,
    "apiKey": None,
    "apiKeyId": None,
    "caller": None,
    "clientCert": None,
    "cognitoAuthenticationProvider": None,
    "cognitoAuthenticationType": None,
    "cognitoIdentityId": None,
    "cognitoIdentityPoolId": None,
    "principalOrgId": None,
    "sourceIp": "203.0.113.24",
    "user": None,
    "userAgent": "curl/8.14.1",
    "userArn": None,
}
MILLISECONDS: Final = 1_795_428_904_512
_DOMAINS: Final[Mapping[Dialect, str]] = {
    "http-api": "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com",
    "function-url": "q3zv5xk7m2w4p6r8t1y9u0i2o4aexample.lambda-url.eu-central-1.on.aws",
    "rest-api": "f6g7h8i9j0.execute-api.eu-central-1.amazonaws.com",
}


def sample(name: str) -> Any:
    """One of the project's sample events, read from its file."""
    return json.loads((SAMPLES / f"{name}.json").read_bytes())


def http(  # noqa: PLR0913 - what one may say about a request
    body: Mapping[str, object] | bytes | None = PAYLOAD,
    *,
    dialect: Dialect = "http-api",
    method: str = "POST",
    path: str = "/backups",
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    known: bool = True,
    authorizer: object = None,
    identity: Mapping[str, object] | None = None,
    stage: str | None = None,
    encoded: bool = False,
    request_id: str | None = None,
) -> dict[str, Any]:
    """An HTTP request as the event of a gateway.

    Args:
        body: a JSON value, or the bytes of the body.
        dialect: the gateway and its payload format.
        method: the HTTP method.
        path: the path without the stage.
        query: the decoded query parameters.
        headers: more headers, with names as the client writes them.
        known: whether the caller is authenticated by IAM, unless the next two say otherwise.
        authorizer: the value of `requestContext.authorizer`.
        identity: changes of `requestContext.identity` of a REST API.
        stage: the stage, if it is part of the path.
        encoded: whether the body is base64.
        request_id: the gateway's request ID, new unless given.
    """
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    text = base64.b64encode(raw).decode() if encoded else raw.decode()
    sent = {"content-type": "application/json", "user-agent": "curl/8.14.1", **(headers or {})}
    context: dict[str, Any] = {
        "accountId": "123456789012",
        "apiId": _DOMAINS[dialect].partition(".")[0],
        "domainName": _DOMAINS[dialect],
        "requestId": request_id or str(uuid.uuid4()),
    }
    event = {
        "body": None if body is None else text,
        "isBase64Encoded": encoded,
        "queryStringParameters": query,
        "requestContext": context,
    }
    if dialect == "rest-api":
        caller = {"userArn": USER_ARN, "caller": "AIDACKCEVSQ6C2EXAMPLE"} if known else {}
        context["identity"] = {**NOBODY, **(caller if identity is None else identity)}
        if authorizer is not None:
            context["authorizer"] = authorizer
        return _version_1(event, method, path, stage or "prod", sent)
    if authorizer is None and known:
        authorizer = IAM_CALLER
    if authorizer is not None:
        context["authorizer"] = authorizer
    return _version_2(event, method, path, stage, sent)


def _version_1(
    event: dict[str, Any], method: str, path: str, stage: str, headers: Mapping[str, str]
) -> dict[str, Any]:
    event["requestContext"] |= {
        "httpMethod": method,
        "path": f"/{stage}{path}",
        "requestTimeEpoch": MILLISECONDS,
        "stage": stage,
    }
    return {
        **event,
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": dict(headers),
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
    }


def _version_2(
    event: dict[str, Any], method: str, path: str, stage: str | None, headers: Mapping[str, str]
) -> dict[str, Any]:
    whole_path = f"/{stage}{path}" if stage else path
    event["requestContext"] |= {
        "http": {"method": method, "path": whole_path, "protocol": "HTTP/1.1"},
        "stage": stage or "$default",
        "timeEpoch": MILLISECONDS,
    }
    return {
        **{name: value for name, value in event.items() if value is not None},
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": whole_path,
        "rawQueryString": "",
        "headers": {name.lower(): value for name, value in headers.items()},
    }


def signature(body: bytes, *, message_id: str, timestamp: int | str, key: str = WEBHOOK_KEY) -> str:
    """A `webhook-signature` by the scheme of Standard Webhooks: `v1,` and base64."""
    secret = base64.b64decode(key.removeprefix("whsec_"))
    digest = hmac.digest(secret, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def signed_headers(
    body: bytes, *, now: float, message_id: str = "msg_1", key: str = WEBHOOK_KEY
) -> dict[str, str]:
    """The three headers of a webhook with a current signature."""
    timestamp = int(now)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(body, message_id=message_id, timestamp=timestamp, key=key),
    }


def signed(event: Any, *, now: float) -> Any:
    """A webhook with a current signature instead of its own; other events unchanged."""
    headers = event.get("headers") if isinstance(event, dict) else None
    if not isinstance(headers, dict) or "webhook-signature" not in headers:
        return event
    body, message_id = event["body"].encode(), headers["webhook-id"]
    return {**event, "headers": headers | signed_headers(body, now=now, message_id=message_id)}


def sqs(
    *bodies: object,
    queue: str = "backup-requests",
    groups: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
) -> dict[str, Any]:
    """A batch of SQS messages.

    Args:
        bodies: texts unchanged, everything else as JSON.
        queue: the queue's name, which ends in `.fifo` for a FIFO queue.
        groups: the message group of each.
        ids: the ID of each; `message-0` and so on unless given.
    """
    records = []
    for number, body in enumerate(bodies):
        attributes = {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(MILLISECONDS + number),
            "SenderId": "123456789012",
            "ApproximateFirstReceiveTimestamp": str(MILLISECONDS + 100),
        }
        if groups:
            attributes |= {"MessageGroupId": groups[number], "SequenceNumber": f"{number:020}"}
        records.append(
            {
                "messageId": ids[number] if ids else f"message-{number}",
                "receiptHandle": "MessageReceiptHandle",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": attributes,
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:eu-central-1:123456789012:{queue}",
                "awsRegion": "eu-central-1",
            }
        )
    return {"Records": records}


def notification(message: object, *, message_id: str = "notification-0") -> dict[str, Any]:
    """An SNS notification: Lambda gets it in `Sns`, a queue as the message body."""
    return {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": "arn:aws:sns:eu-central-1:123456789012:backup-requests",
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": "2026-11-23T10:15:04.512Z",
    }


def sns(*messages: object) -> dict[str, Any]:
    """SNS notifications with the IDs `notification-0` and so on; texts unchanged, else JSON."""
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "Sns": notification(message, message_id=f"notification-{number}"),
            }
            for number, message in enumerate(messages)
        ]
    }


def bus_event(detail: object = PAYLOAD, **differing: object) -> dict[str, Any]:
    """An event on an EventBridge bus."""
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": "Backup Requested",
        "source": "com.example.releases",
        "account": "123456789012",
        "time": "2026-11-23T10:15:04Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": detail,
        **differing,
    }


def nested(depth: int) -> list[Any]:
    """A list in a list in a list."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response, as the client sees it."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def error(self) -> str:
        """The error's name in the problem document."""
        return str(self.body["type"]).removeprefix("urn:gaussdb-backup:")


def response(reply: Any) -> Response:
    """Reads an HTTP response as strictly as a gateway does."""
    assert set(reply) == {"statusCode", "headers", "body", "isBase64Encoded"}
    assert type(reply["statusCode"]) is int
    assert all(isinstance(part, str) for pair in reply["headers"].items() for part in pair)
    assert reply["isBase64Encoded"] is False
    return Response(reply["statusCode"], reply["headers"], json.loads(reply["body"]))
