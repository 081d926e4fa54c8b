"""The deletion of a backup on the emulator: every answer that a client may have to take."""

from collections.abc import Iterator
from typing import Any, Literal

import pytest

from tests.local_cloud.emulator import Emulator
from tests.local_cloud.emulator.clients import PASSWORD, HttpClient
from tests.local_cloud.emulator.identities import Permission


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


def with_permission(cloud: Emulator, permission: Permission) -> HttpClient:
    """Return the client of a user who may do this and no more."""
    user = cloud.iam.add_user(permission, PASSWORD, permission=permission)
    project = cloud.iam.projects[cloud.project_id]
    token = cloud.iam.issue_token(user, project)
    return HttpClient(cloud, token.text, cloud.project_id)


def test_a_deleted_backup_vanishes(cloud: Emulator, client: HttpClient) -> None:
    """202 with an empty object, then 404 for everybody who comes later."""
    kept, gone = (cloud.add_backup(instance_id=cloud.add_instance().id) for _ in range(2))
    answer = client.send("DELETE", f"/backups/{gone.id}")
    assert (answer.status_code, answer.json()) == (202, {})
    assert listed(client)["id"] == kept.id
    again = client.send("DELETE", f"/backups/{gone.id}")
    assert (again.status_code, again.json()["error_code"]) == (404, "DBS.201010")


def test_a_deletion_may_name_the_backup_as_huawei_does(cloud: Emulator, client: HttpClient) -> None:
    """A client has to take both answers."""
    cloud.deletion_names_backup = True
    backup = cloud.add_backup("nightly-1", instance_id=cloud.add_instance().id)
    answer = client.send("DELETE", f"/backups/{backup.id}")
    assert answer.json() == {"backup_id": backup.id, "backup_name": "nightly-1"}


def test_a_deletion_may_take_its_time(cloud: Emulator, client: HttpClient) -> None:
    """The backup is DELETING meanwhile, keeps its name, and cannot be deleted twice."""
    cloud.deleting_seconds = 10
    instance = cloud.add_instance()
    backup = cloud.add_backup("nightly-1", instance_id=instance.id)
    client.send("DELETE", f"/backups/{backup.id}")
    assert listed(client)["status"] == "DELETING"
    assert client.create(instance.id, "nightly-1").json()["error_code"] == "DBS.201201"
    again = client.send("DELETE", f"/backups/{backup.id}")
    assert (again.status_code, again.json()["error_code"]) == (400, "DBS.201208")
    cloud.clock.advance(10)
    assert client.get("/backups").json()["total_count"] == 0


def test_a_backup_in_the_making_cannot_be_deleted(cloud: Emulator, client: HttpClient) -> None:
    """Its status forbids it."""
    reply = client.create(cloud.add_instance().id, "nightly-1").json()
    answer = client.send("DELETE", f"/backups/{reply['backup']['id']}")
    assert (answer.status_code, answer.json()["error_code"]) == (400, "DBS.201208")


def test_an_automated_backup_cannot_be_deleted(cloud: Emulator, client: HttpClient) -> None:
    """It is the policy's."""
    backup = cloud.add_backup(instance_id=cloud.add_instance().id, type="auto")
    answer = client.send("DELETE", f"/backups/{backup.id}")
    assert (answer.status_code, answer.json()["error_code"]) == (400, "DBS.201218")


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_deletion_may_be_answered_in_several_ways(
    cloud: Emulator, client: HttpClient, status: Literal[200, 202, 204]
) -> None:
    """Huawei's status is not documented; 204 has no body."""
    cloud.deletion_status = status
    backup = cloud.add_backup(instance_id=cloud.add_instance().id)
    answer = client.send("DELETE", f"/backups/{backup.id}")
    assert (answer.status_code, answer.content) == (status, b"" if status == 204 else b"{}")
    assert cloud.backups == []


@pytest.mark.parametrize(
    ("code", "status"), [("DBS.201010", 404), ("DBS.201203", 400), ("DBS.200751", 400)]
)
def test_a_deletion_of_what_is_gone_is_refused_in_several_ways(
    cloud: Emulator, client: HttpClient, code: str, status: int
) -> None:
    """The documents know two of them, clients in the field the third."""
    cloud.gone_code = code
    backup = cloud.add_backup(instance_id=cloud.add_instance().id)
    client.send("DELETE", f"/backups/{backup.id}")
    again = client.send("DELETE", f"/backups/{backup.id}")
    assert (again.status_code, again.json()["error_code"]) == (status, code)


@pytest.mark.parametrize("code", ["DBS.201208", "DBS.301024", "DBS.201202"])
def test_a_backup_in_use_by_a_restore_cannot_be_deleted(
    cloud: Emulator, client: HttpClient, code: str
) -> None:
    """Until the instance stands; the code is not documented."""
    cloud.in_use_code = code
    cloud.backup_seconds = 60
    backup = cloud.add_backup(instance_id=cloud.add_instance().id)
    restore = {"name": "restored", "restore_point": {"backup_id": backup.id}}
    assert client.send("POST", "/instances", json=restore).status_code == 202
    refused = client.send("DELETE", f"/backups/{backup.id}")
    assert refused.json()["error_code"] == code
    cloud.clock.advance(60)
    assert client.send("DELETE", f"/backups/{backup.id}").status_code == 202


def test_a_user_may_have_the_right_to_create_or_to_delete_and_not_the_other(
    cloud: Emulator,
) -> None:
    """Both list; neither does the other's work."""
    backup = cloud.add_backup(instance_id=cloud.add_instance().id)
    creating, deleting = with_permission(cloud, "backup"), with_permission(cloud, "delete")
    for reader in (creating, deleting):
        assert reader.get("/backups").json()["total_count"] == 1
    refused = creating.send("DELETE", f"/backups/{backup.id}")
    assert (refused.status_code, refused.json()["error_code"]) == (403, "DBS.200044")
    assert deleting.create(backup.instance_id, "nightly-1").json()["error_code"] == "DBS.200044"
    assert creating.create(backup.instance_id, "nightly-1").status_code == 202
    assert deleting.send("DELETE", f"/backups/{backup.id}").status_code == 202


def test_automated_backups_go_with_their_instance(cloud: Emulator, client: HttpClient) -> None:
    """The manual ones stay, and can still be deleted."""
    instance = cloud.add_instance()
    cloud.add_backup(instance_id=instance.id, type="auto")
    manual = cloud.add_backup(instance_id=instance.id)
    cloud.remove_instance(instance.id)
    assert listed(client)["id"] == manual.id
    assert client.send("DELETE", f"/backups/{manual.id}").status_code == 202
