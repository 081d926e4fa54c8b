"""A response that is not the documented success becomes one of our errors: pure functions.

Its code decides, in whatever shape and spelling it comes, and its status where there is no code
that we know (``error_codes``).
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from gaussdb_backup.errors import (
    BackupError,
    CredentialsRejected,
    Evidence,
    PermissionDenied,
    RequestRejected,
    ServiceUnavailable,
    Throttled,
)
from gaussdb_backup.http_client.error_codes import BY_STATUS, Meaning, meaning_of
from gaussdb_backup.http_client.redaction import holds_secret, redact_message
from gaussdb_backup.http_client.response import Response

KEY_BLOCKED_MINUTES: Final = 5
ACCOUNT_LOCKED_MINUTES: Final = 15

# Patterns are compiled when a response is first read: no event that ends well needs one.
_CODE = r"[A-Za-z][A-Za-z0-9]{0,15}\.[0-9]{1,16}|[0-9]{4,16}"
_REQUEST_ID = r"[A-Za-z0-9-]{1,64}"
_WINDOW = (
    r"(?i)(?:\btime\s*:\s*|\bper\s+)(\d{0,6})\s*((?:second|sec|minute|min|hour|day)s?|[smhd])\b"
)
_WINDOW_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# "AK access failed to reach the limit": a number of backups may reach a limit too
_KEY_BLOCKED = r"(?i)\b(?:ak|access[ _]?key)\b.*\breach(?:ed)? the limit"
_ACCOUNT_LOCKED = r"(?i)\baccount\b.*\block(?:ed)?\b"
_MINUTES = r"(?i)\b(\d{1,4}) min"


def map_error(response: Response, part: str = "GaussDB") -> BackupError:
    """Maps a response that is not the documented success to an error.

    429, 408, 425 and 5xx are believed over the code in the body; below them the code decides.

    Args:
        response: the response.
        part: the part of the cloud that sent it, for the message.
    """
    evidence = read_evidence(response)
    error, meaning = _meaning(response, evidence)
    reason = evidence.error_code or f"HTTP {response.status}"
    return error(
        f"{meaning.format(part=name_part(response, part))} ({reason})",
        evidence=evidence,
        retry_after=_retry_after(response),
    )


def unreadable_response(response: Response, part: str = "GaussDB") -> ServiceUnavailable:
    """The error for a response of the right status that is not the documented JSON."""
    return ServiceUnavailable(
        f"the response of {name_part(response, part)} is not the documented JSON "
        f"(HTTP {response.status})",
        evidence=read_evidence(response),
    )


def name_part(response: Response, part: str) -> str:
    """The part of the cloud that sent a response, with its host."""
    return f"{part} at {response.host}" if response.host else part


def is_out_of_order(status: int) -> bool:
    """Whether a status means that the same request may succeed later."""
    return status in {408, 425, 429} or status >= 500


def read_evidence(response: Response) -> Evidence:
    """The error in a response, in any of the forms that parts of the cloud use."""
    parts = _parts(response.body)
    code, message = _code(parts), _message(parts)
    request_id = next(_texts(parts, "request_id"), None) or response.headers.get("X-Request-Id")
    request_id = request_id or response.headers.get("X-IAM-Trace-Id")
    is_id = request_id and re.fullmatch(_REQUEST_ID, request_id)
    return Evidence(
        http_status=response.status,
        error_code=_shown(code, response),
        error_msg=redact_message(message, response.redact) if message else None,
        api_request_id=_shown(request_id, response) if is_id else None,
    )


def _shown(text: str | None, response: Response) -> str | None:
    return None if text and holds_secret(text, response.redact) else text


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


def throttle_window(text: str) -> float | None:
    """The seconds of the window that a limit's text names.

    Seen: ``limit:60,time:1 minute`` of the gateway, ``10 times per 60 seconds`` of IAM.
    """
    found = re.search(_WINDOW, text, re.ASCII)
    if found is None:
        return None
    return float(int(found[1] or "1") * _WINDOW_SECONDS[found[2][0].lower()])


def _retry_after(response: Response) -> float | None:
    asked = retry_after(response.headers)
    if asked is not None or response.status != 429:
        return asked
    return throttle_window(_message(_parts(response.body)) or "")


def _meaning(response: Response, evidence: Evidence) -> Meaning:
    status = response.status
    if status == 429:
        return (Throttled, "{part} asks for fewer requests")
    if is_out_of_order(status):
        return (ServiceUnavailable, "{part} is out of order")
    if status < 400:
        return (ServiceUnavailable, "the response of {part} is not the documented one")
    fallback = BY_STATUS.get(status, (RequestRejected, "{part} rejects the request"))
    meaning = meaning_of(evidence.error_code or "")
    if meaning is None or meaning[0] in {CredentialsRejected, PermissionDenied}:
        reason = lock_reason(_message(_parts(response.body)) or "")
        return (CredentialsRejected, reason) if reason else meaning or fallback
    return meaning


def lock_reason(message: str) -> str | None:
    """What the cloud's words for a blocked access key or a locked account mean."""
    if re.search(_KEY_BLOCKED, message):
        minutes = _minutes(message, KEY_BLOCKED_MINUTES)
        return f"the access key is blocked for {minutes} minutes after too many wrong signatures"
    if re.search(_ACCOUNT_LOCKED, message):
        minutes = _minutes(message, ACCOUNT_LOCKED_MINUTES)
        return f"the account is locked for {minutes} minutes after too many wrong log-ins"
    return None


def _minutes(message: str, default: int) -> int:
    named = re.search(_MINUTES, message, re.ASCII)
    return int(named[1]) if named else default


def _parts(body: bytes) -> list[dict[str, object]]:
    """The objects that may hold code and message: the body itself, then those one level down.

    Their keys are in lower case, because they are spelt in more ways than one.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return []
    if not isinstance(value, dict):
        return []
    inner = [part for part in value.values() if isinstance(part, dict)]
    return [{str(name).lower(): item for name, item in part.items()} for part in (value, *inner)]


def _code(parts: Iterable[Mapping[str, object]]) -> str | None:
    texts = _texts(parts, "error_code", "errorcode", "errcode", "code")
    return next((text for text in texts if re.fullmatch(_CODE, text)), None)


def _message(parts: Iterable[Mapping[str, object]]) -> str | None:
    return next(_texts(parts, "error_msg", "errormsg", "externalmessage", "message"), None)


def _texts(parts: Iterable[Mapping[str, object]], *names: str) -> Iterator[str]:
    """The texts under any of these names."""
    values = (part.get(name) for part in parts for name in names)
    return (value for value in values if isinstance(value, str) and value)
