"""What IAM's response to a log-in says: a token, a refusal, or something about IAM itself."""

from __future__ import annotations

import json
from typing import Final

import pytest
from requests.structures import CaseInsensitiveDict

from gaussdb_backup.credentials.iam import LoginFailure, Token, read_login_response
from gaussdb_backup.http_client.response import Response

NOW: Final = 1_000_000.0
PART: Final = "IAM at iam.example"
HTML: Final = b"<html><body>Sorry</body></html>"
KEYSTONE: Final = {"error": {"code": 401, "message": "Unauthorized.", "title": "Unauthorized"}}
NUMBERED: Final = {"error_code": "IAM.0011", "error_msg": "The request body is invalid."}
GATEWAY: Final = {"error_code": "APIGW.0106", "error_msg": "Orchestration error."}


def read(status: int, body: object = b"", **headers: str) -> Token | LoginFailure:
    """What a response says; anything but bytes is written as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = Response(status, CaseInsensitiveDict(named), raw, host="iam.example")
    return read_login_response(response, NOW)


@pytest.mark.parametrize(
    ("status", "body", "error", "is_lost", "may_retry"),
    [
        (401, KEYSTONE, "CredentialsRejected", False, False),
        (401, b"", "CredentialsRejected", False, False),
        (401, {"receipt": {}, "required_auth_methods": [["totp"]]}, "CredentialsRejected", 0, 0),
        (403, KEYSTONE, "CredentialsRejected", False, False),
        (400, KEYSTONE, "CredentialsRejected", False, False),
        (400, NUMBERED, "CredentialsRejected", False, False),
        # a page of HTML is no refusal, whatever its status
        (400, HTML, "ServiceUnavailable", False, False),
        (401, HTML, "ServiceUnavailable", False, False),
        (403, b" \n<!doctype html>", "ServiceUnavailable", False, False),
        (404, HTML, "ServiceUnavailable", False, False),
        # nor is what another part says
        (400, GATEWAY, "RequestRejected", False, False),
        (400, {"error_code": "APIGW.0301"}, "RequestRejected", False, False),
        (409, KEYSTONE, "RequestRejected", False, False),
        (404, {"error_code": "DBS.201205"}, "RequestRejected", False, False),
        (422, {"error_code": "DBS.280056"}, "RequestRejected", False, False),
        # nor what cannot be read
        (400, b"", "ServiceUnavailable", False, False),
        (400, b"Bad Request", "ServiceUnavailable", False, False),
        (405, b"no", "ServiceUnavailable", False, False),
        (403, b"\xef\xbb\xbf<html>", "ServiceUnavailable", False, False),
        (404, {"error_code": "APIGW.0101", "error_msg": "The API does not exist"},
         "RequestRejected", False, False),
        (404, {"error": {"code": 404, "message": "Not found"}}, "RequestRejected", False, False),
        (404, {"error": {"code": 404, "message": "Could not find project: eu-de."}},
         "RequestRejected", False, False),
        (413, KEYSTONE, "RequestRejected", False, False),
        (300, b"", "ServiceUnavailable", False, False),
        (302, HTML, "ServiceUnavailable", False, False),
        (408, b"", "ServiceUnavailable", False, False),
        (425, KEYSTONE, "ServiceUnavailable", False, False),
        # out of order: asked again in the same phase; after some of them IAM may have judged
        (429, {"error_code": "IAM.0012"}, "Throttled", False, True),
        (429, HTML, "Throttled", False, True),
        (500, KEYSTONE, "ServiceUnavailable", False, True),
        (503, HTML, "ServiceUnavailable", False, True),
        (502, HTML, "ServiceUnavailable", True, True),
        (504, b"", "ServiceUnavailable", True, True),
        # a 2xx without a token
        (201, {"token": {}}, "ServiceUnavailable", True, False),
        (200, HTML, "ServiceUnavailable", True, False),
        (204, b"", "ServiceUnavailable", True, False),
    ],
)  # fmt: skip
def test_what_a_failure_is(
    status: int, body: object, error: str, *, is_lost: bool, may_retry: bool
) -> None:
    """Whose fault it is, whether IAM may have judged, and whether another log-in may help."""
    failure = read(status, body)
    assert isinstance(failure, LoginFailure)
    assert type(failure.error).__name__ == error
    assert (failure.is_lost, failure.may_retry) == (is_lost, may_retry)
    assert PART in failure.error.detail
    assert failure.error.evidence.http_status == status


@pytest.mark.parametrize(
    ("message", "detail"),
    [
        ("The account is locked", "locked for 15 minutes"),
        ("Account locked.", "locked for 15 minutes"),
        ("Your account has been locked. Try again in 12 minutes.", "locked for 12 minutes"),
        ("The user is locked. Try again in 12 minutes.", "locked for 12 minutes"),
    ],
)
def test_a_locked_account_says_so(message: str, detail: str) -> None:
    """With the minutes, in place of the likely causes."""
    failure = read(401, {"error": {"code": 401, "message": message}})
    assert isinstance(failure, LoginFailure)
    assert detail in failure.error.detail
    assert "MFA" not in failure.error.detail


def test_the_code_of_a_locked_account_says_so_too() -> None:
    """Whatever the text beside it."""
    failure = read(401, {"error_code": "IAM.0061", "error_msg": "said"})
    assert isinstance(failure, LoginFailure)
    assert "locked for 15 minutes" in failure.error.detail


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        # lifetime less a tenth of it, five minutes at most
        (("2026-11-28T10:00:00.123456Z", "2026-11-28T11:00:00.123456Z"), 3300),
        (("2026-11-28T10:00:00Z", "2026-11-29T10:00:00Z"), 86100),
        (("2026-11-28T10:00:00Z", "2026-11-28T10:10:00Z"), 540),
        # below five minutes counts as five, above 24 hours as 24
        (("2026-11-28T10:00:00Z", "2026-11-28T10:00:01Z"), 270),
        (("2026-11-28T10:00:00Z", "2026-11-28T09:00:00Z"), 270),
        (("1970-01-01T00:00:00Z", "2099-01-01T00:00:00Z"), 86100),
        # without issued_at: now, which is 1970-01-12T13:46:40Z
        ((None, "1970-01-12T14:46:40Z"), 3300),
        (("just now", "1970-01-12T14:46:40Z"), 3300),
        # without expires_at: one hour
        (("2026-11-28T10:00:00Z", None), 3300),
        (("2026-11-28T10:00:00Z", "2026-11-28T11:00:00"), 3300),
        ((5, ["soon"]), 3300),
    ],
)
def test_how_long_a_token_is_kept(times: tuple[object, object], seconds: float) -> None:
    """Its times are advice."""
    issued_at, expires_at = times
    body = {"token": {"issued_at": issued_at, "expires_at": expires_at}}
    token = read(201, body, X_Subject_Token="not-a-real-token")
    assert token == Token("not-a-real-token", NOW + seconds)


@pytest.mark.parametrize("body", [{}, {"token": None}, {"token": "x"}, {"token": {}}])
def test_a_token_needs_no_times(body: object) -> None:
    """It is kept for an hour."""
    token = read(201, body, X_Subject_Token="not-a-real-token")
    assert token == Token("not-a-real-token", NOW + 3300)


@pytest.mark.parametrize("value", ["", "two words", "caf\u00e9", "a\tb"])
def test_what_cannot_stand_in_a_header_is_no_token(value: str) -> None:
    """It would have to be sent with every call."""
    assert isinstance(read(201, {"token": {}}, X_Subject_Token=value), LoginFailure)


def test_a_token_is_not_shown_by_accident() -> None:
    """Wherever it may be printed."""
    assert "secret" not in repr(Token("secret", 0.0))
