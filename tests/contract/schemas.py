"""The JSON Schemas of the payload and of the reply, made from the code that checks and builds them.

What pydantic's models cannot say themselves, rules between two fields, is added here; a property
test holds the whole against the code.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin, get_type_hints, is_typeddict

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from typing_extensions import TypedDict

from gaussdb_backup import replies
from gaussdb_backup.payload_models import PAYLOADS, is_idempotency_key
from gaussdb_backup.timestamps import parse_utc

if TYPE_CHECKING:
    from collections.abc import Mapping

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


class _Plain(GenerateJsonSchema):
    """Without a title for each field, which would only repeat its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False


def _given(*names: str) -> Schema:
    """That all of these fields are there, for a null counts as absent."""
    present = {name: {"not": {"type": "null"}} for name in names}
    return {"required": list(names), "properties": present}


# The rules between fields, by action; each payload that breaks one is refused by the code.
_BETWEEN_FIELDS: Final[Mapping[str, Schema]] = {
    "create": {
        "allOf": [
            {"not": _given("name", "name_prefix")},
            {"not": _given("name", "scheduled_time")},
        ]
    },
    "status": {"oneOf": [_given("backup_id"), _given("name")]},
}


def payload_of(action: str) -> Schema:
    """The schema of one action's payload."""
    model = PAYLOADS[action]
    schema = _without_defaults(model.model_json_schema(schema_generator=_Plain))
    schema |= {"title": action, "description": f"The payload of `{action}`."}
    schema["additionalProperties"] = {"type": "null"}  # which counts as absent
    if action == "create":
        schema["properties"]["action"] = {"enum": ["create", None]}
    return schema | _BETWEEN_FIELDS.get(action, {})


def payload() -> Schema:
    """The schema of any payload."""
    return {
        "$schema": DIALECT,
        "title": "Payload",
        "description": "What an event asks of the function. A null counts as absent.",
        "oneOf": [{"$ref": f"#/$defs/{action}"} for action in PAYLOADS],
        "$defs": {action: payload_of(action) for action in PAYLOADS},
    }


def breaks_an_unsaid_rule(received: Mapping[str, Any]) -> bool:
    """Whether a payload breaks one of the rules that its schema cannot say.

    A key has only characters that can be printed; a time is in the calendar and not ahead of now.
    """
    key, time = received.get("idempotency_key"), received.get("scheduled_time")
    if isinstance(key, str) and not is_idempotency_key(key):
        return True
    try:
        return isinstance(time, str) and parse_utc(time) > datetime.now(UTC)
    except ValueError:
        return True


def reply() -> Schema:
    """The schema of any reply; over HTTP, the body of a success."""
    references, definitions = reply_schemas("#/$defs/{model}")
    one_reply = {"anyOf": list(references.values())}
    return {
        "$schema": DIALECT,
        "title": "Reply",
        "description": "What the function answers; over HTTP, the body of a success.",
        "anyOf": [*references.values(), *({"$ref": f"#/$defs/{name}"} for name in _MANY)],
        "$defs": {**definitions, **_MANY, "Reply": one_reply},
    }


# The responses of the event sources that take many deliveries.
_MANY: Final[Mapping[str, Schema]] = {
    "BatchItemFailures": {
        "type": "object",
        "description": "To SQS and EventBridge Pipes: the messages to deliver again.",
        "properties": {
            "batchItemFailures": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"itemIdentifier": {"type": "string", "minLength": 1}},
                    "required": ["itemIdentifier"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["batchItemFailures"],
        "additionalProperties": False,
    },
    "Replies": {
        "type": "object",
        "description": "To SNS: a reply for each notification, in their order.",
        "properties": {"replies": {"type": "array", "items": {"$ref": "#/$defs/Reply"}}},
        "required": ["replies"],
        "additionalProperties": False,
    },
}


def reply_schemas(place: str) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """References to the schema of each reply, by its name, and what they refer to.

    Args:
        place: where the definitions are going to stand, with `{model}` for their name.
    """
    kinds = get_args(replies.Reply)
    references, definitions = TypeAdapter.json_schemas(
        [(kind.__name__, "serialization", TypeAdapter(_readable(kind))) for kind in kinds],
        schema_generator=_Plain,
        ref_template=place,
    )
    named = {name: schema for (name, _), schema in references.items()}
    return named, definitions["$defs"]


@functools.cache
def _readable(kind: Any) -> Any:
    """A type whose TypedDicts are as pydantic wants them before Python 3.12: typing_extensions'."""
    if get_origin(kind) is list:
        return list[_readable(get_args(kind)[0])]  # type: ignore[misc]
    if not is_typeddict(kind):
        return kind
    fields = {name: _readable(part) for name, part in get_type_hints(kind).items()}
    readable = TypedDict(kind.__name__, fields)  # type: ignore[misc]
    readable.__doc__ = kind.__doc__.replace("``", "`")
    return readable


def _without_defaults(schema: Schema) -> Schema:
    """Optional is what is not required; that its default is null adds nothing."""
    for field in schema["properties"].values():
        field.pop("default", None)
    return schema
