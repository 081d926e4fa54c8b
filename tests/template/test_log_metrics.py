from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.template.cloudformation import STACK
from tests.template.filter_pattern import selects
from tests.template.function_log import COLD_START, TIMEOUT, WARM_START

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.template.cloudformation import Stack

FILTERS = ("LostRequests", "CrashCount", "WebhookKeysUnavailable")


def counted(stack: Stack, metric_filter: str, lines: Iterable[str]) -> int:
    """How many lines a metric filter counts."""
    pattern = stack.properties(metric_filter)["FilterPattern"]
    return sum(selects(pattern, line) for line in lines)


def test_log_metrics_count_the_functions_own_lines(
    stack: Stack, lines: Mapping[str, list[str]]
) -> None:
    """A request that is lost and keys that cannot be read are seen there, and nowhere else."""
    assert stack.of_type("AWS::Logs::MetricFilter").keys() == set(FILTERS)
    seen = {
        outcome: tuple(counted(stack, one, written) for one in FILTERS)
        for outcome, written in lines.items()
    }
    assert {outcome: counts for outcome, counts in seen.items() if any(counts)} == {
        "poison message, first delivery": (1, 0, 0),
        "busy instance, tenth delivery": (1, 0, 0),
        "webhook without keys": (0, 0, 1),
    }


def test_they_count_one_by_one_in_the_functions_own_log(stack: Stack) -> None:
    """Whatever a line says besides."""
    read = {
        name: (properties["LogGroupName"], properties["MetricTransformations"][0]["MetricValue"])
        for name, properties in stack.of_type("AWS::Logs::MetricFilter").items()
    }
    assert read == dict.fromkeys(FILTERS, ("FunctionLogs", "1"))


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
        ({"receive_count": 2}, 0),
        ({"receive_count": 10}, 0),
        ({"retryable": True, "error": "Throttled"}, 0),
        ({"retryable": True, "error": "Throttled", "receive_count": 9}, 0),
        ({"retryable": True, "error": "Throttled", "receive_count": 10}, 1),
        ({"trigger": "http"}, 0),
        ({"trigger": "schedule"}, 0),
        ({"message": "request refused"}, 0),
    ],
    ids=str,
)
def test_a_request_of_the_queue_is_lost_once(
    stack: Stack, differing: dict[str, object], lost: int
) -> None:
    """At the first delivery if no other can succeed, else at the last one.

    Other senders get an answer, or their events become dead letters.
    """
    line = {
        "message": "backup failed",
        "retryable": False,
        "trigger": "sqs",
        "receive_count": 1,
        "error": "InvalidRequest",
        "service": STACK,
    }
    assert counted(stack, "LostRequests", [json.dumps({**line, **differing})]) == lost


def test_the_last_delivery_is_that_of_the_queue(stack: Stack) -> None:
    """The filter knows how often the queue delivers a message."""
    most = stack.properties("BackupRequests")["RedrivePolicy"]["maxReceiveCount"]
    assert f"$.receive_count >= {most}" in stack.properties("LostRequests")["FilterPattern"]
