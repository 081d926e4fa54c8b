"""What can go wrong with a call, drawn at random."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tests.local_cloud.emulator import Fault

if TYPE_CHECKING:
    from random import Random

    from tests.local_cloud.emulator.faults import When

CREATE: Final = "CreateManualBackup"
LIST: Final = "ListBackups"
TASKS: Final = "ListTasks"
LOG_IN: Final = "CreateToken"

# Seconds are few: what matters is on which side of the function's patience they fall.
LOST: Final = (
    Fault(kind="reset"),
    Fault(kind="close"),
    Fault(kind="garbage"),
    Fault(kind="html"),
    Fault(kind="empty"),
    Fault(kind="hang", seconds=0.03),
)
LONG: Final = (
    Fault(kind="hang", seconds=0.7),
    Fault(kind="slow", seconds=0.7),
    Fault(kind="drip", seconds=0.7),
    Fault(kind="drip", seconds=0.7, drip_headers=False),
)
SPOILT: Final = (
    Fault(kind="truncated"),
    Fault(kind="cut"),
    Fault(kind="slow", seconds=0.03),
    Fault(kind="drip", seconds=0.03),
    Fault(kind="html", status=202),
    Fault(kind="html", status=200),
    Fault(status=202, body={}),
    Fault(status=200, body={"total_count": 3}),
)
STALE: Final = Fault(status=200, body={"backups": [], "tasks": [], "total_count": 0})
OUT_OF_ORDER: Final = tuple(
    Fault(status=status, retry_after=seconds)
    for status in (500, 502, 503, 504, 599)
    for seconds in (None, 0, 2, 3600)
)
OPEN: Final = (*LOST * 3, *SPOILT * 2, *OUT_OF_ORDER, *LONG, *[STALE] * 4)
# What the service says before it does anything, and means.
REFUSED: Final = (
    *(Fault(status=429, retry_after=seconds) for seconds in (None, 0, 1, 3600)),
    *(
        Fault(error_code=code)
        for code in (
            "DBS.201202",
            "DBS.201205",
            "DBS.06020003",
            "DBS.201014",
            "DBS.280011",
            "DBS.280056",
            "DBS.200044",
            "APIGW.0301",
            "APIGW.0307",
            "APIGW.0308",
        )
    ),
)
MOMENTS: Final[tuple[When | None, ...]] = ("before", "after", "after", None)
OF_IAM: Final = (*LOST, Fault(kind="cut"), Fault(status=500), Fault(status=503))


def fault(dice: Random) -> Fault:
    """A fault of any call, before or after its work, once or several times."""
    when: When | None = None
    match dice.choice(["open", "open", "open", "refused", "late", "iam"]):
        case "open":
            struck = dice.choice(OPEN)
            when = dice.choice(MOMENTS)
        case "refused":
            struck = dice.choice(REFUSED)
        case "late":
            late = dice.choice([0.02, 0.1, 5.0, 30.0])
            struck = dice.choice([*LOST, *OUT_OF_ORDER])
            return replace(struck, operation=CREATE, lands_after=late)
        case _:
            return replace(dice.choice(OF_IAM), operation=LOG_IN, times=dice.randint(1, 3))
    return replace(
        struck,
        operation=dice.choice([CREATE, CREATE, LIST, TASKS]),
        when=when,
        times=1 if struck in LONG else dice.choice([1, 1, 1, 2, 3, 8]),
        skip=dice.choice([0, 0, 0, 1, 2]),
    )
