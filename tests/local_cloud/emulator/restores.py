"""Restoring a backup to a new instance, as far as it concerns the backup.

GaussDB(openGauss) API reference, "Backup Management".
"""

from datetime import datetime, timedelta
from uuid import uuid4

from tests.local_cloud.emulator.gaussdb import GaussDb
from tests.local_cloud.emulator.gaussdb_api import ApiRequest, GaussDbApi, api_error
from tests.local_cloud.emulator.resources import Instance
from tests.local_cloud.emulator.responses import Response

RESTORE_JOB = "CloneGaussDBV5NewInstance"


class Restores:
    """Restores to new instances, which block the deletion of the backup meanwhile."""

    def __init__(self, service: GaussDb, api: GaussDbApi) -> None:
        self._service = service
        self._api = api

    def create_restore_instance(self, api_request: ApiRequest) -> Response:
        """Restore a backup to a new instance: POST /v3/{project_id}/instances."""
        body = api_request.request.json_object()
        point = body.get("restore_point")
        backup_id = point.get("backup_id") if isinstance(point, dict) else None
        if not isinstance(backup_id, str) or not isinstance(body.get("name"), str):
            raise api_error("DBS.280001")
        backup = self._service.find_backup(api_request.project_id, backup_id)
        if backup is None:
            raise api_error("DBS.201010")
        if backup.status != "COMPLETED":
            raise api_error("DBS.201208")
        instance = Instance(
            f"{uuid4().hex}in14",
            str(body["name"]),
            api_request.project_id,
            api_request.now,
            status="BUILD",
        )
        job_id = self._build(instance, backup_id, api_request.now)
        shown = {"id": instance.id, "name": instance.name, "status": "BUILD"}
        return Response(202, {"instance": shown, "job_id": job_id})

    def _build(self, instance: Instance, backup_id: str, now: datetime) -> str:
        service = self._service
        service.restores[backup_id] += 1
        service.instances[instance.id] = instance
        ends_at = now + timedelta(seconds=service.behaviour.backup_seconds)
        job = service.start_job(RESTORE_JOB, instance, now, ends_at)

        def finish(moment: datetime) -> None:
            instance.status = "ACTIVE"
            service.restores[backup_id] -= 1
            service.end_job(job.id, moment, None)

        service.at(ends_at, finish)
        return job.id
