"""Events as senders really send them: one case for each meaning, by way of the whole function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.local_cloud.events import (
    PAYLOAD,
    bus_event,
    http,
    nested,
    notification,
    response,
    sns,
    sqs,
)
from tests.local_cloud.harness import Harness
from tests.local_cloud.local_cloud import INSTANCE_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

TRACE = {"_datadog": {"x-datadog-trace-id": "1", "x-datadog-parent-id": "2"}}
# The instance of the schedules, which the service does not list.
ELSEWHERE = "0badc0de0badc0de0badc0de0badc0dein14"


@pytest.fixture
def harness() -> Iterator[Harness]:
    """The function beside a cloud of its own, whose backups are complete at once."""
    with Harness(DEFAULT_PAYLOAD=f'{{"instance_id": "{ELSEWHERE}"}}') as harness:
        harness.emulator.backup_seconds = 0
        yield harness


def test_an_event_that_arrives_in_several_envelopes_makes_one_backup(harness: Harness) -> None:
    """A rule may send it to the function, to a topic and, by way of the topic, to a queue."""
    event = bus_event()
    for envelope in (event, sns(event), sqs(event), sqs(notification(event))):
        assert harness.invoke(envelope).record["message"] == "backup accepted"
    assert len(harness.emulator.backups) == 1


@pytest.mark.parametrize(
    "event",
    [
        {**PAYLOAD, "idempotency_key": "release-48"},
        {**PAYLOAD, "scheduled_time": "2026-11-23T21:30:00Z"},
    ],
    ids=["a key", "a schedule"],
)
def test_what_a_tracer_adds_changes_no_identity(harness: Harness, event: dict[str, Any]) -> None:
    """With it and without it, the event is the same."""
    outcomes = [harness.invoke(one).reply["outcome"] for one in (event, {**event, **TRACE})]
    assert outcomes == ["created", "existing"]


def test_a_tracer_in_a_detail_is_ignored(harness: Harness) -> None:
    """dd-trace adds itself to every event that it puts on a bus."""
    event = bus_event({**PAYLOAD, **TRACE})
    assert harness.invoke(event).reply["outcome"] == "created"
    assert harness.invoke(bus_event()).reply["outcome"] == "existing"


def test_an_event_called_scheduled_is_not_the_deployment_s_schedule(harness: Harness) -> None:
    """Its detail names the instance, and not `DEFAULT_PAYLOAD`."""
    event = bus_event(**{"detail-type": "Scheduled Event", "source": "com.example.planner"})
    assert harness.invoke(event).record["instance_id"] == INSTANCE_ID


def test_a_rest_api_behind_a_custom_domain_is_served(harness: Harness) -> None:
    """Its base path is in `path`, and the route in `resource`."""
    event = {**http(dialect="rest-api", path="/ops/backups"), "resource": "/backups"}
    assert response(harness.invoke(event).reply).status == 202


def test_an_http_api_behind_a_mapping_is_served(harness: Harness) -> None:
    """Its mapping key is in `rawPath`, and the route in `routeKey`."""
    event = {**http(path="/ops/backups"), "routeKey": "POST /backups"}
    assert response(harness.invoke(event).reply).status == 202


@pytest.mark.parametrize("context", [{}, None])
def test_a_simple_authorizer_must_return_a_context(harness: Harness, context: object) -> None:
    """Without one the event does not show that the authorizer let the caller in."""
    event = http(authorizer={"lambda": context})
    assert response(harness.invoke(event).reply).status == 401
    event = http(authorizer={"lambda": {"caller": "release-pipeline"}})
    assert response(harness.invoke(event).reply).status == 202


def test_each_copy_of_a_raw_notification_is_an_event_of_its_own(harness: Harness) -> None:
    """Raw delivery leaves no ID of the notification, unless the message carries a key."""
    for message_id in ("copy-1", "copy-2"):
        harness.invoke(sqs(PAYLOAD, ids=[message_id]))
        harness.invoke(sqs({**PAYLOAD, "idempotency_key": "release-48"}, ids=[f"{message_id}-key"]))
    assert len(harness.emulator.backups) == 3


def test_a_message_with_a_hostile_envelope_stops_no_other(harness: Harness) -> None:
    """Envelope fields are read only where they are texts or numbers."""
    event = sqs(PAYLOAD, PAYLOAD, "{}")
    event["Records"][0]["attributes"]["SentTimestamp"] = nested(2000)
    event["Records"][2]["attributes"] = nested(2000)
    invocation = harness.invoke(event)
    assert invocation.reply == {"batchItemFailures": [{"itemIdentifier": "message-2"}]}
    assert len(harness.emulator.backups) == 2


@pytest.mark.parametrize("dialect", ["http-api", "rest-api"])
def test_a_request_with_a_hostile_envelope_gets_a_response(harness: Harness, dialect: Any) -> None:
    """An identity of any depth, in which nothing is said, is none."""
    event = http(dialect=dialect, authorizer={"lambda": nested(2000), "claims": nested(2000)})
    event["requestContext"] |= {"identity": nested(2000), "stage": nested(2000)}
    assert response(harness.invoke(event).reply).status == 401
