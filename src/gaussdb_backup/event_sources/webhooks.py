"""Verification of Standard Webhooks 1.0, symmetric signatures: a pure function of its arguments.

Source: the Standard Webhooks specification, "Signature scheme" and "Verifying webhook
authenticity" (``v1``: HMAC-SHA256 over ``id.timestamp.body``). Nothing here raises, whatever the
headers hold.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

TOLERANCE_SECONDS: Final = 300
MAX_ID_LENGTH: Final = 256
MAX_SIGNATURES_LENGTH: Final = 8192
MIN_KEY_BYTES: Final = 24
MAX_KEY_BYTES: Final = 64
DIGEST_SIZE: Final = 32
KEY_PREFIX: Final = "whsec_"
HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")


Reason = Literal["no_signature", "malformed", "timestamp", "no_key_fits", "not_configured"]


class WebhookSignature(NamedTuple):
    """What the headers of a request claim: well-formed and recent, but not yet verified.

    Args:
        webhook_id: the sender's ID of the message, the same on every attempt.
        timestamp: when this attempt was signed, in seconds since 1970, as sent.
        signatures: the raw 32 bytes of each signature of version 1.
    """

    webhook_id: str
    timestamp: str
    signatures: tuple[bytes, ...]


def parse_signature(headers: Mapping[str, str], now: float) -> WebhookSignature | Reason:
    """The signature that a request carries, or the reason why there is none to verify.

    Args:
        headers: the headers, names in lower case.
        now: wall time in seconds since 1970.
    """
    if not any(name in headers for name in HEADERS):
        return "no_signature"
    webhook_id, timestamp, signatures = (headers.get(name, "") for name in HEADERS)
    if not re.fullmatch(rf"[!-~]{{1,{MAX_ID_LENGTH}}}", webhook_id):
        return "malformed"
    if not re.fullmatch(r"[0-9]{1,12}", timestamp) or len(signatures) > MAX_SIGNATURES_LENGTH:
        return "malformed"
    parts = (part.partition(",") for part in signatures.split(" "))
    decoded = [decode_base64(text) for version, _, text in parts if version == "v1"]
    usable = tuple(raw for raw in decoded if raw is not None and len(raw) == DIGEST_SIZE)
    if not usable:
        return "malformed"
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return "timestamp"
    return WebhookSignature(webhook_id=webhook_id, timestamp=timestamp, signatures=usable)


def matching_key(signature: WebhookSignature, body: bytes, keys: Iterable[bytes]) -> int | None:
    """The position of the first key that signed this body, from 1, or None. In constant time."""
    content = f"{signature.webhook_id}.{signature.timestamp}.".encode() + body
    expected = [hmac.digest(key, content, hashlib.sha256) for key in keys]
    fits = [
        # a sum, because ``any`` would stop at the first signature that fits
        sum(hmac.compare_digest(digest, other) for other in signature.signatures) > 0
        for digest in expected
    ]
    return fits.index(True) + 1 if True in fits else None


def decode_key(text: str) -> bytes:
    """The bytes of a signing key, written as ``whsec_`` and strict base64 of 24 to 64 bytes.

    Raises:
        ValueError: it is not one; the message does not show it.
    """
    raw = decode_base64(text.removeprefix(KEY_PREFIX)) if text.startswith(KEY_PREFIX) else None
    if raw is None or not MIN_KEY_BYTES <= len(raw) <= MAX_KEY_BYTES:
        raise ValueError(f"not {KEY_PREFIX} and base64 of {MIN_KEY_BYTES} to {MAX_KEY_BYTES} bytes")
    return raw


def decode_base64(text: str) -> bytes | None:
    """The bytes of a text in strict base64 (RFC 4648, section 4), or None if it is not."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None
