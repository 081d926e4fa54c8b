"""What stands beside the backups on the emulator: versions, policy, restoring, strict paths."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests

from tests.local_cloud.emulator import Emulator
from tests.local_cloud.emulator.clients import TIMEOUT, HttpClient


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    """A cloud of its own for every test."""
    with Emulator() as cloud:
        yield cloud


@pytest.fixture
def client(cloud: Emulator) -> HttpClient:
    """Somebody with a token."""
    return HttpClient.of(cloud)


def test_versions_are_open_to_everybody(cloud: Emulator) -> None:
    """Without a token, below the host itself."""
    versions = requests.get(f"{cloud.gaussdb_endpoint}/", timeout=TIMEOUT)
    assert versions.status_code == 200
    assert [entry["id"] for entry in versions.json()["versions"]] == ["v3", "v3.1"]
    version = requests.get(f"{cloud.gaussdb_endpoint}/v3", timeout=TIMEOUT)
    assert version.json()["version"] == {
        "id": "v3",
        "links": [],
        "status": "CURRENT",
        "version": "",
        "min_version": "",
        "updated": "2017-02-07T17:34:02Z",
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v3/{project}/backups/"),
        ("POST", "/v3/{project}/backups/"),
        ("PUT", "/v3/{project}/backups"),
        ("PATCH", "/v3/{project}/backups"),
        ("GET", "/v3/{project}/backups/0a"),
        ("GET", "/v3.1/{project}/backups"),
        ("GET", "/v3.2/{project}/backups"),
        ("POST", "/opengauss/v3/{project}/backups"),
        ("POST", "/mysql/v3/{project}/backups/create"),
        ("POST", "/v3/{project}/instances/0a/backups/stop"),
        ("GET", "/v3/{project}/Backups"),
        ("GET", "/v3/"),
    ],
)
def test_the_gateway_knows_no_other_path(
    cloud: Emulator, client: HttpClient, method: str, path: str
) -> None:
    """A slash too many, Huawei's newer versions, other products: all are 404 APIGW.0101."""
    url = cloud.gaussdb_endpoint + path.format(project=cloud.project_id)
    headers = {"X-Auth-Token": client.token}
    answer = requests.request(method, url, headers=headers, timeout=TIMEOUT)
    assert answer.status_code == 404
    body = answer.json()
    assert body.keys() == {"error_code", "error_msg", "request_id"}
    assert body["error_code"] == "APIGW.0101"


def test_the_automated_policy_can_be_read_and_set(cloud: Emulator, client: HttpClient) -> None:
    """The answer to setting it is an empty object."""
    path = f"/instances/{cloud.add_instance().id}/backups/policy"
    assert client.get(path).json()["backup_policy"]["keep_days"] == 7
    policy = {
        "keep_days": 30,
        "start_time": "01:00-02:00",
        "period": "1,3,5",
        "differential_period": "60",
    }
    answer = client.send("PUT", path, json={"backup_policy": policy})
    assert (answer.status_code, answer.json()) == (200, {})
    assert client.get(path).json() == {"backup_policy": policy}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"keep_days": 0}, "DBS.280214"),
        ({"keep_days": 733}, "DBS.280214"),
        ({"start_time": "01:00-03:00"}, "DBS.280216"),
        ({"start_time": "01:30-02:30"}, "DBS.280216"),
        ({"period": "0,8"}, "DBS.280215"),
        ({"differential_period": "17"}, "DBS.280618"),
    ],
)
def test_a_policy_that_breaks_a_rule_is_refused(
    cloud: Emulator, client: HttpClient, change: dict[str, object], code: str
) -> None:
    """Each member has its code."""
    path = f"/instances/{cloud.add_instance().id}/backups/policy"
    policy = {"keep_days": 7, "start_time": "01:00-02:00", "period": "1"} | change
    answer = client.send("PUT", path, json={"backup_policy": policy})
    assert (answer.status_code, answer.json()["error_code"]) == (400, code)


def test_the_time_to_restore_to_begins_with_the_first_backup(
    cloud: Emulator, client: HttpClient
) -> None:
    """In milliseconds since 1970, within the day asked for."""
    instance = cloud.add_instance()
    path = f"/instances/{instance.id}/restore-time"
    cloud.backup_seconds = 60
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    cloud.add_backup(instance_id=instance.id, begin_time=noon)
    (first_day,) = client.get(path, date="2026-03-01").json()["restore_time"]
    assert first_day == {
        "start_time": int((noon + timedelta(minutes=1)).timestamp() * 1000),
        "end_time": int((noon + timedelta(hours=12)).timestamp() * 1000),
    }
    assert client.get(path, date="2026-02-28").json() == {"restore_time": []}
    assert client.get(path, date="2026-02-30").json()["error_code"] == "DBS.280001"


def test_a_backup_can_be_restored_to_a_new_instance(cloud: Emulator, client: HttpClient) -> None:
    """The instance is BUILD under a job of its own, then ACTIVE."""
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
    """A failed one has the wrong status, one that is gone does not exist."""
    backup_id = "0" * 32 + "br14"
    if state is not None:
        source = cloud.add_instance()
        backup_id = cloud.add_backup(instance_id=source.id, status="FAILED").id
    body = {"name": "copy", "restore_point": {"backup_id": backup_id}}
    answer = client.send("POST", "/instances", json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
