"""The commands of the README do what they say, and say what they did."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.local_cloud.local_cloud import INSTANCE_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
EVENTS = sorted(path.name for path in (ROOT / "events").glob("*.json"))
# These tests run inside the very environment that the Makefile would otherwise remake.
AS_IT_IS = ("-o", ".venv/.installed", "RUN=.venv")
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def run(
    *command: str, folder: Path = ROOT, environment: Mapping[str, str] = os.environ
) -> subprocess.CompletedProcess[str]:
    """Runs a command as a newcomer would, not as a child of `make test`."""
    return subprocess.run(
        command,
        capture_output=True,
        check=False,
        cwd=folder,
        env={name: value for name, value in environment.items() if not name.startswith("MAKE")},
        text=True,
        timeout=60,
    )


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`make` in the project, without its set-up."""
    return run("make", *AS_IT_IS, *arguments)


def write_event(folder: Path, event: object) -> str:
    """A file for `EVENT=`."""
    path = folder / "event.json"
    path.write_text(json.dumps(event))
    return str(path)


@pytest.mark.parametrize("event", EVENTS)
def test_every_sample_event_makes_a_backup(event: str) -> None:
    """`make run EVENT=…` ends well for each file in `events`."""
    done = make("run", f"EVENT=events/{event}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(rf"^Backup \S+ accepted as job {UUID}\.$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("credentials", ["password", "aksk"])
def test_run_shows_the_whole_way(credentials: str) -> None:
    """The event, the function's log lines, its reply and the service's list, all of one job."""
    done = make("run", f"CREDENTIALS={credentials}")
    assert done.returncode == 0, done.stdout + done.stderr
    event, log, reply, listed, closing = re.split(r"\n\n(?=\S)", done.stdout.rstrip("\n"))
    [accepted] = [
        record
        for line in log.splitlines()
        if line.startswith("{") and (record := json.loads(line)).get("message") == "backup accepted"
    ]
    replied, found = after_title(reply), after_title(listed)
    assert after_title(event) == json.loads((ROOT / "events/schedule.json").read_bytes())
    assert replied["job_id"] == accepted["job_id"] == found["job"]["id"]
    assert replied["backup"]["id"] == accepted["backup_id"] == found["backup"]["id"]
    assert accepted["instance_id"] == found["backup"]["instance_id"] == INSTANCE_ID
    assert accepted["job_id"] in closing


def after_title(section: str) -> Any:
    """The JSON below a section's first line."""
    return json.loads(section.partition("\n")[2])


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"instance_id": INSTANCE_ID, "colour": "blue"}, r"No backup: InvalidRequest: .*colour.*"),
        ({"instance_id": "0" * 36}, r"No backup: InstanceNotFound: .*"),
        ({"detail-type": "Scheduled Event", "Records": 1}, r"No backup: \w+: .*"),
        ({"action": "check", "instance_id": INSTANCE_ID}, "No backup: the function accepted none"),
    ],
    ids=["a field too many", "an unknown instance", "a foreign event", "another action"],
)
def test_run_fails_with_the_reason_in_one_line(tmp_path: Path, event: object, reason: str) -> None:
    """A refused event ends in an exit status and one line that says why."""
    done = make("run", f"EVENT={write_event(tmp_path, event)}")
    assert done.returncode != 0
    assert re.fullmatch(reason, done.stderr.splitlines()[0])


def test_run_fails_where_http_says_no(tmp_path: Path) -> None:
    """A problem document is a refusal too."""
    event = json.loads((ROOT / "events/http-api.json").read_bytes())
    del event["requestContext"]["authorizer"]
    done = make("run", f"EVENT={write_event(tmp_path, event)}")
    assert done.returncode != 0
    assert done.stderr.startswith("No backup: Unauthenticated: ")


@pytest.mark.parametrize("content", [None, "{"], ids=["missing", "broken"])
def test_run_needs_an_event(tmp_path: Path, content: str | None) -> None:
    """A wrong path and broken JSON are named, without a traceback."""
    path = tmp_path / "event.json"
    if content:
        path.write_text(content)
    done = make("run", f"EVENT={path}")
    assert done.returncode != 0
    assert done.stderr.startswith(f"No event: {path}: ")


def test_the_sandbox_can_be_used_as_it_says() -> None:
    """Its exports lead the function to it; Ctrl-C stops it, and nothing listens any more."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.local_cloud.commands.sandbox"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as sandbox:
        assert sandbox.stdout is not None
        lines = list(takewhile(lambda line: "Ctrl-C" not in line, sandbox.stdout))
        to_type = [line for line in lines if line.startswith(("export ", ".venv/"))]
        command = "".join(to_type).replace(".venv/bin/python", sys.executable)
        first = run("sh", "-c", command)
        second = run("sh", "-c", command)
        [(token, url)] = re.findall(r"curl -H 'X-Auth-Token: (\S+)' (\S+)", lines[-2])
        listed = requests.get(url, headers={"X-Auth-Token": token}, timeout=5).json()
        sandbox.send_signal(signal.SIGINT)
        assert sandbox.wait(10) == 0
    assert '"outcome": "created"' in first.stdout, first.stderr
    assert '"outcome": "existing"' in second.stdout, second.stderr
    assert listed["total_count"] == 1
    ports = re.findall(r"http://127\.0\.0\.1:(\d+)", "".join(lines))
    assert ports
    for port in map(int, ports):
        with socket.socket() as client:
            assert client.connect_ex(("127.0.0.1", port)) != 0


def test_make_alone_lists_the_commands() -> None:
    """A newcomer need not open the Makefile."""
    listed = re.findall(r"^  make (\w+) +\S", make().stdout, re.MULTILINE)
    assert {"run", "test", "check", "build", "bench", "sandbox", "lock", "clean"} <= {*listed}


@pytest.mark.parametrize("broken", ["", "check", "run", "test"])
def test_ci_fails_if_any_command_fails(tmp_path: Path, broken: str) -> None:
    """All of them run, the tests last, and one failure is enough."""
    fake = tmp_path / "make"
    fake.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/ran\n[ "$1" != "{broken}" ]\n')
    fake.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = run(str(ROOT / ".ci/run"), folder=tmp_path, environment=environment)
    assert (tmp_path / "ran").read_text().split() == ["check", "run", "test"]
    assert (done.returncode != 0) == bool(broken)
