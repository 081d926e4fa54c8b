"""What a payload may hold: the fields of each action, each by its rule.

The descriptions of the fields are the rules in words: callers read them in error messages and in
the published schema.
"""

import json
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
)

from gaussdb_backup.errors import InvalidRequest, Violation
from gaussdb_backup.timestamps import format_utc, parse_utc

NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]{3,63}$"
PREFIX_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]{0,33}$"
INSTANCE_PATTERN = r"^[A-Za-z0-9]{1,64}$"
BACKUP_PATTERN = r"^[A-Za-z0-9-]{1,64}$"
DESCRIPTION_PATTERN = r"""^[^>!<"&'=\r\n]*$"""
KEY_LENGTH = 256

_MAX_ECHO = 64
_MAX_SHOWN = 16


def is_idempotency_key(text: str) -> bool:
    """Whether a text may serve as a caller's idempotency key."""
    return 1 <= len(text) <= KEY_LENGTH and text.isprintable()


def _key(text: str) -> str:
    if not is_idempotency_key(text):
        raise ValueError("not a key")
    return text


def _zoned(text: str) -> str:
    return format_utc(parse_utc(text))


InstanceId = Annotated[
    str,
    Field(pattern=INSTANCE_PATTERN, description="letters and digits, 1 to 64"),
]
Name = Annotated[
    str,
    Field(
        pattern=NAME_PATTERN,
        description="4 to 64 characters: a letter, then letters, digits, '-' or '_'",
    ),
]
ScheduledTime = Annotated[
    str,
    Field(
        description="an ISO 8601 time with a zone",
        json_schema_extra={"format": "date-time"},
    ),
    AfterValidator(_zoned),
]


class BasePayload(BaseModel):
    """What every payload may carry."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    instance_id: InstanceId
    scheduled_time: ScheduledTime | None = None


class CreatePayload(BasePayload):
    """The payload of ``create``."""

    action: Literal["create"] = Field(default="create", description="create")
    name: Name | None = None
    name_prefix: (
        Annotated[
            str,
            Field(
                pattern=PREFIX_PATTERN,
                description="1 to 34 characters: a letter, then letters, digits, '-' or '_'",
            ),
        ]
        | None
    ) = None
    description: (
        Annotated[
            str,
            Field(
                max_length=256,
                pattern=DESCRIPTION_PATTERN,
                description="at most 256 characters, none of > ! < \" & ' = and no line break",
            ),
        ]
        | None
    ) = None
    idempotency_key: (
        Annotated[
            str,
            Field(
                min_length=1,
                max_length=KEY_LENGTH,
                description="1 to 256 printable characters",
            ),
            AfterValidator(_key),
        ]
        | None
    ) = None


class StatusRequest(BasePayload):
    """Ask how far one backup is, by its ID or by its name: the payload of ``status``."""

    action: Literal["status"]
    backup_id: (
        Annotated[
            str,
            Field(pattern=BACKUP_PATTERN, description="letters, digits and '-', 1 to 64"),
        ]
        | None
    ) = None
    name: Name | None = None


class CheckRequest(BasePayload):
    """Ask whether an instance could take a backup now: the payload of ``check``."""

    action: Literal["check"]


class VerifyRequest(BasePayload):
    """Ask whether the newest completed backup is younger than so many hours."""

    action: Literal["verify"]
    max_age_hours: Annotated[
        float,
        Field(gt=0, le=8760, allow_inf_nan=False, description="a number above 0, to 8760"),
    ]


PAYLOADS: dict[str, type[CreatePayload | StatusRequest | CheckRequest | VerifyRequest]] = {
    "create": CreatePayload,
    "status": StatusRequest,
    "check": CheckRequest,
    "verify": VerifyRequest,
}


# Actions that only some event sources let in.
DIRECT_ONLY: frozenset[str] = frozenset()
ACTIONS = frozenset(PAYLOADS)


def parse_json(text: str | bytes) -> JsonValue:
    """The JSON value (RFC 8259) that a text holds; NaN and Infinity are none.

    Raises:
        InvalidRequest: it holds none.
    """
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        value: JsonValue = json.loads(decoded, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise invalid_request("", "must be JSON") from error
    return value


def validate_payload(
    received: dict[str, JsonValue], actions: frozenset[str] = ACTIONS
) -> CreatePayload | StatusRequest | CheckRequest | VerifyRequest:
    """The fields of a payload, each by its rule; nulls count as absent.

    Raises:
        InvalidRequest: with one violation per broken rule.
    """
    present = {name: value for name, value in received.items() if value is not None}
    action = present.get("action", "create")
    if not isinstance(action, str) or action not in actions:
        raise invalid_request("/action", f"must be one of {', '.join(sorted(actions))}")
    model = PAYLOADS[action]
    unknown = _unknown(model, present)
    try:
        fields = model.model_validate({n: v for n, v in present.items() if n in model.model_fields})
    except ValidationError as error:
        raise _refused(unknown + _explained(model, error)) from None
    if unknown:
        raise _refused(unknown)
    if isinstance(fields, CreatePayload) and fields.name and fields.name_prefix:
        raise invalid_request("/name_prefix", "cannot stand beside name")
    if isinstance(fields, StatusRequest) and (fields.backup_id is None) == (fields.name is None):
        raise invalid_request("", "needs one of backup_id and name")
    return fields


def invalid_request(pointer: str, detail: str) -> InvalidRequest:
    """An ``InvalidRequest`` for a single broken rule."""
    return _refused((Violation(pointer, detail),))


def _no_number(constant: str) -> JsonValue:
    raise ValueError(constant)


def _explained(model: type[BaseModel], error: ValidationError) -> tuple[Violation, ...]:
    return tuple(
        _violation(model, str(part["loc"][0]), part["type"])
        for part in error.errors(include_url=False, include_context=False, include_input=False)
    )


def _violation(model: type[BaseModel], name: str, fault: str) -> Violation:
    return Violation(
        f"/{name}", "is required" if fault == "missing" else f"must be {_rule(model, name)}"
    )


def _unknown(model: type[BaseModel], present: Iterable[str]) -> tuple[Violation, ...]:
    rule = f"is unknown here; known are {', '.join(model.model_fields)}"
    return tuple(Violation(_pointer(n), rule) for n in present if n not in model.model_fields)


def _rule(model: type[BaseModel], name: str) -> str:
    """The field's own description, which its schema shows as well."""
    schema = model.model_json_schema()["properties"][name]
    choices = [schema, *schema.get("anyOf", [])]
    return next(str(choice["description"]) for choice in choices if "description" in choice)


def _pointer(name: str) -> str:
    """A JSON Pointer (RFC 6901) to a foreign name, cut to what a log line can bear."""
    return "/" + name[:_MAX_ECHO].replace("~", "~0").replace("/", "~1")


def _on_one_line(text: str) -> str:
    """A foreign text with all that a line cannot show spelt out."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _refused(violations: tuple[Violation, ...]) -> InvalidRequest:
    shown = violations[:_MAX_SHOWN]
    places = [_on_one_line(violation.pointer) or "the payload" for violation in shown]
    sentence = "; ".join(f"{at} {v.detail}" for at, v in zip(places, shown, strict=True))
    return InvalidRequest(sentence, violations=shown)
