"""One cause, one mail: which alarms ring in which incident, as the runbook says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.template.incidents import HOUR, Incident, incidents, rung
from tests.template.runbook import table

if TYPE_CHECKING:
    from tests.template.cloudformation import Stack

SHIFT: Final = 8 * HOUR
ROWS: Final = {row[0]: row[1:] for row in table("Which alarm rings", "incident")}


def names(cell: str) -> list[str]:
    """The alarms that a cell of the runbook's table names."""
    return [part.partition("](")[0].strip("[") for part in cell.split(", ") if part != "none"]


def test_the_runbook_knows_these_incidents(stack: Stack) -> None:
    """Each has a row."""
    assert ROWS.keys() == incidents(stack).keys()


@pytest.mark.parametrize("incident", ROWS)
def test_an_incident_rings_one_alarm_and_others_only_if_nobody_acts(
    stack: Stack, incident: str
) -> None:
    """One mail in the first eight hours; what rings on the days after is said too."""
    mails = rung(stack, incidents(stack)[incident])
    first, then = ROWS[incident][:2]
    begin = mails[0][0]
    assert [name for minute, name in mails if minute < begin + SHIFT] == names(first)
    assert sorted({name for _, name in mails} - set(names(first))) == sorted(names(then))


def test_quiet_nights_ring_nothing(stack: Stack) -> None:
    """A week without an incident is a week without mail."""
    assert rung(stack, Incident()) == []
