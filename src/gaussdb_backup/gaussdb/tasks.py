"""The task that made a backup, found in the list of tasks.

Documents contradict each other on whether the service knows the tasks of manual backups, so no
outcome depends on this list.

Source: Open Telekom Cloud, "GaussDB(openGauss) API Reference", "Querying Tasks".
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from gaussdb_backup.gaussdb.api import GaussDB
from gaussdb_backup.gaussdb.models import (
    ApiModel,
    Backup,
    Job,
    NonEmpty,
    parse_zoned_time,
)
from gaussdb_backup.gaussdb.pages import ListQuery
from gaussdb_backup.gaussdb.pagination import read_list

JOB_NAME: Final = "BackupSnapshotGaussDBV5InInstance"
JOB_WINDOW: Final = timedelta(minutes=5)


class TaskInstance(ApiModel):
    """The instance that a task works on."""

    instance_id: str


class Task(ApiModel):
    """A task, as far as it leads from a backup to its job ID."""

    job_id: NonEmpty
    name: str
    created_at: str
    instance_info: TaskInstance
    fail_reason: str | None = None


def find_job(gaussdb: GaussDB, backup: Backup) -> Job:
    """Finds the task that made a backup: the one that was created nearest to its beginning."""
    began = backup.began_at()
    if began is None:
        return Job(lookup="none")
    listing = read_list(
        gaussdb,
        ListQuery(
            resource="tasks",
            parameters={
                "name": JOB_NAME,
                "start_time": _milliseconds(began - JOB_WINDOW),
                "end_time": _milliseconds(began + JOB_WINDOW),
            },
            model=Task,
            keep=lambda task: _may_have_made(task, backup.instance_id, began),
        ),
    )
    if not listing.is_whole or (listing.unreadable and not listing.entries):
        return Job(lookup="failed")
    job = nearest_job(listing.entries, began)
    return job._replace(fail_reason=job.fail_reason and gaussdb.redact(job.fail_reason))


def nearest_job(tasks: Iterable[Task], began: datetime) -> Job:
    """Chooses the task whose creation is nearest to the beginning of a backup.

    Args:
        tasks: backup tasks of the instance, from five minutes before to five minutes after.
        began: when the backup began.
    """
    distances = {task: _distance(task, began) for task in tasks}
    nearest = [task for task, distance in distances.items() if distance == min(distances.values())]
    if not nearest:
        return Job(lookup="none")
    if len({task.job_id for task in nearest}) > 1:
        return Job(lookup="ambiguous")
    return Job(id=nearest[0].job_id, fail_reason=nearest[0].fail_reason)


def _may_have_made(task: Task, instance_id: str, began: datetime) -> bool:
    return (
        task.name == JOB_NAME
        and task.instance_info.instance_id == instance_id
        and _distance(task, began) <= JOB_WINDOW
    )


def _distance(task: Task, began: datetime) -> timedelta:
    created = parse_zoned_time(task.created_at)
    return abs(created - began) if created is not None else timedelta.max


def _milliseconds(time: datetime) -> str:
    return str(int(time.timestamp() * 1000))
