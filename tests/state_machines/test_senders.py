"""Requests as others send them: nobody uses up a night in advance, and tracers do no harm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from gaussdb_backup.request import Identity, derived_name
from tests.local_cloud.lambda_runtime import FunctionFailed
from tests.template.cloudformation import STACK, Stack
from tests.template.parameter_values import REQUIRED
from tests.template.scheduler import fired
from tests.template.translation import translated

if TYPE_CHECKING:
    from tests.state_machines.conftest import Stage

TRACER: Final = {"_datadog": {"x-datadog-trace-id": "1", "x-datadog-tags": {"_dd.p.tid": "2"}}}


def night(instance: str, time: datetime) -> dict[str, Any]:
    """What the stack's schedule hands over for a time."""
    stack = Stack(translated(), {**REQUIRED, "InstanceIds": instance})
    event: dict[str, Any] = fired(
        stack.properties("FleetSchedule"), time.strftime("%Y-%m-%dT%H:%M:%SZ")
    )
    return event


def request(event: dict[str, Any]) -> dict[str, Any]:
    """The request for a backup that a run makes of a schedule's event."""
    [instance] = event["instances"]
    return {"instance_id": instance} | {n: v for n, v in event.items() if n != "instances"}


def name_of(event: dict[str, Any]) -> str:
    """The name of the backup that the event asks for."""
    time = datetime.fromisoformat(event["scheduled_time"])
    [instance] = event["instances"]
    return derived_name(
        event["name_prefix"], Identity("key", event["idempotency_key"], time), instance
    )


def test_nobody_can_ask_ahead_for_a_night(stage: Stage) -> None:
    """Not even with the schedule's own key, nor by the name that will come of it."""
    instance = stage.cloud.add_instance().id
    tomorrow = night(instance, datetime.now(UTC) + timedelta(days=1))
    for attack in (request(tomorrow), {"instance_id": instance, "name": name_of(tomorrow)}):
        with pytest.raises(FunctionFailed) as refused:
            stage.invoke(attack)
        assert refused.value.error_type == "InvalidRequest"
    assert stage.backups_of(instance) == []


def test_a_key_that_is_guessed_is_not_the_schedules(stage: Stage) -> None:
    """The night has a backup of its own, since the key has the stack's UUID in it."""
    instance = stage.cloud.add_instance().id
    event = night(instance, datetime.now(UTC))
    guessed = {**request(event), "idempotency_key": f"{STACK}-schedule-{event['scheduled_time']}"}
    stage.invoke(guessed)
    stage.cloud.clock.advance(60)
    assert stage.fleet(event)["status"] == "SUCCEEDED"
    assert name_of(event) in {made.name for made in stage.backups_of(instance)}
    assert len(stage.backups_of(instance)) == 2


def test_a_night_whose_name_was_used_up_before_is_loud(stage: Stage) -> None:
    """However that was done: the run fails, and rings the alarm that counts such runs."""
    instance = stage.cloud.add_instance().id
    event = night(instance, datetime.now(UTC))
    stage.cloud.add_backup(instance_id=instance, name=name_of(event), age=timedelta(days=2))
    ended = stage.fleet(event)
    assert (ended["status"], ended["error"]) == ("FAILED", "failed")
    [report] = [
        event["detail"]
        for event in stage.step_functions.told()
        if event["detail-type"] == "Fleet Report"
    ]
    assert [one["error"] for one in report["report"]["failed"]] == ["NameTaken"]


def test_what_a_tracer_adds_to_an_input_changes_nothing(stage: Stage) -> None:
    """Of a backup, of a fleet and of a check: the name is the same as without it."""
    instance = stage.cloud.add_instance().id
    event = night(instance, datetime.now(UTC))
    assert stage.fleet({**event, **TRACER})["status"] == "SUCCEEDED"
    assert stage.backup({**request(event), **TRACER})["status"] == "SUCCEEDED"
    [made] = stage.backups_of(instance)
    assert made.name == name_of(event)
    look = {"instances": [instance], "max_age_hours": 1}
    assert stage.freshness({**look, **TRACER})["status"] == "SUCCEEDED"
