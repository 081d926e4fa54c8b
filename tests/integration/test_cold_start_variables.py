"""Variables of Powertools at cold start: the handler is imported as Lambda imports it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gaussdb_backup.log_settings import VARIABLES
from tests.local_cloud.lambda_runtime import SOURCES

ENVIRONMENT = {
    "PATH": "/usr/bin",
    "PYTHONPATH": str(SOURCES),
    "GAUSSDB_ENDPOINT": "https://gaussdb.eu-de.otc.t-systems.com",
    "CREDENTIALS_SECRET_ID": "gaussdb-backup/access-key",
}


def cold_start(**variables: str) -> subprocess.CompletedProcess[str]:
    """Imports the handler in a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "import gaussdb_backup.handler"],
        capture_output=True,
        check=False,
        env=ENVIRONMENT | variables,
        text=True,
        timeout=60,
    )


def test_empty_variables_count_as_absent() -> None:
    """All of them, although Powertools itself would raise."""
    started = cold_start(**dict.fromkeys(VARIABLES, ""))
    assert (started.returncode, started.stdout, started.stderr) == (0, "", "")


@pytest.mark.parametrize("name", ["POWERTOOLS_DEBUG", "POWERTOOLS_METRICS_DISABLED", "LOG_LEVEL"])
def test_a_malformed_variable_ends_the_cold_start_by_name(name: str) -> None:
    """Also one that Powertools reads during its import."""
    started = cold_start(**{name: "sp0ken-value"})
    last_line = started.stderr.splitlines()[-1]
    assert last_line.startswith(f"gaussdb_backup.errors.ConfigurationError: {name}: must be")
    assert "sp0ken" not in started.stderr


def test_hidden_output_is_one_warning() -> None:
    """The first line of the log."""
    started = cold_start(POWERTOOLS_LOG_LEVEL="CRITICAL")
    [line] = started.stdout.splitlines()
    warning = json.loads(line)
    assert (warning["level"], warning["message"]) == ("WARNING", "output is hidden")
    assert "POWERTOOLS_LOG_LEVEL" in warning["detail"]
