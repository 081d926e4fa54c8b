"""What the function says while tests run, and the secrets that it must never say.

Whatever runs the function notes its log, its replies and its errors here, and whatever makes or
sees a secret notes the secret; at the end of a test run the two are held against each other. Notes
are files in the folder that the environment names, for the commands under test are processes of
their own; without it nothing is noted.
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

# Shorter ones are a test's "x" or "wrong", which any text may hold.
_SHORTEST: Final = 12
_MAX_PLACE: Final = 500
_KEPT_SECRET: Final = ("access_key", "secret_key", "security_token", "password", "keys")
_SIGNATURE: Final = re.compile(r"[0-9a-f]{64}")
_WORD: Final = re.compile(r"[^\s\"',;:<>()\[\]{}]+")

P = ParamSpec("P")


def said(*texts: object) -> None:
    """Notes what the function said: texts as they are, all else as JSON."""
    for text in texts:
        _note("said", text if isinstance(text, str) else json.dumps(text, ensure_ascii=False))


def made_secret(kind: str, secret: object) -> None:
    """Notes a secret, under the kind by which a leak is then reported."""
    if isinstance(secret, str) and len(secret) >= _SHORTEST:
        _note("secrets", (kind, secret))


def kept_secret(value: object) -> None:
    """Notes all that is secret in the content of a secret store's entry."""
    if not isinstance(value, dict):
        return
    for name in _KEPT_SECRET:
        parts = value.get(name)
        for part in parts if isinstance(parts, list | tuple) else [parts]:
            made_secret(name, part)
            made_secret(name, str(part).removeprefix("whsec_"))


def showed_secret(headers: Mapping[str, Any]) -> None:
    """Notes the secrets by which a request authorises itself."""
    found = {name.lower(): value for name, value in headers.items() if isinstance(value, str)}
    made_secret("token", found.get("x-auth-token"))
    made_secret("token", found.get("x-security-token"))
    for signature in _SIGNATURE.findall(found.get("authorization", "")):
        made_secret("signature", signature)
    for signature in re.findall(r"v1,([A-Za-z0-9+/]{43}=)", found.get("webhook-signature", "")):
        made_secret("webhook signature", signature)


def received(event: object) -> None:
    """Notes the secrets that an HTTP request brings to the function."""
    headers = event.get("headers") if isinstance(event, dict) else None
    if isinstance(headers, dict):
        showed_secret(headers)


def listening(entry: Callable[[Any, Any, Any], Any]) -> Callable[[Any, Any, Any], Any]:
    """A function's entry that notes what it answers or raises, as Lambda would show it."""

    @wraps(entry)
    def listened(self: Any, event: Any, context: Any) -> Any:
        received(event)
        try:
            reply = entry(self, event, context)
        except Exception as error:
            said(*traceback.format_exception(error, chain=False))
            raise
        said(reply)
        return reply

    return listened


def noting(call: Callable[P, str]) -> Callable[P, str]:
    """What makes a text that is going to be said."""

    @wraps(call)
    def noted(*args: P.args, **keywords: P.kwargs) -> str:
        text = call(*args, **keywords)
        said(text)
        return text

    return noted


def leaks(folder: Path) -> list[str]:
    """The secrets that were said: the kind and the place of each, never the secret itself.

    Args:
        folder: the folder of the notes.
    """
    notes = _notes(folder, "said")
    everything = "\n".join(notes)
    words = "\n".join(set(_WORD.findall(everything)))  # most that is said is said often
    signatures = set(_SIGNATURE.findall(words))  # and there are too many to look for each
    found = []
    for kind, secret in sorted({(kind, secret) for kind, secret in _notes(folder, "secrets")}):
        if _SIGNATURE.fullmatch(secret):
            present = secret in signatures
        else:
            present = secret in (words if _WORD.fullmatch(secret) else everything)
        if present:
            place = next(note for note in notes if secret in note)
            found.append(f"{kind}: {place.replace(secret, '[here]')[:_MAX_PLACE]}")
    return found


def _note(name: str, note: object) -> None:
    folder = os.environ.get(FOLDER)
    if folder:
        line = json.dumps(note) + "\n"
        with (Path(folder) / name).open("ab", buffering=0) as notes:
            notes.write(line.encode())


def _notes(folder: Path, name: str) -> list[Any]:
    path = folder / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
