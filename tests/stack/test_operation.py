from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from tests.cloud.lambda_runtime import FunctionFailed, LambdaRuntime
from tests.cloud.local_cloud import INSTANCE_ID, LocalCloud
from tests.stack.choices import EVERYTHING, EVERYTHING_DIRECT, NOTHING, REQUIRED
from tests.stack.cloudformation import STACK, Stack
from tests.stack.filter_pattern import selects, value_at
from tests.stack.translation import ROOT

RUNBOOK = ROOT / "docs/runbook.md"
UNKNOWN_INSTANCE = "0e02b2c3d47948a8b1c2d3e4f5a6b7c8in14"


@pytest.fixture
def stack(template: dict[str, Any]) -> Stack:
    """Everything that the template can make at once."""
    return Stack(template, EVERYTHING)


def alarm(stack: Stack, name: str) -> dict[str, Any]:
    """An alarm by the name that an operator sees, without the stack's."""
    alarms = stack.of_type("AWS::CloudWatch::Alarm").values()
    [found] = [a for a in alarms if a["AlarmName"] == f"{STACK}-{name}"]
    return found


# ---------------------------------------------------------------- alarms


def test_every_alarm_says_what_to_do_and_where_to_read_on(template: dict[str, Any]) -> None:
    """Its description is a sentence or two and ends in a link to the runbook's own section."""
    chosen = {**EVERYTHING, "RunbookUrl": "https://wiki.example.com/backups"}
    for made in Stack(template, chosen).of_type("AWS::CloudWatch::Alarm").values():
        name = made["AlarmName"].removeprefix(f"{STACK}-")
        sentences, _, link = made["AlarmDescription"].rpartition(" ")
        assert link == f"https://wiki.example.com/backups#{name}"
        assert len(sentences.split()) >= 10
        assert len(made["AlarmDescription"]) <= 1024
        assert "${" not in sentences


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


def test_every_alarm_and_its_end_are_told(stack: Stack) -> None:
    """Both go to the topic."""
    for made in stack.of_type("AWS::CloudWatch::Alarm").values():
        assert made["AlarmActions"] == made["OKActions"] == [stack.answer("AlarmTopic", "")]


def test_silence_sets_off_an_alarm(stack: Stack) -> None:
    """No accepted backup for so many hours, and no data at all, is the fault itself."""
    made = alarm(stack, "no-backup-accepted")
    assert (made["Namespace"], made["MetricName"]) == ("GaussDBBackup", "BackupAccepted")
    assert made["Dimensions"] == [{"Name": "service", "Value": STACK}]
    assert made["TreatMissingData"] == "breaching"
    assert (made["Period"], made["EvaluationPeriods"]) == (3600, "26")
    assert (made["Statistic"], made["Threshold"]) == ("Sum", 1)
    assert made["ComparisonOperator"] == "LessThanThreshold"


@pytest.mark.parametrize(
    ("name", "metric", "missing"),
    [
        ("backup-failed", "GaussDBBackup/FailedForGood", "notBreaching"),
        ("backups-keep-failing", "GaussDBBackup/BackupFailed", "notBreaching"),
        ("backup-stale", "GaussDBBackup/StaleBackups", "notBreaching"),
        ("backup-age", "GaussDBBackup/OldestBackupAgeHours", "breaching"),
        ("dead-letters", "AWS/SQS/ApproximateNumberOfMessagesVisible", "notBreaching"),
        ("request-dead-letters", "AWS/SQS/ApproximateNumberOfMessagesVisible", "notBreaching"),
        ("function-crashed", f"GaussDBBackup/FunctionCrashes-{STACK}", "notBreaching"),
        ("throttled", "AWS/Lambda/Throttles", "notBreaching"),
    ],
)
def test_alarms_watch_these_metrics(stack: Stack, name: str, metric: str, missing: str) -> None:
    """One occurrence is enough for those that count, and no data is good news for them."""
    made = alarm(stack, name)
    assert f"{made['Namespace']}/{made['MetricName']}" == metric
    assert made["TreatMissingData"] == missing


def test_a_scheduled_run_that_does_not_succeed_sets_off_an_alarm(stack: Stack) -> None:
    """Whether it failed, ran out of time or was stopped."""
    metrics = alarm(stack, "fleet-failed")["Metrics"]
    counted = {
        m["Id"]: m["MetricStat"]["Metric"]["MetricName"] for m in metrics if "MetricStat" in m
    }
    assert counted == {
        "failed": "ExecutionsFailed",
        "timed_out": "ExecutionsTimedOut",
        "aborted": "ExecutionsAborted",
    }
    [shown] = [m for m in metrics if m.get("ReturnData", True)]
    assert set(shown["Expression"].split(" + ")) == counted.keys()


def test_dead_letters_of_every_kind_are_watched(stack: Stack) -> None:
    """Each queue that nobody reads has its alarm."""
    read = {
        mapping["EventSourceArn"]
        for mapping in stack.of_type("AWS::Lambda::EventSourceMapping").values()
    }
    unread = {
        name for name in stack.of_type("AWS::SQS::Queue") if stack.answer(name, "Arn") not in read
    }
    watched = {
        made["Dimensions"][0]["Value"]
        for made in stack.of_type("AWS::CloudWatch::Alarm").values()
        if made.get("Namespace") == "AWS/SQS"
    }
    assert watched == unread


def test_no_window_is_longer_than_cloudwatch_allows(template: dict[str, Any]) -> None:
    """A week for periods of an hour and more, else a day, with the greatest values allowed."""
    hours = template["Parameters"]["NoBackupHours"]["MaxValue"]
    chosen = {**EVERYTHING, "NoBackupHours": str(hours), "FreshnessHours": "24"}
    for made in Stack(template, chosen).of_type("AWS::CloudWatch::Alarm").values():
        periods = [made["Period"]] if "Period" in made else [300]
        longest = 7 * 86_400 if periods[0] >= 3600 else 86_400
        assert periods[0] * int(made["EvaluationPeriods"]) <= longest, made["AlarmName"]


# ---------------------------------------------------------------- what the log says


@pytest.fixture(scope="module")
def lines() -> dict[str, list[str]]:
    """What the function writes about events of every outcome, line by line."""
    create = {"instance_id": INSTANCE_ID, "idempotency_key": "pipeline-7"}
    events: dict[str, dict[str, Any]] = {
        "accepted": create,
        "unknown instance": {"instance_id": UNKNOWN_INSTANCE},
        "refused payload": {"instance_id": INSTANCE_ID, "nonsense": 1},
        "fresh": {"action": "verify", "instance_id": INSTANCE_ID, "max_age_hours": 36},
        "stale": {"action": "verify", "instance_id": INSTANCE_ID, "max_age_hours": 1},
        "never": {"action": "verify", "instance_id": UNKNOWN_INSTANCE, "max_age_hours": 1},
    }
    written: dict[str, list[str]] = {}
    with LocalCloud() as cloud:
        cloud.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=5))
        environment = {**cloud.environment(), "POWERTOOLS_SERVICE_NAME": STACK}
        with LambdaRuntime(environment) as function:
            for name, event in events.items():
                before = len(function.lines())
                try:
                    function.invoke(event)
                except FunctionFailed as error:
                    written[f"{name}: {error.error_type}"] = function.lines()[before:]
                else:
                    written[name] = function.lines()[before:]
    return written


def records(lines: list[str], message: str) -> list[dict[str, Any]]:
    """The lines with one message, parsed."""
    parsed = [json.loads(line) for line in lines if line.startswith("{")]
    return [record for record in parsed if record.get("message") == message]


def counted(stack: Stack, metric_filter: str, lines: list[str]) -> int:
    """How many lines a metric filter counts."""
    pattern = stack.properties(metric_filter)["FilterPattern"]
    return sum(selects(pattern, line) for line in lines)


@pytest.mark.parametrize(
    ("outcome", "failed_for_good", "stale", "ages"),
    [
        ("accepted", 0, 0, 0),
        ("unknown instance: InstanceNotFound", 1, 0, 0),
        ("refused payload: InvalidRequest", 1, 0, 0),
        ("fresh", 0, 0, 1),
        ("stale: BackupStale", 0, 1, 1),
        ("never: BackupStale", 0, 1, 0),
    ],
)
def test_log_metrics_count_the_functions_own_lines(
    stack: Stack,
    lines: dict[str, list[str]],
    outcome: str,
    failed_for_good: int,
    stale: int,
    ages: int,
) -> None:
    """A failure for good, a stale backup and an age are seen where they are, and nowhere else."""
    written = lines[outcome]
    assert counted(stack, "FailedForGoodCount", written) == failed_for_good
    assert counted(stack, "StaleCount", written) == stale
    assert counted(stack, "OldestAge", written) == ages
    assert counted(stack, "CrashCount", written) == 0


def test_the_oldest_age_is_read_from_the_metric_itself(
    stack: Stack, lines: dict[str, list[str]]
) -> None:
    """The selector finds the hours and the service in the line that Powertools writes."""
    properties = stack.properties("OldestAge")
    [metric] = properties["MetricTransformations"]
    [line] = [li for li in lines["fresh"] if selects(properties["FilterPattern"], li)]
    record = json.loads(line)
    assert value_at(metric["MetricValue"], record) == pytest.approx(5, abs=0.1)
    for dimension in metric["Dimensions"]:
        assert value_at(dimension["Value"], record) == STACK


@pytest.mark.parametrize(
    ("line", "crashes"),
    [
        ({"type": "platform.report", "record": {"status": "success"}}, 0),
        ({"type": "platform.report", "record": {"status": "timeout"}}, 1),
        (
            {
                "type": "platform.report",
                "record": {"status": "error", "errorType": "Runtime.ExitError"},
            },
            1,
        ),
        (
            {"type": "platform.report", "record": {"status": "error", "errorType": "InstanceBusy"}},
            0,
        ),
        ({"type": "platform.initReport", "record": {"status": "timeout"}}, 1),
        ({"type": "platform.start", "record": {}}, 0),
    ],
)
def test_a_killed_function_is_counted_from_lambdas_own_lines(
    stack: Stack, line: dict[str, Any], crashes: int
) -> None:
    """Timeouts, memory and failed starts count; an error that the function raises does not."""
    assert counted(stack, "CrashCount", [json.dumps(line)]) == crashes


def test_a_caller_over_http_wakes_nobody(stack: Stack) -> None:
    """Except where the credentials are refused, which no caller can mend."""
    line = {"message": "backup failed", "retryable": False, "trigger": "http", "service": STACK}
    pattern = stack.properties("FailedForGoodCount")["FilterPattern"]
    assert not selects(pattern, json.dumps({**line, "error": "NameTaken"}))
    assert selects(pattern, json.dumps({**line, "error": "CredentialsRejected"}))
    assert not selects(
        pattern, json.dumps({**line, "trigger": "direct", "retryable": True, "error": "Throttled"})
    )


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


def test_a_stack_of_its_own_name_keeps_its_own_numbers(template: dict[str, Any]) -> None:
    """The function's metrics carry the stack's name, which the alarms ask for."""
    function = Stack(template, REQUIRED).properties("BackupFunction")
    assert function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == STACK
    assert function["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"] == "GaussDBBackup"


def test_logs_can_have_a_key_of_ones_own(stack: Stack, template: dict[str, Any]) -> None:
    """Every log group is encrypted with it if it is named, and has none otherwise."""
    for group in stack.of_type("AWS::Logs::LogGroup").values():
        assert group["KmsKeyId"] == EVERYTHING["LogsKmsKeyArn"]
    for group in Stack(template, REQUIRED).of_type("AWS::Logs::LogGroup").values():
        assert "KmsKeyId" not in group


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
