from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.template.alarms import alarms
from tests.template.cloudformation import ACCOUNT, REGION, STACK, Stack
from tests.template.dashboard import body, queries, series, widgets
from tests.template.function_log import COLD_START, TIMEOUT, WARM_START, published, records
from tests.template.insights import columns, commands, run
from tests.template.parameter_values import EVERYTHING, NOTHING
from tests.template.runbook import RUNBOOK

if TYPE_CHECKING:
    from collections.abc import Mapping

AGES = "Age of the newest backup, the oldest 50 instances, hours"
# what stands in a line of Lambda's own, or in none
NOT_OURS = {"@timestamp", "record.metrics.initDurationMs", "*", "bin(1h)"}


@pytest.fixture(scope="module")
def log(lines: Mapping[str, list[str]]) -> list[str]:
    """Everything that the function writes about events of every outcome."""
    return [line for written in lines.values() for line in written]


def test_what_the_graphs_show_is_really_published(stack: Stack, log: list[str]) -> None:
    """The function's own lines make each metric of ours, by the very name and dimensions."""
    made = published(stack, log)
    shown = {
        line.metric
        for title, widget in widgets(stack).items()
        if "metrics" in widget and title != AGES
        for line in series(widget)
    }
    ours = {one for one in shown if one.name.startswith("GaussDBBackup/")}
    assert len(ours) == 4
    assert ours <= made
    ages = {one.dimensions for one in made if one.name == "GaussDBBackup/BackupAgeHours"}
    assert {tuple(one.partition("=")[0] for one in names) for names in ages} == {
        ("instance_id", "service")
    }


def test_the_oldest_ages_are_shown(stack: Stack) -> None:
    """A graph takes 500 lines at most: of more instances those must be seen that matter."""
    assert widgets(stack)[AGES]["metrics"] == [
        [
            {
                "expression": "SLICE(SORT(SEARCH('{GaussDBBackup,instance_id,service}"
                f' MetricName="BackupAgeHours" service="{STACK}"\', \'Maximum\', 3600),'
                " MAX, DESC), 0, 50)",
                "label": "",
                "id": "age",
            }
        ]
    ]
    [line] = widgets(stack)[AGES]["annotations"]["horizontal"]
    assert (line["label"], line["value"]) == ("stale", 36)


@pytest.mark.parametrize(
    ("chosen", "depths"), [(EVERYTHING, 3), (NOTHING, 1)], ids=["everything", "nothing"]
)
def test_the_dashboard_shows_what_there_is(
    template: dict[str, Any], chosen: dict[str, str], depths: int
) -> None:
    """Its body is JSON under every choice, lists every alarm and no other, and has no overlap."""
    stack = Stack(template, chosen)
    [listed] = [
        one["properties"]["alarms"] for one in body(stack)["widgets"] if one["type"] == "alarm"
    ]
    arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{STACK}-"
    assert sorted(listed) == sorted(f"{arn}{name}" for name in alarms(stack))
    places = [
        (x, y)
        for one in body(stack)["widgets"]
        for x in range(one["x"], one["x"] + one["width"])
        for y in range(one["y"], one["y"] + one["height"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24
    shown = widgets(stack)
    assert len(series(shown["Queue depth and dead letters"])) == depths
    regions = {one["region"] for one in shown.values() if "alarms" not in one}
    assert regions == {REGION}


def test_every_query_asks_for_what_the_function_writes(stack: Stack, log: list[str]) -> None:
    """Every column is a field of some line, so that none is empty for ever."""
    known = {field for line in log if line.startswith("{") for field in json.loads(line)}
    for name, query in queries(stack).items():
        asked = {column for command in commands(query) for column in columns(command)}
        assert asked - known - NOT_OURS == set(), name


def test_accepted_backups_are_listed_with_their_jobs(
    stack: Stack, lines: Mapping[str, list[str]], log: list[str]
) -> None:
    """By the saved query, and by the table of the dashboard."""
    [accepted] = records(lines["accepted"], "backup accepted")
    for name in ("backups of the last day", "The last 50 backups"):
        [row] = run(queries(stack)[name], log)
        assert (row["job_id"], row["backup_name"]) == (
            accepted["job_id"],
            accepted["backup_name"],
        )


def test_failures_are_counted_by_error_and_show_the_last_of_each(
    stack: Stack, log: list[str]
) -> None:
    """Those of backups, of pruning and of the webhook's keys, with what the function says."""
    rows = run(queries(stack)["failures by code"], log)
    found = {(row["message"], row["error"]): row for row in rows}
    stale = found["backup failed", "BackupStale"]
    assert ("prune failed", "InstanceNotFound") in found
    assert ("webhook keys unavailable", "SecretUnavailable") in found
    assert "hours" in stale["last_detail"] or "backup" in stale["last_detail"]
    shown = run(queries(stack)["Failures by error and instance"], log)
    assert {(row["message"], row["error"]) for row in shown} == found.keys()


def test_one_jobs_story_is_found_by_what_one_pastes(
    stack: Stack, lines: Mapping[str, list[str]], log: list[str]
) -> None:
    """The job ID between the slashes finds the line that carries it."""
    [accepted] = records(lines["accepted"], "backup accepted")
    story = queries(stack)["one job's story"]
    [row] = run(story.replace("put-the-job-id-here", accepted["job_id"]), log)
    assert (row["message"], row["job_id"]) == ("backup accepted", accepted["job_id"])


def test_a_cold_start_is_told_from_a_warm_one(stack: Stack) -> None:
    """By the field that Lambda's report has after a cold start only; both are reports."""
    reports = [json.dumps(report) for report in (COLD_START, WARM_START, TIMEOUT)]
    query = queries(stack)["Function: cold starts per hour"]
    assert run(query, reports) == [{"cold_starts": 1, "invocations": 3}]


def test_every_field_that_the_runbook_names_is_a_column_of_its_query(stack: Stack) -> None:
    """Where it says what a saved query shows."""
    named = re.findall(r"^\*([a-z' ]+)\* shows (.*?)\.(?= |\n)", RUNBOOK, re.MULTILINE | re.DOTALL)
    assert {name for name, _ in named} == {"failures by code", "one job's story"}
    for name, text in named:
        shown = {column for one in commands(queries(stack)[name]) for column in columns(one)}
        assert set(re.findall(r"`(\w+)`", text)) - shown == set(), name
