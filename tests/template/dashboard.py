"""What the dashboard's widgets and the saved queries show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.template.cloudformation import STACK
from tests.template.function_log import Metric, metric

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.template.cloudformation import Stack


class Series(NamedTuple):
    """A line in a graph.

    Args:
        metric: what it shows.
        statistic: of the values in a period.
        seconds: of a period.
    """

    metric: Metric
    statistic: str
    seconds: int


def body(stack: Stack) -> dict[str, Any]:
    """The dashboard's body."""
    read: dict[str, Any] = json.loads(stack.properties("Dashboard")["DashboardBody"])
    return read


def widgets(stack: Stack) -> dict[str, dict[str, Any]]:
    """The widgets' properties by their titles, in order."""
    return {
        widget["properties"]["title"]: widget["properties"] for widget in body(stack)["widgets"]
    }


def series(widget: Mapping[str, Any]) -> list[Series]:
    """The lines of a graph; a row that begins with dots repeats the row above."""
    lines: list[Series] = []
    for row in widget["metrics"]:
        *names, options = row
        if names == ["..."]:
            shown = lines[-1].metric
        else:
            namespace, name, *dimensions = names
            pairs = dict(zip(dimensions[::2], dimensions[1::2], strict=True))
            shown = metric(namespace, name, pairs)
        chosen = {**widget, **options}
        lines.append(Series(shown, chosen["stat"], chosen["period"]))
    return lines


def queries(stack: Stack) -> dict[str, str]:
    """The text of each query: the saved ones by their names, the widgets' by their titles."""
    saved = {
        made["Name"].removeprefix(f"{STACK}/"): made["QueryString"]
        for made in stack.of_type("AWS::Logs::QueryDefinition").values()
    }
    shown = {
        title: widget["query"] for title, widget in widgets(stack).items() if "query" in widget
    }
    return {**saved, **shown}
