from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import pytest

from tests.integration.artifact import build
from tests.local_cloud.emulator import Emulator, Instance
from tests.local_cloud.emulator.clients import HttpClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    """An empty cloud."""
    with Emulator() as cloud:
        yield cloud


@pytest.fixture
def client(cloud: Emulator) -> HttpClient:
    """A client of the cloud with a valid token."""
    return HttpClient.of(cloud)


@pytest.fixture
def instance(cloud: Emulator) -> Instance:
    """An instance in the cloud."""
    return cloud.add_instance()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The artifact of an architecture, built once by whichever worker needs it first."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent

    def artifact(arch: str) -> Path:
        output = folder / f"artifact-{arch}"
        with (folder / f"{output.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not output.exists():
                done = build(output, arch)
                assert done.returncode == 0, done.stderr
        return output

    return artifact
