"""When an alarm rings: CloudWatch's evaluation of alarms, as far as the template's need it.

Written after the user guide's pages on alarms and metric math. Missing values are 0 in a sum of
which another part has a value. FILL fills nothing where the whole window is empty.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tests.template.alarms import sources, watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tests.template.alarms import Watch
    from tests.template.function_log import Metric

_WORSE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<": operator.lt,
}


class Point(NamedTuple):
    """A value of a metric.

    Args:
        metric: of which it is a value.
        minute: since the beginning of time.
        value: what was counted or measured.
    """

    metric: Metric
    minute: int
    value: float = 1


def mails(alarm: Mapping[str, Any], points: Iterable[Point], since: int, until: int) -> list[int]:
    """The minutes at which an alarm begins to ring.

    Args:
        alarm: its properties.
        points: everything that was ever published.
        since: the first minute that counts; before it the alarm was evaluated too.
        until: the minute at which the look ends.
    """
    seen = watch(alarm)
    minutes = seen.seconds // 60
    wanted, _, window = seen.looks.partition(" of ")
    values = _values(seen, [one for one in points if one.metric in sources(alarm)], minutes)
    told, rang = [], True  # what rings at the beginning is no news
    for period in range(until // minutes):
        looked_at = _filled(seen, [values.get(one) for one in _window(period, int(window))])
        rings = sum(_is_bad(seen, value) for value in looked_at) >= int(wanted)
        if rings and not rang and (period + 1) * minutes > since:
            told.append((period + 1) * minutes)
        rang = rings
    return told


def _window(period: int, length: int) -> range:
    return range(period - length + 1, period + 1)


def _values(seen: Watch, points: Iterable[Point], minutes: int) -> dict[int, float]:
    """What is compared with the threshold, by period; periods without data are missing."""
    found: defaultdict[int, list[float]] = defaultdict(list)
    for point in points:
        found[point.minute // minutes].append(point.value)
    assert seen.statistic in {"Sum", "Maximum"}
    return {
        period: sum(values) if seen.statistic == "Sum" else max(values)
        for period, values in found.items()
    }


def _filled(seen: Watch, values: Sequence[float | None]) -> list[float | None]:
    if not seen.watched.startswith("FILL(") or all(value is None for value in values):
        return list(values)
    return [0 if value is None else value for value in values]


def _is_bad(seen: Watch, value: float | None) -> bool:
    if value is None:
        return seen.missing == "breaching"
    comparison, threshold = seen.bad.split()
    return _WORSE[comparison](value, float(threshold))
