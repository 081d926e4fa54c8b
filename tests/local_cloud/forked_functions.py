"""Runs in the processes of `execution_environment`: invokes the function once per line of input."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from gaussdb_backup.clock import Clock
from gaussdb_backup.errors import BackupError
from gaussdb_backup.function import BackupFunction
from gaussdb_backup.settings import read_settings
from tests.local_cloud.execution_environment import MAX_BYTES, InvocationResult
from tests.local_cloud.harness import Context

if TYPE_CHECKING:
    from collections.abc import Mapping


class _FastClock:
    """A clock whose pauses pass faster than real time.

    The wall clock does not jump with the pauses, because it is compared with the cloud's clock.
    """

    def __init__(self) -> None:
        self.clock_offset = 0.0
        self.speedup = 1.0
        self._ahead = 0.0

    def clock(self) -> Clock:
        return Clock(self._now, self._monotonic, self._sleep)

    def _now(self) -> float:
        return time.time() + self.clock_offset

    def _monotonic(self) -> float:
        return time.monotonic() + self._ahead

    def _sleep(self, seconds: float) -> None:
        time.sleep(seconds / self.speedup)
        self._ahead += seconds - seconds / self.speedup


def _fork_environments(connection: socket.socket) -> None:
    """Forks one environment per message until the socket is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps dead environments
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, MAX_BYTES, 1)
        if not message:
            return
        pid = os.fork()
        if pid == 0:
            connection.close()
            _serve(socket.socket(fileno=descriptors[0]), json.loads(message))
            os._exit(0)
        os.close(descriptors[0])
        connection.sendall(str(pid).encode())


def _serve(connection: socket.socket, variables: Mapping[str, str]) -> None:
    """Invokes the function once per line until the socket is closed."""
    output = io.StringIO()
    speedup = _FastClock()
    with connection, connection.makefile("rb") as requests, contextlib.redirect_stdout(output):
        function = BackupFunction(read_settings(variables), speedup.clock())
        for text in requests:
            request = json.loads(text)
            speedup.clock_offset, speedup.speedup = request["clock_offset"], request["speedup"]
            output.seek(0)
            output.truncate()
            result = _invoke(function, request, output)
            connection.sendall(json.dumps(asdict(result)).encode() + b"\n")


def _invoke(
    function: BackupFunction, request: Mapping[str, Any], output: io.StringIO
) -> InvocationResult:
    context = Context(request["seconds"], request["request_id"])
    reply, error = None, None
    try:
        reply = function(request["event"], context)
    except BackupError as failure:
        error = type(failure).__name__
    records = [json.loads(connection) for connection in output.getvalue().splitlines()]
    return InvocationResult(
        reply, error, [connection for connection in records if "_aws" not in connection]
    )


if __name__ == "__main__":
    _fork_environments(socket.socket(fileno=int(sys.argv[1])))
