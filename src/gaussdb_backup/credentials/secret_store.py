"""A secret's name becomes its value, through the AWS Parameters and Secrets Lambda Extension.

The extension listens on localhost, refuses while the environment initialises, and answers nearly
every failure with one and the same opaque 400; what it knows stands in the function's own log.
Source: AWS Secrets Manager User Guide, "Use AWS Secrets Manager secrets in AWS Lambda functions".
"""

import json
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gaussdb_backup.clock import Deadline
from gaussdb_backup.errors import SecretUnavailable
from gaussdb_backup.http_client.response import Response
from gaussdb_backup.http_client.transport import NotSent, ResponseLost, Transport

READ_SECONDS: Final = 5.0
MAX_RETRY_SECONDS: Final = 10.0
INITIAL_READ_PAUSE_SECONDS: Final = 0.05
MAX_READ_PAUSE_SECONDS: Final = 1.0

_NOT_READY = b"not ready to serve traffic"
_LAYER_MISSING = (
    "nothing answers on the secrets extension's port: is the layer "
    "AWS-Parameters-and-Secrets-Lambda-Extension attached, and for this architecture?"
)
_OPAQUE = (
    "the secrets extension could not read it: does it exist in this region, may the role call "
    "secretsmanager:GetSecretValue on it and decrypt with its key? The extension's own log lines "
    "say more"
)


class _Found(BaseModel):
    """The part of the extension's answer that counts; the rest differs from AWS's own."""

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
        transport: what carries the requests.
        port: the extension's port on localhost.
        token: the value of its token header.
    """

    def __init__(self, transport: Transport, port: int, token: str) -> None:
        self.transport = transport
        self._url = f"http://localhost:{port}/secretsmanager/get?secretId="
        self._headers = {"X-Aws-Parameters-Secrets-Token": token}

    def read(self, secret_id: str, variable: str, deadline: Deadline) -> Secret:
        """Reads a secret afresh, waiting for an extension that is not ready yet.

        Args:
            secret_id: name or ARN of the secret.
            variable: the environment variable that named it, for the message.
            deadline: the end of the invocation.

        Raises:
            SecretUnavailable: with the likely causes.
        """
        answer = self._ask_until_ready(secret_id, variable, deadline)
        if answer.status != 200:
            raise SecretUnavailable(f"{variable}: {_OPAQUE}")
        try:
            found = _Found.model_validate_json(answer.body)
            value = json.loads(found.text)
        except ValidationError:
            raise SecretUnavailable(f"{variable}: the secret has no SecretString") from None
        except (ValueError, RecursionError):
            raise SecretUnavailable(f"{variable}: the SecretString is not JSON") from None
        if not isinstance(value, dict):
            raise SecretUnavailable(f"{variable}: the SecretString is not a JSON object")
        return Secret(value, found.version)

    def _ask_until_ready(self, secret_id: str, variable: str, deadline: Deadline) -> Response:
        clock = deadline.clock
        patience = clock.monotonic() + min(MAX_RETRY_SECONDS, deadline.remaining())
        pause = INITIAL_READ_PAUSE_SECONDS
        while True:
            try:
                answer = self._ask(secret_id, deadline)
            except NotSent:
                refusal = _LAYER_MISSING
            except ResponseLost:
                raise SecretUnavailable(
                    f"{variable}: the secrets extension gives no answer"
                ) from None
            else:
                if answer.status != 400 or _NOT_READY not in answer.body:
                    return answer
                refusal = "the secrets extension did not become ready in time"
            if clock.monotonic() + pause >= patience:
                raise SecretUnavailable(f"{variable}: {refusal}")
            clock.sleep(pause)
            pause = min(2 * pause, MAX_READ_PAUSE_SECONDS)

    def _ask(self, secret_id: str, deadline: Deadline) -> Response:
        return self.transport.send(
            "GET",
            self._url + quote(secret_id, safe=""),
            seconds=min(READ_SECONDS, deadline.remaining()),
            headers=self._headers,
        )
