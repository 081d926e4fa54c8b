"""Processes that run the function as Lambda's execution environments do, and can be killed.

Tests need many of them in a short time, so each is forked from one process that has imported the
function. Time can run faster here and clocks can be wrong. The real runtime is in `lambda_runtime`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from tests.local_cloud.lambda_runtime import SOURCES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

ROOT: Final = Path(__file__).resolve().parents[2]
MAX_BYTES: Final = 65536
RESPONSE_SECONDS: Final = 60.0


class EnvironmentDied(Exception):
    """The process died during an invocation."""


@dataclass(frozen=True, slots=True)
class InvocationResult:
    """The result of one invocation.

    Attributes:
        reply: what the function returned; None if it raised.
        error: the class name of what it raised.
        records: its log lines, parsed, without metrics.
    """

    reply: Any
    error: str | None
    records: list[dict[str, Any]]


class ExecutionEnvironment:
    """One process that runs the function.

    Args:
        pid: the ID of the process.
        connection: the socket to it.
    """

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid = pid
        connection.settimeout(RESPONSE_SECONDS)
        self._socket = connection
        self._stream = connection.makefile("rb")

    def invoke(
        self,
        event: object,
        *,
        seconds: float = 30.0,
        request_id: str | None = None,
        clock_offset: float = 0.0,
        speedup: float = 1.0,
    ) -> InvocationResult:
        """Invokes the function and waits for the result.

        Args:
            event: anything that JSON can represent.
            seconds: the time limit that Lambda would set.
            request_id: the invocation's ID; a new one unless given.
            clock_offset: seconds by which its wall clock is ahead.
            speedup: how many times faster its pauses pass.

        Raises:
            EnvironmentDied: the process died before it sent the result.
        """
        request = {
            "event": event,
            "seconds": seconds,
            "request_id": request_id or str(uuid.uuid4()),
            "clock_offset": clock_offset,
            "speedup": speedup,
        }
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            reply_line = self._stream.readline()
        except ConnectionError as error:
            raise EnvironmentDied from error
        if not reply_line.endswith(b"\n"):
            raise EnvironmentDied
        return InvocationResult(**json.loads(reply_line))

    def kill(self) -> None:
        """Kills the process, as Lambda does after a time-out."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kills the process, if it is alive, and closes the connection."""
        self.kill()
        self._stream.close()
        self._socket.close()


class ForkServer:
    """Forks execution environments of one version of the function; a context manager.

    Args:
        sources: the folder that contains the package.
    """

    def __init__(self, sources: Path = SOURCES) -> None:
        ours, theirs = socket.socketpair()
        self._socket = ours
        self._one_at_a_time = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.local_cloud.forked_functions", str(theirs.fileno())],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": f"{sources}{os.pathsep}{ROOT}"},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()
        self._process.wait()

    def start(self, variables: Mapping[str, str]) -> ExecutionEnvironment:
        """A cold start: a new process, with these environment variables for the function."""
        ours, theirs = socket.socketpair()
        message = json.dumps(dict(variables)).encode()
        with contextlib.ExitStack() as failing, theirs, self._one_at_a_time:
            failing.callback(ours.close)
            socket.send_fds(self._socket, [message], [theirs.fileno()])
            pid = int(self._socket.recv(MAX_BYTES))
            failing.pop_all()
        return ExecutionEnvironment(pid, ours)
