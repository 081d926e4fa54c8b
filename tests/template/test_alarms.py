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

SERVICE = (f"service={STACK}",)
MACHINE = f"StateMachineArn=arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:"
FLEET = (f"{MACHINE}FleetStateMachine",)
FRESHNESS = (f"{MACHINE}FreshnessStateMachine",)
SQS_DEPTH = "AWS/SQS/ApproximateNumberOfMessagesVisible"
RUNS = "AWS/States/Executions"
OWN = "GaussDBBackup/"

WATCHED = {
    "backup-failed": Watch(
        f"{OWN}FailedForGood", SERVICE, "Sum", 300, "1 of 1", ">= 1", "notBreaching"
    ),
    "backups-keep-failing": Watch(
        f"{OWN}BackupFailed", SERVICE, "Sum", 900, "3 of 3", ">= 1", "notBreaching"
    ),
    "no-backup-accepted": Watch(
        f"FILL({OWN}BackupAccepted, 0)", SERVICE, "Sum", 3600, "26 of 26", "< 1", "breaching"
    ),
    "fleet-failed": Watch(
        f"{RUNS}Failed + {RUNS}TimedOut + {RUNS}Aborted",
        *(FLEET, "Sum", 300, "1 of 1", ">= 1", "notBreaching"),
    ),
    "freshness-check-failed": Watch(
        f"{RUNS}Failed", FRESHNESS, "Sum", 3600, "1 of 7", ">= 1", "notBreaching"
    ),
    "backup-stale": Watch(
        f"{OWN}StaleBackups", SERVICE, "Sum", 3600, "1 of 7", ">= 1", "notBreaching"
    ),
    "backup-age": Watch(
        f"{OWN}OldestBackupAgeHours", SERVICE, "Maximum", 3600, "13 of 13", "> 36", "breaching"
    ),
    "dead-letters": Watch(
        SQS_DEPTH, ("QueueName=DeadLetters",), "Maximum", 300, "1 of 1", ">= 1", "notBreaching"
    ),
    "request-dead-letters": Watch(
        SQS_DEPTH,
        *(("QueueName=RequestDeadLetters",), "Maximum", 300, "1 of 1", ">= 1", "notBreaching"),
    ),
    "function-crashed": Watch(
        f"{OWN}FunctionCrashes-{STACK}", (), "Sum", 3600, "1 of 1", ">= 2", "notBreaching"
    ),
    "throttled": Watch(
        "AWS/Lambda/Throttles",
        *(("FunctionName=BackupFunction",), "Sum", 300, "2 of 3", ">= 1", "notBreaching"),
    ),
}
# They count single events: the minutes after one are quiet, whether it was mended or not.
END_IS_NOT_KNOWN = {"backup-failed", "fleet-failed"}


def test_alarms_watch_exactly_this(stack: Stack) -> None:
    """Each its own metric, over its own time, with a threshold that a single fault reaches."""
    assert {name: watch(alarm) for name, alarm in alarms(stack).items()} == WATCHED


@pytest.mark.parametrize(
    ("chosen", "name", "looks", "bad"),
    [
        ({"NoBackupHours": "2"}, "no-backup-accepted", "2 of 2", "< 1"),
        ({"NoBackupHours": "168"}, "no-backup-accepted", "168 of 168", "< 1"),
        ({"FreshnessHours": "1"}, "freshness-check-failed", "1 of 2", ">= 1"),
        ({"FreshnessHours": "24"}, "freshness-check-failed", "1 of 25", ">= 1"),
        ({"FreshnessHours": "1"}, "backup-stale", "1 of 2", ">= 1"),
        ({"FreshnessHours": "6"}, "backup-stale", "1 of 7", ">= 1"),
        ({"FreshnessHours": "12"}, "backup-stale", "1 of 13", ">= 1"),
        ({"FreshnessHours": "24"}, "backup-stale", "1 of 25", ">= 1"),
        ({"FreshnessHours": "1"}, "backup-age", "3 of 3", "> 36"),
        ({"FreshnessHours": "6"}, "backup-age", "13 of 13", "> 36"),
        ({"FreshnessHours": "12"}, "backup-age", "25 of 25", "> 36"),
        ({"FreshnessHours": "24"}, "backup-age", "49 of 49", "> 36"),
        ({"MaxBackupAgeHours": "170"}, "backup-age", "13 of 13", "> 170"),
    ],
)
def test_alarms_wait_as_long_as_the_parameters_say(
    template: dict[str, Any], chosen: dict[str, str], name: str, looks: str, bad: str
) -> None:
    """So many hours of silence; one look and an hour if stale, two looks and an hour if old."""
    seen = watch(alarms(Stack(template, {**REQUIRED, **chosen}))[name])
    assert (seen.seconds, seen.looks, seen.bad) == (3600, looks, bad)


@pytest.mark.parametrize("hours", ["1", "6", "12", "24"])
def test_no_window_is_longer_than_cloudwatch_allows(template: dict[str, Any], hours: str) -> None:
    """A week for periods of an hour and more, else a day, with the greatest values allowed."""
    longest = str(template["Parameters"]["NoBackupHours"]["MaxValue"])
    chosen = {**EVERYTHING, "NoBackupHours": longest, "FreshnessHours": hours}
    for name, alarm in alarms(Stack(template, chosen)).items():
        seen = watch(alarm)
        allowed = 7 * 86_400 if seen.seconds >= 3600 else 86_400
        assert seen.seconds * int(alarm["EvaluationPeriods"]) <= allowed, name


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
    assert len(ours) == 6


def test_every_alarm_is_told(stack: Stack) -> None:
    """It goes to the topic, and to nobody else."""
    topic = [stack.answer("AlarmTopic", "")]
    assert {name: alarm["AlarmActions"] for name, alarm in alarms(stack).items()} == dict.fromkeys(
        WATCHED, topic
    )


def test_the_end_is_told_where_it_means_that_the_cause_is_mended(stack: Stack) -> None:
    """An alarm that counts single events tells no end, and its description says so."""
    topic = [stack.answer("AlarmTopic", "")]
    for name, alarm in alarms(stack).items():
        untold = name in END_IS_NOT_KNOWN
        assert alarm.get("OKActions") == (None if untold else topic), name
        says_so = "Nothing tells you when it is mended." in alarm["AlarmDescription"]
        assert says_so == untold, name


def test_every_alarm_says_what_to_do_and_where_to_read_on(template: dict[str, Any]) -> None:
    """Its description is a sentence or two and ends in a link to the runbook's own section."""
    chosen = {**EVERYTHING, "RunbookUrl": "https://wiki.example.com/backups"}
    for name, alarm in alarms(Stack(template, chosen)).items():
        sentences, _, link = alarm["AlarmDescription"].rpartition(" ")
        assert link == f"https://wiki.example.com/backups#{name}"
        assert len(sentences.split()) >= 10
        assert len(alarm["AlarmDescription"]) <= 1024
        assert "${" not in sentences


def test_dead_letters_of_every_kind_are_watched(stack: Stack) -> None:
    """Each queue that nobody reads has its alarm."""
    read = {
        mapping["EventSourceArn"]
        for mapping in stack.of_type("AWS::Lambda::EventSourceMapping").values()
    }
    unread = {
        (f"QueueName={name}",)
        for name in stack.of_type("AWS::SQS::Queue")
        if stack.answer(name, "Arn") not in read
    }
    assert {seen.dimensions for seen in WATCHED.values() if seen.watched == SQS_DEPTH} == unread


def test_the_address_gets_every_alarm(stack: Stack) -> None:
    """The address gets all of them: no filter stands between."""
    assert stack.properties("AlarmSubscription") == {
        "TopicArn": stack.answer("AlarmTopic", ""),
        "Protocol": "email",
        "Endpoint": EVERYTHING["AlarmEmail"],
    }
