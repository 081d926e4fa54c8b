"""The main use in Lambda's runtime: an event becomes a backup, and its job ID is logged."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.local_cloud.events import PAYLOAD, sample
from tests.local_cloud.lambda_runtime import LAMBDA_ENVIRONMENT, FunctionFailed, LambdaRuntime
from tests.local_cloud.local_cloud import CREDENTIALS_SECRETS, INSTANCE_ID, LocalCloud

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.local_cloud.local_cloud import Credentials

ROOT = Path(__file__).resolve().parents[2]
both_kinds = pytest.mark.parametrize("credentials", ["password", "aksk"])
EXPECTED_FIELDS = {
    "api_ms",
    "attempts",
    "backup_id",
    "backup_name",
    "correlation_id",
    "instance_id",
    "job_id",
    "outcome",
    "trigger",
}


@pytest.fixture
def cloud() -> Iterator[LocalCloud]:
    """A local cloud whose backups complete at once."""
    with LocalCloud() as cloud:
        cloud.emulator.backup_seconds = 0
        yield cloud


def accepted(function: LambdaRuntime) -> list[dict[str, Any]]:
    """The log lines of accepted backups so far."""
    return [line for line in function.records() if line.get("message") == "backup accepted"]


@both_kinds
def test_an_event_becomes_a_backup_whose_job_is_in_the_log(
    cloud: LocalCloud, credentials: Credentials
) -> None:
    """For a schedule, HTTP and direct invocation; the job ID is the one of the service."""
    events = [sample("schedule"), sample("scheduled-event"), sample("http-api"), sample("direct")]
    with LambdaRuntime(cloud.environment(credentials)) as function:
        replies = [function.invoke(event) for event in events]
        lines = accepted(function)
    made, jobs = cloud.emulator.backups, cloud.emulator.jobs
    assert len(made) == len(jobs) == len(lines) == len(events)
    for line, backup, job, reply in zip(lines, made, jobs, replies, strict=True):
        assert line["job_id"] == backup.job_id == job.id
        assert line["backup_id"] == backup.id
        assert line["backup_name"] == backup.name
        assert line["instance_id"] == backup.instance_id == INSTANCE_ID
        assert job.id in json.dumps(reply)
        assert line.keys() >= EXPECTED_FIELDS
        assert (line["level"], line["attempts"]) == ("INFO", 1)
        assert line["api_ms"] > 0
    triggers = [line["trigger"] for line in lines]
    assert triggers == ["schedule", "schedule", "http", "direct"]


@both_kinds
def test_a_warm_invocation_is_one_http_call(cloud: LocalCloud, credentials: Credentials) -> None:
    """The first invocation reads the secret and logs in, the second only creates."""
    with LambdaRuntime(cloud.environment(credentials)) as function:
        function.invoke(PAYLOAD)
        first = [call.operation for call in cloud.emulator.calls]
        reads = list(cloud.secrets.reads)
        function.invoke(PAYLOAD)
    log_in = ["CreateToken"] if credentials == "password" else []
    assert first == [*log_in, "CreateManualBackup"]
    assert reads == cloud.secrets.reads == [CREDENTIALS_SECRETS[credentials]]
    second = [call.operation for call in cloud.emulator.calls[len(first) :]]
    assert second == ["CreateManualBackup"]


IMPORT = """
import json, sys

seen = []
sys.addaudithook(lambda event, arguments: seen.append(event) if "socket." in event else None)
import gaussdb_backup.handler

assert callable(gaussdb_backup.handler.lambda_handler)
print(json.dumps([event for event in seen if event in {
    "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}]))
"""


def test_importing_the_handler_sends_no_request(cloud: LocalCloud) -> None:
    """The secrets extension refuses requests during init."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT],
        capture_output=True,
        check=True,
        env={**LAMBDA_ENVIRONMENT, **cloud.environment(), "PYTHONPATH": str(ROOT / "src")},
        text=True,
    )
    assert json.loads(done.stdout) == []
    assert cloud.secrets.reads == []
    assert cloud.emulator.calls == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GAUSSDB_ENDPOINT", None),
        ("GAUSSDB_ENDPOINT", "http://gaussdb.example.com/with-a-value"),
        ("CREDENTIALS_SECRET_ID", None),
        ("ALLOWED_INSTANCES", "with-a-value"),
        ("DEFAULT_PAYLOAD", '{"instance_id": "with-a-value"}'),
        ("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "with-a-value"),
    ],
)
def test_a_broken_configuration_fails_in_one_line(
    cloud: LocalCloud, variable: str, value: str | None
) -> None:
    """At cold start, with the name of the variable and never its value."""
    environment = cloud.environment()
    environment.pop(variable, None)
    if value is not None:
        environment[variable] = value
    with LambdaRuntime(environment) as function:
        with pytest.raises(FunctionFailed) as failure:
            function.invoke(PAYLOAD)
        log = "\n".join(function.lines())
    assert failure.value.error_type == "ConfigurationError"
    assert failure.value.error_message.startswith(f"{variable}: ")
    assert len(failure.value.error_message.splitlines()) == 1
    assert variable in log
    assert "with-a-value" not in log + json.dumps(failure.value.response)


def test_boto_is_never_imported() -> None:
    """The function and its tests call AWS over plain HTTP."""
    imported = set()
    for path in [*(ROOT / "src").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                imported |= {name.name.partition(".")[0] for name in node.names}
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.partition(".")[0])
    assert "requests" in imported
    assert not imported & {"boto3", "botocore", "aiobotocore", "aioboto3"}
