"""Reads payloads: text becomes JSON, and JSON becomes the checked fields of an action."""

import codecs
import json
from collections.abc import Iterable

from pydantic import BaseModel, JsonValue, ValidationError

from gaussdb_backup.errors import InvalidRequest, Violation
from gaussdb_backup.payload_models import (
    ACTIONS,
    PAYLOADS,
    CreatePayload,
    Payload,
    StatusRequest,
)

_MAX_ECHO = 64
_MAX_SHOWN = 16
_BYTE_ORDER_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_GZIP = b"\x1f\x8b"


def parse_json(text: str | bytes) -> JsonValue:
    """The JSON value (RFC 8259) that a text holds. NaN and Infinity are not JSON.

    Raises:
        InvalidRequest: it holds none; the message says what was found instead.
    """
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        value: JsonValue = json.loads(decoded, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise invalid_request("", f"must be JSON{_found(text)}") from error
    return value


def payload_fields(payload: JsonValue) -> dict[str, JsonValue]:
    """The fields of a payload that count.

    Null counts as absent. Names that begin with ``_`` are ignored, because tracers add such fields
    to the events and inputs that pass through them.

    Raises:
        InvalidRequest: the payload is not a JSON object.
    """
    if not isinstance(payload, dict):
        raise invalid_request("", "must be a JSON object")
    return {
        name: value
        for name, value in payload.items()
        if value is not None and not name.startswith("_")
    }


def validate_payload(present: dict[str, JsonValue], actions: frozenset[str] = ACTIONS) -> Payload:
    """Checks the fields of a payload, each by its rule.

    Args:
        present: the fields that count.
        actions: the actions that the payload may ask for.

    Raises:
        InvalidRequest: with one violation per broken rule.
    """
    action = present.get("action", "create")
    if not isinstance(action, str) or action not in actions:
        raise invalid_request("/action", f"must be one of {', '.join(sorted(actions))}")
    model = PAYLOADS[action]
    unknown = _unknown(model, present)
    try:
        fields = model.model_validate({n: v for n, v in present.items() if n in model.model_fields})
    except ValidationError as error:
        raise _invalid_request(unknown + _explained(model, error)) from None
    if unknown:
        raise _invalid_request(unknown)
    if isinstance(fields, CreatePayload) and fields.name and fields.name_prefix:
        raise invalid_request("/name_prefix", "cannot stand beside name")
    if isinstance(fields, StatusRequest) and (fields.backup_id is None) == (fields.name is None):
        raise invalid_request("", "needs one of backup_id and name")
    return fields


def invalid_request(pointer: str, detail: str) -> InvalidRequest:
    """An ``InvalidRequest`` for a single broken rule."""
    return _invalid_request((Violation(pointer=pointer, detail=detail),))


def _no_number(constant: str) -> JsonValue:
    raise ValueError(constant)


def _found(text: str | bytes) -> str:
    """Describes a body that is not JSON without showing it."""
    if not text.strip():
        return ", and it is empty"
    if isinstance(text, str):
        return ", and it begins with a byte order mark" if text.startswith("\ufeff") else ""
    if text.startswith(_BYTE_ORDER_MARKS):
        return ", and it begins with a byte order mark"
    if text.startswith(_GZIP):
        return ", and it is compressed with gzip"
    try:
        text.decode()
    except UnicodeDecodeError:
        return ", and it is not UTF-8"
    return ""


def _explained(model: type[BaseModel], error: ValidationError) -> tuple[Violation, ...]:
    return tuple(
        _violation(model, str(part["loc"][0]), part["type"])
        for part in error.errors(include_url=False, include_context=False, include_input=False)
    )


def _violation(model: type[BaseModel], name: str, fault: str) -> Violation:
    detail = "is required" if fault == "missing" else f"must be {_rule(model, name)}"
    return Violation(pointer=f"/{name}", detail=detail)


def _unknown(model: type[BaseModel], present: Iterable[str]) -> tuple[Violation, ...]:
    """A violation per unknown field; the first one lists the known fields."""
    names = [name for name in present if name not in model.model_fields]
    known = f" here, where these are known: {', '.join(model.model_fields)}"
    return tuple(
        Violation(pointer=_pointer(name), detail=f"is unknown{'' if number else known}")
        for number, name in enumerate(names)
    )


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


def _invalid_request(violations: tuple[Violation, ...]) -> InvalidRequest:
    shown = violations[:_MAX_SHOWN]
    places = [_on_one_line(violation.pointer) or "the payload" for violation in shown]
    sentence = "; ".join(f"{at} {v.detail}" for at, v in zip(places, shown, strict=True))
    return InvalidRequest(sentence, violations=shown)
