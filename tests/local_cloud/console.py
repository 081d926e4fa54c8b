"""A look at the local cloud as an operator has one: plain HTTP, not the function's client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import requests

from tests.local_cloud.local_cloud import USER

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMEOUT_SECONDS: Final = 10


class Service(Protocol):
    """Where the cloud is: an `Emulator` of this process, or the `Addresses` of another's."""

    @property
    def gaussdb_endpoint(self) -> str:
        """The database service."""

    @property
    def iam_endpoint(self) -> str:
        """IAM."""

    @property
    def project_id(self) -> str:
        """The project."""


class Addresses(NamedTuple):
    """A cloud that runs elsewhere."""

    gaussdb_endpoint: str
    iam_endpoint: str
    project_id: str


def log_in(cloud: Service, user: Mapping[str, str] = USER) -> str:
    """A project-scoped token of one of the local cloud's users, by default the one that creates."""
    named = {
        "name": user["username"],
        "password": user["password"],
        "domain": {"name": user["domain_name"]},
    }
    identity = {"methods": ["password"], "password": {"user": named}}
    scope = {"project": {"id": cloud.project_id}}
    answer = _ask(
        "POST",
        f"{cloud.iam_endpoint}/v3/auth/tokens",
        json={"auth": {"identity": identity, "scope": scope}},
    )
    return answer.headers["X-Subject-Token"]


def show(cloud: Service, token: str, path: str) -> Any:
    """What the database service answers to `GET /v3/{project_id}/PATH`."""
    url = f"{cloud.gaussdb_endpoint}/v3/{cloud.project_id}/{path}"
    return _ask("GET", url, headers={"X-Auth-Token": token}).json()


def show_backup(cloud: Service, token: str, record: Mapping[str, Any]) -> Any:
    """The backup and the job of a log line, as the service lists them."""
    [backup] = show(cloud, token, f"backups?backup_id={record['backup_id']}")["backups"]
    job = show(cloud, token, f"jobs?id={record['job_id']}")["job"]
    return {"backup": backup, "job": job}


def _ask(method: str, url: str, **content: Any) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.request(method, url, timeout=_TIMEOUT_SECONDS, **content)
    answer.raise_for_status()
    return answer
