"""The limits and aims of the measured figures, and whether they are reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.benchmarks.cold import Start
    from tests.benchmarks.contenders import Name


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that should be small.

    Args:
        figure: the name of the figure and its unit.
        must: the largest acceptable value.
        aim: the largest desired value.
        measured: the values with a password and with AK/SK, or one value for both.
    """

    figure: str
    must: float
    aim: float
    measured: Sequence[float]

    def verdict(self) -> str:
        """Whether limit and aim are reached by the worse of the measured values."""
        worst = max(self.measured)
        return "aim" if worst <= self.aim else "must" if worst <= self.must else "MISSED"


OWN: Final[tuple[Name, Name]] = ("ours, password", "ours, AK/SK")


def cold_goals(starts: Mapping[Name, Start]) -> list[Goal]:
    """Cold starts as ratios within one run."""

    def times(other: Name) -> list[float]:
        return [starts[one].total / starts[other].total for one in OWN]

    memory = [starts[one].peak / starts["obvious"].peak for one in OWN]
    return [
        Goal("cold start / obvious as `sam build` leaves it", 0.15, 0.13, times("obvious")),
        Goal("cold start / obvious, compiled", 0.70, 0.60, times("obvious, compiled")),
        Goal("cold start / bare handler, compiled", 1.05, 0.90, times("bare, compiled")),
        Goal("peak memory / obvious", 0.55, 0.50, memory),
    ]


def instruction_goals(counted: Mapping[Name, float]) -> list[Goal]:
    """Instructions until ready for TLS as ratios; none where they were not counted."""
    if not counted:
        return []

    def times(other: Name) -> list[float]:
        return [counted[one] / counted[other] for one in OWN]

    return [
        Goal(
            "instructions until ready / obvious, compiled", 0.60, 0.52, times("obvious, compiled")
        ),
        Goal(
            "instructions until ready / bare handler, compiled", 0.82, 0.72, times("bare, compiled")
        ),
    ]


def warm_goals(above: Sequence[float], requests: Sequence[float]) -> list[Goal]:
    """Warm creates: ms above a bare `session.post`, and HTTP requests."""
    return [
        Goal("warm create, ms above a bare `session.post`", 0.5, 0.25, above),
        Goal("warm create, HTTP requests", 1, 1, requests),
    ]


def batch_goal(one_and_ten: Sequence[Sequence[float]]) -> Goal:
    """Ten messages against one, where the service takes 300 ms."""
    ratios = [ten / one for one, ten, *_ in one_and_ten]
    return Goal("10 SQS messages / 1, API answering in 300 ms", 1.2, 1.1, ratios)


def size_goal(megabytes: float) -> Goal:
    """The artifact with its bytecode."""
    return Goal("artifact, unzipped, MB", 22, 16, [megabytes])


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table with aligned columns and numbers of three digits."""
    texts = [[*head], *([_text(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = [
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |"
        for row in texts
    ]
    lines.insert(1, f"|{'|'.join('-' * (width + 2) for width in widths)}|")
    return "\n".join(lines)


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:.3f}" if abs(cell) < 1 else f"{cell:#.3g}" if cell < 100 else f"{cell:.0f}"
    return str(cell)
