"""The OpenAPI 3.1 description of the HTTP routes, generated from the code that serves them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gaussdb_backup import VERSION, errors
from gaussdb_backup.errors import BackupError
from gaussdb_backup.event_sources.http import CHALLENGE, MAX_BODY_BYTES
from gaussdb_backup.event_sources.webhooks import MAX_ID_LENGTH, TOLERANCE_SECONDS
from gaussdb_backup.payload_models import KEY_LENGTH, PAYLOADS
from tests.contract.schemas import Schema, payload_of, reply_schemas

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# What none of the two requests can end in: the gateway's other paths and methods, and `verify`.
_ELSEWHERE: Final = (
    errors.NotFound,
    errors.MethodNotAllowed,
    errors.BackupStale,
    errors.PruneRefused,
)
_ONLY_WHEN_CREATING: Final = (
    errors.BackupFailed,
    errors.InstanceBusy,
    errors.InstanceNotReady,
    errors.NameTaken,
    errors.OutcomeUnknown,
    errors.PayloadTooLarge,
    errors.UnsupportedMediaType,
)
_ONLY_WHEN_ASKING: Final = (errors.BackupNotFound,)
_KNOWN_TO_THE_GATEWAY: Final[list[dict[str, list[str]]]] = [{"iam": []}, {"jwt": []}]
_SIGNED: Final[dict[str, list[str]]] = {
    "webhookId": [],
    "webhookTimestamp": [],
    "webhookSignature": [],
}


def openapi() -> Schema:
    """The whole description."""
    replies, schemas = reply_schemas("#/components/schemas/{model}")
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "GaussDB backups",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [
            {
                "url": "{endpoint}",
                "description": "The API's URL with its stage, or the function's URL.",
                "variables": {"endpoint": {"default": "https://backups.example.com"}},
            }
        ],
        "paths": {
            "/backups": {"post": _create("createBackup", replies["CreateReply"])},
            "/webhook": {"post": _create("receiveWebhook", replies["CreateReply"])},
            "/backups/{backup_id}": {"get": _status(replies["StatusReply"])},
        },
        "components": {
            "schemas": {**schemas, "Create": payload_of("create"), "Problem": _problem()},
            "securitySchemes": _SECURITY,
        },
    }


_DESCRIPTION: Final = (
    "Asks for a manual backup of a GaussDB (openGauss) instance, and how far it is. The stage, the "
    "base path of a custom domain and a trailing slash do not matter; other paths are 404, other "
    "methods 405 with `Allow`. Requests are refused in the order 401, 404, 405, 415, 413, 400."
)
_SECURITY: Final[Mapping[str, Schema]] = {
    "iam": {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "description": "AWS Signature Version 4, checked by the gateway.",
        "x-amazon-apigateway-authtype": "awsSigv4",
    },
    "jwt": {
        "type": "http",
        "scheme": "bearer",
        "description": "A JWT or a Lambda authorizer of the gateway, where one is configured.",
    },
    "webhookId": {
        "type": "apiKey",
        "name": "webhook-id",
        "in": "header",
        "description": (
            f"Standard Webhooks: the message's ID, at most {MAX_ID_LENGTH} characters, the same on "
            "every attempt; it alone identifies the request."
        ),
    },
    "webhookTimestamp": {
        "type": "apiKey",
        "name": "webhook-timestamp",
        "in": "header",
        "description": (
            f"Standard Webhooks: Unix seconds, no more than {TOLERANCE_SECONDS} from now."
        ),
    },
    "webhookSignature": {
        "type": "apiKey",
        "name": "webhook-signature",
        "in": "header",
        "description": (
            "Standard Webhooks: any number of `v1,` parts, one of which must fit a key."
        ),
    },
}


def _create(operation_id: str, reply: Schema) -> Schema:
    example = {"instance_id": "7e01ac5ac5274957ba506f3851d11d51in14", "name_prefix": "nightly"}
    return {
        "operationId": operation_id,
        "summary": "Ask for one backup",
        "description": (
            "The name of the backup follows from the request's identity, so that a repetition "
            "under the same key finds the backup of the first. `POST /webhook` is the same "
            "operation under a path of its own, so that a gateway can leave that route without an "
            "authorizer; on both, the function itself verifies the signature of a webhook."
        ),
        "security": [*_KNOWN_TO_THE_GATEWAY, _SIGNED],
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": (
                    "The caller's own identity for this request; the payload's `idempotency_key` "
                    "wins over it. Ignored where a webhook signature lets the request in."
                ),
                "schema": {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH},
            }
        ],
        "requestBody": {
            "required": True,
            "description": f"At most {MAX_BODY_BYTES} bytes.",
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/Create"},
                    "example": example,
                }
            },
        },
        "responses": {
            "202": _success("The backup is accepted, and is being made.", reply),
            "200": _success("This request's backup is there already.", reply),
            **_failures(excluded=(*_ELSEWHERE, *_ONLY_WHEN_ASKING)),
        },
    }


def _status(reply: Schema) -> Schema:
    rules = PAYLOADS["status"].model_json_schema()["properties"]
    backup_id = rules["backup_id"]["anyOf"][0]
    return {
        "operationId": "showBackup",
        "summary": "Ask how far a backup is",
        "security": _KNOWN_TO_THE_GATEWAY,
        "parameters": [
            _parameter("backup_id", "path", backup_id),
            _parameter("instance_id", "query", rules["instance_id"]),
        ],
        "responses": {
            "200": _success("The backup, as the service lists it.", reply),
            **_failures(excluded=(*_ELSEWHERE, *_ONLY_WHEN_CREATING)),
        },
    }


def _parameter(name: str, place: str, rule: Mapping[str, Any]) -> Schema:
    schema = {part: rule[part] for part in ("type", "pattern")}
    return {
        "name": name,
        "in": place,
        "required": True,
        "description": rule["description"],
        "schema": schema,
    }


def _success(description: str, reply: Schema) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": reply}}}


def _failures(excluded: Iterable[type[BackupError]]) -> dict[str, Schema]:
    """A response for each status, with the errors that it may mean."""
    by_status: dict[int, list[type[BackupError]]] = {}
    for error in BackupError.__subclasses__():
        if error not in excluded:
            by_status.setdefault(error.status, []).append(error)
    return {str(status): _failure(status, by_status[status]) for status in sorted(by_status)}


def _failure(status: int, kinds: list[type[BackupError]]) -> Schema:
    particular = {
        "properties": {
            "type": {"enum": [urn(kind) for kind in kinds]},
            "status": {"const": status},
            "retryable": {"enum": sorted({kind.retryable for kind in kinds})},
        }
    }
    schema = {"allOf": [{"$ref": "#/components/schemas/Problem"}, particular]}
    response: Schema = {
        "description": "; ".join(f"`{kind.__name__}`: {kind.title}" for kind in kinds),
        "content": {"application/problem+json": {"schema": schema}},
    }
    headers = {name: header for name, header in _HEADERS.items() if status in _STATUSES[name]}
    return {**response, "headers": headers} if headers else response


_HEADERS: Final[Mapping[str, Schema]] = {
    "Retry-After": {
        "description": "Seconds; always with 429, else where they are known.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "WWW-Authenticate": {
        "description": "What the gateway can verify; the function verifies signed webhooks.",
        "required": True,
        "schema": {"type": "string", "const": CHALLENGE},
    },
}
_STATUSES: Final = {"Retry-After": {429, 503}, "WWW-Authenticate": {401}}


def urn(kind: type[BackupError]) -> str:
    """The `type` of a problem."""
    return f"urn:gaussdb-backup:{kind.__name__}"


def _problem() -> Schema:
    text = {"type": "string", "minLength": 1}
    return {
        "title": "Problem",
        "description": "Problem details (RFC 9457).",
        "type": "object",
        "properties": {
            "type": {"enum": [urn(kind) for kind in BackupError.__subclasses__()]},
            "title": {"enum": sorted({kind.title for kind in BackupError.__subclasses__()})},
            "status": {"enum": sorted({kind.status for kind in BackupError.__subclasses__()})},
            "detail": text,
            "instance": {**text, "description": "The gateway's request ID."},
            "retryable": {
                "type": "boolean",
                "description": "Whether the same request may succeed later.",
            },
            "error_code": {**text, "description": "The service's own code, where it gave one."},
            "backup_name": {**text, "description": "The name under which to ask again."},
            "errors": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "properties": {
                        "pointer": {
                            "type": "string",
                            "description": "A JSON Pointer (RFC 6901) into the payload.",
                        },
                        "detail": text,
                    },
                    "required": ["pointer", "detail"],
                    "additionalProperties": False,
                },
            },
        },
        "required": ["type", "title", "status", "detail", "instance", "retryable"],
        "additionalProperties": False,
    }
