"""Runs the function on the local cloud, with simulated time and a captured log."""

from __future__ import annotations

import io
import json
import time
import uuid
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Self

from gaussdb_backup.clock import Clock
from gaussdb_backup.errors import BackupError
from gaussdb_backup.function import BackupFunction
from gaussdb_backup.settings import read_settings
from tests.local_cloud.console import delete_backup
from tests.local_cloud.local_cloud import LocalCloud

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from tests.local_cloud.emulator import Backup, Call
    from tests.local_cloud.emulator.clock import ServerClock
    from tests.local_cloud.local_cloud import Credentials

# Powertools keeps one logger per service name, with the output of its first user.
_SERVICE_NUMBERS: Final = count(1)


@dataclass
class Context:
    """Lambda's context of one invocation.

    Args:
        seconds: the time limit of the invocation.
        aws_request_id: Lambda's own retries repeat it.
    """

    seconds: float = 30.0
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    function_name: str = "BackupFunction"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:BackupFunction"

    def get_remaining_time_in_millis(self) -> int:
        """The remaining time. The function asks once, at the beginning."""
        return int(self.seconds * 1000)


class SimulatedTime:
    """A clock without waiting: a pause advances the function's time and the cloud's.

    Args:
        cloud: the cloud's clock.

    Attributes:
        pauses: the seconds of every pause so far.
        clock_offset: seconds by which the function's wall clock is ahead of the machine's.
        during_pauses: callbacks; each of the next pauses runs one.
    """

    def __init__(self, cloud: ServerClock) -> None:
        self.pauses: list[float] = []
        self.clock_offset = 0.0
        self.during_pauses: list[Callable[[], object]] = []
        self._cloud = cloud
        self._ahead = 0.0

    def clock(self) -> Clock:
        """The `Clock` that the function is given."""
        return Clock(self.now, self.monotonic, self.sleep)

    def now(self) -> float:
        """The function's wall time in seconds since 1970."""
        return time.time() + self._ahead + self.clock_offset

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic() + self._ahead

    def sleep(self, seconds: float) -> None:
        """Returns at once and advances the time."""
        self.pauses.append(seconds)
        self.advance(seconds)
        if self.during_pauses:
            self.during_pauses.pop(0)()

    def set(self, moment: datetime) -> None:
        """Sets the wall clocks of the function and the cloud; both run on from there."""
        self._cloud.set(moment)
        self.clock_offset = moment.timestamp() - time.time() - self._ahead

    def advance(self, seconds: float) -> None:
        """Lets time pass for the function and the cloud."""
        self._ahead += seconds
        self._cloud.advance(seconds)


@dataclass(frozen=True, slots=True)
class Invocation:
    """One finished invocation: its result and what was observed meanwhile.

    Attributes:
        reply: what the function returned; None if it raised.
        error: what it raised.
        records: its log lines, parsed, without metrics.
        metrics: its metrics, as EMF.
        calls: the requests that reached the database service.
        pauses: the seconds of every pause.
        seconds: how long it took by the function's own clock.
    """

    reply: Any
    error: BackupError | None
    records: list[dict[str, Any]]
    metrics: list[dict[str, Any]]
    calls: list[Call]
    pauses: list[float]
    seconds: float

    @property
    def operations(self) -> list[str]:
        """The operations of the calls, by short names."""
        return [_SHORT_NAMES.get(call.operation, call.operation) for call in self.calls]

    @property
    def record(self) -> dict[str, Any]:
        """The log line, where there is exactly one."""
        [record] = self.records
        return record

    @property
    def error_name(self) -> str | None:
        """The error's class name, which callers see."""
        return type(self.error).__name__ if self.error else None


_SHORT_NAMES: Final = {
    "CreateManualBackup": "create",
    "ListBackups": "list",
    "ListTasks": "tasks",
}


class Harness:
    """One execution environment of the function with its own local cloud; a context manager.

    Args:
        credentials: the kind of credentials that the function uses.
        variables: more environment variables of the function.

    Attributes:
        cloud: the local cloud.
        emulator: its database service and IAM.
        time: the time of the function and the cloud.
    """

    def __init__(self, credentials: Credentials = "password", **variables: str) -> None:
        self.cloud = LocalCloud()
        self.emulator = self.cloud.emulator
        self.time = SimulatedTime(self.emulator.clock)
        self._credentials = credentials
        self._variables = variables
        self._output = io.StringIO()
        self._running = ExitStack()
        self._function: BackupFunction | None = None

    def __enter__(self) -> Self:
        self._running.enter_context(self.cloud)
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def invoke(
        self, event: Any, *, seconds: float = 30.0, request_id: str | None = None
    ) -> Invocation:
        """Invokes the function.

        Args:
            event: the event that Lambda would pass.
            seconds: the time limit that Lambda would set.
            request_id: the invocation's ID; a new one unless given.
        """
        context = Context(seconds)
        context.aws_request_id = request_id or context.aws_request_id
        seen, paused = len(self.emulator.calls), len(self.time.pauses)
        reply, error = None, None
        with self._captured_output() as lines:
            function = self._current_function()
            began = self.time.monotonic()
            try:
                reply = function(event, context)
            except BackupError as failure:
                error = failure
        lines_of_log = [json.loads(line) for line in lines]
        return Invocation(
            reply=reply,
            error=error,
            records=[line for line in lines_of_log if "_aws" not in line],
            metrics=[line for line in lines_of_log if "_aws" in line],
            calls=[call for call in self.emulator.calls[seen:] if call.service == "gaussdb"],
            pauses=self.time.pauses[paused:],
            seconds=self.time.monotonic() - began,
        )

    def restart(self) -> None:
        """Discards the execution environment, so that the next invocation is a cold start."""
        self._function = None

    def backup(self, name: str | None = None) -> Backup:
        """The only backup of this name, or the only backup at all."""
        [backup] = [one for one in self.emulator.backups if name in {None, one.name}]
        return backup

    def delete(self, backup: Backup) -> None:
        """Deletes a backup over the API, as an operator would."""
        delete_backup(self.emulator, backup)

    def _current_function(self) -> BackupFunction:
        if self._function is None:
            environment = {
                **self.cloud.environment(self._credentials),
                "POWERTOOLS_SERVICE_NAME": f"harness-{next(_SERVICE_NUMBERS)}",
                **self._variables,
            }
            self._function = BackupFunction(read_settings(environment), self.time.clock())
        return self._function

    @contextmanager
    def _captured_output(self) -> Iterator[list[str]]:
        lines: list[str] = []
        self._output.seek(0)
        self._output.truncate()
        with redirect_stdout(self._output):
            yield lines
        lines += self._output.getvalue().splitlines()
