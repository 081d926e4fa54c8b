"""What a state tries again and what it catches, and how long that may take altogether."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import pytest

from gaussdb_backup import errors
from gaussdb_backup.errors import BackupError
from tests.state_machines.deployed import ALL, STATES
from tests.template.translation import translated

if TYPE_CHECKING:
    from collections.abc import Mapping

HOUR: Final = 3600
BUSY: Final = frozenset({"InstanceBusy", "InstanceNotReady"})
NO_ROOM: Final = frozenset({"Lambda.TooManyRequestsException"})
# what may pass by itself, and leaves it open whether the function did its work: what takes long,
SLOW: Final = frozenset(
    {
        *("OutcomeUnknown", "ServiceUnavailable", "Lambda.ClientExecutionTimeoutException"),
        *("Lambda.Unknown", "Sandbox.Timedout", "States.Timeout"),
    }
)
# and what is over at once
QUICK: Final = NO_ROOM | {
    *("InternalError", "SecretUnavailable", "Throttled"),
    *("Extension.Crash", "Extension.ExitError", "Lambda.AWSLambdaException"),
    *("Lambda.SdkClientException", "Lambda.ServiceException", "Runtime.ExitError"),
    *("Runtime.OutOfMemory", "Runtime.Unknown", "Sandbox.Failure"),
}
TRANSIENT: Final = SLOW | QUICK
# of these what AWS says, and not the function
OF_AWS: Final = frozenset(error for error in TRANSIENT if "." in error)
NOT_STARTED: Final = frozenset(
    {
        "StepFunctions.AWSStepFunctionsException",
        "StepFunctions.ExecutionLimitExceeded",
        "StepFunctions.ExecutionLimitExceededException",
        "StepFunctions.SdkClientException",
        "StepFunctions.ThrottlingException",
    }
)
EVERYTHING: Final = frozenset({"States.ALL"})


class Again(NamedTuple):
    """What is tried again, and when.

    Args:
        errors: after which of them.
        seconds: until the first time.
        attempts: how often.
        rate: how many times longer each wait is than the one before.
        longest: of the waits, if there is one.
        jitter: how the waits are spread.
    """

    errors: frozenset[str]
    seconds: int
    attempts: int
    rate: float = 2
    longest: int | None = None
    jitter: str | None = "FULL"

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Self:
        """What a definition says."""
        return cls(
            frozenset(said["ErrorEquals"]),
            said["IntervalSeconds"],
            said["MaxAttempts"],
            said["BackoffRate"],
            said.get("MaxDelaySeconds"),
            said.get("JitterStrategy"),
        )


TRIED_AGAIN: Final = {
    "CreateBackup": [
        Again(BUSY, 600, 18, rate=1, jitter=None),
        Again(TRANSIENT, 15, 6, longest=300),
    ],
    "GetStatus": [
        Again(frozenset({"BackupNotFound"}), 30, 4, rate=1, jitter=None),
        Again(TRANSIENT, 15, 2),
    ],
    "PublishOutcome": [Again(EVERYTHING, 5, 4)],
    "Prune": [Again(OF_AWS, 15, 2)],
    "CountPruneFailure": [Again(EVERYTHING, 5, 4)],
    "BackUpInstance": [Again(NOT_STARTED, 30, 6, longest=600)],
    "BackUpListedInstance": [Again(NOT_STARTED, 30, 6, longest=600)],
    "CountListedInstances": [Again(EVERYTHING, 5, 4)],
    "PublishReport": [Again(EVERYTHING, 5, 4)],
    "VerifyInstance": [Again(TRANSIENT, 30, 4)],
    "VerifyListedInstance": [Again(NO_ROOM, 5, 2), Again(TRANSIENT - NO_ROOM, 15, 1)],
}
STALE: Final = frozenset({"BackupStale"})
CAUGHT: Final = {
    "CreateBackup": [(EVERYTHING, "CheckErrorFormat")],
    "GetStatus": [
        (SLOW, "CountStatusTimeout"),
        (QUICK, "CountStatusError"),
        (EVERYTHING, "CheckErrorFormat"),
    ],
    "PublishOutcome": [(EVERYTHING, "CheckOutcome")],
    "Prune": [(EVERYTHING, "CheckPruneError")],
    "CountPruneFailure": [(EVERYTHING, "DropPruneError")],
    "BackUpInstances": [(EVERYTHING, "RunAborted")],
    "BackUpInstance": [(EVERYTHING, "CheckExecutionCause")],
    "BackUpListedInstances": [(EVERYTHING, "RunAborted")],
    "CountListedInstances": [(EVERYTHING, "RunAborted")],
    "PublishReport": [(EVERYTHING, "CheckFailures")],
    "VerifyInstance": [(STALE, "InstanceStale"), (EVERYTHING, "InstanceNotVerified")],
    "VerifyListedInstance": [
        (STALE, "ListedInstanceStale"),
        (EVERYTHING, "ListedInstanceNotVerified"),
    ],
}
# what a backup that is not yet completed goes through from one look to the next
LOOK: Final = ("Wait", "GetStatus", "CheckStatus", "RepeatWait")
# and what a look costs beside the wait before it, where an outage prevents it
OUTAGES: Final = {"CountStatusTimeout": 300, "CountStatusError": 45}


def test_what_the_contract_calls_retryable_is_tried_again_and_nothing_else() -> None:
    """Of our errors; beside them all by which Lambda says that the function did not end."""
    ours = {
        name: error
        for name, error in vars(errors).items()
        if isinstance(error, type) and issubclass(error, BackupError) and error is not BackupError
    }
    assert (BUSY | TRANSIENT) & ours.keys() == {n for n, error in ours.items() if error.retryable}


def test_states_try_again_exactly_like_this() -> None:
    """Each what may pass by itself, so often and after such waits; a busy instance for hours."""
    tried = {
        name: [Again.read(retry) for retry in state["Retry"]]
        for name, state in STATES.items()
        if "Retry" in state
    }
    assert tried == TRIED_AGAIN
    assert tried.keys() == {n for n, state in STATES.items() if state["Type"] == "Task"}


def test_states_catch_exactly_this() -> None:
    """An outage while one waits ends nothing, and whatever else happens is told."""
    caught = {
        name: [(frozenset(catch["ErrorEquals"]), catch["Next"]) for catch in state["Catch"]]
        for name, state in STATES.items()
        if "Catch" in state
    }
    assert caught == CAUGHT


def test_a_busy_instance_is_asked_again_for_three_hours() -> None:
    """Ten minutes apart, 18 times."""
    busy = Again.read(ALL["backup"]["States"]["CreateBackup"]["Retry"][0])
    assert busy.seconds * busy.attempts == 3 * HOUR


def time_limit() -> int:
    """The seconds after which a backup counts as timed out."""
    [limit] = [
        choice["NumericGreaterThanEquals"]
        for choice in STATES["CheckStatus"]["Choices"]
        if choice["Variable"] == "$.wait.waited"
    ]
    return int(limit)


def looks(limit: int, besides: int = 0) -> list[int]:
    """How many seconds were waited when a backup is looked at, up to a limit.

    Args:
        limit: in seconds.
        besides: what each look costs beside the wait before it, in seconds.
    """
    wait = STATES["StartWaiting"]["Parameters"]["wait"]
    [longest] = [
        choice["NumericGreaterThanEquals"]
        for choice in STATES["CheckStatus"]["Choices"]
        if choice["Variable"] == "$.wait.seconds"
    ]
    seconds, waited = wait["seconds"], [wait["waited"]]
    while waited[-1] < limit:
        seconds *= 1 if seconds >= longest else 2
        waited.append(waited[-1] + seconds + besides)
    return waited


def test_looks_come_seldomer_with_time_up_to_the_limit() -> None:
    """After 15 s, twice as long each time, and every four minutes at last."""
    waited = looks(limit := time_limit())
    assert waited[:7] == [15, 45, 105, 225, 465, 705, 945]
    assert limit == 24 * HOUR <= waited[-1] < limit + 240


@pytest.mark.parametrize("state", OUTAGES)
def test_a_look_that_an_outage_prevents_counts_for_what_it_takes(state: str) -> None:
    """Else a long outage would be waited out for days, or a short one end a backup."""
    added = STATES[state]["Parameters"]["waited.$"]
    assert added == f"States.MathAdd($.wait.waited, {OUTAGES[state]})"
    again = TRIED_AGAIN["GetStatus"][1]
    waits = [again.seconds * again.rate**number for number in range(again.attempts)]
    assert OUTAGES["CountStatusError"] == sum(waits)


def test_no_execution_has_more_events_than_step_functions_keeps() -> None:
    """It ends an execution at 25,000; with every look tried thrice."""
    busy, outages = (again.attempts for again in TRIED_AGAIN["CreateBackup"])
    # a state is entered and left; an attempt is scheduled, is started and ends
    create = 3 * (1 + busy + outages)
    look = 2 * len(LOOK) + 3 * (1 + TRIED_AGAIN["GetStatus"][1].attempts)
    prevented = look + 2
    besides = 100
    limit = time_limit()
    assert [STATES[name].get("Next") for name in LOOK] == [
        "GetStatus",
        "CheckStatus",
        None,
        "Wait",
    ]
    assert (look, prevented) == (17, 19)
    most = max(
        look * len(looks(limit)),
        *(prevented * len(looks(limit, cost)) for cost in OUTAGES.values()),
    )
    assert create + most + besides < 25_000


def test_a_task_has_more_time_than_the_function_takes() -> None:
    """What is still running must not be tried again."""
    timeouts = {n: s["TimeoutSeconds"] for n, s in STATES.items() if "TimeoutSeconds" in s}
    assert timeouts == {
        "CreateBackup": 180,
        "GetStatus": 180,
        "Prune": 180,
        "VerifyInstance": 130,
        "VerifyListedInstance": 130,
    }
    assert translated()["Resources"]["BackupFunction"]["Properties"]["Timeout"] == 120


def test_a_listed_instance_is_looked_at_in_the_time_of_an_express_execution() -> None:
    """AWS ends it after five minutes, which nothing could catch."""
    refused, failed = TRIED_AGAIN["VerifyListedInstance"]
    refusals = sum(refused.seconds * refused.rate**number for number in range(refused.attempts))
    attempts = (1 + failed.attempts) * STATES["VerifyListedInstance"]["TimeoutSeconds"]
    assert failed.attempts == 1
    assert attempts + failed.seconds + refusals < 300
