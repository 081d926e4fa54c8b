"""The handler's imports leave parts of pydantic and requests out, and nothing misses them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.local_cloud.lambda_runtime import SOURCES

ROOT: Final = Path(__file__).resolve().parents[2]

# What a process is like that has imported the function as the handler does.
FUNCTION: Final = """
from gaussdb_backup.lean_imports import lean_imports
with lean_imports():
    import gaussdb_backup.function
"""


def run(code: str, *arguments: str) -> None:
    """Runs code in a process of its own, in which every warning is an error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_parts_are_left_out_without_a_warning() -> None:
    """Each would be a part of every cold start, and each warning a line in the log."""
    run(
        FUNCTION
        + """
import sys
from annotated_types import MaxLen
from pydantic_core.core_schema import IntSchema
assert "charset_normalizer" not in sys.modules
assert MaxLen(1) != MaxLen(1)
assert not hasattr(IntSchema, "__required_keys__")
"""
    )


def test_whatever_comes_later_is_whole() -> None:
    """Packages that a process imports for itself get what they expect."""
    run(
        FUNCTION
        + """
import dataclasses, typing
import charset_normalizer
assert charset_normalizer.from_bytes(b"text")
assert dataclasses.dataclass(type("Point", (), {"__annotations__": {"x": int}}))(1) is not None
assert typing.is_typeddict(typing.TypedDict("Options", {"total": bool}))
"""
    )


def test_whatever_came_before_stays_whole() -> None:
    """As in a test's process, where pydantic and requests are long there."""
    run(
        "import annotated_types, charset_normalizer, pydantic, requests\n"
        + FUNCTION
        + """
import sys
assert sys.modules["charset_normalizer"] is charset_normalizer
assert annotated_types.MaxLen(1) == annotated_types.MaxLen(1)
"""
    )


@pytest.mark.parametrize(
    "rules",
    [
        "tests/unit/test_payload_rules.py",
        "tests/unit/test_settings.py",
        "tests/unit/test_credential_secrets.py",
        "tests/unit/test_api_models.py",
        "tests/unit/test_retention_policy.py",
        "tests/contract/test_files.py",
    ],
)
def test_the_models_keep_their_rules(rules: str) -> None:
    """What is tested of them elsewhere with all of pydantic holds with less of it."""
    run(
        FUNCTION
        + """
import sys
import pytest
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", sys.argv[1]]))
""",
        rules,
    )
