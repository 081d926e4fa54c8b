from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.artifact import build

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The artifact of an architecture, built once."""
    folder = tmp_path_factory.mktemp("artifacts")

    def artifact(arch: str) -> Path:
        output = folder / arch
        if not output.exists():
            done = build(output, arch)
            assert done.returncode == 0, done.stderr
        return output

    return artifact
