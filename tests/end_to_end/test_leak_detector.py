"""The check for secrets in the output of all tests finds leaks and fails the run."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aws_lambda_powertools import Logger

from tests.local_cloud import leak_detector
from tests.local_cloud.events import PAYLOAD, http, signed_headers
from tests.local_cloud.harness import Harness
from tests.local_cloud.lambda_runtime import FunctionFailed, LambdaRuntime
from tests.local_cloud.local_cloud import ACCESS_KEY, USER, WEBHOOK_KEY, LocalCloud

if TYPE_CHECKING:
    from tests.local_cloud.local_cloud import Credentials

ROOT = Path(__file__).resolve().parents[2]
KINDS = {
    "access_key",
    "keys",
    "password",
    "secret_key",
    "session token",
    "signature",
    "token",
    "webhook signature",
}
LEAKY = """
def handler(event, context):
    match event["how"]:
        case "log":
            print("found", event["what"], "here")
        case "error":
            raise ValueError(event["what"])
    return event["what"]
"""


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A separate folder of records, so that the leaks of this test do not fail the run."""
    folder = tmp_path / "records"
    folder.mkdir()
    monkeypatch.setenv(leak_detector.FOLDER, str(folder))
    return folder


def secrets(records: Path) -> list[list[str]]:
    """The recorded secrets, as pairs of kind and secret."""
    return [json.loads(line) for line in (records / "secrets").read_text().splitlines()]


def invoke_with_every_secret(credentials: Credentials) -> None:
    """Two invocations that use every kind of secret."""
    with Harness(credentials) as harness:
        harness.emulator.backup_seconds = 0
        body = json.dumps(PAYLOAD).encode()
        harness.invoke(PAYLOAD)
        harness.invoke(
            http(body, known=False, headers=signed_headers(body, now=harness.time.now()))
        )


def test_every_kind_of_secret_is_recorded(records: Path) -> None:
    """Stored secrets, secrets made during the invocation, and secrets in requests."""
    invoke_with_every_secret("password")
    invoke_with_every_secret("aksk")
    known = secrets(records)
    assert {kind for kind, _ in known} == KINDS
    fixed = {USER["password"], *ACCESS_KEY.values(), WEBHOOK_KEY}
    assert fixed <= {secret for _, secret in known}
    output = (records / "output").read_text()
    assert output.count("backup accepted") == 4
    assert leak_detector.find_leaks(records) == []


def test_each_secret_is_found_in_the_middle_of_a_line(records: Path) -> None:
    """The report shows the kind and the line, but not the secret."""
    invoke_with_every_secret("password")
    invoke_with_every_secret("aksk")
    for kind, secret in secrets(records):
        before = (records / "output").read_bytes()
        leak_detector.record_output({"message": "refused", "error_msg": f"ak={secret}, not known"})
        found = leak_detector.find_leaks(records)
        assert f'{kind}: {{"message": "refused", "error_msg": "ak=[here], not known"}}' in found
        assert not any(secret in line for line in found)
        (records / "output").write_bytes(before)
    assert leak_detector.find_leaks(records) == []


@pytest.mark.parametrize("how", ["log", "reply", "error"])
def test_output_of_the_lambda_runtime_is_recorded(records: Path, tmp_path: Path, how: str) -> None:
    """Log lines, replies and errors."""
    (tmp_path / "leaky.py").write_text(LEAKY)
    with LocalCloud(), LambdaRuntime({}, handler="leaky.handler", code=tmp_path) as function:
        assert leak_detector.find_leaks(records) == []
        with suppress(FunctionFailed):
            function.invoke({"how": how, "what": USER["password"]})
    assert [line.partition(":")[0] for line in leak_detector.find_leaks(records)] == ["password"]


def test_output_of_a_function_in_this_process_is_recorded(records: Path) -> None:
    """Log lines (all of them pass one formatter), replies and errors."""

    class Leaky:
        @leak_detector.recording_invocations
        def answer(self, event: str, context: object) -> str:
            del context
            if event.startswith("raise"):
                raise ValueError(event)
            return event

    leak_detector.record_stored_secrets({**ACCESS_KEY, **USER, "keys": [WEBHOOK_KEY]})
    Logger(service="leaky", stream=io.StringIO()).info(
        "signed", extra={"headers": {"Access": ACCESS_KEY["access_key"]}}
    )
    Leaky().answer(f"as {ACCESS_KEY['secret_key']}", None)
    with pytest.raises(ValueError, match="raise"):
        Leaky().answer(f"raise {USER['password']}", None)
    kinds = {line.partition(":")[0] for line in leak_detector.find_leaks(records)}
    assert kinds == {"access_key", "secret_key", "password"}


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_leak_fails_the_whole_run(tmp_path: Path, workers: str) -> None:
    """The run ends with an error even if every test has passed, in whatever process."""
    shutil.copy(ROOT / "tests/conftest.py", tmp_path)
    (tmp_path / "test_leaky.py").write_text(
        "from tests.local_cloud import leak_detector\n"
        "def test_that_passes():\n"
        "    leak_detector.record_stored_secrets({'password': 'not-a-real-password'})\n"
        "    leak_detector.record_output('logged in with not-a-real-password')\n"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", workers),
            str(tmp_path),
        ],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        text=True,
        timeout=60,
    )
    assert done.returncode == 1, done.stdout
    assert "1 passed, 1 error" in done.stdout
    assert "password: logged in with [here]" in done.stdout
