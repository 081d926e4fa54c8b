"""The query parameters of the lists: which records are meant, in which order, which page.

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
from tests.local_cloud.emulator.responses import Refusal, service_error

MAX_PAGE = 100
TASK_MEMORY = timedelta(days=31)

INSTANCE_ID = re.compile(r"[A-Za-z0-9]{1,64}")
BACKUP_ID = re.compile(r"[A-Za-z0-9-]{1,64}")

T = TypeVar("T")


def _refused(code: str) -> Refusal:
    return Refusal(service_error(code))


def _whole_number(text: str | None, default: int, code: str) -> int:
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,10}", text):
        raise _refused(code)
    return int(text)


def page(request: Request, records: Sequence[T]) -> Sequence[T]:
    """Return the records that `offset` and `limit` ask for.

    Raises:
        Refusal: one of them is out of range.
    """
    limit = _whole_number(request.parameter("limit"), MAX_PAGE, "DBS.280439")
    offset = _whole_number(request.parameter("offset"), 0, "DBS.280440")
    if not 1 <= limit <= MAX_PAGE:
        raise _refused("DBS.280439")
    return records[offset : offset + limit]


def _time(text: str, code: str) -> datetime:
    try:
        return read_offset_time(text)
    except ValueError:
        raise _refused(code) from None


def _period(request: Request) -> tuple[datetime, datetime] | None:
    """Return begin_time and end_time, which have to be given together and in order."""
    begin, end = request.parameter("begin_time"), request.parameter("end_time")
    if begin is None and end is None:
        return None
    start = _time(begin or "", "DBS.280253")
    finish = _time(end or "", "DBS.280416")
    if finish <= start:
        raise _refused("DBS.280416")
    return start, finish


def _exact(request: Request, name: str, form: re.Pattern[str], code: str) -> str | None:
    text = request.parameter(name)
    if text is not None and not form.fullmatch(text):
        raise _refused(code)
    return text


def backup_filter(request: Request) -> Callable[[Backup], bool]:
    """Return the condition that the query sets on backups.

    Raises:
        Refusal: a parameter breaks its rule, with the code of that parameter.
    """
    instance_id = _exact(request, "instance_id", INSTANCE_ID, "DBS.280404")
    backup_id = _exact(request, "backup_id", BACKUP_ID, "DBS.280124")
    backup_type = _exact(request, "backup_type", re.compile("auto|manual"), "DBS.201004")
    period = _period(request)

    def is_meant(backup: Backup) -> bool:
        began = backup.begin_time.replace(microsecond=0)
        return (
            instance_id in {None, backup.instance_id}
            and backup_id in {None, backup.id}
            and backup_type in {None, backup.type}
            and (period is None or period[0] <= began <= period[1])
        )

    return is_meant


def in_order(backups: list[Backup], order: Order) -> list[Backup]:
    """Sort the backups; "shuffled" is one and the same disorder for every page."""
    if order == "shuffled":
        return sorted(backups, key=lambda backup: sha256(backup.id.encode()).digest())
    return sorted(backups, key=lambda backup: backup.begin_time, reverse=order == "newest")


def _milliseconds(text: str | None) -> datetime | None:
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,14}", text):
        raise _refused("DBS.280001")
    return datetime.fromtimestamp(int(text) / 1000, UTC)


def job_filter(request: Request, now: datetime) -> Callable[[Job], bool]:
    """Return the condition that the query sets on tasks; none is older than a month.

    Raises:
        Refusal: a parameter breaks its rule.
    """
    statuses = re.compile("Running|Completed|Failed")
    status = _exact(request, "status", statuses, "DBS.280001")
    name = request.parameter("name")
    start = _milliseconds(request.parameter("start_time"))
    end = _milliseconds(request.parameter("end_time"))

    def is_meant(job: Job) -> bool:
        return (
            job.created >= now - TASK_MEMORY
            and status in {None, job.status}
            and name in {None, job.name}
            and (start is None or job.created >= start)
            and (end is None or job.created <= end)
        )

    return is_meant


def _is_like(pattern: str | None, text: str) -> bool:
    """Compare exactly, or as a part where the pattern begins with an asterisk."""
    if pattern is None:
        return True
    return pattern[1:] in text if pattern.startswith("*") else pattern == text


def instance_filter(request: Request) -> Callable[[Instance], bool]:
    """Return the condition that the query sets on instances."""
    instance_id, name = request.parameter("id"), request.parameter("name")
    kind = request.parameter("type") or "Enterprise"
    engine = request.parameter("datastore_type") or "GaussDB"
    vpc, subnet = request.parameter("vpc_id"), request.parameter("subnet_id")

    def is_meant(instance: Instance) -> bool:
        return (
            _is_like(instance_id, instance.id)
            and _is_like(name, instance.name)
            and kind == "Enterprise"
            and engine.lower() == "gaussdb"
            and vpc in {None, instance.vpc_id}
            and subnet in {None, instance.subnet_id}
        )

    return is_meant
