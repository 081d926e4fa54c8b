"""Huawei's own SDK as a client of the emulator: it behaves as the real API does."""

from collections.abc import Iterator
from typing import Any

import pytest
from huaweicloudsdkcore.exceptions.exceptions import (
    ClientRequestException,
    ServerResponseException,
)
from huaweicloudsdkgaussdbforopengauss import v3 as sdk

from tests.local_cloud.emulator import Emulator, Fault
from tests.local_cloud.emulator.clients import ACCESS_KEY, SECRET_KEY, huawei_sdk

# the SDK calls its own operations deprecated, and Python calls what it reads the clock with so
pytestmark = pytest.mark.filterwarnings(r"ignore::DeprecationWarning:huaweicloudsdk\S*")


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    """A cloud with one access key, in which a backup takes 100 seconds."""
    with Emulator() as cloud:
        cloud.iam.add_access_key(ACCESS_KEY, SECRET_KEY)
        cloud.backup_seconds = 100
        yield cloud


@pytest.fixture
def client(cloud: Emulator) -> Iterator[Any]:
    """Huawei's client, signing."""
    with huawei_sdk(cloud) as client:
        yield client


def create(client: Any, instance_id: str, name: str, description: str | None = None) -> Any:
    """Create a backup."""
    body = sdk.CreateManualBackupRequestBody(
        instance_id=instance_id, name=name, description=description
    )
    return client.create_manual_backup(sdk.CreateManualBackupRequest(body=body))


def test_it_creates_lists_and_deletes_a_backup(cloud: Emulator, client: Any) -> None:
    """The whole life of a backup with signed requests, without any token."""
    instance = cloud.add_instance()
    created = create(client, instance.id, "nightly-1", "vor dem Umzug nach Köln")
    assert created.status_code == 202
    assert (created.backup.name, created.backup.status) == ("nightly-1", "BUILDING")
    assert created.backup.description == "vor dem Umzug nach Köln"

    request = sdk.ListBackupsRequest(instance_id=instance.id, backup_type="manual", limit=10)
    listed = client.list_backups(request)
    assert listed.total_count == 1
    (backup,) = listed.backups
    assert (backup.id, backup.status, backup.type) == (created.backup.id, "BUILDING", "manual")

    cloud.clock.advance(100)
    (backup,) = client.list_backups(request).backups
    assert (backup.status, backup.datastore.type) == ("COMPLETED", "GaussDB")
    assert backup.size > 0

    deleted = client.delete_manual_backup(sdk.DeleteManualBackupRequest(backup_id=backup.id))
    assert deleted.status_code == 202
    assert client.list_backups(request).total_count == 0
    assert cloud.backups == []
    assert {call.service for call in cloud.calls} == {"gaussdb"}


def test_it_reads_the_job_and_the_task_of_a_backup(cloud: Emulator, client: Any) -> None:
    """Both have the same job ID."""
    created = create(client, cloud.add_instance().id, "nightly-1")
    job = client.show_job_detail(sdk.ShowJobDetailRequest(id=created.job_id)).job
    assert (job.id, job.status) == (created.job_id, "Running")
    assert (job.name, job.instance.name) == ("BackupSnapshotGaussDBV5InInstance", "orders")
    cloud.clock.advance(100)
    since = str(int((cloud.clock.now().timestamp() - 3600) * 1000))
    (task,) = client.list_tasks(sdk.ListTasksRequest(status="Completed", start_time=since)).tasks
    assert (task.job_id, task.status, task.process) == (created.job_id, "Completed", None)


def test_it_lists_by_period_with_the_offsets_plus(cloud: Emulator, client: Any) -> None:
    """The SDK encodes and signs it; the emulator decodes the same."""
    backup = cloud.add_backup(instance_id=cloud.add_instance().id)
    day = backup.begin_time.strftime("%Y-%m-%dT")
    request = sdk.ListBackupsRequest(
        begin_time=f"{day}00:00:00+0000", end_time=f"{day}23:59:59+0000"
    )
    assert client.list_backups(request).total_count == 1


def test_it_lists_instances(cloud: Emulator, client: Any) -> None:
    """With the status during a backup."""
    instance = cloud.add_instance(name="Bestände & mehr")
    create(client, instance.id, "nightly-1")
    request = sdk.ListInstancesRequest(name="*Bestände &", type="Enterprise")
    (entry,) = client.list_instances(request).instances
    assert (entry.id, entry.status, entry.port) == (instance.id, "BACKING UP", 8000)
    assert entry.backup_strategy.keep_days == 7


def test_it_understands_the_errors(cloud: Emulator, client: Any) -> None:
    """Status, code, message and request ID are where the SDK reads them."""
    instance = cloud.add_instance()
    create(client, instance.id, "nightly-1")
    with pytest.raises(ClientRequestException) as caught:
        create(client, instance.id, "nightly-1")
    assert (caught.value.status_code, caught.value.error_code) == (409, "DBS.201201")
    assert caught.value.error_msg == "The backup name already exists."
    assert len(caught.value.request_id) == 32


def test_it_understands_the_gateway(cloud: Emulator) -> None:
    """A wrong secret key is a 401."""
    with (
        huawei_sdk(cloud, secret_key="wrong") as client,
        pytest.raises(ClientRequestException) as caught,
    ):
        client.list_backups(sdk.ListBackupsRequest())
    assert (caught.value.status_code, caught.value.error_code) == (401, "APIGW.0301")


def test_it_understands_a_scripted_fault(cloud: Emulator, client: Any) -> None:
    """A load balancer's page has a status, although it is not JSON."""
    cloud.faults.script([Fault(operation="ListBackups", kind="html", status=503)])
    with pytest.raises(ServerResponseException) as caught:
        client.list_backups(sdk.ListBackupsRequest())
    assert caught.value.status_code == 503
    assert client.list_backups(sdk.ListBackupsRequest()).total_count == 0


def test_it_signs_with_a_temporary_key(cloud: Emulator) -> None:
    """With the security token in a header."""
    cloud.iam.add_access_key("TEMPORARY", SECRET_KEY, "not-a-real-token")
    with huawei_sdk(cloud, "TEMPORARY", SECRET_KEY, "not-a-real-token") as client:
        assert client.list_backups(sdk.ListBackupsRequest()).total_count == 0
