"""GaussDB's state: instances, backups and jobs, and how they change over time.

Nothing runs in the background. Future changes (the end of a backup, a deletion, a request that is
executed late) wait in one queue. `run_due` applies them in order before each access.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable
from copy import copy
from datetime import datetime, timedelta
from itertools import count
from uuid import uuid4

from tests.local_cloud.emulator.behaviour import Behaviour
from tests.local_cloud.emulator.resources import Backup, Instance, Job
from tests.local_cloud.emulator.responses import ErrorResponse, service_error

BACKUP_JOB = "BackupSnapshotGaussDBV5InInstance"

# the states during another operation, and the states with their own error code
BUSY = (
    "MODIFYING",
    "EXPANDING",
    "REBOOTING",
    "UPGRADING",
    "RESTORING",
    "SWITCHOVER",
    "MIGRATING",
    "REPAIRING",
    "REDUCING REPLICATION",
)
STATE_CODES = {
    "BACKING UP": "DBS.201205",
    "STORAGE FULL": "DBS.200316",
    "FAILED": "DBS.280011",
    "FROZEN": "DBS.280449",
} | dict.fromkeys(BUSY, "DBS.201202")
WRONG_STATE = "DBS.201014"


class GaussDb:
    """The service's state; every operation takes its time as an argument.

    Attributes:
        restores: how many instances are being restored from each backup.
    """

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.fail_next = 0
        self.fail_names: set[str] = set()
        self.instances: dict[str, Instance] = {}
        self.jobs: dict[str, Job] = {}
        self.restores: Counter[str] = Counter()
        self._backups: dict[str, Backup] = {}
        self._of_instance: dict[str, dict[str, Backup]] = defaultdict(dict)
        self._names: dict[tuple[str, str], str] = {}
        self._building: dict[str, Backup] = {}
        self._due: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._order = count()

    def at(self, moment: datetime, action: Callable[[datetime], None]) -> None:
        """Schedule an action for a later time."""
        heapq.heappush(self._due, (moment, next(self._order), action))

    def run_due(self, now: datetime) -> None:
        """Run all actions that are due, in order."""
        while self._due and self._due[0][0] <= now:
            moment, _, action = heapq.heappop(self._due)
            action(moment)

    def backups(self, instance_id: str | None = None) -> list[Backup]:
        """Return the stored backups of one instance, or all, in order of creation."""
        if instance_id is None:
            return list(self._backups.values())
        return list(self._of_instance[instance_id].values())

    def find_backup(self, project_id: str, backup_id: str) -> Backup | None:
        """Return a backup of this project, if it exists."""
        found = self._backups.get(backup_id)
        return found if found is not None and found.project_id == project_id else None

    def store(self, backup: Backup) -> None:
        """Store a backup; one that is BUILDING makes its instance BACKING UP."""
        self._backups[backup.id] = backup
        self._of_instance[backup.instance_id][backup.id] = backup
        self._names[backup.project_id, backup.name] = backup.id
        if backup.status == "BUILDING":
            self._building[backup.instance_id] = backup
            self.instances[backup.instance_id].status = "BACKING UP"

    def remove(self, backup: Backup) -> None:
        """Remove a backup, which frees its name."""
        self._backups.pop(backup.id, None)
        self._of_instance[backup.instance_id].pop(backup.id, None)
        self._names.pop((backup.project_id, backup.name), None)

    def remove_instance(self, instance_id: str) -> None:
        """Delete an instance and its automated backups; its manual backups stay."""
        del self.instances[instance_id]
        for backup in self.backups(instance_id):
            if backup.type == "auto":
                self.remove(backup)

    def create_backup(
        self, instance: Instance, name: str, description: str | None, now: datetime
    ) -> Backup:
        """Start a manual backup.

        Args:
            instance: the instance to back up.
            name: unique in the project, also among failed backups.
            description: free text.
            now: the time of the request.

        Raises:
            ErrorResponse: the name is taken, or the instance is busy or in a wrong state.
        """
        if (instance.project_id, name) in self._names:
            raise ErrorResponse(service_error("DBS.201201"))
        self._require_ready(instance)
        ends_at = now + timedelta(seconds=self.behaviour.backup_seconds)
        created = now + timedelta(seconds=self.behaviour.task_lag)
        job = self.start_job(BACKUP_JOB, instance, created, ends_at)
        backup = Backup(
            id=f"{uuid4().hex}br14",
            name=name,
            description=description,
            type="manual",
            instance_id=instance.id,
            project_id=instance.project_id,
            status="BUILDING",
            begin_time=now,
            end_time=None,
            size=0.0,
            job_id=job.id,
            listed_from=now + timedelta(seconds=self.behaviour.list_lag),
        )
        self.store(backup)
        if self.fail_next > 0:
            self.fail_next -= 1
            self.fail_names.add(name)
        self.at(ends_at, lambda moment: self._finish(backup, moment))
        return copy(backup)

    def _require_ready(self, instance: Instance) -> None:
        if instance.id in self._building:
            raise ErrorResponse(service_error("DBS.201205"))
        if not instance.supports_backups:
            raise ErrorResponse(service_error("DBS.201207"))
        if instance.status != "ACTIVE":
            raise ErrorResponse(service_error(STATE_CODES.get(instance.status, WRONG_STATE)))

    def _finish(self, backup: Backup, moment: datetime) -> None:
        self._building.pop(backup.instance_id, None)
        failed = backup.name in self.fail_names
        self.fail_names.discard(backup.name)
        backup.status = "FAILED" if failed else "COMPLETED"
        backup.size = 0.0 if failed else self.behaviour.backup_size
        backup.end_time = moment
        instance = self.instances.get(backup.instance_id)
        if instance is not None and instance.status == "BACKING UP":
            instance.status = "ACTIVE"
        if backup.job_id is not None:
            self.end_job(backup.job_id, moment, "The backup failed." if failed else None)

    def delete_backup(self, backup: Backup, now: datetime) -> None:
        """Delete a manual backup that is neither BUILDING nor being restored.

        Raises:
            ErrorResponse: the backup is automated, or its status or a restore forbids deletion.
        """
        if backup.type != "manual":
            raise ErrorResponse(service_error("DBS.201218"))
        if backup.status not in {"COMPLETED", "FAILED"}:
            raise ErrorResponse(service_error("DBS.201208"))
        if self.restores[backup.id] > 0:
            raise ErrorResponse(service_error(self.behaviour.in_use_code))
        backup.status = "DELETING"
        gone_at = now + timedelta(seconds=self.behaviour.deleting_seconds)
        self.at(gone_at, lambda _: self.remove(backup))
        self.run_due(now)

    def start_job(
        self, name: str, instance: Instance, now: datetime, expected_end: datetime
    ) -> Job:
        """Start a job on an instance."""
        job = Job(
            id=str(uuid4()),
            name=name,
            status="Running",
            created=now,
            ended=None,
            project_id=instance.project_id,
            instance_id=instance.id,
            instance_name=instance.name,
            expected_end=expected_end,
        )
        self.jobs[job.id] = job
        return job

    def end_job(self, job_id: str, moment: datetime, fail_reason: str | None) -> None:
        """End a job as Completed, or as Failed if there is a reason; ignores deleted jobs."""
        job = self.jobs.get(job_id)
        if job is not None:
            job.status = "Failed" if fail_reason else "Completed"
            job.ended = moment
            job.fail_reason = fail_reason
