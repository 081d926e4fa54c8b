"""What a payload may hold: each field, each limit, and how a broken rule is told."""

from __future__ import annotations

import codecs
import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from gaussdb_backup.errors import InvalidRequest, Unauthenticated
from gaussdb_backup.payload_models import CheckRequest, StatusRequest, VerifyRequest
from gaussdb_backup.payload_validation import parse_json
from gaussdb_backup.request import (
    CreateRequest,
    Delivery,
    Identity,
    read_request,
)
from tests.unit.event_reading import END_OF_TIME, create_of, refusal_of, requests_of

if TYPE_CHECKING:
    from pydantic import JsonValue

INSTANCE = "7e01ac5ac5274957ba506f3851d11d51in14"
TIME = "2026-01-31T20:00:00Z"

LIMITS = {
    "instance_id": (
        ["a", "Z9", "a" * 64],
        ["", "a" * 65, "a-b", "a b", "ä", "a\n", 5, True, [], {}],
    ),
    "name": (
        ["abcd", "A-_9", "a" * 64],
        [
            "",
            "abc",
            "a" * 65,
            "1abc",
            "-abc",
            "_abc",
            "ab.c",
            "ab cd",
            "äbcd",
            "abcd\n",
            5,
            ["abcd"],
        ],
    ),
    "name_prefix": (
        ["a", "Z-_9", "a" * 34],
        ["", "a" * 35, "1a", "-a", "_a", "a.b", "ä", "a\n", 5],
    ),
    "description": (
        ["", " ", "a" * 256, "äöü \u2028 日本", "tab\there", "a;b#c|d"],
        [
            "a" * 257,
            "a>b",
            "a!b",
            "a<b",
            'a"b',
            "a&b",
            "a'b",
            "a=b",
            "a\rb",
            "a\nb",
            "\n",
            5,
            "\ud800",
        ],
    ),
    "scheduled_time": (
        [TIME, "2026-01-31T20:00:00.5Z", "2026-02-01T04:00:00+08:00"],
        ["", "2026-01-31T20:00:00", "tomorrow", 1_769_889_600, True, ["2026-01-31T20:00:00Z"]],
    ),
    "idempotency_key": (
        [
            "a",
            " ",
            "a" * 256,
            "arn:aws:states:eu-central-1:1:execution:a:b",
            "schlüssel",
            "日" * 256,
        ],
        ["", "a" * 257, "a\nb", "a\tb", "a\x00b", "\u2028", "\ud800", 5, ["a"]],
    ),
    "action": (["create"], ["", "Create", "CREATE", "delete", 5, True, [], {}]),
}
ACCEPTED = [(field, value) for field, (good, _) in LIMITS.items() for value in good]
REFUSED = [
    (field, value) for field, (_, bad) in LIMITS.items() for value in bad if value is not None
]


def payload(**fields: Any) -> dict[str, Any]:
    """A payload with an instance, and with what is to be said."""
    return {"instance_id": INSTANCE, **fields}


@pytest.mark.parametrize(("field", "value"), ACCEPTED)
def test_what_keeps_a_field_s_rule_is_accepted(field: str, value: Any) -> None:
    """Every limit is inside."""
    assert create_of(payload(**{field: value})).instance_id in {INSTANCE, value}


@pytest.mark.parametrize(("field", "value"), REFUSED)
def test_what_breaks_a_field_s_rule_is_refused_at_its_place(field: str, value: Any) -> None:
    """One violation, at the field's JSON Pointer; the value itself is not shown."""
    refusal = refusal_of(payload(**{field: value}))
    assert [one.pointer for one in refusal.violations] == [f"/{field}"]
    assert refusal.detail.startswith(f"/{field} must be ")
    assert refusal.detail.isprintable()


@pytest.mark.parametrize("field", LIMITS)
def test_null_counts_as_absent(field: str) -> None:
    """A field that is null might as well not be there."""
    spoken = payload(idempotency_key="one")
    without = {name: value for name, value in spoken.items() if name != field}
    with_null = {**without, field: None}
    if field == "instance_id":
        assert refusal_of(with_null).violations == refusal_of(without).violations
    else:
        assert create_of(with_null) == create_of(without)


def test_an_unknown_null_is_absent_too() -> None:
    """What is not there cannot be wrong."""
    assert create_of(payload(retention=None)) == create_of(payload())


def test_the_instance_is_needed() -> None:
    """Without it there is nothing to back up."""
    refusal = refusal_of({"name": "nightly"})
    assert [(one.pointer, one.detail) for one in refusal.violations] == [
        ("/instance_id", "is required")
    ]


@pytest.mark.parametrize(
    ("name", "pointer"),
    [
        ("retention", "/retention"),
        ("", "/"),
        ("Name", "/Name"),
        ("a/b", "/a~1b"),
        ("a~b", "/a~0b"),
        ("~1", "/~01"),
        ('a"b', '/a"b'),
        ("a\\b", "/a\\b"),
        ("größe", "/größe"),
        ("instance_id ", "/instance_id "),
    ],
)
def test_an_unknown_field_is_refused_by_its_name(name: str, pointer: str) -> None:
    """The pointer is the one of RFC 6901, and the rule says which names are known."""
    [violation] = refusal_of(payload(**{name: 1})).violations
    assert violation.pointer == pointer
    assert "name_prefix" in violation.detail


def test_the_known_fields_are_listed_once() -> None:
    """However many fields are unknown."""
    refusal = refusal_of(payload(colour=1, size=2, weight=3))
    assert [one.pointer for one in refusal.violations] == ["/colour", "/size", "/weight"]
    assert refusal.detail.count("idempotency_key") == 1
    assert refusal.detail.endswith("/size is unknown; /weight is unknown")


@pytest.mark.parametrize("name", ["a\nb", "a\r\nb", "\x00", "\u2028", "\x1b[31m", "\ud800"])
def test_a_name_cannot_break_the_line(name: str) -> None:
    """Whatever an unknown field is called, the message stays one line that can be written."""
    detail = refusal_of(payload(**{name: 1})).detail
    assert detail.isprintable()
    assert detail.encode()


def test_a_long_name_is_cut() -> None:
    """A name of a megabyte does not fill the log."""
    assert len(refusal_of(payload(**{"x" * 1_000_000: 1})).detail) < 500


def test_many_broken_rules_are_told_together_but_not_without_end() -> None:
    """Whoever sends a thousand unknown fields learns of the first ones."""
    refusal = refusal_of({"instance_id": "-", "name": "-", **{f"x{n}": 1 for n in range(1000)}})
    assert 2 < len(refusal.violations) < 100
    assert len(refusal.detail) < 5000


def test_all_broken_rules_are_told_at_once() -> None:
    """One round is enough to put a payload right."""
    refusal = refusal_of({"name": "1", "description": "a=b", "retention": 3})
    assert {one.pointer for one in refusal.violations} == {
        "/instance_id",
        "/name",
        "/description",
        "/retention",
    }


def test_one_name_is_enough() -> None:
    """`name` and `name_prefix` exclude each other."""
    refusal = refusal_of(payload(name="nightly", name_prefix="night"))
    assert [one.pointer for one in refusal.violations] == ["/name_prefix"]


def test_a_schedule_has_no_fixed_name() -> None:
    """The second night would find it taken."""
    refusal = refusal_of(payload(name="nightly", scheduled_time=TIME))
    assert [one.pointer for one in refusal.violations] == ["/name"]


def test_a_fixed_name_is_refused_even_with_a_key() -> None:
    """It is the schedule that repeats, whatever key its runs carry."""
    refusal = refusal_of(payload(name="nightly", scheduled_time=TIME, idempotency_key="one"))
    assert [one.pointer for one in refusal.violations] == ["/name"]


def test_an_explicit_name_is_kept_as_it_is() -> None:
    """Nothing is put before or behind it."""
    request = create_of(payload(name="before-Release_7"))
    assert (request.name, request.explicit) == ("before-Release_7", True)


def test_a_derived_name_is_told_apart() -> None:
    """Nobody else can have chosen it."""
    assert create_of(payload(name_prefix="nightly")).explicit is False


@pytest.mark.parametrize(
    ("event", "request_"),
    [
        (
            payload(action="status", backup_id="0e1f-br14"),
            StatusRequest(action="status", instance_id=INSTANCE, backup_id="0e1f-br14"),
        ),
        (
            payload(action="status", name="nightly"),
            StatusRequest(action="status", instance_id=INSTANCE, name="nightly"),
        ),
        (payload(action="check"), CheckRequest(action="check", instance_id=INSTANCE)),
        (
            payload(action="verify", max_age_hours=26),
            VerifyRequest(action="verify", instance_id=INSTANCE, max_age_hours=26.0),
        ),
        (
            payload(action="verify", max_age_hours=0.001),
            VerifyRequest(action="verify", instance_id=INSTANCE, max_age_hours=0.001),
        ),
        (
            payload(action="verify", max_age_hours=8760),
            VerifyRequest(action="verify", instance_id=INSTANCE, max_age_hours=8760.0),
        ),
    ],
)
def test_the_other_actions_are_read(
    event: Any, request_: StatusRequest | CheckRequest | VerifyRequest
) -> None:
    """A `scheduled_time` beside them, as a timer's input has it, changes nothing else."""
    assert requests_of(event) == [request_]
    timed = request_.model_copy(update={"scheduled_time": TIME})
    assert requests_of({**event, "scheduled_time": TIME}) == [timed]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"action": "status"}, ""),
        ({"action": "status", "backup_id": "a", "name": "abcd"}, ""),
        ({"action": "status", "backup_id": "a/b"}, "/backup_id"),
        ({"action": "status", "backup_id": ""}, "/backup_id"),
        ({"action": "status", "backup_id": "a" * 65}, "/backup_id"),
        ({"action": "status", "name": "abc"}, "/name"),
        ({"action": "status", "backup_id": "a", "name_prefix": "a"}, "/name_prefix"),
        ({"action": "status", "backup_id": "a", "idempotency_key": "a"}, "/idempotency_key"),
        ({"action": "status", "backup_id": "a", "scheduled_time": "x"}, "/scheduled_time"),
        ({"action": "check", "name": "abcd"}, "/name"),
        ({"action": "check", "max_age_hours": 1}, "/max_age_hours"),
        ({"action": "verify"}, "/max_age_hours"),
        ({"action": "verify", "max_age_hours": 0}, "/max_age_hours"),
        ({"action": "verify", "max_age_hours": -1}, "/max_age_hours"),
        ({"action": "verify", "max_age_hours": 8760.5}, "/max_age_hours"),
        ({"action": "verify", "max_age_hours": 10**400}, "/max_age_hours"),
        ({"action": "verify", "max_age_hours": float("nan")}, "/max_age_hours"),
        ({"action": "verify", "max_age_hours": float("inf")}, "/max_age_hours"),
        ({"action": "verify", "max_age_hours": "26"}, "/max_age_hours"),
        ({"action": "verify", "max_age_hours": True}, "/max_age_hours"),
        ({"action": "create", "backup_id": "a"}, "/backup_id"),
        ({"action": "create", "max_age_hours": 1}, "/max_age_hours"),
    ],
)
def test_each_action_has_its_own_fields(fields: Any, pointer: str) -> None:
    """A field of one action is unknown to the others."""
    assert [one.pointer for one in refusal_of(payload(**fields)).violations] == [pointer]


@pytest.mark.parametrize("received", [None, True, 5, "text", [], [{"instance_id": INSTANCE}]])
def test_a_payload_is_an_object(received: JsonValue) -> None:
    """Anything else is told so, at the pointer to the whole."""
    delivery = Delivery("sqs", "m", received, Identity("sqs", "m"))
    with pytest.raises(InvalidRequest) as refused:
        read_request(delivery, END_OF_TIME)
    [violation] = refused.value.violations
    assert (violation.pointer, violation.detail) == ("", "must be a JSON object")


def test_what_an_event_source_refused_stays_refused() -> None:
    """The payload of such a delivery is not read."""
    fault = Unauthenticated("who?")
    delivery = Delivery("http", "r", payload(), Identity("http", "r"), error=fault)
    with pytest.raises(Unauthenticated) as refused:
        read_request(delivery, END_OF_TIME)
    assert refused.value is fault


def test_an_event_source_lets_in_only_its_own_actions() -> None:
    """What an HTTP body may not ask for is refused like an unknown action."""
    asked = payload(action="verify", max_age_hours=1)
    delivery = Delivery("http", "r", asked, Identity("http", "r"), actions=frozenset({"create"}))
    with pytest.raises(InvalidRequest, match=r"/action must be one of create$"):
        read_request(delivery, END_OF_TIME)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{'a': 1}",
        '{"a": NaN}',
        '{"a": Infinity}',
        '{"a": -Infinity}',
        '{"a": 1} x',
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"a": ' + "9" * 5000 + "}",
    ],
)
def test_what_is_no_json_is_refused(text: str) -> None:
    """JSON in UTF-8 (RFC 8259), read to its end; NaN and Infinity are none."""
    for spelt in (text, text.encode()):
        with pytest.raises(InvalidRequest, match=r"^the payload must be JSON$"):
            parse_json(spelt)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "it is empty"),
        (b"", "it is empty"),
        (" \r\n", "it is empty"),
        (b"\t ", "it is empty"),
        ("\ufeff{}", "it begins with a byte order mark"),
        (b"\xef\xbb\xbf{}", "it begins with a byte order mark"),
        ('{"a": 1}'.encode("utf-16"), "it begins with a byte order mark"),
        ('{"a": 1}'.encode("utf-32"), "it begins with a byte order mark"),
        (codecs.BOM_UTF16_BE + "{}".encode("utf-16-be"), "it begins with a byte order mark"),
        (codecs.BOM_UTF32_BE + "{}".encode("utf-32-be"), "it begins with a byte order mark"),
        (gzip.compress(b"{}", mtime=0), "it is compressed with gzip"),
        (b"\xff", "it is not UTF-8"),
        ('{"a": "ä"}'.encode("latin-1"), "it is not UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "it is not UTF-8"),
    ],
)
def test_what_was_found_in_place_of_json_is_told(text: str | bytes, found: str) -> None:
    """So that a sender sees at once what it sends."""
    with pytest.raises(InvalidRequest) as refused:
        parse_json(text)
    assert refused.value.detail == f"the payload must be JSON, and {found}"


@pytest.mark.parametrize("value", [{}, [], None, "ä", 1.5, {"a": [1, {"b": None}]}])
def test_json_is_read(value: JsonValue) -> None:
    """From text and from bytes alike."""
    text = json.dumps(value, ensure_ascii=False)
    assert parse_json(text) == parse_json(text.encode()) == value


@pytest.mark.parametrize(
    ("asked", "action"),
    [
        ({}, "create"),
        ({"action": "create"}, "create"),
        ({"action": "unknown"}, "create"),
        ({"action": 5}, "create"),
        ({"action": "status"}, "status"),
        ({"action": "check"}, "check"),
        ({"action": "verify"}, "verify"),
        (None, "create"),
        ([], "create"),
    ],
)
def test_a_failure_counts_as_a_failed_backup_unless_something_else_was_asked(
    asked: JsonValue, action: str
) -> None:
    """What cannot be understood was meant to be a backup: better one alarm too many."""
    assert Delivery("direct", "r", asked, Identity("direct", "r")).action == action


@pytest.mark.parametrize("event", [payload(), payload(action="check")])
@pytest.mark.parametrize("name", ["_datadog", "_", "__x", "_instance_id"])
@pytest.mark.parametrize("value", [{"x-datadog-trace-id": "1"}, "text", None, [1]])
def test_fields_that_begin_with_an_underscore_are_ignored(
    event: dict[str, Any], name: str, value: JsonValue
) -> None:
    """Tracers add them to the events and inputs that pass through them."""
    assert requests_of({**event, name: value}) == requests_of(event)


RESERVED = [
    "auto-20261123T213000Z-0123456789ab",
    "a-b-20261123T213000Z-0123456789ab",
    "a-00000000T999999Z-abcdefabcdef",
    "a-20261123t213000z-ABCDEF012345",
]


@pytest.mark.parametrize("name", RESERVED)
def test_a_name_like_a_derived_one_cannot_be_chosen(name: str) -> None:
    """Whoever could choose it could take the name of a scheduled backup that is yet to come."""
    [violation] = refusal_of(payload(name=name)).violations
    assert violation.pointer == "/name"
    assert "reserved" in violation.detail


@pytest.mark.parametrize("name", RESERVED)
def test_the_status_of_a_derived_name_can_be_asked_for(name: str) -> None:
    """That is what the derived name is good for."""
    asked = payload(action="status", name=name)
    assert requests_of(asked) == [StatusRequest(action="status", instance_id=INSTANCE, name=name)]


@pytest.mark.parametrize(
    "name",
    [
        "auto-0123456789ab",
        "auto-20261123T213000Z",
        "auto-20261123T213000Z-0123456789a",
        "auto-20261123T213000Z-0123456789abc",
        "auto-20261123T213000Z-0123456789ag",
        "auto-2026-11-23-0123456789ab",
        "auto-20261123T213000Z-0123456789ab-x",
        "a20261123T213000Z-0123456789ab",
    ],
)
def test_other_names_can_be_chosen(name: str) -> None:
    """Only the whole form is reserved."""
    assert create_of(payload(name=name)).name == name


def test_a_create_is_all_that_follows_from_a_payload() -> None:
    """Nothing of the request is left to chance."""
    event = payload(
        action="create",
        name_prefix="nightly",
        description="before the release",
        idempotency_key="release-7",
    )
    assert requests_of(event) == [
        CreateRequest(
            instance_id=INSTANCE,
            name="nightly-cff037225ce9",
            description="before the release",
            explicit=False,
            event_time=None,
        )
    ]
