"""The life cycle of a backup in the emulator: its statuses, its job, its end."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from tests.local_cloud.emulator import Emulator
from tests.local_cloud.emulator.clients import HttpClient


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    """A cloud in which a backup takes 100 seconds."""
    with Emulator() as cloud:
        cloud.backup_seconds = 100
        yield cloud


def listed(client: HttpClient) -> dict[str, Any]:
    """Return the only backup in the list."""
    (backup,) = client.get("/backups").json()["backups"]
    found: dict[str, Any] = backup
    return found


def job(client: HttpClient, job_id: str) -> dict[str, Any]:
    """Return a job."""
    found: dict[str, Any] = client.get("/jobs", id=job_id).json()["job"]
    return found


def instance_status(client: HttpClient) -> str:
    """Return the status of the only instance."""
    (instance,) = client.get("/instances").json()["instances"]
    return str(instance["status"])


def test_a_backup_is_built_and_completes(cloud: Emulator, client: HttpClient) -> None:
    """BUILDING with an instance BACKING UP, then COMPLETED with a size and an end time."""
    reply = client.create(cloud.add_instance().id, "nightly-1").json()
    begun = listed(client)
    assert (begun["status"], begun["size"], begun["end_time"]) == ("BUILDING", 0.0, None)
    assert begun["begin_time"] == reply["backup"]["begin_time"]
    assert instance_status(client) == "BACKING UP"
    cloud.clock.advance(100)
    done = listed(client)
    assert done["status"] == "COMPLETED"
    assert done["size"] > 0
    assert done["end_time"] > done["begin_time"]
    assert instance_status(client) == "ACTIVE"


@pytest.mark.parametrize("name", ["nightly-1", None])
def test_a_backup_can_be_made_to_fail(
    cloud: Emulator, client: HttpClient, name: str | None
) -> None:
    """FAILED without a size; its job has a reason; the next backup succeeds."""
    instance = cloud.add_instance()
    cloud.fail_backup(name)
    reply = client.create(instance.id, "nightly-1").json()
    assert listed(client)["status"] == "BUILDING"
    cloud.clock.advance(100)
    failed = listed(client)
    assert (failed["status"], failed["size"]) == ("FAILED", 0.0)
    ended = job(client, reply["job_id"])
    assert (ended["status"], bool(ended["fail_reason"])) == ("Failed", True)
    assert instance_status(client) == "ACTIVE"
    assert client.create(instance.id, "nightly-2").status_code == 202
    cloud.clock.advance(100)
    assert [backup.status for backup in cloud.backups] == ["FAILED", "COMPLETED"]


def test_a_job_runs_with_progress_and_completes_without(
    cloud: Emulator, client: HttpClient
) -> None:
    """The documented members, the status in mixed case, an empty progress at the end."""
    instance = cloud.add_instance()
    reply = client.create(instance.id, "nightly-1").json()
    cloud.clock.advance(60)
    running = job(client, reply["job_id"])
    assert running == {
        "id": reply["job_id"],
        "name": "BackupSnapshotGaussDBV5InInstance",
        "status": "Running",
        "created": reply["backup"]["begin_time"],
        "ended": None,
        "progress": "60%",
        "instance": {"id": instance.id, "name": "orders"},
        "fail_reason": None,
    }
    cloud.clock.advance(40)
    done = job(client, reply["job_id"])
    assert (done["status"], done["progress"], done["fail_reason"]) == ("Completed", "", None)
    assert done["ended"] == listed(client)["end_time"]


@pytest.mark.parametrize("job_id", ["", "4c1b0d6e-0000-0000-0000-000000000000", "nothing"])
def test_an_unknown_job_is_rejected_with_400(client: HttpClient, job_id: str) -> None:
    """Not with 404."""
    answer = client.get("/jobs", id=job_id)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "DBS.200543")


def test_the_jobs_of_backups_can_be_hidden(cloud: Emulator, client: HttpClient) -> None:
    """Huawei's newer documents exclude backups from both job APIs."""
    cloud.jobs_show_backups = False
    reply = client.create(cloud.add_instance().id, "nightly-1").json()
    assert client.get("/jobs", id=reply["job_id"]).status_code == 400
    assert client.get("/tasks").json() == {"tasks": [], "total_count": 0}


def test_a_backup_of_another_project_does_not_exist(cloud: Emulator, client: HttpClient) -> None:
    """Neither in the list nor for deletion."""
    foreign = cloud.add_instance(project_id=cloud.add_project("eu-nl"))
    backup = cloud.add_backup(instance_id=foreign.id)
    assert client.get("/backups").json()["total_count"] == 0
    assert client.send("DELETE", f"/backups/{backup.id}").status_code == 404


def test_a_status_that_a_test_sets_outlives_the_backup(cloud: Emulator, client: HttpClient) -> None:
    """The end of a backup does not repair an instance."""
    instance = cloud.add_instance()
    client.create(instance.id, "nightly-1")
    instance.status = "FAILED"
    cloud.clock.advance(100)
    assert instance_status(client) == "FAILED"


def test_earlier_backups_survive_their_instance(cloud: Emulator, client: HttpClient) -> None:
    """A manual backup stays after its instance is gone; its task says so."""
    instance = cloud.add_instance()
    cloud.add_backup(instance_id=instance.id, age=timedelta(days=3))
    cloud.remove_instance(instance.id)
    assert listed(client)["status"] == "COMPLETED"
    (task,) = client.get("/tasks").json()["tasks"]
    assert task["instance_info"]["instance_status"] == "deleted"


def test_of_many_equal_requests_at_once_one_is_accepted(
    cloud: Emulator, client: HttpClient
) -> None:
    """The others find the name taken."""
    instance = cloud.add_instance()

    def ask(_: int) -> int:
        return client.create(instance.id, "nightly-1").status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(ask, range(16)))
    assert statuses == [202] + 15 * [409]
    assert len(cloud.backups) == len(cloud.jobs) == 1
