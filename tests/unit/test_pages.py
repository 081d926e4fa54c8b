"""One reading of a list, page by page: what it holds, when it ends, and when it is whole."""

from __future__ import annotations

from typing import Any

import pytest

from gaussdb_backup.errors import ServiceUnavailable, Throttled
from gaussdb_backup.gaussdb.models import Backup
from gaussdb_backup.gaussdb.pages import (
    PAGE_SIZE,
    Listing,
    ListQuery,
    Page,
    Reading,
    after_page,
    finish,
)

QUERY = ListQuery("backups", {}, Backup, keep=lambda backup: backup.instance_id == "a")


def entries(first: int, last: int, **differing: Any) -> list[Any]:
    """The entries of backups from one number to another."""
    same = {"status": "COMPLETED", "instance_id": "a", **differing}
    return [{"id": str(one), "name": f"auto-{one}", **same} for one in range(first, last)]


def named(name: str) -> ListQuery[Backup]:
    """The query of somebody who looks for a name."""
    return QUERY._replace(is_enough=lambda backups: any(one.name == name for one in backups))


def read(*pages: Page, query: ListQuery[Backup] = QUERY) -> tuple[int, Listing[Backup]]:
    """How many pages a reading takes of these, and what it comes to."""
    reading: Reading[Backup] = Reading()
    for taken, page in enumerate(pages, start=1):
        reading = after_page(reading, page, query)
        if reading.is_over:
            return taken, finish(reading, query.keep)
    raise AssertionError("the reading wants more pages")


@pytest.mark.parametrize("listed", [0, 1, 99, 101, 199])
def test_a_list_is_whole_when_all_that_it_counts_was_read(listed: int) -> None:
    """The last page is the one that is not full."""
    everything = entries(0, listed)
    pages = [
        Page(everything[at : at + PAGE_SIZE], listed) for at in range(0, listed or 1, PAGE_SIZE)
    ]
    taken, listing = read(*pages)
    assert taken == len(pages)
    assert len(listing.whole()) == listed


def test_a_full_page_may_not_be_the_last_one() -> None:
    """A total may be that of the page: one more request shows it."""
    taken, listing = read(Page(entries(0, 100), 100), Page([], 100))
    assert (taken, listing.is_whole) == (2, True)
    taken, listing = read(
        Page(entries(0, 100), 100), Page(entries(100, 200), 100), Page(entries(200, 210), 10)
    )
    assert (taken, len(listing.entries), listing.is_whole) == (3, 210, False)


def test_a_full_page_ends_a_reading_that_has_its_answer() -> None:
    """Nobody needs the empty page then."""
    taken, listing = read(Page(entries(0, 100), 100), query=named("auto-7"))
    assert (taken, listing.is_whole) == (1, True)


@pytest.mark.parametrize("total", [0, 1, 3, 100, None, -1])
def test_what_is_shown_is_there_whatever_the_total_says(total: int | None) -> None:
    """The reading ends with the page that shows it."""
    taken, listing = read(Page(entries(0, 2), total), query=named("auto-1"))
    assert (taken, len(listing.entries), listing.is_whole) == (1, 2, False)


@pytest.mark.parametrize("total", [3, 100, 101])
def test_absence_needs_all_that_the_total_counts(total: int) -> None:
    """There may be more than the service shows."""
    for pages in ([Page([], total)], [Page(entries(0, 2), total)] * 2):
        _, listing = read(*pages)
        assert listing.error is None
        with pytest.raises(ServiceUnavailable, match="do not agree"):
            listing.whole()


def test_a_total_that_changes_is_no_whole_list() -> None:
    """The list grew: what was on the next page may have slipped to one that was read."""
    _, listing = read(Page(entries(0, 100), 150), Page(entries(99, 150), 151))
    assert not listing.is_whole


def test_an_entry_that_is_listed_twice_stands_for_a_missing_one() -> None:
    """One backup went and another came between two pages, so that the total is the same."""
    _, listing = read(Page(entries(0, 100), 150), Page(entries(99, 149), 150))
    assert not listing.is_whole


def test_a_backup_that_completes_between_two_pages_stands_for_a_missing_one_too() -> None:
    """Its entries differ, but its ID is the same."""
    completed = [*entries(99, 100, status="BUILDING"), *entries(100, 149)]
    _, listing = read(Page(entries(0, 100), 150), Page(completed, 150))
    assert not listing.is_whole


def test_backups_without_an_id_are_told_apart_by_what_is_shown() -> None:
    """An ID may be missing, or in another form than documented."""
    nameless: list[Any] = [{**one, "id": None} for one in entries(0, 3)]
    _, listing = read(Page(nameless, 3))
    assert len(listing.whole()) == 3


def test_a_service_that_ignores_the_offset_ends_the_reading() -> None:
    """It would show the same page for ever."""
    same = Page(entries(0, 100), 1000)
    taken, listing = read(same, same, same)
    assert (taken, listing.is_whole) == (2, False)


def test_entries_of_other_instances_are_dropped() -> None:
    """They count for the list to be whole, but are not those that were asked for."""
    foreign = entries(1, 3, instance_id="b")
    _, listing = read(Page([*foreign, *entries(0, 1)], 3))
    assert [backup.name for backup in listing.whole()] == ["auto-0"]


def test_odd_entries_are_counted() -> None:
    """Each of them, the same one twice too."""
    odd: list[Any] = [None, None, {}, {}, "x", {"name": "auto-1", "instance_id": "a"}]
    _, listing = read(Page([*odd, *entries(0, 1)], 7))
    assert listing.unreadable == 6
    assert len(listing.whole()) == 1


def test_a_page_that_cannot_be_read_leaves_the_pages_before_it() -> None:
    """What they show is there; that there is nothing else is not known."""
    reading = after_page(Reading(), Page(entries(0, 100), 150), QUERY)
    listing = finish(reading, QUERY.keep, Throttled("slow down"))
    assert len(listing.entries) == 100
    with pytest.raises(Throttled):
        listing.whole()
