"""The calls of the GaussDB API: our words to HTTP and back, authorised and counted.

Source: Open Telekom Cloud, "GaussDB(openGauss) API Reference", "Creating a Manual Backup".
"""

import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from pydantic import ValidationError

from gaussdb_backup.clock import Deadline
from gaussdb_backup.credentials.auth import Auth, Authorization
from gaussdb_backup.errors import (
    BackupError,
    CredentialsRejected,
    OutcomeUnknown,
    ServiceUnavailable,
)
from gaussdb_backup.gaussdb.models import CreateResponse
from gaussdb_backup.http_client.error_mapping import map_error, unreadable_response
from gaussdb_backup.http_client.response import Response
from gaussdb_backup.http_client.retry import call_timeout, retry_read
from gaussdb_backup.http_client.transport import NotSent, ResponseLost, Transport
from gaussdb_backup.request import CreateRequest


class GaussDB:
    """The API as one delivery uses it.

    Args:
        endpoint: the API's endpoint.
        transport: what carries the requests.
        auth: what authorises them.
        deadline: the end of the invocation.

    Attributes:
        deadline: the same.
        calls: the milliseconds of each call so far.
        creates: how many create requests were sent.
    """

    def __init__(self, endpoint: str, transport: Transport, auth: Auth, deadline: Deadline) -> None:
        self._endpoint = endpoint
        self._transport = transport
        self._auth = auth
        self.deadline: Final = deadline
        self.calls: list[float] = []
        self.creates = 0

    def create(self, request: CreateRequest) -> CreateResponse | BackupError:
        """Asks once for a backup; what the service thinks of it is the result, not an exception.

        Returns:
            The accepted backup, or: ``OutcomeUnknown`` where it may have been accepted,
            ``ServiceUnavailable`` where the request was not sent, ``NameTaken`` where the service
            knows the name, and each other error where the request was refused.
        """
        body = {"instance_id": request.instance_id, "name": request.name}
        if request.description is not None:
            body["description"] = request.description
        try:
            answer = self._authorised("POST", "backups", json.dumps(body).encode())
        except NotSent as failure:
            return ServiceUnavailable(f"no connection to the service: {failure}")
        except ResponseLost as failure:
            return OutcomeUnknown(f"the answer was lost: {failure}")
        except BackupError as error:
            return error
        return _created(answer)

    def get(self, resource: str, query: Mapping[str, str]) -> Response:
        """Reads something, again as long as the service is out of order and there is time.

        Args:
            resource: what lies in the project, such as ``backups``.
            query: the parameters as the API names them.

        Raises:
            BackupError: the answer is not 200, or there is none.
        """
        path = f"{resource}?{_encoded(query)}"
        answer = retry_read(lambda: self._authorised("GET", path), self.deadline)
        if answer.status != 200:
            raise map_error(answer)
        return answer

    def _authorised(self, method: str, path: str, body: bytes | None = None) -> Response:
        """Sends a request, and once more with renewed credentials if they were refused."""
        authorization = self._auth.authorization(self.deadline)
        answer = self._send(authorization, method, path, body)
        refusal = map_error(answer) if answer.status >= 400 else None
        if not isinstance(refusal, CredentialsRejected):
            return answer
        renewed = self._auth.renew(authorization, refusal, self.deadline)
        return self._send(renewed, method, path, body)

    def _send(
        self, authorization: Authorization, method: str, path: str, body: bytes | None
    ) -> Response:
        clock = self.deadline.clock
        began = clock.monotonic()
        sent = 1
        try:
            answer = self._transport.send(
                method,
                f"{self._endpoint}/v3/{authorization.project_id}/{path}",
                seconds=call_timeout(self.deadline),
                auth=authorization.auth,
                headers={"Content-Type": "application/json"},
                body=body,
            )
        except NotSent:
            sent = 0
            raise
        finally:
            self.calls.append(1000 * (clock.monotonic() - began))
            self.creates += sent if method == "POST" else 0
        return answer._replace(redact=authorization.redact)


def _created(answer: Response) -> CreateResponse | BackupError:
    if answer.status == 202:
        try:
            return CreateResponse.model_validate_json(answer.body)
        except ValidationError:
            error: BackupError = unreadable_response(answer)
    else:
        error = map_error(answer)
    if isinstance(error, ServiceUnavailable):
        return OutcomeUnknown(error.detail, evidence=error.evidence, retry_after=error.retry_after)
    return error


def _encoded(query: Mapping[str, str]) -> str:
    """Percent-encoded, blanks as ``%20``, so that what is signed is what is sent."""
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
