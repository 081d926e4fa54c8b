"""The runbook's table of costs, worked out anew from what runs and from the prices in it."""

from __future__ import annotations

import math
import re
from typing import Any, Final, NamedTuple

import pytest

from tests.template.alarms import alarms, sources
from tests.template.cloudformation import Stack
from tests.template.parameter_values import REQUIRED
from tests.template.transitions import Counted, counted
from tests.template.translation import ROOT

DAYS: Final = 30
# of an invocation, and of an express execution, which waits for one
SECONDS: Final = 0.5
LOG_KILOBYTES: Final = 2.5


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


class Row(NamedTuple):
    """A row of the table.

    Args:
        price: what it prints as the price.
        costs: what it prints for each fleet.
    """

    price: str
    costs: tuple[str, ...]


@pytest.fixture(scope="module")
def counts(template: dict[str, Any]) -> Counted:
    """What the state machines go through under the parameters that the table takes for granted."""
    with pytest.MonkeyPatch.context() as patch:
        return counted(Stack(template, REQUIRED), patch)


@pytest.fixture(scope="module")
def fleets(template: dict[str, Any]) -> tuple[Fleet, ...]:
    """The columns: by default, and as the text above the table says for the last."""
    by_default = template["Parameters"]["FleetConcurrency"]["Default"]
    [at_once] = re.findall(r"`FleetList` and `FleetConcurrency=(\d+)`", costs_section())
    return (
        Fleet(1, by_default, listed=False),
        Fleet(50, by_default, listed=False),
        Fleet(1000, int(at_once), listed=True),
    )


@pytest.fixture(scope="module")
def looks(template: dict[str, Any]) -> int:
    """How often a day the timer looks at the age of the backups, by default."""
    rate = Stack(template, REQUIRED).properties("FreshnessTimer")["ScheduleExpression"]
    [hours] = re.findall(r"rate\((\d+) hours\)", rate)
    return 24 // int(hours)


def costs_section() -> str:
    """The runbook's section."""
    return (ROOT / "docs/runbook.md").read_text(encoding="utf-8").partition("## Costs\n")[2]


def table() -> dict[str, Row]:
    """The rows of the table by their labels."""
    lines = [line for line in costs_section().splitlines() if line.startswith("|")][2:]
    cells = [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in lines]
    return {label: Row(price, tuple(costs)) for label, price, *costs in cells}


def prices(row: Row) -> list[float]:
    """The numbers in the price, in dollars for one of whatever there are so many of."""
    found = re.findall(r"(\d+\.\d+)(?: per (1,000|million))?", row.price)
    units = {"": 1, "1,000": 1000, "million": 1_000_000}
    return [float(number) / units[unit] for number, unit in found]


def hours_with_data(fleet: Fleet, counts: Counted, looks: int) -> int:
    """Of a day, of all metrics together.

    A backup is accepted in the first hour of each that some instances are backed up in at a time;
    the service is asked in all of these hours, and at each look, which gives an age too.
    """
    waves = math.ceil(fleet.instances / fleet.at_once)
    return waves + math.ceil(waves * counts.seconds / 3600) + looks + looks


def transitions(fleet: Fleet, counts: Counted, looks: int) -> tuple[int, int]:
    """Of a day: for each instance, and besides."""
    run, look = (
        (counts.listed_fleet, counts.listed_freshness)
        if fleet.listed
        else (counts.fleet, counts.freshness)
    )
    each = counts.backup + run.each + looks * look.each
    return each, run.besides + looks * look.besides


def test_the_counts_are_those_of_the_state_machines(
    counts: Counted, fleets: tuple[Fleet, ...], looks: int, template: dict[str, Any]
) -> None:
    """The table's labels and the words above it say what runs, and how often."""
    stack = Stack(template, REQUIRED)
    metrics = sum(len(sources(alarm)) for alarm in alarms(stack).values())
    hours = ", ".join(str(hours_with_data(fleet, counts, looks)) for fleet in fleets)
    each, besides = transitions(fleets[1], counts, looks)
    listed_each, listed_besides = transitions(fleets[2], counts, looks)
    calls = 1 + counts.looks + looks
    memory = stack.properties("BackupFunction")["MemorySize"]
    assert list(table()) == [
        "Secrets Manager, one secret",
        f"CloudWatch alarms, {metrics} metrics",
        "CloudWatch dashboard",
        f"Custom metrics of the stack, with data in {hours} hours a day",
        f"`BackupAgeHours`, one metric per instance, with data in {looks} hours a day",
        (
            f"Step Functions, a day {each} transitions per instance and {besides} besides,"
            f" from a list {listed_each} and {listed_besides}"
        ),
        (
            f"Step Functions, {looks} express executions per listed instance and day,"
            f" of {SECONDS} s with 64 MB"
        ),
        f"Lambda, {calls} invocations per instance and day, of {SECONDS} s with {memory} MB",
        f"CloudWatch Logs, {LOG_KILOBYTES} kB per invocation",
        "Event bus, an outcome per instance and a report each day",
        "Sum",
    ]
    assert f"completed at its {counts.looks}th look" in costs_section().replace("\n", " ")


def test_the_costs_follow_from_counts_and_prices(
    counts: Counted, fleets: tuple[Fleet, ...], looks: int, template: dict[str, Any]
) -> None:
    """Each cell is what the row's numbers come to in 30 days, and the last row is their sum."""
    stack = Stack(template, REQUIRED)
    metrics = sum(len(sources(alarm)) for alarm in alarms(stack).values())
    gigabytes = stack.properties("BackupFunction")["MemorySize"] / 1024
    calls = DAYS * (1 + counts.looks + looks)
    rows = list(table().values())
    (
        [secret],
        [alarm],
        [dashboard],
        [metric],
        [age],
        [transition],
        [express, express_second],
        [call, call_second],
        [gigabyte],
        [event],
        [],
    ) = map(prices, rows)
    for column, fleet in enumerate(fleets):
        count = fleet.instances
        each, besides = transitions(fleet, counts, looks)
        executions = DAYS * looks * count if fleet.listed else 0
        worked_out = [
            secret,
            metrics * alarm,
            dashboard,
            metric * hours_with_data(fleet, counts, looks) / 24,
            age * count * looks / 24,
            transition * DAYS * (count * each + besides),
            executions * (express + express_second * SECONDS * 64 / 1024),
            count * calls * (call + call_second * SECONDS * gigabytes),
            count * calls * LOG_KILOBYTES / 1_000_000 * gigabyte,
            event * DAYS * (count + 1),
        ]
        *printed, total = (row.costs[column] for row in rows)
        assert printed == [f"{cost:.2f}" for cost in worked_out]
        assert total == f"{sum(map(float, printed)):.2f}"


def test_what_the_words_say_of_a_fleet_is_so(counts: Counted, fleets: tuple[Fleet, ...]) -> None:
    """How long runs take, and what looking once a day spares."""
    text = (ROOT / "docs/runbook.md").read_text(encoding="utf-8").replace("\n", " ")
    backup = counts.seconds / 3600
    hours = [math.ceil(fleet.instances / fleet.at_once) * backup for fleet in fleets]
    assert hours == pytest.approx([1.06, 5.31, 10.63], abs=0.01)
    assert "50 instances take five to six hours" in text
    assert "100 make it eleven hours" in text
    assert math.ceil(1000 * backup / 24) == 45
    assert "45 is the least for them" in text
    [ages] = [row for label, row in table().items() if label.startswith("`BackupAgeHours`")]
    once_a_day = float(ages.costs[2]) / 4
    assert f"`FreshnessHours=24` makes {once_a_day:.2f} of the {ages.costs[2]}" in text
