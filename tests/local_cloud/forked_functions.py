"""What runs inside the processes of `execution_environment`: the function, invoked line by line."""

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
from tests.local_cloud.execution_environment import MAX_BYTES, Told
from tests.local_cloud.harness import Context

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Pace:
    """A clock whose pauses pass faster than they say.

    The wall clock does not jump with them: it is the cloud's that it is compared with.
    """

    def __init__(self) -> None:
        self.wrong_by = 0.0
        self.pace = 1.0
        self._ahead = 0.0

    def clock(self) -> Clock:
        return Clock(self._now, self._monotonic, self._sleep)

    def _now(self) -> float:
        return time.time() + self.wrong_by

    def _monotonic(self) -> float:
        return time.monotonic() + self._ahead

    def _sleep(self, seconds: float) -> None:
        time.sleep(seconds / self.pace)
        self._ahead += seconds - seconds / self.pace


def _rear(line: socket.socket) -> None:
    """Forks an environment per message, until nobody asks for more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a dead environment
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    while True:
        message, descriptors, _, _ = socket.recv_fds(line, MAX_BYTES, 1)
        if not message:
            return
        pid = os.fork()
        if pid == 0:
            line.close()
            _serve(socket.socket(fileno=descriptors[0]), json.loads(message))
            os._exit(0)
        os.close(descriptors[0])
        line.sendall(str(pid).encode())


def _serve(line: socket.socket, variables: Mapping[str, str]) -> None:
    """Invokes the function per line, until nobody asks for more."""
    output = io.StringIO()
    pace = _Pace()
    with line, line.makefile("rb") as orders, contextlib.redirect_stdout(output):
        function = BackupFunction(read_settings(variables), pace.clock())
        for text in orders:
            order = json.loads(text)
            pace.wrong_by, pace.pace = order["wrong_by"], order["pace"]
            output.seek(0)
            output.truncate()
            told = _invoked(function, order, output)
            line.sendall(json.dumps(asdict(told)).encode() + b"\n")


def _invoked(function: BackupFunction, order: Mapping[str, Any], output: io.StringIO) -> Told:
    context = Context(order["seconds"], order["request_id"])
    reply, error = None, None
    try:
        reply = function(order["event"], context)
    except BackupError as failure:
        error = type(failure).__name__
    spoken = [json.loads(line) for line in output.getvalue().splitlines()]
    return Told(reply, error, [line for line in spoken if "_aws" not in line])


if __name__ == "__main__":
    _rear(socket.socket(fileno=int(sys.argv[1])))
