"""An alarm in one line: what it watches, and when it rings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tests.template.cloudformation import STACK
from tests.template.function_log import Metric, metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.template.cloudformation import Stack

_COMPARISONS: Final = {
    "GreaterThanOrEqualToThreshold": ">=",
    "GreaterThanThreshold": ">",
    "LessThanThreshold": "<",
}
# ActionsEnabled is not among them: an alarm that tells nobody is no alarm.
_KNOWN: Final = {
    *("AlarmName", "AlarmDescription", "AlarmActions", "OKActions", "TreatMissingData"),
    *("Namespace", "MetricName", "Dimensions", "Statistic", "Period", "Metrics"),
    *("EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator"),
}


class Watch(NamedTuple):
    """What an alarm looks at, and when it rings.

    Args:
        watched: a metric, or an expression of metrics.
        dimensions: all of theirs.
        statistic: of the values in a period.
        seconds: of a period.
        looks: how many of the last periods must be bad, of how many.
        bad: what a bad period is.
        missing: what a period without data is.
    """

    watched: str
    dimensions: tuple[str, ...]
    statistic: str
    seconds: int
    looks: str
    bad: str
    missing: str


class _Source(NamedTuple):
    metric: Metric
    statistic: str
    seconds: int


def alarms(stack: Stack) -> dict[str, dict[str, Any]]:
    """The alarms by the names that an operator sees, without the stack's."""
    made = stack.of_type("AWS::CloudWatch::Alarm").values()
    return {alarm["AlarmName"].removeprefix(f"{STACK}-"): alarm for alarm in made}


def watch(alarm: Mapping[str, Any]) -> Watch:
    """What an alarm watches; a property that is not known here is an error."""
    assert alarm.keys() <= _KNOWN
    expression, sources = _computed(alarm["Metrics"]) if "Metrics" in alarm else _plain(alarm)
    [(statistic, seconds)] = {(source.statistic, source.seconds) for source in sources.values()}
    periods = alarm["EvaluationPeriods"]
    return Watch(
        watched=re.sub(r"[a-z_]+", lambda found: _name(sources, found[0]), expression),
        dimensions=tuple(
            sorted({one for source in sources.values() for one in source.metric.dimensions})
        ),
        statistic=statistic,
        seconds=seconds,
        looks=f"{alarm.get('DatapointsToAlarm', periods)} of {periods}",
        bad=f"{_COMPARISONS[alarm['ComparisonOperator']]} {alarm['Threshold']}",
        missing=alarm["TreatMissingData"],
    )


def sources(alarm: Mapping[str, Any]) -> set[Metric]:
    """The metrics that an alarm is made of."""
    _, found = _computed(alarm["Metrics"]) if "Metrics" in alarm else _plain(alarm)
    return {source.metric for source in found.values()}


def _plain(alarm: Mapping[str, Any]) -> tuple[str, dict[str, _Source]]:
    return "it", {"it": _Source(_metric(alarm), alarm["Statistic"], alarm["Period"])}


def _computed(queries: Iterable[Mapping[str, Any]]) -> tuple[str, dict[str, _Source]]:
    """The one expression that is compared with the threshold, and the metrics in it by ID."""
    by_id = {query["Id"]: query for query in queries}
    [shown] = [name for name, query in by_id.items() if query.get("ReturnData", True)]
    compared = by_id.pop(shown)
    return compared["Expression"], {
        name: _Source(_metric(made["Metric"]), made["Stat"], made["Period"])
        for name, made in ((name, query["MetricStat"]) for name, query in by_id.items())
    }


def _metric(said: Mapping[str, Any]) -> Metric:
    dimensions = {one["Name"]: one["Value"] for one in said.get("Dimensions", [])}
    return metric(said["Namespace"], said["MetricName"], dimensions)


def _name(sources: Mapping[str, _Source], word: str) -> str:
    return sources[word].metric.name if word in sources else word
