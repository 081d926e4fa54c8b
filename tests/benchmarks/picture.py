"""The picture of the cold starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.benchmarks.cold import Start
    from tests.benchmarks.contenders import Name

WIDTH: Final = 760
LEFT: Final = 160
ROW: Final = 34
TOP: Final = 58
LABELS: Final = 250
GREY: Final = "#5b6b7b"
SUBTITLE: Final = "milliseconds, peak memory, and instructions until ready for TLS"
COLOURS: Final = {"ours": "#1a7f5a", "obvious": "#b3541e", "bare": GREY}


def draw(
    starts: Mapping[Name, Start], counted: Mapping[Name, float], caption: str, path: Path
) -> None:
    """Writes an SVG with one bar per contender: init in solid colour, the first invocation light.

    Args:
        starts: the measured cold starts.
        counted: millions of instructions until ready, where they were counted.
        caption: the date and the machine.
        path: the file to write.
    """
    scale = (WIDTH - LEFT - LABELS) / max(start.total for start in starts.values())
    bars = [
        _bar(number, name, start, scale, counted.get(name))
        for number, (name, start) in enumerate(starts.items())
    ]
    height = TOP + ROW * len(starts) + 34
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        ' font-family="system-ui, sans-serif" font-size="13" fill="#1c2228">'
    )
    lines = [
        head,
        "<title>Cold starts side by side</title>",
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#ffffff"/>',
        '<text x="16" y="26" font-size="16">Cold start: init and the first backup, over TLS</text>',
        f'<text x="16" y="44" fill="{GREY}">{escape(SUBTITLE)}</text>',
        *bars,
        f'<text x="16" y="{height - 12}" font-size="11" fill="{GREY}">{escape(caption)}</text>',
        "</svg>",
        "",
    ]
    path.write_text("\n".join(lines))


def _bar(number: int, name: Name, start: Start, scale: float, counted: float | None) -> str:
    top = TOP + ROW * number
    colour = COLOURS[name.partition(",")[0]]
    init, total = start.init * scale, start.total * scale
    box = f'<rect x="{LEFT}" y="{top + 4}" height="20" fill="{colour}"'
    figures = f"{start.total:.0f} ms, {start.peak:.0f} MB"
    if counted:
        figures += f", {counted:.0f} million"
    return "\n".join(
        [
            f'<text x="{LEFT - 10}" y="{top + 18}" text-anchor="end">{escape(name)}</text>',
            f'{box} width="{total:.1f}" fill-opacity="0.45"/>',
            f'{box} width="{init:.1f}"/>',
            f'<text x="{LEFT + total + 8:.1f}" y="{top + 18}">{figures}</text>',
        ]
    )
