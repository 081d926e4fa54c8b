"""Prints the runbook's table of costs: `python -m tests.template.costs`.

What runs is counted in runs of the state machines; the prices stand below. To be run when a state
machine, an alarm or a price changes; nothing fails where a price moves by a cent.
"""

from __future__ import annotations

import logging
import math
import re
import sys
from typing import Final, NamedTuple

import pytest

from tests.template.alarms import alarms, sources
from tests.template.cloudformation import Stack
from tests.template.parameter_values import REQUIRED
from tests.template.transitions import Counted, Transitions, counted
from tests.template.translation import translated

DAYS: Final = 30
# of an invocation, and of an express execution, which waits for one
SECONDS: Final = 0.5
LOG_KILOBYTES: Final = 2.5

# US dollars, list prices for eu-central-1 as of 2026-11
SECRET: Final = 0.40
ALARM_METRIC: Final = 0.10
DASHBOARD: Final = 3.00
METRIC: Final = 0.30
TRANSITION: Final = 0.025 / 1000
EXPRESS: Final = 1.00 / 1_000_000
EXPRESS_SECOND: Final = 0.00001667  # of a gigabyte
CALL: Final = 0.20 / 1_000_000
CALL_SECOND: Final = 0.0000133334  # of a gigabyte
LOG_GIGABYTE: Final = 0.63
BUS_EVENT: Final = 1.00 / 1_000_000


class Fleet(NamedTuple):
    """A column of the table.

    Args:
        instances: so many, each backed up once a day.
        at_once: so many of them at a time.
        listed: whether they are listed in S3.
    """

    instances: int
    at_once: int
    listed: bool


FLEETS: Final = (
    Fleet(1, 10, listed=False),
    Fleet(50, 10, listed=False),
    Fleet(1000, 100, listed=True),
)


def main() -> None:
    """Prints the table."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    stack = Stack(translated(), REQUIRED)
    with pytest.MonkeyPatch.context() as patch:
        counts = counted(stack, patch)
    rows = {fleet: _costs(stack, counts, fleet) for fleet in FLEETS}
    write = sys.stdout.write
    write(f"One backup: {counts.backup} transitions, seen completed at look {counts.looks}.\n\n")
    write("| | 1 instance | 50 instances | 1,000 instances |\n|---|---|---|---|\n")
    for label in rows[FLEETS[0]]:
        write(f"| {label} | {' | '.join(f'{rows[fleet][label]:.2f}' for fleet in FLEETS)} |\n")
    sums = [sum(round(cost, 2) for cost in rows[fleet].values()) for fleet in FLEETS]
    write(f"| **Sum** | {' | '.join(f'**{one:.2f}**' for one in sums)} |\n")


def _costs(stack: Stack, counts: Counted, fleet: Fleet) -> dict[str, float]:
    """What one fleet costs in a month, row by row."""
    rate = stack.properties("FreshnessTimer")["ScheduleExpression"]
    looks = 24 // int(re.sub(r"\D", "", rate))
    run, look = (
        (counts.listed_fleet, counts.listed_freshness)
        if fleet.listed
        else (counts.fleet, counts.freshness)
    )
    transitions = fleet.instances * counts.backup + _of(run, fleet) + looks * _of(look, fleet)
    calls = DAYS * fleet.instances * (1 + counts.looks + looks)
    gigabytes = stack.properties("BackupFunction")["MemorySize"] / 1024
    executions = DAYS * looks * fleet.instances if fleet.listed else 0
    metrics = sum(len(sources(alarm)) for alarm in alarms(stack).values())
    return {
        "Secrets Manager, one secret": SECRET,
        f"CloudWatch alarms, {metrics} metrics": metrics * ALARM_METRIC,
        "CloudWatch dashboard": DASHBOARD,
        "Custom metrics of the stack": METRIC * _hours_with_data(fleet, counts, looks) / 24,
        "`BackupAgeHours`, one metric per instance": METRIC * fleet.instances * looks / 24,
        "Step Functions, transitions": TRANSITION * DAYS * transitions,
        "Step Functions, express executions": executions
        * (EXPRESS + EXPRESS_SECOND * SECONDS * 64 / 1024),
        "Lambda": calls * (CALL + CALL_SECOND * SECONDS * gigabytes),
        "CloudWatch Logs": calls * LOG_KILOBYTES / 1_000_000 * LOG_GIGABYTE,
        "Event bus": BUS_EVENT * DAYS * (fleet.instances + 1),
    }


def _of(transitions: Transitions, fleet: Fleet) -> int:
    return transitions.each * fleet.instances + transitions.besides


def _hours_with_data(fleet: Fleet, counts: Counted, looks: int) -> int:
    """Of a day, of accepted backups and of latencies together.

    A backup is accepted in the first hour of each that some instances are backed up in at a time;
    the service is asked in all of these hours, and at each look.
    """
    waves = math.ceil(fleet.instances / fleet.at_once)
    return waves + math.ceil(waves * counts.seconds / 3600) + looks


if __name__ == "__main__":
    main()
