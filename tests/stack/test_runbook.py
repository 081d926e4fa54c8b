from __future__ import annotations

import re
from typing import Any

import pytest

from tests.stack.cloudformation import STACK, Stack
from tests.stack.dashboard import widgets
from tests.stack.translation import ROOT

RUNBOOK = ROOT / "docs/runbook.md"


def test_the_runbook_covers_what_an_operator_does() -> None:
    """From deployment to costs, each under a heading of its own."""
    headings = re.findall(r"^## (.*)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == [
        "Back up now",
        "Deploy",
        "Rotate a secret",
        "Add an instance",
        "Chain something to a backup",
        "Read the dashboard",
        "Alarms",
        "Redrive of dead letters",
        "Restore drill",
        "Five minutes against the live service",
        "Costs",
    ]


def test_every_alarm_has_its_section_with_cause_and_cure(stack: Stack) -> None:
    """The runbook has a heading for each alarm and for no other, under "Alarms"."""
    names = {
        made["AlarmName"].removeprefix(f"{STACK}-")
        for made in stack.of_type("AWS::CloudWatch::Alarm").values()
    }
    text = RUNBOOK.read_text(encoding="utf-8")
    [alarms] = re.findall(r"^## Alarms\n(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL)
    sections = dict(re.findall(r"^### (\S+)\n(.*?)(?=^### |\Z)", alarms, re.MULTILINE | re.DOTALL))
    assert sections.keys() == names
    for name, section in sections.items():
        assert "**Cause.**" in section, name
        assert "**Cure.**" in section, name


def test_links_within_the_runbook_lead_somewhere() -> None:
    """Every anchor is a heading, as a forge spells it."""
    text = RUNBOOK.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    links = set(re.findall(r"\]\(#([^)]+)\)", text))
    assert links
    assert links <= anchors


def test_the_runbook_speaks_of_parameters_that_there_are(template: dict[str, Any]) -> None:
    """No parameter is renamed behind its back, and its shell finds the outputs that it asks for."""
    text = RUNBOOK.read_text(encoding="utf-8")
    outputs = set(re.findall(r"\$\(output (\w+)\)", text))
    assert outputs <= template["Outputs"].keys()
    words = set(re.findall(r"`([A-Z][A-Za-z]+)(?:=[\w,]+)?`", text))
    parameters = {word for word in words if word in template["Parameters"]}
    assert {"InstanceIds", "FleetList", "NoBackupHours", "MaxBackupAgeHours"} <= parameters
    assert "FiveInstancesAtMostWithoutWaiting" in template["Resources"]


def test_every_widget_is_explained(stack: Stack) -> None:
    """The table of the dashboard names each widget of the dashboard."""
    text = RUNBOOK.read_text(encoding="utf-8")
    [section] = re.findall(r"^## Read the dashboard\n(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL)
    explained = re.findall(r"^\| ([A-Z][^|]*?) \|", section, re.MULTILINE)
    assert len(explained) == len(widgets(stack))
    for title in widgets(stack):
        assert any(title.startswith(name) for name in explained), title


def test_the_costs_add_up() -> None:
    """The last row is the sum of the rows above, to a cent of rounding."""
    text = RUNBOOK.read_text(encoding="utf-8").partition("## Costs")[2]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")][2:]
    for column in (2, 3, 4):
        *parts, total = (float(row[column].strip(" *")) for row in rows)
        assert sum(parts) == pytest.approx(total, abs=0.02)
