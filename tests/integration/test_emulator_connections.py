"""The emulator can refuse and close connections, and script faults of log-ins."""

import time
from contextlib import closing
from http.client import HTTPConnection

import pytest
from requests.exceptions import ConnectionError as ConnectionLost

from tests.local_cloud.emulator import Emulator, Fault
from tests.local_cloud.emulator.clients import PASSWORD, TIMEOUT, USER, HttpClient, log_in


def test_connections_can_be_refused_for_a_while(cloud: Emulator, client: HttpClient) -> None:
    """The port stays the same, and the other service is not affected."""
    with cloud.refusing_connections("gaussdb"):
        for _ in range(2):
            with pytest.raises(ConnectionLost, match="refused"):
                client.get("/backups")
        assert log_in(cloud).status_code == 201
    assert client.get("/backups").status_code == 200


def test_connections_can_be_refused_for_some_seconds(cloud: Emulator, client: HttpClient) -> None:
    """In real time, while the client waits."""
    cloud.refuse_connections(0.5)
    refusals = 0
    for _ in range(100):
        try:
            assert client.get("/backups").status_code == 200
        except ConnectionLost:
            refusals += 1
            time.sleep(0.05)
        else:
            break
    assert 0 < refusals < 100


def test_idle_connections_can_be_dropped(cloud: Emulator) -> None:
    """This happens to a function that was frozen between two invocations."""
    host = cloud.gaussdb_endpoint.removeprefix("http://")
    with closing(HTTPConnection(host, timeout=TIMEOUT)) as connection:
        for _ in range(2):
            connection.request("GET", "/v3")
            assert connection.getresponse().read()
        cloud.drop_connections()
        with pytest.raises(OSError, match=r"closed|reset|Broken pipe"):  # noqa: PT012 - either fails
            connection.request("GET", "/v3")
            connection.getresponse()
        connection.close()
        connection.request("GET", "/v3")
        assert connection.getresponse().status == 404


def test_log_ins_can_have_faults(cloud: Emulator) -> None:
    """With IAM's own error bodies."""
    cloud.iam.add_user(USER, PASSWORD)
    cloud.faults.script(
        [
            Fault(operation="CreateToken", status=503),
            Fault(operation="CreateToken", status=429, retry_after=3),
            Fault(operation="CreateToken", error_code="IAM.0012", status=429),
            Fault(operation="CreateToken", kind="html"),
            Fault(operation="CreateToken", when="after", kind="cut"),
        ]
    )
    assert log_in(cloud).json()["error"]["code"] == 503
    assert log_in(cloud).headers["Retry-After"] == "3"
    assert log_in(cloud).json()["error_code"] == "IAM.0012"
    assert log_in(cloud).status_code == 502
    assert cloud.iam.log_ins == 0
    assert log_in(cloud).headers["X-Subject-Token"]
    assert cloud.iam.log_ins == 1
