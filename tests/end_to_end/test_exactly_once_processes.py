"""Concurrent processes with one event, and killed processes, end with one backup."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

import pytest

from tests.local_cloud.emulator import Fault
from tests.local_cloud.events import PAYLOAD, http, response, sns, sqs
from tests.local_cloud.execution_environment import EnvironmentDied, ForkServer
from tests.local_cloud.lambda_runtime import LambdaRuntime
from tests.local_cloud.local_cloud import LocalCloud

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.local_cloud.execution_environment import ExecutionEnvironment, InvocationResult

EVENT: Final = {**PAYLOAD, "idempotency_key": "one"}
CREATE: Final = "CreateManualBackup"
REQUEST_ID: Final = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"


@pytest.fixture(scope="module")
def fork_server() -> Iterator[ForkServer]:
    """Starts the processes."""
    with ForkServer() as fork_server:
        yield fork_server


@pytest.fixture
def cloud() -> Iterator[LocalCloud]:
    """A local cloud."""
    with LocalCloud() as cloud:
        yield cloud


def invoke_concurrently(
    environments: Sequence[ExecutionEnvironment], event: object
) -> list[InvocationResult]:
    """Delivers an event to all environments at the same time."""
    begin = threading.Barrier(len(environments), timeout=10)

    def invoke(environment: ExecutionEnvironment) -> InvocationResult:
        begin.wait()
        return environment.invoke(event)

    with ThreadPoolExecutor(len(environments)) as threads:
        told = list(threads.map(invoke, environments))
    for environment in environments:
        environment.close()
    return told


def job_ids(told: InvocationResult) -> set[str | None]:
    """The job IDs in the reply and in the log."""
    assert told.error is None
    [record] = told.records
    return {told.reply["job_id"], record["job_id"]}


def test_two_lambda_environments_with_one_event(cloud: LocalCloud) -> None:
    """In AWS's own runtime: one backup, two successful replies, one of them `created`."""
    environment = cloud.environment()
    warm_up = {"action": "check", **PAYLOAD}
    # both requests are under way before one of them is answered
    cloud.emulator.faults.script([Fault(operation=CREATE, kind="slow", seconds=0.5, times=2)])
    with (
        LambdaRuntime(environment) as one,
        LambdaRuntime(environment) as other,
        ThreadPoolExecutor(2) as threads,
    ):
        list(threads.map(partial(_invoke, warm_up), [one, other]))
        replies = list(threads.map(partial(_invoke, EVENT), [one, other]))
    [backup] = cloud.emulator.backups
    assert sorted(reply["outcome"] for reply in replies) == ["created", "existing"]
    assert {reply["job_id"] for reply in replies} == {backup.job_id}
    assert {reply["backup"]["id"] for reply in replies} == {backup.id}


def _invoke(event: object, runtime: LambdaRuntime) -> Any:
    return runtime.invoke(event)


@pytest.mark.parametrize("lag", [0.0, 0.3])
def test_many_processes_with_one_event(
    cloud: LocalCloud, fork_server: ForkServer, lag: float
) -> None:
    """Six at the same time, with a list that may lag: one backup, six successful replies."""
    cloud.emulator.list_lag = lag
    told = invoke_concurrently([fork_server.start(cloud.environment()) for _ in range(6)], EVENT)
    [backup] = cloud.emulator.backups
    assert sorted(one.reply["outcome"] for one in told) == ["created", *["existing"] * 5]
    assert set().union(*map(job_ids, told)) == {backup.job_id}


def test_two_processes_that_both_lose_the_response(
    cloud: LocalCloud, fork_server: ForkServer
) -> None:
    """Both look up the name, and both find the one backup."""
    spoilt = Fault(operation=CREATE, kind="reset", when="after", times=2)
    cloud.emulator.faults.script([spoilt])
    told = invoke_concurrently([fork_server.start(cloud.environment()) for _ in range(2)], EVENT)
    [backup] = cloud.emulator.backups
    assert set().union(*map(job_ids, told)) == {backup.job_id}


# The points at which a process can die: in each call, before the other side did anything and after.
POINTS: Final[list[tuple[str, Literal["before", "after"]]]] = [
    ("CreateToken", "before"),
    ("CreateToken", "after"),
    ("CreateManualBackup", "before"),
    ("CreateManualBackup", "after"),
    ("ListBackups", "before"),
    ("ListBackups", "after"),
    ("ListTasks", "before"),
    ("ListTasks", "after"),
]
SOURCES: Final[dict[str, Any]] = {
    "direct": EVENT,
    "http": http(EVENT),
    "sqs": sqs(PAYLOAD),
    "sns": sns(PAYLOAD),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(("operation", "when"), POINTS)
def test_a_process_killed_at_any_point(
    cloud: LocalCloud,
    fork_server: ForkServer,
    operation: str,
    when: Literal["before", "after"],
    source: str,
) -> None:
    """The next delivery, in a new process, succeeds with one backup and its job ID."""
    doomed = fork_server.start(cloud.environment())
    lost = Fault(operation=CREATE, status=503, when="after")
    fatal = Fault(operation=operation, kind="close", when=when, action=doomed.kill)
    look_needed = operation in {"ListBackups", "ListTasks"}
    cloud.emulator.faults.script([lost, fatal] if look_needed else [fatal])
    with pytest.raises(EnvironmentDied):
        doomed.invoke(SOURCES[source])
    doomed.close()
    successor = fork_server.start(cloud.environment())
    told = successor.invoke(SOURCES[source])
    successor.close()
    [backup] = cloud.emulator.backups
    [record] = told.records
    assert record["message"] == "backup accepted"
    assert record["job_id"] == backup.job_id
    made_before = (operation, when) not in POINTS[:3]
    assert record["outcome"] == ("existing" if made_before else "created")


def test_lambda_kills_a_function_and_delivers_again(cloud: LocalCloud) -> None:
    """In AWS's own runtime, with the same request ID, as for asynchronous invocations."""
    with LambdaRuntime(cloud.environment()) as doomed:
        cut = Fault(operation=CREATE, kind="hang", seconds=20, when="after")
        cloud.emulator.faults.script([cut])
        first = threading.Thread(target=_invoke_in_vain, args=(doomed,))
        first.start()
        while not cloud.emulator.backups:
            first.join(0.01)
    first.join()
    with LambdaRuntime(cloud.environment()) as successor:
        reply = successor.invoke(PAYLOAD, request_id=REQUEST_ID)
    [backup] = cloud.emulator.backups
    assert reply["outcome"] == "existing"
    assert reply["job_id"] == backup.job_id


def _invoke_in_vain(runtime: LambdaRuntime) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 - however the emulator ends the connection
        runtime.invoke(PAYLOAD, request_id=REQUEST_ID)


def test_the_http_client_repeats_after_a_killed_function(
    cloud: LocalCloud, fork_server: ForkServer
) -> None:
    """The gateway answers 500 without a body; the same key finds the backup."""
    doomed = fork_server.start(cloud.environment())
    fatal = Fault(operation=CREATE, kind="close", when="after", action=doomed.kill)
    cloud.emulator.faults.script([fatal])
    with pytest.raises(EnvironmentDied):
        doomed.invoke(http(headers={"Idempotency-Key": "before-release-42"}))
    doomed.close()
    successor = fork_server.start(cloud.environment())
    told = successor.invoke(http(headers={"Idempotency-Key": "before-release-42"}))
    successor.close()
    answer = response(told.reply)
    [backup] = cloud.emulator.backups
    assert answer.status == 200
    assert answer.body["job_id"] == backup.job_id
