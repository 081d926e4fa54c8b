"""Whatever the cloud answers becomes one of our errors or a document, without any secret."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from requests.structures import CaseInsensitiveDict

from gaussdb_backup.errors import BackupError
from gaussdb_backup.gaussdb.models import CreateResponse, parse_zoned_time
from gaussdb_backup.http_client.error_mapping import map_error, read_evidence, retry_after
from gaussdb_backup.http_client.redaction import redact_message
from gaussdb_backup.http_client.response import Response
from tests.properties.strategies import LAW, SCALARS, TEXTS, json_values, spoilt

BACKUP = {
    "id": "0483b6b16e954cb88930a360d2c4e663br14",
    "name": "nightly",
    "description": None,
    "begin_time": "2022-05-09T18:02:31+0800",
    "end_time": None,
    "size": 1.5,
    "status": "BUILDING",
    "type": "manual",
    "instance_id": "7e01ac5ac5274957ba506f3851d11d51in14",
}
TASK = {
    "instance_info": {"instance_id": "a"},
    "job_id": "9d12f1f2",
    "name": "BackupSnapshotGaussDBV5InInstance",
    "created_at": "2022-05-09T18:02:31+0800",
}
REPLIES: list[Any] = [
    {"backup": BACKUP, "job_id": "9d12f1f2"},
    {"backups": [BACKUP, BACKUP], "total_count": 2},
    {"tasks": [TASK], "total_count": 1},
    {"instances": [{"id": "a", "name": "orders", "status": "ACTIVE"}], "total_count": 1},
    {"error_code": "DBS.201205", "error_msg": "Backup is in progress, please wait."},
    {"error_msg": "refused", "error_code": "APIGW.0301", "request_id": "a" * 32},
    {"error": {"code": 401, "message": "Unauthorized.", "title": "Unauthorized"}},
]

bodies = st.one_of(
    st.binary(max_size=300),
    json_values().map(lambda value: json.dumps(value).encode()),
    spoilt(REPLIES).map(lambda value: json.dumps(value).encode()),
)
headers = st.dictionaries(
    st.sampled_from(["Retry-After", "Date", "X-Request-Id", "X-IAM-Trace-Id"]),
    st.one_of(TEXTS, st.sampled_from(["7", "0", "Mon, 23 Nov 2026 10:15:34 GMT", "a1b2"])),
).map(CaseInsensitiveDict)
# what a request may carry: nothing that our own mark could spell
secrets = st.text("ghijklmnopqstuvwxyzGHIJ0123456789+/=-_.!$%", min_size=8, max_size=60).filter(
    lambda text: not text.isspace()
)


@LAW
@given(st.integers(100, 599), headers, bodies)
def test_every_answer_is_an_error_of_ours(
    status: int, found: CaseInsensitiveDict[str], body: bytes
) -> None:
    """For any status, headers and bytes: an error whose evidence fits on a line of the log."""
    error = map_error(Response(status, found, body))
    assert isinstance(error, BackupError)
    evidence = error.evidence
    assert evidence.http_status == status
    for text in (evidence.error_code, evidence.error_msg, evidence.api_request_id, str(error)):
        assert text is None or (text.isprintable() and text.encode() and len(text) <= 300)
    assert error.retry_after is None or 0 <= error.retry_after < math.inf
    if status == 429 or status >= 500:
        assert error.retryable


@LAW
@given(bodies)
def test_every_document_can_be_passed_on(body: bytes) -> None:
    """For any bytes: an accepted backup whose reply is plain JSON, or no documented response."""
    try:
        accepted = CreateResponse.model_validate_json(body)
    except ValidationError:
        return
    assert json.dumps(accepted.backup.as_reply(), allow_nan=False).encode()
    assert accepted.job_id


@LAW
@given(st.one_of(TEXTS, st.text("0123456789-:.TZ+ ", max_size=30)))
def test_a_time_of_the_api_has_a_zone_or_is_none(text: str) -> None:
    """For any text: an aware time, or None."""
    time = parse_zoned_time(text)
    assert time is None or time.utcoffset() is not None


@LAW
@given(
    st.one_of(
        TEXTS,
        st.text("0123456789", max_size=30),
        st.from_regex(
            r"(Mon, )?\d{1,25} (Nov|Foo) \d{1,25} \d{1,3}:\d{1,3}(:\d{1,3})? ([+-]\d{1,25}|GMT)",
            fullmatch=True,
        ),
    ),
    st.one_of(TEXTS, st.just("Mon, 23 Nov 2026 10:15:04 GMT")),
)
def test_a_wait_is_a_number_of_seconds_or_none(text: str, date: str) -> None:
    """For any two texts: a finite number that is not negative, or None."""
    seconds = retry_after(CaseInsensitiveDict({"Retry-After": text, "Date": date}))
    assert seconds is None or 0 <= seconds < math.inf


@LAW
@given(st.integers(0, 999_999_999))
def test_a_wait_in_seconds_is_that_wait(seconds: int) -> None:
    """For any number of seconds."""
    assert retry_after(CaseInsensitiveDict({"Retry-After": str(seconds)})) == seconds


@LAW
@given(st.lists(secrets, min_size=1, max_size=4), st.data())
def test_no_known_secret_comes_through(hidden: list[str], data: st.DataObject) -> None:
    """For any message and any secrets in it, however often and however joined."""
    parts = st.one_of(
        st.sampled_from(hidden), st.text(max_size=12), st.sampled_from([" ", ",", "|"])
    )
    message = "".join(data.draw(st.lists(parts, max_size=12)))
    shown = redact_message(message, hidden)
    assert not [secret for secret in hidden if secret in shown]


@LAW
@given(secrets, st.data())
def test_no_known_secret_comes_through_an_answer(secret: str, data: st.DataObject) -> None:
    """For any shape of body: neither in the evidence nor in the message of the error."""
    said = data.draw(st.sampled_from(["{} is refused", "ak {} not exist", "x{}x", "{},{}"]))
    body = data.draw(spoilt(REPLIES)) if data.draw(st.booleans()) else {}
    if isinstance(body, dict):
        body = {**body, "error_msg": said.replace("{}", secret)}
    evidence = read_evidence(Response(401, {}, json.dumps(body).encode(), redact=(secret,)))
    assert secret not in (evidence.error_msg or "")


@LAW
@given(st.text(max_size=1000))
def test_a_message_becomes_one_short_line(message: str) -> None:
    """For any text: printable, and no longer than a log can bear."""
    shown = redact_message(message)
    assert shown.isprintable()
    assert len(shown) <= 300


@LAW
@given(st.from_regex(r"[0-9a-f]{32}((in|br|no)[0-9]{2})?", fullmatch=True) | st.uuids().map(str))
def test_ids_survive(resource_id: str) -> None:
    """For any instance, backup, node, project or job: the operator sees which."""
    assert (
        redact_message(f"{resource_id} is busy: {resource_id}")
        == f"{resource_id} is busy: {resource_id}"
    )


@LAW
@given(st.from_regex(r"[A-Z0-9]{20}|[0-9a-f]{64}|MII[A-Za-z0-9+-]{100,200}", fullmatch=True))
def test_keys_signatures_and_tokens_do_not_come_through(word: str) -> None:
    """For anything of the shape of an access key, a signature or a token, known or not."""
    assert word not in redact_message(f"what is {word} for?")


@LAW
@given(SCALARS, SCALARS)
def test_what_is_no_text_is_no_code_and_no_message(code: Any, message: Any) -> None:
    """For any scalars in their place."""
    body = json.dumps({"error_code": code, "error_msg": message}).encode()
    evidence = read_evidence(Response(400, {}, body))
    assert evidence.error_code is None or evidence.error_code == code
    assert evidence.error_msg is None or isinstance(message, str)
