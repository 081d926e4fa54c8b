"""Status, code and body of an answer to one of our errors: a table, with the status as fallback.

Sources: Open Telekom Cloud, "GaussDB(openGauss) API Reference", "Error Codes" and "Status Codes";
"API Gateway", "Error Codes". The gateway's prefix differs between products (``APIGW.``, ``APIG.``),
so its codes are matched by their four digits.
"""

import json
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from gaussdb_backup.errors import (
    BackupError,
    BackupNotFound,
    CredentialsRejected,
    Evidence,
    InstanceBusy,
    InstanceNotFound,
    InstanceNotReady,
    InvalidRequest,
    NameTaken,
    PermissionDenied,
    RequestRejected,
    ServiceUnavailable,
    Throttled,
)
from gaussdb_backup.http_client.redaction import redact_message
from gaussdb_backup.http_client.response import Response

Meaning = tuple[type[BackupError], str]


def _row(error: type[BackupError], meaning: str, codes: str) -> dict[str, Meaning]:
    return dict.fromkeys(codes.split(), (error, meaning))


# Many codes share one meaning, some with different statuses: within a row all count alike.
SERVICE_CODES: Final[Mapping[str, Meaning]] = {
    **_row(InvalidRequest, "the service finds the instance ID malformed", "280404"),
    **_row(InvalidRequest, "the service finds the backup name malformed", "201210"),
    **_row(InvalidRequest, "the service finds the description malformed", "280127"),
    **_row(
        RequestRejected,
        "the service finds a parameter wrong or missing",
        "280001 280006 200001 200004 200006 200405 290000 290001 06010013 280124 201004 280439 "
        "280440 280253 201103 280216 280416 200543",
    ),
    **_row(RequestRejected, "the service finds the project ID malformed", "280408"),
    **_row(
        InstanceNotFound,
        "the service knows no such instance",
        "201028 280022 200002 200045 200602 290005 290011 200203",
    ),
    **_row(
        PermissionDenied,
        "the credentials may not do this to this instance",
        "201003 280015 200044 200010 200604 216003",
    ),
    **_row(PermissionDenied, "the account is restricted", "280020"),
    **_row(CredentialsRejected, "the service refuses the token", "280056"),
    **_row(
        InstanceNotReady,
        "the state of the instance forbids a backup",
        "201014 200086 280800 06010001 280406 280011 200408",
    ),
    **_row(InstanceNotReady, "the storage of the instance is full", "200316"),
    **_row(InstanceNotReady, "the instance is frozen", "280449"),
    **_row(
        InstanceBusy,
        "another operation is running on the instance",
        "201202 200011 200019 200047 212006 06020003",
    ),
    **_row(InstanceBusy, "a backup of the instance is running", "201205"),
    **_row(NameTaken, "a backup of this name exists", "201201 201209"),
    **_row(RequestRejected, "engine or version take no such backup", "201207 200040"),
    **_row(RequestRejected, "a quota is used up", "216028 200046 290003"),
    **_row(BackupNotFound, "the service knows no such backup", "201010 201203 200751"),
    **_row(RequestRejected, "the backup does not allow this", "201218 201208 301024"),
    **_row(
        ServiceUnavailable,
        "the service failed inside",
        "108000 108002 108005 200005 200208 213002 213004 290006 290015 200943",
    ),
}

GATEWAY_CODES: Final[Mapping[str, Meaning]] = {
    **_row(RequestRejected, "the gateway knows no such path: is the endpoint right?", "0101"),
    **_row(RequestRejected, "the gateway is not set up for this call", "0103 0104 0105 0106"),
    **_row(RequestRejected, "the gateway finds the request wrong or too large", "0201 0602"),
    **_row(ServiceUnavailable, "the gateway does not reach the service", "0202 0203 0610"),
    **_row(RequestRejected, "the gateway refuses protocol or certificate", "0204 0205 0607"),
    **_row(CredentialsRejected, "the gateway refuses the credentials", "0301 0303 0305 0311"),
    **_row(CredentialsRejected, "the gateway wants a new token", "0307"),
    **_row(
        PermissionDenied,
        "the gateway does not let these credentials through",
        "0302 0304 0306 0310 0801 0802",
    ),
    **_row(
        PermissionDenied, "the gateway does not let this address through", "0401 0402 0404 0405"
    ),
    **_row(Throttled, "the gateway's limit of requests is reached", "0308"),
    **_row(RequestRejected, "the quota of the application is used up", "0501 0502"),
    **_row(
        ServiceUnavailable,
        "the gateway failed inside",
        "0601 0605 0606 0608 0609 0611 0612 0613 0705",
    ),
}

BY_STATUS: Final[Mapping[int, Meaning]] = {
    401: (CredentialsRejected, "the credentials are refused"),
    403: (PermissionDenied, "the operation is refused"),
    409: (InstanceBusy, "the instance is in conflict with the request"),
}

# Patterns are compiled when an answer is first read: no event that ends well needs one.
_CODE = r"[A-Za-z]{1,16}\.[0-9]{1,16}"
_REQUEST_ID = r"[A-Za-z0-9-]{1,64}"


def map_error(response: Response) -> BackupError:
    """The error that an answer means which is not the documented reply.

    429 and 5xx are believed over the code in the body; below them the code decides.
    """
    evidence = read_evidence(response)
    error, meaning = _meaning(response.status, evidence.error_code)
    said = evidence.error_code or f"HTTP {response.status}"
    wait = retry_after(response.headers)
    return error(f"{meaning} ({said})", evidence=evidence, retry_after=wait)


def unreadable_response(response: Response) -> ServiceUnavailable:
    """The error for an answer of the right status that is not the documented JSON."""
    return ServiceUnavailable(
        f"the answer is not the documented JSON (HTTP {response.status})",
        evidence=read_evidence(response),
    )


def read_evidence(response: Response) -> Evidence:
    """What an answer says of itself, in any of the shapes that the cloud's parts use."""
    said = _said(response.body)
    code = _first(said, "error_code", "errorCode", "code")
    message = _first(said, "error_msg", "errorMsg", "message")
    request_id = _first(said, "request_id") or response.headers.get("X-Request-Id")
    request_id = request_id or response.headers.get("X-IAM-Trace-Id")
    return Evidence(
        http_status=response.status,
        error_code=code if code and re.fullmatch(_CODE, code) else None,
        error_msg=redact_message(message, response.redact) if message else None,
        api_request_id=request_id if request_id and re.fullmatch(_REQUEST_ID, request_id) else None,
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that ``Retry-After`` asks for (RFC 9110, 10.2.3), as a number or as a date."""
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", text, re.ASCII):
        return float(text)
    try:
        until, sent = parsedate_to_datetime(text), parsedate_to_datetime(headers.get("Date", ""))
        return max(0.0, (until - sent).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None


def _meaning(status: int, code: str | None) -> Meaning:
    if status == 429:
        return (Throttled, "the service asks for fewer requests")
    if status >= 500:
        return (ServiceUnavailable, "the service is out of order")
    if status < 400:
        return (ServiceUnavailable, "the answer is not the documented one")
    family, _, number = (code or "").partition(".")
    table = (
        GATEWAY_CODES if family in {"APIGW", "APIG"} else SERVICE_CODES if family == "DBS" else {}
    )
    fallback = BY_STATUS.get(status, (RequestRejected, "the service rejects the request"))
    return table.get(number, fallback)


def _said(body: bytes) -> dict[str, object]:
    """The object that holds code and message: the body itself, or one a level down."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(value, dict):
        return {}
    known = {"error_code", "errorCode", "error_msg", "errorMsg", "message"}
    inner = (part for part in value.values() if isinstance(part, dict))
    return next((part for part in (value, *inner) if known & part.keys()), {})


def _first(said: Mapping[str, object], *names: str) -> str | None:
    texts = (said.get(name) for name in names)
    return next((text for text in texts if isinstance(text, str) and text), None)
