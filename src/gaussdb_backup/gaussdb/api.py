"""The calls of the GaussDB API, authorized and counted.

Source: Open Telekom Cloud, "GaussDB(openGauss) API Reference", "Creating a Manual Backup".
"""

import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from pydantic import ValidationError

from gaussdb_backup.credentials.auth import Auth
from gaussdb_backup.credentials.issuer import Authorization, Invocation
from gaussdb_backup.errors import (
    BackupError,
    OutcomeUnknown,
    ServiceUnavailable,
)
from gaussdb_backup.gaussdb.models import CreateResponse, NotAuthorized
from gaussdb_backup.http_client.error_mapping import map_error, unreadable_response
from gaussdb_backup.http_client.redaction import holds_secret, redact_message
from gaussdb_backup.http_client.response import Response
from gaussdb_backup.http_client.retry import MAX_ATTEMPTS, call_timeout, retry_read
from gaussdb_backup.http_client.transport import NotSent, ResponseLost, Transport
from gaussdb_backup.request import CreateRequest

MAX_REQUEST_ID: Final = 64


class GaussDB:
    """The API as one delivery uses it.

    Args:
        endpoint: the API's endpoint.
        transport: sends the requests.
        auth: authorizes them.
        invocation: the invocation that the delivery belongs to.

    Attributes:
        auth_error: why there are no credentials, so that no call of this delivery can succeed.
        deadline: the end of the invocation.
        calls: the milliseconds of each call so far.
        creates: how many create requests were sent.
        log_fields: what else the delivery's log line shows of its calls.
    """

    def __init__(
        self, endpoint: str, transport: Transport, auth: Auth, invocation: Invocation
    ) -> None:
        self._endpoint = endpoint
        self._transport = transport
        self._auth = auth
        self._invocation = invocation
        self.auth_error: BackupError | None = None
        self.deadline: Final = invocation.deadline
        self.calls: list[float] = []
        self.creates = 0
        self.log_fields: dict[str, object] = {}
        self._failed_reads = 0
        self._redact: tuple[str, ...] = ()

    def create(self, request: CreateRequest) -> CreateResponse | BackupError | NotAuthorized:
        """Sends the create request once; a refusal is a result, not an exception.

        Returns:
            The accepted backup, or: ``OutcomeUnknown`` where it may have been accepted,
            ``ServiceUnavailable`` where the request was not sent, ``NameTaken`` where the service
            knows the name, each other error where the request was refused, and ``NotAuthorized``
            where there are no credentials for it.
        """
        body = {"instance_id": request.instance_id, "name": request.name}
        if request.description is not None:
            body["description"] = request.description
        try:
            response = self.send("POST", "backups", json.dumps(body).encode())
        except NotSent as failure:
            return ServiceUnavailable(f"no connection to GaussDB at {failure}")
        except ResponseLost as failure:
            return OutcomeUnknown(f"no response from GaussDB at {failure}")
        except BackupError as error:
            return NotAuthorized(error)  # nothing else raises one here
        self.log_fields["api_request_id"] = _request_id(response)
        return _created(response)

    def get(self, resource: str, query: Mapping[str, str]) -> Response:
        """Reads a resource of the project; retried while the service is out of order.

        Args:
            resource: the resource, such as ``backups``.
            query: the parameters as the API names them.

        Raises:
            BackupError: the response is not 200, or there is none.
        """
        path = f"{resource}?{_encoded(query)}"
        try:
            response = retry_read(lambda: self.send("GET", path), self.deadline, self._failed_reads)
        except BackupError:
            self._failed_reads += MAX_ATTEMPTS
            raise
        self._failed_reads = 0
        if response.status != 200:
            raise map_error(response)
        return response

    def redact(self, message: str) -> str:
        """A message of the service as one short line, without what the last request carried."""
        return redact_message(message, self._redact)

    def with_auth(self, auth: Auth) -> "GaussDB":
        """The API for the same delivery as another cloud user; all its calls count together."""
        other = GaussDB(self._endpoint, self._transport, auth, auth.begin(self.deadline))
        other.calls, other.log_fields = self.calls, self.log_fields
        return other

    def send(self, method: str, path: str, body: bytes | None = None) -> Response:
        """Sends a request with credentials that the service accepts.

        Args:
            method: the HTTP method.
            path: what follows the project in the URL.
            body: the body.

        Raises:
            NotSent: the service has seen nothing of it.
            ResponseLost: it may have been carried out.
            BackupError: there are no credentials that the service accepts.
        """
        try:
            return self._auth.send(
                lambda authorization: self._send(authorization, method, path, body),
                self._invocation,
            )
        except BackupError as error:
            self.auth_error = error
            raise

    def _send(
        self, authorization: Authorization, method: str, path: str, body: bytes | None
    ) -> Response:
        clock = self.deadline.clock
        began = clock.monotonic()
        sent = 1
        self._redact = authorization.redact
        try:
            response = self._transport.send(
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
        return response._replace(redact=authorization.redact)


def _created(response: Response) -> CreateResponse | BackupError:
    if response.status == 202:
        try:
            return CreateResponse.model_validate_json(response.body)
        except ValidationError:
            error: BackupError = unreadable_response(response)
    else:
        error = map_error(response)
    if isinstance(error, ServiceUnavailable):
        return OutcomeUnknown(error.detail, evidence=error.evidence, retry_after=error.retry_after)
    return error


def _request_id(response: Response) -> str | None:
    """The service's ID of the request, if it is one that a log line may show."""
    text = response.headers.get("X-Request-Id", "")
    is_id = len(text) <= MAX_REQUEST_ID and text.isascii() and text.replace("-", "").isalnum()
    return text if is_id and not holds_secret(text, response.redact) else None


def _encoded(query: Mapping[str, str]) -> str:
    """Percent-encoded, blanks as ``%20``, so that what is signed is what is sent."""
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
