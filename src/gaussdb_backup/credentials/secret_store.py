"""A secret's name becomes its value, through the AWS Parameters and Secrets Lambda Extension.

The extension listens on localhost, refuses while the environment initializes, and responds to
nearly every failure with one and the same opaque 400; what it knows stands in the function's log.
Source: AWS Secrets Manager User Guide, "Use AWS Secrets Manager secrets in AWS Lambda functions".
"""

import json
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gaussdb_backup.clock import Deadline
from gaussdb_backup.errors import Evidence, SecretUnavailable
from gaussdb_backup.http_client.response import Response
from gaussdb_backup.http_client.transport import NotSent, ResponseLost, Transport

READ_SECONDS: Final = 5.0
MAX_RETRY_SECONDS: Final = 10.0
INITIAL_READ_PAUSE_SECONDS: Final = 0.05
MAX_READ_PAUSE_SECONDS: Final = 1.0

_NOT_READY = b"not ready to serve traffic"
_LAYER_MISSING = (
    "is the layer AWS-Parameters-and-Secrets-Lambda-Extension attached, and for this architecture?"
)
_UNANSWERED = "the extension's own log lines say more"
_NOT_READY_IN_TIME = "the secrets extension did not become ready in time"
_OPAQUE = (
    "the secrets extension could not read it: does it exist in this region, may the role call "
    "secretsmanager:GetSecretValue on it and decrypt with its key? The extension's own log lines "
    "say more"
)


class _Found(BaseModel):
    """The part of the extension's response that counts; the rest differs from AWS's own."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    text: Annotated[str, Field(alias="SecretString")]
    version: Annotated[str, Field(alias="VersionId", min_length=1)]


class Secret(NamedTuple):
    """A secret as the store holds it at this moment.

    Args:
        value: the JSON object of its ``SecretString``.
        version: its ``VersionId``, which changes whenever the secret does.
    """

    value: dict[str, Any]
    version: str

    def __repr__(self) -> str:
        return f"Secret(version={self.version!r})"


class SecretStore:
    """The extension as this function reaches it.

    Args:
        transport: sends the requests.
        port: the extension's port on localhost.
        token: the value of its token header.
    """

    def __init__(self, transport: Transport, port: int, token: str) -> None:
        self.transport = transport
        self._host = f"localhost:{port}"
        self._headers = {"X-Aws-Parameters-Secrets-Token": token}

    def read(self, secret_id: str, variable: str, deadline: Deadline) -> Secret:
        """Reads a secret. Tries again while the extension is not ready or fails.

        Args:
            secret_id: name or ARN of the secret.
            variable: the environment variable that named it, for the message.
            deadline: the end of the invocation.

        Raises:
            SecretUnavailable: with the likely cause as evidence, which only the log shows.
        """
        response = self._retried(secret_id, variable, deadline)
        if response.status != 200:
            raise self._unavailable(variable, cause=_OPAQUE, status=response.status)
        try:
            found = _Found.model_validate_json(response.body)
            value = json.loads(found.text)
        except ValidationError:
            raise SecretUnavailable(f"{variable}: the secret has no SecretString") from None
        except (ValueError, RecursionError):
            raise SecretUnavailable(f"{variable}: the SecretString is not JSON") from None
        if not isinstance(value, dict):
            raise SecretUnavailable(f"{variable}: the SecretString is not a JSON object")
        return Secret(value, found.version)

    def _retried(self, secret_id: str, variable: str, deadline: Deadline) -> Response:
        """The first response that no other request would change, within 10 s of the time left."""
        clock = deadline.clock
        ends = clock.monotonic() + min(MAX_RETRY_SECONDS, deadline.remaining())
        pause = INITIAL_READ_PAUSE_SECONDS
        while True:
            try:
                response = self._request(secret_id, deadline)
            except NotSent as failure:
                cause, status = f"{failure.cause}: {_LAYER_MISSING}", None
            except ResponseLost as failure:
                cause, status = f"{failure.cause}: {_UNANSWERED}", None
            else:
                if not _may_change(response):
                    return response
                not_ready = _NOT_READY in response.body
                cause = _NOT_READY_IN_TIME if not_ready else _UNANSWERED
                status = response.status
            if clock.monotonic() + pause >= ends:
                raise self._unavailable(variable, cause=cause, status=status)
            clock.sleep(pause)
            pause = min(2 * pause, MAX_READ_PAUSE_SECONDS)

    def _request(self, secret_id: str, deadline: Deadline) -> Response:
        return self.transport.send(
            "GET",
            f"http://{self._host}/secretsmanager/get?secretId={quote(secret_id, safe='')}",
            seconds=min(READ_SECONDS, deadline.remaining()),
            headers=self._headers,
        )

    def _unavailable(self, variable: str, *, cause: str, status: int | None) -> SecretUnavailable:
        return SecretUnavailable(
            f"{variable}: no secret from the secrets extension at {self._host}",
            evidence=Evidence(http_status=status, error_msg=cause),
        )


def _may_change(response: Response) -> bool:
    """Whether the same request may get another response soon."""
    if response.status == 400:
        return _NOT_READY in response.body
    return response.status == 429 or response.status >= 500
