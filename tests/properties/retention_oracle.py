"""The table of retention once more, read row by row and without any thought of speed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tests.local_cloud.scheduled_backups import scheduled_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gaussdb_backup.gaussdb.models import Backup
    from gaussdb_backup.retention_policy import RetentionPolicy

PERIODS: Final[dict[str, str]] = {
    "daily": "%Y-%m-%d",
    "weekly": "%G-%V",
    "monthly": "%Y-%m",
    "yearly": "%Y",
}


def began(backup: Backup) -> datetime | None:
    """When a backup began, in UTC."""
    try:
        return datetime.strptime(backup.begin_time or "", "%Y-%m-%dT%H:%M:%S%z").astimezone(UTC)
    except ValueError:
        return None


def scheduled(backup: Backup) -> datetime | None:
    """The time in the name, if the name is the schedule's."""
    try:
        time = datetime.strptime(backup.name.split("-")[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except (IndexError, ValueError):
        return None
    return time if backup.name == scheduled_name(time, backup.instance_id) else None


def counts(backup: Backup, instance_id: str, now: datetime) -> bool:
    """Whether a backup is one of those that are counted."""
    at, time = began(backup), scheduled(backup)
    return (
        backup.type == "manual"
        and backup.instance_id == instance_id
        and time is not None
        and at is not None
        and at <= now
        and time - timedelta(minutes=5) <= at <= time + timedelta(hours=48)
        and backup.status == "COMPLETED"
        and backup.size is not None
        and backup.size > 0
    )


def row_of(  # noqa: C901, PLR0911 - the table
    backup: Backup,
    listed: Sequence[Backup],
    policy: RetentionPolicy,
    instance_id: str,
    now: datetime,
) -> str:
    """The row of the table that decides, and for row 7 whether the backup goes."""
    at, time = began(backup), scheduled(backup)
    if backup.type != "manual" or backup.instance_id != instance_id:
        return "1"
    if time is None:
        return "2"
    if at is None or at > now:
        return "3"
    if at < time - timedelta(minutes=5) or at > time + timedelta(hours=48):
        return "4"
    if backup.status not in {"COMPLETED", "FAILED"}:
        return "5"
    if backup.status == "COMPLETED" and not (backup.size is not None and backup.size > 0):
        return "5"
    if backup.name in policy.keep or now - at < timedelta(hours=48):
        return "6"
    others = [each for each in listed if counts(each, instance_id, now)]
    times = [time for each in others if (time := began(each)) is not None]
    newer = [time for time in times if time > at]
    few = len(newer) < max(3, policy.last)
    if backup.status == "FAILED":
        return "7 kept" if few else "7 goes"
    if few:
        return "8"
    for field, form in PERIODS.items():
        if _is_newest_of_period(at, times, form, getattr(policy, field)):
            return "9"
    return "10"


def _is_newest_of_period(at: datetime, times: Sequence[datetime], form: str, number: int) -> bool:
    own = at.strftime(form)
    if any(time > at and time.strftime(form) == own for time in times):
        return False
    return len({time.strftime(form) for time in times if time > at}) < number
