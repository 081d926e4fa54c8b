"""What comes from outside, at its worst: any JSON at all, and events that are nearly right."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from hypothesis import settings
from hypothesis import strategies as st

from tests.local_cloud import events

LAW: Final = settings(max_examples=150, deadline=None)

PRINTABLE: Final = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
# halves of surrogate pairs too: JSON's escapes can spell them
TEXTS: Final = st.text(st.characters(), max_size=40)
KEYS_OF_EVENTS: Final = st.sampled_from(
    [
        "Records",
        "requestContext",
        "http",
        "httpMethod",
        "detail-type",
        "detail",
        "id",
        "time",
        "resources",
        "eventSource",
        "EventSource",
        "Sns",
        "body",
        "headers",
        "isBase64Encoded",
        "messageId",
        "instance_id",
        "action",
        "scheduled_time",
        "idempotency_key",
        "name",
        "name_prefix",
        "description",
        "max_age_hours",
        "dry_run",
        "max_deletions",
        "backup_id",
    ]
)
TELLING: Final = st.sampled_from(
    [
        "aws:sqs",
        "aws:sns",
        "Scheduled Event",
        "create",
        "status",
        "check",
        "verify",
        "prune",
        "2026-01-31T20:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
        "POST",
        "GET",
        "/backups",
        "/backups/a",
        "application/json",
        "{}",
        '{"instance_id": "a"}',
        "\ud800",
        "a",
        "",
    ]
)
SCALARS: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**300, max_value=10**320),
    st.floats(),
    TEXTS,
    TELLING,
)


def json_values() -> st.SearchStrategy[Any]:
    """Any value that a JSON parser as lenient as Lambda's can hand over."""
    return st.recursive(
        SCALARS,
        lambda part: st.one_of(
            st.lists(part, max_size=4),
            st.dictionaries(st.one_of(KEYS_OF_EVENTS, TEXTS), part, max_size=5),
        ),
        max_leaves=12,
    )


PAYLOADS: Final[list[dict[str, Any]]] = [
    {"instance_id": "a", "name_prefix": "nightly", "description": "every night"},
    {"instance_id": "a", "name": "nightly"},
    {"instance_id": "a", "scheduled_time": "2026-01-31T20:00:00Z"},
    {"instance_id": "a", "idempotency_key": "one", "action": "create"},
    {"instance_id": "a", "action": "status", "backup_id": "b"},
    {"instance_id": "a", "action": "check"},
    {"instance_id": "a", "action": "verify", "max_age_hours": 26},
]
GOOD_EVENTS: Final[list[Any]] = [
    *PAYLOADS,
    events.bus_event(),
    {**events.bus_event(), "detail-type": "Scheduled Event", "resources": ["arn:aws:events:rule"]},
    *[events.http(dialect=dialect) for dialect in events.DIALECTS],
    *[
        events.http(None, dialect=d, method="GET", path="/backups/a", query={"instance_id": "a"})
        for d in events.DIALECTS
    ],
    events.sqs(PAYLOADS[0], events.notification(PAYLOADS[1]), events.bus_event()),
    events.sqs({}, {}, queue="q.fifo", groups=["a", "b"]),
    events.sqs(PAYLOADS[0])["Records"],
    events.sns(PAYLOADS[0], PAYLOADS[1]),
]


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to all parts of a value, itself included."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, Mapping):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [at, *(path for key, part in inner for path in places(part, (*at, key)))]


def replaced(value: Any, path: tuple[Any, ...], part: Any) -> Any:
    """A copy with another part at a place."""
    if not path:
        return part
    changed = copy.deepcopy(value)
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = part
    return changed


@st.composite
def spoilt(draw: st.DrawFn, whole: list[Any]) -> Any:
    """One of these values, with up to three of its parts replaced by something else."""
    value = draw(st.sampled_from(whole))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(value)))
        value = replaced(value, path, draw(json_values()))
    return value


def foreign_events() -> st.SearchStrategy[Any]:
    """Any event at all, right, spoilt or absurd."""
    return st.one_of(st.sampled_from(GOOD_EVENTS), spoilt(GOOD_EVENTS), json_values())


def instances() -> st.SearchStrategy[str]:
    """Instance IDs that keep the rule."""
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    return st.text(alphabet, min_size=1, max_size=64)


@st.composite
def good_payloads(draw: st.DrawFn) -> dict[str, Any]:
    """Payloads of a create that keep every rule and leave the name to us."""
    word = st.text("abcXYZ019-_", max_size=33)
    prefix = st.builds(lambda first, rest: first + rest, st.sampled_from("aZ"), word)
    letters = st.characters(codec="utf-8", exclude_characters="><!\"&'=\r\n")
    key = st.text(st.characters(codec="utf-8"), min_size=1, max_size=256)
    optional: dict[str, st.SearchStrategy[Any]] = {
        "name_prefix": prefix,
        "description": st.text(letters, max_size=256),
        "scheduled_time": times(),
        "idempotency_key": key.filter(str.isprintable),
        "action": st.just("create"),
    }
    chosen = draw(st.fixed_dictionaries({}, optional=optional))
    return {"instance_id": draw(instances()), **chosen}


def moments() -> st.SearchStrategy[datetime]:
    """Aware times of the years in which there are events, to the microsecond, in any zone."""
    zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
    return st.datetimes(datetime(1970, 1, 2), datetime(9998, 12, 30), timezones=zones)  # noqa: DTZ001 - hypothesis wants its limits naive


@st.composite
def times(draw: st.DrawFn) -> str:
    """Times in ISO 8601 with a zone, in several spellings."""
    return draw(st.sampled_from(spellings(draw(moments()))))


def spellings(moment: datetime) -> list[str]:
    """One moment, written in several ways that all keep its second."""
    text = moment.isoformat()
    in_utc = moment.astimezone(UTC).isoformat(timespec="seconds")
    format_utc = in_utc.replace("+00:00", "Z")
    return [text, text.replace("T", " "), in_utc, format_utc, format_utc.lower()]
