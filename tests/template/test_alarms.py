from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.template.alarms import Watch, alarms, sources, watch
from tests.template.cloudformation import ACCOUNT, REGION, STACK, Stack
from tests.template.function_log import TIMEOUT, published
from tests.template.parameter_values import EVERYTHING, REQUIRED

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVICE = f"service={STACK}"
MACHINE = f"StateMachineArn=arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:"
FLEET = f"{MACHINE}FleetStateMachine"
CONSOLE = (
    f"https://{REGION}.console.aws.amazon.com/cloudwatch/home?region={REGION}"
    f"#dashboards/dashboard/{STACK}"
)
RUNS = "AWS/States/Executions"
OWN = "GaussDBBackup/"

WATCHED = {
    "backup-failed": Watch(
        f"{RUNS}Failed + {RUNS}TimedOut + {RUNS}Aborted + {OWN}LostRequests + {OWN}PruneFailed",
        *((FLEET, SERVICE), "Sum", 300, "1 of 36", ">= 1", "notBreaching"),
    ),
    "no-backup-started": Watch(
        f"FILL({RUNS}Started, 0)", (FLEET,), "Sum", 3600, "26 of 26", "< 1", "breaching"
    ),
    "backup-stale": Watch(
        f"FILL({RUNS}Succeeded, 0)",
        *((f"{MACHINE}FreshnessStateMachine",), "Sum", 3600, "13 of 13", "< 1", "breaching"),
    ),
    "dead-letters": Watch(
        "AWS/SQS/ApproximateNumberOfMessagesVisible",
        *(("QueueName=DeadLetters",), "Maximum", 300, "1 of 1", ">= 1", "notBreaching"),
    ),
    "function-failing": Watch(
        f"{OWN}FunctionCrashes-{STACK} + AWS/Lambda/Throttles",
        *(("FunctionName=BackupFunction",), "Sum", 900, "3 of 3", ">= 1", "notBreaching"),
    ),
    "webhook-keys": Watch(
        f"{OWN}WebhookKeysUnavailable",
        *((SERVICE,), "Sum", 900, "1 of 24", ">= 1", "notBreaching"),
    ),
}
# They count single events: the hours after one are quiet, whether it was fixed or not.
END_IS_NOT_KNOWN = {"backup-failed", "webhook-keys"}


def test_alarms_watch_exactly_this(stack: Stack) -> None:
    """Each its own metric, over its own time, with a threshold that a single fault reaches."""
    assert {name: watch(alarm) for name, alarm in alarms(stack).items()} == WATCHED


@pytest.mark.parametrize("hours", ["2", "168"])
def test_the_alarm_about_silence_waits_as_long_as_the_parameter_says(
    template: dict[str, Any], hours: str
) -> None:
    """So many hours in which no run started."""
    chosen = Stack(template, {**REQUIRED, "NoBackupHours": hours})
    assert watch(alarms(chosen)["no-backup-started"]).looks == f"{hours} of {hours}"


def test_no_window_is_longer_than_cloudwatch_allows(template: dict[str, Any]) -> None:
    """A week for periods of an hour and more, else a day, with the greatest values allowed."""
    longest = str(template["Parameters"]["NoBackupHours"]["MaxValue"])
    for name, alarm in alarms(Stack(template, {**EVERYTHING, "NoBackupHours": longest})).items():
        seen = watch(alarm)
        allowed = 7 * 86_400 if seen.seconds >= 3600 else 86_400
        assert seen.seconds * int(alarm["EvaluationPeriods"]) <= allowed, name


def test_the_alarm_about_age_waits_for_two_checks(stack: Stack) -> None:
    """And an hour, since a check does not begin on the hour."""
    assert stack.properties("FreshnessTimer")["ScheduleExpression"] == "rate(6 hours)"
    assert watch(alarms(stack)["backup-stale"]).looks == f"{2 * 6 + 1} of {2 * 6 + 1}"


def test_what_the_alarms_watch_is_really_published(
    stack: Stack, lines: Mapping[str, list[str]]
) -> None:
    """The function's own lines make each metric of ours, by the very name and dimensions."""
    log = [line for written in lines.values() for line in written]
    made = published(stack, [*log, json.dumps(TIMEOUT)])
    ours = {
        metric
        for alarm in alarms(stack).values()
        for metric in sources(alarm)
        if metric.name.startswith(OWN)
    }
    assert ours <= made
    assert len(ours) == 4


def test_every_alarm_is_told(stack: Stack) -> None:
    """It goes to the topic, and to nobody else."""
    topic = [stack.answer("AlarmTopic", "")]
    assert {name: alarm["AlarmActions"] for name, alarm in alarms(stack).items()} == dict.fromkeys(
        WATCHED, topic
    )


def test_the_end_is_told_where_it_means_that_the_cause_is_fixed(stack: Stack) -> None:
    """An alarm that counts single events tells no end."""
    topic = [stack.answer("AlarmTopic", "")]
    for name, alarm in alarms(stack).items():
        untold = name in END_IS_NOT_KNOWN
        assert alarm.get("OKActions") == (None if untold else topic), name


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://wiki.example.com/backups", "https://wiki.example.com/backups#{}"),
        (
            "",
            CONSOLE,
        ),
    ],
    ids=["runbook", "dashboard"],
)
def test_every_alarm_ends_in_a_link_that_works(
    template: dict[str, Any], url: str, link: str
) -> None:
    """To the runbook's own section, or to the dashboard where nobody said where the runbook is."""
    for name, alarm in alarms(Stack(template, {**EVERYTHING, "RunbookUrl": url})).items():
        sentences, _, shown = alarm["AlarmDescription"].rpartition(" ")
        assert shown == link.format(name)
        assert len(sentences.split()) >= 10
        assert len(alarm["AlarmDescription"]) <= 1024
        assert "${" not in sentences
