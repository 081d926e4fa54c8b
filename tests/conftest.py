from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from gaussdb_backup.function import BackupFunction
from tests.local_cloud import leak_detector

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_configure() -> None:
    """A shell without job control lets what it starts in the background ignore Ctrl-C.

    Commands under test would inherit that, and those that Ctrl-C must stop would never end.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means: three workers on two cores, because half of the time tests wait."""
    cores = len(os.sched_getaffinity(0))
    return cores + cores // 2


@pytest.fixture(scope="session", autouse=True)
def no_secret_in_any_output(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No log line, reply or error in any test holds a secret, access key, token or signature.

    The first session fixture is the last one to be torn down, so it sees the output of all tests.
    """
    folder = tmp_path_factory.mktemp("leak_detector")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(leak_detector.FOLDER, str(folder))
        patch.setattr(
            BackupFunction, "__call__", leak_detector.recording_invocations(BackupFunction.__call__)
        )
        patch.setattr(
            LambdaPowertoolsFormatter,
            "format",
            leak_detector.recording_text(LambdaPowertoolsFormatter.format),
        )
        yield
    assert leak_detector.find_leaks(folder) == []
