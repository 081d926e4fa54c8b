"""Routes over HTTP: what the gateway matched counts, else the path without stage and slash."""

from __future__ import annotations

from typing import Any

import pytest

from gaussdb_backup.errors import MethodNotAllowed, NotFound
from gaussdb_backup.payload_models import StatusRequest
from tests.local_cloud import events
from tests.local_cloud.events import PAYLOAD
from tests.unit.event_reading import create_of, requests_of

INSTANCE_ID = str(PAYLOAD["instance_id"])
STATUS = {"instance_id": INSTANCE_ID}
BACKUP_ID = "0483b6b16e954cb88930a360d2c4e663br14"
in_each_dialect = pytest.mark.parametrize("dialect", events.DIALECTS)


def matched(dialect: events.Dialect, method: str, route: str, path: str) -> dict[str, Any]:
    """A request whose path the gateway has matched to a route."""
    body = PAYLOAD if method == "POST" else None
    query = STATUS if method == "GET" else None
    event = events.http(body, dialect=dialect, method=method, path=path, query=query)
    if dialect == "rest-api":
        return {**event, "resource": route}
    return {**event, "routeKey": f"{method} {route}"}


@in_each_dialect
@pytest.mark.parametrize("route", ["/backups", "/webhook"])
@pytest.mark.parametrize("base_path", ["", "/ops", "/ops/v1", "/backups"])
def test_the_base_path_of_a_custom_domain_does_not_matter(
    dialect: events.Dialect, route: str, base_path: str
) -> None:
    """REST APIs have it in `path`, API mappings in `rawPath`."""
    assert create_of(matched(dialect, "POST", route, base_path + route)).instance_id == INSTANCE_ID


@in_each_dialect
@pytest.mark.parametrize("parameter", ["backup_id", "id"])
@pytest.mark.parametrize("base_path", ["", "/ops", "/ops/v1"])
def test_a_backup_behind_a_base_path_is_found(
    dialect: events.Dialect, parameter: str, base_path: str
) -> None:
    """Its ID is the last part of the path, whatever the route calls it."""
    path = f"{base_path}/backups/{BACKUP_ID}"
    [request] = requests_of(matched(dialect, "GET", f"/backups/{{{parameter}}}", path))
    assert isinstance(request, StatusRequest)
    assert (request.backup_id, request.instance_id) == (BACKUP_ID, INSTANCE_ID)


@pytest.mark.parametrize("route_key", ["ANY /backups", "$default", "POST /{proxy+}", "", None, 5])
def test_another_route_key_leaves_it_to_the_path(route_key: object) -> None:
    """A route for everything says nothing."""
    event = {**events.http(), "routeKey": route_key}
    assert create_of(event).instance_id == INSTANCE_ID


@pytest.mark.parametrize("resource", ["/{proxy+}", "/", "", None, ["/backups"]])
def test_another_resource_leaves_it_to_the_path(resource: object) -> None:
    """As of a proxy integration."""
    event = {**events.http(dialect="rest-api"), "resource": resource}
    assert create_of(event).instance_id == INSTANCE_ID
    event = {**events.http(dialect="rest-api", path="/ops/backups"), "resource": resource}
    with pytest.raises(NotFound):
        requests_of(event)


def test_the_context_names_the_route_too() -> None:
    """Where the envelope itself does not."""
    event = events.http(dialect="rest-api", path="/ops/backups")
    del event["resource"]
    event["requestContext"]["resourcePath"] = "/backups"
    assert create_of(event).instance_id == INSTANCE_ID
    event = events.http(path="/ops/backups")
    del event["routeKey"]
    event["requestContext"]["routeKey"] = "POST /backups"
    assert create_of(event).instance_id == INSTANCE_ID


@in_each_dialect
@pytest.mark.parametrize(
    "path",
    [
        "/webhooks",
        "/webhook/a",
        "/web",
        "/ops/webhook",
        "/backups/a/b",
        "/backups//",
        "backups",
        "//backups",
        "",
    ],
)
def test_other_paths_lead_nowhere(dialect: events.Dialect, path: str) -> None:
    """The message names those that do."""
    if path == "/backups//":
        assert create_of(events.http(dialect=dialect, path=path)).instance_id
        return
    with pytest.raises(NotFound, match=r"POST /webhook"):
        requests_of(events.http(dialect=dialect, path=path))


@in_each_dialect
@pytest.mark.parametrize("path", ["/webhook", "/webhook/"])
def test_a_webhook_takes_post_only(dialect: events.Dialect, path: str) -> None:
    """`Allow` says so."""
    assert create_of(events.http(dialect=dialect, path=path)).instance_id == INSTANCE_ID
    for method in ("GET", "PUT", "DELETE"):
        with pytest.raises(MethodNotAllowed) as refused:
            requests_of(events.http(dialect=dialect, path=path, method=method))
        assert refused.value.allow == "POST"


@in_each_dialect
def test_a_query_may_hold_what_a_tracer_adds(dialect: events.Dialect) -> None:
    """Names that begin with an underscore are ignored everywhere."""
    event = events.http(
        None,
        dialect=dialect,
        method="GET",
        path=f"/backups/{BACKUP_ID}",
        query={**STATUS, "_trace": "1"},
    )
    [request] = requests_of(event)
    assert isinstance(request, StatusRequest)
