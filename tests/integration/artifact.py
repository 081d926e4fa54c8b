"""Builds the artifact as SAM does, for the tests that look at it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
RUNTIME_PYTHON = ROOT / ".venv-runtime" / "bin" / "python"
OWN_ARCHITECTURE = "arm64" if platform.machine() in {"aarch64", "arm64"} else "x86_64"

needs_runtime_python = pytest.mark.skipif(
    not RUNTIME_PYTHON.exists(), reason="no Python 3.13 here to run or compile for: see make test"
)


def build(
    output: Path,
    arch: str,
    *,
    sources: Path = ROOT / "src",
    environment: Mapping[str, str] = os.environ,
) -> subprocess.CompletedProcess[str]:
    """Runs the target that SAM runs, with this Python's pip."""
    make = shutil.which("make")
    assert make
    return subprocess.run(
        [
            *(make, "--makefile", str(sources / "Makefile"), "build-BackupFunction"),
            *(f"ARTIFACTS_DIR={output}", f"ARCH={arch}", f"PYTHON={sys.executable}"),
        ],
        capture_output=True,
        check=False,
        env={name: value for name, value in environment.items() if "MAKE" not in name},
        text=True,
    )
