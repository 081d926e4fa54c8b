"""An HTTP request in the formats of API Gateway (payload 2.0 and 1.0) and function URLs."""

import base64
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from pydantic import JsonValue

from gaussdb_backup.event_sources.base import mapping, text

COLLECTION: Final = "/backups"
WEBHOOK: Final = "/webhook"
ITEM: Final = "/backups/{backup_id}"
_COLLECTIONS: Final = frozenset({COLLECTION, WEBHOOK})


class HttpRequest(NamedTuple):
    """A request, whichever format it came in.

    Args:
        method: the method.
        route: ``COLLECTION``, ``WEBHOOK``, ``ITEM``, or None for any other path.
        backup_id: the last part of the path, if the route is ``ITEM``.
        headers: names in lower case.
        query: the query's fields.
        body: the body's bytes, or None where its base64 is broken.
        authenticated: the gateway has verified the caller's identity.
        request_id: the gateway's own ID.
        time: when the gateway received it, in Unix milliseconds.
    """

    method: str
    route: str | None
    backup_id: str
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
    method = text(http.get("method") if version_2 else event.get("httpMethod")) or ""
    route, backup_id = _route_2(event, context) if version_2 else _route_1(event, context)
    return HttpRequest(
        method=method,
        route=route,
        backup_id=backup_id,
        headers=_headers(event),
        query=_texts(event.get("queryStringParameters")),
        body=_body(event),
        authenticated=_has_identity_2(context) if version_2 else _has_identity_1(context),
        request_id=text(context.get("requestId")) or invocation_id,
        time=context.get("timeEpoch" if version_2 else "requestTimeEpoch"),
    )


def _route_2(
    event: Mapping[str, JsonValue], context: Mapping[str, JsonValue]
) -> tuple[str | None, str]:
    """Payload 2.0: the path begins with the stage, unless that is ``$default``."""
    matched = text(event.get("routeKey")) or text(context.get("routeKey")) or ""
    path = text(event.get("rawPath")) or text(mapping(context.get("http")).get("path")) or ""
    return _route(matched.partition(" ")[2], _without_stage(path, context.get("stage")))


def _route_1(
    event: Mapping[str, JsonValue], context: Mapping[str, JsonValue]
) -> tuple[str | None, str]:
    """Payload 1.0: the path begins with the stage in some set-ups only."""
    matched = text(event.get("resource")) or text(context.get("resourcePath")) or ""
    path = text(event.get("path")) or ""
    route, backup_id = _route(matched, path)
    if route is None:
        return _route(matched, _without_stage(path, context.get("stage")))
    return route, backup_id


def _route(matched: str, path: str) -> tuple[str | None, str]:
    """The route of a request, and the last part of its path.

    Args:
        matched: the route as the gateway matched it. Where it names one of ours it counts, because
            the path begins with the base path of a custom domain, which only the gateway knows.
        path: the path without the stage.
    """
    path = path.rstrip("/")
    parent, _, last = path.rpartition("/")
    for candidate in (matched, path):
        if candidate in _COLLECTIONS:
            return candidate, ""
    if re.fullmatch(r"/backups/\{[^/{}+]+\}", matched) or (parent == COLLECTION and last):
        return ITEM, last
    return None, ""


def _without_stage(path: str, stage: JsonValue) -> str:
    """The path without the stage that it may begin with."""
    if not isinstance(stage, str):
        return path
    return path.removeprefix(f"/{stage}") if path.startswith(f"/{stage}/") else path


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
    body = event.get("body")
    raw = body.encode(errors="surrogatepass") if isinstance(body, str) else b""
    if not event.get("isBase64Encoded"):
        return raw
    try:
        return base64.b64decode(raw, validate=True)
    except ValueError:
        return None


def _has_identity_2(context: Mapping[str, JsonValue]) -> bool:
    """Payload 2.0: an IAM, JWT or Lambda authorizer has identified the caller."""
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

    Without recursion, because the sender decides the depth of the event.
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
