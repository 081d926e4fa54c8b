"""Scripts of faults: order, number, late execution, actions, and the record of calls."""

import pytest
import requests
from requests.exceptions import ConnectionError as ConnectionLost

from tests.local_cloud.emulator import Emulator, Fault, Instance
from tests.local_cloud.emulator.clients import PASSWORD, TIMEOUT, USER, HttpClient, log_in


def statuses(client: HttpClient, path: str, times: int) -> list[int]:
    """Return the status codes of several equal requests."""
    return [client.get(path).status_code for _ in range(times)]


def test_each_call_takes_the_first_matching_fault(cloud: Emulator, client: HttpClient) -> None:
    """In the order of the script, separately for each operation."""
    cloud.faults.script(
        [
            Fault(operation="ListBackups", status=503, times=2),
            Fault(operation="ListTasks", status=500),
            Fault(operation="ListBackups", status=429),
        ]
    )
    assert statuses(client, "/backups", 2) == [503, 503]
    assert statuses(client, "/tasks", 2) == [500, 200]
    assert statuses(client, "/backups", 2) == [429, 200]
    assert cloud.faults.waiting == ()
    assert cloud.faults.fired == {"status": 4}


def test_a_fault_can_skip_calls(cloud: Emulator, client: HttpClient) -> None:
    """Until a number of calls has passed, or until a request matches."""
    cloud.faults.script(
        [
            Fault(operation="ListBackups", status=500, skip=1),
            Fault(status=503, where=lambda request: request.parameter("offset") == "100"),
        ]
    )
    assert statuses(client, "/backups", 3) == [200, 500, 200]
    assert statuses(client, "/backups?offset=100", 2) == [503, 200]


def test_pending_faults_can_be_removed(cloud: Emulator, client: HttpClient) -> None:
    """So a test can end its faults."""
    cloud.faults.add(Fault(times=100))
    assert statuses(client, "/backups", 2) == [503, 503]
    cloud.faults.clear()
    assert statuses(client, "/backups", 1) == [200]


def test_a_request_can_be_executed_late(
    cloud: Emulator, client: HttpClient, instance: Instance
) -> None:
    """The backup exists and is listed from that time on."""
    cloud.faults.add(
        Fault(operation="CreateManualBackup", kind="status", status=504, lands_after=30)
    )
    assert client.create(instance.id, "nightly-1").status_code == 504
    sent = cloud.calls[-1]
    assert (sent.done, sent.status, sent.fault) == (None, 504, "status")
    cloud.clock.advance(29)
    assert client.get("/backups").json()["total_count"] == 0
    cloud.clock.advance(1)
    assert client.get("/backups").json()["total_count"] == 1
    (backup,) = cloud.backups
    assert sent.done == 202
    assert (backup.begin_time - sent.at).total_seconds() == 30


def test_a_late_request_can_find_its_name_taken(
    cloud: Emulator, client: HttpClient, instance: Instance
) -> None:
    """The service rejects it like any other: there is one backup."""
    cloud.faults.add(Fault(operation="CreateManualBackup", kind="reset", lands_after=30))
    with pytest.raises(ConnectionLost):
        client.create(instance.id, "nightly-1")
    late = cloud.calls[-1]
    assert client.create(instance.id, "nightly-1").status_code == 202
    cloud.clock.advance(31)
    assert len(cloud.backups) == 1
    assert late.done == 409


def test_an_unauthenticated_request_is_not_executed_late(
    cloud: Emulator, client: HttpClient, instance: Instance
) -> None:
    """The gateway authenticates at once."""
    cloud.faults.add(Fault(operation="CreateManualBackup", status=503, lands_after=5))
    stranger = HttpClient(cloud, "nonsense", client.project_id)
    stranger.create(instance.id, "nightly-1")
    cloud.clock.advance(6)
    assert cloud.backups == []
    assert cloud.calls[-1].done == 401


def test_a_token_may_be_revoked_between_two_calls(cloud: Emulator, client: HttpClient) -> None:
    """By an action before or after the operation."""
    revoke = cloud.iam.revoke_tokens
    cloud.faults.script([Fault(kind="pass", when="after", action=revoke)])
    assert statuses(client, "/backups", 2) == [200, 401]
    renewed = HttpClient(cloud, log_in(cloud).headers["X-Subject-Token"], client.project_id)
    cloud.faults.script([Fault(operation="ListBackups", kind="pass", action=revoke)])
    assert statuses(renewed, "/backups", 1) == [401]


def test_a_password_may_change_between_two_calls(cloud: Emulator) -> None:
    """The action takes effect before the log-in is checked."""
    cloud.iam.add_user(USER, PASSWORD)
    cloud.faults.add(
        Fault(
            operation="CreateToken",
            kind="pass",
            action=lambda: cloud.iam.change_password(USER, "not-a-real-password-either"),
        )
    )
    assert log_in(cloud).status_code == 401


def test_a_list_may_change_between_its_pages(
    cloud: Emulator, client: HttpClient, instance: Instance
) -> None:
    """By an action, too."""

    def grow() -> None:
        cloud.add_backup(instance_id=instance.id)

    cloud.faults.add(Fault(operation="ListBackups", kind="pass", when="after", action=grow))
    assert client.get("/backups").json()["total_count"] == 0
    assert client.get("/backups").json()["total_count"] == 1


def test_every_call_is_recorded_without_its_credentials(
    cloud: Emulator, client: HttpClient, instance: Instance
) -> None:
    """Request, response and result, by the operation names of Huawei's SDK."""
    cloud.faults.add(Fault(operation="ListBackups", when="after", status=503))
    client.get("/backups", limit=5)
    client.create(instance.id, "nightly-1", description="text")
    client.create(instance.id, "nightly-1")
    client.get("/nothing")
    log_in_call, listed, created, again, unknown = cloud.calls
    assert (log_in_call.service, log_in_call.operation) == ("iam", "CreateToken")
    assert (log_in_call.status, log_in_call.body) == (201, None)
    assert (listed.operation, listed.query) == ("ListBackups", {"limit": "5"})
    assert (listed.fault, listed.status, listed.done) == ("status", 503, 200)
    assert (created.operation, created.method) == ("CreateManualBackup", "POST")
    assert created.body == {
        "instance_id": instance.id,
        "name": "nightly-1",
        "description": "text",
    }
    assert (created.fault, created.status, created.done) == (None, 202, 202)
    assert (again.status, again.error_code) == (409, "DBS.201201")
    assert (unknown.operation, unknown.error_code) == ("Unknown", "APIGW.0101")
    assert cloud.calls_of("CreateManualBackup") == [created, again]
    assert PASSWORD not in repr(cloud.calls)
    assert client.token not in repr(cloud.calls)


def test_an_exception_of_the_emulator_is_raised_at_its_end() -> None:
    """It must not look like a scripted fault."""

    def break_down() -> None:
        raise LookupError("broken on purpose")

    cloud = Emulator()
    cloud.faults.add(Fault(kind="pass", action=break_down))
    with pytest.raises(ConnectionLost):
        requests.get(cloud.gaussdb_endpoint, timeout=TIMEOUT)
    with pytest.raises(ExceptionGroup) as caught:
        cloud.close()
    assert caught.group_contains(LookupError)
