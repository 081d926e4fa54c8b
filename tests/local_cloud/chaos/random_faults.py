"""Random faults of single requests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tests.local_cloud.emulator import Fault

if TYPE_CHECKING:
    from random import Random

    from tests.local_cloud.emulator.faults import When

CREATE: Final = "CreateManualBackup"
LIST_BACKUPS: Final = "ListBackups"
LIST_TASKS: Final = "ListTasks"
LIST_INSTANCES: Final = "ListInstances"
DELETE: Final = "DeleteManualBackup"
LOG_IN: Final = "CreateToken"

# The seconds are short. What counts is whether they are below or above the function's time-out.
LOST: Final = (
    Fault(kind="reset"),
    Fault(kind="close"),
    Fault(kind="garbage"),
    Fault(kind="html"),
    Fault(kind="empty"),
    Fault(kind="hang", seconds=0.03),
)
SLOW: Final = (
    Fault(kind="hang", seconds=0.7),
    Fault(kind="slow", seconds=0.7),
    Fault(kind="drip", seconds=0.7),
    Fault(kind="drip", seconds=0.7, drip_headers=False),
)
DAMAGED: Final = (
    Fault(kind="truncated"),
    Fault(kind="cut"),
    Fault(kind="slow", seconds=0.03),
    Fault(kind="drip", seconds=0.03),
    Fault(kind="html", status=202),
    Fault(kind="html", status=200),
    Fault(status=202, body={}),
    Fault(status=200, body={"total_count": 3}),
)
EMPTY_LIST: Final = Fault(
    status=200, body={"backups": [], "tasks": [], "instances": [], "total_count": 0}
)
SERVER_ERRORS: Final = tuple(
    Fault(status=status, retry_after=seconds)
    for status in (500, 502, 503, 504, 599)
    for seconds in (None, 0, 2, 3600)
)
UNKNOWN_OUTCOME: Final = (*LOST * 3, *DAMAGED * 2, *SERVER_ERRORS, *SLOW, *[EMPTY_LIST] * 4)
# Rejections before any work: the service has not accepted the request.
REJECTED: Final = (
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
# The backup is in use, or gone already.
NOT_DELETED: Final = tuple(
    Fault(operation=DELETE, error_code=code)
    for code in ("DBS.201208", "DBS.301024", "DBS.201202", "DBS.201010", "DBS.201203")
)
WHEN: Final[tuple[When | None, ...]] = ("before", "after", "after", None)
# IAM does not judge the log-in: it is out of order, throttles, or a load balancer responds.
LOG_IN_NOT_JUDGED: Final = (
    *LOST,
    Fault(status=500),
    Fault(status=503, retry_after=2),
    Fault(kind="html", status=503),
    Fault(kind="html", status=403),
    Fault(kind="html", status=404),
    Fault(kind="html", status=408),
    Fault(status=425),
    *(Fault(status=429, retry_after=seconds) for seconds in (None, 1, 3600)),
    Fault(status=429, body={"error_code": "IAM.0012", "error_msg": "10 times per 60 seconds"}),
)
# IAM judges it, and the verdict is lost. Not with 503, which says that it did not judge.
LOG_IN_JUDGED: Final = (
    *(replace(fault, when="after") for fault in LOST if fault.kind != "empty"),
    Fault(status=504, when="after"),
    Fault(kind="html", status=200, when="after"),
    Fault(kind="truncated"),
    Fault(kind="cut"),
    Fault(kind="slow", seconds=0.7),
)


def random_fault(random: Random) -> Fault:
    """A fault of any operation, before or after its execution, for one or more calls."""
    when: When | None = None
    kinds = ["unknown", "unknown", "unknown", "rejected", "late", "log-in", "not deleted"]
    match random.choice(kinds):
        case "unknown":
            fault = random.choice(UNKNOWN_OUTCOME)
            when = random.choice(WHEN)
        case "rejected":
            fault = random.choice(REJECTED)
        case "late":
            late = random.choice([0.02, 0.1, 5.0, 30.0])
            fault = random.choice([*LOST, *SERVER_ERRORS])
            return replace(fault, operation=random.choice([CREATE, DELETE]), lands_after=late)
        case "not deleted":
            return replace(random.choice(NOT_DELETED), times=random.choice([1, 1, 3]))
        case _:
            fault = random.choice([*LOG_IN_NOT_JUDGED, *LOG_IN_JUDGED])
            return replace(fault, operation=LOG_IN, times=random.randint(1, 3))
    return replace(
        fault,
        operation=random.choice(
            [CREATE, CREATE, CREATE, LIST_BACKUPS, LIST_BACKUPS, LIST_TASKS, LIST_INSTANCES, DELETE]
        ),
        when=when,
        times=1 if fault in SLOW else random.choice([1, 1, 1, 2, 3, 8]),
        skip=random.choice([0, 0, 0, 1, 2]),
    )
