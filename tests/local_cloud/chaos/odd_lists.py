"""Lists of backups as sister services show them: odd entries, times and totals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from tests.local_cloud.emulator import Emulator

ODD_ENTRIES: Final[tuple[object, ...]] = (
    None,
    "x",
    {},
    {"name": "x", "status": "COMPLETED"},
    {"begin_time": None},
)
ODD_TIMES: Final[Mapping[str, Callable[[str], str | None]]] = {
    "without a zone": lambda time: time[:19],
    "with the zone in words": lambda time: f"{time[:10]} {time[11:19]} UTC",
    "missing": lambda _: None,
}
ZONES: Final = ("+0800", "+0000", "-0330", "Z")


def make_lists_odd(emulator: Emulator, random: Random) -> None:
    """Changes how the list of backups is shown: most often as documented, else in one odd way."""
    make_lists_documented(emulator)
    emulator.time_zone = random.choice(ZONES)
    match random.choice(["documented"] * 5 + ["entries", "time", "total"]):
        case "entries":
            emulator.odd_entries = ODD_ENTRIES
        case "time":
            # the words name UTC, so the time before them must be that of UTC
            emulator.time_zone = "+0000"
            alter = ODD_TIMES[random.choice([*ODD_TIMES])]
            emulator.alter_entry = lambda entry: {
                **entry,
                "begin_time": alter(str(entry["begin_time"])),
            }
        case "total":
            wrong = random.choice([-1, 1, 67])
            emulator.alter_total = lambda total: total + wrong
        case _:
            pass


def make_lists_documented(emulator: Emulator) -> None:
    """Shows the list of backups as the documentation does."""
    emulator.odd_entries = ()
    emulator.alter_entry = lambda entry: entry
    emulator.alter_total = lambda total: total
