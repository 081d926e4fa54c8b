"""A user and a password become a token of one project.

Source: Open Telekom Cloud, "Identity and Access Management API Reference", "Obtaining a User
Token" (``POST /v3/auth/tokens``).
"""

import json
from dataclasses import dataclass, field, replace
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from gaussdb_backup.answers import Answer, evidence_from, unreadable
from gaussdb_backup.clock import Deadline
from gaussdb_backup.errors import CredentialsRejected, ServiceUnavailable
from gaussdb_backup.patience import allowance, until_answered
from gaussdb_backup.transport import NoAuth, Transport

LONGEST_MARGIN_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class User:
    """Who logs in, and for which project."""

    name: str
    password: str = field(repr=False)
    domain_name: str
    project_id: str


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and the wall time in seconds since 1970 at which to fetch the next one."""

    value: str = field(repr=False)
    renew_at: float


class _Life(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    expires_at: AwareDatetime
    issued_at: AwareDatetime | None = None


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    token: _Life


def log_in(transport: Transport, endpoint: str, user: User, deadline: Deadline) -> Token:
    """Fetches a token whose scope is the user's project.

    Args:
        transport: what carries the requests.
        endpoint: IAM's endpoint, without ``/v3``.
        user: who logs in.
        deadline: the end of the invocation.

    Raises:
        CredentialsRejected: IAM refuses the user, the password or the project.
        ServiceUnavailable: IAM cannot be reached or is out of order.
        Throttled: IAM asks for fewer log-ins.
    """
    body = _request_body(user)

    def ask() -> Answer:
        return transport.exchange(
            "POST",
            f"{endpoint}/v3/auth/tokens?nocatalog=true",
            seconds=allowance(deadline),
            auth=NoAuth(),
            headers={"Content-Type": "application/json"},
            body=body,
        )

    answer = until_answered(ask, deadline)
    if answer.status != 201:
        raise _refusal(answer, user)
    return _token(answer, deadline.clock.now())


def _request_body(user: User) -> bytes:
    named = {"name": user.name, "password": user.password, "domain": {"name": user.domain_name}}
    identity = {"methods": ["password"], "password": {"user": named}}
    scope = {"project": {"id": user.project_id}}
    return json.dumps({"auth": {"identity": identity, "scope": scope}}).encode()


def _refusal(answer: Answer, user: User) -> CredentialsRejected | ServiceUnavailable:
    if answer.status < 400:
        return unreadable(answer)
    evidence = evidence_from(replace(answer, hidden=(user.password, user.name)))
    return CredentialsRejected("IAM refuses the log-in", evidence=evidence)


def _token(answer: Answer, now: float) -> Token:
    value = answer.headers.get("X-Subject-Token")
    try:
        life = _Body.model_validate_json(answer.body).token
    except ValidationError:
        raise unreadable(answer) from None
    if not value:
        raise unreadable(answer)
    return Token(value, now + _seconds_to_keep(life, now))


def _seconds_to_keep(life: _Life, now: float) -> float:
    """By IAM's own clock where it tells both ends, for ours may differ by minutes."""
    issued = life.issued_at.timestamp() if life.issued_at else now
    seconds = max(0.0, life.expires_at.timestamp() - issued)
    return seconds - min(LONGEST_MARGIN_SECONDS, seconds / 10)
