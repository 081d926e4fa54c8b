"""What the cloud keeps, for tests to look at and to fill: projects, instances, backups, jobs."""

import threading
from copy import copy
from datetime import datetime, timedelta
from itertools import count
from uuid import uuid4

from tests.local_cloud.emulator.accounts import Accounts
from tests.local_cloud.emulator.behaviour import Behaviour
from tests.local_cloud.emulator.clock import ServerClock
from tests.local_cloud.emulator.gaussdb import BACKUP_JOB, GaussDb
from tests.local_cloud.emulator.resources import (
    Backup,
    BackupStatus,
    BackupType,
    Instance,
    Job,
    JobStatus,
)

DOMAIN_NAME = "OTC-EU-DE-00000000001000000001"


class Inventory(Behaviour):
    """The cloud's memory, read and written under its lock.

    Attributes:
        iam: users, access keys, tokens and projects.
        clock: the cloud's time, which may be moved.
        project_id: of the project that the cloud begins with, `eu-de`.
    """

    def __init__(self, project_id: str | None = None) -> None:
        super().__init__()
        self.clock = ServerClock()
        self.iam = Accounts(self.clock.now, DOMAIN_NAME)
        self.project_id = self.iam.add_project("eu-de", project_id).id
        self._lock = threading.RLock()
        self._numbers = count(1)
        self._gaussdb = GaussDb(self)

    @property
    def backups(self) -> list[Backup]:
        """The stored backups as they are by now, in the order of their making."""
        with self._lock:
            self._gaussdb.settle(self.clock.now())
            return [copy(backup) for backup in self._gaussdb.backups()]

    @property
    def jobs(self) -> list[Job]:
        """The jobs as they are by now, in the order of their making."""
        with self._lock:
            self._gaussdb.settle(self.clock.now())
            return [copy(job) for job in self._gaussdb.jobs.values()]

    @property
    def instances(self) -> list[Instance]:
        """The instances as they are by now; their status may be set."""
        with self._lock:
            self._gaussdb.settle(self.clock.now())
            return list(self._gaussdb.instances.values())

    def add_project(self, name: str, project_id: str | None = None) -> str:
        """Add a project (`eu-nl`) or a sub-project (`eu-de_team`); return its ID."""
        with self._lock:
            return self.iam.add_project(name, project_id).id

    def add_instance(
        self,
        instance_id: str | None = None,
        name: str = "orders",
        status: str = "ACTIVE",
        project_id: str | None = None,
    ) -> Instance:
        """Add a database instance."""
        with self._lock:
            instance = Instance(
                id=instance_id or f"{uuid4().hex}in14",
                name=name,
                project_id=project_id or self.project_id,
                created=self.clock.now(),
                status=status,
            )
            self._gaussdb.instances[instance.id] = instance
            return instance

    def remove_instance(self, instance_id: str) -> None:
        """Delete an instance; its backups stay."""
        with self._lock:
            del self._gaussdb.instances[instance_id]

    def fail_backup(self, name: str | None = None) -> None:
        """Let the backup of this name end FAILED, or the next one that begins."""
        with self._lock:
            if name is None:
                self._gaussdb.fail_next += 1
            else:
                self._gaussdb.fail_names.add(name)

    def add_backup(  # noqa: PLR0913 - what one may say about a backup
        self,
        name: str | None = None,
        *,
        instance_id: str,
        type: BackupType = "manual",  # noqa: A002 - the interface's word
        status: BackupStatus = "COMPLETED",
        begin_time: datetime | None = None,
        age: timedelta = timedelta(days=1),
        description: str | None = None,
        size: float | None = None,
        with_job: bool = True,
    ) -> Backup:
        """Put a backup into the store that began earlier; one in BUILDING stays there for ever.

        Args:
            name: by default one that nothing else has.
            instance_id: an instance of the cloud.
            type: "manual" or "auto"; an automated one has no job.
            status: of the backup.
            begin_time: when it began; by default so long ago as `age` says.
            age: how long ago it began.
            description: free text.
            size: megabytes; by default as the status has it.
            with_job: whether the task centre still knows the job that made it.
        """
        with self._lock:
            begin = begin_time or self.clock.now() - age
            instance = self._gaussdb.instances[instance_id]
            ended = status != "BUILDING"
            job_id: str | None = None
            if type == "manual" and with_job:
                state: JobStatus = "Running" if not ended else "Completed"
                state = "Failed" if status == "FAILED" else state
                job_id = self.add_job(instance_id=instance_id, created=begin, status=state).id
            full = self.backup_size if status in {"COMPLETED", "DELETING"} else 0.0
            backup = Backup(
                id=f"{uuid4().hex}br14",
                name=name or self._name(instance, type, begin),
                description=description,
                type=type,
                instance_id=instance_id,
                project_id=instance.project_id,
                status=status,
                begin_time=begin,
                end_time=begin + timedelta(seconds=self.backup_seconds) if ended else None,
                size=full if size is None else size,
                job_id=job_id,
                listed_from=begin,
            )
            self._gaussdb.store(backup)
            return copy(backup)

    def _name(self, instance: Instance, kind: BackupType, begin: datetime) -> str:
        number = next(self._numbers)
        if kind == "auto":
            return f"GaussDB-{instance.name}-{begin:%Y%m%d%H%M%S}{number:03}"
        return f"earlier-{number}"

    def add_job(
        self,
        name: str = BACKUP_JOB,
        *,
        instance_id: str,
        created: datetime | None = None,
        status: JobStatus = "Completed",
    ) -> Job:
        """Put a job into the task centre; a running one runs for ever.

        Args:
            name: what kind of job.
            instance_id: an instance of the cloud.
            created: when it began; now by default.
            status: of the job.
        """
        with self._lock:
            begin = created or self.clock.now()
            instance = self._gaussdb.instances[instance_id]
            end = begin + timedelta(seconds=self.backup_seconds)
            job = self._gaussdb.start_job(name, instance, begin, end)
            if status != "Running":
                reason = "The job failed." if status == "Failed" else None
                self._gaussdb.end_job(job.id, end, reason)
            return copy(job)
