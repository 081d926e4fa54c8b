from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.stack.choices import EVERYTHING, EVERYTHING_DIRECT, NOTHING
from tests.stack.cloudformation import STACK, Stack
from tests.stack.function_log import records
from tests.stack.translation import ROOT

RUNBOOK = ROOT / "docs/runbook.md"

# ---------------------------------------------------------------- dashboard and queries


def widgets(stack: Stack) -> dict[str, dict[str, Any]]:
    """The dashboard's widgets by their titles."""
    body = json.loads(stack.properties("Dashboard")["DashboardBody"])
    return {w["properties"]["title"]: w["properties"] for w in body["widgets"]}


def shown_metrics(widget: dict[str, Any]) -> set[tuple[str, str]]:
    """Namespace and name of each metric; a row of dots repeats the row above."""
    return {(row[0], row[1]) for row in widget["metrics"] if row[0] != "..."}


@pytest.mark.parametrize(
    "chosen", [EVERYTHING, EVERYTHING_DIRECT, NOTHING], ids=["waiting", "direct", "nothing"]
)
def test_the_dashboard_shows_what_there_is(
    template: dict[str, Any], chosen: dict[str, str]
) -> None:
    """Its body is JSON under every choice, lists every alarm and no other, and has no overlap."""
    stack = Stack(template, chosen)
    body = json.loads(stack.properties("Dashboard")["DashboardBody"])
    [alarms] = [w["properties"]["alarms"] for w in body["widgets"] if w["type"] == "alarm"]
    assert sorted(arn.rpartition(":")[2] for arn in alarms) == sorted(
        made["AlarmName"] for made in stack.of_type("AWS::CloudWatch::Alarm").values()
    )
    places = [
        (x, y)
        for w in body["widgets"]
        for x in range(w["x"], w["x"] + w["width"])
        for y in range(w["y"], w["y"] + w["height"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24


def test_the_dashboard_has_these_widgets(stack: Stack) -> None:
    """What one wants to see at a glance, each with the metrics that it promises."""
    shown = widgets(stack)
    assert shown_metrics(shown["Backups accepted, failed, refused"]) == {
        ("GaussDBBackup", "BackupAccepted"),
        ("GaussDBBackup", "BackupFailed"),
        ("GaussDBBackup", "RequestsRefused"),
    }
    latency = shown["Latency of the GaussDB API, ms"]["metrics"]
    assert latency[0][:2] == ["GaussDBBackup", "ApiLatency"]
    assert [row[-1]["stat"] for row in latency] == ["p50", "p99"]
    queues = {
        row[3]
        for row in shown["Queue depth and dead letters"]["metrics"]
        if row[:2] == ["AWS/SQS", "ApproximateNumberOfMessagesVisible"]
    }
    assert queues == {"BackupRequests", "DeadLetters", "RequestDeadLetters"}
    assert shown_metrics(shown["Function: duration and throttles"]) == {
        ("AWS/Lambda", "Duration"),
        ("AWS/Lambda", "Throttles"),
    }
    age = shown["Age of the newest backup per instance, hours"]["metrics"][0][0]["expression"]
    assert "GaussDBBackup,instance_id,service" in age
    assert f'MetricName="BackupAgeHours" service="{STACK}"' in age
    assert {
        "Function: cold starts per hour",
        "The last 50 backups",
        "Failures by error and instance",
    } <= shown.keys()


def test_the_tables_ask_for_fields_that_the_log_has(
    stack: Stack, lines: dict[str, list[str]]
) -> None:
    """Every field of the last backups and of the failures occurs in a real line."""
    shown = widgets(stack)
    [accepted] = records(lines["accepted"], "backup accepted")
    last = shown["The last 50 backups"]["query"]
    fields = re.search(r"fields (.*?) \|", last)
    assert fields
    assert set(fields[1].split(", ")) - {"@timestamp"} <= accepted.keys()
    assert "job_id" in fields[1]
    assert last.endswith("| sort @timestamp desc | limit 50")
    [failed] = records(lines["unknown instance: InstanceNotFound"], "backup failed")
    failures = shown["Failures by error and instance"]["query"]
    assert failures.count("message = 'backup failed'") == 1
    assert " by error, instance_id " in failures
    assert {"error", "instance_id"} <= failed.keys()


def test_saved_queries_answer_the_usual_questions(
    stack: Stack, lines: dict[str, list[str]]
) -> None:
    """Backups of the last day, failures by code, one job's story; all over the function's log."""
    queries = stack.of_type("AWS::Logs::QueryDefinition").values()
    by_name = {q["Name"].removeprefix(f"{STACK}/"): q for q in queries}
    assert by_name.keys() == {"backups of the last day", "failures by code", "one job's story"}
    assert all(query["LogGroupNames"] == ["FunctionLogs"] for query in queries)
    [accepted] = records(lines["accepted"], "backup accepted")
    asked = re.search(r"fields (.*)", by_name["backups of the last day"]["QueryString"])
    assert asked
    assert set(asked[1].split(", ")) - {"@timestamp"} <= accepted.keys()
    assert "by error, error_code" in by_name["failures by code"]["QueryString"]


# ---------------------------------------------------------------- runbook


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
