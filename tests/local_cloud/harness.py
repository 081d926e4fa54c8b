"""The function on the local cloud, with time in the test's hand and every word of its log kept."""

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
from tests.local_cloud.deletion import delete
from tests.local_cloud.local_cloud import LocalCloud

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from tests.local_cloud.emulator import Backup, Call
    from tests.local_cloud.emulator.clock import ServerClock
    from tests.local_cloud.local_cloud import Credentials

# Powertools keeps one logger per service name, with the output of its first user.
_NUMBERS: Final = count(1)


@dataclass
class Context:
    """Lambda's context of one invocation.

    Args:
        seconds: how long it may last.
        aws_request_id: the same one again is how Lambda retries.
    """

    seconds: float = 30.0
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    function_name: str = "BackupFunction"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:BackupFunction"

    def get_remaining_time_in_millis(self) -> int:
        """What is left of it, asked once at its beginning."""
        return int(self.seconds * 1000)


class Time:
    """A clock by which nobody waits: a pause moves the function's time and the cloud's.

    Args:
        cloud: the cloud's clock.

    Attributes:
        pauses: the seconds of every pause so far.
        wrong_by: seconds by which the function's wall clock is ahead of the machine's.
        meanwhile: what happens during the next pauses, one after the other.
    """

    def __init__(self, cloud: ServerClock) -> None:
        self.pauses: list[float] = []
        self.wrong_by = 0.0
        self.meanwhile: list[Callable[[], object]] = []
        self._cloud = cloud
        self._ahead = 0.0

    def clock(self) -> Clock:
        """This time as the function takes it."""
        return Clock(self.now, self.monotonic, self.sleep)

    def now(self) -> float:
        """The function's wall time in seconds since 1970."""
        return time.time() + self._ahead + self.wrong_by

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic() + self._ahead

    def sleep(self, seconds: float) -> None:
        """Is over at once."""
        self.pauses.append(seconds)
        self.pass_by(seconds)
        if self.meanwhile:
            self.meanwhile.pop(0)()

    def set(self, moment: datetime) -> None:
        """Lets the wall clocks of both run on from this moment."""
        self._cloud.set(moment)
        self.wrong_by = moment.timestamp() - time.time() - self._ahead

    def pass_by(self, seconds: float) -> None:
        """Let so many seconds pass for everybody."""
        self._ahead += seconds
        self._cloud.advance(seconds)


@dataclass(frozen=True, slots=True)
class Ending:
    """How one invocation ended, and what it took.

    Attributes:
        reply: what the function returned; None if it raised.
        error: what it raised.
        records: its log, line by line, without metrics.
        metrics: its metrics, as EMF.
        calls: what reached the database service.
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
        """The names of the calls, in short."""
        return [_SHORT.get(call.operation, call.operation) for call in self.calls]

    @property
    def record(self) -> dict[str, Any]:
        """The one log line."""
        [record] = self.records
        return record

    @property
    def error_name(self) -> str | None:
        """The error's name as callers see it."""
        return type(self.error).__name__ if self.error else None


_SHORT: Final = {
    "CreateManualBackup": "create",
    "ListBackups": "list",
    "ListTasks": "tasks",
}


class Stage:
    """One execution environment of the function beside a cloud of its own; a context manager.

    Args:
        credentials: which kind the function uses.
        variables: further variables of its environment.

    Attributes:
        cloud: the local cloud.
        emulator: its database service and IAM.
        time: the time of both.
    """

    def __init__(self, credentials: Credentials = "password", **variables: str) -> None:
        self.cloud = LocalCloud()
        self.emulator = self.cloud.emulator
        self.time = Time(self.emulator.clock)
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

    def deliver(
        self, event: Any, *, seconds: float = 30.0, request_id: str | None = None
    ) -> Ending:
        """Invokes the function.

        Args:
            event: what Lambda would hand over.
            seconds: what Lambda leaves for it.
            request_id: the invocation's ID; a new one unless given.
        """
        context = Context(seconds)
        context.aws_request_id = request_id or context.aws_request_id
        seen, paused = len(self.emulator.calls), len(self.time.pauses)
        reply, error = None, None
        with self._kept_output() as lines:
            function = self._started()
            began = self.time.monotonic()
            try:
                reply = function(event, context)
            except BackupError as failure:
                error = failure
        spoken = [json.loads(line) for line in lines]
        return Ending(
            reply=reply,
            error=error,
            records=[line for line in spoken if "_aws" not in line],
            metrics=[line for line in spoken if "_aws" in line],
            calls=[call for call in self.emulator.calls[seen:] if call.service == "gaussdb"],
            pauses=self.time.pauses[paused:],
            seconds=self.time.monotonic() - began,
        )

    def start_afresh(self) -> None:
        """Forgets the execution environment, so that the next invocation is a cold start."""
        self._function = None

    def backup(self, name: str | None = None) -> Backup:
        """The one backup that there is, of a name or at all."""
        [backup] = [one for one in self.emulator.backups if name in {None, one.name}]
        return backup

    def delete(self, backup: Backup) -> None:
        """Deletes a backup, as an operator does."""
        delete(self.emulator, backup)

    def _started(self) -> BackupFunction:
        if self._function is None:
            environment = {
                **self.cloud.environment(self._credentials),
                "POWERTOOLS_SERVICE_NAME": f"stage-{next(_NUMBERS)}",
                **self._variables,
            }
            self._function = BackupFunction(read_settings(environment), self.time.clock())
        return self._function

    @contextmanager
    def _kept_output(self) -> Iterator[list[str]]:
        lines: list[str] = []
        self._output.seek(0)
        self._output.truncate()
        with redirect_stdout(self._output):
            yield lines
        lines += self._output.getvalue().splitlines()
