"""The emulator's responses to "Creating a Manual Backup"."""

import re

import pytest
import requests

from tests.documented_error_codes import SERVICE_CODES
from tests.local_cloud.emulator import Emulator, Fault
from tests.local_cloud.emulator.clients import HttpClient


def assert_refused(answer: requests.Response, status: int, code: str) -> None:
    """Assert an error body of the service, with its documented text."""
    expected = {"error_code": code, "error_msg": SERVICE_CODES[code]["message"]}
    assert (answer.status_code, answer.json()) == (status, expected)


def test_an_accepted_backup_is_answered_with_202_and_its_job(
    cloud: Emulator, client: HttpClient
) -> None:
    """The response has the documented members and no others."""
    instance = cloud.add_instance()
    answer = client.create(instance.id, "nightly-1", description="before the release")
    assert answer.status_code == 202
    reply = answer.json()
    assert reply.keys() == {"backup", "job_id"}
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", reply["job_id"])
    backup = reply["backup"]
    assert re.fullmatch(r"[0-9a-f]{32}br14", backup.pop("id"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0800", backup.pop("begin_time"))
    assert backup == {
        "name": "nightly-1",
        "description": "before the release",
        "status": "BUILDING",
        "type": "manual",
        "instance_id": instance.id,
    }


def test_a_backup_without_a_description_has_null_for_one(
    cloud: Emulator, client: HttpClient
) -> None:
    """The member is always present."""
    reply = client.create(cloud.add_instance().id, "nightly-1").json()
    assert reply["backup"]["description"] is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "DBS.280006"),
        (b"  \n", "DBS.280006"),
        (b"{", "DBS.280001"),
        (b"[]", "DBS.280001"),
        (b'"text"', "DBS.280001"),
        (b"\xff\xfe", "DBS.280001"),
        (b'{"instance_id": 7, "name": "nightly-1"}', "DBS.280001"),
        (b'{"instance_id": "a1", "name": ["nightly-1"]}', "DBS.280001"),
        (b'{"name": "nightly-1"}', "DBS.280404"),
        (b'{"instance_id": "", "name": "nightly-1"}', "DBS.280404"),
        (b'{"instance_id": "a b", "name": "nightly-1"}', "DBS.280404"),
        (b'{"instance_id": "a1"}', "DBS.201210"),
    ],
)
def test_an_invalid_body_is_rejected(client: HttpClient, body: bytes, code: str) -> None:
    """Empty, broken, of a wrong type, without a member: each has its code."""
    assert_refused(client.send("POST", "/backups", data=body), 400, code)


@pytest.mark.parametrize(
    "name", ["", "abc", "a" * 65, "1abc", "-abc", "_abc", "ab cd", "ab.cd", "abcä", "abcd\n"]
)
def test_an_invalid_name_is_rejected(cloud: Emulator, client: HttpClient, name: str) -> None:
    """4 to 64 characters, a letter first, then letters, digits, hyphens, underscores."""
    answer = client.create(cloud.add_instance().id, name)
    assert_refused(answer, 400, "DBS.201210")


@pytest.mark.parametrize("name", ["abcd", "A" * 64, "a-_1", "Z999"])
def test_a_name_at_the_limits_is_accepted(cloud: Emulator, client: HttpClient, name: str) -> None:
    """Both limits of the length and every kind of character."""
    assert client.create(cloud.add_instance().id, name).status_code == 202


@pytest.mark.parametrize("description", ["a" * 257, *(f"a{sign}b" for sign in ">!<\"&'=\r\n")])
def test_an_invalid_description_is_rejected(
    cloud: Emulator, client: HttpClient, description: str
) -> None:
    """At most 256 characters, and none of the forbidden ones."""
    answer = client.create(cloud.add_instance().id, "nightly-1", description=description)
    assert_refused(answer, 400, "DBS.280127")


def test_unknown_members_are_ignored(cloud: Emulator, client: HttpClient) -> None:
    """The documentation does not mention them."""
    answer = client.create(cloud.add_instance().id, "nightly-1", dry_run=True)
    assert answer.status_code == 202


@pytest.mark.parametrize("project_id", ["short", "0" * 33, "-" * 32])
def test_a_malformed_project_is_rejected(
    cloud: Emulator, client: HttpClient, project_id: str
) -> None:
    """The project ID is 32 letters and digits."""
    stranger = HttpClient(cloud, client.token, project_id)
    assert_refused(stranger.create("a1", "nightly-1"), 400, "DBS.280408")


def test_a_project_other_than_the_tokens_is_rejected(cloud: Emulator, client: HttpClient) -> None:
    """A token is valid for one project, even within the account."""
    other = HttpClient(cloud, client.token, cloud.add_project("eu-nl"))
    assert_refused(other.create("a1", "nightly-1"), 403, "DBS.200044")


def test_an_unknown_instance_is_not_found(client: HttpClient) -> None:
    """The ID is well formed, but nothing has it."""
    assert_refused(client.create("0" * 32 + "in14", "nightly-1"), 404, "DBS.201028")


def test_an_instance_of_another_project_is_rejected(cloud: Emulator, client: HttpClient) -> None:
    """It exists, but the caller has no access."""
    foreign = cloud.add_instance(project_id=cloud.add_project("eu-nl"))
    assert_refused(client.create(foreign.id, "nightly-1"), 403, "DBS.200044")


def test_a_user_with_a_policy_for_creating_only_cannot_list(
    cloud: Emulator, client: HttpClient
) -> None:
    """The policies know single actions: gaussdb:backup:create without gaussdb:backup:list."""
    user = cloud.iam.find_user("backup-operator", cloud.iam.domain.name)
    assert user is not None
    user.permission = "create"
    assert client.create(cloud.add_instance().id, "nightly-1").status_code == 202
    assert_refused(client.get("/backups"), 403, "DBS.200044")
    assert client.get("/instances").status_code == 200


def test_a_read_only_user_is_rejected(cloud: Emulator, client: HttpClient) -> None:
    """The policy "GaussDB ReadOnlyAccess" allows lists and no backups."""
    user = cloud.iam.find_user("backup-operator", cloud.iam.domain.name)
    assert user is not None
    user.permission = "read"
    assert_refused(client.create(cloud.add_instance().id, "nightly-1"), 403, "DBS.200044")
    assert client.get("/backups").status_code == 200


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [
        ("BUILD", 400, "DBS.201014"),
        ("UPGRADE TO BE OBSERVED", 400, "DBS.201014"),
        ("SOMETHING NEW", 400, "DBS.201014"),
        ("STORAGE FULL", 409, "DBS.200316"),
        ("FAILED", 409, "DBS.280011"),
        ("FROZEN", 400, "DBS.280449"),
        ("BACKING UP", 409, "DBS.201205"),
        ("MODIFYING", 409, "DBS.201202"),
        ("EXPANDING", 409, "DBS.201202"),
        ("REBOOTING", 409, "DBS.201202"),
        ("UPGRADING", 409, "DBS.201202"),
        ("RESTORING", 409, "DBS.201202"),
        ("SWITCHOVER", 409, "DBS.201202"),
        ("MIGRATING", 409, "DBS.201202"),
        ("REPAIRING", 409, "DBS.201202"),
        ("REDUCING REPLICATION", 409, "DBS.201202"),
    ],
)
def test_an_instance_that_is_not_active_rejects_backups(
    cloud: Emulator, client: HttpClient, state: str, status: int, code: str
) -> None:
    """Busy, full, abnormal, frozen: each status has its code."""
    instance = cloud.add_instance(status=state)
    assert_refused(client.create(instance.id, "nightly-1"), status, code)
    assert cloud.backups == []


def test_an_instance_that_does_not_support_backups_rejects_them(
    cloud: Emulator, client: HttpClient
) -> None:
    """Single-replica instances of old versions have no manual backups."""
    instance = cloud.add_instance()
    instance.supports_backups = False
    assert_refused(client.create(instance.id, "nightly-1"), 400, "DBS.201207")


def test_an_internal_failure_has_the_services_own_code(cloud: Emulator, client: HttpClient) -> None:
    """By a scripted fault."""
    cloud.faults.add(Fault(operation="CreateManualBackup", status=500))
    answer = client.create(cloud.add_instance().id, "nightly-1")
    assert_refused(answer, 500, "DBS.200005")


def test_an_instance_has_one_running_backup_at_most(cloud: Emulator, client: HttpClient) -> None:
    """Whatever the names; other instances are not affected."""
    cloud.backup_seconds = 60
    instance, other = cloud.add_instance(), cloud.add_instance(name="invoices")
    assert client.create(instance.id, "nightly-1").status_code == 202
    assert_refused(client.create(instance.id, "nightly-2"), 409, "DBS.201205")
    assert client.create(other.id, "nightly-3").status_code == 202
    cloud.clock.advance(60)
    assert client.create(instance.id, "nightly-2").status_code == 202


def test_a_running_backup_counts_and_not_what_the_instance_shows(
    cloud: Emulator, client: HttpClient
) -> None:
    """An instance may show its status late."""
    cloud.backup_seconds = 60
    instance = cloud.add_instance()
    client.create(instance.id, "nightly-1")
    instance.status = "ACTIVE"
    assert_refused(client.create(instance.id, "nightly-2"), 409, "DBS.201205")


def test_a_name_is_taken_in_the_whole_project(cloud: Emulator, client: HttpClient) -> None:
    """Also by a backup of another instance; names are case-sensitive."""
    instance, other = cloud.add_instance(), cloud.add_instance(name="invoices")
    cloud.add_backup("nightly-1", instance_id=other.id)
    assert_refused(client.create(instance.id, "nightly-1"), 409, "DBS.201201")
    assert client.create(instance.id, "Nightly-1").status_code == 202


def test_a_taken_name_has_precedence_over_a_busy_instance(
    cloud: Emulator, client: HttpClient
) -> None:
    """So a repeated request learns that the first one was accepted."""
    cloud.backup_seconds = 60
    instance = cloud.add_instance()
    client.create(instance.id, "nightly-1")
    assert_refused(client.create(instance.id, "nightly-1"), 409, "DBS.201201")


def test_a_failed_backup_keeps_its_name_and_a_deleted_one_frees_it(
    cloud: Emulator, client: HttpClient
) -> None:
    """Only the names in the list are taken."""
    instance = cloud.add_instance()
    failed = cloud.add_backup("nightly-1", instance_id=instance.id, status="FAILED")
    assert_refused(client.create(instance.id, "nightly-1"), 409, "DBS.201201")
    assert client.send("DELETE", f"/backups/{failed.id}").status_code == 202
    assert client.create(instance.id, "nightly-1").status_code == 202
