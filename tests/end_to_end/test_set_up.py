"""The set-up by `make`: once, whole or not at all, and in plain words where it cannot be.

uv is a stand-in here, so that nothing is downloaded: what uv itself does is uv's own to test.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT: Final = Path(__file__).resolve().parents[2]

# Notes its calls, takes its time for `sync`, and leaves what the Makefile goes on with.
UV: Final = """#!/bin/sh
[ "$1" != --version ] || { echo "uv $(cat "$FAKE/version")"; exit; }
echo "$@" >> "$FAKE/calls"
for last in "$@"; do :; done
case $1 in
venv)
    [ "$3" = --clear ] && rm -rf "$last"
    mkdir -p "$last/bin"
    printf '#!/bin/sh\\necho "$0" "$@"\\n' > "$last/bin/python"
    chmod +x "$last/bin/python" ;;
sync) sleep "$(cat "$FAKE/seconds")" ;;
export) printf 'six==1\\naws-sam-cli==1 \\\\\\n    --hash=sha256:00\\ntomli==1\\n' ;;
pip)
    while [ "$1" != --target ]; do shift; done
    mkdir -p "$2/samcli/local/rapid"
    for arch in arm64 x86_64; do cp "$4" "$2/samcli/local/rapid/aws-lambda-rie-$arch"; done ;;
esac
"""


class Clone:
    """What of the project its set-up needs, in a folder with a blank in its name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "a clone"
        self.fake = folder / "fake"
        self.fake.mkdir()
        (self.fake / "version").write_text("99.0.0 (stand-in)")
        (self.fake / "seconds").write_text("0")
        self.write_command("uv", UV)
        shutil.copytree(ROOT / ".ci", self.folder / ".ci")
        for name in ("src", "tests"):
            (self.folder / name).mkdir()
        for name in ("Makefile", "uv.lock", "pyproject.toml"):
            shutil.copy(ROOT / name, self.folder)
        self.lock_changed(seconds_ago=60)

    def write_command(self, name: str, script: str) -> None:
        """Puts a command before all others on the PATH."""
        (self.fake / name).write_text(script)
        (self.fake / name).chmod(0o755)

    def lock_changed(self, *, seconds_ago: float) -> None:
        """Gives uv.lock another time."""
        os.utime(self.folder / "uv.lock", (time.time() - seconds_ago,) * 2)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts `make` as a newcomer would, not as a child of `make test`."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        path = f"{self.fake}:{kept['PATH']}"
        return subprocess.Popen(
            ["/usr/bin/env", "make", *arguments],
            cwd=self.folder,
            env={**kept, "PATH": path, "FAKE": str(self.fake)},
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def make(self, *arguments: str) -> tuple[int, str, str]:
        """Runs `make`: its exit status, standard output and standard error."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def uv_calls(self, command: str) -> list[str]:
        """The calls of one of uv's commands so far."""
        calls = self.fake / "calls"
        lines = calls.read_text().splitlines() if calls.exists() else []
        return [line for line in lines if line.startswith(f"{command} ")]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A fresh clone, with a uv on the PATH."""
    return Clone(tmp_path)


def wait_for(fact: Callable[[], object]) -> None:
    """Waits until something is so."""
    deadline = time.monotonic() + 20
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.01)


RAN: Final = ".venv-run/bin/python -m tests.local_cloud.commands.run"


def test_run_sets_up_what_it_needs_and_runs(clone: Clone) -> None:
    """The locked packages of its own group, the emulator of the lock, and no other environment."""
    status, out, err = clone.make("run")
    assert (status, RAN in out) == (0, True)
    assert "==> .venv-run: installing" in err
    [sync] = clone.uv_calls("sync")
    assert "--locked" in sync
    assert sync.endswith("--group run")
    emulator = clone.folder / ".venv-run/bin/aws-lambda-rie"
    assert emulator.read_text() == "aws-sam-cli==1 \\\n    --hash=sha256:00\n"
    assert os.access(emulator, os.X_OK)
    assert [path.name for path in clone.folder.glob(".venv*")] == [".venv-run"]


def test_set_up_is_not_done_twice(clone: Clone) -> None:
    """With everything in place a command does its own work, without uv and so without network."""
    clone.make("run")
    (clone.fake / "calls").unlink()
    status, out, err = clone.make("run")
    assert (status, RAN in out, err) == (0, True, "")
    assert not (clone.fake / "calls").exists()


def test_set_up_follows_the_lock(clone: Clone) -> None:
    """A newer lock file makes the environment anew."""
    clone.make("run")
    clone.lock_changed(seconds_ago=-60)
    assert clone.make("run")[0] == 0
    assert len(clone.uv_calls("sync")) == 2
    assert all("--clear" in call for call in clone.uv_calls("venv"))


def test_two_first_set_ups_at_once(clone: Clone) -> None:
    """The second waits for the first and finds everything done."""
    (clone.fake / "seconds").write_text("0.5")
    both = [clone.start("run"), clone.start("run")]
    ends = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], ends
    assert all(RAN in out for out, _ in ends)
    assert len(clone.uv_calls("sync")) == 1


def test_ctrl_c_leaves_nothing_that_looks_complete(clone: Clone) -> None:
    """The next call starts from nothing, and does not wait for the one that was interrupted."""
    (clone.fake / "seconds").write_text("30")
    interrupted = clone.start("run")
    wait_for(lambda: clone.uv_calls("sync"))
    os.killpg(interrupted.pid, signal.SIGINT)
    _, err = interrupted.communicate(timeout=10)
    assert interrupted.returncode != 0
    assert "Traceback" not in err
    (clone.folder / ".venv-run/half").touch()
    (clone.fake / "seconds").write_text("0")
    status, out, _ = clone.make("run")
    assert (status, RAN in out) == (0, True)
    assert not (clone.folder / ".venv-run/half").exists()


def test_a_set_up_that_fails_is_not_taken_for_done(clone: Clone) -> None:
    """As without a network."""
    (clone.fake / "seconds").write_text("not a number")
    assert clone.make("run")[0] != 0
    assert not (clone.folder / ".venv-run/.installed").exists()


@pytest.mark.parametrize("version", ["0.9.30", "0.12.99", "no version", ""])
def test_a_uv_that_is_too_old_is_not_used(clone: Clone, version: str) -> None:
    """`make` installs the pinned one instead, from hashes, by the Python that it found."""
    (clone.fake / "version").write_text(version)
    clone.write_command(
        "python",
        f'#!/bin/sh\n[ "$1" != -c ] || exit 0\necho "$@" >> {clone.fake}/installs\n'
        'while [ $# -gt 0 ]; do [ "$1" != --target ] || target=$2; shift; done\n'
        f'[ -z "$target" ] || {{ mkdir -p "$target/bin"; cp {clone.fake}/uv "$target/bin"; }}\n',
    )
    status, out, err = clone.make("run", f"PYTHON={clone.fake}/python")
    assert (status, RAN in out) == (0, True), err
    assert "==> .uv: installing uv" in err
    calls = (clone.fake / "installs").read_text().splitlines()
    [install] = [line for line in calls if "install" in line]
    assert "--require-hashes" in install
    assert "--only-binary=:all:" in install
    assert [*clone.folder.glob(".uv/unfinished*")] == []


def test_an_old_python_is_refused_in_plain_words(clone: Clone) -> None:
    """No traceback, but what is needed and what was found."""
    clone.write_command(
        "old", '#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.1 && exit\nexit 1\n'
    )
    status, _, err = clone.make("run", f"PYTHON={clone.fake}/old")
    assert status != 0
    assert "needs Python 3.11 or newer; found: Python 3.9.1." in err
    assert not clone.uv_calls("sync")


@pytest.mark.parametrize("system", ["Darwin", "MINGW64_NT-10.0"])
@pytest.mark.parametrize("command", ["run", "test", "sandbox", "bench", "chaos"])
def test_another_system_is_told_the_way_before_anything_is_installed(
    clone: Clone, system: str, command: str
) -> None:
    """The emulator is for Linux: one line to paste runs the same command in a container."""
    clone.write_command("uname", f"#!/bin/sh\necho {system}\n")
    status, _, err = clone.make(command)
    assert status != 0
    [line] = [line.strip() for line in err.splitlines() if "docker run" in line]
    assert line.startswith('docker run --rm -it -v "${PWD}:/project:ro" python:3')
    assert line.endswith(f'make clean {command}"')
    assert not [*clone.folder.glob(".venv*")]
    assert not clone.uv_calls("venv")


def test_the_line_for_a_container_starts_anew(clone: Clone, tmp_path: Path) -> None:
    """What it does inside: a copy, without the environments of another system, and the command."""
    (clone.folder / ".venv-run").mkdir()
    (clone.folder / ".venv-run/.installed").touch()
    clone.write_command("uname", "#!/bin/sh\necho Darwin\n")
    _, _, err = clone.make("run")
    (clone.fake / "uname").unlink()
    inside = err.split('sh -c "')[1].split('"')[0]
    inside = inside.replace("/project /tmp/project", f"'{clone.folder}' {tmp_path}/project")
    inside = inside.replace("cd /tmp/project", f"cd {tmp_path}/project")
    done = subprocess.run(
        ["/bin/sh", "-c", inside],
        capture_output=True,
        check=False,
        env={**os.environ, "PATH": f"{clone.fake}:{os.environ['PATH']}", "FAKE": str(clone.fake)},
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert RAN in done.stdout
