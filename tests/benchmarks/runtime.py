"""The function in the Runtime Interface Emulator, with what only a benchmark wants to know."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.cloud.lambda_runtime import LambdaRuntime

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROC: Final = Path("/proc")
_INVOKE_REPORT: Final = re.compile(r"INVOKE RTDONE\(status: success.* duration: ([\d.]+)ms\)")
_PEAK: Final = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


class MeasuredRuntime(LambdaRuntime):
    """One execution environment whose emulator's figures can be read."""

    def invocation_milliseconds(self) -> list[float]:
        """How long each invocation took, initialisation not counted in."""
        return [float(found[1]) for line in self._read() if (found := _INVOKE_REPORT.search(line))]

    def peak_megabytes(self) -> float:
        """The most memory that the runtime's process has held so far."""
        [process] = [child for child in _descendants(os.getpid()) if _is_runtime(child)]
        found = _PEAK.search((_PROC / process / "status").read_text())
        assert found
        return int(found[1]) * 1024 / 1_000_000


def _descendants(process: int) -> Iterator[str]:
    for child in _children(process):
        yield child
        yield from _descendants(int(child))


def _children(process: int) -> list[str]:
    threads = (_PROC / str(process) / "task").glob("*/children")
    return [child for thread in threads for child in thread.read_text().split()]


def _is_runtime(process: str) -> bool:
    arguments = (_PROC / process / "cmdline").read_bytes().split(b"\0")
    return b"awslambdaric" in arguments and b"--runtime-api-address" not in arguments
