"""The resources of GaussDB: instances, backups, jobs."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

BackupType = Literal["manual", "auto"]
BackupStatus = Literal["BUILDING", "COMPLETED", "FAILED", "DELETING"]
JobStatus = Literal["Running", "Completed", "Failed"]


def _default_policy() -> dict[str, object]:
    return {
        "keep_days": 7,
        "start_time": "18:00-19:00",
        "period": "1,2,3,4,5,6,7",
        "differential_period": 30,
    }


@dataclass(slots=True)
class Instance:
    """A database instance. Its status is BACKING UP during a backup; tests may set it."""

    id: str
    name: str
    project_id: str
    created: datetime
    status: str = "ACTIVE"
    supports_backups: bool = True
    vpc_id: str = "490a4a08-ef4b-44c5-94be-3051ef9e4fce"
    subnet_id: str = "0e2eda62-1d42-4d64-a9d1-4e9aa9cd994f"
    policy: dict[str, object] = field(default_factory=_default_policy)


@dataclass(slots=True)
class Backup:
    """A stored backup; the size is in megabytes."""

    id: str
    name: str
    description: str | None
    type: BackupType
    instance_id: str
    project_id: str
    status: BackupStatus
    begin_time: datetime
    end_time: datetime | None
    size: float
    job_id: str | None
    listed_from: datetime


@dataclass(slots=True)
class Job:
    """A job, which the task centre calls a task."""

    id: str
    name: str
    status: JobStatus
    created: datetime
    ended: datetime | None
    project_id: str
    instance_id: str
    instance_name: str
    fail_reason: str | None = None
    expected_end: datetime | None = None

    def progress(self, now: datetime) -> str:
        """Return the progress in the format of the job API: empty unless the job runs."""
        if self.status != "Running" or self.expected_end is None:
            return ""
        whole = (self.expected_end - self.created) / timedelta(seconds=1)
        done = (now - self.created) / timedelta(seconds=1)
        return f"{min(99, int(100 * done / whole)) if whole > 0 else 99}%"
