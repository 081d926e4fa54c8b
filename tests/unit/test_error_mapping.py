"""Answers of the cloud become our errors: by their code, and by their status where that fails."""

from __future__ import annotations

import json

import pytest
from requests.structures import CaseInsensitiveDict

from gaussdb_backup.errors import ServiceUnavailable
from gaussdb_backup.http_client.error_mapping import (
    map_error,
    read_evidence,
    retry_after,
    unreadable_response,
)
from gaussdb_backup.http_client.response import Response
from tests.documented_error_codes import SERVICE_CODES
from tests.unit.error_code_tables import (
    BY_STATUS,
    GATEWAY,
    OTHER,
    SERVICE,
    UNDOCUMENTED,
    rows,
    statuses,
)

NO_HEADERS: CaseInsensitiveDict[str] = CaseInsensitiveDict()


def answer(status: int, body: object = b"", **headers: str) -> Response:
    """An answer; anything but bytes is written as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, CaseInsensitiveDict(named), raw)


def name_of(status: int, body: object = b"") -> str:
    """The name of the error that an answer means."""
    return type(map_error(answer(status, body))).__name__


@pytest.mark.parametrize(("status", "code", "name"), rows(SERVICE))
def test_service_codes(status: int, code: str, name: str) -> None:
    """Each code of the service has its error."""
    assert name_of(status, {"error_code": f"DBS.{code}", "error_msg": "said"}) == name


@pytest.mark.parametrize("prefix", ["APIGW", "APIG"])
@pytest.mark.parametrize(("status", "code", "name"), rows(GATEWAY))
def test_gateway_codes(prefix: str, status: int, code: str, name: str) -> None:
    """Each code of the gateway has its error, under either prefix."""
    body = {"error_msg": "said", "error_code": f"{prefix}.{code}", "request_id": "a" * 32}
    assert name_of(status, body) == name


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
@pytest.mark.parametrize(("_", "code", "name"), rows(UNDOCUMENTED))
def test_busy_and_state_codes_count_with_any_status(
    _: int, code: str, name: str, status: int
) -> None:
    """The sister services send them with 400, 403 and 409."""
    assert name_of(status, {"error_code": f"DBS.{code}", "error_msg": "said"}) == name


@pytest.mark.parametrize("status", [400, 403, 404])
@pytest.mark.parametrize(("_", "code", "name"), rows(OTHER))
def test_codes_of_other_families(_: int, code: str, name: str, status: int) -> None:
    """A family may end in a digit."""
    assert name_of(status, {"error_code": code, "error_msg": "said"}) == name


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("dbs.201205", "InstanceBusy"),
        ("Dbs.201014", "InstanceNotReady"),
        ("201201", "NameTaken"),
        ("apigw.0307", "CredentialsRejected"),
        ("0302", "PermissionDenied"),
        ("pap5.0040", "PermissionDenied"),
    ],
)
def test_case_and_prefix_of_a_code_do_not_matter(code: str, name: str) -> None:
    """Codes have been seen in lower case and without a prefix."""
    body = {"error_code": code, "error_msg": "said"}
    assert name_of(400, body) == name
    assert read_evidence(answer(400, body)).error_code == code


@pytest.mark.parametrize("status", [408, 425])
@pytest.mark.parametrize("code", ["DBS.201205", "DBS.280056", "DBS.201201"])
def test_408_and_425_count_as_5xx(status: int, code: str) -> None:
    """The code in their body does not count."""
    assert name_of(status, {"error_code": code, "error_msg": "said"}) == "ServiceUnavailable"


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize(
    ("message", "detail"),
    [
        (
            "Incorrect IAM authentication: AK access failed to reach the limit,forbidden.",
            "the access key is blocked for 5 minutes",
        ),
        ("The account is locked.", "the account is locked for 15 minutes"),
        ("The account has been locked. Try again in 7 minutes.", "locked for 7 minutes"),
    ],
)
def test_a_blocked_key_and_a_locked_account_say_so(status: int, message: str, detail: str) -> None:
    """With the minutes after which it ends."""
    error = map_error(answer(status, {"error_code": f"XYZ.{status}", "error_msg": message}))
    assert type(error).__name__ == "CredentialsRejected"
    assert detail in error.detail


@pytest.mark.parametrize("status", [400, 403])
def test_another_limit_blocks_no_key(status: int) -> None:
    """Else a quota that is used up would count as a refused secret."""
    body = {"error_code": "DBS.999999", "error_msg": "The number of backups has reached the limit."}
    assert name_of(status, body) == {400: "RequestRejected", 403: "PermissionDenied"}[status]


@pytest.mark.parametrize("code", SERVICE_CODES)
def test_every_documented_code_has_a_meaning(code: str) -> None:
    """All 245 codes of the page: what concerns no backup falls back on its status."""
    status = SERVICE_CODES[code]["status"]
    known = {f"DBS.{number}": name for _, number, name in rows(SERVICE)}
    expected = known.get(code) or dict(statuses(BY_STATUS))[status]
    assert (
        name_of(status, {"error_code": code, "error_msg": SERVICE_CODES[code]["message"]})
        == expected
    )


def test_all_documented_codes_are_there() -> None:
    """The page's list is whole, and the tables name no code that is on no page."""
    elsewhere = {"DBS.201209", "DBS.200751"}
    assert len(SERVICE_CODES) == 245
    assert {f"DBS.{number}" for _, number, _ in rows(SERVICE)} - SERVICE_CODES.keys() == elsewhere
    assert not {f"DBS.{number}" for _, number, _ in rows(UNDOCUMENTED)} & SERVICE_CODES.keys()
    assert all(
        SERVICE_CODES[f"DBS.{number}"]["status"] == status
        for status, number, _ in rows(SERVICE)
        if f"DBS.{number}" in SERVICE_CODES
    )


@pytest.mark.parametrize(("status", "name"), statuses(BY_STATUS))
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502 Bad Gateway</html>",
        {"error_code": "DBS.999999", "error_msg": "said"},
        {"error_code": "DBS.201999", "error_msg": "said"},
        {"error_code": "APIGW.9999", "error_msg": "said"},
        {"error_code": "IAM.0061", "error_msg": "said"},
        {"error_code": "999999", "error_msg": "said"},
        {"error": {"code": "111401001", "message": "Invalid token."}},
        {"error_code": "XYZ.201201", "error_msg": "said"},
        {"error_code": 201201, "error_msg": "said"},
        {"message": "Authorization information is wrong", "request_id": "a" * 32},
    ],
)
def test_an_unknown_code_falls_back_on_its_status(status: int, name: str, body: object) -> None:
    """And so does an answer without a code."""
    assert name_of(status, body) == name


@pytest.mark.parametrize("code", [f"DBS.{number}" for _, number, _ in rows(SERVICE)])
@pytest.mark.parametrize(
    ("status", "name"),
    [
        (429, "Throttled"),
        (500, "ServiceUnavailable"),
        (502, "ServiceUnavailable"),
        (503, "ServiceUnavailable"),
        (504, "ServiceUnavailable"),
    ],
)
def test_429_and_5xx_are_believed_over_the_code(status: int, name: str, code: str) -> None:
    """A gateway in trouble may pass on any body."""
    assert name_of(status, {"error_code": code, "error_msg": "said"}) == name


@pytest.mark.parametrize("status", [400, 403, 404, 409, 413, 422])
@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("DBS.201201", "NameTaken"),
        ("DBS.201205", "InstanceBusy"),
        ("DBS.201014", "InstanceNotReady"),
        ("DBS.201028", "InstanceNotFound"),
        ("DBS.216003", "PermissionDenied"),
        ("DBS.280056", "CredentialsRejected"),
        ("DBS.201210", "InvalidRequest"),
    ],
)
def test_within_the_other_4xx_the_code_decides(status: int, code: str, name: str) -> None:
    """Not the status: a busy instance answers 409 or 400."""
    assert name_of(status, {"error_code": code, "error_msg": "said"}) == name


SHAPES = [
    {"error_code": "DBS.201205", "error_msg": "Backup is in progress, please wait."},
    {"error_msg": "Backup is in progress, please wait.", "error_code": "DBS.201205"},
    {"errorCode": "DBS.201205", "errorMsg": "Backup is in progress, please wait."},
    {"errCode": "DBS.201205", "externalMessage": "Backup is in progress, please wait."},
    {"error": {"errCode": "DBS.201205", "externalMessage": "Backup is in progress, please wait."}},
    {"ERROR_CODE": "DBS.201205", "Error_Msg": "Backup is in progress, please wait."},
    {"code": "DBS.201205", "message": "Backup is in progress, please wait."},
    {"error": {"code": "DBS.201205", "message": "Backup is in progress, please wait."}},
    {"error": {"error_code": "DBS.201205", "error_msg": "Backup is in progress, please wait."}},
    {
        "job": None,
        "fault": {"errorCode": "DBS.201205", "errorMsg": "Backup is in progress, please wait."},
    },
    {
        "error_code": "DBS.201205",
        "error_msg": "Backup is in progress, please wait.",
        "encoded_authorization_message": "x",
    },
]


@pytest.mark.parametrize("body", SHAPES)
def test_the_parts_are_found_in_any_shape(body: object) -> None:
    """The shapes that Huawei's own parser takes: three pairs of names, or any of them one down."""
    evidence = read_evidence(answer(400, body))
    assert evidence.error_code == "DBS.201205"
    assert evidence.error_msg == "Backup is in progress, please wait."
    assert evidence.http_status == 400
    assert name_of(400, body) == "InstanceBusy"


def test_iam_s_shape_has_a_message_but_no_code() -> None:
    """Its `code` is the status over again."""
    body = {"error": {"code": 401, "message": "The username or password is wrong.", "title": "x"}}
    evidence = read_evidence(answer(401, body))
    assert evidence.error_code is None
    assert evidence.error_msg == "The username or password is wrong."


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"DBS.201205"',
        b"5",
        b"{}",
        b"\xff\xfe",
        b"{",
        b"<html>",
        b"[" * 100_000,
        b'{"error_code": {"code": ["DBS.201205"]}}',
        b'{"error_code": null, "error_msg": null}',
        b'{"error_code": "", "error_msg": ""}',
        b'{"error_code": ["DBS.201205"], "error_msg": {"a": 1}}',
    ],
)
def test_what_says_nothing_readable_is_no_evidence(body: bytes) -> None:
    """But for the status, which is always known."""
    evidence = read_evidence(answer(400, body))
    assert (evidence.http_status, evidence.error_code, evidence.error_msg) == (400, None, None)


@pytest.mark.parametrize(
    "code",
    [
        "DBS.",
        ".201205",
        "DBS.20x",
        "DBS.201205\n",
        "DBS 201205",
        "D" * 17 + ".1",
        "DBS." + "1" * 17,
    ],
)
def test_what_does_not_look_like_a_code_is_none(code: str) -> None:
    """It would go into logs and replies."""
    assert read_evidence(answer(400, {"error_code": code, "error_msg": "x"})).error_code is None


@pytest.mark.parametrize(
    ("body", "headers", "request_id"),
    [
        ({"error_msg": "x", "request_id": "a1-B2"}, {"X_Request_Id": "other"}, "a1-B2"),
        ({"error_msg": "x"}, {"x_request_id": "a1-B2"}, "a1-B2"),
        ({"error_msg": "x"}, {"X_IAM_Trace_Id": "a1-B2"}, "a1-B2"),
        ({"error_msg": "x"}, {"X_Request_Id": "a1", "X_IAM_Trace_Id": "b2"}, "a1"),
        (b"<html>", {"X_Request_Id": "a1"}, "a1"),
        ({"error_msg": "x", "request_id": "not an id"}, {}, None),
        ({"error_msg": "x", "request_id": "a" * 65}, {}, None),
        ({"error_msg": "x", "request_id": 5}, {}, None),
        ({"error_msg": "x"}, {}, None),
    ],
)
def test_the_cloud_s_request_id_is_kept(
    body: object, headers: dict[str, str], request_id: str | None
) -> None:
    """From the body, else from a header; what is no ID is none."""
    assert read_evidence(answer(400, body, **headers)).api_request_id == request_id


def test_an_error_tells_the_meaning_and_the_code() -> None:
    """The detail is in our words, so that nothing foreign reaches a caller."""
    error = map_error(answer(409, {"error_code": "DBS.201205", "error_msg": "hunter2"}))
    assert error.detail == "a backup of the instance is running (DBS.201205)"
    assert "hunter2" not in str(error)


def test_an_error_without_a_code_tells_the_status() -> None:
    """So that the operator has something to look for."""
    assert map_error(answer(418)).detail.endswith("(HTTP 418)")


def test_the_wait_travels_with_the_error() -> None:
    """Whatever the error is."""
    assert map_error(answer(429, Retry_After="7")).retry_after == 7.0
    assert map_error(answer(503, Retry_After="7")).retry_after == 7.0
    assert map_error(answer(503)).retry_after is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("policy user over ratelimit,limit:60,time:1 minute", 60.0),
        ("limit:200,time:5 minute", 300.0),
        ("limit:10,time:30 second", 30.0),
        ("limit:10, Time: 1 Hour", 3600.0),
        ("Threshold: 10 times per 60 seconds", 60.0),
        ("10 times per 2 minutes", 120.0),
        ("100 requests per minute", 60.0),
        ("limit:1,time:1 day", 86400.0),
        ("The throttling threshold has been reached", None),
        ("time:12 monkeys", None),
        ("limit:5,time:500 ms", None),
        ("limit:5,time:60s", 60.0),
        ("peruse 5 seconds", None),
        ("", None),
    ],
)
def test_the_window_in_the_text_of_a_429(text: str, seconds: float | None) -> None:
    """It is the wait that the cloud names where `Retry-After` is missing."""
    body = {"error_code": "APIGW.0308", "error_msg": text}
    assert map_error(answer(429, body)).retry_after == seconds
    assert map_error(answer(429, body, Retry_After="7")).retry_after == 7.0
    assert map_error(answer(503, body)).retry_after is None


def test_an_unreadable_answer_is_the_service_s_fault() -> None:
    """A 202 that is not the documented JSON is neither a success nor a refusal."""
    error = unreadable_response(answer(202, b"<html>"))
    assert isinstance(error, ServiceUnavailable)
    assert error.evidence.http_status == 202
    assert "202" in error.detail


SENT = "Mon, 23 Nov 2026 10:15:04 GMT"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("007", 7.0),
        ("999999999", 999999999.0),
        ("Mon, 23 Nov 2026 10:15:34 GMT", 30.0),
        ("Monday, 23-Nov-26 10:15:34 GMT", 30.0),
        ("Mon, 23 Nov 2026 11:15:34 +0100", 30.0),
        ("Mon, 23 Nov 2026 10:15:00 GMT", 0.0),
        ("", None),
        ("-7", None),
        ("+7", None),
        ("7.5", None),
        ("1e3", None),
        ("7 s", None),
        ("soon", None),
        ("\u0667", None),
        ("9" * 5000, None),
        ("Mon, 32 Nov 2026 10:15:34 GMT", None),
        ("Mon, 23 Nov 2026 10:15:34 -0000", None),
        # numbers too large for any calendar or any machine word
        ("Mon, 23 Nov 99999 10:15:34 GMT", None),
        ("Mon, 23 Nov 99999999999999999999 10:15:34 GMT", None),
        ("Mon, 23 Nov 2026 10:15:34 +99999999999999999999", None),
    ],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    """A number of seconds, or a date that is held against the answer's own (RFC 9110, 10.2.3)."""
    assert retry_after(CaseInsensitiveDict({"retry-after": text, "date": SENT})) == seconds


@pytest.mark.parametrize("sent", ["", "yesterday", "Mon, 23 Nov 99999999999999999999 1:1:1 GMT"])
def test_a_date_needs_the_server_s_own(sent: str) -> None:
    """Our clock may differ by minutes from the cloud's."""
    headers = CaseInsensitiveDict({"Retry-After": "Mon, 23 Nov 2026 10:15:34 GMT", "Date": sent})
    assert retry_after(headers) is None


def test_no_header_asks_for_nothing() -> None:
    """The answer of most services."""
    assert retry_after(NO_HEADERS) is None
