from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.local_cloud.harness import Harness

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def harness() -> Iterator[Harness]:
    """The function with its own local cloud."""
    with Harness() as harness:
        yield harness


@pytest.fixture
def backups_complete_at_once(harness: Harness) -> None:
    """Lets every backup be complete as soon as it is accepted, so that the next one can begin."""
    harness.emulator.backup_seconds = 0
