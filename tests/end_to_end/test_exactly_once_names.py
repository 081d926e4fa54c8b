"""Whose backup is it? The name alone decides for derived names, but not for explicit ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.local_cloud.emulator import Fault
from tests.local_cloud.events import PAYLOAD, bus_event, http, response, sample
from tests.local_cloud.harness import Harness
from tests.local_cloud.local_cloud import INSTANCE_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.local_cloud.emulator import Backup

EVENT: Final = {**PAYLOAD, "idempotency_key": "one"}
OTHER: Final = "0123456789abcdef0123456789abcdefin14"
CREATE: Final = "CreateManualBackup"
LIST: Final = "ListBackups"
NAMED: Final = {**PAYLOAD, "name": "release-42", "description": "before release 42"}
HAPPENED: Final = datetime(2026, 11, 23, 10, 15, 4, tzinfo=UTC)


@pytest.fixture
def harness() -> Iterator[Harness]:
    """The function with its own local cloud, a day after the event."""
    with Harness() as harness:
        harness.time.set(HAPPENED + timedelta(days=1))
        yield harness


def named_event(**fields: Any) -> dict[str, Any]:
    """An event of the bus with an explicit name; its time is the same on every delivery."""
    return bus_event({**NAMED, **fields}, time=f"{HAPPENED:%Y-%m-%dT%H:%M:%SZ}")


def put(harness: Harness, began: datetime, **differing: Any) -> Backup:
    """Adds a backup with that name."""
    fields = {"instance_id": INSTANCE_ID, "description": NAMED["description"], **differing}
    return harness.emulator.add_backup("release-42", begin_time=began, **fields)


def reject_create(harness: Harness, code: str) -> None:
    """Rejects the next create request with a code, whatever the state of the instance."""
    harness.emulator.faults.script([Fault(operation=CREATE, error_code=code)])


def test_an_explicit_name_makes_one_backup(harness: Harness) -> None:
    """Name and description match, so the backup is this event's own."""
    assert harness.invoke(named_event()).reply["outcome"] == "created"
    invocation = harness.invoke(named_event())
    assert invocation.reply["outcome"] == "existing"
    assert invocation.reply["job_id"] == harness.backup("release-42").job_id


@pytest.mark.parametrize(
    ("minutes", "own"), [(-4.9, True), (0, True), (3, True), (600, True), (-5.1, False)]
)
def test_an_explicit_name_counts_from_five_minutes_before_the_event(
    harness: Harness,
    minutes: float,
    own: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Clocks may differ by that much; an earlier backup belongs to another event."""
    found = put(harness, HAPPENED + timedelta(minutes=minutes))
    invocation = harness.invoke(named_event())
    if own:
        assert invocation.reply["outcome"] == "existing"
        assert invocation.reply["job_id"] == found.job_id
    else:
        assert invocation.error_name == "NameTaken"
        assert invocation.record["error_code"] == "DBS.201201"
        assert invocation.record["retryable"] is False


@pytest.mark.parametrize(("minutes", "own"), [(1, True), (14.9, True), (15.1, False)])
def test_an_explicit_name_without_an_event_time_counts_for_fifteen_minutes(
    harness: Harness,
    minutes: float,
    own: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """A direct invocation has no time of its own; its retries come within minutes."""
    found = put(harness, harness.emulator.clock.now() - timedelta(minutes=minutes))
    invocation = harness.invoke(NAMED)
    if own:
        assert invocation.reply["job_id"] == found.job_id
    else:
        assert invocation.error_name == "NameTaken"


@pytest.mark.parametrize("description", ["before release 41", None, "Before release 42"])
def test_an_explicit_name_with_another_description_is_taken(
    harness: Harness, description: str | None
) -> None:
    """Two callers chose the same name."""
    put(harness, HAPPENED, description=description)
    assert harness.invoke(named_event()).error_name == "NameTaken"


@pytest.mark.parametrize("described", [None, ""])
def test_no_description_is_no_difference(harness: Harness, described: str | None) -> None:
    """The service may list a missing description as null or as an empty text."""
    found = put(harness, HAPPENED, description=described)
    invocation = harness.invoke(named_event(description=None))
    assert invocation.reply["job_id"] == found.job_id


def test_a_derived_name_matches_with_any_description(harness: Harness) -> None:
    """The name alone identifies the event."""
    harness.invoke({**EVENT, "description": "one"})
    assert harness.invoke({**EVENT, "description": "two"}).reply["outcome"] == "existing"


def derived_name_of(harness: Harness, event: Any) -> str:
    """The name under which an event requests its backup; no backup is made."""
    reject_create(harness, "DBS.280404")
    name = harness.invoke(event).record["backup_name"]
    assert isinstance(name, str)
    return name


TIMED_EVENTS: Final = {
    "bus": bus_event(PAYLOAD, time=f"{HAPPENED:%Y-%m-%dT%H:%M:%SZ}"),
    "schedule": {**PAYLOAD, "scheduled_time": f"{HAPPENED:%Y-%m-%dT%H:%M:%SZ}"},
    "key": {**EVENT, "scheduled_time": f"{HAPPENED:%Y-%m-%dT%H:%M:%SZ}"},
}


@pytest.mark.parametrize("event", TIMED_EVENTS)
@pytest.mark.parametrize(
    ("minutes", "own"), [(-4.9, True), (0, True), (600, True), (-5.1, False), (-1440, False)]
)
def test_a_derived_name_made_ahead_of_its_time_is_taken(
    harness: Harness,
    event: str,
    minutes: float,
    own: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """A backup that began before its own time was made by somebody who computed the name."""
    name = derived_name_of(harness, TIMED_EVENTS[event])
    began = HAPPENED + timedelta(minutes=minutes)
    found = harness.emulator.add_backup(name, instance_id=INSTANCE_ID, begin_time=began)
    invocation = harness.invoke(TIMED_EVENTS[event])
    if own:
        assert invocation.reply["outcome"] == "existing"
        assert invocation.reply["job_id"] == found.job_id
    else:
        assert invocation.error_name == "NameTaken"
        assert invocation.record["error_code"] == "DBS.201201"


def test_a_derived_name_without_a_time_matches_at_any_time(harness: Harness) -> None:
    """A caller that repeats its key after a year asks for that backup."""
    name = derived_name_of(harness, EVENT)
    harness.emulator.add_backup(name, instance_id=INSTANCE_ID, age=timedelta(days=365))
    assert harness.invoke(EVENT).reply["outcome"] == "existing"


@pytest.mark.parametrize("time", ["2026-11-23 10:15:04", "soon", "", None])
@pytest.mark.parametrize(
    ("event", "end"),
    [
        (named_event(), "OutcomeUnknown"),
        (NAMED, "OutcomeUnknown"),
        (TIMED_EVENTS["bus"], "OutcomeUnknown"),
        (EVENT, None),
        (named_event(description="another"), "NameTaken"),
    ],
    ids=["explicit", "explicit, direct", "derived", "derived without time", "not described so"],
)
def test_a_matching_backup_with_an_unreadable_time_is_inconclusive(
    harness: Harness, event: Any, end: str | None, time: str | None
) -> None:
    """If only the time would decide, the result is neither own nor other."""
    name = derived_name_of(harness, event)
    harness.emulator.add_backup(
        name, instance_id=INSTANCE_ID, description=str(NAMED["description"])
    )
    harness.emulator.alter_entry = lambda entry: {**entry, "begin_time": time}
    invocation = harness.invoke(event)
    assert invocation.error_name == end
    assert invocation.operations.count("create") == 1
    assert invocation.record["unreadable_entries"] == 1


def test_a_name_of_another_instance_is_looked_for_in_the_whole_project(harness: Harness) -> None:
    """Names are unique in the project, so the project's list shows who has the name."""
    harness.emulator.add_instance(OTHER)
    put(harness, HAPPENED, instance_id=OTHER)
    invocation = harness.invoke(named_event())
    assert invocation.error_name == "NameTaken"
    assert invocation.operations == ["create", "list", "list"]
    first, second = (call.query for call in invocation.calls if call.operation == LIST)
    assert first["instance_id"] == INSTANCE_ID
    assert "instance_id" not in second


@pytest.mark.parametrize("code", ["DBS.201205", "DBS.201014"])
def test_only_a_duplicate_leads_to_a_lookup_in_the_whole_project(
    harness: Harness, code: str
) -> None:
    """A busy instance says nothing about the name."""
    reject_create(harness, code)
    invocation = harness.invoke(named_event())
    assert invocation.operations == ["create", "list"]
    assert invocation.record["error_code"] == code


def test_a_derived_name_that_another_instance_holds_is_taken(harness: Harness) -> None:
    """Names are unique in the project, so a retry cannot change the result."""
    name = harness.invoke(EVENT).reply["backup"]["name"]
    harness.time.advance(60)
    harness.delete(harness.backup())
    harness.emulator.add_instance(OTHER)
    harness.emulator.add_backup(name, instance_id=OTHER)
    invocation = harness.invoke(EVENT)
    assert invocation.error_name == "NameTaken"
    assert invocation.operations == ["create", "list", "list"]
    assert invocation.record["error_code"] == "DBS.201201"


def test_a_taken_name_is_taken_however_busy_the_instance_is(harness: Harness) -> None:
    """A retry would meet the same name again."""
    put(harness, HAPPENED - timedelta(days=1))
    reject_create(harness, "DBS.201205")
    invocation = harness.invoke(named_event())
    assert invocation.error_name == "NameTaken"
    assert invocation.record["error_code"] == "DBS.201205"


def test_a_lost_response_for_a_taken_name_is_name_taken(harness: Harness) -> None:
    """The name belongs to an older backup, so no backup was made for this event."""
    put(harness, HAPPENED - timedelta(days=1))
    harness.emulator.faults.script([Fault(operation=CREATE, kind="reset", when="after")])
    invocation = harness.invoke(named_event())
    assert invocation.operations == ["create", "list"]
    assert invocation.error_name == "NameTaken"


def test_a_taken_name_over_http(harness: Harness) -> None:
    """409, not retryable."""
    put(harness, HAPPENED - timedelta(days=300))
    answer = response(harness.invoke(http(NAMED)).reply)
    assert (answer.status, answer.error, answer.body["retryable"]) == (409, "NameTaken", False)


@pytest.mark.parametrize("zone", ["+0800", "+0000", "Z", "-0330", "+1245"])
@pytest.mark.parametrize("clock_offset", [-270, 0, 270])
@pytest.mark.parametrize("event", [named_event(), NAMED, EVENT], ids=["timed", "direct", "derived"])
def test_zones_and_clocks_that_differ_by_minutes_change_nothing(
    harness: Harness, event: Any, clock_offset: float, zone: str
) -> None:
    """A backup with a lost response is recognised by this delivery and by the next."""
    harness.time.set(HAPPENED + timedelta(seconds=2))
    harness.time.clock_offset += clock_offset
    harness.emulator.time_zone = zone
    harness.emulator.faults.script([Fault(operation=CREATE, kind="reset", when="after")])
    first = harness.invoke(event)
    second = harness.invoke(event)
    made = harness.backup()
    assert first.reply["outcome"] == "created"
    assert second.reply["outcome"] == "existing"
    assert first.reply["job_id"] == second.reply["job_id"] == made.job_id


def test_an_earlier_deliverys_backup_is_not_claimed_as_created(harness: Harness) -> None:
    """The response was lost, but the backup began long before this delivery."""
    harness.invoke(EVENT)
    harness.time.advance(3600)
    harness.emulator.faults.script([Fault(operation=CREATE, kind="reset", when="after")])
    invocation = harness.invoke(EVENT)
    assert invocation.reply["outcome"] == "existing"
    assert invocation.reply["job_id"] == harness.backup().job_id


@pytest.mark.parametrize(
    "event",
    [
        {**PAYLOAD, "name": "nightly", "scheduled_time": "2026-11-23T21:30:00Z"},
        {**NAMED, "scheduled_time": "2026-11-23T21:30:00Z", "idempotency_key": "one"},
    ],
    ids=["alone", "with a key"],
)
def test_a_schedule_cannot_have_a_fixed_name(harness: Harness, event: Any) -> None:
    """The second night would find it taken, so it is rejected before any request."""
    invocation = harness.invoke(event)
    assert invocation.error_name == "InvalidRequest"
    assert invocation.calls == []


def test_each_night_of_a_schedule_has_its_backup(harness: Harness) -> None:
    """The time is part of the identity and of the name; a redelivery has the same time."""
    harness.emulator.backup_seconds = 0
    names = set()
    for night in ("2026-11-23", "2026-11-24", "2026-11-24", "2026-11-25"):
        time = f"{night}T21:30:00Z"
        harness.time.set(datetime.fromisoformat(time))
        event = {**sample("scheduled-event"), "time": time}
        names.add(harness.invoke(event).reply["backup"]["name"])
    assert len(names) == len(harness.emulator.backups) == 3
