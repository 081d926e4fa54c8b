"""Standard Webhooks: a body is signed, lately, by one of our keys; or it is not, whatever comes."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from gaussdb_backup.event_sources.webhooks import (
    Reason,
    WebhookSignature,
    decode_key,
    matching_key,
    parse_signature,
)

NOW = 1_795_428_904.5
KEY = b"not-a-real-webhook-key-1"
OTHER_KEY = b"not-a-real-webhook-key-2"
BODY = b'{"instance_id":"a"}'
ID = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"
TIMESTAMP = "1795428904"


def sign(
    body: bytes = BODY, *, key: bytes = KEY, message_id: str = ID, timestamp: str = TIMESTAMP
) -> str:
    """One part of `webhook-signature`."""
    content = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


GOOD = sign()
GOOD_RAW = base64.b64decode(GOOD.removeprefix("v1,"))


def headers(**differing: str | None) -> dict[str, str]:
    """The headers of a signed request; None takes one away."""
    usual: dict[str, str | None] = {
        "webhook-id": ID,
        "webhook-timestamp": TIMESTAMP,
        "webhook-signature": GOOD,
    }
    changed = usual | {f"webhook-{name}": value for name, value in differing.items()}
    return {name: value for name, value in changed.items() if value is not None}


def parsed(**differing: str | None) -> WebhookSignature | Reason:
    """What is read from the headers of a request now."""
    return parse_signature(headers(**differing), NOW)


def lets_in(body: bytes = BODY, keys: tuple[bytes, ...] = (KEY,), **differing: str | None) -> bool:
    """Whether such a request is signed by one of the keys."""
    signature = parsed(**differing)
    return not isinstance(signature, str) and matching_key(signature, body, keys) is not None


def test_a_signed_body_is_let_in() -> None:
    """The plain case."""
    assert lets_in()


@pytest.mark.parametrize("name", ["id", "timestamp", "signature"])
@pytest.mark.parametrize("value", [None, ""])
def test_every_header_is_needed(name: str, value: str | None) -> None:
    """A request without one of the three is malformed."""
    assert parsed(**{name: value}) == "malformed"


def test_a_request_without_any_of_the_headers_is_not_signed() -> None:
    """The log tells it from one whose signature is broken."""
    assert parsed(id=None, timestamp=None, signature=None) == "no_signature"


@pytest.mark.parametrize("timestamp", ["1795428604", "1795429205", "0"])
def test_a_signature_from_another_time_is_told_apart(timestamp: str) -> None:
    """The sender's clock may be wrong, or somebody replays a request."""
    assert parsed(timestamp=timestamp, signature=sign(timestamp=timestamp)) == "timestamp"


@pytest.mark.parametrize(
    "signatures",
    [
        GOOD,
        f"{sign(key=OTHER_KEY)} {GOOD}",
        f"{GOOD} {sign(key=OTHER_KEY)}",
        f"v1,not/base64! {GOOD}",
        f"v1, {GOOD}",
        f"v1 {GOOD}",
        f"v1,a,b {GOOD}",
        f"nonsense {GOOD}",
        f",,, {GOOD}",
        f"  {GOOD}  ",
        f"v1a,{base64.b64encode(bytes(64)).decode()} {GOOD}",
        f"v2,{GOOD.removeprefix('v1,')} {GOOD}",
        f"v1,ä {GOOD}",
        f"v1,{base64.b64encode(b'short').decode()} {GOOD}",
        " ".join([sign(key=OTHER_KEY)] * 100 + [GOOD]),
    ],
)
def test_one_good_signature_among_any_others_is_enough(signatures: str) -> None:
    """A broken one before it does not hide it."""
    assert lets_in(signature=signatures)


@pytest.mark.parametrize(
    "signatures",
    [
        sign(key=OTHER_KEY),
        sign(BODY + b" "),
        sign(message_id="msg_other"),
        sign(timestamp="1795428903"),
        GOOD.removeprefix("v1,"),
        GOOD.replace("v1,", "V1,"),
        GOOD.replace("v1,", "v2,"),
        GOOD.replace("v1,", "v1a,"),
        GOOD.replace("v1,", "v1, "),
        GOOD.replace("v1,", "v1:"),
        GOOD.removesuffix("="),
        GOOD + "=",
        GOOD + "A",
        GOOD + "\n",
        GOOD.replace("v1,", "v1,\u00e4"),
        GOOD.replace(",", ",,"),
        "v1," + base64.urlsafe_b64encode(b"\xfb" * 32).decode(),
        "v1," + base64.b64encode(GOOD_RAW[:-1]).decode(),
        "v1," + base64.b64encode(GOOD_RAW + b"x").decode(),
        "v1," + GOOD_RAW.hex(),
        "v1",
        "v1,",
        ",",
        " ",
        "\ud800",
        "v1,\u0661",
        " ".join([sign(key=OTHER_KEY)] * 10_000),
        f"{'x' * 9_000} {GOOD}",
    ],
)
def test_no_good_signature_opens_nothing(signatures: str) -> None:
    """Malformed, foreign or endless: it ends in a no, never in an exception."""
    assert not lets_in(signature=signatures)


@pytest.mark.parametrize(
    ("timestamp", "recent"),
    [
        ("1795428904", True),
        ("1795428605", True),
        ("1795429204", True),
        ("1795428604", False),
        ("1795429205", False),
        ("0", False),
        ("999999999999", False),
        ("001795428904", True),
        ("0001795428904", False),
        ("1795428904.0", False),
        ("1795428904.9", False),
        (" 1795428904", False),
        ("1795428904 ", False),
        ("1795428904\n", False),
        ("+1795428904", False),
        ("-1795428904", False),
        ("1_795_428_904", False),
        ("1.795428904e9", False),
        ("nan", False),
        ("inf", False),
        ("0x6b041228", False),
        ("\u0661\u0667\u0669\u0665\u0664\u0662\u0668\u0669\u0660\u0664", False),
        ("9" * 5000, False),
    ],
)
def test_a_timestamp_is_recent_whole_seconds(timestamp: str, *, recent: bool) -> None:
    """Five minutes to either side; what the public package takes for a number is none here."""
    signed = sign(timestamp=timestamp)
    assert lets_in(timestamp=timestamp, signature=signed) is recent


@pytest.mark.parametrize("message_id", ["a", "msg_1", "!~", "a.b.c", "x" * 256])
def test_an_id_is_printable(message_id: str) -> None:
    """It becomes the identity of the event."""
    signature = parsed(id=message_id, signature=sign(message_id=message_id))
    assert not isinstance(signature, str)
    assert signature.webhook_id == message_id
    assert matching_key(signature, BODY, [KEY]) == 1


@pytest.mark.parametrize(
    "message_id", ["a b", " a", "a\n", "a\x00", "ä", "x" * 257, "\ud800", "a\tb"]
)
def test_what_is_no_id_is_malformed(message_id: str) -> None:
    """Even where it was signed."""
    assert parsed(id=message_id) == "malformed"


@pytest.mark.parametrize(
    ("keys", "position"),
    [((KEY, OTHER_KEY), 1), ((OTHER_KEY, KEY), 2), ((OTHER_KEY, KEY, OTHER_KEY, KEY), 2)],
)
def test_any_of_several_keys_fits(keys: tuple[bytes, ...], position: int) -> None:
    """So that keys rotate without a gap; the log shows which of them is still in use."""
    signature = parsed()
    assert not isinstance(signature, str)
    assert matching_key(signature, BODY, keys) == position


@pytest.mark.parametrize("keys", [(), (OTHER_KEY,), (b"",), (KEY[:-1],)])
def test_other_keys_do_not(keys: tuple[bytes, ...]) -> None:
    """Nor does none."""
    assert not lets_in(keys=keys)


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"not JSON", b"\x00" * 10_000])
def test_any_bytes_can_be_signed(body: bytes) -> None:
    """Verified first, decoded afterwards."""
    assert lets_in(body, signature=sign(body))
    assert not lets_in(body + b"\x00", signature=sign(body))


def test_a_published_vector_is_understood() -> None:
    """The example of the Standard Webhooks libraries."""
    key = decode_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = parse_signature(
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        1_614_265_330,
    )
    assert not isinstance(signature, str)
    assert matching_key(signature, b'{"test": 2432232314}', [key]) == 1


@pytest.mark.parametrize("length", [24, 25, 26, 32, 64])
def test_a_key_is_24_to_64_bytes(length: int) -> None:
    """As the specification recommends, in base64 behind its prefix."""
    raw = bytes(range(length))
    assert decode_key("whsec_" + base64.b64encode(raw).decode()) == raw


TEXT = base64.b64encode(bytes(range(0xE8, 0x100)) + b"~" * 7).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        "whsec_abc",
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        base64.b64encode(bytes(32)).decode(),
        "whpk_" + base64.b64encode(bytes(32)).decode(),
        "WHSEC_" + base64.b64encode(bytes(32)).decode(),
        "whsec_whsec_" + base64.b64encode(bytes(32)).decode(),
        "whsec_" + TEXT.replace("+", "-").replace("/", "_"),
        "whsec_" + base64.b64encode(bytes(32)).decode().rstrip("="),
        "whsec_" + base64.b64encode(bytes(32)).decode() + "=",
        "whsec_" + base64.b64encode(bytes(32)).decode() + "\n",
        "whsec_ " + base64.b64encode(bytes(32)).decode(),
        "whsec_" + "ä" * 40,
        "whsec_\ud800",
    ],
)
def test_what_is_no_key_is_refused_and_not_shown(text: str) -> None:
    """The public package takes two-byte keys and drops alien characters: both are weak keys."""
    with pytest.raises(ValueError, match="base64 of 24 to 64 bytes") as refused:
        decode_key(text)
    assert len(text) < 8 or text[6:] not in str(refused.value)
