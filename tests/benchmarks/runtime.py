"""The function in the Runtime Interface Emulator, with the figures that a benchmark needs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tests.local_cloud.lambda_runtime import LambdaRuntime

_INVOKE_REPORT: Final = re.compile(r"INVOKE RTDONE\(status: success.* duration: ([\d.]+)ms\)")
_PEAK: Final = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


class MeasuredRuntime(LambdaRuntime):
    """One execution environment with its durations and its memory."""

    def invocation_milliseconds(self) -> list[float]:
        """The duration of each invocation without initialisation."""
        return [float(found[1]) for line in self._read() if (found := _INVOKE_REPORT.search(line))]

    def peak_megabytes(self) -> float:
        """The peak memory of the runtime's process so far."""
        found = _PEAK.search(Path(f"/proc/{self.function_process()}/status").read_text())
        assert found
        return int(found[1]) * 1024 / 1_000_000
