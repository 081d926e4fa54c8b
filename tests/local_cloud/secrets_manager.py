"""AWS Secrets Manager: moto's server on loopback, called over plain HTTP."""

from __future__ import annotations

import base64
import functools
import json
import logging
import secrets
from typing import TYPE_CHECKING, Any, Final

import requests
from moto.server import ThreadedMotoServer

from tests.local_cloud import leak_detector

if TYPE_CHECKING:
    from collections.abc import Mapping

REGION: Final = "eu-central-1"
# moto verifies no signature; it reads the service's name from this header
_ROUTING: Final = (
    "AWS4-HMAC-SHA256"
    f" Credential=AKIAIOSFODNN7EXAMPLE/20260101/{REGION}/secretsmanager/aws4_request,"
    " SignedHeaders=host, Signature=0"
)
_TIMEOUT_SECONDS: Final = 10


class SecretsManagerRefused(Exception):
    """Secrets Manager answered with an error; `kind` is AWS's name of the error."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind


class SecretsManager:
    """The secrets of one AWS account of its own.

    All accounts in a process share one server, which ends with the process.
    """

    def __init__(self) -> None:
        self._account = f"{secrets.randbelow(10**12):012}"
        self._arns: dict[str, str] = {}

    def put(self, name: str, value: Mapping[str, object] | str | bytes) -> str:
        """Creates the secret, or gives it a new current version.

        Args:
            name: the secret's name.
            value: a mapping is stored as JSON, a text unchanged, bytes as `SecretBinary`.

        Returns:
            The new version's `VersionId`.
        """
        leak_detector.record_stored_secrets(value)
        content = _content(value)
        if name in self._arns:
            return str(self._call("PutSecretValue", {"SecretId": name, **content})["VersionId"])
        created = self._call("CreateSecret", {"Name": name, **content})
        self._arns[name] = str(created["ARN"])
        return str(created["VersionId"])

    def arn(self, name: str) -> str:
        """The ARN of a stored secret."""
        return self._arns[name]

    def get(self, request: Mapping[str, str]) -> dict[str, Any]:
        """The response of `GetSecretValue`.

        Args:
            request: `SecretId`, and optionally `VersionStage` or `VersionId`.

        Raises:
            SecretsManagerRefused: no such secret, stage or version.
        """
        return self._call("GetSecretValue", request)

    def _call(self, action: str, request: Mapping[str, object]) -> dict[str, Any]:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(
                _server(),
                json=request,
                headers={
                    "Authorization": _ROUTING,
                    "Content-Type": "application/x-amz-json-1.1",
                    "X-Amz-Target": f"secretsmanager.{action}",
                    "x-moto-account-id": self._account,
                },
                timeout=_TIMEOUT_SECONDS,
            )
        body: dict[str, Any] = answer.json()
        if not answer.ok:
            raise SecretsManagerRefused(body["__type"], body.get("message", ""))
        return body


def _content(value: Mapping[str, object] | str | bytes) -> dict[str, str]:
    if isinstance(value, bytes):
        return {"SecretBinary": base64.b64encode(value).decode()}
    return {"SecretString": value if isinstance(value, str) else json.dumps(value)}


@functools.cache
def _server() -> str:
    """Starts moto once per process: its store is global, and accounts separate the users."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}/"
