"""IAM in the emulator: log-ins, tokens, rejections and locks."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from tests.local_cloud.emulator import Emulator
from tests.local_cloud.emulator.clients import (
    PASSWORD,
    TIMEOUT,
    USER,
    HttpClient,
    log_in,
    log_in_body,
)

WRONG = {
    "error": {
        "code": 401,
        "message": "The username or password is wrong.",
        "title": "Unauthorized",
    }
}


LOCKED = {"error": {"code": 401, "message": "The account is locked", "title": "Unauthorized"}}


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    """A cloud with one user."""
    with Emulator() as cloud:
        cloud.iam.add_user(USER, PASSWORD)
        yield cloud


def body_for(cloud: Emulator, **changes: Any) -> dict[str, Any]:
    """Return the usual token request with changes."""
    return log_in_body(cloud.project_id, **({"domain_name": cloud.iam.domain.name} | changes))


def token(cloud: Emulator) -> str:
    """Return a new token."""
    return log_in(cloud).headers["X-Subject-Token"]


def test_a_token_is_in_a_header_and_its_lifetime_in_the_body(cloud: Emulator) -> None:
    """201, X-Subject-Token of several kilobytes, times in UTC with microseconds."""
    answer = log_in(cloud)
    assert answer.status_code == 201
    text = answer.headers["x-subject-token"]
    assert text.startswith("MII")
    assert len(text) > 3000
    assert answer.headers["X-IAM-Trace-Id"]
    document = answer.json()["token"]
    form = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
    assert re.fullmatch(form, document["expires_at"])
    assert re.fullmatch(form, document["issued_at"])
    life = datetime.fromisoformat(document["expires_at"]) - datetime.fromisoformat(
        document["issued_at"]
    )
    assert life == timedelta(hours=24)
    assert document["methods"] == ["password"]
    assert document["project"]["id"] == cloud.project_id
    assert document["project"]["name"] == "eu-de"
    assert document["user"]["name"] == USER
    assert document["user"]["domain"] == document["project"]["domain"]
    assert cloud.gaussdb_endpoint in document["catalog"][0]["endpoints"][0]["url"]


def test_the_catalog_can_be_left_out(cloud: Emulator) -> None:
    """By any value of `nocatalog`."""
    assert "catalog" not in log_in(cloud, nocatalog="true").json()["token"]


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({"project": {"name": "eu-de"}}, "eu-de"),
        ({"project": {"name": "eu-de_team"}}, "eu-de_team"),
        ({"project": {"name": "eu-de", "domain": {"name": "anything"}}}, "eu-de"),
        ({"project": {"name": "eu-de"}, "domain": {"name": "anything"}}, "eu-de"),
        ({"domain": {"name": "anything"}}, None),
        ({}, None),
    ],
)
def test_the_scope_is_a_project_or_the_whole_domain(
    cloud: Emulator, scope: dict[str, object], expected: str | None
) -> None:
    """By ID or name; a project has precedence; no scope means the domain."""
    cloud.add_project("eu-de_team")
    body = body_for(cloud)
    body["auth"]["scope"] = scope
    document = log_in(cloud, body).json()["token"]
    assert document.get("project", {}).get("name") == expected
    assert ("domain" in document) == (expected is None)


@pytest.mark.parametrize(
    "changes", [{"password": "wrong"}, {"name": "nobody"}, {"domain_name": "another"}]
)
def test_wrong_credentials_are_rejected_in_keystones_form(
    cloud: Emulator, changes: dict[str, str]
) -> None:
    """With the same body, whatever was wrong."""
    answer = log_in(cloud, body_for(cloud, **changes))
    assert (answer.status_code, answer.json()) == (401, WRONG)
    assert "X-Subject-Token" not in answer.headers
    assert (cloud.iam.log_ins, cloud.iam.refused_log_ins) == (0, 1)


@pytest.mark.parametrize(
    ("path", "member"),
    [
        ([], "auth"),
        (["auth"], "identity"),
        (["auth", "identity"], "methods"),
        (["auth", "identity"], "password"),
        (["auth", "identity", "password"], "user"),
        (["auth", "identity", "password", "user"], "name"),
        (["auth", "identity", "password", "user"], "password"),
        (["auth", "identity", "password", "user"], "domain"),
    ],
)
def test_a_missing_member_is_named(cloud: Emulator, path: list[str], member: str) -> None:
    """400 in Keystone's form; it does not count as a failed log-in."""
    body = body_for(cloud)
    parent = body
    for key in path:
        parent = parent[key]
    del parent[member]
    answer = log_in(cloud, body)
    message = f"'{member}' is a required property"
    expected = {"error": {"code": 400, "message": message, "title": "Bad Request"}}
    assert (answer.status_code, answer.json()) == (400, expected)
    assert cloud.iam.refused_log_ins == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"auth": []}', b" " * 40_000])
def test_a_body_that_is_no_token_request_is_rejected(cloud: Emulator, body: bytes) -> None:
    """Empty, broken, of the wrong type, too long."""
    answer = requests.post(f"{cloud.iam_endpoint}/v3/auth/tokens", data=body, timeout=TIMEOUT)
    assert answer.status_code == 400


def test_a_project_without_access_is_rejected(cloud: Emulator) -> None:
    """403 if it exists; as in Keystone, 401 if it does not, and if the password is wrong."""
    cloud.iam.add_user("outsider", PASSWORD, projects=frozenset())
    assert log_in(cloud, body_for(cloud, name="outsider")).status_code == 403
    unknown = log_in_body("0" * 32, domain_name=cloud.iam.domain.name)
    assert log_in(cloud, unknown).status_code == 401
    wrong = log_in_body("0" * 32, domain_name=cloud.iam.domain.name, password="wrong")
    assert log_in(cloud, wrong).status_code == 401


def is_accepted(cloud: Emulator, token: str) -> bool:
    """Return whether the service accepts a token."""
    return HttpClient(cloud, token, cloud.project_id).get("/backups").status_code == 200


def test_a_token_expires_after_its_lifetime(cloud: Emulator) -> None:
    """The documented example lives for an hour only."""
    cloud.iam.token_lifetime = timedelta(hours=1)
    old = token(cloud)
    cloud.clock.advance(3599)
    assert is_accepted(cloud, old)
    cloud.clock.advance(1)
    assert not is_accepted(cloud, old)


def test_a_new_token_does_not_invalidate_the_old_one(cloud: Emulator) -> None:
    """Both stay valid, and every log-in is counted."""
    first, second = token(cloud), token(cloud)
    assert first != second
    assert is_accepted(cloud, first)
    assert is_accepted(cloud, second)
    assert (cloud.iam.log_ins, cloud.iam.refused_log_ins) == (2, 0)


def test_five_wrong_passwords_lock_the_account_for_a_quarter_of_an_hour(cloud: Emulator) -> None:
    """Even the right password is then rejected; other accounts are not affected."""
    cloud.iam.add_user("another", PASSWORD)
    for _ in range(5):
        assert log_in(cloud, body_for(cloud, password="wrong")).json() == WRONG
    answer = log_in(cloud)
    assert (answer.status_code, answer.json()) == (401, LOCKED)
    assert log_in(cloud, body_for(cloud, name="another")).status_code == 201
    cloud.clock.advance(15 * 60 - 1)
    assert log_in(cloud).json() == LOCKED
    cloud.clock.advance(1)
    assert log_in(cloud).status_code == 201


def test_failures_are_forgotten_after_a_success_and_after_a_quarter_of_an_hour(
    cloud: Emulator,
) -> None:
    """Only five consecutive failures within the time lock the account."""
    wrong = body_for(cloud, password="wrong")
    for _ in range(3):
        for _ in range(4):
            log_in(cloud, wrong)
        assert log_in(cloud).status_code == 201
    for _ in range(6):
        log_in(cloud, wrong)
        cloud.clock.advance(4 * 60)
    assert log_in(cloud).status_code == 201


def test_a_changed_password_invalidates_the_tokens(cloud: Emulator) -> None:
    """Only the new password is accepted."""
    old = token(cloud)
    cloud.iam.change_password(USER, "not-a-real-password-either")
    assert not is_accepted(cloud, old)
    assert log_in(cloud).json() == WRONG
    renewed = body_for(cloud, password="not-a-real-password-either")
    assert log_in(cloud, renewed).status_code == 201
