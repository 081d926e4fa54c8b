"""The signing keys of webhooks: how they rotate, age and fail, and what the log says of them."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.local_cloud.events import PAYLOAD, http, response, signature, signed_headers
from tests.local_cloud.harness import Harness
from tests.local_cloud.local_cloud import WEBHOOK_KEY, WEBHOOK_SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.local_cloud.harness import Invocation

BODY = json.dumps(PAYLOAD).encode()
OTHER_KEY = "whsec_" + base64.b64encode(b"not-a-real-webhook-key-2").decode()
FOREIGN_KEY = "whsec_" + base64.b64encode(b"not-a-key-of-ours-at-all").decode()
MINUTE = 60
UNREADABLE = "webhook keys unavailable"


@pytest.fixture
def harness() -> Iterator[Harness]:
    """The function beside a cloud of its own, whose backups are complete at once."""
    with Harness() as harness:
        harness.emulator.backup_seconds = 0
        yield harness


def signed_webhook(harness: Harness, key: str = WEBHOOK_KEY, **more: Any) -> dict[str, Any]:
    """A request of somebody whom the gateway does not know, signed now."""
    headers = signed_headers(BODY, now=harness.time.now(), key=key)
    return http(BODY, known=False, headers={**headers, **more})


def send(harness: Harness, key: str = WEBHOOK_KEY) -> Invocation:
    """Sends a signed webhook."""
    return harness.invoke(signed_webhook(harness, key))


def status(harness: Harness, key: str = WEBHOOK_KEY) -> int:
    """The HTTP status that a signed webhook gets."""
    return response(send(harness, key).reply).status


def reads(harness: Harness) -> int:
    """How often the webhook secret was read."""
    return harness.cloud.secrets.reads.count(WEBHOOK_SECRET)


def rotate(harness: Harness, *keys: str) -> None:
    """Saves other keys in the secret."""
    harness.cloud.secrets.rotate(WEBHOOK_SECRET, {"keys": list(keys)})


def lose_secret(harness: Harness) -> None:
    """Makes the secret unusable."""
    harness.cloud.secrets.rotate(WEBHOOK_SECRET, {})


# --- rotation --------------------------------------------------------------------------------


def test_every_key_of_the_secret_is_accepted(harness: Harness) -> None:
    """So that keys rotate without a gap. The log shows which one is in use, 1 is the newest."""
    rotate(harness, OTHER_KEY, WEBHOOK_KEY)
    for key, position in [(WEBHOOK_KEY, 2), (OTHER_KEY, 1)]:
        invocation = send(harness, key)
        assert response(invocation.reply).status in {200, 202}
        assert invocation.record["webhook_key"] == position
        assert invocation.record["webhook_id"] == "msg_1"
    assert reads(harness) == 1


def test_keys_are_read_once_for_many_requests(harness: Harness) -> None:
    """A fitting signature costs no read of the secret."""
    for _ in range(5):
        assert status(harness) in {200, 202}
    assert reads(harness) == 1


def test_a_new_key_is_found_when_none_fits(harness: Harness) -> None:
    """After a rotation the first request that no key fits makes the function read them again."""
    assert status(harness) == 202
    rotate(harness, OTHER_KEY)
    harness.time.advance(MINUTE)
    assert status(harness, OTHER_KEY) == 200
    assert status(harness) == 401
    assert reads(harness) == 2


def test_a_key_that_was_removed_is_refused_after_five_minutes(harness: Harness) -> None:
    """Also if only its own signatures come in, as after a leak."""
    assert status(harness) == 202
    rotate(harness, OTHER_KEY)
    harness.time.advance(5 * MINUTE - 1)
    assert status(harness) == 200
    harness.time.advance(1)
    assert status(harness) == 401
    assert reads(harness) == 2


def test_keys_that_are_used_all_the_time_are_read_every_five_minutes(harness: Harness) -> None:
    """And no more often."""
    for _ in range(30):
        assert status(harness) in {200, 202}
        harness.time.advance(30)
    assert reads(harness) == 3


# --- strangers -------------------------------------------------------------------------------


def test_strangers_cannot_make_the_function_read_more_than_once_a_minute(harness: Harness) -> None:
    """Otherwise anybody could spend the secret store's quota."""
    for minute in range(1, 4):
        for _ in range(5):
            assert status(harness, FOREIGN_KEY) == 401
            harness.time.advance(11)
        assert reads(harness) == minute
        harness.time.advance(5)


def refused(harness: Harness, event: dict[str, Any]) -> str:
    """The reason in the log of a request that gets 401."""
    invocation = harness.invoke(event)
    assert response(invocation.reply).status == 401
    assert invocation.record["message"] == "request refused"
    assert invocation.record["reason"] not in json.dumps(invocation.reply)
    return str(invocation.record["reason"])


def test_the_log_says_why_a_signature_was_refused(harness: Harness) -> None:
    """The caller is never told."""
    old = signed_headers(BODY, now=harness.time.now() - 301)
    assert refused(harness, http(known=False)) == "no_signature"
    assert refused(harness, http(known=False, method="GET")) == "no_signature"
    assert refused(harness, signed_webhook(harness, **{"webhook-signature": "v1"})) == "malformed"
    assert refused(harness, signed_webhook(harness, **{"webhook-id": "a b"})) == "malformed"
    assert refused(harness, http(BODY, known=False, headers=old)) == "timestamp"
    assert refused(harness, signed_webhook(harness, FOREIGN_KEY)) == "no_key_fits"
    broken = signed_webhook(harness) | {"body": "*", "isBase64Encoded": True}
    assert refused(harness, broken) == "malformed"


def test_the_log_says_that_webhooks_are_not_configured() -> None:
    """Where `WEBHOOK_SECRET_ID` is not set, nothing is read."""
    with Harness(WEBHOOK_SECRET_ID="") as harness:
        assert refused(harness, signed_webhook(harness)) == "not_configured"
        assert refused(harness, http(known=False)) == "no_signature"
        assert harness.cloud.secrets.reads == []


def test_a_caller_whom_the_gateway_knows_leaves_no_reason(harness: Harness) -> None:
    """Nor an ID of a webhook."""
    record = harness.invoke(http()).record
    assert not record.keys() & {"reason", "webhook_id", "webhook_key"}


# --- a secret that cannot be read ------------------------------------------------------------


@pytest.mark.parametrize(
    "secret",
    [
        {},
        {"keys": []},
        {"keys": "whsec_AAAA"},
        {"keys": [1]},
        {"keys": ["whsec_"]},
        {"keys": ["whsec_" + base64.b64encode(bytes(23)).decode()]},
        {"keys": ["whsec_" + base64.b64encode(bytes(65)).decode()]},
        {"keys": [WEBHOOK_KEY.removeprefix("whsec_")]},
        {"keys": ["whsec_" + base64.urlsafe_b64encode(b"\xff" * 24).decode()]},
        {"keys": [WEBHOOK_KEY + "\n"]},
        {"keys": [WEBHOOK_KEY, "whsk_" + WEBHOOK_KEY.removeprefix("whsec_")]},
        "not JSON",
        "[]",
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_a_weak_or_broken_key_makes_the_secret_unusable(harness: Harness, secret: Any) -> None:
    """The whole secret, so that nobody relies on half of it. The log names it, the reply does not.

    A sender tries again after 503. Whoever may not send gets no hint, and rings no alarm.
    """
    harness.cloud.secrets.rotate(WEBHOOK_SECRET, secret)
    invocation = send(harness)
    answer = response(invocation.reply)
    assert (answer.status, answer.error) == (503, "SecretUnavailable")
    assert answer.body["detail"] == "signatures cannot be verified at the moment"
    assert answer.headers["Retry-After"] == "60"
    cause, refusal = invocation.records
    assert (cause["level"], cause["message"]) == ("ERROR", UNREADABLE)
    assert "WEBHOOK_SECRET_ID" in cause["detail"]
    assert (refusal["level"], refusal["message"]) == ("WARNING", "request refused")
    assert not [metric for metric in invocation.metrics if "BackupFailed" in metric]
    assert harness.emulator.calls == []


def test_an_unusable_secret_is_read_and_logged_once_a_minute(harness: Harness) -> None:
    """However many strangers send signatures, of whatever key."""
    lose_secret(harness)
    causes = 0
    for _ in range(12):
        for key in (WEBHOOK_KEY, FOREIGN_KEY):
            invocation = send(harness, key)
            assert response(invocation.reply).status == 503
            causes += sum(line["message"] == UNREADABLE for line in invocation.records)
        harness.time.advance(15)
    assert causes == reads(harness) == 3


def test_only_a_well_formed_signature_learns_that_keys_are_missing(harness: Harness) -> None:
    """All others get the usual 401, and nothing is read for them."""
    lose_secret(harness)
    for event in (http(known=False), signed_webhook(harness, **{"webhook-signature": "v1"})):
        assert response(harness.invoke(event).reply).status == 401
    assert reads(harness) == 0


def test_keys_that_cannot_be_read_again_stay_valid_for_an_hour(harness: Harness) -> None:
    """An outage of the secret store stops no sender at once; a foreign key never gets in."""
    assert status(harness) == 202
    lose_secret(harness)
    for _ in range(59):
        harness.time.advance(MINUTE)
        assert status(harness) == 200
        assert status(harness, FOREIGN_KEY) == 401
    harness.time.advance(MINUTE)
    assert status(harness) == 503


def test_a_secret_that_is_repaired_is_used_within_a_minute(harness: Harness) -> None:
    """Nobody has to start the function again."""
    lose_secret(harness)
    assert status(harness) == 503
    rotate(harness, WEBHOOK_KEY)
    assert status(harness) == 503
    harness.time.advance(MINUTE)
    assert status(harness) == 202


def test_a_known_caller_is_not_held_up_by_an_unusable_webhook_secret(harness: Harness) -> None:
    """Only signatures need the keys."""
    lose_secret(harness)
    event = http(
        headers={
            "webhook-id": "msg_1",
            "webhook-signature": signature(BODY, message_id="msg_1", timestamp=1),
        }
    )
    assert response(harness.invoke(event).reply).status == 202


@pytest.mark.parametrize("size", [24, 64])
def test_keys_of_24_to_64_bytes_are_good(harness: Harness, size: int) -> None:
    """The bounds of the specification."""
    key = "whsec_" + base64.b64encode(bytes(range(size))).decode()
    rotate(harness, key)
    assert status(harness, key) == 202
