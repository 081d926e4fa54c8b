"""An HTTP request in the formats of API Gateway (payload 2.0 and 1.0) and function URLs."""

import base64
from collections.abc import Mapping
from typing import Final, NamedTuple

from pydantic import JsonValue

from gaussdb_backup.event_sources.base import mapping, text

COLLECTION: Final = "/backups"


class HttpRequest(NamedTuple):
    """A request, whichever format it came in.

    Args:
        method: the method.
        path: the path without stage and trailing slash.
        headers: names in lower case.
        query: the query's fields.
        body: the body's bytes, or None where its base64 is broken.
        authenticated: the gateway has verified the caller's identity.
        request_id: the gateway's own ID.
        time: when the gateway received it, in Unix milliseconds.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes | None
    authenticated: bool
    request_id: str
    time: JsonValue


def is_http(event: Mapping[str, JsonValue]) -> bool:
    """Whether an event is an HTTP request, recognised by its method."""
    context = mapping(event.get("requestContext"))
    return isinstance(context.get("http"), dict) or text(event.get("httpMethod")) is not None


def read_http(event: Mapping[str, JsonValue], invocation_id: str) -> HttpRequest:
    """The request of an event, in payload 2.0 or 1.0."""
    context = mapping(event.get("requestContext"))
    http = mapping(context.get("http"))
    version_2 = bool(http)
    if version_2:
        method, path = http.get("method"), event.get("rawPath")
        path = _without_stage(text(path) or text(http.get("path")) or "", context.get("stage"))
        time = context.get("timeEpoch")
    else:
        method, path = event.get("httpMethod"), text(event.get("path")) or ""
        path = path if is_route(path) else _without_stage(path, context.get("stage"))
        time = context.get("requestTimeEpoch")
    return HttpRequest(
        method=text(method) or "",
        path=path.rstrip("/"),
        headers=_headers(event),
        query=_texts(event.get("queryStringParameters")),
        body=_body(event),
        authenticated=_has_identity_2(context) if version_2 else _has_identity_1(context),
        request_id=text(context.get("requestId")) or invocation_id,
        time=time,
    )


def is_route(path: str) -> bool:
    """Whether a path is the collection or one backup of it; a trailing slash does not matter."""
    empty, _, rest = path.rstrip("/").partition(COLLECTION)
    return not empty and path.startswith(COLLECTION) and _is_tail(rest)


def _is_tail(rest: str) -> bool:
    return not rest or (rest.startswith("/") and rest.count("/") == 1)


def _without_stage(path: str, stage: JsonValue) -> str:
    prefix = f"/{stage}"
    return path.removeprefix(prefix) if path.startswith(f"{prefix}/") else path


def _headers(event: Mapping[str, JsonValue]) -> dict[str, str]:
    """All headers, names in lower case; several values are joined as HTTP does."""
    headers = {
        name.lower(): ",".join(value for value in values if isinstance(value, str))
        for name, values in mapping(event.get("multiValueHeaders")).items()
        if isinstance(values, list)
    }
    single = _texts(event.get("headers")).items()
    return headers | {name.lower(): value for name, value in single}


def _texts(value: JsonValue) -> dict[str, str]:
    return {name: part for name, part in mapping(value).items() if isinstance(part, str)}


def _body(event: Mapping[str, JsonValue]) -> bytes | None:
    raw = (text(event.get("body")) or "").encode(errors="surrogatepass")
    if not event.get("isBase64Encoded"):
        return raw
    try:
        return base64.b64decode(raw, validate=True)
    except ValueError:
        return None


def _has_identity_2(context: Mapping[str, JsonValue]) -> bool:
    """Payload 2.0: an IAM, JWT or Lambda authorizer says something about the caller."""
    authorizer = mapping(context.get("authorizer"))
    return any(_has_value(authorizer.get(kind)) for kind in ("iam", "jwt", "lambda"))


def _has_identity_1(context: Mapping[str, JsonValue]) -> bool:
    """Payload 1.0: an IAM caller, claims or a principal. An API key is no identity."""
    identity, authorizer = mapping(context.get("identity")), mapping(context.get("authorizer"))
    return any(
        _has_value(part)
        for part in (
            identity.get("userArn"),
            identity.get("caller"),
            authorizer.get("claims"),
            authorizer.get("principalId"),
        )
    )


def _has_value(part: JsonValue) -> bool:
    """Whether there is any value in it that is neither null nor an empty text.

    Without recursion, because the depth of the event is up to whoever sends it.
    """
    remaining = [part]
    while remaining:
        value = remaining.pop()
        if isinstance(value, dict):
            remaining += value.values()
        elif isinstance(value, list):
            remaining += value
        elif value is not None and value != "":
            return True
    return False
