"""Cold starts of each contender in turn, so that a disturbance affects all of them."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import quantiles
from typing import TYPE_CHECKING

from tests.local_cloud.local_cloud import INSTANCE_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tests.benchmarks.contenders import Contender, Name
    from tests.local_cloud.local_cloud import LocalCloud


@dataclass(frozen=True, slots=True)
class Start:
    """One cold start, or the lower quartiles of many.

    Args:
        init: milliseconds until the function is ready for an event.
        first: milliseconds of the first invocation.
        total: the sum of both.
        peak: the peak memory of the process in MB.
    """

    init: float
    first: float
    total: float
    peak: float


def cold_starts(
    contenders: Sequence[Contender], cloud: LocalCloud, rounds: int, say: Callable[[str], None]
) -> dict[Name, Start]:
    """The lower quartiles of alternating cold starts.

    Args:
        contenders: the implementations to measure.
        cloud: the cloud that they call.
        rounds: the number of cold starts of each.
        say: prints a line about the progress.
    """
    starts: dict[Name, list[Start]] = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        say(f"cold starts, round {number + 1} of {rounds}")
        first = number % len(contenders)
        for contender in (*contenders[first:], *contenders[:first]):
            starts[contender.name].append(_start(contender, cloud))
    return {name: _counting(seen) for name, seen in starts.items()}


def lower_quartile(values: Iterable[float]) -> float:
    """The value that three quarters exceed, which is nearly free of disturbances."""
    return quantiles(values, n=4)[0]


def _start(contender: Contender, cloud: LocalCloud) -> Start:
    with contender.runtime(cloud) as function:
        function.invoke({"instance_id": INSTANCE_ID})
        [init], [first] = function.init_milliseconds(), function.invocation_milliseconds()
        return Start(init, first, init + first, function.peak_megabytes())


def _counting(seen: Sequence[Start]) -> Start:
    return Start(
        init=lower_quartile(start.init for start in seen),
        first=lower_quartile(start.first for start in seen),
        total=lower_quartile(start.total for start in seen),
        peak=lower_quartile(start.peak for start in seen),
    )
