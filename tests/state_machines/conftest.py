"""The state machines' surroundings: local cloud, Lambda emulator, and moto's interpreter."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.cloud.lambda_runtime import FunctionTimedOut, LambdaRuntime
from tests.cloud.local_cloud import LocalCloud
from tests.state_machines.step_functions import (
    EVENT_BUS,
    FUNCTION_ARN,
    StepFunctions,
    definition,
    with_executions_inside,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.cloud.emulator import Emulator

_NUMBERS: Final = count(1)


@dataclass
class Stage:
    """Where state machines run: each test's own machines on surroundings that all share."""

    cloud: Emulator
    runtime: LambdaRuntime
    step_functions: StepFunctions
    deaths: int = 0

    def invoke(self, event: Any) -> Any:
        """Invokes the function, which dies after its work as often as `deaths` says."""
        reply = self.runtime.invoke(event)
        if self.deaths:
            self.deaths -= 1
            raise FunctionTimedOut("Task timed out after 120.00 seconds")
        return reply

    def backup(self, given: Mapping[str, object], *, limit: int = 30) -> dict[str, Any]:
        """Runs the machine of one backup to its end."""
        machine = self._backup_machine(limit)
        name = f"backup-{next(_NUMBERS)}"
        return self.step_functions.run(self.step_functions.create(name, machine), name, given)

    def fleet(self, given: Mapping[str, object]) -> dict[str, Any]:
        """Runs the machine of a fleet to its end."""
        fleet = definition(
            "fleet",
            BackupStateMachineArn="arn:aws:states:us-east-1:123456789012:stateMachine:backup",
            EventBusName=EVENT_BUS,
            FleetConcurrency=4,
            ToleratedFailurePercentage=20,
        )
        machine = with_executions_inside(fleet, self._backup_machine(30))
        name = f"fleet-{next(_NUMBERS)}"
        return self.step_functions.run(self.step_functions.create(name, machine), name, given)

    @staticmethod
    def _backup_machine(limit: int) -> Any:
        return definition(
            "backup",
            BackupFunctionArn=FUNCTION_ARN,
            EventBusName=EVENT_BUS,
            BusyRetries=5,
            BackupTimeLimitSeconds=limit,
        )


@pytest.fixture(scope="module")
def surroundings() -> Iterator[Stage]:
    """Started once for all tests of a module."""
    with (
        LocalCloud() as cloud,
        LambdaRuntime(cloud.environment("aksk")) as runtime,
        pytest.MonkeyPatch.context() as patch,
    ):
        step_functions = StepFunctions(runtime.invoke)
        patch.setenv("MOTO_PORT", str(step_functions.server_port))
        stage = Stage(cloud.emulator, runtime, step_functions)
        step_functions.invoke = stage.invoke
        with step_functions:
            yield stage


@pytest.fixture
def stage(surroundings: Stage) -> Stage:
    """The surroundings as one test finds them: nobody dies, backups take a moment."""
    surroundings.deaths = 0
    surroundings.cloud.backup_seconds = 0.2
    return surroundings
