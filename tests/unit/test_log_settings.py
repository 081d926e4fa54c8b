"""Variables of Powertools and Lambda: malformed ones are named, and hidden output is told."""

from __future__ import annotations

import pytest

from gaussdb_backup.errors import ConfigurationError
from gaussdb_backup.log_settings import FLAGS, LEVEL_VARIABLES, VARIABLES
from gaussdb_backup.settings import read_settings
from tests.unit.test_settings import message_about, with_variables


def hidden(**variables: str) -> str | None:
    """What an environment keeps out of logs and metrics."""
    return read_settings(with_variables(**variables)).hidden_output


@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize("value", ["sp0ken-value", " ", "1x", "nan", "ja", "\u00b9"])
def test_a_malformed_variable_is_named_and_not_shown(name: str, value: str) -> None:
    """Powertools would raise an error that names nothing, some of them during its import."""
    message = message_about(with_variables(**{name: value}))
    assert message.startswith(f"{name}: must be ")
    assert len(message.splitlines()) == 1
    assert "sp0ken" not in message


@pytest.mark.parametrize("name", VARIABLES)
def test_an_empty_variable_counts_as_absent(name: str) -> None:
    """As everywhere."""
    assert hidden(**{name: ""}) is None


def test_all_faults_are_told_at_once() -> None:
    """Together with those of the function's own variables."""
    environment = with_variables(POWERTOOLS_DEV="x", LOG_LEVEL="x", PROJECT_ID="!")
    names = [fault.partition(":")[0] for fault in message_about(environment).split("; ")]
    assert sorted(names) == ["LOG_LEVEL", "POWERTOOLS_DEV", "PROJECT_ID"]


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("value", ["0", "n", "no", "f", "false", "off", "False", "OFF"])
def test_flags_that_are_off_hide_nothing(name: str, value: str) -> None:
    """In each spelling that Powertools knows."""
    assert hidden(**{name: value}) is None


@pytest.mark.parametrize("value", ["1", "y", "yes", "t", "true", "on", "True"])
def test_flags_that_hide_output_are_told(value: str) -> None:
    """By name, with what will be missing."""
    assert hidden(POWERTOOLS_METRICS_DISABLED=value) == (
        "POWERTOOLS_METRICS_DISABLED: all metrics are missing"
    )
    said = hidden(POWERTOOLS_DEV=value)
    assert said is not None
    assert said.count("POWERTOOLS_DEV") == 2
    assert "job IDs" in said
    assert "metrics" in said


def test_metrics_can_be_kept_in_development() -> None:
    """Where they are switched on explicitly."""
    said = hidden(POWERTOOLS_DEV="true", POWERTOOLS_METRICS_DISABLED="false")
    assert said is not None
    assert "metrics" not in said


@pytest.mark.parametrize("name", ["POWERTOOLS_DEBUG", "POWERTOOLS_LOG_DEDUPLICATION_DISABLED"])
def test_other_flags_hide_nothing(name: str) -> None:
    """They only add."""
    assert hidden(**{name: "true"}) is None


@pytest.mark.parametrize("name", LEVEL_VARIABLES)
def test_a_level_above_info_is_told(name: str) -> None:
    """The line with the job ID is INFO."""
    for level in ("WARN", "ERROR", "FATAL"):
        said = hidden(**{name: level})
        assert said is not None
        assert said.startswith(f"{name}: ")
        assert "job IDs" in said
    for level in ("INFO", "DEBUG"):
        assert hidden(**{name: level}) is None


@pytest.mark.parametrize("name", LEVEL_VARIABLES)
@pytest.mark.parametrize("level", ["info", "Info", "INFO"])
def test_a_level_is_read_in_any_case(name: str, level: str) -> None:
    """AWS writes Lambda's own in upper case, LocalStack as Info."""
    assert hidden(**{name: level}) is None


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"AWS_LAMBDA_LOG_LEVEL": "INFO", "POWERTOOLS_LOG_LEVEL": "ERROR"}, None),
        ({"AWS_LAMBDA_LOG_LEVEL": "ERROR", "POWERTOOLS_LOG_LEVEL": "INFO"}, "AWS_LAMBDA_LOG_LEVEL"),
        ({"POWERTOOLS_LOG_LEVEL": "info", "LOG_LEVEL": "ERROR"}, None),
        ({"POWERTOOLS_LOG_LEVEL": "error", "LOG_LEVEL": "INFO"}, "POWERTOOLS_LOG_LEVEL"),
        ({"POWERTOOLS_LOG_LEVEL": "", "LOG_LEVEL": "critical"}, "LOG_LEVEL"),
    ],
)
def test_the_level_that_takes_effect_counts(variables: dict[str, str], named: str | None) -> None:
    """In Powertools' order: Lambda's own, Powertools', the general one."""
    said = hidden(**variables)
    assert (said and said.partition(":")[0]) == named


@pytest.mark.parametrize("rate", ["0", "1", "0.5", "1e-3"])
def test_a_sample_rate_is_a_number(rate: str) -> None:
    """From 0 to 1."""
    assert hidden(POWERTOOLS_LOGGER_SAMPLE_RATE=rate) is None


@pytest.mark.parametrize("rate", ["-0.1", "1.1", "inf", "nan"])
def test_a_sample_rate_is_a_probability(rate: str) -> None:
    """Anything else is a mistake."""
    with pytest.raises(ConfigurationError, match="POWERTOOLS_LOGGER_SAMPLE_RATE"):
        hidden(POWERTOOLS_LOGGER_SAMPLE_RATE=rate)
