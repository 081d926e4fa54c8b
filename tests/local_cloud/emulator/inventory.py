"""The state of the cloud, which tests read and fill: projects, instances, backups, jobs."""

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
    """The cloud's state, read and written under its lock.

    Attributes:
        iam: users, access keys, tokens and projects.
        clock: the cloud's clock, which can be moved.
        project_id: the ID of the initial project, `eu-de`.
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
        """The stored backups in order of creation."""
        with self._lock:
            self._gaussdb.run_due(self.clock.now())
            return [copy(backup) for backup in self._gaussdb.backups()]

    @property
    def jobs(self) -> list[Job]:
        """The jobs in order of creation."""
        with self._lock:
            self._gaussdb.run_due(self.clock.now())
            return [copy(job) for job in self._gaussdb.jobs.values()]

    @property
    def instances(self) -> list[Instance]:
        """The instances; tests may set their status."""
        with self._lock:
            self._gaussdb.run_due(self.clock.now())
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
        """Delete an instance and its automated backups; its manual backups stay."""
        with self._lock:
            self._gaussdb.remove_instance(instance_id)

    def fail_backup(self, name: str | None = None) -> None:
        """Let the backup of this name, or else the next new backup, end as FAILED."""
        with self._lock:
            if name is None:
                self._gaussdb.fail_next += 1
            else:
                self._gaussdb.fail_names.add(name)

    def add_backup(  # noqa: PLR0913 - keyword-only properties of a backup
        self,
        name: str | None = None,
        *,
        instance_id: str,
        type: BackupType = "manual",  # noqa: A002 - the API's name
        status: BackupStatus = "COMPLETED",
        begin_time: datetime | None = None,
        age: timedelta = timedelta(days=1),
        description: str | None = None,
        size: float | None = None,
        with_job: bool = True,
    ) -> Backup:
        """Store a backup that began earlier. One that is BUILDING stays so forever.

        Args:
            name: a unique name by default.
            instance_id: the ID of an existing instance.
            type: "manual" or "auto"; automated backups have no job.
            status: the status of the backup.
            begin_time: when it began; by default `age` before now.
            age: how long ago it began, if there is no `begin_time`.
            description: free text.
            size: megabytes; by default as the status implies.
            with_job: whether the task centre still lists its job.
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
        """Add a job to the task centre. A running one runs forever.

        Args:
            name: the type of job.
            instance_id: the ID of an existing instance.
            created: the start time; now by default.
            status: the status of the job.
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
