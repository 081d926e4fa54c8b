"""The query parameters of the lists: filters, order and pages.

GaussDB(openGauss) API reference: "Querying Backups", "Querying Tasks", "Querying DB Instances".
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TypeVar

from tests.local_cloud.emulator.behaviour import Order
from tests.local_cloud.emulator.clock import read_offset_time
from tests.local_cloud.emulator.request import Request
from tests.local_cloud.emulator.resources import Backup, Instance, Job
from tests.local_cloud.emulator.responses import ErrorResponse, service_error

MAX_PAGE = 100
TASK_MEMORY = timedelta(days=31)

INSTANCE_ID = re.compile(r"[A-Za-z0-9]{1,64}")
BACKUP_ID = re.compile(r"[A-Za-z0-9-]{1,64}")

T = TypeVar("T")


def _error(code: str) -> ErrorResponse:
    return ErrorResponse(service_error(code))


def _whole_number(text: str | None, default: int, code: str) -> int:
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,10}", text):
        raise _error(code)
    return int(text)


def page(request: Request, records: Sequence[T]) -> Sequence[T]:
    """Return the page of records that `offset` and `limit` select.

    Raises:
        ErrorResponse: one of them is out of range.
    """
    limit = _whole_number(request.parameter("limit"), MAX_PAGE, "DBS.280439")
    offset = _whole_number(request.parameter("offset"), 0, "DBS.280440")
    if not 1 <= limit <= MAX_PAGE:
        raise _error("DBS.280439")
    return records[offset : offset + limit]


def _time(text: str, code: str) -> datetime:
    try:
        return read_offset_time(text)
    except ValueError:
        raise _error(code) from None


def _period(request: Request) -> tuple[datetime, datetime] | None:
    """Return begin_time and end_time, which are required together and in order."""
    begin, end = request.parameter("begin_time"), request.parameter("end_time")
    if begin is None and end is None:
        return None
    start = _time(begin or "", "DBS.280253")
    finish = _time(end or "", "DBS.280416")
    if finish <= start:
        raise _error("DBS.280416")
    return start, finish


def _exact(request: Request, name: str, form: re.Pattern[str], code: str) -> str | None:
    text = request.parameter(name)
    if text is not None and not form.fullmatch(text):
        raise _error(code)
    return text


def backup_filter(request: Request) -> Callable[[Backup], bool]:
    """Return a predicate for the query parameters of the list of backups.

    Raises:
        ErrorResponse: a parameter is invalid; with the error code of that parameter.
    """
    instance_id = _exact(request, "instance_id", INSTANCE_ID, "DBS.280404")
    backup_id = _exact(request, "backup_id", BACKUP_ID, "DBS.280124")
    backup_type = _exact(request, "backup_type", re.compile("auto|manual"), "DBS.201004")
    period = _period(request)

    def matches(backup: Backup) -> bool:
        began = backup.begin_time.replace(microsecond=0)
        return (
            instance_id in {None, backup.instance_id}
            and backup_id in {None, backup.id}
            and backup_type in {None, backup.type}
            and (period is None or period[0] <= began <= period[1])
        )

    return matches


def in_order(backups: list[Backup], order: Order) -> list[Backup]:
    """Sort the backups; "shuffled" is the same pseudo-random order for every page."""
    if order == "shuffled":
        return sorted(backups, key=lambda backup: sha256(backup.id.encode()).digest())
    return sorted(backups, key=lambda backup: backup.begin_time, reverse=order == "newest")


def _milliseconds(text: str | None) -> datetime | None:
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,14}", text):
        raise _error("DBS.280001")
    return datetime.fromtimestamp(int(text) / 1000, UTC)


def job_filter(request: Request, now: datetime) -> Callable[[Job], bool]:
    """Return a predicate for the query parameters of the list of tasks, at most a month old.

    Raises:
        ErrorResponse: a parameter is invalid.
    """
    statuses = re.compile("Running|Completed|Failed")
    status = _exact(request, "status", statuses, "DBS.280001")
    name = request.parameter("name")
    start = _milliseconds(request.parameter("start_time"))
    end = _milliseconds(request.parameter("end_time"))

    def matches(job: Job) -> bool:
        return (
            job.created >= now - TASK_MEMORY
            and status in {None, job.status}
            and name in {None, job.name}
            and (start is None or job.created >= start)
            and (end is None or job.created <= end)
        )

    return matches


def _is_like(pattern: str | None, text: str) -> bool:
    """Compare exactly, or as a substring if the pattern begins with an asterisk."""
    if pattern is None:
        return True
    return pattern[1:] in text if pattern.startswith("*") else pattern == text


def instance_filter(request: Request) -> Callable[[Instance], bool]:
    """Return a predicate for the query parameters of the list of instances."""
    instance_id, name = request.parameter("id"), request.parameter("name")
    kind = request.parameter("type") or "Enterprise"
    engine = request.parameter("datastore_type") or "GaussDB"
    vpc, subnet = request.parameter("vpc_id"), request.parameter("subnet_id")

    def matches(instance: Instance) -> bool:
        return (
            _is_like(instance_id, instance.id)
            and _is_like(name, instance.name)
            and kind == "Enterprise"
            and engine.lower() == "gaussdb"
            and vpc in {None, instance.vpc_id}
            and subnet in {None, instance.subnet_id}
        )

    return matches
