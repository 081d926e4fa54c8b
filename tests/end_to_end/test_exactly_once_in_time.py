"""Whatever hangs, the function ends before Lambda's time limit, with its result in the log."""

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


def delay(harness: Harness, operation: str, kind: Kind, *, done: bool = False) -> None:
    """Delays every call of an operation by a minute, with or without executing it."""
    fault = Fault(
        operation=operation,
        kind=kind,
        when="after" if done else "before",
        seconds=60,
        times=FOR_EVER,
    )
    harness.emulator.faults.add(fault)


def invoke_in_time(harness: Harness, event: object = EVENT) -> Invocation:
    """The invocation, which must end before Lambda's time limit, with a log line."""
    invocation = harness.invoke(event, seconds=LAMBDA_SECONDS)
    assert invocation.seconds < LAMBDA_SECONDS
    assert invocation.records
    return invocation


@pytest.mark.parametrize("kind", ["hang", "drip"])
@pytest.mark.parametrize("operation", ["CreateToken", "*"])
def test_a_log_in_that_hangs_is_service_unavailable(
    harness: Harness, operation: str, kind: Kind
) -> None:
    """No create request was sent."""
    delay(harness, operation, kind)
    invocation = invoke_in_time(harness)
    assert invocation.error_name == "ServiceUnavailable"
    assert invocation.record["attempts"] == 0


def test_a_secrets_extension_that_hangs_is_secret_unavailable(harness: Harness) -> None:
    """No create request was sent."""
    harness.cloud.secrets.hang(60, times=100)
    invocation = invoke_in_time(harness)
    assert invocation.error_name == "SecretUnavailable"
    assert invocation.record["attempts"] == 0


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_a_create_request_that_hangs_leaves_time_for_a_lookup(harness: Harness, kind: Kind) -> None:
    """The backup was made, and the same invocation finds it."""
    delay(harness, "CreateManualBackup", kind, done=True)
    invocation = invoke_in_time(harness)
    assert invocation.operations == ["create", "list", "tasks"]
    assert invocation.reply["job_id"] == harness.backup().job_id


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_a_create_request_that_always_hangs_is_unknown(harness: Harness, kind: Kind) -> None:
    """The list does not show the backup in the remaining time."""
    delay(harness, "CreateManualBackup", kind)
    invocation = invoke_in_time(harness)
    assert "list" in invocation.operations
    assert invocation.error_name == "OutcomeUnknown"
    assert invocation.record["retryable"] is True


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_a_list_that_hangs_leaves_the_outcome_unknown(harness: Harness, kind: Kind) -> None:
    """The next delivery finds the backup."""
    harness.emulator.faults.add(Fault(operation="CreateManualBackup", status=503, when="after"))
    delay(harness, "ListBackups", kind)
    assert invoke_in_time(harness).error_name == "OutcomeUnknown"
    harness.emulator.faults.clear()
    assert harness.invoke(EVENT).reply["job_id"] == harness.backup().job_id


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_a_task_list_that_hangs_costs_only_the_job_id(harness: Harness, kind: Kind) -> None:
    """The backup was found, so the result is a success."""
    harness.invoke(EVENT)
    delay(harness, "ListTasks", kind)
    invocation = invoke_in_time(harness)
    assert invocation.reply["outcome"] == "existing"
    assert invocation.record["job_lookup"] == "failed"


def test_a_batch_that_hangs_ends_in_time(harness: Harness) -> None:
    """All ten messages are logged and reported for redelivery."""
    delay(harness, "CreateManualBackup", "hang")
    invocation = invoke_in_time(harness, sqs(*[PAYLOAD] * 10))
    assert len(invocation.records) == 10
    assert {record["error"] for record in invocation.records} == {"OutcomeUnknown"}
    assert len(invocation.reply["batchItemFailures"]) == 10


@pytest.mark.parametrize("seconds", [0.001, 0.1, 0.4, 0.7])
def test_an_invocation_with_hardly_any_time_is_retryable(harness: Harness, seconds: float) -> None:
    """It never ends as an internal error."""
    delay(harness, "*", "hang")
    invocation = harness.invoke(EVENT, seconds=seconds)
    assert invocation.error_name in {"ServiceUnavailable", "OutcomeUnknown", "SecretUnavailable"}
    assert invocation.record["retryable"] is True


@pytest.mark.parametrize("seconds", [5, 30, 300, 900])
def test_the_time_is_used_up_to_a_reserve(harness: Harness, seconds: float) -> None:
    """Retries continue until one second before Lambda's limit, which the log needs."""
    harness.emulator.faults.script(
        Fault(operation=operation, status=503, times=FOR_EVER)
        for operation in ("CreateManualBackup", "ListBackups")
    )
    invocation = harness.invoke(EVENT, seconds=seconds)
    assert invocation.error_name == "OutcomeUnknown"
    assert seconds - 8 < invocation.seconds < seconds - min(1, seconds / 5) + 0.5


@pytest.mark.parametrize(("asked", "pauses"), [(28, [28]), (29, [])])
def test_no_pause_uses_the_reserve(harness: Harness, asked: int, pauses: list[float]) -> None:
    """Of 30 seconds, one is for the result and half of one for the next request."""
    throttled = Fault(operation="CreateManualBackup", status=429, retry_after=asked)
    harness.emulator.faults.script([throttled])
    invocation = harness.invoke(EVENT, seconds=30)
    assert invocation.pauses == pauses
    assert invocation.error_name == (None if pauses else "Throttled")


def test_http_has_twenty_seconds(harness: Harness) -> None:
    """An HTTP API gives up after 30 seconds, so the function replies after 20 at most."""
    harness.emulator.faults.script(
        [Fault(operation="CreateManualBackup", status=503, times=FOR_EVER)]
    )
    invocation = harness.invoke(http(EVENT), seconds=900)
    assert response(invocation.reply).error == "OutcomeUnknown"
    assert 12 < invocation.seconds < 20.5


def test_http_ends_earlier_if_lambda_does(harness: Harness) -> None:
    """The shorter limit counts."""
    harness.emulator.faults.script(
        [Fault(operation="CreateManualBackup", status=503, times=FOR_EVER)]
    )
    invocation = harness.invoke(http(EVENT), seconds=6)
    assert response(invocation.reply).error == "OutcomeUnknown"
    assert invocation.seconds < 6


def test_a_slow_service_is_waited_for(harness: Harness) -> None:
    """Eight seconds per response are no reason to give up."""

    def dawdle() -> None:
        harness.time.advance(8)

    harness.emulator.faults.script(
        [Fault(kind="pass", when="after", action=dawdle, times=FOR_EVER)]
    )
    assert harness.invoke(EVENT).reply["outcome"] == "created"


def test_lambda_never_kills_the_function() -> None:
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
