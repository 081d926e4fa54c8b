"""The HTTP API of GaussDB (openGauss), as far as backups need it.

GaussDB(openGauss) API reference, "Backup Management", "Task Management", "Querying DB Instances".
"""

import re
from dataclasses import dataclass
from datetime import datetime

from tests.local_cloud.emulator.accounts import Accounts
from tests.local_cloud.emulator.gateway import Caller
from tests.local_cloud.emulator.gaussdb import BACKUP_JOB, GaussDb
from tests.local_cloud.emulator.identities import Permission
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
from tests.local_cloud.emulator.resources import Backup, Instance, Job
from tests.local_cloud.emulator.responses import ErrorResponse, Response, service_error

BACKUP_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{3,63}")
DESCRIPTION = re.compile(r"[^>!<\"&'=\r\n]{0,256}")

READERS: tuple[Permission, ...] = ("full", "backup", "delete", "read")


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """An authenticated request to GaussDB.

    Attributes:
        request: the HTTP request.
        caller: the authenticated caller.
        path: the values of the path parameters, the project ID first.
        now: the time by the cloud's clock.
    """

    request: Request
    caller: Caller
    path: tuple[str, ...]
    now: datetime

    @property
    def project_id(self) -> str:
        """The project ID in the URL."""
        return self.path[0]


def api_error(code: str) -> ErrorResponse:
    """Return an exception with one of the service's error codes."""
    return ErrorResponse(service_error(code))


class GaussDbApi:
    """The operations on backups, jobs and instances."""

    def __init__(self, service: GaussDb, accounts: Accounts) -> None:
        self._service = service
        self._accounts = accounts

    def authorize(self, api_request: ApiRequest) -> None:
        """Check that the caller may use the project in the URL.

        Raises:
            ErrorResponse: the ID is malformed, or the caller has no access to the project.
        """
        if not re.fullmatch(r"[A-Za-z0-9]{32}", api_request.project_id):
            raise api_error("DBS.280408")
        project = self._accounts.projects.get(api_request.project_id)
        caller = api_request.caller
        if project is None or not caller.user.has_access(project.id):
            raise api_error("DBS.200044")
        # a token has a project; a signed request needs X-Project-Id for a sub-project only
        tied = not caller.by_signature or project.is_sub_project or caller.project_id is not None
        if tied and caller.project_id != project.id:
            raise api_error("DBS.200044")

    def _require_permission(self, api_request: ApiRequest, *permissions: Permission) -> None:
        if api_request.caller.user.permission not in permissions:
            raise api_error("DBS.200044")

    def instance(self, api_request: ApiRequest, instance_id: object) -> Instance:
        """Return an instance of the project in the URL.

        Raises:
            ErrorResponse: the ID is malformed or unknown, or the instance is in another project.
        """
        if not isinstance(instance_id, str) or not INSTANCE_ID.fullmatch(instance_id):
            raise api_error("DBS.280404")
        found = self._service.instances.get(instance_id)
        if found is None:
            raise api_error("DBS.201028")
        if found.project_id != api_request.project_id:
            raise api_error("DBS.200044")
        return found

    def create_manual_backup(self, api_request: ApiRequest) -> Response:
        """Start a backup: POST /v3/{project_id}/backups."""
        body = api_request.request.json_object()
        instance_id, name, description = _read_create_body(body)
        instance = self.instance(api_request, instance_id)
        self._require_permission(api_request, "full", "backup", "create")
        backup = self._service.create_backup(instance, name, description, api_request.now)
        document = accepted_backup(backup, self._service.behaviour.time_zone)
        return Response(202, {"backup": document, "job_id": backup.job_id})

    def list_backups(self, api_request: ApiRequest) -> Response:
        """List backups: GET /v3/{project_id}/backups."""
        matches = backup_filter(api_request.request)
        self._require_permission(api_request, *READERS)
        found = [
            backup
            for backup in self._service.backups(api_request.request.parameter("instance_id"))
            if backup.project_id == api_request.project_id
            and backup.listed_from <= api_request.now
            and matches(backup)
        ]
        behaviour = self._service.behaviour
        ordered = in_order(found, behaviour.list_order)
        entries = [
            behaviour.alter_entry(listed_backup(shown, behaviour.time_zone))
            if isinstance(shown, Backup)
            else shown
            for shown in page(api_request.request, [*behaviour.odd_entries, *ordered])
        ]
        total = len(behaviour.odd_entries) + len(found)
        return Response(200, {"backups": entries, "total_count": behaviour.alter_total(total)})

    def delete_manual_backup(self, api_request: ApiRequest) -> Response:
        """Delete a backup: DELETE /v3/{project_id}/backups/{backup_id}."""
        backup_id = api_request.path[1]
        if not BACKUP_ID.fullmatch(backup_id):
            raise api_error("DBS.280124")
        self._require_permission(api_request, "full", "delete")
        behaviour = self._service.behaviour
        backup = self._service.find_backup(api_request.project_id, backup_id)
        if backup is None:
            raise api_error(behaviour.gone_code)
        self._service.delete_backup(backup, api_request.now)
        names = {"backup_id": backup.id, "backup_name": backup.name}
        body = names if behaviour.deletion_names_backup else {}
        status = behaviour.deletion_status
        return Response(status, None if status == 204 else body)

    def show_job_detail(self, api_request: ApiRequest) -> Response:
        """Show one job: GET /v3/{project_id}/jobs?id={job_id}."""
        self._require_permission(api_request, *READERS)
        job = self._job(api_request, api_request.request.parameter("id") or "")
        return Response(
            200, {"job": job_detail(job, self._service.behaviour.time_zone, api_request.now)}
        )

    def _is_visible(self, api_request: ApiRequest, job: Job) -> bool:
        hidden = job.name == BACKUP_JOB and not self._service.behaviour.jobs_show_backups
        return job.project_id == api_request.project_id and not hidden

    def _job(self, api_request: ApiRequest, job_id: str) -> Job:
        job = self._service.jobs.get(job_id)
        if job is None or not self._is_visible(api_request, job):
            raise api_error("DBS.200543")
        return job

    def list_tasks(self, api_request: ApiRequest) -> Response:
        """List the task centre: GET /v3/{project_id}/tasks."""
        matches = job_filter(api_request.request, api_request.now)
        self._require_permission(api_request, *READERS)
        jobs = self._service.jobs.values()
        found = [job for job in jobs if self._is_visible(api_request, job) and matches(job)]
        found.sort(key=lambda job: job.created, reverse=True)
        instances = self._service.instances
        entries = [
            listed_task(
                job,
                self._service.behaviour.time_zone,
                api_request.now,
                instances.get(job.instance_id),
            )
            for job in page(api_request.request, found)
        ]
        return Response(200, {"tasks": entries, "total_count": len(found)})

    def list_instances(self, api_request: ApiRequest) -> Response:
        """List instances: GET /v3/{project_id}/instances."""
        matches = instance_filter(api_request.request)
        self._require_permission(api_request, *READERS, "create")
        found = [
            instance
            for instance in self._service.instances.values()
            if instance.project_id == api_request.project_id and matches(instance)
        ]
        shown = page(api_request.request, found)
        entries = [listed_instance(instance, self._used(instance)) for instance in shown]
        return Response(200, {"instances": entries, "total_count": len(found)})

    def _used(self, instance: Instance) -> int:
        return int(1024 * sum(backup.size for backup in self._service.backups(instance.id)))


def _read_create_body(body: dict[str, object]) -> tuple[str, str, str | None]:
    """Return the validated instance ID, name and description of a create request."""
    instance_id, name, description = (
        body.get(key) for key in ("instance_id", "name", "description")
    )
    for value in (instance_id, name, description):
        if value is not None and not isinstance(value, str):
            raise api_error("DBS.280001")
    if not isinstance(instance_id, str) or not INSTANCE_ID.fullmatch(instance_id):
        raise api_error("DBS.280404")
    if not isinstance(name, str) or not BACKUP_NAME.fullmatch(name):
        raise api_error("DBS.201210")
    if isinstance(description, str) and not DESCRIPTION.fullmatch(description):
        raise api_error("DBS.280127")
    return instance_id, name, description if isinstance(description, str) else None
