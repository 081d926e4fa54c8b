"""What the contract says of any event at all: which outcomes there are, and what the log shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs

from tests.contract.openapi import openapi
from tests.contract.schemas import reply
from tests.local_cloud.events import response

if TYPE_CHECKING:
    from tests.local_cloud.harness import Invocation

REPLY: Final = jsonschema_rs.validator_for(reply())
PROBLEM: Final = jsonschema_rs.validator_for(openapi()["components"]["schemas"]["Problem"])

# What is decided before the service is asked for anything.
REFUSED: Final = {
    "InvalidRequest",
    "MethodNotAllowed",
    "NotFound",
    "PayloadTooLarge",
    "Unauthenticated",
    "UnsupportedMediaType",
}


def is_text(value: object) -> bool:
    """Whether this is a text that can be told of: not empty, and of whole characters."""
    try:
        return isinstance(value, str) and value.encode() != b""
    except UnicodeEncodeError:
        return False


def is_a_batch(records: object, key: str, source: str) -> bool:
    """Whether these are records, all of one source."""
    return (
        isinstance(records, list)
        and len(records) > 0
        and all(isinstance(one, dict) and one.get(key) == source for one in records)
    )


def source(event: Any) -> str:
    """The event source of an event, by the contract's table of triggers."""
    fields = event if isinstance(event, dict) else {}
    records = fields.get("Records", event)
    context = fields.get("requestContext")
    if isinstance(context, dict) and isinstance(context.get("http"), dict):
        return "http"
    if is_text(fields.get("httpMethod")):
        return "http"
    if is_a_batch(records, "eventSource", "aws:sqs"):
        return "sqs" if all(is_text(one.get("messageId")) for one in records) else "raising"
    if "Records" in fields and is_a_batch(records, "EventSource", "aws:sns"):
        return "sns"
    return "raising"


def check(event: Any, invocation: Invocation) -> None:
    """The whole of what holds for every event."""
    match source(event):
        case "http":
            check_response(invocation)
        case "sqs":
            records = event["Records"] if isinstance(event, dict) else event
            failed = [one["itemIdentifier"] for one in invocation.reply["batchItemFailures"]]
            assert set(failed) <= {one["messageId"] for one in records}
            assert set(invocation.reply) == {"batchItemFailures"}
        case "sns" if invocation.error is None:
            assert len(invocation.reply["replies"]) == len(event["Records"])
    if invocation.error is not None:
        assert source(event) in {"raising", "sns"}
        assert len(str(invocation.error).splitlines()) == 1
    elif source(event) != "http":
        REPLY.validate(invocation.reply)
    check_log(invocation)


def check_response(invocation: Invocation) -> None:
    """A response as a gateway can pass it on: the reply, or problem details."""
    answer = response(invocation.reply)
    if answer.status < 300:
        assert answer.headers == {"Content-Type": "application/json"}
        REPLY.validate(answer.body)
        return
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.status == answer.body["status"]
    PROBLEM.validate(answer.body)
    assert ("Allow" in answer.headers) == (answer.status == 405)
    assert ("WWW-Authenticate" in answer.headers) == (answer.status == 401)


def check_log(invocation: Invocation) -> None:
    """A line for each delivery that can be written; no bug; and no call for what is refused."""
    assert invocation.records
    json.dumps(invocation.records, ensure_ascii=False).encode()
    assert not [one for one in invocation.records if one.get("error") == "InternalError"]
    assert not [one for one in invocation.records if one["message"] == "telemetry failed"]
    if all(one.get("error") in REFUSED and "error_code" not in one for one in invocation.records):
        assert invocation.calls == []
