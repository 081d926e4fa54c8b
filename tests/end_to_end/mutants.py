"""Wrong variants of the package: copies with one change each, and the tests run against them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.local_cloud.lambda_runtime import SOURCES

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = "gaussdb_backup"


@dataclass(frozen=True, slots=True)
class Change:
    """One replacement in the text of a module."""

    module: str
    right: str
    wrong: str

    def apply(self, sources: Path) -> None:
        """Applies the replacement, whose text must occur exactly once."""
        path = sources / PACKAGE / f"{self.module}.py"
        text = path.read_text()
        assert text.count(self.right) == 1, f"{self.module} has changed: {self.right}"
        path.write_text(text.replace(self.right, self.wrong))


@dataclass(frozen=True, slots=True)
class Mutant:
    """A wrong variant, and the test that it must fail."""

    test: str
    changes: tuple[Change, ...]

    def write(self, folder: Path) -> Path:
        """Writes the changed copy and returns its source folder."""
        sources = folder / "src"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(SOURCES / PACKAGE, sources / PACKAGE, ignore=ignored)
        for change in self.changes:
            change.apply(sources)
        return sources


def run_tests(sources: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """Runs tests against another copy of the package, up to the first failure.

    Args:
        sources: the folder with the copy.
        tests: the tests as pytest names them, from the project's folder.
    """
    options = ["-x", "-q", "-p", "no:cacheprovider", "-o", f"pythonpath={sources} {ROOT}"]
    command = [sys.executable, "-m", "pytest", *options, *tests]
    return subprocess.run(
        command,
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},  # it starts in half the time
        text=True,
        timeout=600,
    )
