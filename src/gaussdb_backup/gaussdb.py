"""The calls of the GaussDB API: our words to HTTP and back, authorised and counted.

Source: Open Telekom Cloud, "GaussDB(openGauss) API Reference", "Creating a Manual Backup".
"""

import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from pydantic import ValidationError

from gaussdb_backup.access import Access, Ticket
from gaussdb_backup.answers import Answer, error_from, evidence_from, unreadable
from gaussdb_backup.clock import Deadline
from gaussdb_backup.documents import Accepted
from gaussdb_backup.errors import (
    BackupError,
    CredentialsRejected,
    OutcomeUnknown,
    ServiceUnavailable,
)
from gaussdb_backup.patience import allowance, until_answered
from gaussdb_backup.payload import Create
from gaussdb_backup.transport import Lost, NotSent, Transport


class GaussDB:
    """The API as one delivery uses it.

    Args:
        endpoint: the API's endpoint.
        transport: what carries the requests.
        access: what authorises them.
        deadline: the end of the invocation.

    Attributes:
        deadline: the same.
        calls: the milliseconds of each call so far.
        creates: how many create requests were sent.
    """

    def __init__(
        self, endpoint: str, transport: Transport, access: Access, deadline: Deadline
    ) -> None:
        self._endpoint = endpoint
        self._transport = transport
        self._access = access
        self.deadline: Final = deadline
        self.calls: list[float] = []
        self.creates = 0

    def create(self, request: Create) -> Accepted | BackupError:
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
        except Lost as failure:
            return OutcomeUnknown(f"the answer was lost: {failure}")
        except BackupError as error:
            return error
        return _created(answer)

    def get(self, resource: str, query: Mapping[str, str]) -> Answer:
        """Reads something, again as long as the service is out of order and there is time.

        Args:
            resource: what lies in the project, such as ``backups``.
            query: the parameters as the API names them.

        Raises:
            BackupError: the answer is not 200, or there is none.
        """
        path = f"{resource}?{_encoded(query)}"
        answer = until_answered(lambda: self._authorised("GET", path), self.deadline)
        if answer.status != 200:
            raise error_from(answer)
        return answer

    def _authorised(self, method: str, path: str, body: bytes | None = None) -> Answer:
        """Sends a request, and once more with renewed credentials if they were refused."""
        ticket = self._access.ticket(self.deadline)
        answer = self._send(ticket, method, path, body)
        if not _refuses_credentials(answer):
            return answer
        refusal = CredentialsRejected(
            "the cloud refuses the credentials", evidence=evidence_from(answer)
        )
        return self._send(self._access.renew(ticket, refusal, self.deadline), method, path, body)

    def _send(self, ticket: Ticket, method: str, path: str, body: bytes | None) -> Answer:
        clock = self.deadline.clock
        began = clock.monotonic()
        sent = 1
        try:
            answer = self._transport.exchange(
                method,
                f"{self._endpoint}/v3/{ticket.project_id}/{path}",
                seconds=allowance(self.deadline),
                auth=ticket.auth,
                headers={"Content-Type": "application/json"},
                body=body,
            )
        except NotSent:
            sent = 0
            raise
        finally:
            self.calls.append(1000 * (clock.monotonic() - began))
            self.creates += sent if method == "POST" else 0
        return answer._replace(hidden=ticket.hidden)


def _created(answer: Answer) -> Accepted | BackupError:
    if answer.status == 202:
        try:
            return Accepted.model_validate_json(answer.body)
        except ValidationError:
            error: BackupError = unreadable(answer)
    else:
        error = error_from(answer)
    if isinstance(error, ServiceUnavailable):
        return OutcomeUnknown(error.detail, evidence=error.evidence, retry_after=error.retry_after)
    return error


def _refuses_credentials(answer: Answer) -> bool:
    if answer.status == 401:
        return True
    return answer.status == 403 and isinstance(error_from(answer), CredentialsRejected)


def _encoded(query: Mapping[str, str]) -> str:
    """Percent-encoded, blanks as ``%20``, so that what is signed is what is sent."""
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
