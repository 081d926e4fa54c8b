"""Whatever hangs, the function ends by itself, with its outcome in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.local_cloud.emulator import Fault
from tests.local_cloud.events import PAYLOAD, http, response, sqs
from tests.local_cloud.harness import Stage
from tests.local_cloud.lambda_runtime import FunctionFailed, LambdaRuntime
from tests.local_cloud.local_cloud import LocalCloud

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.local_cloud.emulator.faults import Kind
    from tests.local_cloud.harness import Ending

EVENT: Final = {**PAYLOAD, "idempotency_key": "one"}
FOR_EVER: Final = 1_000_000
LAMBDA_SECONDS: Final = 2.0


@pytest.fixture
def stage() -> Iterator[Stage]:
    """The function beside a cloud of its own."""
    with Stage() as stage:
        yield stage


def trouble(stage: Stage, operation: str, kind: Kind, *, done: bool = False) -> None:
    """Lets a call take a minute from now on, its work being done or not."""
    fault = Fault(
        operation=operation,
        kind=kind,
        when="after" if done else "before",
        seconds=60,
        times=FOR_EVER,
    )
    stage.emulator.faults.add(fault)


def deliver_in_time(stage: Stage, event: object = EVENT) -> Ending:
    """An ending that came before Lambda's limit, with a line in the log."""
    ending = stage.deliver(event, seconds=LAMBDA_SECONDS)
    assert ending.seconds < LAMBDA_SECONDS
    assert ending.records
    return ending


@pytest.mark.parametrize("kind", ["hang", "drip"])
@pytest.mark.parametrize("operation", ["CreateToken", "*"])
def test_nothing_was_asked_where_the_log_in_hangs(stage: Stage, operation: str, kind: Kind) -> None:
    """Nothing can have been accepted: `ServiceUnavailable`."""
    trouble(stage, operation, kind)
    ending = deliver_in_time(stage)
    assert ending.error_name == "ServiceUnavailable"
    assert ending.record["attempts"] == 0


def test_nothing_was_asked_where_the_secret_store_hangs(stage: Stage) -> None:
    """Nothing can have been accepted: `SecretUnavailable`."""
    stage.cloud.store.hang(60, times=100)
    ending = deliver_in_time(stage)
    assert ending.error_name == "SecretUnavailable"
    assert ending.record["attempts"] == 0


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_a_create_request_that_hangs_leaves_time_for_a_look(stage: Stage, kind: Kind) -> None:
    """The backup was made, and is found within the same invocation."""
    trouble(stage, "CreateManualBackup", kind, done=True)
    ending = deliver_in_time(stage)
    assert ending.operations == ["create", "list", "tasks"]
    assert ending.reply["job_id"] == stage.backup().job_id


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_a_create_request_that_hangs_for_ever_stays_open(stage: Stage, kind: Kind) -> None:
    """The list does not show it in the time that is left: `OutcomeUnknown`."""
    trouble(stage, "CreateManualBackup", kind)
    ending = deliver_in_time(stage)
    assert "list" in ending.operations
    assert ending.error_name == "OutcomeUnknown"
    assert ending.record["retryable"] is True


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_a_list_that_hangs_leaves_the_outcome_open(stage: Stage, kind: Kind) -> None:
    """And the next delivery finds the backup."""
    stage.emulator.faults.add(Fault(operation="CreateManualBackup", status=503, when="after"))
    trouble(stage, "ListBackups", kind)
    assert deliver_in_time(stage).error_name == "OutcomeUnknown"
    stage.emulator.faults.clear()
    assert stage.deliver(EVENT).reply["job_id"] == stage.backup().job_id


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_a_task_list_that_hangs_costs_the_job_id_alone(stage: Stage, kind: Kind) -> None:
    """The backup was found: a success."""
    stage.deliver(EVENT)
    trouble(stage, "ListTasks", kind)
    ending = deliver_in_time(stage)
    assert ending.reply["outcome"] == "existing"
    assert ending.record["job_lookup"] == "failed"


def test_a_batch_ends_as_one(stage: Stage) -> None:
    """Ten messages that hang share the time: all are told, all are delivered again."""
    trouble(stage, "CreateManualBackup", "hang")
    ending = deliver_in_time(stage, sqs(*[PAYLOAD] * 10))
    assert len(ending.records) == 10
    assert {record["error"] for record in ending.records} == {"OutcomeUnknown"}
    assert len(ending.reply["batchItemFailures"]) == 10


@pytest.mark.parametrize("seconds", [0.001, 0.1, 0.4, 0.7])
def test_an_invocation_with_hardly_any_time_says_so(stage: Stage, seconds: float) -> None:
    """It ends as something to be tried again, and never as a bug."""
    trouble(stage, "*", "hang")
    ending = stage.deliver(EVENT, seconds=seconds)
    assert ending.error_name in {"ServiceUnavailable", "OutcomeUnknown", "SecretUnavailable"}
    assert ending.record["retryable"] is True


@pytest.mark.parametrize("seconds", [5, 30, 300, 900])
def test_the_time_is_used_but_for_a_reserve(stage: Stage, seconds: float) -> None:
    """A service in trouble is given the time that Lambda gives, less a second for the log."""
    stage.emulator.faults.script(
        Fault(operation=operation, status=503, times=FOR_EVER)
        for operation in ("CreateManualBackup", "ListBackups")
    )
    ending = stage.deliver(EVENT, seconds=seconds)
    assert ending.error_name == "OutcomeUnknown"
    assert seconds - 8 < ending.seconds < seconds - min(1, seconds / 5) + 0.5


@pytest.mark.parametrize(("asked", "pauses"), [(28, [28]), (29, [])])
def test_the_reserve_is_not_slept_away(stage: Stage, asked: int, pauses: list[float]) -> None:
    """Of thirty seconds, one is for the outcome, and half of one for the next request."""
    throttled = Fault(operation="CreateManualBackup", status=429, retry_after=asked)
    stage.emulator.faults.script([throttled])
    ending = stage.deliver(EVENT, seconds=30)
    assert ending.pauses == pauses
    assert ending.error_name == (None if pauses else "Throttled")


def test_http_has_twenty_seconds(stage: Stage) -> None:
    """The gateway gives up on a caller before Lambda does, whatever Lambda leaves."""
    stage.emulator.faults.script(
        [Fault(operation="CreateManualBackup", status=503, times=FOR_EVER)]
    )
    ending = stage.deliver(http(EVENT), seconds=900)
    assert response(ending.reply).error == "OutcomeUnknown"
    assert 12 < ending.seconds < 20.5


def test_http_ends_earlier_where_lambda_does(stage: Stage) -> None:
    """The shorter of the two counts."""
    stage.emulator.faults.script(
        [Fault(operation="CreateManualBackup", status=503, times=FOR_EVER)]
    )
    ending = stage.deliver(http(EVENT), seconds=6)
    assert response(ending.reply).error == "OutcomeUnknown"
    assert ending.seconds < 6


def test_a_service_that_takes_its_time_is_waited_for(stage: Stage) -> None:
    """Eight seconds for each answer are slow, and no reason to give up."""

    def dawdle() -> None:
        stage.time.pass_by(8)

    stage.emulator.faults.script([Fault(kind="pass", when="after", action=dawdle, times=FOR_EVER)])
    assert stage.deliver(EVENT).reply["outcome"] == "created"


def test_lambda_never_has_to_kill_it() -> None:
    """In Lambda's own runtime: the error is the function's, not the runtime's time-out."""
    with LocalCloud() as cloud:
        cloud.emulator.faults.script(
            [Fault(operation="CreateManualBackup", kind="hang", seconds=60, times=FOR_EVER)]
        )
        with LambdaRuntime(cloud.environment(), timeout_seconds=4) as function:
            with pytest.raises(FunctionFailed, match="OutcomeUnknown"):
                function.invoke(EVENT)
            [failed] = [one for one in function.records() if one.get("message") == "backup failed"]
        assert failed["error"] == "OutcomeUnknown"
