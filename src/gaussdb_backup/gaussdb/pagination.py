"""The lists of the API, read whole: backups, instances, and the tasks that make backups.

Source: Open Telekom Cloud, "GaussDB(openGauss) API Reference", "Querying Backups", "Querying DB
Instances", "Querying Tasks".
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, NamedTuple, Protocol, TypeVar

from pydantic import Field, ValidationError

from gaussdb_backup.errors import BackupError, ServiceUnavailable
from gaussdb_backup.gaussdb.api import GaussDB
from gaussdb_backup.gaussdb.models import ApiModel, Backup, parse_zoned_time
from gaussdb_backup.http_client.error_mapping import unreadable_response

PAGE_SIZE: Final = 100
MAX_READINGS: Final = 4
JOB_NAME: Final = "BackupSnapshotGaussDBV5InInstance"
JOB_WINDOW: Final = timedelta(minutes=5)

JobLookup = Literal["none", "ambiguous", "failed"]


class Job(NamedTuple):
    """The task of a backup, or why there is none."""

    id: str | None
    lookup: JobLookup | None = None


class Instance(ApiModel):
    """An instance, as far as a backup depends on it."""

    id: str
    name: str
    status: str


class _TaskInstance(ApiModel):
    instance_id: str


class Task(ApiModel):
    """A task, as far as it leads from a backup to its job ID."""

    job_id: Annotated[str, Field(min_length=1)]
    name: str
    created_at: str
    instance_info: _TaskInstance


Entry_co = TypeVar("Entry_co", covariant=True)


class Page(Protocol[Entry_co]):
    """One page of a list: its entries, and how many there are on all pages."""

    @property
    def entries(self) -> tuple[Entry_co, ...]:
        """The entries of this page."""

    @property
    def total_count(self) -> int:
        """How many there are on all pages."""


class _Counted(ApiModel):
    total_count: Annotated[int, Field(ge=0)]


class BackupPage(_Counted):
    """A page of backups."""

    entries: Annotated[tuple[Backup, ...], Field(alias="backups")]


class TaskPage(_Counted):
    """A page of tasks."""

    entries: Annotated[tuple[Task, ...], Field(alias="tasks")]


class InstancePage(_Counted):
    """A page of instances."""

    entries: Annotated[tuple[Instance, ...], Field(alias="instances")]


Entry = TypeVar("Entry")
Reader = Callable[[bytes], Page[Entry]]


def list_backups(gaussdb: GaussDB, **query: str) -> list[Backup]:
    """All backups that a query finds, in whatever order they are listed.

    Args:
        gaussdb: the API.
        query: ``instance_id``, ``backup_id``, ``backup_type`` as the API names them.

    Raises:
        BackupError: the list cannot be read.
    """
    return _all(gaussdb, "backups", query, BackupPage.model_validate_json)


def find_instance(gaussdb: GaussDB, instance_id: str) -> Instance | None:
    """One instance, if the service knows it.

    Raises:
        BackupError: the list of instances cannot be read.
    """
    found = _all(gaussdb, "instances", {"id": instance_id}, InstancePage.model_validate_json)
    return next((one for one in found if one.id == instance_id), None)


def find_job(gaussdb: GaussDB, backup: Backup) -> Job:
    """The task that makes a backup: the one that was created nearest to its beginning."""
    began = backup.began_at()
    if began is None:
        return Job(None, "none")
    window = {
        "name": JOB_NAME,
        "start_time": _milliseconds(began - JOB_WINDOW),
        "end_time": _milliseconds(began + JOB_WINDOW),
    }
    try:
        tasks = _all(gaussdb, "tasks", window, TaskPage.model_validate_json)
    except BackupError:
        return Job(None, "failed")
    return _nearest(tasks, backup.instance_id, began)


def _all(
    gaussdb: GaussDB, resource: str, query: Mapping[str, str], read: Reader[Entry]
) -> list[Entry]:
    for _ in range(MAX_READINGS):
        entries = _reading(gaussdb, resource, query, read)
        if entries is not None:
            return entries
    raise ServiceUnavailable("the list changes faster than it can be read")


def _reading(
    gaussdb: GaussDB, resource: str, query: Mapping[str, str], read: Reader[Entry]
) -> list[Entry] | None:
    """One reading of all pages, or None where the list changed between them."""
    entries: list[Entry] = []
    total: int | None = None
    while total is None or len(entries) < total:
        asked = {**query, "offset": str(len(entries)), "limit": str(PAGE_SIZE)}
        answer = gaussdb.get(resource, asked)
        try:
            page = read(answer.body)
        except ValidationError:
            raise unreadable_response(answer) from None
        if total not in {None, page.total_count} or (page.total_count and not page.entries):
            return None
        total = page.total_count
        entries += page.entries
    return entries if len(set(entries)) >= total else None


def _nearest(tasks: Iterable[Task], instance_id: str, began: datetime) -> Job:
    """The backup task of an instance whose creation is nearest to a time, within 5 minutes."""
    distances = {
        task.job_id: abs(created - began)
        for task in tasks
        if task.name == JOB_NAME
        and task.instance_info.instance_id == instance_id
        and (created := parse_zoned_time(task.created_at)) is not None
        and abs(created - began) <= JOB_WINDOW
    }
    if not distances:
        return Job(None, "none")
    nearest = [job for job, distance in distances.items() if distance == min(distances.values())]
    return Job(nearest[0]) if len(nearest) == 1 else Job(None, "ambiguous")


def _milliseconds(time: datetime) -> str:
    return str(int(time.timestamp() * 1000))
