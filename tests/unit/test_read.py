"""What a state means for a backup, and how old the newest backup is: tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gaussdb_backup.actions.read import measure_age, readiness
from gaussdb_backup.gaussdb.models import Backup

NOW = datetime(2026, 11, 23, 21, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)

READINESS = {
    "ready": ["ACTIVE"],
    "busy": [
        "BACKING UP",
        "MODIFYING",
        "EXPANDING",
        "REBOOTING",
        "UPGRADING",
        "RESTORING",
        "SWITCHOVER",
        "MIGRATING",
        "REPAIRING",
        "REDUCING REPLICATION",
    ],
    "not_ready": [
        "BUILD",
        "FAILED",
        "FROZEN",
        "STORAGE FULL",
        "UPGRADE TO BE OBSERVED",
        "A STATE OF NEXT YEAR",
        "active",
        "",
    ],
}


@pytest.mark.parametrize(
    ("status", "expected"),
    [(status, expected) for expected, statuses in READINESS.items() for status in statuses],
)
def test_a_state_means_one_thing(status: str, expected: str) -> None:
    """An unknown state is not ready."""
    assert readiness(status) == expected


def backup(age: timedelta | str = HOUR, **differing: Any) -> Backup:
    """A completed manual backup that began so long ago."""
    began = age if isinstance(age, str) else f"{NOW - age:%Y-%m-%dT%H:%M:%S%z}"
    fields = {"status": "COMPLETED", "type": "manual", "size": 100.0, **differing}
    return Backup(name="auto-1", instance_id="a", begin_time=began, **fields)


def test_the_newest_completed_backup_counts() -> None:
    """Of any type, in any order."""
    newest = backup(2 * HOUR, type="auto")
    for listed in ([newest, backup(3 * HOUR)], [backup(3 * HOUR), newest]):
        age = measure_age(listed, NOW)
        assert (age.backup, age.hours, age.undated) == (newest, 2.0, 0)


@pytest.mark.parametrize(
    "differing",
    [
        {"status": "BUILDING"},
        {"status": "FAILED"},
        {"status": "DELETING"},
        {"status": "PAUSED"},
        {"size": 0.0},
        {"size": None},
    ],
)
def test_what_cannot_be_restored_has_no_age(differing: dict[str, Any]) -> None:
    """Whether or not its time can be read."""
    age = measure_age([backup(**differing), backup("2026-11-23 21:30:00", **differing)], NOW)
    assert (age.backup, age.hours, age.undated) == (None, None, 0)


def test_a_completed_backup_without_a_readable_time_is_counted() -> None:
    """It may be newer than those whose age is known."""
    age = measure_age([backup("2026-11-23 21:30:00"), backup("soon"), backup(30 * HOUR)], NOW)
    assert (age.hours, age.undated) == (30.0, 2)


def test_a_backup_of_the_future_is_new() -> None:
    """Two clocks differ."""
    assert measure_age([backup(-HOUR)], NOW).hours == 0.0


def test_manual_backups_are_added_up() -> None:
    """All of them, whatever their state; automated ones are not charged so."""
    listed = [
        backup(size=1.5),
        backup(status="FAILED", size=None),
        backup("soon", size=2.0),
        backup(type="auto"),
        backup(type=None),
    ]
    age = measure_age(listed, NOW)
    assert (age.manual_backups, age.manual_mb) == (3, 3.5)
