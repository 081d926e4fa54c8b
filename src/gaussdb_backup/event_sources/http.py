"""HTTP: API Gateway with payload 2.0 and 1.0, and function URLs.

Refusals come in the order 401, 404, 405, 415, 413, 400, so that an unknown caller learns nothing
but that it is unknown. Failures are problem details (RFC 9457).
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Final, cast
from urllib.parse import unquote

from pydantic import JsonValue

from gaussdb_backup.errors import (
    BackupError,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    Throttled,
    Unauthenticated,
    UnsupportedMediaType,
)
from gaussdb_backup.event_sources.base import DeliveryResult, EventContext, SingleDelivery, mapping
from gaussdb_backup.event_sources.http_request import (
    COLLECTION,
    ITEM,
    WEBHOOK,
    HttpRequest,
    is_http,
    read_http,
)
from gaussdb_backup.event_sources.webhook_keys import Verification, VerifiedWebhook
from gaussdb_backup.payload_models import is_idempotency_key
from gaussdb_backup.payload_validation import invalid_request, parse_json
from gaussdb_backup.replies import Reply
from gaussdb_backup.request import Delivery, Identity
from gaussdb_backup.timestamps import parse_epoch_milliseconds

MAX_BODY_BYTES: Final = 20_000
# what a caller is asked to wait where the cloud refused with 429 and named no time
THROTTLED_SECONDS: Final = 60.0
METHODS: Final = {COLLECTION: "POST", WEBHOOK: "POST", ITEM: "GET"}
# What API Gateway and function URLs can verify. Standard Webhooks has no scheme of its own.
CHALLENGE: Final = 'AWS4-HMAC-SHA256 realm="gaussdb-backup", Bearer realm="gaussdb-backup"'


class Http(SingleDelivery):
    """One request; failures are responses too."""

    trigger = "http"
    shape = "an HTTP request of API Gateway or a function URL (requestContext.http, or httpMethod)"
    # API Gateway gives up before Lambda does.
    max_seconds = 20.0

    def matches(self, event: JsonValue) -> bool:
        """Recognised by the method."""
        return is_http(mapping(event))

    def delivery(self, event: JsonValue, context: EventContext) -> Delivery:
        """The delivery of the request, with the error by which it is refused, if it is."""
        request = read_http(mapping(event), context.request_id)
        delivery = Delivery(
            trigger=self.trigger,
            correlation_id=request.request_id,
            payload=None,
            identity=Identity(
                kind="http",
                value=request.request_id,
                time=parse_epoch_milliseconds(request.time),
            ),
        )
        try:
            delivery = _authenticate(request, delivery, context)
            if delivery.error is not None:
                return delivery
            _check_route(request)
            if request.route == ITEM:
                return _status_delivery(request, delivery)
            return _create_delivery(request, delivery)
        except BackupError as error:
            return delivery._replace(error=error)

    def response(self, results: Sequence[DeliveryResult]) -> JsonValue:
        """The response: the reply, or problem details."""
        [result] = results
        if isinstance(result.end, BackupError):
            return problem(result.end, result.delivery.correlation_id, result.backup_name)
        return _success(cast("Reply", result.end))

    def failure(self, error: BackupError, request_id: str) -> JsonValue:
        """The error as problem details."""
        return problem(error, request_id)


def problem(error: BackupError, request_id: str, backup_name: str | None = None) -> JsonValue:
    """A failure as problem details (RFC 9457).

    Args:
        error: the failure.
        request_id: the gateway's ID of the request.
        backup_name: the name of the backup, where it is known.
    """
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
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = CHALLENGE
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = error.allow
    retry_after = error.retry_after
    if retry_after is None and isinstance(error, Throttled):
        retry_after = THROTTLED_SECONDS
    if retry_after is not None:
        headers["Retry-After"] = str(math.ceil(retry_after))
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


def _authenticate(request: HttpRequest, delivery: Delivery, context: EventContext) -> Delivery:
    """The delivery of a caller that is known: to the gateway, or by the signature of a webhook.

    All others get the same error. Only the log shows the reason.

    Raises:
        SecretUnavailable: there are no keys to verify a signature with.
    """
    if request.authenticated:
        return delivery
    webhook: Verification = "no_signature"
    if request.method == "POST":
        body = request.body
        webhook = (
            "malformed"
            if body is None
            else context.webhook_keys.verify(request.headers, body, context.deadline)
        )
    if isinstance(webhook, VerifiedWebhook):
        return delivery._replace(
            identity=Identity(kind="webhook", value=webhook.webhook_id),
            log_fields={"webhook_id": webhook.webhook_id, "webhook_key": webhook.key},
        )
    error = Unauthenticated("neither the gateway nor a signature vouches for the caller")
    return delivery._replace(error=error, log_fields={"reason": webhook})


def _check_route(request: HttpRequest) -> None:
    """Refuses a request that the function does not serve.

    Raises:
        NotFound: there is nothing at the path.
        MethodNotAllowed: the path takes another method.
        UnsupportedMediaType: the body is not declared as JSON.
        PayloadTooLarge: the body is larger than any payload.
    """
    if request.route is None:
        raise NotFound("there are POST /backups, POST /webhook and GET /backups/{backup_id}")
    allowed = METHODS[request.route]
    if request.method != allowed:
        raise MethodNotAllowed(f"takes {allowed}", allow=allowed)
    if request.method == "GET":
        return
    media_type = request.headers.get("content-type", "application/json").partition(";")[0]
    if media_type.strip().lower() != "application/json":
        raise UnsupportedMediaType("the body must be application/json")
    if request.body is not None and len(request.body) > MAX_BODY_BYTES:
        raise PayloadTooLarge(f"the body may hold {MAX_BODY_BYTES} bytes")


def _create_delivery(request: HttpRequest, delivery: Delivery) -> Delivery:
    """The delivery of a request to create a backup.

    Raises:
        InvalidRequest: the body or the header cannot be read.
    """
    if request.body is None:
        raise invalid_request("", "is not the base64 that the event says it is")
    payload = parse_json(request.body)
    # The header of a webhook is ignored, because it is not signed.
    key = None if delivery.identity.kind == "webhook" else _idempotency_key(request)
    return delivery._replace(payload=payload, key=key, actions=frozenset({"create"}))


def _idempotency_key(request: HttpRequest) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not is_idempotency_key(key):
        raise invalid_request(
            "", "has a header Idempotency-Key that is not 1 to 256 printable characters"
        )
    return key


def _status_delivery(request: HttpRequest, delivery: Delivery) -> Delivery:
    """The delivery of a request for the status of a backup.

    Raises:
        InvalidRequest: the query holds something else than the instance.
    """
    if any(name != "instance_id" and not name.startswith("_") for name in request.query):
        raise invalid_request("", "takes no query but instance_id")
    backup_id = unquote(request.backup_id)
    payload: JsonValue = {"action": "status", "backup_id": backup_id, **request.query}
    return delivery._replace(payload=payload, actions=frozenset({"status"}))
