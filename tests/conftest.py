from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from gaussdb_backup.function import BackupFunction
from tests.cloud import overheard

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def nothing_secret_is_said(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No secret, access key, token or signature is in anything that the function says in any test.

    The first fixture of all is the last one to end: by then everything has been said.
    """
    folder = tmp_path_factory.mktemp("overheard")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(overheard.FOLDER, str(folder))
        patch.setattr(BackupFunction, "__call__", overheard.listening(BackupFunction.__call__))
        patch.setattr(
            LambdaPowertoolsFormatter,
            "format",
            overheard.noting(LambdaPowertoolsFormatter.format),
        )
        yield
    assert overheard.leaks(folder) == []
