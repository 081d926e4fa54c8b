"""The function as Lambda runs it: AWS's Runtime Interface Emulator with AWS's runtime client.

This module hides the emulator's peculiarities from the tests: it listens on all interfaces by
default, crashes on a second simultaneous call, and answers errors and time-outs with status 200.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import requests

from tests.local_cloud import leak_detector

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HANDLER: Final = "gaussdb_backup.handler.lambda_handler"
SOURCES: Final = Path(__file__).resolve().parents[2] / "src"
EMULATOR: Final = Path(sys.prefix) / "bin" / "aws-lambda-rie"

# The variables that Lambda sets. The developer's own environment is not passed on.
LAMBDA_ENVIRONMENT: Final = {
    "AWS_ACCESS_KEY_ID": "not-a-real-access-key",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "AWS_LAMBDA_FUNCTION_NAME": "BackupFunction",
    "AWS_LAMBDA_LOG_FORMAT": "JSON",
    "AWS_REGION": "eu-central-1",
    "AWS_SECRET_ACCESS_KEY": "not-a-real-secret",
    "LANG": "en_US.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",  # Lambda's disk is read-only
    "TZ": ":UTC",
}

# Runs in the emulator's process before the emulator, so that the emulator dies with this process,
# however this process ends. prctl exists on Linux only, and so does the emulator.
_DIE_WITH_PARENT: Final = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); os.execv(sys.argv[1], sys.argv[1:])"
)
_EMULATORS_OWN_LINE: Final = re.compile(
    r"(START|END|REPORT) RequestId: |\d\d \w{3} \d{4} \S+ \[\w+\] \(rapid\) "
)
_INIT_REPORT: Final = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)\)")
_START_ATTEMPTS: Final = 5
_START_SECONDS: Final = 10
_STOP_SECONDS: Final = 5
_LOG_SECONDS: Final = 1


class FunctionFailed(Exception):
    """The function raised an exception or did not start.

    Attributes:
        error_type: the exception's class name, or the runtime's (`Runtime.ImportModuleError`).
        error_message: the text of the exception.
        response: the whole error object that a caller of Lambda receives.
    """

    def __init__(self, response: Mapping[str, Any]) -> None:
        self.response = response
        self.error_type = str(response["errorType"])
        self.error_message = str(response["errorMessage"])
        super().__init__(f"{self.error_type}: {self.error_message}")


class FunctionTimedOut(Exception):
    """Lambda killed the function after the time-out; the message is Lambda's."""


class LambdaRuntime:
    """One execution environment of the function, as a context manager.

    Args:
        environment: the function's environment variables; the developer's own are not passed on.
        handler: `module.function`.
        code: the folder that Lambda would mount at `/var/task`: `src`, or a built artifact.
        python: an interpreter that has `awslambdaric`, and for `src` the packages too.
        timeout_seconds: the function's timeout. The emulator includes init, Lambda does not.

    Attributes:
        port: the emulator's port on loopback.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        handler: str = HANDLER,
        code: Path = SOURCES,
        python: Path = Path(sys.executable),
        timeout_seconds: int = 30,
    ) -> None:
        self._handler = handler
        self._code = code
        self._python = python
        self._timeout_seconds = timeout_seconds
        self._environment = {
            **LAMBDA_ENVIRONMENT,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout_seconds),
            "LAMBDA_TASK_ROOT": str(code),
            "PYTHONPATH": str(code),
            **environment,
        }
        self._one_at_a_time = threading.Lock()
        self._resources = contextlib.ExitStack()
        self._log = Path()
        self._emulator_process = 0
        self.port = 0

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as resources:
            folder = resources.enter_context(tempfile.TemporaryDirectory(prefix="lambda-"))
            self._log = Path(folder) / "log"
            self.port = self._start(resources)
            self._resources = resources.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        leak_detector.record_output(*self.lines())
        self._resources.close()

    def invoke(self, event: object, *, request_id: str | None = None) -> Any:
        """Invokes the function as soon as it is idle, and waits for the reply.

        Args:
            event: anything that JSON can represent.
            request_id: the invocation's ID, new unless given. Lambda's own retries repeat it.

        Returns:
            The reply. A reply that looks like Lambda's error object counts as an error.

        Raises:
            FunctionFailed: the function raised an exception or did not start.
            FunctionTimedOut: the function exceeded its time-out.
        """
        leak_detector.record_received_secrets(event)
        identity = request_id or str(uuid.uuid4())
        with self._one_at_a_time:
            seen = self._log.stat().st_size
            response = self._post(json.dumps(event).encode(), identity)
            self._wait_for_end(seen, identity, failed=not response.ok)
        leak_detector.record_output(response.text)
        return _reply(response.text)

    def lines(self) -> list[str]:
        """All output of the function so far, line by line."""
        return [line for line in self._read() if not _EMULATORS_OWN_LINE.match(line)]

    def records(self) -> list[dict[str, Any]]:
        """The lines that are JSON objects, parsed."""
        parsed = []
        for line in self.lines():
            with contextlib.suppress(json.JSONDecodeError):
                parsed.append(json.loads(line))
        return [record for record in parsed if isinstance(record, dict)]

    def init_milliseconds(self) -> list[float]:
        """The duration of each initialisation, in milliseconds."""
        return [float(found[1]) for line in self._read() if (found := _INIT_REPORT.search(line))]

    def function_process(self) -> int:
        """The ID of the process that runs the function, after the first invocation."""
        [process] = _children(self._emulator_process)
        return process

    def _read(self) -> list[str]:
        return self._log.read_text(encoding="utf-8", errors="replace").splitlines()

    def _post(self, body: bytes, request_id: str) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.post(
                f"http://127.0.0.1:{self.port}/2015-03-31/functions/function/invocations",
                data=body,
                headers={"X-Amzn-RequestId": request_id, "Content-Type": "application/json"},
                timeout=self._timeout_seconds + _START_SECONDS,
            )

    def _wait_for_end(self, seen: int, request_id: str, *, failed: bool) -> None:
        """Waits for the END line, which may follow the reply and is missing after a crash."""
        end = f"END RequestId: {request_id}".encode()
        deadline = time.monotonic() + (_LOG_SECONDS / 10 if failed else _LOG_SECONDS)
        while end not in self._log.read_bytes()[seen:] and time.monotonic() < deadline:
            time.sleep(0.002)

    def _start(self, resources: contextlib.ExitStack) -> int:
        """Starts the emulator. Tries again if another process took one of the ports meanwhile."""
        for _ in range(_START_ATTEMPTS):
            with contextlib.ExitStack() as attempt:
                port, runtime_port = _free_ports()
                process = attempt.enter_context(self._emulator(port, runtime_port))
                if _listens(port, process):
                    resources.push(attempt.pop_all())
                    self._emulator_process = process.pid
                    return port
        raise RuntimeError(f"the emulator did not start: {self._read()[-1:]}")

    @contextlib.contextmanager
    def _emulator(self, port: int, runtime_port: int) -> Iterator[subprocess.Popen[bytes]]:
        command = [
            *(sys.executable, "-IS", "-c", _DIE_WITH_PARENT, str(EMULATOR)),
            *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
            *("--runtime-api-address", f"127.0.0.1:{runtime_port}"),
            *("--log-level", "info"),
            *(str(self._python), "-m", "awslambdaric", self._handler),
        ]
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=self._code,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # __exit__ stops the emulator after Ctrl-C
            )
        try:
            yield process
        finally:
            process.terminate()  # the emulator kills the function before it exits
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
            process.kill()
            process.wait()


def _children(parent: int) -> Iterator[int]:
    """The child processes of a process. Others may end while /proc is read."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            _, _, fields = status.read_text(errors="replace").rpartition(") ")
            if int(fields.split()[1]) == parent:
                yield int(status.parent.name)


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def _listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return process.poll() is None
        time.sleep(0.005)
    return False


def _reply(text: str) -> Any:
    if text.startswith("Task timed out after "):
        raise FunctionTimedOut(text)
    response = json.loads(text)
    if isinstance(response, dict) and {"errorType", "errorMessage"} <= response.keys():
        raise FunctionFailed(response)
    return response
