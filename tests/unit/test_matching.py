"""Whose backup is it? What a list shows of a name, by tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from gaussdb_backup.actions.matching import LookupStatus, match_backups
from gaussdb_backup.gaussdb.models import Backup
from gaussdb_backup.request import CreateRequest

EVENT_TIME = datetime(2026, 11, 23, 21, 30, tzinfo=UTC)
NOW = EVENT_TIME + timedelta(hours=2)
ZONELESS = "2026-11-23 21:30:00"

REQUESTS = {
    "derived, timed": CreateRequest(
        "a", "auto-1", "nightly", explicit=False, event_time=EVENT_TIME
    ),
    "derived": CreateRequest("a", "auto-1", "nightly", explicit=False, event_time=None),
    "explicit, timed": CreateRequest(
        "a", "auto-1", "nightly", explicit=True, event_time=EVENT_TIME
    ),
    "explicit": CreateRequest("a", "auto-1", "nightly", explicit=True, event_time=None),
}


def backup(
    began: datetime | str | None = EVENT_TIME,
    *,
    name: str = "auto-1",
    instance_id: str = "a",
    description: str | None = "nightly",
    status: str = "COMPLETED",
) -> Backup:
    """A listed backup, by default this event's own."""
    return Backup(
        id="1",
        name=name,
        instance_id=instance_id,
        status=status,
        description=description,
        begin_time=f"{began:%Y-%m-%dT%H:%M:%S%z}" if isinstance(began, datetime) else began,
        type="manual",
    )


def minutes_after_event(minutes: float) -> datetime:
    """A time relative to the event, two hours before now."""
    return EVENT_TIME + timedelta(minutes=minutes)


# minutes from the event to the backup's beginning, and whose it is then
TIMES = """
                    -1440 -6    -5    0     60    104   106   120
    derived,timed   OTHER OTHER OWN   OWN   OWN   OWN   OWN   OWN
    derived         OWN   OWN   OWN   OWN   OWN   OWN   OWN   OWN
    explicit,timed  OTHER OTHER OWN   OWN   OWN   OWN   OWN   OWN
    explicit        OTHER OTHER OTHER OTHER OTHER OTHER OWN   OWN
"""


def cells(table: str) -> list[tuple[str, float, str]]:
    """The cells of a table: the request, the minutes, the status."""
    head, *lines = [line.split() for line in table.strip().splitlines()]
    return [
        (name.replace(",", ", "), float(minutes), status)
        for name, *statuses in lines
        for minutes, status in zip(head, statuses, strict=True)
    ]


@pytest.mark.parametrize(("request_kind", "minutes", "status"), cells(TIMES))
def test_a_backup_is_own_from_a_time_on(request_kind: str, minutes: float, status: str) -> None:
    """Five minutes before the event; without a time, fifteen before now for an explicit name."""
    found = match_backups(REQUESTS[request_kind], [backup(minutes_after_event(minutes))], NOW)
    assert found.status is LookupStatus[status]
    assert (found.backup is not None) == (status == "OWN")


@pytest.mark.parametrize("began", [None, "", "soon", ZONELESS, "2026-11-23T21:30:00"])
@pytest.mark.parametrize(
    ("request_kind", "status"),
    [
        ("derived, timed", "INCONCLUSIVE"),
        ("derived", "OWN"),
        ("explicit, timed", "INCONCLUSIVE"),
        ("explicit", "INCONCLUSIVE"),
    ],
)
def test_a_time_that_cannot_be_read_makes_it_nobodys(
    request_kind: str, status: str, began: str | None
) -> None:
    """Where the time would decide, nobody knows; it is never another's for that."""
    assert (
        match_backups(REQUESTS[request_kind], [backup(began)], NOW).status is (LookupStatus[status])
    )


@pytest.mark.parametrize("began", [EVENT_TIME, ZONELESS])
@pytest.mark.parametrize("request_kind", REQUESTS)
def test_another_instances_backup_is_anothers(request_kind: str, began: datetime | str) -> None:
    """Whatever else matches, and whether or not its time can be read."""
    found = match_backups(REQUESTS[request_kind], [backup(began, instance_id="b")], NOW)
    assert found.status is LookupStatus.OTHER


@pytest.mark.parametrize("began", [NOW, ZONELESS])
@pytest.mark.parametrize(
    ("request_kind", "status"),
    [
        ("derived, timed", None),
        ("derived", None),
        ("explicit, timed", "OTHER"),
        ("explicit", "OTHER"),
    ],
)
def test_the_description_decides_for_explicit_names_only(
    request_kind: str, status: str | None, began: datetime | str
) -> None:
    """A derived name says itself whose it is."""
    as_described = match_backups(REQUESTS[request_kind], [backup(began)], NOW).status
    for description in ("weekly", None, ""):
        found = match_backups(REQUESTS[request_kind], [backup(began, description=description)], NOW)
        assert found.status is (LookupStatus[status] if status else as_described)


def test_no_description_may_be_listed_as_an_empty_one() -> None:
    """The service may write either."""
    request = REQUESTS["explicit"]._replace(description=None)
    for description in (None, ""):
        found = match_backups(request, [backup(NOW, description=description)], NOW)
        assert found.status is LookupStatus.OWN


@pytest.mark.parametrize(
    ("listed", "status"),
    [
        ("BUILDING", LookupStatus.OWN),
        ("COMPLETED", LookupStatus.OWN),
        ("FAILED", LookupStatus.OWN_FAILED),
        ("DELETING", LookupStatus.DELETING),
        ("PAUSED", LookupStatus.INCONCLUSIVE),
        ("", LookupStatus.INCONCLUSIVE),
    ],
)
@pytest.mark.parametrize("request_kind", REQUESTS)
def test_the_state_of_the_own_backup_counts(
    request_kind: str, listed: str, status: LookupStatus
) -> None:
    """A state that nobody documented is neither a success nor a failure."""
    found = match_backups(REQUESTS[request_kind], [backup(NOW, status=listed)], NOW)
    assert found.status is status
    assert found.backup is not None


def test_the_state_of_anothers_backup_does_not_count() -> None:
    """Failed or not, it is not this event's."""
    for status in ("BUILDING", "FAILED", "DELETING", "PAUSED"):
        listed = [backup(instance_id="b", status=status)]
        assert match_backups(REQUESTS["derived"], listed, NOW).status is LookupStatus.OTHER


def test_of_several_backups_the_most_telling_counts() -> None:
    """One of the name may be going while the next one comes, in whatever order."""
    in_order = [
        backup(NOW, status="COMPLETED"),
        backup(NOW, status="PAUSED"),
        backup(NOW, status="DELETING"),
        backup(NOW, status="FAILED"),
        backup(NOW, instance_id="b"),
        backup(NOW, name="auto-2"),
    ]
    statuses = [
        LookupStatus.OWN,
        LookupStatus.INCONCLUSIVE,
        LookupStatus.DELETING,
        LookupStatus.OWN_FAILED,
        LookupStatus.OTHER,
        LookupStatus.NOT_FOUND,
    ]
    for start, status in enumerate(statuses):
        for listed in permutations(in_order[start:]):
            assert match_backups(REQUESTS["derived"], listed, NOW).status is status


def test_names_are_compared_letter_for_letter() -> None:
    """Names are case-sensitive."""
    for name in ("AUTO-1", "auto-1 ", "auto-11", ""):
        found = match_backups(REQUESTS["derived"], [backup(name=name)], NOW)
        assert found.status is LookupStatus.NOT_FOUND


@pytest.mark.parametrize(
    ("began", "earlier"),
    [
        (NOW, False),
        (NOW - timedelta(minutes=5), False),
        (NOW - timedelta(minutes=6), True),
        (NOW + timedelta(hours=1), False),
        (ZONELESS, False),
    ],
)
def test_a_backup_that_began_before_this_delivery_is_of_an_earlier_one(
    began: datetime | str,
    earlier: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """By more than clocks may differ."""
    assert match_backups(REQUESTS["derived"], [backup(began)], NOW).earlier is earlier
