"""Accounts and tokens on the emulator's IAM over time: locks, new passwords, looks at tokens."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.local_cloud.emulator import Emulator
from tests.local_cloud.emulator.clients import PASSWORD, TIMEOUT, USER, log_in, log_in_body

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
    """Return the usual log-in, changed."""
    return log_in_body(cloud.project_id, **({"domain_name": cloud.iam.domain.name} | changes))


def token(cloud: Emulator) -> str:
    """Return a new token."""
    return log_in(cloud).headers["X-Subject-Token"]


def get(cloud: Emulator, path: str, method: str = "GET", **headers: str) -> requests.Response:
    """Send a request to IAM; underscores in names of headers stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.request(method, cloud.iam_endpoint + path, headers=named, timeout=TIMEOUT)


def test_five_wrong_passwords_lock_the_account_for_a_quarter_of_an_hour(cloud: Emulator) -> None:
    """Then even the right one is refused; others are not concerned."""
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
    """Only five in a row, within the time, lock."""
    wrong = body_for(cloud, password="wrong")
    for _ in range(3):
        for _ in range(4):
            log_in(cloud, wrong)
        assert log_in(cloud).status_code == 201
    for _ in range(6):
        log_in(cloud, wrong)
        cloud.clock.advance(4 * 60)
    assert log_in(cloud).status_code == 201


def test_a_changed_password_ends_the_tokens(cloud: Emulator) -> None:
    """The old one is wrong from then on, the new one opens."""
    old = token(cloud)
    cloud.iam.change_password(USER, "not-a-real-password-either")
    assert get(cloud, "/v3/auth/projects", X_Auth_Token=old).status_code == 401
    assert log_in(cloud).json() == WRONG
    renewed = body_for(cloud, password="not-a-real-password-either")
    assert log_in(cloud, renewed).status_code == 201


def test_a_token_can_be_looked_at(cloud: Emulator) -> None:
    """GET tells all about it, HEAD the status alone."""
    answer = log_in(cloud)
    headers = {
        "X_Auth_Token": answer.headers["X-Subject-Token"],
        "X_Subject_Token": answer.headers["X-Subject-Token"],
    }
    shown = get(cloud, "/v3/auth/tokens", **headers)
    assert (shown.status_code, shown.json()) == (200, answer.json())
    checked = get(cloud, "/v3/auth/tokens", "HEAD", **headers)
    assert (checked.status_code, checked.content) == (200, b"")


def test_a_look_at_a_token_needs_two_good_ones(cloud: Emulator) -> None:
    """An unknown subject is 404; a bad key is 401 to HEAD and 403 to GET."""
    good = token(cloud)
    unknown = {"X_Auth_Token": good, "X_Subject_Token": "nonsense"}
    assert get(cloud, "/v3/auth/tokens", "HEAD", **unknown).status_code == 404
    bad = {"X_Auth_Token": "nonsense", "X_Subject_Token": good}
    assert get(cloud, "/v3/auth/tokens", "HEAD", **bad).status_code == 401
    answer = get(cloud, "/v3/auth/tokens", **bad)
    message = "X-Auth-Token is invalid in the request"
    expected = {"error": {"code": 403, "message": message, "title": "Forbidden"}}
    assert (answer.status_code, answer.json()) == (403, expected)


def test_a_wrong_path_is_the_gateways_404(cloud: Emulator) -> None:
    """Also at IAM's host."""
    answer = get(cloud, "/v3/auth/token", X_Auth_Token=token(cloud))
    assert (answer.status_code, answer.json()["error_code"]) == (404, "APIGW.0101")
