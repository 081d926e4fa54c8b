"""The state machines' surroundings: local cloud, Lambda emulator, and moto's interpreter."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.cloud.lambda_runtime import FunctionTimedOut, LambdaRuntime
from tests.cloud.local_cloud import LocalCloud
from tests.state_machines.step_functions import (
    BUCKET,
    EVENT_BUS,
    FUNCTION_ARN,
    LambdaThrottled,
    StepFunctions,
    as_moto_can_run_it,
    definition,
    in_a_hurry,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.cloud.emulator import Backup, Emulator

_NUMBERS: Final = count(1)


@dataclass
class Stage:
    """Where state machines run: each test's own machines on surroundings that all share.

    Attributes:
        timeouts: how often the function's reply is lost to Lambda's timeout, its work done.
        throttles: how often Lambda refuses to ask how a backup is.
    """

    cloud: Emulator
    runtime: LambdaRuntime
    step_functions: StepFunctions
    timeouts: int = 0
    throttles: int = 0

    def invoke(self, event: Any) -> Any:
        """Invokes the function as Lambda does, with the troubles that a test orders."""
        if self.throttles and event.get("action") == "status":
            self.throttles -= 1
            raise LambdaThrottled
        reply = self.runtime.invoke(event)
        if self.timeouts:
            self.timeouts -= 1
            raise FunctionTimedOut("Task timed out after 120.00 seconds")
        return reply

    def kill_function(self) -> None:
        """Kills the function's process, as Lambda does where it needs more memory than it has."""
        os.kill(self.runtime.function_process(), signal.SIGKILL)

    def backups_of(self, instance_id: str) -> list[Backup]:
        """What the cloud keeps of an instance."""
        return [backup for backup in self.cloud.backups if backup.instance_id == instance_id]

    def deploy(self, *, limit: int = 30, wait: float = 0, busy_retries: int = 5) -> str:
        """Creates the machine of one backup and returns its ARN.

        Args:
            limit: seconds until a backup is given up.
            wait: seconds between two looks at it.
            busy_retries: how often a busy instance is asked again.
        """
        machine = _backup_machine(limit, wait, busy_retries)
        return self.step_functions.create(f"backup-{next(_NUMBERS)}", machine)

    def backup(self, given: Mapping[str, object], **deployed: int) -> dict[str, Any]:
        """Runs the machine of one backup, deployed like this, to its end."""
        return self._run(self.deploy(**deployed), given)

    def fleet(self, given: Mapping[str, object], *, tolerated: int = 20) -> dict[str, Any]:
        """Runs the machine of a fleet to its end.

        Args:
            given: its input.
            tolerated: the share of failures in per cent that the run puts up with.
        """
        fleet = definition(
            "fleet",
            BackupStateMachineArn="arn:aws:states:us-east-1:123456789012:stateMachine:backup",
            EventBusName=EVENT_BUS,
            FleetConcurrency=4,
            ToleratedFailurePercentage=tolerated,
        )
        machine = as_moto_can_run_it(in_a_hurry(fleet), _backup_machine(), BUCKET)
        return self._run(self.step_functions.create(f"fleet-{next(_NUMBERS)}", machine), given)

    def freshness(self, given: Mapping[str, object]) -> dict[str, Any]:
        """Runs the machine that looks at the age of backups to its end."""
        machine = in_a_hurry(definition("freshness", BackupFunctionArn=FUNCTION_ARN))
        listed = machine["States"]["Verify a list in S3"]["ItemProcessor"]
        listed["ProcessorConfig"]["ExecutionType"] = "STANDARD"  # moto has no express ones in maps
        return self._run(self.step_functions.create(f"freshness-{next(_NUMBERS)}", machine), given)

    def _run(self, arn: str, given: Mapping[str, object]) -> dict[str, Any]:
        return self.step_functions.run(arn, f"execution-{next(_NUMBERS)}", given)


def _backup_machine(limit: int = 30, wait: float = 0, busy_retries: int = 5) -> Any:
    machine = definition(
        "backup",
        BackupFunctionArn=FUNCTION_ARN,
        EventBusName=EVENT_BUS,
        BusyRetries=busy_retries,
        BackupTimeLimitSeconds=limit,
    )
    return in_a_hurry(machine, wait)


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
    """The surroundings as one test finds them: no trouble, backups take a moment."""
    surroundings.timeouts = surroundings.throttles = 0
    surroundings.cloud.backup_seconds = 0.2
    surroundings.step_functions.told()
    return surroundings
