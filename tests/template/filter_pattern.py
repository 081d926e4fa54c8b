"""CloudWatch Logs' filter patterns for JSON lines, as far as the template uses them.

Written after the syntax page of the CloudWatch Logs user guide: comparisons joined by `&&` and
`||` with parentheses, `*` in strings, `IS TRUE`, `IS FALSE`, numbers, elements of arrays. A field
that a line lacks satisfies no comparison here; the page leaves open whether `!=` does, so no
pattern may rely on it.
"""

from __future__ import annotations

import fnmatch
import json
import re
from typing import Any, Final

_TOKEN: Final = re.compile(
    r"""\s*(\(|\)|&&|\|\||IS\ TRUE|IS\ FALSE|!=|>=|=|\$\.[\w.\[\]]+|"[^"]*"|-?\d+(?:\.\d+)?)"""
)
_MISSING: Final = object()


def selects(pattern: str, line: str) -> bool:
    """Whether a filter pattern selects a line of the log.

    Raises:
        ValueError: the pattern uses what is not known here.
    """
    try:
        record = json.loads(line)
    except ValueError:
        return False
    if not pattern.startswith("{") or not pattern.endswith("}"):
        raise ValueError(f"not a pattern for JSON: {pattern}")
    tokens = _tokens(pattern[1:-1])
    chosen = _either(tokens, record)
    if tokens:
        raise ValueError(f"more than a pattern: {tokens}")
    return chosen


def value_at(selector: str, record: Any) -> Any:
    """What a selector such as `$.metrics.age[0]` finds in a record, or None."""
    found = _find(selector, record)
    return None if found is _MISSING else found


def _tokens(text: str) -> list[str]:
    tokens = []
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"not understood: {text[position:]}")
        tokens.append(match[1])
        position = match.end()
    return tokens


def _either(tokens: list[str], record: Any) -> bool:
    chosen = _both(tokens, record)
    while tokens[:1] == ["||"]:
        tokens.pop(0)
        chosen = _both(tokens, record) or chosen
    return chosen


def _both(tokens: list[str], record: Any) -> bool:
    chosen = _one(tokens, record)
    while tokens[:1] == ["&&"]:
        tokens.pop(0)
        chosen = _one(tokens, record) and chosen
    return chosen


def _one(tokens: list[str], record: Any) -> bool:
    first = tokens.pop(0)
    if first == "(":
        chosen = _either(tokens, record)
        if tokens.pop(0) != ")":
            raise ValueError("a parenthesis is not closed")
        return chosen
    found = _find(first, record)
    operator = tokens.pop(0)
    if operator in {"IS TRUE", "IS FALSE"}:
        return found is (operator == "IS TRUE")
    return _compare(found, operator, tokens.pop(0))


def _compare(found: Any, operator: str, wanted: str) -> bool:
    if found is _MISSING:
        return False
    if not wanted.startswith('"'):
        if isinstance(found, bool) or not isinstance(found, int | float):
            return False
        return found >= float(wanted) if operator == ">=" else found == float(wanted)
    equal = isinstance(found, str) and fnmatch.fnmatchcase(found, wanted.strip('"'))
    return equal if operator == "=" else not equal


def _find(selector: str, record: Any) -> Any:
    found = record
    for name, index in re.findall(r"(\w+)|\[(\d+)\]", selector.removeprefix("$.")):
        if name and isinstance(found, dict) and name in found:
            found = found[name]
        elif index and isinstance(found, list) and int(index) < len(found):
            found = found[int(index)]
        else:
            return _MISSING
    return found
