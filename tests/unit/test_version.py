"""The version has one place, `gaussdb_backup.VERSION`; its copies agree.

Reading it from `pyproject.toml` would cost time at cold start, and uv needs a literal there.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final

from gaussdb_backup import VERSION

ROOT: Final = Path(__file__).resolve().parents[2]


def test_the_project_has_the_version_of_the_package() -> None:
    """In `pyproject.toml` and in the lock file."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    [own] = [package for package in locked if package["name"] == project["name"]]
    assert project["version"] == own["version"] == VERSION


def test_the_changelog_has_the_version_as_its_newest_release() -> None:
    """Below *Unreleased*, with a date."""
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert re.fullmatch(re.escape(f"[{VERSION}]") + r" - \d{4}-\d\d-\d\d", headings[1])
