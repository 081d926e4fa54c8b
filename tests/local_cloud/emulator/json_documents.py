"""GaussDB's JSON of backups, jobs, tasks and instances."""

from datetime import datetime

from tests.local_cloud.emulator.clock import write_instance_time, write_offset_time
from tests.local_cloud.emulator.resources import Backup, Instance, Job

DATASTORE = {"type": "GaussDB", "version": "1.4"}


def _time(moment: datetime | None, zone: str) -> str | None:
    return None if moment is None else write_offset_time(moment, zone)


def accepted_backup(backup: Backup, zone: str) -> dict[str, object]:
    """Return a backup as in the response to its creation."""
    return {
        "id": backup.id,
        "name": backup.name,
        "description": backup.description,
        "begin_time": _time(backup.begin_time, zone),
        "status": backup.status,
        "type": backup.type,
        "instance_id": backup.instance_id,
    }


def listed_backup(backup: Backup, zone: str) -> dict[str, object]:
    """Return a backup as in the list."""
    return {
        "id": backup.id,
        "name": backup.name,
        "description": backup.description,
        "status": backup.status,
        "size": backup.size,
        "type": backup.type,
        "datastore": DATASTORE,
        "begin_time": _time(backup.begin_time, zone),
        "end_time": _time(backup.end_time, zone),
        "instance_id": backup.instance_id,
    }


def job_detail(job: Job, zone: str, now: datetime) -> dict[str, object]:
    """Return a job as in the response of the job API."""
    return {
        "id": job.id,
        "name": job.name,
        "status": job.status,
        "created": _time(job.created, zone),
        "ended": _time(job.ended, zone),
        "progress": job.progress(now),
        "instance": {"id": job.instance_id, "name": job.instance_name},
        "fail_reason": job.fail_reason,
    }


def listed_task(job: Job, zone: str, now: datetime, instance: Instance | None) -> dict[str, object]:
    """Return a job as in the task centre, which has other field names."""
    status = instance.status.lower() if instance else "deleted"
    return {
        "instance_info": {
            "instance_id": job.instance_id,
            "instance_name": job.instance_name,
            "instance_status": status,
        },
        "job_id": job.id,
        "name": job.name,
        "status": job.status,
        "process": job.progress(now) or None,
        "fail_reason": job.fail_reason,
        "created_at": _time(job.created, zone),
        "ended_at": _time(job.ended, zone),
    }


def listed_instance(instance: Instance, backup_kilobytes: int) -> dict[str, object]:
    """Return an instance as in the list."""
    strategy = {key: instance.policy[key] for key in ("start_time", "keep_days")}
    return {
        "id": instance.id,
        "name": instance.name,
        "status": instance.status,
        "private_ips": ["192.168.0.10 / 192.168.0.11"],
        "port": 8000,
        "type": "Enterprise",
        "ha": {"consistency": "strong", "replication_mode": "sync"},
        "region": "eu-de",
        "datastore": DATASTORE,
        "created": write_instance_time(instance.created),
        "updated": write_instance_time(instance.created),
        "volume": {"type": "ULTRAHIGH", "size": 160},
        "nodes": [_node(instance, "master", 1), _node(instance, "slave", 2)],
        "replica_num": 3,
        "db_user_name": "root",
        "vpc_id": instance.vpc_id,
        "subnet_id": instance.subnet_id,
        "security_group_id": "2a1f7fc8-3307-42a7-aa6f-42c8b9b8f8c5",
        "flavor_ref": "gaussdb.opengauss.ee.dn.m4.2xlarge.8.in",
        "flavor_info": {"vcpu": "8", "mem": "64"},
        "backup_strategy": strategy,
        "maintenance_window": "02:00-06:00",
        "time_zone": "UTC",
        "instance_mode": "enterprise",
        "backup_used_space": str(backup_kilobytes),
        "enterprise_project_id": "0",
        "charge_info": {"charge_mode": "postPaid"},
    }


def _node(instance: Instance, role: str, number: int) -> dict[str, object]:
    return {
        "id": f"{number:032x}no14",
        "name": f"{instance.name}_root_{number}",
        "role": role,
        "status": "ACTIVE",
        "availability_zone": f"eu-de-0{number}",
        "private_ip": f"192.168.0.{9 + number}",
    }
