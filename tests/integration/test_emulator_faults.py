"""Scripted faults as a client sees them: every kind, before or after the operation, on any call."""

import json
import time
from collections.abc import Callable

import pytest
import requests
from requests.exceptions import ChunkedEncodingError, ReadTimeout
from requests.exceptions import ConnectionError as ConnectionLost

from tests.local_cloud.emulator import Fault, Instance
from tests.local_cloud.emulator.clients import HttpClient
from tests.local_cloud.emulator.faults import Kind


def create(client: HttpClient, instance: Instance) -> Callable[[], requests.Response]:
    """Return the usual create request."""
    return lambda: client.create(instance.id, "nightly-1")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "APIGW.0101"),
        (401, "APIGW.0301"),
        (403, "APIGW.0302"),
        (429, "APIGW.0308"),
        (409, "DBS.201202"),
        (500, "DBS.200005"),
        (502, "APIGW.0202"),
        (503, "APIGW.0613"),
        (504, "APIGW.0203"),
        (418, "DBS.280001"),
    ],
)
def test_any_status_can_be_sent(client: HttpClient, status: int, code: str) -> None:
    """With the body of the gateway or the service for it."""
    client.cloud.faults.add(Fault(operation="ListBackups", status=status))
    answer = client.get("/backups")
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert "Retry-After" not in answer.headers
    assert client.get("/backups").status_code == 200


@pytest.mark.parametrize("value", [7, "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_status_can_have_a_retry_after(client: HttpClient, value: int | str) -> None:
    """In seconds or as a date."""
    client.cloud.faults.add(Fault(status=429, retry_after=value))
    answer = client.get("/backups")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, str(value))


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (
            Fault(error_code="DBS.200011"),
            409,
            {
                "error_code": "DBS.200011",
                "error_msg": "Another operation is being performed on the DB instance or the "
                "DB instance is faulty.",
            },
        ),
        (
            Fault(error_code="DBS.280056"),
            403,
            {"error_code": "DBS.280056", "error_msg": "Invalid token."},
        ),
        (
            Fault(error_code="DBS.280056", status=401),
            401,
            {"error_code": "DBS.280056", "error_msg": "Invalid token."},
        ),
        (Fault(status=202, body={"job_id": None}), 202, {"job_id": None}),
        (Fault(status=200, body=b'"text"'), 200, "text"),
    ],
)
def test_any_code_or_body_can_be_sent(
    client: HttpClient, fault: Fault, status: int, body: object
) -> None:
    """A code has its documented status and text."""
    client.cloud.faults.add(fault)
    answer = client.get("/backups")
    assert (answer.status_code, answer.json()) == (status, body)


def test_the_prefix_of_a_gateways_code_may_be_the_newer_one(client: HttpClient) -> None:
    """APIG for APIGW."""
    client.cloud.faults.add(Fault(error_code="APIG.0307"))
    answer = client.get("/backups")
    assert (answer.status_code, answer.json()["error_code"]) == (401, "APIG.0307")


def test_a_redirect_can_be_sent(client: HttpClient) -> None:
    """For clients that must not follow it."""
    elsewhere = {"Location": "http://127.0.0.1:9/elsewhere"}
    client.cloud.faults.add(Fault(status=302, headers=elsewhere))
    answer = client.send("GET", "/backups", allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (302, elsewhere["Location"])


def test_an_html_page_can_be_sent(client: HttpClient) -> None:
    """A load balancer's page, with any status."""
    client.cloud.faults.script([Fault(kind="html"), Fault(kind="html", status=200)])
    for status in (502, 200):
        answer = client.get("/backups")
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html")
        assert answer.text.startswith("<html>")


def test_a_response_can_have_no_body(client: HttpClient) -> None:
    """Only the status."""
    client.cloud.faults.add(Fault(kind="empty", status=202))
    answer = client.get("/backups")
    assert (answer.status_code, answer.content) == (202, b"")


def test_a_truncated_body(client: HttpClient, instance: Instance) -> None:
    """The connection ends early; the operation was executed."""
    client.cloud.faults.add(Fault(operation="CreateManualBackup", kind="truncated"))
    with pytest.raises(ChunkedEncodingError):
        create(client, instance)()
    assert [backup.name for backup in client.cloud.backups] == ["nightly-1"]


def test_a_body_with_half_of_the_json(client: HttpClient, instance: Instance) -> None:
    """A complete response with invalid JSON; the operation was executed."""
    client.cloud.faults.add(Fault(operation="CreateManualBackup", kind="cut"))
    answer = create(client, instance)()
    assert answer.status_code == 202
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.text)
    assert len(client.cloud.backups) == 1


@pytest.mark.parametrize("kind", ["reset", "close", "garbage"])
def test_a_connection_without_a_response(client: HttpClient, kind: Kind) -> None:
    """Reset, closed, or filled with bytes that are not HTTP; the next call succeeds."""
    client.cloud.faults.add(Fault(kind=kind))
    with pytest.raises(ConnectionLost) as caught:
        client.get("/backups")
    assert ("reset by peer" in str(caught.value)) == (kind == "reset")
    assert client.get("/backups").status_code == 200


def test_a_reset_after_the_operation(client: HttpClient, instance: Instance) -> None:
    """The backup was accepted, but no client knows."""
    fault = Fault(operation="CreateManualBackup", when="after", kind="reset")
    client.cloud.faults.add(fault)
    with pytest.raises(ConnectionLost):
        create(client, instance)()
    (backup,) = client.cloud.backups
    assert backup.name == "nightly-1"


def test_a_status_after_the_operation(client: HttpClient, instance: Instance) -> None:
    """A 504 of the gateway does not mean that nothing happened."""
    client.cloud.faults.script(
        [Fault(operation="CreateManualBackup", when="after", kind="status", status=504)]
    )
    assert create(client, instance)().status_code == 504
    assert len(client.cloud.backups) == 1


def test_a_hang(client: HttpClient, instance: Instance) -> None:
    """The client times out; the script decides whether the operation is executed."""
    client.cloud.faults.script(
        [
            Fault(operation="CreateManualBackup", kind="hang"),
            Fault(operation="CreateManualBackup", when="after", kind="hang", seconds=30),
        ]
    )
    body = {"instance_id": instance.id, "name": "nightly-1"}
    for backups in (0, 1):
        with pytest.raises(ReadTimeout):
            client.send("POST", "/backups", json=body, timeout=0.4)
        assert len(client.cloud.backups) == backups


def test_a_hang_that_ends_by_itself(client: HttpClient) -> None:
    """The connection is closed without a response."""
    client.cloud.faults.add(Fault(kind="hang", seconds=0.1))
    started = time.monotonic()
    with pytest.raises(ConnectionLost):
        client.get("/backups")
    assert 0.1 <= time.monotonic() - started < 2


def test_a_slow_response(client: HttpClient) -> None:
    """The real response, delayed."""
    client.cloud.faults.add(Fault(kind="slow", seconds=0.2))
    started = time.monotonic()
    assert client.get("/backups").json()["total_count"] == 0
    assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize("drip_headers", [True, False])
def test_a_dripping_response(client: HttpClient, drip_headers: bool) -> None:  # noqa: FBT001 - a parameter
    """Each chunk comes before the client's time-out, the whole response long after it."""
    fault = Fault(kind="drip", seconds=0.5, drip_headers=drip_headers)
    client.cloud.faults.add(fault)
    started = time.monotonic()
    answer = client.send("GET", "/backups", timeout=0.3, stream=True)
    until_headers = time.monotonic() - started
    assert answer.json() == {"backups": [], "total_count": 0}
    assert time.monotonic() - started >= 0.5
    assert (until_headers > 0.2) == drip_headers


def test_a_dripping_rejection(client: HttpClient, instance: Instance) -> None:
    """Before the operation, with its own status."""
    fault = Fault(operation="CreateManualBackup", when="before", kind="drip", status=503)
    client.cloud.faults.add(fault)
    assert create(client, instance)().status_code == 503
    assert client.cloud.backups == []
