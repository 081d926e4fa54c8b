"""Finds secrets in what the function outputs while the tests run.

Whatever runs the function records its log, replies and errors here. Whatever creates or receives a
secret records the secret. At the end of a test run, `find_leaks` searches the output for the
secrets. The records are files in the folder that the environment variable names, because the
commands under test run in processes of their own. Without the variable nothing is recorded.
"""

from __future__ import annotations

import json
import os
import re
import traceback
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FOLDER: Final = "LEAK_DETECTOR_FOLDER"

# Shorter secrets, such as a test's "x" or "wrong", occur in any text.
_MIN_LENGTH: Final = 12
_MAX_EXCERPT: Final = 500
_SECRET_KEYS: Final = ("access_key", "secret_key", "security_token", "password", "keys")
_SIGNATURE: Final = re.compile(r"[0-9a-f]{64}")
_WORD: Final = re.compile(r"[^\s\"',;:<>()\[\]{}]+")

P = ParamSpec("P")


def record_output(*texts: object) -> None:
    """Records output of the function: texts as they are, everything else as JSON."""
    for text in texts:
        _append("output", text if isinstance(text, str) else json.dumps(text, ensure_ascii=False))


def record_secret(kind: str, secret: object) -> None:
    """Records a secret, and its kind for the report of a leak."""
    if isinstance(secret, str) and len(secret) >= _MIN_LENGTH:
        _append("secrets", (kind, secret))


def record_stored_secrets(value: object) -> None:
    """Records the secret parts of a value that is put into the secret store."""
    if not isinstance(value, dict):
        return
    for name in _SECRET_KEYS:
        parts = value.get(name)
        for part in parts if isinstance(parts, list | tuple) else [parts]:
            record_secret(name, part)
            record_secret(name, str(part).removeprefix("whsec_"))


def record_sent_secrets(headers: Mapping[str, Any]) -> None:
    """Records the tokens and signatures in the headers of a request."""
    found = {name.lower(): value for name, value in headers.items() if isinstance(value, str)}
    record_secret("token", found.get("x-auth-token"))
    record_secret("token", found.get("x-security-token"))
    for signature in _SIGNATURE.findall(found.get("authorization", "")):
        record_secret("signature", signature)
    for signature in re.findall(r"v1,([A-Za-z0-9+/]{43}=)", found.get("webhook-signature", "")):
        record_secret("webhook signature", signature)


def record_received_secrets(event: object) -> None:
    """Records the secrets in the headers of an HTTP event."""
    headers = event.get("headers") if isinstance(event, dict) else None
    if isinstance(headers, dict):
        record_sent_secrets(headers)


def recording_invocations(entry: Callable[[Any, Any, Any], Any]) -> Callable[[Any, Any, Any], Any]:
    """Wraps an entry point: its replies and errors are recorded as Lambda would show them."""

    @wraps(entry)
    def recorded(self: Any, event: Any, context: Any) -> Any:
        record_received_secrets(event)
        try:
            reply = entry(self, event, context)
        except Exception as error:
            record_output(*traceback.format_exception(error, chain=False))
            raise
        record_output(reply)
        return reply

    return recorded


def recording_text(call: Callable[P, str]) -> Callable[P, str]:
    """Wraps a callable so that the texts that it returns are recorded as output."""

    @wraps(call)
    def recorded(*args: P.args, **keywords: P.kwargs) -> str:
        text = call(*args, **keywords)
        record_output(text)
        return text

    return recorded


def find_leaks(folder: Path) -> list[str]:
    """The secrets in the output: the kind and the surrounding text, never the secret itself.

    Args:
        folder: the folder of the records.
    """
    notes = _read(folder, "output")
    everything = "\n".join(notes)
    words = "\n".join(set(_WORD.findall(everything)))  # most of the output repeats
    signatures = set(_SIGNATURE.findall(words))  # there are too many to search for one by one
    found = []
    for kind, secret in sorted({(kind, secret) for kind, secret in _read(folder, "secrets")}):
        if _SIGNATURE.fullmatch(secret):
            present = secret in signatures
        else:
            present = secret in (words if _WORD.fullmatch(secret) else everything)
        if present:
            place = next(note for note in notes if secret in note)
            found.append(f"{kind}: {place.replace(secret, '[here]')[:_MAX_EXCERPT]}")
    return found


def _append(name: str, note: object) -> None:
    folder = os.environ.get(FOLDER)
    if folder:
        line = json.dumps(note) + "\n"
        with (Path(folder) / name).open("ab", buffering=0) as notes:
            notes.write(line.encode())


def _read(folder: Path, name: str) -> list[Any]:
    path = folder / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
