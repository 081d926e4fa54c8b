"""The check over everything that the function says in all tests can fail, and fails the run."""

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
from tests.local_cloud.harness import Stage
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
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of notes of this test's own, so that its leaks do not fail the run."""
    folder = tmp_path / "notes"
    folder.mkdir()
    monkeypatch.setenv(leak_detector.FOLDER, str(folder))
    return folder


def secrets(notes: Path) -> list[list[str]]:
    """The secrets that were noted, each after its kind."""
    return [json.loads(line) for line in (notes / "secrets").read_text().splitlines()]


def run_the_function(credentials: Credentials) -> None:
    """Two invocations in which every secret plays its part."""
    with Stage(credentials) as stage:
        stage.emulator.backup_seconds = 0
        body = json.dumps(PAYLOAD).encode()
        stage.deliver(PAYLOAD)
        stage.deliver(http(body, known=False, headers=signed_headers(body, now=stage.time.now())))


def test_every_kind_of_secret_is_known(notes: Path) -> None:
    """Those that are kept somewhere, those that are made on the way, and those that come in."""
    run_the_function("password")
    run_the_function("aksk")
    known = secrets(notes)
    assert {kind for kind, _ in known} == KINDS
    fixed = {USER["password"], *ACCESS_KEY.values(), WEBHOOK_KEY}
    assert fixed <= {secret for _, secret in known}
    said = (notes / "said").read_text()
    assert said.count("backup accepted") == 4
    assert leak_detector.leaks(notes) == []


def test_each_of_them_is_found_wherever_it_is_said(notes: Path) -> None:
    """In the middle of a line, and the report names it without repeating it."""
    run_the_function("password")
    run_the_function("aksk")
    for kind, secret in secrets(notes):
        before = (notes / "said").read_bytes()
        leak_detector.said({"message": "refused", "error_msg": f"ak={secret}, not known"})
        found = leak_detector.leaks(notes)
        assert f'{kind}: {{"message": "refused", "error_msg": "ak=[here], not known"}}' in found
        assert not any(secret in line for line in found)
        (notes / "said").write_bytes(before)
    assert leak_detector.leaks(notes) == []


@pytest.mark.parametrize("how", ["log", "reply", "error"])
def test_lambda_is_listened_to(notes: Path, tmp_path: Path, how: str) -> None:
    """Whatever the function writes, returns or raises there."""
    (tmp_path / "leaky.py").write_text(LEAKY)
    with LocalCloud(), LambdaRuntime({}, handler="leaky.handler", code=tmp_path) as function:
        assert leak_detector.leaks(notes) == []
        with suppress(FunctionFailed):
            function.invoke({"how": how, "what": USER["password"]})
    assert [line.partition(":")[0] for line in leak_detector.leaks(notes)] == ["password"]


def test_a_function_in_this_process_is_listened_to(notes: Path) -> None:
    """Its log, whose lines all come out of one formatter, its replies and its errors."""

    class Leaky:
        @leak_detector.listening
        def answer(self, event: str, context: object) -> str:
            del context
            if event.startswith("raise"):
                raise ValueError(event)
            return event

    leak_detector.kept_secret({**ACCESS_KEY, **USER, "keys": [WEBHOOK_KEY]})
    Logger(service="leaky", stream=io.StringIO()).info(
        "signed", extra={"headers": {"Access": ACCESS_KEY["access_key"]}}
    )
    Leaky().answer(f"as {ACCESS_KEY['secret_key']}", None)
    with pytest.raises(ValueError, match="raise"):
        Leaky().answer(f"raise {USER['password']}", None)
    kinds = {line.partition(":")[0] for line in leak_detector.leaks(notes)}
    assert kinds == {"access_key", "secret_key", "password"}


def test_a_leak_fails_the_whole_run(tmp_path: Path) -> None:
    """All tests may have passed, and the run is an error all the same."""
    shutil.copy(ROOT / "tests/conftest.py", tmp_path)
    (tmp_path / "test_leaky.py").write_text(
        "from tests.local_cloud import leak_detector\n"
        "def test_that_passes():\n"
        "    leak_detector.kept_secret({'password': 'not-a-real-password'})\n"
        "    leak_detector.said('logged in with not-a-real-password')\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
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
