"""What the cloud says is shown without keys, tokens, signatures and what was signed."""

from __future__ import annotations

import json

import pytest

from gaussdb_backup.http_client.error_mapping import map_error, read_evidence
from gaussdb_backup.http_client.redaction import redact_message
from gaussdb_backup.http_client.response import Response

ACCESS_KEY = "QTWAOYTTINDUT2QVKYUC"  # published in Huawei's signing guide
SHORT_KEY = "NOTAREALKEY"
SIGNATURE = "7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe"  # likewise
TOKEN = "MIIE" + "not-a-real-token+" * 20
INSTANCE = "7e01ac5ac5274957ba506f3851d11d51in14"


@pytest.mark.parametrize(
    "said",
    [
        f"Incorrect IAM authentication information: ak {ACCESS_KEY} not exist",
        f"Incorrect IAM authentication information: ak {SHORT_KEY} not exist",
        f"Incorrect IAM authentication information: AK {SHORT_KEY} not exist",
        (
            f"Incorrect IAM authentication information: Get secretKey failed,ak:{SHORT_KEY},"
            "err:ak not exist"
        ),
        f"Get secretKey failed, ak: {SHORT_KEY}, err: ak not exist",
        f"ak={SHORT_KEY}",
        f"SDK-HMAC-SHA256 Access={SHORT_KEY}, SignedHeaders=host, Signature={SIGNATURE}",
        f"Access = {SHORT_KEY} is unknown",
        f"verify signature fail, signature:{SHORT_KEY}",
        f"Signature={SIGNATURE}",
        f"signature = {SHORT_KEY}",
        (
            f"verify aksk signature fail, canonicalRequest:POST|/v3/p/backups/||"
            f"host:{SHORT_KEY}||host|{SIGNATURE}"
        ),
        f"verify aksk signature fail, canonicalRequest:GET|/||x-security-token:{SHORT_KEY}|",
        f"Canonical Request: GET\n/\n\nhost:{SHORT_KEY}",
        f"canonical_request={SHORT_KEY}",
        f"stringToSign: {SHORT_KEY}",
        f"string to sign was {SHORT_KEY}",
        f"the token {TOKEN} is invalid",
        f"{SIGNATURE}",
        f"({ACCESS_KEY})",
        f"key {ACCESS_KEY}, {ACCESS_KEY}; {ACCESS_KEY}",
    ],
)
def test_what_the_gateway_gives_away_is_not_passed_on(said: str) -> None:
    """Its own messages name access keys and show what was signed."""
    shown = redact_message(said)
    assert SHORT_KEY not in shown
    assert ACCESS_KEY not in shown
    assert SIGNATURE not in shown
    assert TOKEN[:40] not in shown
    assert "[redacted]" in shown


@pytest.mark.parametrize(
    "said",
    [
        "Backup is in progress, please wait.",
        "The backup name already exists.",
        f"The instance {INSTANCE} does not exist.",
        "backup 0483b6b16e954cb88930a360d2c4e663br14",
        "node 0483b6b16e954cb88930a360d2c4e663no14",
        "project 0483b6b16e954cb88930a360d2c4e663",
        "job 9d12f1f2-9a5c-4a36-9a6b-0f3a6ff5b1e7",
        "request_id 0483b6b16e954cb88930a360d2c4e663, trace",
        "policy user over ratelimit,limit:60,time:1 minute",
        "signature expired, signature time:20230527T000431Z,server time:20230527T020608Z",
        "AK access failed to reach the limit,forbidden.",
        "decrypt token fail",
        "x-auth-token not found",
        "The username or password is wrong.",
        "Parameter error: name/nightly",
        "'name' is a required property",
    ],
)
def test_what_helps_the_operator_stays(said: str) -> None:
    """Reasons, times and the IDs of instances, backups, projects, jobs and requests survive."""
    assert redact_message(said) == said


@pytest.mark.parametrize(
    "secret",
    [
        "hunter2",
        "pass word",
        "a|b,c",
        ACCESS_KEY,
        INSTANCE,
        "0483b6b16e954cb88930a360d2c4e663",
        "ä€日本",
    ],
)
def test_what_the_request_carried_is_hidden_wherever_it_stands(secret: str) -> None:
    """Even if it looks like an ID: whoever knows the secrets says which they are."""
    shown = redact_message(f"a {secret} b{secret}c {secret}", [secret])
    assert secret not in shown
    assert shown == "a [redacted] b[redacted]c [redacted]"


def test_what_is_too_short_to_be_a_secret_is_no_secret() -> None:
    """An absent security token hides nothing, and a word of three letters not every text."""
    assert redact_message("The name is wrong.", ["", "is", "the"]) == "The name is wrong."


def test_a_message_is_one_short_line() -> None:
    """Control characters, line and paragraph separators and halves of characters become blanks."""
    shown = redact_message("a\r\nb\x00c\u2028d\x1b[31me\ud800f" + " x" * 1000)
    assert shown.startswith("a  b c d [31me f x x")
    assert shown.isprintable()
    assert len(shown) <= 300


def test_a_message_is_cut_only_after_it_was_redacted() -> None:
    """So that no half of a secret stands at its end."""
    shown = redact_message("x " * 145 + TOKEN, [TOKEN])
    assert TOKEN[:8] not in shown


def test_evidence_is_redacted() -> None:
    """What goes into logs has passed through here, with what the request carried."""
    body = b'{"error_code": "APIGW.0301", "error_msg": "ak hunter2 and correct-horse"}'
    evidence = read_evidence(Response(401, {}, body, redact=("hunter2", "correct-horse")))
    assert evidence.error_msg == "ak [redacted] and [redacted]"


def test_an_answer_does_not_show_its_parts() -> None:
    """It may end in a traceback."""
    answer = Response(401, {"X-Subject-Token": "hunter2"}, b"hunter2", redact=("hunter2",))
    assert "hunter2" not in repr(answer)
    assert "hunter2" not in repr(map_error(answer))


@pytest.mark.parametrize("header", [True, False])
def test_no_id_or_code_shows_a_secret(*, header: bool) -> None:
    """Whatever the cloud puts there."""
    body = {"error_code": "12345678", "error_msg": "x"}
    response = Response(
        400,
        {"X-Request-Id": SHORT_KEY} if header else {},
        json.dumps(body if header else {**body, "request_id": SHORT_KEY}).encode(),
        redact=(SHORT_KEY, "12345678", ""),
    )
    evidence = read_evidence(response)
    assert (evidence.error_code, evidence.api_request_id, evidence.error_msg) == (None, None, "x")
