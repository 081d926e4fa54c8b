"""Requests over HTTP in each format: who is let in, what is refused, and the responses."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from gaussdb_backup.errors import (
    BackupError,
    Evidence,
    InstanceBusy,
    MethodNotAllowed,
    ServiceUnavailable,
    Throttled,
    Unauthenticated,
)
from gaussdb_backup.event_sources.http import problem
from gaussdb_backup.payload_models import StatusRequest
from tests.local_cloud import events
from tests.local_cloud.events import NOBODY, PAYLOAD
from tests.unit.event_reading import create_of, refusal_of, requests_of, response_to
from tests.unit.test_event_sources import REPLY

if TYPE_CHECKING:
    from gaussdb_backup.replies import CreateReply

# requests of HTTP: what differs from a good one, and the error that it meets
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("an unknown caller", {"known": False}, "Unauthenticated"),
    ("an unknown caller at a wrong path", {"known": False, "path": "/"}, "Unauthenticated"),
    ("an unknown caller by GET", {"known": False, "method": "GET"}, "Unauthenticated"),
    ("an unknown caller with no body", {"known": False, "body": None}, "Unauthenticated"),
    ("another path", {"path": "/restore"}, "NotFound"),
    ("a path below", {"path": "/backups/a/b"}, "NotFound"),
    ("a path beside", {"path": "/backupsx"}, "NotFound"),
    ("a path with other letters", {"path": "/Backups"}, "NotFound"),
    ("the root", {"path": "/"}, "NotFound"),
    ("another method and path", {"method": "PUT", "path": "/restore"}, "NotFound"),
    ("GET of all", {"method": "GET"}, "MethodNotAllowed"),
    ("DELETE of one", {"method": "DELETE", "path": "/backups/a"}, "MethodNotAllowed"),
    ("POST to one", {"method": "POST", "path": "/backups/a"}, "MethodNotAllowed"),
    ("OPTIONS", {"method": "OPTIONS"}, "MethodNotAllowed"),
    ("HEAD", {"method": "HEAD"}, "MethodNotAllowed"),
    ("a method in small letters", {"method": "post"}, "MethodNotAllowed"),
    ("a form", {"headers": {"Content-Type": "text/plain"}}, "UnsupportedMediaType"),
    ("JSON of another kind", {"headers": {"Content-Type": "text/json"}}, "UnsupportedMediaType"),
    ("an empty type", {"headers": {"Content-Type": ""}}, "UnsupportedMediaType"),
    ("a large form", {"headers": {"Content-Type": "a/b"}, "body": b" " * 20_001},
     "UnsupportedMediaType"),
    ("a large body", {"body": b" " * 20_001}, "PayloadTooLarge"),
    ("a large body in base64", {"body": b" " * 20_001, "encoded": True}, "PayloadTooLarge"),
    ("a body of blanks", {"body": b" " * 20_000}, "InvalidRequest"),
    ("no body", {"body": None}, "InvalidRequest"),
    ("a list", {"body": b"[]"}, "InvalidRequest"),
    ("no JSON", {"body": b"{"}, "InvalidRequest"),
    ("another action", {"body": {**PAYLOAD, "action": "check"}}, "InvalidRequest"),
    ("status by POST", {"body": {**PAYLOAD, "action": "status", "backup_id": "a"}},
     "InvalidRequest"),
    ("an empty key", {"headers": {"Idempotency-Key": ""}}, "InvalidRequest"),
    ("a long key", {"headers": {"Idempotency-Key": "x" * 257}}, "InvalidRequest"),
]  # fmt: skip


@pytest.mark.parametrize("dialect", events.DIALECTS)
@pytest.mark.parametrize(
    ("differing", "name"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_requests_are_refused_in_order(
    differing: dict[str, Any], name: str, dialect: events.Dialect
) -> None:
    """401, 404, 405, 415, 413, 400: who is not known learns nothing more."""
    with pytest.raises(BackupError) as refused:
        requests_of(events.http(dialect=dialect, **differing))
    assert type(refused.value).__name__ == name


ADMITTED: list[tuple[str, dict[str, Any]]] = [
    ("plainly", {}),
    ("with a trailing slash", {"path": "/backups/"}),
    ("in base64", {"encoded": True}),
    ("with a charset", {"headers": {"content-type": "application/json; charset=utf-8"}}),
    ("with a type in capitals", {"headers": {"Content-Type": "Application/JSON"}}),
    ("with the largest body", {"body": json.dumps(PAYLOAD).encode().ljust(20_000)}),
    ("at a stage", {"stage": "v1"}),
    ("at a stage called like the path", {"stage": "backups"}),
]


@pytest.mark.parametrize("dialect", events.DIALECTS)
@pytest.mark.parametrize("differing", [row[1] for row in ADMITTED], ids=[r[0] for r in ADMITTED])
def test_requests_are_admitted(differing: dict[str, Any], dialect: events.Dialect) -> None:
    """In each dialect, with what a gateway or a client may make of them."""
    assert create_of(events.http(dialect=dialect, **differing)).instance_id


@pytest.mark.parametrize("dialect", events.DIALECTS)
def test_a_missing_content_type_is_json(dialect: events.Dialect) -> None:
    """Simple clients send none."""
    event = events.http(dialect=dialect)
    del event["headers"]["content-type"]
    event.pop("multiValueHeaders", None)
    assert create_of(event).instance_id


@pytest.mark.parametrize("dialect", events.DIALECTS)
def test_a_backup_is_asked_for_by_its_id(dialect: events.Dialect) -> None:
    """The instance stands in the query, and nothing else may."""
    instance = str(PAYLOAD["instance_id"])
    asked: dict[str, Any] = {"dialect": dialect, "method": "GET", "path": "/backups/0e1f-br14"}
    asked["body"] = None
    event = events.http(**asked, query={"instance_id": instance})
    assert requests_of(event) == [
        StatusRequest(action="status", instance_id=instance, backup_id="0e1f-br14")
    ]
    assert refusal_of(events.http(**asked)).violations[0].pointer == "/instance_id"
    more = {"instance_id": instance, "action": "verify"}
    assert "instance_id" in refusal_of(events.http(**asked, query=more)).detail


@pytest.mark.parametrize("backup_id", ["a%2Fb", "%ff", "%00", "a%20b", "ä", "a" * 65, "..", "%"])
def test_what_is_no_backup_id_is_refused(backup_id: str) -> None:
    """It would otherwise go into a URL."""
    event = events.http(
        None, method="GET", path=f"/backups/{backup_id}", query={"instance_id": "a"}
    )
    assert refusal_of(event).violations[0].pointer == "/backup_id"


@pytest.mark.parametrize(
    "authorizer",
    [
        {"iam": {"userArn": "arn:aws:iam::1:user/a"}},
        {"jwt": {"claims": {"sub": "a"}, "scopes": None}},
        {"lambda": {"team": "a"}},
        {"lambda": {"allowed": False, "other": None}},
        {"iam": None, "lambda": {"n": 0}},
    ],
)
def test_the_gateway_vouches_by_payload_2_0(authorizer: object) -> None:
    """An IAM, JWT or Lambda authorizer that says anything at all of the caller."""
    assert create_of(events.http(authorizer=authorizer)).instance_id


@pytest.mark.parametrize(
    "authorizer",
    [
        {},
        {"iam": None},
        {"iam": {}},
        {"iam": {"userArn": None, "accountId": None}},
        {"jwt": {"claims": {}, "scopes": None}},
        {"jwt": {"claims": {"sub": None}, "scopes": []}},
        {"lambda": None},
        {"lambda": {}},
        {"lambda": {"team": None}},
        {"lambda": {"team": {"deep": [None, {}]}}},
        {"other": {"userArn": "arn"}},
        {"lambda": events.nested(100_000)},
        {"principalId": "a"},
        "admin",
        [{"iam": {"userArn": "arn"}}],
    ],
)
def test_an_authorizer_that_says_nothing_is_none(authorizer: object) -> None:
    """The presence of a key with null in it is no identity."""
    with pytest.raises(Unauthenticated):
        requests_of(events.http(authorizer=authorizer))


@pytest.mark.parametrize(
    ("identity", "authorizer", "known"),
    [
        ({"userArn": "arn:aws:iam::1:user/a"}, None, True),
        ({"caller": "AIDA"}, None, True),
        ({}, {"claims": {"sub": "a"}}, True),
        ({}, {"principalId": "a"}, True),
        ({}, None, False),
        ({"apiKey": "not-a-real-api-key", "apiKeyId": "a"}, None, False),
        ({"sourceIp": "203.0.113.24", "userAgent": "x", "user": None}, None, False),
        ({"userArn": ""}, None, False),
        ({}, {"claims": None}, False),
        ({}, {"claims": {}}, False),
        ({}, {"principalId": None, "integrationLatency": 5}, False),
        ({}, {"lambda": {"team": "a"}}, False),
    ],
)
def test_the_gateway_vouches_by_payload_1_0(
    identity: dict[str, Any], authorizer: object, *, known: bool
) -> None:
    """An IAM caller, claims or a principal; an API key is none."""
    event = events.http(dialect="rest-api", identity={**NOBODY, **identity}, authorizer=authorizer)
    if known:
        assert create_of(event).instance_id
    else:
        with pytest.raises(Unauthenticated):
            requests_of(event)


def test_base64_that_is_broken_is_refused() -> None:
    """After the caller is known."""
    event = {**events.http(), "body": "not base64!", "isBase64Encoded": True}
    assert "base64" in refusal_of(event).detail


def test_a_body_in_base64_is_the_body() -> None:
    """Bytes that are no UTF-8 are no JSON."""
    event = {**events.http(), "body": base64.b64encode(b"\xff").decode(), "isBase64Encoded": True}
    assert refusal_of(event).detail == "the payload must be JSON, and it is not UTF-8"


def test_half_of_a_surrogate_pair_is_no_utf_8() -> None:
    """JSON can spell one; the body is not empty because of it."""
    event = {**events.http(), "body": '"\ud800"'}
    assert refusal_of(event).detail == "the payload must be JSON, and it is not UTF-8"


def document(error: BackupError, name: str | None = None) -> tuple[int, dict[str, str], Any]:
    """Status, headers and body of a failure."""
    response = events.response(problem(error, "request-1", name))
    return response.status, response.headers, response.body


def test_a_failure_is_a_problem_document() -> None:
    """RFC 9457, with our own members where they are known."""
    error = InstanceBusy("a backup runs", evidence=Evidence(409, "DBS.201205", "secret", "id"))
    assert document(error, "auto-1") == (
        409,
        {"Content-Type": "application/problem+json"},
        {
            "type": "urn:gaussdb-backup:InstanceBusy",
            "title": "The instance is busy with another operation",
            "status": 409,
            "detail": "a backup runs",
            "instance": "request-1",
            "retryable": True,
            "error_code": "DBS.201205",
            "backup_name": "auto-1",
        },
    )


def test_what_is_not_known_is_left_out() -> None:
    """No member is null."""
    _, _, body = document(InstanceBusy("busy"))
    assert set(body) == {"type", "title", "status", "detail", "instance", "retryable"}


def test_broken_rules_are_listed() -> None:
    """Each with its pointer."""
    refusal = refusal_of({"instance_id": "-", "größe": 1})
    _, _, body = document(refusal)
    assert {one["pointer"] for one in body["errors"]} == {"/instance_id", "/größe"}
    assert all(set(one) == {"pointer", "detail"} for one in body["errors"])


def test_failures_say_what_http_has_a_header_for() -> None:
    """`Allow` beside 405, `Retry-After` in whole seconds, never too few."""
    _, headers, _ = document(MethodNotAllowed("takes GET", allow="GET"))
    assert headers["Allow"] == "GET"
    _, headers, _ = document(Throttled("later", retry_after=1.2))
    assert headers["Retry-After"] == "2"
    # a 429 always has one, whether or not the cloud named a time
    assert document(Throttled("later"))[1]["Retry-After"] == "60"
    assert document(Throttled("later", retry_after=0.0))[1]["Retry-After"] == "0"
    assert "Retry-After" not in document(ServiceUnavailable("out of order"))[1]


def test_a_success_is_202_or_200() -> None:
    """Accepted now, or there before."""
    created = events.response(response_to(events.http(), REPLY))
    assert (created.status, created.body) == (202, REPLY)
    assert created.headers == {"Content-Type": "application/json"}
    existing: CreateReply = {**REPLY, "outcome": "existing"}
    assert events.response(response_to(events.http(), existing)).status == 200
