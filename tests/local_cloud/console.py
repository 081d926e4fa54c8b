"""An operator's view of the local cloud: plain HTTP instead of the function's client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import requests

from tests.local_cloud.local_cloud import DELETING_USER, USER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.local_cloud.emulator import Backup

_TIMEOUT_SECONDS: Final = 10


class Endpoints(Protocol):
    """The endpoints of a cloud: an `Emulator` in this process, or `RemoteEndpoints`."""

    @property
    def gaussdb_endpoint(self) -> str:
        """The database service."""

    @property
    def iam_endpoint(self) -> str:
        """IAM."""

    @property
    def project_id(self) -> str:
        """The project."""


class RemoteEndpoints(NamedTuple):
    """The endpoints of a cloud in another process."""

    gaussdb_endpoint: str
    iam_endpoint: str
    project_id: str


def log_in(cloud: Endpoints, user: Mapping[str, str] = USER, bundle: Path | None = None) -> str:
    """A token of a user for the project.

    Args:
        cloud: the local cloud.
        user: whose; by default the user that creates backups.
        bundle: who vouches for the cloud, if it speaks TLS.
    """
    named = {
        "name": user["username"],
        "password": user["password"],
        "domain": {"name": user["domain_name"]},
    }
    identity = {"methods": ["password"], "password": {"user": named}}
    scope = {"project": {"id": cloud.project_id}}
    response = _send(
        "POST",
        f"{cloud.iam_endpoint}/v3/auth/tokens",
        json={"auth": {"identity": identity, "scope": scope}},
        verify=str(bundle) if bundle else True,
    )
    return response.headers["X-Subject-Token"]


def get(cloud: Endpoints, token: str, path: str) -> Any:
    """The JSON of `GET /v3/{project_id}/PATH`."""
    url = f"{cloud.gaussdb_endpoint}/v3/{cloud.project_id}/{path}"
    return _send("GET", url, headers={"X-Auth-Token": token}).json()


def show_backup(cloud: Endpoints, token: str, record: Mapping[str, Any]) -> Any:
    """The backup and the job of a log line, as the service shows them."""
    [backup] = get(cloud, token, f"backups?backup_id={record['backup_id']}")["backups"]
    job = get(cloud, token, f"jobs?id={record['job_id']}")["job"]
    return {"backup": backup, "job": job}


def delete_backup(cloud: Endpoints, backup: Backup) -> None:
    """Deletes a backup, as an operator does by hand."""
    url = f"{cloud.gaussdb_endpoint}/v3/{backup.project_id}/backups/{backup.id}"
    _send("DELETE", url, headers={"X-Auth-Token": log_in(cloud, DELETING_USER)})


def _send(method: str, url: str, **options: Any) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        response = session.request(method, url, timeout=_TIMEOUT_SECONDS, **options)
    response.raise_for_status()
    return response
