"""Signatures of webhooks: with the public package in both directions, and against any headers."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime

from hypothesis import assume, given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from gaussdb_backup.event_sources.webhooks import (
    MAX_KEY_BYTES,
    MIN_KEY_BYTES,
    TOLERANCE_SECONDS,
    decode_key,
    matching_key,
    parse_signature,
)
from tests.local_cloud.events import signature
from tests.properties.strategies import LAW, TEXTS

KEYS = st.binary(min_size=MIN_KEY_BYTES, max_size=MAX_KEY_BYTES)
IDS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=60)
BODIES = st.text(st.characters(codec="utf-8"), max_size=200)
NOW = 1_795_428_904.0


def written(key: bytes) -> str:
    """A key as a secret holds it."""
    return "whsec_" + base64.b64encode(key).decode()


def headers(message_id: str, timestamp: int, signatures: str) -> dict[str, str]:
    """The three headers of a signed request."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signatures,
    }


def lets_in(sent: dict[str, str], body: bytes, keys: list[bytes], now: float) -> bool:
    """Whether we take the request for a signed one."""
    parsed = parse_signature(sent, now)
    return not isinstance(parsed, str) and matching_key(parsed, body, keys) is not None


def package_lets_in(sent: dict[str, str], body: bytes, key: bytes) -> bool:
    """Whether the public package does; it knows no other time than now."""
    try:
        Webhook(written(key)).verify(body, sent, json_parse=False)
    except WebhookVerificationError:
        return False
    return True


@LAW
@given(KEYS, IDS, BODIES, st.integers(0, 2**33))
def test_what_the_package_signs_we_let_in(key: bytes, message_id: str, body: str, at: int) -> None:
    """For any key, ID, body and time."""
    signed = Webhook(written(key)).sign(message_id, datetime.fromtimestamp(at, UTC), body)
    assert lets_in(headers(message_id, at, signed), body.encode(), [key], at)


@LAW
@given(KEYS, IDS, BODIES)
def test_what_is_signed_by_the_scheme_the_package_lets_in(
    key: bytes, message_id: str, body: str
) -> None:
    """For any key, ID and body, signed now: the package and we agree."""
    now = time.time()
    made = signature(body.encode(), message_id=message_id, timestamp=int(now), key=written(key))
    sent = headers(message_id, int(now), made)
    assert package_lets_in(sent, body.encode(), key)
    assert lets_in(sent, body.encode(), [key], now)


@LAW
@given(KEYS, KEYS, IDS, IDS, BODIES, BODIES, st.integers(-1000, 1000))
def test_whatever_is_changed_we_agree_with_the_package(
    key: bytes, other_key: bytes, one: str, other: str, body: str, changed: str, late: int
) -> None:
    """For any change of key, ID, body or time: both let it in, or neither does."""
    assume(abs(abs(late) - TOLERANCE_SECONDS) > 5)
    now = time.time()
    made = signature(body.encode(), message_id=one, timestamp=int(now) - late, key=written(key))
    for an_id, a_body, a_key in (
        (one, body, key),
        (other, body, key),
        (one, changed, key),
        (one, body, other_key),
    ):
        sent = headers(an_id, int(now) - late, made)
        expected = package_lets_in(sent, a_body.encode(), a_key)
        assert lets_in(sent, a_body.encode(), [a_key], now) is expected


@LAW
@given(
    st.dictionaries(
        st.one_of(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), TEXTS),
        st.one_of(TEXTS, st.sampled_from(["1795428904", "msg_1", "v1,", "v1,AAAA", "v1"])),
        max_size=5,
    ),
    st.binary(max_size=100),
    st.lists(KEYS, max_size=3),
)
def test_nobody_guesses_a_signature(sent: dict[str, str], body: bytes, keys: list[bytes]) -> None:
    """For any headers and any body: no, and never an exception."""
    assert not lets_in(sent, body, keys, NOW)


@LAW
@given(st.lists(TEXTS, max_size=5), st.lists(TEXTS, max_size=5), BODIES, KEYS)
def test_a_good_signature_is_found_among_any(
    before: list[str], after: list[str], body: str, key: bytes
) -> None:
    """For any parts before and behind it."""
    good = signature(body.encode(), message_id="msg_1", timestamp=int(NOW), key=written(key))
    signatures = " ".join([*before, good, *after])
    assert lets_in(headers("msg_1", int(NOW), signatures), body.encode(), [key], NOW)


@LAW
@given(st.one_of(TEXTS, TEXTS.map("whsec_{}".format), st.binary(max_size=100).map(written)))
def test_a_text_is_a_key_or_it_is_not(text: str) -> None:
    """For any text: 24 to 64 bytes that it spells, or a `ValueError` that does not show it."""
    try:
        spelt = decode_key(text)
    except ValueError as refusal:
        shown = str(refusal)
    else:
        assert MIN_KEY_BYTES <= len(spelt) <= MAX_KEY_BYTES
        assert base64.b64decode(text.removeprefix("whsec_")) == spelt
        shown = ""
    assert len(text) < 8 or text not in shown
