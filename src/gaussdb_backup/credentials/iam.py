"""One log-in: a user name and a password become a token of one project.

Sources: Open Telekom Cloud, "Identity and Access Management API Reference", "Obtaining a User
Token" (``POST /v3/auth/tokens``); OpenStack Keystone, which IAM is built on. Keystone responds to a
wrong password, user, domain or project and to a missing right with one and the same 401.
"""

import codecs
import json
import re
from typing import Any, Final, NamedTuple

from gaussdb_backup.clock import Deadline
from gaussdb_backup.credentials.models import PasswordCredentials
from gaussdb_backup.errors import (
    BackupError,
    CredentialsRejected,
    RequestRejected,
    ServiceUnavailable,
    Throttled,
)
from gaussdb_backup.http_client.error_mapping import (
    lock_reason,
    map_error,
    name_part,
    read_evidence,
    unreadable_response,
)
from gaussdb_backup.http_client.pauses import timeout_within
from gaussdb_backup.http_client.response import Response
from gaussdb_backup.http_client.transport import NotSent, ResponseLost, Transport
from gaussdb_backup.timestamps import parse_utc

PART: Final = "IAM"
MAX_MARGIN_SECONDS: Final = 300.0
MIN_LIFETIME_SECONDS: Final = 300.0
MAX_LIFETIME_SECONDS: Final = 24 * 3600.0
DEFAULT_LIFETIME_SECONDS: Final = 3600.0

ACCOUNT_LOCKED_CODE: Final = "IAM.0061"

_USER_LOCKED = r"(?i)\buser\b.*\block(?:ed)?\b"
_HEADER_TEXT = r"[!-~]{1,65536}"
_LIKELY_CAUSES = (
    "check user, password and domain in the secret, the project ID, the user's right on that "
    "project, and that the user needs no MFA"
)


class Token(NamedTuple):
    """A token, and the wall time in seconds since 1970 at which to fetch the next one."""

    value: str
    renew_at: float

    def __repr__(self) -> str:
        return f"Token(renew_at={self.renew_at})"


class LoginFailure(NamedTuple):
    """A log-in that gave no token.

    Args:
        error: what the delivery ends with, unless another log-in gives a token.
        is_lost: IAM may have judged the log-in, and its verdict did not arrive.
        may_retry: the same log-in may succeed soon.
    """

    error: BackupError
    is_lost: bool = False
    may_retry: bool = False


def request_token(
    transport: Transport,
    endpoint: str,
    user: PasswordCredentials,
    project_id: str,
    deadline: Deadline,
) -> Token | LoginFailure:
    """Sends one log-in.

    Args:
        transport: sends the request.
        endpoint: IAM's endpoint, without ``/v3``.
        user: who logs in.
        project_id: the project that the token is for.
        deadline: the end of the invocation.
    """
    try:
        response = transport.send(
            "POST",
            f"{endpoint}/v3/auth/tokens?nocatalog=true",
            seconds=timeout_within(deadline.remaining()),
            headers={"Content-Type": "application/json"},
            body=_request_body(user, project_id),
        )
    except NotSent as failure:
        return LoginFailure(
            ServiceUnavailable(f"no connection to IAM at {failure}"), may_retry=True
        )
    except ResponseLost as failure:
        error = ServiceUnavailable(f"no response from IAM at {failure}")
        return LoginFailure(error, is_lost=True, may_retry=True)
    response = response._replace(redact=(user.password,))
    return read_login_response(response, deadline.clock.now())


def read_login_response(response: Response, now: float) -> Token | LoginFailure:
    """The meaning of IAM's response to a log-in; pure.

    Args:
        response: the response.
        now: wall time in seconds since 1970.
    """
    status = response.status
    if 200 <= status < 300:
        token = _read_token(response, now)
        return token or LoginFailure(unreadable_response(response, PART), is_lost=True)
    if status == 429 or status >= 500:
        error = map_error(response, PART)
        return LoginFailure(error, is_lost=status in {502, 504}, may_retry=True)
    if status < 400 or status in {408, 425} or _is_unreadable(response):
        return LoginFailure(
            ServiceUnavailable(
                f"the response of {name_part(response, PART)} is not the documented one "
                f"(HTTP {status}): is IAM_ENDPOINT right?",
                evidence=read_evidence(response),
                retry_after=map_error(response, PART).retry_after,
            )
        )
    if _is_refusal(response):
        return LoginFailure(_refusal(response))
    return LoginFailure(_rejection(response))


def _rejection(response: Response) -> BackupError:
    """The error of a response that refuses neither the credentials nor to work.

    Codes that say something of an instance or of a token are none of a log-in.
    """
    error = map_error(response, PART)
    if isinstance(error, RequestRejected | ServiceUnavailable | Throttled):
        return error
    reason = error.evidence.error_code or f"HTTP {response.status}"
    return RequestRejected(
        f"{name_part(response, PART)} rejects the log-in ({reason}): is IAM_ENDPOINT right?",
        evidence=error.evidence,
    )


def _is_refusal(response: Response) -> bool:
    """Whether IAM refuses the user, the password, the domain or the project.

    A 404 does not: it says that the endpoint is wrong.
    """
    match response.status:
        case 401 | 403:
            return True
        case 400:
            return _is_of_iam(response.body)
        case _:
            return False


def _refusal(response: Response) -> CredentialsRejected:
    evidence = read_evidence(response)
    message = evidence.error_msg or ""
    if evidence.error_code == ACCOUNT_LOCKED_CODE or re.search(_USER_LOCKED, message):
        message = f"account locked: {message}"
    reason = lock_reason(message) or _LIKELY_CAUSES
    return CredentialsRejected(
        f"{name_part(response, PART)} refuses the log-in: {reason}", evidence=evidence
    )


def _is_unreadable(response: Response) -> bool:
    """Whether a response is a page of HTML, or one whose body IAM would have filled.

    401 and 403 refuse without a body too, and a 404 says without one that the endpoint is wrong.
    """
    content_type = response.headers.get("Content-Type", "")
    body = response.body.removeprefix(codecs.BOM_UTF8).lstrip()
    if "html" in content_type.lower() or body[:1] == b"<":
        return True
    return response.status not in {401, 403, 404} and _json_object(response.body) is None


def _is_of_iam(body: bytes) -> bool:
    """Whether a body has the form of IAM's errors: Keystone's, or IAM's numbered one."""
    value = _json_object(body) or {}
    code = value.get("error_code")
    return isinstance(value.get("error"), dict) or (
        isinstance(code, str) and code.upper().startswith("IAM.")
    )


def _read_token(response: Response, now: float) -> Token | None:
    value = response.headers.get("X-Subject-Token", "")
    body = _json_object(response.body)
    if not re.fullmatch(_HEADER_TEXT, value) or body is None:
        return None
    token = body.get("token")
    times = token if isinstance(token, dict) else {}
    return Token(
        value, now + _seconds_to_keep(times.get("issued_at"), times.get("expires_at"), now)
    )


def _seconds_to_keep(issued_at: object, expires_at: object, now: float) -> float:
    """By IAM's own clock if it gives both times, because this one may differ by minutes.

    The times are advice: whatever they say, the token is used, and replaced when it is refused.
    """
    expires = _seconds(expires_at)
    issued = _seconds(issued_at)
    if expires is None:
        seconds = DEFAULT_LIFETIME_SECONDS
    else:
        seconds = expires - (now if issued is None else issued)
    seconds = min(max(seconds, MIN_LIFETIME_SECONDS), MAX_LIFETIME_SECONDS)
    return seconds - min(MAX_MARGIN_SECONDS, seconds / 10)


def _seconds(time: object) -> float | None:
    try:
        return parse_utc(time).timestamp() if isinstance(time, str) else None
    except ValueError:
        return None


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _request_body(user: PasswordCredentials, project_id: str) -> bytes:
    named = {"name": user.username, "password": user.password, "domain": {"name": user.domain_name}}
    identity = {"methods": ["password"], "password": {"user": named}}
    scope = {"project": {"id": project_id}}
    return json.dumps({"auth": {"identity": identity, "scope": scope}}).encode()
