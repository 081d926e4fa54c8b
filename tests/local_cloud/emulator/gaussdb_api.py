"""GaussDB (openGauss) over HTTP, as far as backups go.

GaussDB(openGauss) API reference, "Backup Management", "Task Management", "Querying DB Instances".
"""

import re
from dataclasses import dataclass
from datetime import datetime

from tests.local_cloud.emulator.accounts import Accounts
from tests.local_cloud.emulator.gateway import Caller
from tests.local_cloud.emulator.gaussdb import BACKUP_JOB, GaussDb
from tests.local_cloud.emulator.json_documents import (
    accepted_backup,
    job_detail,
    listed_backup,
    listed_instance,
    listed_task,
)
from tests.local_cloud.emulator.queries import (
    BACKUP_ID,
    INSTANCE_ID,
    backup_filter,
    in_order,
    instance_filter,
    job_filter,
    page,
)
from tests.local_cloud.emulator.request import Request
from tests.local_cloud.emulator.resources import Instance, Job
from tests.local_cloud.emulator.responses import Answer, Refusal, service_error

BACKUP_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{3,63}")
DESCRIPTION = re.compile(r"[^>!<\"&'=\r\n]{0,256}")


@dataclass(frozen=True, slots=True)
class Visit:
    """A request to GaussDB that the gateway let in.

    Attributes:
        request: what arrived.
        caller: who sent it.
        path: the values of the path's variable parts, the project first.
        now: the cloud's time.
    """

    request: Request
    caller: Caller
    path: tuple[str, ...]
    now: datetime

    @property
    def project_id(self) -> str:
        """The project that the URL names."""
        return self.path[0]


def refuse(code: str) -> Refusal:
    """Return the refusal with one of the service's codes."""
    return Refusal(service_error(code))


class GaussDbApi:
    """The operations around backups."""

    def __init__(self, service: GaussDb, accounts: Accounts) -> None:
        self._service = service
        self._accounts = accounts

    def admit(self, visit: Visit) -> None:
        """Check the project of the URL against the caller's.

        Raises:
            Refusal: the ID is malformed, or the project is not the caller's.
        """
        if not re.fullmatch(r"[A-Za-z0-9]{32}", visit.project_id):
            raise refuse("DBS.280408")
        project = self._accounts.projects.get(visit.project_id)
        caller = visit.caller
        if project is None or not caller.user.may_enter(project.id):
            raise refuse("DBS.200044")
        # a token always names its project, a signature has to for a sub-project alone
        tied = not caller.by_signature or project.is_sub_project or caller.project_id is not None
        if tied and caller.project_id != project.id:
            raise refuse("DBS.200044")

    def _demand(self, visit: Visit, *permissions: str) -> None:
        if visit.caller.user.permission not in permissions:
            raise refuse("DBS.200044")

    def instance(self, visit: Visit, instance_id: object) -> Instance:
        """Return an instance of the visited project.

        Raises:
            Refusal: the ID is malformed or unknown, or the instance is in another project.
        """
        if not isinstance(instance_id, str) or not INSTANCE_ID.fullmatch(instance_id):
            raise refuse("DBS.280404")
        found = self._service.instances.get(instance_id)
        if found is None:
            raise refuse("DBS.201028")
        if found.project_id != visit.project_id:
            raise refuse("DBS.200044")
        return found

    def create_manual_backup(self, visit: Visit) -> Answer:
        """Start a backup: POST /v3/{project_id}/backups."""
        body = visit.request.json_object()
        instance_id, name, description = _creation(body)
        instance = self.instance(visit, instance_id)
        self._demand(visit, "full")
        backup = self._service.create_backup(instance, name, description, visit.now)
        document = accepted_backup(backup, self._service.behaviour.time_zone)
        return Answer(202, {"backup": document, "job_id": backup.job_id})

    def list_backups(self, visit: Visit) -> Answer:
        """List backups: GET /v3/{project_id}/backups."""
        is_meant = backup_filter(visit.request)
        self._demand(visit, "full", "read")
        found = [
            backup
            for backup in self._service.backups(visit.request.parameter("instance_id"))
            if backup.project_id == visit.project_id
            and backup.listed_from <= visit.now
            and is_meant(backup)
        ]
        shown = page(visit.request, in_order(found, self._service.behaviour.list_order))
        entries = [listed_backup(backup, self._service.behaviour.time_zone) for backup in shown]
        return Answer(200, {"backups": entries, "total_count": len(found)})

    def delete_manual_backup(self, visit: Visit) -> Answer:
        """Delete a backup: DELETE /v3/{project_id}/backups/{backup_id}."""
        backup_id = visit.path[1]
        if not BACKUP_ID.fullmatch(backup_id):
            raise refuse("DBS.280124")
        self._demand(visit, "full")
        backup = self._service.find_backup(visit.project_id, backup_id)
        if backup is None:
            raise refuse("DBS.201010")
        self._service.delete_backup(backup, visit.now)
        told = {"backup_id": backup.id, "backup_name": backup.name}
        return Answer(202, told if self._service.behaviour.delete_tells else {})

    def show_job_detail(self, visit: Visit) -> Answer:
        """Show one job: GET /v3/{project_id}/jobs?id={job_id}."""
        self._demand(visit, "full", "read")
        job = self._job(visit, visit.request.parameter("id") or "")
        return Answer(200, {"job": job_detail(job, self._service.behaviour.time_zone, visit.now)})

    def _is_known(self, visit: Visit, job: Job) -> bool:
        hidden = job.name == BACKUP_JOB and not self._service.behaviour.jobs_know_backups
        return job.project_id == visit.project_id and not hidden

    def _job(self, visit: Visit, job_id: str) -> Job:
        job = self._service.jobs.get(job_id)
        if job is None or not self._is_known(visit, job):
            raise refuse("DBS.200543")
        return job

    def delete_job(self, visit: Visit) -> Answer:
        """Delete the record of an ended job: DELETE /v3/{project_id}/jobs/{job_id}."""
        self._demand(visit, "full")
        job = self._job(visit, visit.path[1])
        if job.status == "Running":
            raise refuse("DBS.200402")
        del self._service.jobs[job.id]
        return Answer(200)

    def list_tasks(self, visit: Visit) -> Answer:
        """List the task centre: GET /v3/{project_id}/tasks."""
        is_meant = job_filter(visit.request, visit.now)
        self._demand(visit, "full", "read")
        jobs = self._service.jobs.values()
        found = [job for job in jobs if self._is_known(visit, job) and is_meant(job)]
        found.sort(key=lambda job: job.created, reverse=True)
        instances = self._service.instances
        entries = [
            listed_task(
                job, self._service.behaviour.time_zone, visit.now, instances.get(job.instance_id)
            )
            for job in page(visit.request, found)
        ]
        return Answer(200, {"tasks": entries, "total_count": len(found)})

    def list_instances(self, visit: Visit) -> Answer:
        """List instances: GET /v3/{project_id}/instances."""
        is_meant = instance_filter(visit.request)
        self._demand(visit, "full", "read")
        found = [
            instance
            for instance in self._service.instances.values()
            if instance.project_id == visit.project_id and is_meant(instance)
        ]
        shown = page(visit.request, found)
        entries = [listed_instance(instance, self._used(instance)) for instance in shown]
        return Answer(200, {"instances": entries, "total_count": len(found)})

    def _used(self, instance: Instance) -> int:
        return int(1024 * sum(backup.size for backup in self._service.backups(instance.id)))


def _creation(body: dict[str, object]) -> tuple[str, str, str | None]:
    """Return instance, name and description of a request to create a backup, by their rules."""
    instance_id, name, description = (
        body.get(key) for key in ("instance_id", "name", "description")
    )
    for value in (instance_id, name, description):
        if value is not None and not isinstance(value, str):
            raise refuse("DBS.280001")
    if not isinstance(instance_id, str) or not INSTANCE_ID.fullmatch(instance_id):
        raise refuse("DBS.280404")
    if not isinstance(name, str) or not BACKUP_NAME.fullmatch(name):
        raise refuse("DBS.201210")
    if isinstance(description, str) and not DESCRIPTION.fullmatch(description):
        raise refuse("DBS.280127")
    return instance_id, name, description if isinstance(description, str) else None
