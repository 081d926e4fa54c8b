"""Which backups go: the table of the contract, row by row, and what bounds each row."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from gaussdb_backup.actions.retention import Reason, Verdict, plan_retention
from tests.local_cloud.local_cloud import INSTANCE_ID
from tests.local_cloud.scheduled_backups import (
    KEY_PREFIX,
    policy,
    scheduled_backup,
    scheduled_name,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gaussdb_backup.gaussdb.models import Backup
    from gaussdb_backup.retention_policy import RetentionPolicy

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LAST_NIGHT = datetime(2026, 2, 28, 20, 0, tzinfo=UTC)
FEW = policy(last=1)
OTHER_INSTANCE = "0000000000000000000000000000000bin14"


def night(number: int, **fields: Any) -> Backup:
    """The backup of a night: 0 is last night's, 1 that of the night before."""
    return scheduled_backup(LAST_NIGHT - timedelta(days=number), **fields)


def nights(count: int) -> list[Backup]:
    """The completed backups of so many nights, newest first."""
    return [night(number) for number in range(count)]


def reasons(
    listed: Sequence[Backup], chosen: RetentionPolicy = FEW, now: datetime = NOW
) -> dict[str, Reason]:
    """What the plan says of each backup, by its ID."""
    plan = plan_retention(listed, chosen, INSTANCE_ID, now)
    return {decision.backup.id: decision.reason for decision in plan.decisions}


def reason_of(
    backup: Backup, chosen: RetentionPolicy = FEW, now: datetime = NOW, newer: int = 10
) -> Reason:
    """What the plan says of one backup beside so many newer completed ones."""
    return reasons([*nights(newer), backup], chosen, now)[backup.id]


def selected(listed: Sequence[Backup], chosen: RetentionPolicy = FEW) -> list[Backup]:
    """The backups that go, oldest first."""
    return plan_retention(listed, chosen, INSTANCE_ID, NOW).of(Verdict.SELECTED)


def test_an_old_backup_beyond_all_counts_is_selected() -> None:
    """Row 10: the backup of which each case below differs in one thing."""
    assert reason_of(night(20)) is Reason.SURPLUS


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"type": "auto"}, Reason.NOT_MEANT),
        ({"type": "MANUAL"}, Reason.NOT_MEANT),
        ({"type": ""}, Reason.NOT_MEANT),
        ({"instance_id": OTHER_INSTANCE}, Reason.NOT_MEANT),
        ({"name": "before-the-upgrade"}, Reason.NOT_DERIVED),
        ({"name": ""}, Reason.NOT_DERIVED),
        ({"begin_time": ""}, Reason.UNREADABLE),
        ({"begin_time": "2026-02-08T20:01:00"}, Reason.UNREADABLE),
        ({"begin_time": "2026-03-01T12:00:01+0000"}, Reason.UNREADABLE),
        ({"begin_time": "2036-02-08T20:01:00+0000"}, Reason.UNREADABLE),
        ({"begin_time": "9998-12-31T23:59:59-2359"}, Reason.UNREADABLE),
        ({"status": "BUILDING"}, Reason.NOT_COMPLETED),
        ({"status": "DELETING"}, Reason.NOT_COMPLETED),
        ({"status": "completed"}, Reason.NOT_COMPLETED),
        ({"status": "EXPORTING"}, Reason.NOT_COMPLETED),
        ({"size": 0.0}, Reason.NOT_COMPLETED),
        ({"size": -1.0}, Reason.NOT_COMPLETED),
        ({"size": None}, Reason.NOT_COMPLETED),
        ({"status": "FAILED", "size": 0.0}, Reason.FAILED),
        ({"status": "FAILED", "size": None}, Reason.FAILED),
        ({"description": "anything"}, Reason.SURPLUS),
        ({"begin_time": "2026-02-09T04:01:00+0800"}, Reason.SURPLUS),
    ],
)
def test_each_row_by_one_change(changed: dict[str, Any], reason: Reason) -> None:
    """The first row that fits decides."""
    assert reason_of(night(20, **changed)) is reason


def test_another_instances_backup_is_ignored_whatever_its_name() -> None:
    """Even one whose name was made for this instance."""
    named_for_us = scheduled_name(LAST_NIGHT - timedelta(days=20))
    theirs = night(20, instance_id=OTHER_INSTANCE, name=named_for_us)
    assert reason_of(theirs) is Reason.NOT_MEANT


def test_a_name_made_for_another_instance_is_unmanaged() -> None:
    """The digits of the name prove the instance, too."""
    theirs = scheduled_name(LAST_NIGHT - timedelta(days=20), OTHER_INSTANCE)
    assert reason_of(night(20, name=theirs)) is Reason.NOT_DERIVED


@pytest.mark.parametrize(
    "changed",
    [
        policy(last=1, key_prefix=KEY_PREFIX.replace("6f1d", "6f1e")),
        policy(last=1, key_prefix=KEY_PREFIX[:-1]),
        policy(last=1, name_prefix="nightly"),
        policy(last=1, name_prefix="aut"),
        policy(last=1, name_prefix="auto-"),
        policy(last=1, name_prefix="Auto"),
    ],
)
def test_backups_of_another_stack_or_prefix_are_unmanaged(changed: RetentionPolicy) -> None:
    """Whoever renames either keeps what was made before."""
    assert set(reasons(nights(20), changed).values()) == {Reason.NOT_DERIVED}


@pytest.mark.parametrize(
    "time",
    [
        "20260230T200000Z",
        "20260208T240000Z",
        "20260208T200060Z",
        "00000208T200000Z",
        "00010101T000000Z",
        "99991231T235959Z",
        "20260208t200000z",
        "20260208 200000Z",
        "2026-02-08T20:00",
        "2026020820000000",
        "\u0662\u0660260208T200000Z",
    ],
)
def test_a_time_that_no_derived_name_has_is_unmanaged(time: str) -> None:
    """Whatever stands where the time should, the answer is a verdict."""
    name = night(20).name
    assert reason_of(night(20, name=f"auto-{time}{name[21:]}")) is Reason.NOT_DERIVED


@pytest.mark.parametrize(
    ("late", "reason"),
    [
        (timedelta(minutes=-5, seconds=-1), Reason.TIME_NOT_OF_NAME),
        (timedelta(minutes=-5), Reason.SURPLUS),
        (timedelta(hours=48), Reason.SURPLUS),
        (timedelta(hours=48, seconds=1), Reason.TIME_NOT_OF_NAME),
    ],
)
def test_a_backup_that_began_at_another_time_than_its_name_says_is_unmanaged(
    late: timedelta, reason: Reason
) -> None:
    """A name alone proves nothing: somebody may have copied it."""
    assert reason_of(night(20, late=late)) is reason


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (timedelta(hours=47, minutes=59, seconds=59), Reason.YOUNG),
        (timedelta(hours=48), Reason.SURPLUS),
    ],
)
def test_nothing_younger_than_48_hours_goes(age: timedelta, reason: Reason) -> None:
    """However many newer ones there are."""
    began = NOW - age
    newer = [scheduled_backup(began + timedelta(minutes=10 * n)) for n in range(1, 9)]
    one = scheduled_backup(began, late=timedelta(0))
    assert reasons([one, *newer])[one.id] is reason


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED"])
def test_a_kept_name_stays(status: str) -> None:
    """A failed one too."""
    one = night(20, status=status)
    assert reason_of(one, policy(last=1, keep=("other", one.name))) is Reason.NAMED
    assert reason_of(one, policy(last=1, keep=(one.name[:-1],))) is not Reason.NAMED


def test_kept_and_young_backups_count_if_completed() -> None:
    """They are among the newest, so that an older one need not be."""
    chosen = policy(last=3, keep=(night(2).name, night(3).name))
    found = reasons([night(0), night(2), night(3), night(4)], chosen)
    assert list(found.values()) == [Reason.YOUNG, Reason.NAMED, Reason.NAMED, Reason.SURPLUS]
    failed = [night(0, status="FAILED"), night(2), night(3, status="FAILED"), night(4)]
    assert reasons(failed, chosen)[night(4).id] is Reason.NEWEST


def test_a_kept_name_holds_its_place_in_its_period() -> None:
    """The newest of a day is one, whoever keeps it."""
    morning = scheduled_backup(datetime(2026, 2, 10, 6, 0, tzinfo=UTC))
    evening = scheduled_backup(datetime(2026, 2, 10, 20, 0, tzinfo=UTC))
    listed = [*nights(5), evening, morning]
    assert reasons(listed, policy(daily=9))[morning.id] is Reason.SURPLUS
    assert reasons(listed, policy(daily=9, keep=(evening.name,)))[morning.id] is Reason.SURPLUS


@pytest.mark.parametrize("last", [0, 1, 2, 3, 4, 9])
def test_three_stay_whatever_the_policy_says(last: int) -> None:
    """Of the completed ones, however old they are."""
    old = [night(number) for number in range(100, 112)]
    chosen = policy(last=last, yearly=0) if last else policy(daily=1)
    assert selected(old, chosen) == old[: max(3, last) - 1 : -1]


@pytest.mark.parametrize(
    ("newer", "last", "reason"),
    [
        (2, 1, Reason.FAILED_LATELY),
        (3, 1, Reason.FAILED),
        (4, 5, Reason.FAILED_LATELY),
        (5, 5, Reason.FAILED),
    ],
)
def test_a_failed_backup_goes_when_enough_completed_ones_are_newer(
    newer: int, last: int, reason: Reason
) -> None:
    """Until then it shows that something is wrong."""
    failed = night(20, status="FAILED", size=0.0)
    assert reason_of(failed, policy(last=last), newer=newer) is reason


def test_failed_and_broken_backups_are_never_counted() -> None:
    """Neither among the newest nor as the newest of a period."""
    broken = [
        night(3, status="FAILED"),
        night(4, status="BUILDING"),
        night(5, status="DELETING"),
        night(6, size=0.0),
        night(7, begin_time="2026-02-21 20:01:00"),
        night(8, name="taken-by-hand"),
        night(9, late=timedelta(hours=49)),
        scheduled_backup(NOW + timedelta(hours=1)),
        night(11, type="auto"),
    ]
    whole = [night(number) for number in (20, 21, 22)]
    assert {reasons([*broken, *whole])[each.id] for each in whole} == {Reason.NEWEST}
    assert selected([*nights(3), *broken, night(20)], policy(daily=4)) == [broken[0]]


def test_the_newest_of_each_period_stays() -> None:
    """Days, ISO weeks, months and years in UTC, newest first, as many as have one."""
    start = datetime(2026, 2, 28, 20, 0, tzinfo=UTC)
    listed = [
        scheduled_backup(start - timedelta(hours=12 * number), late=timedelta(0))
        for number in range(2 * 800)
    ]
    kept = {
        str(decision.backup.begin_time)[:13]
        for decision in plan_retention(
            listed, policy(daily=5, weekly=3, monthly=4, yearly=9), INSTANCE_ID, NOW
        ).decisions
        if decision.reason is Reason.NEWEST_OF_PERIOD
    }
    assert kept == {
        # the days behind those that are young or among the newest three
        *("2026-02-26T20", "2026-02-25T20", "2026-02-24T20"),
        "2026-02-22T20",  # the Sundays that end a week; the week of February 28 has the 28th
        "2026-02-15T20",
        *("2026-01-31T20", "2025-12-31T20", "2025-11-30T20"),
        *("2024-12-31T20", "2023-12-31T20"),  # 2025 ends with a month that is kept anyway
    }


def test_periods_without_a_backup_do_not_use_up_the_counts() -> None:
    """If backups stop for a year, what there is stays."""
    listed = [night(400 * number) for number in range(6)]
    assert selected(listed, policy(daily=6)) == []
    assert selected(listed, policy(daily=5)) == [listed[5]]
    assert selected(listed, policy(yearly=4)) == [listed[5], listed[4]]


def test_a_week_at_the_turn_of_the_year_belongs_to_one_year() -> None:
    """ISO 8601: December 29, 2025 and January 4, 2026 lie in week 1 of 2026."""
    monday = scheduled_backup(datetime(2025, 12, 29, 20, 0, tzinfo=UTC))
    sunday = scheduled_backup(datetime(2026, 1, 4, 20, 0, tzinfo=UTC))
    before = scheduled_backup(datetime(2025, 12, 28, 20, 0, tzinfo=UTC))
    found = reasons([*nights(3), monday, sunday, before], policy(weekly=9))
    assert found[monday.id] is Reason.SURPLUS
    assert found[sunday.id] is found[before.id] is Reason.NEWEST_OF_PERIOD


def test_days_are_those_of_utc() -> None:
    """February 9 in Shanghai may still be February 8."""
    late = scheduled_backup(datetime(2026, 2, 8, 23, 40, tzinfo=UTC))
    early = scheduled_backup(
        datetime(2026, 2, 8, 23, 29, tzinfo=UTC), begin_time="2026-02-09T07:30:00+0800"
    )
    found = reasons([*nights(3), late, early], policy(daily=99))
    assert found[late.id] is Reason.NEWEST_OF_PERIOD
    assert found[early.id] is Reason.SURPLUS


def test_backups_of_one_second_are_all_kept_where_one_is() -> None:
    """Nobody can say which of them is the newest, whatever their order."""
    twins = [night(20), night(19, begin_time=night(20).begin_time)]
    for listed in ([*nights(2), *twins], [*twins, *nights(2)], [*nights(2), *twins[::-1]]):
        assert selected(listed) == []


def test_the_order_of_the_list_and_repeated_entries_change_nothing() -> None:
    """A list that shows an entry on two pages does not show two backups."""
    listed = nights(9)
    plan = selected(listed)
    assert plan == [night(number) for number in (8, 7, 6, 5, 4, 3)]
    shuffled = [*listed, *listed[:4], *listed[:2]]
    random.Random(1).shuffle(shuffled)
    assert selected(shuffled) == plan


def test_a_backup_that_is_listed_in_two_ways_is_kept_and_not_counted() -> None:
    """Nobody knows which of its entries is true."""
    two_ways = [night(5), night(5, status="DELETING")]
    for entries in (two_ways, two_ways[::-1]):
        found = reasons([*nights(2), *entries, night(20), night(21)])
        assert found[night(5).id] is Reason.UNREADABLE
        assert found[night(20).id] is Reason.NEWEST
        assert found[night(21).id] is Reason.SURPLUS


def test_two_entries_of_anothers_backup_are_still_anothers() -> None:
    """It is neither ours nor kept by us."""
    entries = [night(5, type="auto"), night(5, type="auto", status="DELETING")]
    assert reasons(entries) == {night(5).id: Reason.NOT_MEANT}


def test_an_empty_list_selects_nothing() -> None:
    """There is nothing to decide on."""
    assert plan_retention([], FEW, INSTANCE_ID, NOW).decisions == ()
