"""The calls of the GaussDB API that a backup needs: our words to HTTP and back.

Source: Open Telekom Cloud, "GaussDB(openGauss) API Reference", "Creating a Manual Backup",
"Querying Backups", "Querying Tasks", "Querying DB Instances".
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from gaussdb_backup.access import Access, Ticket
from gaussdb_backup.answers import Answer, error_from, evidence_from, unreadable
from gaussdb_backup.clock import Deadline
from gaussdb_backup.documents import (
    Accepted,
    Backup,
    Backups,
    Instance,
    Instances,
    Page,
    Task,
    Tasks,
    zoned_time,
)
from gaussdb_backup.errors import (
    BackupError,
    CredentialsRejected,
    OutcomeUnknown,
    ServiceUnavailable,
)
from gaussdb_backup.patience import allowance, until_answered
from gaussdb_backup.payload import Create
from gaussdb_backup.transport import Lost, NotSent, Transport

PAGE: Final = 100
MOST_READINGS: Final = 4
JOB_NAME: Final = "BackupSnapshotGaussDBV5InInstance"
JOB_WINDOW: Final = timedelta(minutes=5)

Entry = TypeVar("Entry")
Reader = Callable[[bytes], Page[Entry]]
JobLookup = Literal["none", "ambiguous", "failed"]


class Job(NamedTuple):
    """The task of a backup, or why there is none."""

    id: str | None
    lookup: JobLookup | None = None


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

    def backups(self, **query: str) -> list[Backup]:
        """All backups that a query finds, in whatever order they are listed.

        Args:
            query: ``instance_id``, ``backup_id``, ``backup_type`` as the API names them.

        Raises:
            BackupError: the list cannot be read.
        """
        return self._all(Backups.model_validate_json, "backups", query)

    def instance(self, instance_id: str) -> Instance | None:
        """One instance, if the service knows it.

        Raises:
            BackupError: the list of instances cannot be read.
        """
        found = self._all(Instances.model_validate_json, "instances", {"id": instance_id})
        return next((instance for instance in found if instance.id == instance_id), None)

    def job_of(self, backup: Backup) -> Job:
        """The task that makes a backup: the one that was created nearest to its beginning."""
        began = backup.began()
        if began is None:
            return Job(None, "none")
        window = {
            "name": JOB_NAME,
            "start_time": _milliseconds(began - JOB_WINDOW),
            "end_time": _milliseconds(began + JOB_WINDOW),
        }
        try:
            tasks = self._all(Tasks.model_validate_json, "tasks", window)
        except BackupError:
            return Job(None, "failed")
        return nearest_job(tasks, backup.instance_id, began)

    def _all(self, read: Reader[Entry], resource: str, query: Mapping[str, str]) -> list[Entry]:
        for _ in range(MOST_READINGS):
            entries = self._reading(read, resource, query)
            if entries is not None:
                return entries
        raise ServiceUnavailable("the list changes faster than it can be read")

    def _reading(
        self, read: Reader[Entry], resource: str, query: Mapping[str, str]
    ) -> list[Entry] | None:
        """One reading of all pages, or None where the list changed between them."""
        entries: list[Entry] = []
        total: int | None = None
        while total is None or len(entries) < total:
            page = self._page(read, resource, query, len(entries))
            if total not in {None, page.total_count} or (page.total_count and not page.entries):
                return None
            total = page.total_count
            entries += page.entries
        return entries if len(set(entries)) >= total else None

    def _page(
        self, read: Reader[Entry], resource: str, query: Mapping[str, str], offset: int
    ) -> Page[Entry]:
        asked = {**query, "offset": str(offset), "limit": str(PAGE)}
        path = f"{resource}?{_encoded(asked)}"
        answer = until_answered(lambda: self._authorised("GET", path), self.deadline)
        if answer.status != 200:
            raise error_from(answer)
        try:
            return read(answer.body)
        except ValidationError:
            raise unreadable(answer) from None

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


def nearest_job(tasks: Iterable[Task], instance_id: str, began: datetime) -> Job:
    """The backup task of an instance whose creation is nearest to a time, within 5 minutes."""
    distances = {
        task.job_id: abs(created - began)
        for task in tasks
        if task.name == JOB_NAME
        and task.instance_info.instance_id == instance_id
        and (created := zoned_time(task.created_at)) is not None
        and abs(created - began) <= JOB_WINDOW
    }
    if not distances:
        return Job(None, "none")
    nearest = [job for job, distance in distances.items() if distance == min(distances.values())]
    return Job(nearest[0]) if len(nearest) == 1 else Job(None, "ambiguous")


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


def _milliseconds(time: datetime) -> str:
    return str(int(time.timestamp() * 1000))
