"""Names follow from events: always what the service allows, and the same however it is spelt."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from gaussdb_backup.payload_validation import payload_fields
from gaussdb_backup.request import Identity, canonical_json, derived_name
from gaussdb_backup.timestamps import format_utc, parse_epoch_milliseconds, parse_utc
from tests.local_cloud import events
from tests.properties.strategies import (
    LAW,
    TEXTS,
    good_payloads,
    instances,
    json_values,
    moments,
    spellings,
)
from tests.unit.event_reading import create_of

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{3,63}")
FLAT = st.dictionaries(
    st.text(max_size=10),
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20)),
    max_size=8,
)


@LAW
@given(good_payloads())
def test_a_name_is_one_that_the_service_allows(payload: dict[str, Any]) -> None:
    """4 to 64 characters, a letter first, from every event source."""
    for event in (payload, events.bus_event(payload), events.sqs(payload), events.http(payload)):
        assert NAME.fullmatch(create_of(event).name)


@LAW
@given(good_payloads(), st.randoms())
def test_a_name_does_not_depend_on_order_or_nulls(payload: dict[str, Any], chance: Any) -> None:
    """One payload, its fields in another order and absent ones null, has one name."""
    fields = ("name_prefix", "description", "scheduled_time", "idempotency_key", "name", "other")
    shuffled = list({**dict.fromkeys(fields), **payload}.items())
    chance.shuffle(shuffled)
    assert create_of(dict(shuffled)) == create_of(payload)


@LAW
@given(good_payloads(), moments())
def test_a_name_does_not_depend_on_the_spelling_of_its_time(
    payload: dict[str, Any], moment: datetime
) -> None:
    """Any zone, any fraction of a second."""
    names = {create_of({**payload, "scheduled_time": text}).name for text in spellings(moment)}
    assert len(names) == 1


@LAW
@given(good_payloads(), good_payloads())
def test_two_payloads_of_one_schedule_have_two_names(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    """At the same moment: whatever differs but the time tells them apart."""
    for payload in (one, other):
        payload["scheduled_time"] = "2026-01-31T20:00:00Z"
        payload.pop("idempotency_key", None)
    assume(one != other)
    assert create_of(one).name != create_of(other).name


@LAW
@given(st.sampled_from(["key", "http", "sqs"]), TEXTS, instances(), moments() | st.none())
def test_a_digest_hangs_on_everything(
    kind: str, identity: str, instance_id: str, time: datetime | None
) -> None:
    """Kind, identity and instance each change the digits; the time stands beside them."""
    moment = time and time.astimezone(UTC)

    def digits(a_kind: str, value: str, instance: str) -> str:
        return derived_name("auto", Identity(a_kind, value, moment), instance)[-12:]

    usual = digits(kind, identity, instance_id)
    others = {
        digits("other", identity, instance_id),
        digits(kind, identity + "x", instance_id),
        digits(kind, identity, instance_id + "x"),
    }
    assert usual not in others
    assert len(others) == 3


@LAW
@given(FLAT)
def test_canonical_json_says_the_same(value: dict[str, Any]) -> None:
    """It reads back as the value, and its own canonical form is itself."""
    text = canonical_json(value)
    read = json.loads(text)
    assert read == value
    assert canonical_json(read) == text


@LAW
@given(FLAT, st.randoms())
def test_canonical_json_has_one_spelling(value: dict[str, Any], chance: Any) -> None:
    """Whatever the order of its fields, whatever is null in it, and whatever a tracer adds."""
    shuffled = list({**value, "null of another name": None, "_trace": 1}.items())
    chance.shuffle(shuffled)
    counting = payload_fields(dict(shuffled))
    assert canonical_json(counting) == canonical_json(payload_fields(value))


@LAW
@given(FLAT, FLAT)
def test_canonical_json_keeps_apart_what_differs(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    """Two payloads never become one identity."""
    different = json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True)
    assert (canonical_json(one) != canonical_json(other)) is different


@LAW
@given(moments())
def test_a_time_is_its_moment(moment: datetime) -> None:
    """In every spelling: the same second in UTC."""
    expected = moment.astimezone(UTC).replace(microsecond=0)
    assert {parse_utc(text) for text in spellings(moment)} == {expected}
    assert parse_utc(format_utc(expected)) == expected


@LAW
@given(st.one_of(TEXTS, st.text("0123456789-:.TtZz+ W", max_size=30)))
def test_a_text_is_a_time_or_it_is_not(text: str) -> None:
    """For any text: an aware time in whole seconds of UTC, or a `ValueError`."""
    try:
        time = parse_utc(text)
    except ValueError:
        return
    assert time.tzinfo is UTC
    assert time.microsecond == 0


@LAW
@given(json_values())
def test_milliseconds_are_a_time_or_they_are_not(value: Any) -> None:
    """For any JSON: an aware time in whole seconds of UTC, or None."""
    time = parse_epoch_milliseconds(value)
    assert time is None or (time.tzinfo is UTC and time.microsecond == 0)
