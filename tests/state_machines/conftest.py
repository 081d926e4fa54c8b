"""The state machines' surroundings: local cloud, Lambda emulator, and moto's interpreter."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.local_cloud.lambda_runtime import LambdaRuntime
from tests.local_cloud.local_cloud import LocalCloud
from tests.state_machines.definitions import backup_machine, fleet_machine, freshness_machine
from tests.state_machines.moto_speed import make_fast
from tests.state_machines.pipeline import Pipeline, new_pipeline
from tests.state_machines.step_functions import LambdaThrottled, StepFunctions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.local_cloud.emulator import Backup, Emulator

_NUMBERS: Final = count(1)


@dataclass
class Stage:
    """Where state machines run: each test's own machines on surroundings that all share.

    Attributes:
        asked: what the function was asked for since the test began.
        ends: how Lambda ends the next invocations, after the function did its work.
        throttles: how often Lambda refuses to start the function, where it only looks.
    """

    cloud: Emulator
    runtime: LambdaRuntime
    step_functions: StepFunctions
    asked: list[Any] = field(default_factory=list)
    ends: list[Exception] = field(default_factory=list)
    throttles: int = 0

    def invoke(self, event: Any) -> Any:
        """Invokes the function as Lambda does, with the troubles that a test orders."""
        self.asked.append(event)
        if self.throttles and event.get("action") in {"status", "verify"}:
            self.throttles -= 1
            raise LambdaThrottled
        reply = self.runtime.invoke(event)
        if self.ends:
            raise self.ends.pop(0)
        return reply

    def kill_function(self) -> None:
        """Kills the function's process, as Lambda does where it needs more memory than it has."""
        os.kill(self.runtime.function_process(), signal.SIGKILL)

    def backups_of(self, instance_id: str) -> list[Backup]:
        """What the cloud keeps of an instance."""
        return [backup for backup in self.cloud.backups if backup.instance_id == instance_id]

    def deploy(self, **how: Any) -> str:
        """Creates the machine of one backup, made like this, and returns its ARN."""
        return self._created(backup_machine(**how))

    def start(self, machine: Any, given: object) -> str:
        """Starts a machine and returns the ARN of its execution."""
        name = f"execution-{next(_NUMBERS)}"
        return self.step_functions.start(self._created(machine), name, given)

    def run(self, machine: Any, given: object) -> dict[str, Any]:
        """Runs a machine to its end."""
        return self.step_functions.ended(self.start(machine, given))

    def run_from(self, state: str, machine: Any, given: object) -> dict[str, Any]:
        """Runs what follows from one of a machine's states to the end."""
        return self.run({"StartAt": state, "States": machine["States"]}, given)

    def backup(self, given: object, **how: Any) -> dict[str, Any]:
        """Runs the machine of one backup, made like this, to its end."""
        return self.run(backup_machine(**how), given)

    def fleet(self, given: object, **how: Any) -> dict[str, Any]:
        """Runs the machine of a fleet, made like this, to its end."""
        return self.run(fleet_machine(**how), given)

    def freshness(self, given: object) -> dict[str, Any]:
        """Runs the machine that looks at the age of backups to its end."""
        return self.run(freshness_machine(), given)

    def outcome_of(self, execution: dict[str, Any]) -> Any:
        """What a pipeline learns of a backup's execution, which is what the event bus hears."""
        told = json.loads(execution.get("output") or execution["cause"])
        assert [event["detail"] for event in self.step_functions.told()] == [told]
        assert execution.get("error", "completed") == told["outcome"]
        return told

    def _created(self, machine: Any) -> str:
        return self.step_functions.create(f"machine-{next(_NUMBERS)}", machine)


@pytest.fixture(scope="package")
def surroundings() -> Iterator[Stage]:
    """Started once for all tests of the folder."""
    with (
        LocalCloud() as cloud,
        LambdaRuntime(cloud.environment("aksk")) as runtime,
        pytest.MonkeyPatch.context() as patch,
    ):
        step_functions = StepFunctions(runtime.invoke)
        patch.setenv("MOTO_PORT", str(step_functions.server_port))
        make_fast(patch)
        stage = Stage(cloud.emulator, runtime, step_functions)
        step_functions.invoke = stage.invoke
        with step_functions:
            yield stage


@pytest.fixture
def stage(surroundings: Stage) -> Stage:
    """The surroundings as one test finds them: no trouble, backups take a moment."""
    surroundings.throttles = 0
    surroundings.ends.clear()
    surroundings.asked.clear()
    surroundings.cloud.backup_seconds = 0.05
    surroundings.cloud.list_lag = 0.0
    surroundings.cloud.faults.clear()
    surroundings.step_functions.bus_troubles = 0
    surroundings.step_functions.invoke = surroundings.invoke
    surroundings.step_functions.told()
    return surroundings


@pytest.fixture
def pipeline(stage: Stage, tmp_path: Path) -> Pipeline:
    """One run of a pipeline, like no other."""
    return new_pipeline(stage, tmp_path, f"shop/api #{os.urandom(4).hex()}")
