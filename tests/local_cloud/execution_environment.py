"""Processes that run the function as Lambda's execution environments do, and can be killed.

Many are needed in a short time, so each is a fork of one process that has the function imported.
The real runtime is in `lambda_runtime`; here time may run faster, and clocks may be wrong.
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
ANSWER_SECONDS: Final = 60.0


class Killed(Exception):
    """The process is gone, in the middle of an invocation."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one invocation told.

    Attributes:
        reply: what the function returned; None if it raised.
        error: the name of what it raised.
        records: its log, line by line, without metrics.
    """

    reply: Any
    error: str | None
    records: list[dict[str, Any]]


class ExecutionEnvironment:
    """One process with the function in it.

    Args:
        pid: the process.
        line: the socket to it.
    """

    def __init__(self, pid: int, line: socket.socket) -> None:
        self.pid = pid
        line.settimeout(ANSWER_SECONDS)
        self._line = line
        self._stream = line.makefile("rb")

    def invoke(
        self,
        event: object,
        *,
        seconds: float = 30.0,
        request_id: str | None = None,
        wrong_by: float = 0.0,
        pace: float = 1.0,
    ) -> Told:
        """Invokes the function and waits for its end.

        Args:
            event: anything that JSON can hold.
            seconds: what Lambda leaves for it.
            request_id: the invocation's ID; a new one unless given.
            wrong_by: seconds by which its wall clock is ahead.
            pace: how many times faster its pauses pass.

        Raises:
            Killed: the process died before it could answer.
        """
        order = {
            "event": event,
            "seconds": seconds,
            "request_id": request_id or str(uuid.uuid4()),
            "wrong_by": wrong_by,
            "pace": pace,
        }
        try:
            self._line.sendall(json.dumps(order).encode() + b"\n")
            answer = self._stream.readline()
        except ConnectionError as error:
            raise Killed from error
        if not answer.endswith(b"\n"):
            raise Killed
        return Told(**json.loads(answer))

    def kill(self) -> None:
        """Ends the process without a farewell, as Lambda does after its time-out."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Ends the process, dead or alive."""
        self.kill()
        self._stream.close()
        self._line.close()


class Nursery:
    """Makes execution environments of one version of the function; a context manager.

    Args:
        sources: the folder that holds the package.
    """

    def __init__(self, sources: Path = SOURCES) -> None:
        ours, theirs = socket.socketpair()
        self._line = ours
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
        self._line.close()
        self._process.wait()

    def start(self, variables: Mapping[str, str]) -> ExecutionEnvironment:
        """A cold start: a new process, with these variables for the function."""
        ours, theirs = socket.socketpair()
        message = json.dumps(dict(variables)).encode()
        with contextlib.ExitStack() as failing, theirs, self._one_at_a_time:
            failing.callback(ours.close)
            socket.send_fds(self._line, [message], [theirs.fileno()])
            pid = int(self._line.recv(MAX_BYTES))
            failing.pop_all()
        return ExecutionEnvironment(pid, ours)
