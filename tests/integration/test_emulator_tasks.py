"""The emulator's lists of tasks and of instances: filters and form."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.local_cloud.emulator import Emulator, Instance
from tests.local_cloud.emulator.clients import HttpClient

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    """A cloud with the time set to the day after the events."""
    with Emulator() as cloud:
        cloud.clock.set(NOON + timedelta(days=1))
        yield cloud


def tasks(client: HttpClient, **parameters: object) -> list[str]:
    """Return the IDs of the listed tasks for these parameters."""
    answer = client.get("/tasks", **parameters)
    assert answer.status_code == 200, answer.text
    return [task["job_id"] for task in answer.json()["tasks"]]


def test_a_task_has_other_member_names_than_a_job(
    cloud: Emulator, client: HttpClient, instance: Instance
) -> None:
    """`process` instead of `progress`, and the instance's status in lower case."""
    cloud.backup_seconds = 100
    reply = client.create(instance.id, "nightly-1").json()
    cloud.clock.advance(60)
    expected: dict[str, Any] = {
        "instance_info": {
            "instance_id": instance.id,
            "instance_name": "orders",
            "instance_status": "backing up",
        },
        "job_id": reply["job_id"],
        "name": "BackupSnapshotGaussDBV5InInstance",
        "status": "Running",
        "process": "60%",
        "fail_reason": None,
        "created_at": reply["backup"]["begin_time"],
        "ended_at": None,
    }
    assert client.get("/tasks").json() == {"tasks": [expected], "total_count": 1}


def test_tasks_are_selected_by_state_name_and_time(
    cloud: Emulator, client: HttpClient, instance: Instance
) -> None:
    """Times are milliseconds since 1970; tasks older than a month are not listed."""
    now = cloud.clock.now()
    old = cloud.add_job(instance_id=instance.id, created=now - timedelta(days=2))
    running = cloud.add_job("ResizeGaussDBV5Flavor", instance_id=instance.id, status="Running")
    failed = cloud.add_job(
        instance_id=instance.id, created=now - timedelta(days=1), status="Failed"
    )
    cloud.add_job(instance_id=instance.id, created=now - timedelta(days=40))
    assert tasks(client) == [running.id, failed.id, old.id]
    assert tasks(client, status="Failed") == [failed.id]
    assert tasks(client, name="ResizeGaussDBV5Flavor") == [running.id]
    cut = int((now - timedelta(days=1, hours=1)).timestamp() * 1000)
    assert tasks(client, start_time=cut) == [running.id, failed.id]
    assert tasks(client, end_time=cut) == [old.id]
    assert tasks(client, offset=1, limit=1) == [failed.id]


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"status": "running"}, "DBS.280001"),
        ({"start_time": "2026-03-01T13:00:00+0000"}, "DBS.280001"),
        ({"end_time": "-1"}, "DBS.280001"),
        ({"limit": "0"}, "DBS.280439"),
        ({"offset": "x"}, "DBS.280440"),
    ],
)
def test_an_invalid_parameter_is_rejected(
    client: HttpClient, parameters: dict[str, str], code: str
) -> None:
    """As for backups."""
    answer = client.get("/tasks", **parameters)
    assert (answer.status_code, answer.json()["error_code"]) == (400, code)


def test_a_job_may_begin_a_little_after_its_backup(
    cloud: Emulator, client: HttpClient, instance: Instance
) -> None:
    """The two times need not be equal."""
    cloud.task_lag = 2
    cloud.time_zone = "Z"
    reply = client.create(instance.id, "nightly-1").json()
    (task,) = client.get("/tasks").json()["tasks"]
    begun = datetime.fromisoformat(reply["backup"]["begin_time"])
    assert datetime.fromisoformat(task["created_at"]) - begun == timedelta(seconds=2)


def test_instances_are_selected_by_id_name_and_kind(cloud: Emulator, client: HttpClient) -> None:
    """A leading asterisk selects by a part of the name."""
    orders = cloud.add_instance(name="shop-orders")
    cloud.add_instance(name="shop-invoices")
    cloud.add_instance(name="elsewhere", project_id=cloud.add_project("eu-nl"))

    def found(**parameters: object) -> list[str]:
        answer = client.get("/instances", **parameters).json()
        assert answer["total_count"] >= len(answer["instances"])
        return [entry["name"] for entry in answer["instances"]]

    assert found() == ["shop-orders", "shop-invoices"]
    assert found(id=orders.id) == ["shop-orders"]
    assert found(name="orders") == []
    assert found(name="*orders") == ["shop-orders"]
    assert found(type="Enterprise", datastore_type="gaussdb") == ["shop-orders", "shop-invoices"]
    assert found(type="Ha") == []
    assert found(vpc_id="another") == []
    assert found(subnet_id=orders.subnet_id, limit=1, offset=1) == ["shop-invoices"]
    assert client.get("/instances", limit=101).json()["error_code"] == "DBS.280439"


def test_an_instance_is_shown_in_the_documented_form(cloud: Emulator, client: HttpClient) -> None:
    """The members that a client may rely on, with their types."""
    instance = cloud.add_instance()
    cloud.add_backup(instance_id=instance.id, size=2.0)
    (entry,) = client.get("/instances").json()["instances"]
    assert entry["id"] == instance.id
    assert (entry["status"], entry["port"], entry["type"]) == ("ACTIVE", 8000, "Enterprise")
    assert entry["datastore"] == {"type": "GaussDB", "version": "1.4"}
    assert datetime.strptime(entry["created"], "%Y-%m-%d %H:%M:%S %Z").year >= 2026  # noqa: DTZ007 - it says UTC
    assert [node["role"] for node in entry["nodes"]] == ["master", "slave"]
    assert entry["backup_used_space"] == "2048"
    assert entry["backup_strategy"] == {"start_time": "18:00-19:00", "keep_days": 7}
