"""An AWS account played by moto on loopback, spoken to over plain HTTP as AWS's own API says."""

from __future__ import annotations

import functools
import logging
import secrets
from typing import TYPE_CHECKING, Any, Final

import requests
import xmltodict  # type: ignore[import-untyped]
from moto.server import ThreadedMotoServer

from tests.template.cloudformation import REGION

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMEOUT_SECONDS: Final = 20
_JSON_TARGETS: Final = {
    "events": ("AWSEvents", "1.1"),
    "logs": ("Logs_20140328", "1.1"),
    "sqs": ("AmazonSQS", "1.0"),
    "states": ("AWSStepFunctions", "1.0"),
}
_QUERY_VERSIONS: Final = {
    "cloudformation": "2010-05-15",
    "iam": "2010-05-08",
    "monitoring": "2010-08-01",
    "sns": "2010-03-31",
}


class AwsAccount:
    """An empty account that nobody else uses.

    Attributes:
        number: its twelve digits.
    """

    def __init__(self) -> None:
        self.number = f"{secrets.randbelow(10**12):012}"

    def json(self, service: str, action: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Calls an API of AWS's JSON protocol.

        Raises:
            requests.HTTPError: the call was refused.
        """
        target, version = _JSON_TARGETS[service]
        headers = {
            "Content-Type": f"application/x-amz-json-{version}",
            "X-Amz-Target": f"{target}.{action}",
        }
        answer = self._send(service, "POST", "/", headers=headers, json=body)
        return answer.json() if answer.content else {}

    def query(self, service: str, action: str, fields: Mapping[str, object]) -> dict[str, Any]:
        """Calls an API of AWS's query protocol; nested fields are spelled out with dots.

        Raises:
            requests.HTTPError: the call was refused.
        """
        form = {"Action": action, "Version": _QUERY_VERSIONS[service], **_flat("", fields)}
        parsed = xmltodict.parse(self._send(service, "POST", "/", data=form).text)
        result: dict[str, Any] = parsed[f"{action}Response"].get(f"{action}Result") or {}
        return result

    def rest(self, service: str, method: str, path: str, body: object = None) -> Any:
        """Calls an API of AWS's REST protocol.

        Raises:
            requests.HTTPError: the call was refused.
        """
        answer = self._send(service, method, path, json=body)
        return answer.json() if answer.content else {}

    def upload(self, key: str, content: bytes) -> str:
        """Puts an object into a new bucket of S3, whose name is returned."""
        bucket = f"artifacts-{self.number}"
        place = f"<LocationConstraint>{REGION}</LocationConstraint>"
        made = f"<CreateBucketConfiguration>{place}</CreateBucketConfiguration>"
        self._send("s3", "PUT", f"/{bucket}", data=made)
        self._send("s3", "PUT", f"/{bucket}/{key}", data=content)
        return bucket

    def _send(
        self,
        service: str,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        json: object = None,
    ) -> requests.Response:
        # moto checks no signature, but finds the service it shall play in this header
        routing = (
            "AWS4-HMAC-SHA256"
            f" Credential=AKIAIOSFODNN7EXAMPLE/20260101/{REGION}/{service}/aws4_request,"
            " SignedHeaders=host, Signature=0"
        )
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                method,
                f"{_server()}{path}",
                headers={
                    "Authorization": routing,
                    "x-moto-account-id": self.number,
                    **(headers or {}),
                },
                data=data,
                json=json,
                timeout=_TIMEOUT_SECONDS,
            )
        if not answer.ok:
            raise requests.HTTPError(f"{path}: {answer.status_code} {answer.text}")
        return answer


def _flat(prefix: str, value: object) -> dict[str, str]:
    """Nested fields as the query protocol writes them: `Metrics.member.1.Id`."""
    match value:
        case dict():
            parts = [(f"{prefix}.{key}" if prefix else key, part) for key, part in value.items()]
        case list():
            parts = [(f"{prefix}.member.{n}", part) for n, part in enumerate(value, start=1)]
        case bool():
            return {prefix: str(value).lower()}
        case _:
            return {prefix: str(value)}
    return {name: text for key, part in parts for name, text in _flat(key, part).items()}


@functools.cache
def _server() -> str:
    """Starts moto once per process: its store is global anyway, and accounts keep tests apart."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"
