from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from gaussdb_backup.function import BackupFunction
from tests.local_cloud import leak_detector

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def nothing_secret_is_said(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No secret, access key, token or signature is in anything that the function says in any test.

    The first fixture of all is the last one to end: by then everything has been said.
    """
    folder = tmp_path_factory.mktemp("leak_detector")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(leak_detector.FOLDER, str(folder))
        patch.setattr(BackupFunction, "__call__", leak_detector.listening(BackupFunction.__call__))
        patch.setattr(
            LambdaPowertoolsFormatter,
            "format",
            leak_detector.noting(LambdaPowertoolsFormatter.format),
        )
        yield
    assert leak_detector.leaks(folder) == []
