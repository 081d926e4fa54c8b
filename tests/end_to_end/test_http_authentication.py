"""Who is let in over HTTP: callers whom the gateway has authenticated, and signed webhooks."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from standardwebhooks.webhooks import Webhook

from tests.local_cloud.events import (
    DIALECTS,
    IAM_CALLER,
    PAYLOAD,
    USER_ARN,
    Dialect,
    http,
    response,
    sample,
    signature,
    signed,
    signed_headers,
)
from tests.local_cloud.harness import Harness
from tests.local_cloud.local_cloud import INSTANCE_ID, WEBHOOK_KEY, WEBHOOK_SECRET

if TYPE_CHECKING:
    from collections.abc import Mapping

BODY = json.dumps(PAYLOAD).encode()
OTHER_KEY = "whsec_" + base64.b64encode(b"not-a-real-webhook-key-2").decode()
FOREIGN_KEY = "whsec_" + base64.b64encode(b"not-a-key-of-ours-at-all").decode()
VERSION_2: tuple[Dialect, ...] = ("http-api", "function-url")
in_each_dialect = pytest.mark.parametrize("dialect", DIALECTS)
# One caller whom nobody knows, sent once: all others must get this very answer.
STRANGER = http(known=False, request_id="request-1")


pytestmark = pytest.mark.usefixtures("backups_complete_at_once")


def status(harness: Harness, event: object) -> int:
    """The HTTP status that a request gets."""
    return response(harness.invoke(event).reply).status


def is_turned_away(harness: Harness, event: dict[str, Any]) -> bool:
    """Whether a request gets the one and only 401, and nothing of it reaches the service."""
    event = {**event, "requestContext": {**event["requestContext"], "requestId": "request-1"}}
    assert harness.invoke(event).reply == harness.invoke(STRANGER).reply
    assert harness.emulator.calls == []
    return status(harness, event) == 401


def webhook(
    headers: Mapping[str, str], body: bytes = BODY, dialect: Dialect = "http-api", **more: Any
) -> dict[str, Any]:
    """A request that the gateway knows nothing of."""
    return http(body, dialect=dialect, headers=headers, known=False, **more)


# --- the gateway vouches ---------------------------------------------------------------------


@pytest.mark.parametrize("dialect", VERSION_2)
@pytest.mark.parametrize(
    "authorizer",
    [
        IAM_CALLER,
        {"iam": {"userArn": USER_ARN, "accessKey": None}},
        {"jwt": {"claims": {"sub": "release-pipeline"}, "scopes": None}},
        {"lambda": {"caller": "release-pipeline"}},
        {"lambda": {"caller": None, "team": "databases"}},
        {"lambda": None, "jwt": {"claims": {"sub": "release-pipeline"}}},
    ],
    ids=["IAM", "IAM, partly null", "JWT", "Lambda", "Lambda, partly null", "one of two"],
)
def test_an_identity_of_payload_2_lets_in(
    harness: Harness, dialect: Dialect, authorizer: object
) -> None:
    """IAM, JWT or Lambda authorizer: whichever says something of the caller."""
    assert status(harness, http(dialect=dialect, authorizer=authorizer)) == 202


@pytest.mark.parametrize("dialect", VERSION_2)
@pytest.mark.parametrize(
    "authorizer",
    [
        {},
        [],
        "iam",
        {"iam": None},
        {"jwt": None},
        {"lambda": None},
        {"iam": {}},
        {"jwt": {}},
        {"lambda": {}},
        {"iam": None, "jwt": None, "lambda": None},
        {"iam": {"userArn": None, "accessKey": None, "cognitoIdentity": None}},
        {"iam": {"userArn": None, "cognitoIdentity": {"amr": [], "identityId": None}}},
        {"jwt": {"claims": None, "scopes": None}},
        {"jwt": {"claims": {}, "scopes": []}},
        {"jwt": {"claims": {"sub": None}}},
        {"lambda": {"caller": None}},
        {"lambda": {"caller": {"name": None}}},
        {"claims": {"sub": "of another dialect"}},
        {"principalId": "of another dialect"},
        {"apiKey": "not-a-real-api-key"},
    ],
    ids=json.dumps,
)
def test_nothing_said_is_no_identity_in_payload_2(
    harness: Harness, dialect: Dialect, authorizer: object
) -> None:
    """A key with null in it, an empty object, one whose values are all null: 401."""
    assert is_turned_away(harness, http(dialect=dialect, authorizer=authorizer))


@pytest.mark.parametrize(
    ("identity", "authorizer"),
    [
        ({"userArn": USER_ARN}, None),
        ({"caller": "AIDACKCEVSQ6C2EXAMPLE"}, None),
        ({}, {"claims": {"sub": "release-pipeline"}}),
        ({}, {"principalId": "release-pipeline"}),
        ({}, {"principalId": "release-pipeline", "team": None, "integrationLatency": 12}),
    ],
    ids=["IAM", "IAM's caller", "Cognito or JWT", "Lambda", "Lambda with a context"],
)
def test_an_identity_of_payload_1_lets_in(
    harness: Harness, identity: dict[str, object], authorizer: object
) -> None:
    """The same callers, where a REST API shows them."""
    event = http(dialect="rest-api", identity=identity, authorizer=authorizer)
    assert status(harness, event) == 202


@pytest.mark.parametrize(
    ("identity", "authorizer"),
    [
        ({}, None),
        ({}, {}),
        ({}, {"claims": None}),
        ({}, {"claims": {}}),
        ({}, {"claims": {"sub": None}}),
        ({}, {"principalId": None}),
        ({}, {"principalId": ""}),
        ({}, {"integrationLatency": 12}),
        ({"userArn": None, "caller": None}, {"claims": None, "principalId": None}),
        ({"apiKey": "not-a-real-api-key", "apiKeyId": "a1b2c3d4e5"}, None),
        ({"accountId": "123456789012"}, None),
        ({"sourceIp": "127.0.0.1", "userAgent": "ELB-HealthChecker/2.0"}, None),
        ({}, IAM_CALLER),
    ],
    ids=lambda value: json.dumps(value)[:50],
)
def test_nothing_said_is_no_identity_in_payload_1(
    harness: Harness, identity: dict[str, object], authorizer: object
) -> None:
    """An API key least of all: it is a quota's, not a caller's."""
    event = http(dialect="rest-api", identity=identity, authorizer=authorizer)
    assert is_turned_away(harness, event)


def test_a_gateway_without_authorisation_lets_nobody_in(harness: Harness) -> None:
    """Without anything of an identity, in every dialect."""
    for dialect in DIALECTS:
        event = http(dialect=dialect, known=False)
        event["requestContext"].pop("identity", None)
        assert is_turned_away(harness, event)


def test_a_load_balancer_vouches_for_nobody(harness: Harness) -> None:
    """Its headers are worth nothing unless their signature is verified."""
    event = {
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:::target"}},
        "httpMethod": "POST",
        "path": "/backups",
        "headers": {
            "content-type": "application/json",
            "x-amzn-oidc-identity": "release-pipeline",
            "x-amzn-trace-id": "Root=1-6b041228-5f84d3a02c1b7e9d4f60a852",
        },
        "body": BODY.decode(),
        "isBase64Encoded": False,
    }
    assert is_turned_away(harness, event)


@pytest.mark.parametrize(
    "event",
    [
        http(known=False),
        http(known=False, path="/elsewhere"),
        http(known=False, method="DELETE"),
        http(b"not JSON", known=False),
        http(b"x" * 30_000, known=False),
        http(known=False, headers={"content-type": "text/plain"}),
        http({"instance_id": "!"}, known=False),
        http(None, known=False, method="GET", path="/backups/x", query={"instance_id": "!"}),
        http(known=False, dialect="rest-api"),
        http(known=False, dialect="function-url", headers={"authorization": "Basic eDp5"}),
    ],
)
def test_all_strangers_get_one_answer(harness: Harness, event: dict[str, Any]) -> None:
    """Whatever they ask: the same body but for `instance`, before the payload is looked at."""
    invocation = harness.invoke(event)
    answer = response(invocation.reply)
    assert answer.headers == {
        "Content-Type": "application/problem+json",
        "WWW-Authenticate": (
            'AWS4-HMAC-SHA256 realm="gaussdb-backup", Bearer realm="gaussdb-backup"'
        ),
    }
    assert answer.body.pop("instance") == event["requestContext"]["requestId"]
    assert answer.body == {
        "type": "urn:gaussdb-backup:Unauthenticated",
        "title": "The caller is not authenticated",
        "status": 401,
        "detail": "neither the gateway nor a signature vouches for the caller",
        "retryable": False,
    }
    assert invocation.record["level"] == "WARNING"
    assert invocation.record["message"] == "request refused"
    assert INSTANCE_ID not in json.dumps(invocation.records)
    assert harness.cloud.secrets.reads == []


# --- a signature vouches ---------------------------------------------------------------------


@pytest.mark.parametrize("encoded", [False, True])
@in_each_dialect
def test_a_signed_request_creates(harness: Harness, dialect: Dialect, *, encoded: bool) -> None:
    """In every dialect, over the raw bytes of the body."""
    body = b' { "instance_id" :\t"' + INSTANCE_ID.encode() + b'" } '
    headers = signed_headers(body, now=harness.time.now())
    invocation = harness.invoke(webhook(headers, body, dialect, encoded=encoded))
    assert response(invocation.reply).status == 202
    assert invocation.record["trigger"] == "http"


def test_the_public_package_signs_what_we_accept(harness: Harness) -> None:
    """A sender that uses `standardwebhooks`."""
    now = datetime.fromtimestamp(harness.time.now(), UTC)
    headers = {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": Webhook(WEBHOOK_KEY).sign("msg_1", now, BODY.decode()),
    }
    assert status(harness, webhook(headers)) == 202


def test_the_public_package_accepts_what_we_sign(harness: Harness) -> None:
    """The recipe by which these tests sign is the public one."""
    headers = signed_headers(BODY, now=harness.time.now())
    assert Webhook(WEBHOOK_KEY).verify(BODY.decode(), headers) == PAYLOAD


def test_the_sample_webhook_is_a_signed_request(harness: Harness) -> None:
    """The sample in `events` lacks nothing but a signature of today."""
    event = sample("webhook")
    assert is_turned_away(harness, event)
    assert status(harness, signed(event, now=harness.time.now())) == 202


def good_and(harness: Harness, *parts: str) -> dict[str, str]:
    """Headers whose signature stands behind other parts."""
    headers = signed_headers(BODY, now=harness.time.now())
    return {**headers, "webhook-signature": " ".join([*parts, headers["webhook-signature"]])}


OTHER = signature(BODY, message_id="msg_1", timestamp=1, key=FOREIGN_KEY)


@pytest.mark.parametrize(
    "part",
    [
        OTHER,
        "v1,",
        "v1",
        ",",
        "",
        "  ",
        "v1,not*base64",
        "v1,YQ",
        "v1,YQ==",
        "v1,a,b",
        "v2,AAAA",
        f"v1a,{OTHER.removeprefix('v1,')}",
        "ü,ü",
        " ".join([OTHER] * 100),
    ],
)
def test_a_broken_part_before_a_good_one_does_no_harm(harness: Harness, part: str) -> None:
    """Any number of parts, of any version, well-formed or not."""
    assert status(harness, webhook(good_and(harness, part))) == 202


def test_a_good_part_before_a_broken_one_is_found_too(harness: Harness) -> None:
    """The order says nothing."""
    headers = signed_headers(BODY, now=harness.time.now())
    headers["webhook-signature"] += f" v1,* {OTHER}"
    assert status(harness, webhook(headers)) == 202


@pytest.mark.parametrize("seconds", [-298, 298])
def test_five_minutes_to_either_side_are_recent(harness: Harness, seconds: int) -> None:
    """Clocks differ, and so may they."""
    headers = signed_headers(BODY, now=harness.time.now() + seconds)
    assert status(harness, webhook(headers)) == 202


@pytest.mark.parametrize("seconds", [-302, 302, -3600, 10**9])
def test_what_is_older_or_from_the_future_is_not(harness: Harness, seconds: int) -> None:
    """However well it is signed."""
    headers = signed_headers(BODY, now=harness.time.now() + seconds)
    assert is_turned_away(harness, webhook(headers))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", None),
        ("webhook-id", ""),
        ("webhook-id", "msg_2"),
        ("webhook-id", "msg 1"),
        ("webhook-id", "msg_1\n"),
        ("webhook-id", "msg_ü"),
        ("webhook-id", "x" * 257),
        ("webhook-timestamp", None),
        ("webhook-timestamp", ""),
        ("webhook-timestamp", "now"),
        ("webhook-timestamp", "nan"),
        ("webhook-timestamp", "inf"),
        ("webhook-timestamp", "-1"),
        ("webhook-timestamp", "1e9"),
        ("webhook-timestamp", "9" * 400),
        ("webhook-timestamp", "١٧٩٥٤٢٨٩٠٤"),
        ("webhook-signature", None),
        ("webhook-signature", ""),
        ("webhook-signature", "v1"),
        ("webhook-signature", "v1,"),
        ("webhook-signature", "v1,\ud800"),
        ("webhook-signature", "ÿ" * 50),
        ("webhook-signature", OTHER),
        ("webhook-signature", f"v1,{base64.b64encode(bytes(31)).decode()}"),
        ("webhook-signature", f"v1,{base64.b64encode(bytes(33)).decode()}"),
        ("webhook-signature", ["v1,AAAA"]),
        ("webhook-signature", 1),
        ("webhook-signature", {"v1": "AAAA"}),
        ("webhook-signature", "v1," * 100_000),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_hostile_headers_end_in_401(harness: Harness, name: str, value: Any) -> None:
    """Malformed, non-ASCII or oversized: never an exception, and no other answer."""
    event = webhook(signed_headers(BODY, now=harness.time.now()))
    event["headers"] |= {name: value}
    assert is_turned_away(harness, event)


@pytest.mark.parametrize("message_id", ["", "msg 1", "msg_1\n", "msg_ü", "x" * 257])
def test_a_malformed_id_is_no_better_for_being_signed(harness: Harness, message_id: str) -> None:
    """It would have to serve as the identity of the event, and stand in the log."""
    headers = signed_headers(BODY, now=harness.time.now(), message_id=message_id)
    assert is_turned_away(harness, webhook(headers))


@pytest.mark.parametrize("spelt", ["v1", "V1", "v1 "])
def test_a_signature_is_taken_as_it_is_written(harness: Harness, spelt: str) -> None:
    """The version in lower case and nothing between: what no sender writes is no signature."""
    headers = signed_headers(BODY, now=harness.time.now())
    headers["webhook-signature"] = headers["webhook-signature"].replace("v1", spelt)
    assert (status(harness, webhook(headers)) == 202) == (spelt == "v1")


@pytest.mark.parametrize(("letter", "spelt"), [("=", ""), ("+", "-"), ("/", "_")])
def test_a_signature_is_strict_base64(harness: Harness, letter: str, spelt: str) -> None:
    """Neither without its padding nor in the alphabet of URLs."""
    now = harness.time.now()
    signed = (signed_headers(BODY, now=now, message_id=f"msg_{number}") for number in range(1000))
    headers = next(one for one in signed if letter in one["webhook-signature"])
    headers["webhook-signature"] = headers["webhook-signature"].replace(letter, spelt)
    assert is_turned_away(harness, webhook(headers))


@pytest.mark.parametrize("body", [BODY + b" ", BODY[:-1], b"", b"{}"])
def test_every_byte_of_the_body_is_signed(harness: Harness, body: bytes) -> None:
    """Not only what the JSON means."""
    headers = signed_headers(BODY, now=harness.time.now())
    assert is_turned_away(harness, webhook(headers, body))


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "post"])
@pytest.mark.parametrize("path", ["/backups/some-backup", "/backups", "/webhook", "/elsewhere"])
def test_a_signature_counts_with_post_only(harness: Harness, method: str, path: str) -> None:
    """A webhook cannot ask for the status of a backup."""
    headers = signed_headers(BODY, now=harness.time.now())
    assert is_turned_away(harness, webhook(headers, method=method, path=path))


@in_each_dialect
def test_a_webhook_has_a_path_of_its_own(harness: Harness, dialect: Dialect) -> None:
    """`POST /webhook`, so that a gateway can leave this route without an authorizer."""
    headers = signed_headers(BODY, now=harness.time.now())
    assert status(harness, webhook(headers, dialect=dialect, path="/webhook")) == 202
    assert status(harness, http(dialect=dialect, path="/webhook")) == 202


@pytest.mark.parametrize(("path", "expected"), [("/elsewhere", 404), ("/backups/some-backup", 405)])
def test_a_signed_request_to_a_wrong_path_is_told_so(
    harness: Harness, path: str, expected: int
) -> None:
    """Its sender is known."""
    headers = signed_headers(BODY, now=harness.time.now())
    assert status(harness, webhook(headers, path=path)) == expected
    assert harness.emulator.calls == []


def test_without_a_secret_no_signature_opens_anything() -> None:
    """Where `WEBHOOK_SECRET_ID` is not set, nothing is even read."""
    with Harness(WEBHOOK_SECRET_ID="") as harness:
        assert is_turned_away(harness, webhook(signed_headers(BODY, now=harness.time.now())))
        assert harness.cloud.secrets.reads == []


def test_a_caller_whom_the_gateway_knows_needs_no_signature(harness: Harness) -> None:
    """And a bad one does no harm: the keys are not even read."""
    headers = {**signed_headers(BODY, now=harness.time.now()), "webhook-signature": OTHER}
    assert status(harness, http(headers=headers)) == 202
    assert WEBHOOK_SECRET not in harness.cloud.secrets.reads


def test_a_body_that_is_signed_is_still_checked(harness: Harness) -> None:
    """A signature says who asks, not that the question is right."""
    for body in (b"{}", b"not JSON", b'{"instance_id": "!"}'):
        headers = signed_headers(body, now=harness.time.now())
        assert status(harness, webhook(headers, body)) == 400
    headers = signed_headers(BODY, now=harness.time.now()) | {"content-type": "text/plain"}
    assert status(harness, webhook(headers)) == 415
    assert harness.emulator.calls == []


def test_a_leaked_key_reaches_no_other_instance() -> None:
    """`ALLOWED_INSTANCES` bounds it, before any call."""
    body = json.dumps({"instance_id": "0" * 32 + "in14"}).encode()
    with Harness(ALLOWED_INSTANCES=INSTANCE_ID) as harness:
        headers = signed_headers(body, now=harness.time.now())
        assert status(harness, webhook(headers, body)) == 403
        assert harness.emulator.calls == []


# --- what a signed request is identified by --------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"Idempotency-Key": "another"},
        {"Idempotency-Key": ""},
        {"Idempotency-Key": "x" * 1000},
        {"X-Amzn-Trace-Id": "Root=1-6b041228-5f84d3a02c1b7e9d4f60a852", "Date": "now"},
    ],
    ids=["none", "a key", "an empty key", "a key too long", "others"],
)
def test_a_replay_with_other_headers_makes_nothing_new(
    harness: Harness, more: dict[str, str]
) -> None:
    """`webhook-id` alone identifies it: what is not signed has no say."""
    headers = signed_headers(BODY, now=harness.time.now())
    first = harness.invoke(webhook(headers))
    replay = harness.invoke(webhook({**headers, **more}, request_id="another"))
    assert [response(one.reply).status for one in (first, replay)] == [202, 200]
    assert len(harness.emulator.backups) == 1


def test_a_sender_that_tries_again_makes_nothing_new(harness: Harness) -> None:
    """Its next attempt has another timestamp and signature, and the same ID."""
    harness.invoke(webhook(signed_headers(BODY, now=harness.time.now())))
    harness.time.advance(240)
    again = harness.invoke(webhook(signed_headers(BODY, now=harness.time.now())))
    assert response(again.reply).body["outcome"] == "existing"
    assert len(harness.emulator.backups) == 1


def test_another_message_is_another_event(harness: Harness) -> None:
    """Another `webhook-id`, another backup; neither name shows a time, for it would change."""
    for number in range(2):
        headers = signed_headers(BODY, now=harness.time.now(), message_id=f"msg_{number}")
        harness.invoke(webhook(headers))
    names = [backup.name for backup in harness.emulator.backups]
    assert len(set(names)) == 2
    assert all(re.fullmatch(r"auto-[0-9a-f]{12}", name) for name in names)


@pytest.mark.parametrize(
    "own", [{"idempotency_key": "release-48"}, {"scheduled_time": "2026-11-23T21:30:00Z"}]
)
def test_a_signed_body_may_carry_its_own_key(harness: Harness, own: dict[str, str]) -> None:
    """It is signed, so it counts: two messages with one key are one event."""
    body = json.dumps({**PAYLOAD, **own}).encode()
    for number in range(2):
        headers = signed_headers(body, now=harness.time.now(), message_id=f"msg_{number}")
        harness.invoke(webhook(headers, body))
    assert len(harness.emulator.backups) == 1
