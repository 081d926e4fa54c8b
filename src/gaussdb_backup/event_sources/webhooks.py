"""Was this body signed, lately, by one of our keys? Standard Webhooks 1.0, symmetric signatures.

Source: the Standard Webhooks specification, "Signature scheme" and "Verifying webhook
authenticity" (``v1``: HMAC-SHA256 over ``id.timestamp.body``). Whatever the headers hold, the
answer is yes or no.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

TOLERANCE_SECONDS: Final = 300
MAX_ID_LENGTH: Final = 256
MAX_SIGNATURES_LENGTH: Final = 8192
MIN_KEY_BYTES: Final = 24
MAX_KEY_BYTES: Final = 64
DIGEST_SIZE: Final = 32
KEY_PREFIX: Final = "whsec_"


class WebhookSignature(NamedTuple):
    """What a request says of its own signature, well-formed and recent, but not yet believed.

    Args:
        webhook_id: the sender's identity for this message, the same on every attempt.
        timestamp: when this attempt was signed, in seconds since 1970, as sent.
        signatures: the raw 32 bytes of each signature of version 1.
    """

    webhook_id: str
    timestamp: str
    signatures: tuple[bytes, ...]


def parse_signature(headers: Mapping[str, str], now: float) -> WebhookSignature | None:
    """The claim that a request's headers make, or None where they make none worth checking.

    Args:
        headers: the headers, names in lower case.
        now: wall time in seconds since 1970.
    """
    webhook_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "")
    if not re.fullmatch(rf"[!-~]{{1,{MAX_ID_LENGTH}}}", webhook_id):
        return None
    if not re.fullmatch(r"[0-9]{1,12}", timestamp):
        return None
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS or len(signatures) > MAX_SIGNATURES_LENGTH:
        return None
    parts = (part.partition(",") for part in signatures.split(" "))
    read = [decode_base64(text) for version, _, text in parts if version == "v1"]
    usable = tuple(raw for raw in read if raw is not None and len(raw) == DIGEST_SIZE)
    return WebhookSignature(webhook_id, timestamp, usable) if usable else None


def is_valid_signature(claim: WebhookSignature, body: bytes, keys: Iterable[bytes]) -> bool:
    """Whether one of the keys made one of the signatures over this body, in constant time."""
    content = f"{claim.webhook_id}.{claim.timestamp}.".encode() + body
    expected = [hmac.digest(key, content, hashlib.sha256) for key in keys]
    matches = [hmac.compare_digest(one, other) for one in expected for other in claim.signatures]
    return any(matches)


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
