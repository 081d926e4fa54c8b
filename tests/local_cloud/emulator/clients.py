"""Clients other than the function: Huawei's SDK and plain HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkgaussdbforopengauss.v3 import GaussDBforopenGaussClient

from tests.local_cloud.emulator.emulator import Emulator

ACCESS_KEY = "LOCALACCESSKEY"
SECRET_KEY = "not-a-real-secret"
USER = "backup-operator"
PASSWORD = "not-a-real-password"
TIMEOUT = 5.0


@contextmanager
def huawei_sdk(
    cloud: Emulator,
    access_key: str = ACCESS_KEY,
    secret_key: str = SECRET_KEY,
    security_token: str | None = None,
) -> Iterator[Any]:
    """Yield Huawei's GaussDB client, which signs with an access key.

    Args:
        cloud: the emulator to call.
        access_key: the access key ID, which must exist in the cloud.
        secret_key: the secret access key.
        security_token: the token of a temporary key.
    """
    credentials = BasicCredentials(access_key, secret_key, cloud.project_id)
    if security_token is not None:
        credentials.with_security_token(security_token)
    builder = GaussDBforopenGaussClient.new_builder().with_credentials(credentials)
    client = builder.with_endpoints([cloud.gaussdb_endpoint]).build()
    try:
        yield client
    finally:
        client.close()


def log_in_body(
    project_id: str | None,
    *,
    name: str = USER,
    password: str = PASSWORD,
    domain_name: str,
) -> dict[str, Any]:
    """Return the documented body of a token request, without a scope if `project_id` is None."""
    user = {"name": name, "password": password, "domain": {"name": domain_name}}
    identity = {"methods": ["password"], "password": {"user": user}}
    scope = {} if project_id is None else {"scope": {"project": {"id": project_id}}}
    return {"auth": {"identity": identity, **scope}}


def log_in(cloud: Emulator, body: object = None, **parameters: str) -> requests.Response:
    """Request a token from IAM, by default for the operator and the cloud's project."""
    if body is None:
        body = log_in_body(cloud.project_id, domain_name=cloud.iam.domain.name)
    url = f"{cloud.iam_endpoint}/v3/auth/tokens"
    return requests.post(url, json=body, params=parameters, timeout=TIMEOUT)


@dataclass(frozen=True, slots=True)
class HttpClient:
    """Calls GaussDB over plain HTTP with a token."""

    cloud: Emulator
    token: str
    project_id: str

    @classmethod
    def of(cls, cloud: Emulator) -> "HttpClient":
        """Add the operator to the cloud and log in."""
        cloud.iam.add_user(USER, PASSWORD)
        return cls(cloud, log_in(cloud).headers["X-Subject-Token"], cloud.project_id)

    def send(
        self, method: str, path: str, timeout: float = TIMEOUT, **options: Any
    ) -> requests.Response:
        """Send a request to a path of the project.

        Args:
            method: the HTTP method.
            path: the path after the project ID.
            timeout: seconds.
            options: arguments for `requests.request`.
        """
        url = f"{self.cloud.gaussdb_endpoint}/v3/{self.project_id}{path}"
        sent: dict[str, Any] = {"headers": {"X-Auth-Token": self.token}, **options}
        return requests.request(method, url, timeout=timeout, **sent)

    def get(self, path: str, **parameters: object) -> requests.Response:
        """Send a GET request with query parameters."""
        return self.send("GET", path, params=parameters)

    def create(self, instance_id: object, name: object, **fields: object) -> requests.Response:
        """Request a manual backup."""
        body = {"instance_id": instance_id, "name": name, **fields}
        return self.send("POST", "/backups", json=body)
