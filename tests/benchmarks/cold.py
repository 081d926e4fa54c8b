"""Cold starts, each contender in turn, so that all see the same weather on the machine."""

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
    """One cold start, or what of many counts.

    Args:
        init: milliseconds until the function is ready for an event.
        first: milliseconds of the first invocation.
        total: both together.
        peak: the most memory that the process held, in MB.
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
        contenders: who runs.
        cloud: what they work against.
        rounds: how often each starts.
        say: takes a line on what is under way.
    """
    starts: dict[Name, list[Start]] = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        say(f"cold starts, round {number + 1} of {rounds}")
        first = number % len(contenders)
        for contender in (*contenders[first:], *contenders[:first]):
            starts[contender.name].append(_start(contender, cloud))
    return {name: _counting(seen) for name, seen in starts.items()}


def lower_quartile(values: Iterable[float]) -> float:
    """The value that three quarters exceed: what the machine can do when nothing disturbs it."""
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
