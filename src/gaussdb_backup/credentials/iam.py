"""A user and a password become a token of one project.

Source: Open Telekom Cloud, "Identity and Access Management API Reference", "Obtaining a User
Token" (``POST /v3/auth/tokens``).
"""

import json
from typing import Annotated, Final, NamedTuple

from pydantic import AliasPath, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from gaussdb_backup.clock import Deadline
from gaussdb_backup.credentials.models import PasswordCredentials
from gaussdb_backup.errors import CredentialsRejected, ServiceUnavailable
from gaussdb_backup.http_client.error_mapping import read_evidence, unreadable_response
from gaussdb_backup.http_client.response import Response
from gaussdb_backup.http_client.retry import call_timeout, retry_read
from gaussdb_backup.http_client.transport import Transport

MAX_MARGIN_SECONDS: Final = 300.0


class Token(NamedTuple):
    """A token, and the wall time in seconds since 1970 at which to fetch the next one."""

    value: str
    renew_at: float

    def __repr__(self) -> str:
        return f"Token(renew_at={self.renew_at})"


class _Life(BaseModel):
    """The part of IAM's answer that counts."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    expires_at: Annotated[AwareDatetime, Field(validation_alias=AliasPath("token", "expires_at"))]
    issued_at: Annotated[
        AwareDatetime | None, Field(validation_alias=AliasPath("token", "issued_at"))
    ] = None


def log_in(
    transport: Transport,
    endpoint: str,
    user: PasswordCredentials,
    project_id: str,
    deadline: Deadline,
) -> Token:
    """Fetches a token whose scope is one project.

    Args:
        transport: what carries the requests.
        endpoint: IAM's endpoint, without ``/v3``.
        user: who logs in.
        project_id: the project.
        deadline: the end of the invocation.

    Raises:
        CredentialsRejected: IAM refuses the user, the password or the project.
        ServiceUnavailable: IAM cannot be reached or is out of order.
        Throttled: IAM asks for fewer log-ins.
    """
    body = _request_body(user, project_id)

    def ask() -> Response:
        return transport.send(
            "POST",
            f"{endpoint}/v3/auth/tokens?nocatalog=true",
            seconds=call_timeout(deadline),
            headers={"Content-Type": "application/json"},
            body=body,
        )

    answer = retry_read(ask, deadline)
    if answer.status != 201:
        raise _refusal(answer, user)
    return _token(answer, deadline.clock.now())


def _request_body(user: PasswordCredentials, project_id: str) -> bytes:
    named = {"name": user.username, "password": user.password, "domain": {"name": user.domain_name}}
    identity = {"methods": ["password"], "password": {"user": named}}
    scope = {"project": {"id": project_id}}
    return json.dumps({"auth": {"identity": identity, "scope": scope}}).encode()


def _refusal(
    answer: Response, user: PasswordCredentials
) -> CredentialsRejected | ServiceUnavailable:
    if answer.status < 400:
        return unreadable_response(answer)
    evidence = read_evidence(answer._replace(redact=(user.password, user.username)))
    return CredentialsRejected("IAM refuses the log-in", evidence=evidence)


def _token(answer: Response, now: float) -> Token:
    value = answer.headers.get("X-Subject-Token")
    try:
        life = _Life.model_validate_json(answer.body)
    except ValidationError:
        raise unreadable_response(answer) from None
    if not value:
        raise unreadable_response(answer)
    return Token(value, now + _seconds_to_keep(life, now))


def _seconds_to_keep(life: _Life, now: float) -> float:
    """By IAM's own clock where it tells both ends, for ours may differ by minutes."""
    issued = life.issued_at.timestamp() if life.issued_at else now
    seconds = max(0.0, life.expires_at.timestamp() - issued)
    return seconds - min(MAX_MARGIN_SECONDS, seconds / 10)
