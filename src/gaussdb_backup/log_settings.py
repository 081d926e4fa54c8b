"""Variables of Powertools and Lambda that decide what is logged and measured.

Powertools reads them itself, some during its import, and raises a bare ValueError if one is
malformed. So they are checked first, under their names.
Source: Powertools for AWS Lambda (Python), "Environment variables"; AWS Lambda Developer Guide,
"Configuring advanced logging controls".
"""

import logging
from collections.abc import Mapping
from typing import Final

TRUE: Final = frozenset({"1", "y", "yes", "t", "true", "on"})
FALSE: Final = frozenset({"0", "n", "no", "f", "false", "off"})
LEVELS: Final = {
    "NOTSET": logging.NOTSET,
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "WARNING": logging.WARNING,
    "ERROR": logging.ERROR,
    "FATAL": logging.CRITICAL,
    "CRITICAL": logging.CRITICAL,
}
LAMBDA_LEVELS: Final = {
    "TRACE": logging.NOTSET,
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
    "FATAL": logging.CRITICAL,
}
FLAGS: Final = (
    "POWERTOOLS_DEBUG",
    "POWERTOOLS_DEV",
    "POWERTOOLS_LOG_DEDUPLICATION_DISABLED",
    "POWERTOOLS_METRICS_DISABLED",
)
SAMPLE_RATE: Final = "POWERTOOLS_LOGGER_SAMPLE_RATE"
# In the order in which they take effect.
LEVEL_VARIABLES: Final = {
    "AWS_LAMBDA_LOG_LEVEL": LAMBDA_LEVELS,
    "POWERTOOLS_LOG_LEVEL": LEVELS,
    "LOG_LEVEL": LEVELS,
}
VARIABLES: Final = (*FLAGS, SAMPLE_RATE, *LEVEL_VARIABLES)


def malformed_variables(environment: Mapping[str, str]) -> list[str]:
    """One line for each of these variables that is malformed, without its value."""
    faults = [
        f"{name}: must be true or false"
        for name in FLAGS
        if environment.get(name) and environment[name].lower() not in TRUE | FALSE
    ]
    if environment.get(SAMPLE_RATE) and not _is_rate(environment[SAMPLE_RATE]):
        faults.append(f"{SAMPLE_RATE}: must be a number from 0 to 1")
    faults += [
        f"{name}: must be one of {', '.join(levels)}"
        for name, levels in LEVEL_VARIABLES.items()
        if environment.get(name) and _level(name, environment) is None
    ]
    return faults


def hidden_output(environment: Mapping[str, str]) -> str | None:
    """What these variables, all well-formed, keep out of logs and metrics, in one line.

    Returns:
        None if nothing is missing that operators, alarms or the dashboard need.
    """
    hidden = []
    name = next((name for name in LEVEL_VARIABLES if environment.get(name)), None)
    if name is not None and (_level(name, environment) or 0) > logging.INFO:
        hidden.append(f"{name}: the log lines of successful backups with their job IDs are missing")
    dev, metrics = (environment.get(flag, "") for flag in ("POWERTOOLS_DEV", FLAGS[-1]))
    if dev.lower() in TRUE:
        hidden.append("POWERTOOLS_DEV: log lines are broken up, so that queries find no job IDs")
    if metrics.lower() in TRUE:
        hidden.append("POWERTOOLS_METRICS_DISABLED: all metrics are missing")
    elif dev.lower() in TRUE and not metrics:
        hidden.append("POWERTOOLS_DEV: all metrics are missing")
    return "; ".join(hidden) or None


def _level(name: str, environment: Mapping[str, str]) -> int | None:
    # AWS writes Lambda's level in upper case, emulators of it write Info.
    return LEVEL_VARIABLES[name].get(environment[name].upper())


def _is_rate(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False
