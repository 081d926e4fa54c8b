"""Whatever hangs, the function ends by itself, with its outcome in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.local_cloud.emulator import Fault
from tests.local_cloud.events import PAYLOAD, http, response, sqs
from tests.local_cloud.lambda_runtime import FunctionFailed, LambdaRuntime
from tests.local_cloud.local_cloud import LocalCloud

if TYPE_CHECKING:
    from tests.local_cloud.emulator.faults import Kind
    from tests.local_cloud.harness import Harness, Invocation

EVENT: Final = {**PAYLOAD, "idempotency_key": "one"}
FOR_EVER: Final = 1_000_000
LAMBDA_SECONDS: Final = 2.0


def trouble(harness: Harness, operation: str, kind: Kind, *, done: bool = False) -> None:
    """Lets a call take a minute from now on, its work being done or not."""
    fault = Fault(
        operation=operation,
        kind=kind,
        when="after" if done else "before",
        seconds=60,
        times=FOR_EVER,
    )
    harness.emulator.faults.add(fault)


def invoke_in_time(harness: Harness, event: object = EVENT) -> Invocation:
    """An ending that came before Lambda's limit, with a line in the log."""
    invocation = harness.invoke(event, seconds=LAMBDA_SECONDS)
    assert invocation.seconds < LAMBDA_SECONDS
    assert invocation.records
    return invocation


@pytest.mark.parametrize("kind", ["hang", "drip"])
@pytest.mark.parametrize("operation", ["CreateToken", "*"])
def test_nothing_was_asked_where_the_log_in_hangs(
    harness: Harness, operation: str, kind: Kind
) -> None:
    """Nothing can have been accepted: `ServiceUnavailable`."""
    trouble(harness, operation, kind)
    invocation = invoke_in_time(harness)
    assert invocation.error_name == "ServiceUnavailable"
    assert invocation.record["attempts"] == 0


def test_nothing_was_asked_where_the_secret_store_hangs(harness: Harness) -> None:
    """Nothing can have been accepted: `SecretUnavailable`."""
    harness.cloud.secrets.hang(60, times=100)
    invocation = invoke_in_time(harness)
    assert invocation.error_name == "SecretUnavailable"
    assert invocation.record["attempts"] == 0


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_a_create_request_that_hangs_leaves_time_for_a_look(harness: Harness, kind: Kind) -> None:
    """The backup was made, and is found within the same invocation."""
    trouble(harness, "CreateManualBackup", kind, done=True)
    invocation = invoke_in_time(harness)
    assert invocation.operations == ["create", "list", "tasks"]
    assert invocation.reply["job_id"] == harness.backup().job_id


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_a_create_request_that_hangs_for_ever_stays_open(harness: Harness, kind: Kind) -> None:
    """The list does not show it in the time that is left: `OutcomeUnknown`."""
    trouble(harness, "CreateManualBackup", kind)
    invocation = invoke_in_time(harness)
    assert "list" in invocation.operations
    assert invocation.error_name == "OutcomeUnknown"
    assert invocation.record["retryable"] is True


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_a_list_that_hangs_leaves_the_outcome_open(harness: Harness, kind: Kind) -> None:
    """And the next delivery finds the backup."""
    harness.emulator.faults.add(Fault(operation="CreateManualBackup", status=503, when="after"))
    trouble(harness, "ListBackups", kind)
    assert invoke_in_time(harness).error_name == "OutcomeUnknown"
    harness.emulator.faults.clear()
    assert harness.invoke(EVENT).reply["job_id"] == harness.backup().job_id


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_a_task_list_that_hangs_costs_the_job_id_alone(harness: Harness, kind: Kind) -> None:
    """The backup was found: a success."""
    harness.invoke(EVENT)
    trouble(harness, "ListTasks", kind)
    invocation = invoke_in_time(harness)
    assert invocation.reply["outcome"] == "existing"
    assert invocation.record["job_lookup"] == "failed"


def test_a_batch_ends_as_one(harness: Harness) -> None:
    """Ten messages that hang share the time: all are told, all are delivered again."""
    trouble(harness, "CreateManualBackup", "hang")
    invocation = invoke_in_time(harness, sqs(*[PAYLOAD] * 10))
    assert len(invocation.records) == 10
    assert {record["error"] for record in invocation.records} == {"OutcomeUnknown"}
    assert len(invocation.reply["batchItemFailures"]) == 10


@pytest.mark.parametrize("seconds", [0.001, 0.1, 0.4, 0.7])
def test_an_invocation_with_hardly_any_time_says_so(harness: Harness, seconds: float) -> None:
    """It ends as something to be tried again, and never as a bug."""
    trouble(harness, "*", "hang")
    invocation = harness.invoke(EVENT, seconds=seconds)
    assert invocation.error_name in {"ServiceUnavailable", "OutcomeUnknown", "SecretUnavailable"}
    assert invocation.record["retryable"] is True


@pytest.mark.parametrize("seconds", [5, 30, 300, 900])
def test_the_time_is_used_but_for_a_reserve(harness: Harness, seconds: float) -> None:
    """A service in trouble is given the time that Lambda gives, less a second for the log."""
    harness.emulator.faults.script(
        Fault(operation=operation, status=503, times=FOR_EVER)
        for operation in ("CreateManualBackup", "ListBackups")
    )
    invocation = harness.invoke(EVENT, seconds=seconds)
    assert invocation.error_name == "OutcomeUnknown"
    assert seconds - 8 < invocation.seconds < seconds - min(1, seconds / 5) + 0.5


@pytest.mark.parametrize(("asked", "pauses"), [(28, [28]), (29, [])])
def test_the_reserve_is_not_slept_away(harness: Harness, asked: int, pauses: list[float]) -> None:
    """Of thirty seconds, one is for the outcome, and half of one for the next request."""
    throttled = Fault(operation="CreateManualBackup", status=429, retry_after=asked)
    harness.emulator.faults.script([throttled])
    invocation = harness.invoke(EVENT, seconds=30)
    assert invocation.pauses == pauses
    assert invocation.error_name == (None if pauses else "Throttled")


def test_http_has_twenty_seconds(harness: Harness) -> None:
    """The gateway gives up on a caller before Lambda does, whatever Lambda leaves."""
    harness.emulator.faults.script(
        [Fault(operation="CreateManualBackup", status=503, times=FOR_EVER)]
    )
    invocation = harness.invoke(http(EVENT), seconds=900)
    assert response(invocation.reply).error == "OutcomeUnknown"
    assert 12 < invocation.seconds < 20.5


def test_http_ends_earlier_where_lambda_does(harness: Harness) -> None:
    """The shorter of the two counts."""
    harness.emulator.faults.script(
        [Fault(operation="CreateManualBackup", status=503, times=FOR_EVER)]
    )
    invocation = harness.invoke(http(EVENT), seconds=6)
    assert response(invocation.reply).error == "OutcomeUnknown"
    assert invocation.seconds < 6


def test_a_service_that_takes_its_time_is_waited_for(harness: Harness) -> None:
    """Eight seconds for each answer are slow, and no reason to give up."""

    def dawdle() -> None:
        harness.time.advance(8)

    harness.emulator.faults.script(
        [Fault(kind="pass", when="after", action=dawdle, times=FOR_EVER)]
    )
    assert harness.invoke(EVENT).reply["outcome"] == "created"


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
