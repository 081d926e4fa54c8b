"""The commands of the README do what they say."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.local_cloud.events import sqs
from tests.local_cloud.local_cloud import INSTANCE_ID

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
EVENTS = sorted(path.name for path in (ROOT / "events").glob("*.json"))
# These tests run inside the very environment that the Makefile would otherwise remake.
AS_IT_IS = ("-o", ".venv/.installed", "RUN=.venv")
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def run(
    *command: str, folder: Path = ROOT, environment: Mapping[str, str] = os.environ
) -> subprocess.CompletedProcess[str]:
    """Runs a command as a user would, not as a child of `make test`."""
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
    """Runs `make` in the project, without its set-up."""
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
def test_run_shows_event_log_reply_and_backup(credentials: str) -> None:
    """All with the same job ID."""
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
        ({"Records": []}, r"No backup: .*"),
        (
            {"action": "verify", "instance_id": INSTANCE_ID, "max_age_hours": 1},
            r"Failed: BackupStale: .*",
        ),
    ],
    ids=["a field too many", "an unknown instance", "a foreign event", "nothing", "a stale backup"],
)
def test_run_fails_with_the_reason_in_one_line(tmp_path: Path, event: object, reason: str) -> None:
    """A rejected event ends with an exit status and one line with the reason."""
    done = make("run", f"EVENT={write_event(tmp_path, event)}")
    assert done.returncode != 0
    assert re.fullmatch(reason, done.stderr.splitlines()[0])


def test_run_fails_for_an_http_error(tmp_path: Path) -> None:
    """A problem document is a failure too."""
    event = json.loads((ROOT / "events/http-api.json").read_bytes())
    del event["requestContext"]["authorizer"]
    done = make("run", f"EVENT={write_event(tmp_path, event)}")
    assert done.returncode != 0
    assert done.stderr.startswith("No backup: Unauthenticated: ")


@pytest.mark.parametrize("content", [None, "{"], ids=["missing", "broken"])
def test_run_needs_an_event(tmp_path: Path, content: str | None) -> None:
    """A wrong path and broken JSON are reported without a traceback."""
    path = tmp_path / "event.json"
    if content:
        path.write_text(content)
    done = make("run", f"EVENT={path}")
    assert done.returncode != 0
    assert done.stderr.startswith(f"No event: {path}: ")


CHECK = {"action": "check", "instance_id": INSTANCE_ID}


@pytest.mark.parametrize(
    "event", [CHECK, sqs(CHECK), sqs(json.dumps(CHECK))], ids=["direct", "queue", "text"]
)
def test_run_shows_the_outcome_of_a_read_action(tmp_path: Path, event: object) -> None:
    """It makes no backup and succeeds."""
    done = make("run", f"EVENT={write_event(tmp_path, event)}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "Outcome: ready."


def test_an_event_may_lie_anywhere(tmp_path: Path) -> None:
    """Blanks and quotation marks in its path are part of the path."""
    folder = tmp_path / "my events"
    folder.mkdir()
    path = (folder / "what's up.json").as_posix()
    Path(path).write_text(json.dumps(CHECK))
    assert make("run", f"EVENT={path}").returncode == 0
    assert f"No event: {folder}/none: " in make("run", f"EVENT={folder}/none").stderr


def test_an_event_may_be_named_without_the_variable() -> None:
    """`make run events/sqs.json` runs that event, and nothing else."""
    done = make("run", "events/sqs.json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("The event (events/sqs.json):")
    assert done.stdout.count("The event (") == 1
    assert done.stdout.splitlines()[-1].startswith("Backup ")


@pytest.mark.parametrize(
    "goals",
    [("run", "my events/sqs.json"), ("run", "events/sqs.json", "events/sns.json"), ("a.json",)],
    ids=["a blank", "two", "no command"],
)
def test_an_ambiguous_event_is_answered_with_the_right_command(goals: tuple[str, ...]) -> None:
    """It never runs another event than the intended one."""
    done = make(*goals)
    assert done.returncode != 0
    assert "type: make run EVENT='path/to/event.json'" in done.stderr
    assert done.stdout == ""


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[tuple[list[str], Mapping[str, str]]]:
    """A running sandbox: the lines that it prints, and the environment in which it is found."""
    environment = {**os.environ, "SANDBOX_FOLDER": str(tmp_path / "the sandbox")}
    command = [sys.executable, "-m", "tests.local_cloud.commands.sandbox"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield [process.stdout.readline() for _ in range(5)], environment
        stop(process)
        assert process.stdout.read() == ""


def stop(process: subprocess.Popen[str]) -> None:
    """Ctrl-C must be enough."""
    process.send_signal(signal.SIGINT)
    try:
        assert process.wait(20) == 0
    finally:
        process.kill()


def test_the_sandbox_can_be_used_as_printed(
    sandbox: tuple[list[str], Mapping[str, str]], tmp_path: Path
) -> None:
    """Five lines and two files connect the function and curl with it."""
    lines, environment = sandbox
    typed = [line.strip().partition("   ")[0] for line in lines[1:]]
    assert all(typed)
    first, second, with_key = (
        run("make", *AS_IT_IS, "invoke", *arguments, environment=environment)
        for arguments in ((), ("EVENT=events/schedule.json",), ("CREDENTIALS=aksk",))
    )
    assert '"outcome": "created"' in first.stdout, first.stderr
    assert '"outcome": "existing"' in second.stdout, second.stderr
    assert '"outcome": "existing"' in with_key.stdout, with_key.stderr
    assert [done.returncode for done in (first, second, with_key)] == [0, 0, 0]
    variables = run("/bin/sh", "-c", f"{typed[2]} && env", environment=environment).stdout
    assert "GAUSSDB_ENDPOINT=http://127.0.0.1:" in variables
    listed = json.loads(run("/bin/sh", "-c", typed[3], environment=environment).stdout)
    assert listed["total_count"] == 1
    folder = tmp_path / "the sandbox"
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    token = (folder / "token").read_text().split()[-1]
    assert token not in "".join(lines)


def test_invoke_fails_as_run_does(
    sandbox: tuple[list[str], Mapping[str, str]], tmp_path: Path
) -> None:
    """With the reason in one line; a webhook is signed as it is there."""
    _, environment = sandbox
    for event, reason in (
        ({"instance_id": "0" * 36}, "No backup: InstanceNotFound: "),
        ({"action": "verify", "instance_id": INSTANCE_ID, "max_age_hours": 1}, "Failed: "),
    ):
        path = write_event(tmp_path, event)
        done = run("make", *AS_IT_IS, "invoke", f"EVENT={path}", environment=environment)
        assert done.returncode != 0
        assert done.stderr.startswith(reason)
    done = run("make", *AS_IT_IS, "invoke", "EVENT=events/webhook.json", environment=environment)
    assert done.returncode == 0, done.stderr
    done = run("make", *AS_IT_IS, "invoke", "EVENT=none.json", environment=environment)
    assert done.stderr.startswith("No event: none.json: ")


def test_a_sandbox_that_stops_leaves_nothing(tmp_path: Path) -> None:
    """No listener and no file remains, and `make invoke` says what to do."""
    environment = {**os.environ, "SANDBOX_FOLDER": str(tmp_path)}
    command = [sys.executable, "-m", "tests.local_cloud.commands.sandbox"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        variables = (tmp_path / "environment").read_text()
        stop(process)
    assert [*tmp_path.iterdir()] == []
    ports = re.findall(r"http://127\.0\.0\.1:(\d+)", variables)
    assert ports
    for port in map(int, ports):
        with socket.socket() as client:
            assert client.connect_ex(("127.0.0.1", port)) != 0
    done = run("make", *AS_IT_IS, "invoke", environment=environment)
    assert done.stderr.startswith("No sandbox is running: ")
    (tmp_path / "environment").write_text(variables)
    done = run("make", *AS_IT_IS, "invoke", environment=environment)
    assert done.stderr.startswith("The sandbox does not answer: ")


def test_the_drill_plays_every_incident() -> None:
    """Eight log lines of different meanings, each with a section that names its error."""
    done = make("drill")
    assert done.returncode == 0, done.stdout + done.stderr
    incidents = re.split(r"^==> \d of 8: ", done.stdout, flags=re.MULTILINE)[1:]
    assert len(incidents) == 8
    headings = re.findall(r"^##+ (.*)$", (ROOT / "docs/runbook.md").read_text(), re.MULTILINE)
    for incident in incidents:
        line, heading, section = re.search(
            r"^The log line:\n(.*)\n\nThe runbook, section (\S+):\n(.+)",
            incident,
            re.MULTILINE | re.DOTALL,
        ).groups()  # type: ignore[union-attr] # None would fail the test
        record = json.loads(line)
        assert record["message"] == "backup failed"
        assert f"`{record['error']}`" in section
        assert heading in headings


def test_make_alone_lists_the_commands() -> None:
    """Without opening the Makefile."""
    listed = re.findall(r"^  make (\w+) +\S", make().stdout, re.MULTILINE)
    assert {"run", "test", "check", "build", "bench", "sandbox", "drill", "lock"} <= {*listed}


@pytest.mark.parametrize("broken", ["", "check", "run", "test"])
def test_ci_fails_if_any_command_fails(tmp_path: Path, broken: str) -> None:
    """All commands run, the tests last, and one failure is enough."""
    fake = tmp_path / "make"
    fake.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/ran\n[ "$1" != "{broken}" ]\n')
    fake.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = run(str(ROOT / ".ci/run"), folder=tmp_path, environment=environment)
    assert (tmp_path / "ran").read_text().split() == ["check", "run", "test"]
    assert (done.returncode != 0) == bool(broken)
