"""Restoring a backup on the emulator, as far as it concerns the backup."""

import pytest

from tests.local_cloud.emulator import Emulator
from tests.local_cloud.emulator.clients import HttpClient


def test_a_backup_can_be_restored_to_a_new_instance(cloud: Emulator, client: HttpClient) -> None:
    """The instance is BUILD with its own job, then ACTIVE."""
    cloud.backup_seconds = 60
    source = cloud.add_instance()
    backup = cloud.add_backup(instance_id=source.id)
    point = {"type": "backup", "instance_id": source.id, "backup_id": backup.id}
    answer = client.send("POST", "/instances", json={"name": "copy", "restore_point": point})
    assert answer.status_code == 202
    instance_id, job_id = answer.json()["instance"]["id"], answer.json()["job_id"]
    (shown,) = client.get("/instances", id=instance_id).json()["instances"]
    assert (shown["name"], shown["status"]) == ("copy", "BUILD")
    job = client.get("/jobs", id=job_id).json()["job"]
    assert (job["name"], job["status"]) == ("CloneGaussDBV5NewInstance", "Running")
    cloud.clock.advance(60)
    (shown,) = client.get("/instances", id=instance_id).json()["instances"]
    assert shown["status"] == "ACTIVE"


@pytest.mark.parametrize(
    ("state", "status", "code"), [("FAILED", 400, "DBS.201208"), (None, 404, "DBS.201010")]
)
def test_only_a_completed_backup_can_be_restored(
    cloud: Emulator, client: HttpClient, state: str | None, status: int, code: str
) -> None:
    """A failed one has the wrong status, a deleted one does not exist."""
    backup_id = "0" * 32 + "br14"
    if state is not None:
        source = cloud.add_instance()
        backup_id = cloud.add_backup(instance_id=source.id, status="FAILED").id
    body = {"name": "copy", "restore_point": {"backup_id": backup_id}}
    answer = client.send("POST", "/instances", json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
