"""The files of `make sandbox`, which other commands need to use it."""

from __future__ import annotations

import os
import shlex
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT: Final = Path(__file__).resolve().parents[3]
FOLDER: Final = Path(os.environ.get("SANDBOX_FOLDER") or ROOT / ".sandbox")
# for the shell: `. .sandbox/environment`
ENVIRONMENT: Final = FOLDER / "environment"
# for curl, which does not show it to others: `-H @.sandbox/token`
TOKEN: Final = FOLDER / "token"


@contextmanager
def written(environment: Mapping[str, str], token: str) -> Iterator[None]:
    """Writes the files for the time of a sandbox; only their owner may read them.

    Args:
        environment: the function's environment variables.
        token: a token of the local cloud.
    """
    exports = (f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    contents = {ENVIRONMENT: "".join(exports), TOKEN: f"X-Auth-Token: {token}\n"}
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    for path, content in contents.items():
        _write(path, content)
    try:
        yield
    finally:
        for path, content in contents.items():
            if path.exists() and path.read_text() == content:  # else it is of a later sandbox
                path.unlink()


def typed(path: Path) -> str:
    """A path as one types it in the folder from which the sandbox was started."""
    return shlex.quote(os.path.relpath(path))


def read_environment() -> dict[str, str]:
    """The variables of the running sandbox; empty if none is running."""
    try:
        lines = ENVIRONMENT.read_text().splitlines()
    except FileNotFoundError:
        return {}
    words = (shlex.split(line)[1] for line in lines)
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def _write(path: Path, content: str) -> None:
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.touch(mode=0o600)
    new.write_text(content)
    new.replace(path)
