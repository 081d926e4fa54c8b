from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.template.cloudformation import STACK
from tests.template.filter_pattern import selects, value_at
from tests.template.function_log import COLD_START, TIMEOUT, WARM_START

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.template.cloudformation import Stack

FILTERS = ("FailedForGoodCount", "StaleCount", "OldestAge", "CrashCount")
# how many lines each of them counts
COUNTED = {
    "accepted": (0, 0, 0, 0),
    "unknown instance: InstanceNotFound": (1, 0, 0, 0),
    "unknown instance over HTTP": (0, 0, 0, 0),
    "unknown caller over HTTP": (0, 0, 0, 0),
    "refused payload: InvalidRequest": (1, 0, 0, 0),
    "unknown backup: BackupNotFound": (0, 0, 0, 0),
    "check of an unknown instance: InstanceNotFound": (0, 0, 0, 0),
    "verify without an age: InvalidRequest": (0, 0, 0, 0),
    "fresh": (0, 0, 1, 0),
    "stale: BackupStale": (0, 1, 1, 0),
    "never: BackupStale": (0, 1, 0, 0),
}


def counted(stack: Stack, metric_filter: str, lines: Iterable[str]) -> int:
    """How many lines a metric filter counts."""
    pattern = stack.properties(metric_filter)["FilterPattern"]
    return sum(selects(pattern, line) for line in lines)


def test_log_metrics_count_the_functions_own_lines(
    stack: Stack, lines: Mapping[str, list[str]]
) -> None:
    """A backup lost, a stale one and an age are seen where they are, and nowhere else."""
    assert stack.of_type("AWS::Logs::MetricFilter").keys() == set(FILTERS)
    assert {
        outcome: tuple(counted(stack, one, written) for one in FILTERS)
        for outcome, written in lines.items()
    } == COUNTED


def test_they_count_one_by_one_in_the_functions_own_log(stack: Stack) -> None:
    """But the age, which is taken as it is."""
    read = {
        name: (properties["LogGroupName"], properties["MetricTransformations"][0]["MetricValue"])
        for name, properties in stack.of_type("AWS::Logs::MetricFilter").items()
    }
    assert read == {
        "FailedForGoodCount": ("FunctionLogs", "1"),
        "StaleCount": ("FunctionLogs", "1"),
        "OldestAge": ("FunctionLogs", "$.BackupAgeHours[0]"),
        "CrashCount": ("FunctionLogs", "1"),
    }


def test_the_oldest_age_is_read_from_the_metric_itself(
    stack: Stack, lines: Mapping[str, list[str]]
) -> None:
    """The selector finds the hours in the line that Powertools writes."""
    properties = stack.properties("OldestAge")
    [metric] = properties["MetricTransformations"]
    [line] = [one for one in lines["fresh"] if selects(properties["FilterPattern"], one)]
    assert value_at(metric["MetricValue"], json.loads(line)) == pytest.approx(5, abs=0.1)


@pytest.mark.parametrize(
    ("line", "crashes"),
    [
        (WARM_START, 0),
        (COLD_START, 0),
        (TIMEOUT, 1),
        (
            {
                "type": "platform.report",
                "record": {"status": "error", "errorType": "Runtime.ExitError"},
            },
            1,
        ),
        (
            {"type": "platform.report", "record": {"status": "error", "errorType": "InstanceBusy"}},
            0,
        ),
        ({"type": "platform.initReport", "record": {"status": "success"}}, 0),
        ({"type": "platform.initReport", "record": {"status": "timeout"}}, 1),
        ({"type": "platform.start", "record": {}}, 0),
    ],
)
def test_a_killed_function_is_counted_from_lambdas_own_lines(
    stack: Stack, line: dict[str, Any], crashes: int
) -> None:
    """Timeouts, memory and failed starts count; an error that the function raises does not."""
    assert counted(stack, "CrashCount", [json.dumps(line)]) == crashes


@pytest.mark.parametrize(
    ("differing", "lost"),
    [
        ({}, 1),
        ({"action": "status"}, 0),
        ({"retryable": True, "error": "Throttled"}, 0),
        ({"trigger": "http"}, 0),
        ({"trigger": "http", "error": "CredentialsRejected"}, 1),
        ({"trigger": "http", "error": "CredentialsRejected", "action": "check"}, 0),
        ({"message": "request refused"}, 0),
    ],
    ids=str,
)
def test_what_is_lost_for_good_wakes_somebody(
    stack: Stack, differing: dict[str, object], lost: int
) -> None:
    """Not what is tried again or only looked, nor what an HTTP caller knows and can mend."""
    line = {
        "message": "backup failed",
        "retryable": False,
        "action": "create",
        "trigger": "schedule",
        "error": "NameTaken",
        "service": STACK,
    }
    assert counted(stack, "FailedForGoodCount", [json.dumps({**line, **differing})]) == lost
