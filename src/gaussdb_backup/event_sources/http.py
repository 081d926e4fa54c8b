"""The HTTP door: API Gateway with payload 2.0 and 1.0, and function URLs.

Refusals come in the order 401, 404, 405, 415, 413, 400: who is not known learns nothing more.
Failures are problem details (RFC 9457).
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote

from pydantic import JsonValue

from gaussdb_backup.errors import (
    BackupError,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    Unauthenticated,
    UnsupportedMediaType,
)
from gaussdb_backup.event_sources.base import DeliveryResult
from gaussdb_backup.event_sources.http_request import COLLECTION, HttpRequest, is_route
from gaussdb_backup.payload_models import invalid_request, is_idempotency_key, parse_json
from gaussdb_backup.replies import Reply
from gaussdb_backup.request import Delivery, Identity
from gaussdb_backup.timestamps import parse_epoch_milliseconds

MAX_BODY_BYTES: Final = 20_000

Verifier = Callable[[Mapping[str, str], bytes], str | None]


class HttpEvent(NamedTuple):
    """One request; its answer is a response, whatever happened."""

    delivery: Delivery

    @property
    def groups(self) -> Sequence[Sequence[Delivery]]:
        """The one delivery."""
        return [[self.delivery]]

    def answer(self, outcomes: Sequence[Sequence[DeliveryResult]]) -> JsonValue:
        """The response."""
        outcome = outcomes[0][0]
        if not isinstance(outcome.end, BackupError):
            return _success(outcome.end)
        return problem(outcome.end, self.delivery.correlation_id, outcome.backup_name)


def http_delivery(request: HttpRequest, verify: Verifier) -> Delivery:
    """The delivery that a request makes, or the refusal that it meets.

    Args:
        request: the request.
        verify: tells the ``webhook-id`` of a signed request, None of any other.
    """
    refused = Delivery("http", request.request_id, None, _identity(request))
    try:
        webhook_id = None if request.authenticated else _signed_by(request, verify)
        _admit(request)
    except BackupError as error:
        return refused._replace(error=error)
    if request.method == "GET":
        return _question(request, refused)
    try:
        payload = _payload(request)
        key = None if webhook_id is not None else _key(request)
    except BackupError as error:
        return refused._replace(error=error)
    identity = Identity("webhook", webhook_id) if webhook_id is not None else _identity(request)
    only = frozenset({"create"})
    return refused._replace(payload=payload, identity=identity, key=key, actions=only)


def problem(error: BackupError, request_id: str, backup_name: str | None = None) -> JsonValue:
    """A failure as problem details (RFC 9457); of one unknown caller and another, the same."""
    details: dict[str, JsonValue] = {
        "type": f"urn:gaussdb-backup:{type(error).__name__}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": request_id,
        "retryable": error.retryable,
    }
    if error.evidence.error_code:
        details["error_code"] = error.evidence.error_code
    if backup_name:
        details["backup_name"] = backup_name
    if error.violations:
        details["errors"] = [
            {"pointer": one.pointer, "detail": one.detail} for one in error.violations
        ]
    headers = {"Content-Type": "application/problem+json"}
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = error.allow
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    return _response(error.status, headers, details)


def _success(reply: Reply) -> JsonValue:
    status = 202 if reply["outcome"] == "created" else 200
    return _response(status, {"Content-Type": "application/json"}, reply)


def _response(status: int, headers: Mapping[str, str], body: object) -> JsonValue:
    return {
        "statusCode": status,
        "headers": dict(headers),
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }


def _signed_by(request: HttpRequest, verify: Verifier) -> str:
    """The ``webhook-id`` of a signed request to create.

    Raises:
        Unauthenticated: it is not one.
    """
    signable = request.method == "POST" and request.path == COLLECTION
    if signable and request.body is not None:
        webhook_id = verify(request.headers, request.body)
        if webhook_id is not None:
            return webhook_id
    raise Unauthenticated("neither the gateway nor a signature vouches for the caller")


def _admit(request: HttpRequest) -> None:
    """Lets a known caller through to the payload, or says why not.

    Raises:
        NotFound: the path leads nowhere.
        MethodNotAllowed: the path takes another method.
        UnsupportedMediaType: the body is not declared as JSON.
        PayloadTooLarge: the body is larger than any payload.
    """
    if not is_route(request.path):
        raise NotFound("there are POST /backups and GET /backups/{backup_id}")
    allowed = "POST" if request.path == COLLECTION else "GET"
    if request.method != allowed:
        raise MethodNotAllowed(f"takes {allowed}", allow=allowed)
    if request.method == "GET":
        return
    media_type = request.headers.get("content-type", "application/json").partition(";")[0]
    if media_type.strip().lower() != "application/json":
        raise UnsupportedMediaType("the body must be application/json")
    if request.body is not None and len(request.body) > MAX_BODY_BYTES:
        raise PayloadTooLarge(f"the body may hold {MAX_BODY_BYTES} bytes")


def _payload(request: HttpRequest) -> JsonValue:
    if request.body is None:
        raise invalid_request("", "is not the base64 that the event says it is")
    return parse_json(request.body)


def _key(request: HttpRequest) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not is_idempotency_key(key):
        raise invalid_request(
            "", "has a header Idempotency-Key that is not 1 to 256 printable characters"
        )
    return key


def _identity(request: HttpRequest) -> Identity:
    return Identity("http", request.request_id, parse_epoch_milliseconds(request.time))


def _question(request: HttpRequest, delivery: Delivery) -> Delivery:
    others = sorted(set(request.query) - {"instance_id"})
    if others:
        return delivery._replace(error=invalid_request("", "takes no query but instance_id"))
    backup_id = unquote(request.path.removeprefix(f"{COLLECTION}/"))
    question: JsonValue = {"action": "status", "backup_id": backup_id, **request.query}
    return delivery._replace(payload=question, actions=frozenset({"status"}))
