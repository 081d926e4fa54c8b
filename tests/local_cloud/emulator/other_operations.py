"""What stands beside the backups in the interface: versions, policy, restoring.

GaussDB(openGauss) API reference, "API Version Query", "Backup Management".
"""

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from tests.local_cloud.emulator.gaussdb import GaussDb
from tests.local_cloud.emulator.gaussdb_api import ApiRequest, GaussDbApi, api_error
from tests.local_cloud.emulator.json_documents import api_version
from tests.local_cloud.emulator.request import Request
from tests.local_cloud.emulator.resources import Instance
from tests.local_cloud.emulator.responses import Response

RESTORE_JOB = "CloneGaussDBV5NewInstance"
HOUR = re.compile(r"(\d\d):00-(\d\d):00")
DIFFERENTIAL_MINUTES = ("15", "30", "60", "180", "360", "720", "1440")


def list_api_versions(_request: Request, _now: datetime) -> Response:
    """List the versions: GET /, open to everybody."""
    return Response(200, {"versions": [api_version("v3"), api_version("v3.1")]})


def show_api_version(_request: Request, _now: datetime) -> Response:
    """Show the version in use: GET /v3, open to everybody."""
    return Response(200, {"version": api_version("v3")})


class OtherOperations:
    """Operations on an instance that touch its backups without making one."""

    def __init__(self, service: GaussDb, api: GaussDbApi) -> None:
        self._service = service
        self._api = api

    def show_backup_policy(self, api_request: ApiRequest) -> Response:
        """Show the automated policy: GET …/instances/{instance_id}/backups/policy."""
        instance = self._api.instance(api_request, api_request.path[1])
        return Response(200, {"backup_policy": instance.policy})

    def set_backup_policy(self, api_request: ApiRequest) -> Response:
        """Set the automated policy: PUT …/instances/{instance_id}/backups/policy."""
        instance = self._api.instance(api_request, api_request.path[1])
        policy = api_request.request.json_object().get("backup_policy")
        if not isinstance(policy, dict):
            raise api_error("DBS.280001")
        _check_policy(policy)
        instance.policy = instance.policy | policy
        return Response(200, {})

    def list_restore_times(self, api_request: ApiRequest) -> Response:
        """List when one can restore to: GET …/instances/{instance_id}/restore-time?date=…."""
        instance = self._api.instance(api_request, api_request.path[1])
        midnight = _midnight(api_request.request.parameter("date") or "")
        done = [
            backup.end_time
            for backup in self._service.backups(instance.id)
            if backup.status == "COMPLETED" and backup.end_time is not None
        ]
        start = max(midnight, min(done, default=api_request.now))
        end = min(midnight + timedelta(days=1), api_request.now)
        ranges = [{"start_time": _epoch(start), "end_time": _epoch(end)}] if start < end else []
        return Response(200, {"restore_time": ranges})

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


def _midnight(day: str) -> datetime:
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise api_error("DBS.280001") from None


def _epoch(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _check_policy(policy: dict[str, object]) -> None:
    days = policy.get("keep_days")
    if not isinstance(days, int) or not 1 <= days <= 732:
        raise api_error("DBS.280214")
    window = HOUR.fullmatch(str(policy.get("start_time")))
    if window is None or int(window[2]) != int(window[1]) + 1:
        raise api_error("DBS.280216")
    if not re.fullmatch(r"[1-7](,[1-7])*", str(policy.get("period"))):
        raise api_error("DBS.280215")
    if str(policy.get("differential_period", 30)) not in DIFFERENTIAL_MINUTES:
        raise api_error("DBS.280618")
