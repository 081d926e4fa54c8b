"""Twelve incidents, each as what it puts into the metrics, and the alarms that ring.

The world is that of the defaults: every night at 04:15 a run over the instances, every six hours a
check of their newest backups. An incident begins on the fourth day, and nobody acts.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.template.alarms import alarms
from tests.template.cloudformation import ACCOUNT, REGION, STACK
from tests.template.cloudwatch import Point, mails
from tests.template.filter_pattern import selects
from tests.template.function_log import TIMEOUT, metric

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.template.cloudformation import Stack

HOUR: Final = 60
DAY: Final = 24 * HOUR
BEGINS: Final = 3 * DAY + 3 * HOUR  # 03:00 of the fourth day
ENDS: Final = 7 * DAY
NIGHT: Final = 4 * HOUR + 15  # of each day
FIRST_NIGHT: Final = 3 * DAY + NIGHT
BACKUP: Final = 64  # minutes until a backup of an hour is seen to be completed
STALE: Final = 36 * HOUR

SERVICE: Final = {"service": STACK}
FLEET: Final = {
    "StateMachineArn": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:FleetStateMachine"
}
FRESHNESS: Final = {
    "StateMachineArn": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:FreshnessStateMachine"
}
STARTED: Final = metric("AWS/States", "ExecutionsStarted", FLEET)
FAILED: Final = metric("AWS/States", "ExecutionsFailed", FLEET)
FRESH: Final = metric("AWS/States", "ExecutionsSucceeded", FRESHNESS)
THROTTLES: Final = metric("AWS/Lambda", "Throttles", {"FunctionName": "BackupFunction"})
CRASHES: Final = metric("GaussDBBackup", f"FunctionCrashes-{STACK}", {})
LOST: Final = metric("GaussDBBackup", "LostRequests", SERVICE)
PRUNE: Final = metric("GaussDBBackup", "PruneFailed", SERVICE)
WEBHOOK_KEYS: Final = metric("GaussDBBackup", "WebhookKeysUnavailable", SERVICE)


class Incident(NamedTuple):
    """What happens from the fourth day on.

    Args:
        failing: for how many nights the run fails, and after how many minutes.
        without_schedule: whether no run starts any more.
        blind: for how many minutes the check of the backups cannot look, or never could.
        besides: what else is published.
    """

    failing: tuple[int, int] = (0, 0)
    without_schedule: bool = False
    blind: int = 0
    besides: tuple[Point, ...] = ()


# How long the state machine tries again: what passes by itself for a quarter of an hour, a busy
# instance for three hours.
GIVES_UP: Final = 14
STAYS_BUSY: Final = 3 * HOUR
ALWAYS: Final = ENDS


def incidents(stack: Stack) -> dict[str, Incident]:
    """The incidents by the names that the runbook gives them."""
    return {
        "credentials revoked": Incident(failing=(9, 1), blind=ALWAYS),
        "IAM down, three hours": Incident(failing=(1, GIVES_UP), blind=3 * HOUR),
        "GaussDB down, an hour": Incident(failing=(1, GIVES_UP), blind=HOUR),
        "instance busy all night": Incident(failing=(1, STAYS_BUSY)),
        "backup FAILED": Incident(failing=(1, BACKUP)),
        "schedule deleted": Incident(without_schedule=True),
        "function crashes": Incident(
            failing=(9, GIVES_UP), blind=ALWAYS, besides=tuple(_crashes(stack))
        ),
        "function throttled, by day": Incident(
            besides=tuple(
                Point(THROTTLES, BEGINS + 9 * HOUR + minute) for minute in range(0, 2 * HOUR, 5)
            )
        ),
        "poison message": Incident(besides=tuple(_poison(stack))),
        "webhook secret broken": Incident(besides=tuple(_webhooks(stack))),
        "freshness check fails": Incident(blind=ALWAYS),
        "prune fails": Incident(
            besides=tuple(
                Point(PRUNE, FIRST_NIGHT + BACKUP + minute) for minute in range(0, 3 * HOUR, 20)
            )
        ),
    }


def rung(stack: Stack, incident: Incident) -> list[tuple[int, str]]:
    """Each mail that an incident causes: the minute after its begin, and the alarm."""
    points = list(_world(incident))
    return sorted(
        (minute - BEGINS, name)
        for name, alarm in alarms(stack).items()
        for minute in mails(alarm, points, BEGINS, ENDS)
    )


def _world(incident: Incident) -> Iterator[Point]:
    """Everything that is published, from the first day to the last."""
    nights, minutes = incident.failing
    completed = []
    for day in range(ENDS // DAY):
        begun = day * DAY + NIGHT
        if incident.without_schedule and begun >= BEGINS:
            continue
        yield Point(STARTED, begun)
        if BEGINS <= begun < BEGINS + nights * DAY:
            yield Point(FAILED, begun + minutes)
        else:
            completed.append(begun)
    for look in range(0, ENDS, 6 * HOUR):
        blind = BEGINS <= look < BEGINS + incident.blind
        newest = max((one for one in completed if one + BACKUP <= look), default=0)
        if not blind and look - newest <= STALE:
            yield Point(FRESH, look + 2)
    yield from incident.besides


def _crashes(stack: Stack) -> Iterator[Point]:
    """Each attempt of the night's run and of the checks, as often as they try again."""
    pattern = stack.properties("CrashCount")["FilterPattern"]
    assert selects(pattern, json.dumps(TIMEOUT))
    for day in range(3, ENDS // DAY):
        yield from (Point(CRASHES, day * DAY + NIGHT + minute) for minute in (0, 1, 2, 4, 8, 13))
    for look in range(BEGINS + 3 * HOUR, ENDS, 6 * HOUR):
        yield from (Point(CRASHES, look + minute) for minute in (0, 1, 2, 4, 8))


def _poison(stack: Stack) -> Iterator[Point]:
    """A message that can never succeed: the queue delivers it ten times, twelve minutes apart."""
    line = {"message": "backup failed", "trigger": "sqs", "error": "InvalidRequest"}
    yield from _lost(stack, {**line, "retryable": False})


def _lost(stack: Stack, line: Mapping[str, object]) -> Iterator[Point]:
    pattern = stack.properties("LostRequests")["FilterPattern"]
    for delivery in range(1, 11):
        written = {**line, "service": STACK, "receive_count": delivery}
        if selects(pattern, json.dumps(written)):
            yield Point(LOST, BEGINS + 12 * delivery)


def _webhooks(stack: Stack) -> Iterator[Point]:
    """A sender that tries again: at once, after 5 minutes, half an hour, two hours and five."""
    pattern = stack.properties("WebhookKeysUnavailable")["FilterPattern"]
    line = {"level": "ERROR", "message": "webhook keys unavailable", "service": STACK}
    assert selects(pattern, json.dumps(line))
    for minutes in (0, 5, 35, 155, 455):
        yield Point(WEBHOOK_KEYS, BEGINS + minutes)
