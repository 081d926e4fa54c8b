"""What uv.lock holds, as requirements that pip takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

_UV: Final = Path(sys.prefix) / "bin" / "uv"
_ROOT: Final = Path(__file__).resolve().parents[1]


def exported(group: str) -> str:
    """The locked packages of a dependency group, each with its hashes.

    Args:
        group: a name from `[dependency-groups]` in pyproject.toml.
    """
    command = (*(str(_UV), "export", "--quiet", "--offline", "--locked"), "--only-group", group)
    return subprocess.run(
        (*command, "--no-header", "--no-annotate"),
        check=True,
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
