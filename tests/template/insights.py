"""CloudWatch Logs Insights, as far as the saved queries and the dashboard's tables use it.

A query that uses anything else is an error. Lambda's own lines and ours are JSON; a dot in a name
goes one level down.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Row = dict[str, Any]

_EQUALS: Final = re.compile(r"""([\w.@]+) = ["']([^"']*)["']""")
_LIKE: Final = re.compile(r"@message like /(.*)/")
_COUNTED: Final = re.compile(r"(count|latest)\(([\w.@*]+)\)(?: as (\w+))?")


def run(query: str, lines: Iterable[str]) -> list[Row]:
    """What a query shows of a log.

    Args:
        query: its text; lines that begin with # are comments.
        lines: the log, the oldest line first.

    Raises:
        ValueError: the query uses what is not known here.
    """
    rows = [_record(number, line) for number, line in enumerate(lines) if line.startswith("{")]
    for command in commands(query):
        verb, _, rest = command.partition(" ")
        match verb:
            case "SOURCE":
                continue
            case "filter":
                rows = _filter(rest, rows)
            case "fields":
                rows = [{name: _find(name, row) for name in columns(command)} for row in rows]
            case "stats":
                rows = _stats(rest, rows)
            case "sort":
                name, _, order = rest.partition(" ")
                rows.sort(key=lambda row: str(row[name]), reverse=order == "desc")
            case "limit":
                rows = rows[: int(rest)]
            case _:
                raise ValueError(f"not known: {command}")
    return rows


def commands(query: str) -> list[str]:
    """The commands of a query, one after the other."""
    text = " ".join(line for line in query.splitlines() if not line.startswith("#"))
    return [command.strip() for command in text.split("|")]


def columns(command: str) -> list[str]:
    """The fields of the log that a command shows, counts or groups by."""
    verb, _, rest = command.partition(" ")
    if verb == "fields":
        return rest.split(", ")
    if verb == "stats":
        values, _, groups = rest.partition(" by ")
        return [found[1] for found in _COUNTED.findall(values)] + groups.split(", ")
    return []


def _record(number: int, line: str) -> Row:
    return {**json.loads(line), "@message": line, "@timestamp": f"{number:09}"}


def _find(name: str, row: Row) -> Any:
    found: Any = row
    for part in name.split(".") if name not in row else [name]:
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _filter(condition: str, rows: Sequence[Row]) -> list[Row]:
    if like := _LIKE.fullmatch(condition):
        return [row for row in rows if re.search(like[1], row["@message"])]
    if equals := _EQUALS.fullmatch(condition):
        return [row for row in rows if _find(equals[1], row) == equals[2]]
    raise ValueError(f"not known: filter {condition}")


def _stats(rest: str, rows: Sequence[Row]) -> list[Row]:
    values, _, by = rest.partition(" by ")
    counted = [_COUNTED.fullmatch(part) for part in values.split(", ")]
    if None in counted:
        raise ValueError(f"not known: stats {values}")
    names = [] if by.startswith("bin(") else by.split(", ")
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(json.dumps([_find(name, row) for name in names]), []).append(row)
    return [
        {name: _find(name, group[0]) for name in names}
        | {found[3] or found[0]: _gathered(found[1], found[2], group) for found in counted if found}
        for group in groups.values()
    ]


def _gathered(function: str, name: str, group: Sequence[Row]) -> Any:
    if function == "latest":
        return _find(name, group[-1])
    return len(group) if name == "*" else sum(_find(name, row) is not None for row in group)
