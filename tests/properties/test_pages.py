"""Whatever a list looks like: what can be read of it is read, and only what is whole is whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from gaussdb_backup.errors import ServiceUnavailable
from gaussdb_backup.gaussdb.models import Backup
from gaussdb_backup.gaussdb.pages import (
    PAGE_SIZE,
    Listing,
    ListQuery,
    Reading,
    after_page,
    finish,
    parse_page,
)
from gaussdb_backup.http_client.response import Response
from tests.properties.strategies import LAW, json_values, spoilt

MAX_PAGES = 50


def entry(number: int) -> dict[str, Any]:
    """An entry of the list, unlike all others."""
    return {
        "id": f"{number:032x}br14",
        "name": f"auto-{number}",
        "description": None,
        "begin_time": "2022-05-09T18:02:31+0800",
        "end_time": None,
        "size": 1.5,
        "status": "COMPLETED",
        "type": "manual",
        "instance_id": "a",
    }


def response(body: Any) -> Response:
    """A page as the service sends it."""
    return Response(200, CaseInsensitiveDict(), json.dumps(body).encode())


def read(entries: list[Any], total: Any, page_size: int = PAGE_SIZE) -> Listing[Backup]:
    """One reading of a list that does not change, in pages of so many entries."""
    query = ListQuery("backups", {}, Backup, keep=lambda _: True)
    reading: Reading[Backup] = Reading()
    for _ in range(MAX_PAGES):
        shown = entries[reading.listed : reading.listed + page_size]
        page = parse_page(response({"backups": shown, "total_count": total}), "backups")
        reading = after_page(reading, page, query)
        if reading.is_over:
            return finish(reading, query.keep)
    raise AssertionError("a reading does not end")


def named(listing: Listing[Backup]) -> list[str]:
    """The names of what was read."""
    return [backup.name for backup in listing.entries]


# The same page twice is a service that ignores the offset, so no odd entry is there twice.
odd_entries = st.lists(
    st.one_of(json_values(), spoilt([entry(9999)])), max_size=8, unique_by=json.dumps
)


@st.composite
def mixed_lists(draw: st.DrawFn) -> tuple[list[str], list[Any]]:
    """The names of some good entries, and a list of them with odd ones anywhere between."""
    good = [entry(number) for number in range(draw(st.integers(0, 8)))]
    return [one["name"] for one in good], draw(st.permutations([*good, *draw(odd_entries)]))


@LAW
@given(mixed_lists(), st.integers(1, PAGE_SIZE))
def test_an_odd_entry_hides_no_other(mixed: tuple[list[str], list[Any]], page_size: int) -> None:
    """Whatever stands between the entries that can be read, each of those is read."""
    good, entries = mixed
    listing = read(entries, len(entries), page_size)
    assert set(good) <= set(named(listing))
    assert listing.unreadable == len(entries) - len(listing.entries)


@LAW
@given(st.integers(0, 350), st.one_of(json_values(), st.integers(-1, 500)))
def test_an_entry_on_any_page_is_read_whatever_the_total(number: int, total: Any) -> None:
    """Too small, too large, absurd or that of the page: every entry is read."""
    entries = [entry(one) for one in range(number)]
    listing = read(entries, total)
    assert named(listing) == [one["name"] for one in entries]
    assert listing.is_whole == (total == number and type(total) is int)


@LAW
@given(st.integers(0, 350), st.integers(1, PAGE_SIZE - 1))
def test_a_service_may_show_shorter_pages_than_it_is_asked_for(number: int, size: int) -> None:
    """As long as the total tells that there are more."""
    entries = [entry(one) for one in range(min(number, size * (MAX_PAGES - 1)))]
    listing = read(entries, len(entries), size)
    assert listing.is_whole
    assert len(listing.entries) == len(entries)


@LAW
@given(st.one_of(json_values(), spoilt([{"backups": [entry(1)], "total_count": 1}])))
def test_any_body_is_a_page_or_an_error_of_ours(body: Any) -> None:
    """And what is read of it can be passed on as plain JSON."""
    try:
        page = parse_page(response(body), "backups")
    except ServiceUnavailable:
        return
    query = ListQuery("backups", {}, Backup, keep=lambda _: True)
    listing = finish(after_page(Reading(), page, query), query.keep)
    shown = [dict(backup.as_listed_reply()) for backup in listing.entries]
    assert json.dumps(shown, allow_nan=False).encode()


@given(st.binary(max_size=300))
def test_any_bytes_are_a_page_or_an_error_of_ours(body: bytes) -> None:
    """No JSON, no object, no list of this name."""
    with pytest.raises(ServiceUnavailable):
        parse_page(Response(200, CaseInsensitiveDict(), body), "backups")
