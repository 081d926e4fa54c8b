from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.template.alarms import alarms
from tests.template.cloudformation import ACCOUNT, REGION, STACK, Stack
from tests.template.dashboard import Series, body, fields, saved_queries, series, tables, widgets
from tests.template.filter_pattern import value_at
from tests.template.function_log import (
    COLD_START,
    TIMEOUT,
    WARM_START,
    Metric,
    published,
    records,
)
from tests.template.parameter_values import EVERYTHING, EVERYTHING_DIRECT, NOTHING

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVICE = (f"service={STACK}",)
FUNCTION = ("FunctionName=BackupFunction",)
FLEET = (f"StateMachineArn=arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:FleetStateMachine",)
DEPTH = "AWS/SQS/ApproximateNumberOfMessagesVisible"
AGES = "Age of the newest backup, the oldest 50 instances, hours"

GRAPHS = {
    "Backups accepted, failed, refused": [
        Series(Metric("GaussDBBackup/BackupAccepted", SERVICE), "Sum", 3600),
        Series(Metric("GaussDBBackup/BackupFailed", SERVICE), "Sum", 3600),
        Series(Metric("GaussDBBackup/RequestsRefused", SERVICE), "Sum", 3600),
    ],
    "Latency of the GaussDB API, ms": [
        Series(Metric("GaussDBBackup/ApiLatency", SERVICE), "p50", 3600),
        Series(Metric("GaussDBBackup/ApiLatency", SERVICE), "p99", 3600),
    ],
    "Queue depth and dead letters": [
        Series(Metric(DEPTH, ("QueueName=DeadLetters",)), "Maximum", 300),
        Series(Metric(DEPTH, ("QueueName=BackupRequests",)), "Maximum", 300),
        Series(Metric(DEPTH, ("QueueName=RequestDeadLetters",)), "Maximum", 300),
    ],
    "Function: duration and throttles": [
        Series(Metric("AWS/Lambda/Duration", FUNCTION), "p50", 300),
        Series(Metric("AWS/Lambda/Duration", FUNCTION), "Maximum", 300),
        Series(Metric("AWS/Lambda/Throttles", FUNCTION), "Sum", 300),
    ],
    "Scheduled runs": [
        Series(Metric("AWS/States/ExecutionsStarted", FLEET), "Sum", 3600),
        Series(Metric("AWS/States/ExecutionsSucceeded", FLEET), "Sum", 3600),
        Series(Metric("AWS/States/ExecutionsFailed", FLEET), "Sum", 3600),
    ],
}
TABLES = {
    "Function: cold starts per hour": [
        "SOURCE 'FunctionLogs'",
        "filter type = 'platform.report'",
        (
            "stats count(record.metrics.initDurationMs) as cold_starts, count(*) as invocations"
            " by bin(1h)"
        ),
    ],
    "The last 50 backups": [
        "SOURCE 'FunctionLogs'",
        "filter message = 'backup accepted'",
        "fields @timestamp, instance_id, backup_name, job_id, outcome, trigger, attempts, api_ms",
        "sort @timestamp desc",
        "limit 50",
    ],
    "Failures by error and instance": [
        "SOURCE 'FunctionLogs'",
        "filter message = 'backup failed'",
        (
            "stats count(*) as failures, latest(error_code) as last_code,"
            " latest(@timestamp) as last_time by error, instance_id"
        ),
        "sort failures desc",
    ],
}
SAVED = {
    "backups of the last day": [
        "SOURCE 'FunctionLogs'",
        'filter message = "backup accepted"',
        (
            "fields @timestamp, instance_id, backup_name, job_id, backup_id, outcome, trigger,"
            " attempts, correlation_id, api_ms"
        ),
        "sort @timestamp desc",
    ],
    "failures by code": [
        "SOURCE 'FunctionLogs'",
        'filter message = "backup failed"',
        (
            "stats count(*) as failures, latest(@timestamp) as last_time,"
            " latest(error_msg) as last_message, latest(api_request_id) as last_request"
            " by error, error_code, http_status, retryable, action, instance_id"
        ),
        "sort failures desc",
    ],
    "one job's story": [
        "SOURCE 'FunctionLogs'",
        "filter @message like /put-the-job-id-here/",
        (
            "fields @timestamp, level, message, trigger, action, outcome, error, error_code,"
            " attempts, backup_name, job_id, correlation_id, function_request_id"
        ),
        "sort @timestamp asc",
    ],
}


@pytest.fixture(scope="module")
def log(lines: Mapping[str, list[str]]) -> list[str]:
    """Everything that the function writes about events of every outcome."""
    return [line for written in lines.values() for line in written]


def test_the_graphs_show_exactly_this(stack: Stack) -> None:
    """What one wants to see at a glance, of this stack and of no other."""
    shown = {
        title: series(widget)
        for title, widget in widgets(stack).items()
        if "metrics" in widget and title != AGES
    }
    assert shown == GRAPHS


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


def test_what_the_graphs_show_is_really_published(stack: Stack, log: list[str]) -> None:
    """The function's own lines make each metric of ours, by the very name and dimensions."""
    made = published(stack, log)
    ours = {line.metric for lines in GRAPHS.values() for line in lines}
    assert {one for one in ours if one.name.startswith("GaussDBBackup/")} <= made
    ages = {one.dimensions for one in made if one.name == "GaussDBBackup/BackupAgeHours"}
    assert {tuple(one.partition("=")[0] for one in names) for names in ages} == {
        ("instance_id", "service")
    }


@pytest.mark.parametrize(
    ("chosen", "depths", "runs"),
    [
        (EVERYTHING, 3, True),
        (EVERYTHING_DIRECT, 3, False),
        (NOTHING, 1, False),
    ],
    ids=["waiting", "direct", "nothing"],
)
def test_the_dashboard_shows_what_there_is(
    template: dict[str, Any],
    chosen: dict[str, str],
    depths: int,
    runs: bool,  # noqa: FBT001 - a column of the table
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
    assert ("Scheduled runs" in shown) == runs
    regions = {one["region"] for one in shown.values() if "alarms" not in one}
    assert regions == {REGION}


def test_the_alarms_widget_says_where_to_read_on(template: dict[str, Any]) -> None:
    """Its title is the first line that one reads at night."""
    chosen = {**EVERYTHING, "RunbookUrl": "https://wiki.example.com/backups"}
    first, *_ = widgets(Stack(template, chosen))
    assert first == "Alarms (what to do: https://wiki.example.com/backups)"


def test_the_tables_ask_the_functions_log_for_exactly_this(stack: Stack) -> None:
    """The last backups with their jobs, failures by error, and how often the function started."""
    assert tables(stack) == TABLES


def test_saved_queries_answer_the_usual_questions(stack: Stack) -> None:
    """Backups of the last day, failures by code, one job's story; all over the function's log."""
    assert saved_queries(stack) == SAVED


@pytest.mark.parametrize(
    ("commands", "outcome", "message"),
    [
        (TABLES["The last 50 backups"], "accepted", "backup accepted"),
        (SAVED["backups of the last day"], "accepted", "backup accepted"),
        (
            TABLES["Failures by error and instance"],
            "unknown instance: InstanceNotFound",
            "backup failed",
        ),
        (SAVED["failures by code"], "unknown instance: InstanceNotFound", "backup failed"),
    ],
)
def test_queries_ask_for_what_a_real_line_has(
    lines: Mapping[str, list[str]], commands: list[str], outcome: str, message: str
) -> None:
    """Their filter is the line's message, and every field that they name stands in the line."""
    [record] = records(lines[outcome], message)
    assert commands[1].replace("'", '"') == f'filter message = "{message}"'
    assert fields(commands)
    assert fields(commands) - record.keys() == set()


def test_one_jobs_story_is_found_by_what_one_pastes(
    lines: Mapping[str, list[str]], log: list[str]
) -> None:
    """The job ID between the slashes finds the line that carries it; every field is in the log."""
    [accepted] = records(lines["accepted"], "backup accepted")
    story = SAVED["one job's story"]
    pasted = story[1].replace("put-the-job-id-here", accepted["job_id"])
    found = re.fullmatch(r"filter @message like /(.*)/", pasted)
    assert found
    assert [json.loads(line)["message"] for line in log if re.search(found[1], line)] == [
        "backup accepted"
    ]
    known: set[str] = set()
    for message in ("backup accepted", "backup failed"):
        known = known.union(*records(log, message))
    assert fields(story) - known == set()


def test_a_cold_start_is_told_from_a_warm_one(stack: Stack) -> None:
    """By the field that Lambda's report has after a cold start only; both are reports."""
    _, chosen, counted = tables(stack)["Function: cold starts per hour"]
    [field] = fields([counted])
    reports = (COLD_START, WARM_START, TIMEOUT)
    assert {report["type"] for report in reports} == {chosen.removeprefix("filter type = ")[1:-1]}
    assert [value_at(f"$.{field}", report) is not None for report in reports] == [
        True,
        False,
        False,
    ]
