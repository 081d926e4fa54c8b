"""Messages of the cloud without keys, tokens, signatures and what was signed: pure functions.

The cloud's messages can quote what a request carried. What is shown of them is one short line.
"""

import re
from collections.abc import Iterable

# Patterns are compiled when a message is first read: no event that ends well needs one.
_MAX_MESSAGE = 300
_MIN_SECRET_LENGTH = 4
_REDACTED = "[redacted]"

_SIGNED_TEXT = r"(?i)(canonical[ _]?request|string[ _]?to[ _]?sign).*"
_SIGNATURE = r"(?i)(signature\s*[=:]\s*)[^,\s|]+"
_ACCESS_KEY = r"(?i)\b((?:ak|access)\s*[:=]\s*)[^,\s|]+"
_UNKNOWN_ACCESS_KEY = r"(?i)\bak\s+\S+(?=\s+not\s+exist)"
_LONG_WORD = r"[A-Za-z0-9+/=_-]{20,}"
_RESOURCE_ID = r"[0-9a-f]{32}((in|br|no)\d\d)?|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def redact_message(message: str, redact: Iterable[str] = ()) -> str:
    """A message as one short line, without keys, tokens, signatures and what was signed."""
    for secret in _secrets_in(message, redact):
        message = message.replace(secret, _REDACTED)
    line = "".join(letter if letter.isprintable() else " " for letter in message)
    line = re.sub(_SIGNED_TEXT, _REDACTED, line)
    line = re.sub(_SIGNATURE, rf"\g<1>{_REDACTED}", line)
    line = re.sub(_ACCESS_KEY, rf"\g<1>{_REDACTED}", line)
    line = re.sub(_UNKNOWN_ACCESS_KEY, f"ak {_REDACTED}", line)
    line = re.sub(_LONG_WORD, _kept_if_id, line)
    return line[:_MAX_MESSAGE]


def holds_secret(text: str, redact: Iterable[str]) -> bool:
    """Whether an ID or a code is none, because it holds what the request carried."""
    return bool(_secrets_in(text, redact))


def _secrets_in(text: str, redact: Iterable[str]) -> list[str]:
    return [secret for secret in redact if len(secret) >= _MIN_SECRET_LENGTH and secret in text]


def _kept_if_id(word: re.Match[str]) -> str:
    return word[0] if re.fullmatch(_RESOURCE_ID, word[0]) else _REDACTED
