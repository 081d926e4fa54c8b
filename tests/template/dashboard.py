"""What the dashboard's widgets and the saved queries show, as far as one may hold them to it."""

from __future__ import annotations

import json
import re
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


def tables(stack: Stack) -> dict[str, list[str]]:
    """The commands of each query that a widget shows, by the widget's title."""
    return {
        title: [command.strip() for command in widget["query"].split("|")]
        for title, widget in widgets(stack).items()
        if "query" in widget
    }


def saved_queries(stack: Stack) -> dict[str, list[str]]:
    """The commands of each saved query by its name, the log group before them."""
    found = {}
    for properties in stack.of_type("AWS::Logs::QueryDefinition").values():
        lines = properties["QueryString"].splitlines()
        text = " ".join(line for line in lines if not line.startswith("#"))
        commands = [f"SOURCE '{group}'" for group in properties["LogGroupNames"]]
        commands += [command.strip() for command in text.split("|")]
        found[properties["Name"].removeprefix(f"{STACK}/")] = commands
    return found


def fields(commands: list[str]) -> set[str]:
    """The fields of a log line that a query shows, counts or groups by."""
    found: set[str] = set()
    for command in commands:
        verb, _, rest = command.partition(" ")
        if verb == "fields":
            found |= set(rest.split(", "))
        if verb == "stats":
            values, _, groups = rest.partition(" by ")
            found |= set(re.findall(r"\(([\w.@]+)\)", values)) | set(groups.split(", "))
    return {name for name in found if not name.startswith(("@", "bin("))}
