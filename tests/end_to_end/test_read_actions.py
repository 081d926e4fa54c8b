"""An accepted backup is not a completed one: `status`, `check` and `verify` read how things are.

The list of backups decides; the task list only adds a job ID.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.local_cloud.emulator import Fault
from tests.local_cloud.events import bus_event, http, response, sns, sqs
from tests.local_cloud.harness import Harness
from tests.local_cloud.local_cloud import CREDENTIALS_SECRETS, INSTANCE_ID, USER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.local_cloud.harness import Invocation

CREATE: Final = {"instance_id": INSTANCE_ID}
CHECK: Final = {"action": "check", "instance_id": INSTANCE_ID}
VERIFY: Final = {"action": "verify", "instance_id": INSTANCE_ID, "max_age_hours": 24}
LIST: Final = "ListBackups"
READS: Final = {"status": LIST, "check": "ListInstances", "verify": LIST}
ORDERS: Final = ("newest", "oldest", "shuffled")

# The sources that take every action. A queue only reports failures, so it shows no replies.
SOURCES: Final[Mapping[str, Callable[[Mapping[str, object]], Any]]] = {
    "direct": dict,
    "schedule": lambda payload: {**payload, "scheduled_time": "2026-11-23T21:30:00Z"},
    "eventbridge": bus_event,
    "sns": sns,
    "sqs": sqs,
}


@pytest.fixture
def harness() -> Iterator[Harness]:
    """The function with its own local cloud, whose backups take ten minutes."""
    with Harness() as harness:
        harness.emulator.backup_seconds = 600
        yield harness


def status(**which: str) -> dict[str, object]:
    """The payload for the status of a backup, by `backup_id` or `name`."""
    return {"action": "status", "instance_id": INSTANCE_ID, **which}


def counted(invocation: Invocation) -> set[str]:
    """The names of the metrics of an invocation."""
    return {
        metric["Name"]
        for blob in invocation.metrics
        for part in blob["_aws"]["CloudWatchMetrics"]
        for metric in part["Metrics"]
    }


def ages(invocation: Invocation) -> list[dict[str, Any]]:
    """The metrics with the age of an instance's newest backup."""
    return [blob for blob in invocation.metrics if "BackupAgeHours" in blob]


def list_returns(harness: Harness, *entries: Mapping[str, object]) -> None:
    """Lets the next list contain these backups, whatever the request."""
    page = {"backups": entries, "total_count": len(entries)}
    harness.emulator.faults.add(Fault(operation=LIST, status=200, body=page))


# ------------------------------------------------------------------ status


@pytest.mark.parametrize("by", ["backup_id", "name"])
def test_a_backup_is_followed_until_it_is_completed(harness: Harness, by: str) -> None:
    """First building, without size and end time, then completed with both."""
    made = harness.invoke(CREATE).reply
    which = {"backup_id": made["backup"]["id"], "name": made["backup"]["name"]}
    question = status(**{by: which[by]})
    building = harness.invoke(question).reply
    assert building == {
        "outcome": "building",
        "backup": {**made["backup"], "size": 0.0, "end_time": None},
        "job_id": made["job_id"],
    }
    harness.time.advance(600)
    completed = harness.invoke(question).reply
    end_time = completed["backup"].pop("end_time")
    assert end_time > made["backup"]["begin_time"]
    assert completed == {
        "outcome": "completed",
        "backup": {**made["backup"], "status": "COMPLETED", "size": 2048.0},
        "job_id": made["job_id"],
    }


def test_a_failed_backup_is_a_result_and_no_error(harness: Harness) -> None:
    """The action succeeded; the caller decides what the result means."""
    harness.emulator.fail_backup()
    made = harness.invoke(CREATE).reply
    harness.time.advance(600)
    invocation = harness.invoke(status(backup_id=made["backup"]["id"]))
    assert invocation.reply["outcome"] == "failed"
    assert invocation.reply["backup"]["status"] == "FAILED"
    assert invocation.record["level"] == "INFO"


@pytest.mark.parametrize("kind", ["manual", "auto"])
def test_status_works_for_any_backup_of_the_instance(harness: Harness, kind: Any) -> None:
    """Also for automated backups and those of other callers, which have no job."""
    made = harness.emulator.add_backup(instance_id=INSTANCE_ID, type=kind, with_job=False)
    invocation = harness.invoke(status(backup_id=made.id))
    assert invocation.reply["outcome"] == "completed"
    assert invocation.reply["job_id"] is None
    assert invocation.record["job_lookup"] == "none"


def test_the_task_list_does_not_change_the_outcome(harness: Harness) -> None:
    """The documents about jobs contradict each other, so only the list of backups counts."""
    made = harness.emulator.add_backup(instance_id=INSTANCE_ID)
    question = status(backup_id=made.id)
    harness.emulator.faults.add(Fault(operation="ListTasks", status=500, times=50))
    unread = harness.invoke(question)
    assert (unread.reply["outcome"], unread.reply["job_id"]) == ("completed", None)
    assert unread.record["job_lookup"] == "failed"
    harness.emulator.faults.clear()
    harness.emulator.jobs_show_backups = False
    assert harness.invoke(question).reply["outcome"] == "completed"
    assert "ShowJobDetail" not in {call.operation for call in harness.emulator.calls}


def test_a_backup_that_is_not_listed_is_not_found(harness: Harness) -> None:
    """It never existed, was deleted, or belongs to another instance."""
    other = harness.emulator.add_instance()
    elsewhere = harness.emulator.add_backup(instance_id=other.id)
    gone = harness.emulator.add_backup(instance_id=INSTANCE_ID)
    harness.delete(gone)
    for which in (
        {"backup_id": "0" * 32 + "br14"},
        {"backup_id": elsewhere.id},
        {"backup_id": gone.id},
        {"name": elsewhere.name},
        {"name": gone.name},
    ):
        invocation = harness.invoke(status(**which))
        assert invocation.error_name == "BackupNotFound", which
        assert invocation.record["retryable"] is False


def test_a_backup_that_is_being_deleted_is_not_found(harness: Harness) -> None:
    """It cannot be restored any more, although the list still shows it."""
    made = harness.emulator.add_backup(instance_id=INSTANCE_ID, status="DELETING")
    assert harness.invoke(status(name=made.name)).error_name == "BackupNotFound"


def test_an_undocumented_status_is_retryable(harness: Harness) -> None:
    """It may change."""
    made = harness.emulator.add_backup(instance_id=INSTANCE_ID)
    entry = {
        **harness.invoke(status(backup_id=made.id)).reply["backup"],
        "status": "ARCHIVING",
    }
    list_returns(harness, entry)
    invocation = harness.invoke(status(backup_id=made.id))
    assert invocation.error_name == "ServiceUnavailable"
    assert invocation.record["retryable"] is True


def test_the_function_filters_the_list_itself(harness: Harness) -> None:
    """A backup of another instance with the same name and ID does not match."""
    made = harness.emulator.add_backup(instance_id=INSTANCE_ID)
    entry = harness.invoke(status(name=made.name)).reply["backup"]
    for which in ({"name": made.name}, {"backup_id": made.id}):
        list_returns(harness, {**entry, "instance_id": "0" * 32 + "in14"})
        assert harness.invoke(status(**which)).error_name == "BackupNotFound"


def test_of_two_backups_with_one_name_the_deleting_one_does_not_count(
    harness: Harness,
) -> None:
    """During a deletion the list may show both, in either order."""
    made = harness.emulator.add_backup(instance_id=INSTANCE_ID)
    entry = harness.invoke(status(name=made.name)).reply["backup"]
    leaving = {**entry, "id": "0" * 32 + "br14", "status": "DELETING"}
    for listed in ([entry, leaving], [leaving, entry]):
        list_returns(harness, *listed)
        assert harness.invoke(status(name=made.name)).reply["backup"]["id"] == made.id


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("listed", [100, 101, 205])
def test_a_name_is_found_on_every_page(harness: Harness, order: Any, listed: int) -> None:
    """In every order of the list."""
    harness.emulator.list_order = order
    made = [
        harness.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=hour))
        for hour in range(1, listed + 1)
    ]
    for wanted in (made[0], made[-1]):
        invocation = harness.invoke(status(name=wanted.name))
        assert invocation.reply["backup"]["id"] == wanted.id
        looks = [call for call in invocation.calls if call.operation == LIST]
        assert len(looks) == -(-listed // 100)


def test_an_id_costs_one_page(harness: Harness) -> None:
    """The service filters by ID."""
    made = [
        harness.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=hour))
        for hour in range(1, 150)
    ]
    invocation = harness.invoke(status(backup_id=made[-1].id))
    assert invocation.operations == ["list", "tasks"]
    assert invocation.calls[0].query["backup_id"] == made[-1].id


def test_a_list_that_changes_between_its_pages_shows_no_absence(harness: Harness) -> None:
    """It is read again before the result is `BackupNotFound`."""
    harness.emulator.list_order = "newest"
    made = [
        harness.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=hour))
        for hour in range(1, 103)
    ]

    def grow() -> None:
        harness.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(seconds=1))

    for name, error, pages in ((made[-1].name, None, 2), ("never-made", "BackupNotFound", 4)):
        harness.emulator.faults.add(Fault(operation=LIST, kind="pass", skip=1, action=grow))
        invocation = harness.invoke(status(name=name))
        assert invocation.error_name == error
        assert invocation.operations.count("list") == pages


# ------------------------------------------------------------------ check


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("ACTIVE", "ready"),
        ("BACKING UP", "busy"),
        ("STORAGE FULL", "not_ready"),
        ("A STATE OF NEXT YEAR", "not_ready"),
    ],
)
def test_check_shows_whether_a_backup_could_begin(
    harness: Harness, state: str, outcome: str
) -> None:
    """It shows the instance as the service lists it, and creates nothing."""
    checked = harness.emulator.add_instance(name="billing", status=state)
    invocation = harness.invoke({"action": "check", "instance_id": checked.id})
    assert invocation.reply == {
        "outcome": outcome,
        "instance": {"id": checked.id, "name": "billing", "status": state},
    }
    assert invocation.operations == ["ListInstances", "list"]
    assert invocation.calls[-1].query["limit"] == "1"
    assert harness.emulator.backups == []


def test_an_instance_with_a_running_backup_is_busy(harness: Harness) -> None:
    """Until the backup is completed."""
    harness.invoke(CREATE)
    assert harness.invoke(CHECK).reply["outcome"] == "busy"
    harness.time.advance(600)
    assert harness.invoke(CHECK).reply["outcome"] == "ready"


def test_an_unknown_instance_is_not_found(harness: Harness) -> None:
    """It was deleted, or belongs to another project."""
    invocation = harness.invoke({**CHECK, "instance_id": "0" * 32 + "in14"})
    assert invocation.error_name == "InstanceNotFound"


def test_check_shows_whether_the_credentials_work(harness: Harness) -> None:
    """It reads the secret and logs in, so a deployment can be tested without a backup."""
    harness.cloud.secrets.put(CREDENTIALS_SECRETS["password"], {**USER, "password": "outdated-one"})
    invocation = harness.invoke(CHECK)
    assert invocation.error_name == "CredentialsRejected"
    assert invocation.record["instance_id"] == INSTANCE_ID


def test_a_user_who_may_create_but_not_list_is_found_before_the_night(harness: Harness) -> None:
    """Nothing is missing until a response is lost: only the check shows it in time."""
    user = harness.emulator.iam.find_user(USER["username"], USER["domain_name"])
    assert user is not None
    user.permission = "create"
    event = {**CREATE, "idempotency_key": "one"}
    assert harness.invoke(event).reply["outcome"] == "created"
    invocation = harness.invoke(event, seconds=120)
    assert invocation.error_name == "OutcomeUnknown"
    assert invocation.operations == ["create", "list"]
    assert invocation.record["lookup_error"] == "PermissionDenied"
    assert harness.invoke(CHECK).error_name == "PermissionDenied"


# ------------------------------------------------------------------ verify


def test_a_fresh_backup_is_shown_with_its_age(harness: Harness) -> None:
    """The age counts from `begin_time`, because a backup has the state of that time."""
    made = harness.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=5), size=1024)
    reply = harness.invoke(VERIFY).reply
    assert reply["outcome"] == "fresh"
    assert reply["backup"]["id"] == made.id
    assert reply["backup"]["size"] == 1024
    assert reply["age_hours"] == pytest.approx(5, abs=0.01)


@pytest.mark.parametrize("zone", ["+0800", "-0330", "+0000", "Z"])
def test_times_of_the_service_may_have_any_zone(harness: Harness, zone: str) -> None:
    """The age is the same for every offset."""
    harness.emulator.time_zone = zone
    harness.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=5))
    assert harness.invoke(VERIFY).reply["age_hours"] == pytest.approx(5, abs=0.01)


@pytest.mark.parametrize("order", ORDERS)
def test_the_newest_counts_wherever_it_is_listed(harness: Harness, order: Any) -> None:
    """Manual or automated, on the first page or on the last."""
    harness.emulator.list_order = order
    for hour in range(2, 230):
        kind: Any = "auto" if hour % 2 else "manual"
        harness.emulator.add_backup(instance_id=INSTANCE_ID, type=kind, age=timedelta(hours=hour))
    newest = harness.emulator.add_backup(
        instance_id=INSTANCE_ID, type="auto", age=timedelta(hours=1)
    )
    assert harness.invoke(VERIFY).reply["backup"]["id"] == newest.id


def test_only_what_can_be_restored_counts(harness: Harness) -> None:
    """Not a backup that failed, is being built or deleted, is empty, or is of another instance."""
    whole = harness.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=20))
    for state in ("FAILED", "BUILDING", "DELETING"):
        harness.emulator.add_backup(
            instance_id=INSTANCE_ID, status=state, age=timedelta(hours=1), size=2048
        )
    harness.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=1), size=0)
    other = harness.emulator.add_instance()
    harness.emulator.add_backup(instance_id=other.id, age=timedelta(hours=1))
    assert harness.invoke(VERIFY).reply["backup"]["id"] == whole.id


@pytest.mark.parametrize(("hours", "error"), [(23.9, None), (24.1, "BackupStale")])
def test_the_caller_chooses_the_maximum_age(
    harness: Harness, hours: float, error: str | None
) -> None:
    """Up to it a backup is fresh, above it stale."""
    harness.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=hours))
    assert harness.invoke(VERIFY).error_name == error
    harness.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(minutes=1))
    assert harness.invoke(VERIFY).error_name is None
    assert harness.invoke({**VERIFY, "max_age_hours": 0.001}).error_name == "BackupStale"


def test_the_age_is_never_negative(harness: Harness) -> None:
    """The function's clock may be behind."""
    harness.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(0))
    harness.time.clock_offset = -90
    assert harness.invoke(VERIFY).reply["age_hours"] == 0


def test_verify_shows_the_number_and_size_of_manual_backups(harness: Harness) -> None:
    """They cost money until somebody deletes them; automated ones do not count."""
    hour = timedelta(hours=1)
    for size in (100.5, 200.0):
        harness.emulator.add_backup(instance_id=INSTANCE_ID, size=size, age=hour)
    harness.emulator.add_backup(instance_id=INSTANCE_ID, status="FAILED")
    harness.emulator.add_backup(instance_id=INSTANCE_ID, type="auto", size=4096)
    reply = harness.invoke(VERIFY).reply
    assert (reply["manual_backups"], reply["manual_mb"]) == (3, 300.5)


def test_a_stale_backup_is_an_error_that_is_not_retryable(harness: Harness) -> None:
    """The log and the metric show the age, and no backup counts as failed."""
    harness.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=30))
    invocation = harness.invoke(VERIFY)
    assert invocation.error_name == "BackupStale"
    assert "30.0 hours" in str(invocation.error)
    record = invocation.record
    assert (record["level"], record["message"]) == ("ERROR", "backup failed")
    assert (record["error"], record["retryable"]) == ("BackupStale", False)
    assert record["instance_id"] == INSTANCE_ID
    [age] = ages(invocation)
    assert age["BackupAgeHours"] == [pytest.approx(30, abs=0.01)]
    assert counted(invocation) == {"BackupAgeHours", "ApiLatency"}


def test_without_a_completed_backup_there_is_no_age(harness: Harness) -> None:
    """The alarm treats the missing metric as a breach."""
    harness.emulator.add_backup(instance_id=INSTANCE_ID, status="FAILED")
    invocation = harness.invoke(VERIFY)
    assert invocation.error_name == "BackupStale"
    assert "no completed backup" in str(invocation.error)
    assert counted(invocation) == {"ApiLatency"}


def test_the_age_is_a_metric_of_each_instance(harness: Harness) -> None:
    """With the dimensions service and instance; instances of one batch are separate."""
    other = harness.emulator.add_instance()
    hours = {INSTANCE_ID: 3, other.id: 7}
    for instance_id, age in hours.items():
        harness.emulator.add_backup(instance_id=instance_id, age=timedelta(hours=age))
    invocation = harness.invoke(sqs(*({**VERIFY, "instance_id": one} for one in hours)))
    found = {blob["instance_id"]: blob for blob in ages(invocation)}
    assert found.keys() == hours.keys()
    for instance_id, age in hours.items():
        blob = found[instance_id]
        assert blob["BackupAgeHours"] == [pytest.approx(age, abs=0.01)]
        assert blob["service"] == invocation.records[0]["service"]
        [directive] = blob["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "GaussDBBackup"
        assert [sorted(names) for names in directive["Dimensions"]] == [["instance_id", "service"]]


def in_another_form(field: str, value: object) -> Callable[[dict[str, object]], object]:
    """Lists the backups with one field in another form."""
    return lambda entry: {**entry, field: value}


@pytest.mark.parametrize("time", ["2026-11-28 08:01:10", "2026-11-28T08:01:10", "soon", "", None])
def test_a_time_that_cannot_be_read_is_no_age(harness: Harness, time: str | None) -> None:
    """Without a zone the time is uncertain by 26 hours, so the backup is not called stale."""
    harness.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=1))
    harness.emulator.alter_entry = in_another_form("begin_time", time)
    invocation = harness.invoke(VERIFY)
    assert invocation.error_name == "ServiceUnavailable"
    assert "no zone" in str(invocation.error)
    assert invocation.record["unreadable_entries"] == 1
    assert counted(invocation) == {"ApiLatency"}


def test_a_time_that_ends_in_utc_has_a_zone(harness: Harness) -> None:
    """The service writes the times of instances in this form."""
    began = harness.emulator.clock.now() - timedelta(hours=5)
    harness.emulator.add_backup(instance_id=INSTANCE_ID)
    harness.emulator.alter_entry = in_another_form("begin_time", f"{began:%Y-%m-%d %H:%M:%S} UTC")
    assert harness.invoke(VERIFY).reply["age_hours"] == pytest.approx(5, abs=0.01)


ODD_ENTRIES: Final[Mapping[str, object]] = {
    "no object": "x1br14",
    "without a name": {"instance_id": INSTANCE_ID, "status": "COMPLETED", "size": 1.0},
    "without an instance": {"name": "x", "status": "COMPLETED", "size": 1.0},
    "without a status": {"name": "x", "instance_id": INSTANCE_ID, "size": 1.0},
    "without a time": {
        "id": "x1br14",
        "name": "GaussDB-orders-1",
        "begin_time": None,
        "status": "BUILDING",
        "size": 0.0,
        "type": "auto",
        "instance_id": INSTANCE_ID,
    },
}


@pytest.mark.parametrize("odd", ODD_ENTRIES)
@pytest.mark.parametrize("action", ["status", "verify"])
def test_an_unreadable_entry_does_not_hide_backups(harness: Harness, action: str, odd: str) -> None:
    """The reply is the same as without it; the log counts it."""
    payloads, _ = successful_payload(harness)
    expected = harness.invoke(payloads[action]).reply
    harness.emulator.odd_entries = (ODD_ENTRIES[odd],)
    invocation = harness.invoke(payloads[action])
    assert _without_age(invocation.reply) == _without_age(expected)
    assert invocation.record["unreadable_entries"] == 1


def test_a_stale_backup_beside_unreadable_entries_is_stale(harness: Harness) -> None:
    """An unreadable entry is no completed backup."""
    harness.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=30))
    harness.emulator.odd_entries = tuple(ODD_ENTRIES.values())
    invocation = harness.invoke(VERIFY)
    assert invocation.error_name == "BackupStale"
    assert invocation.record["unreadable_entries"] == len(ODD_ENTRIES)


def test_another_instances_backup_is_not_fresh_for_this_one(harness: Harness) -> None:
    """Nor does it count as one of the manual backups."""
    harness.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=30))
    other = {
        "id": "y1br14",
        "name": "other-1",
        "begin_time": f"{harness.emulator.clock.now():%Y-%m-%dT%H:%M:%SZ}",
        "status": "COMPLETED",
        "size": 2048.0,
        "type": "manual",
        "instance_id": "0" * 32 + "in14",
    }
    harness.emulator.odd_entries = (other,)
    assert harness.invoke(VERIFY).error_name == "BackupStale"
    reply = harness.invoke({**VERIFY, "max_age_hours": 100}).reply
    assert (reply["manual_backups"], reply["manual_mb"]) == (1, 2048.0)


@pytest.mark.parametrize("wrong_by", [-1, 1, 100])
def test_a_wrong_total_does_not_hide_backups(harness: Harness, wrong_by: int) -> None:
    """Only absence needs pages that agree."""
    payloads, _ = successful_payload(harness)
    harness.emulator.alter_total = lambda total: total + wrong_by
    assert harness.invoke(payloads["status"]).reply["outcome"] == "completed"
    assert harness.invoke(payloads["verify"]).reply["outcome"] == "fresh"
    for payload in (status(name="never-made"), {**VERIFY, "max_age_hours": 0.5}):
        assert harness.invoke(payload).error_name == "ServiceUnavailable"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"error_code": "DBS.200044"}, "PermissionDenied"),
        ({"status": 404, "error_code": "APIGW.0101"}, "RequestRejected"),
        ({"kind": "html", "status": 200}, "ServiceUnavailable"),
    ],
    ids=["no right", "no such path", "no list"],
)
def test_check_finds_a_missing_right_for_the_list(
    harness: Harness, fault: dict[str, Any], error: str
) -> None:
    """Without the list a lost response cannot be looked up."""
    harness.emulator.faults.add(Fault(operation=LIST, **fault))
    assert harness.invoke(CHECK).error_name == error


# ------------------------------------------------------------------ every event source


def successful_payload(harness: Harness) -> tuple[Mapping[str, Mapping[str, object]], str]:
    """A payload of each action that succeeds, and the backup that it concerns."""
    made = harness.emulator.add_backup("nightly-1", instance_id=INSTANCE_ID, age=timedelta(hours=1))
    return {"status": status(name=made.name), "check": CHECK, "verify": VERIFY}, made.id


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_takes_the_read_actions(harness: Harness, source: str) -> None:
    """The reply is the same for all sources, and the log names the source."""
    payloads, made = successful_payload(harness)
    for payload in payloads.values():
        direct = harness.invoke(payload).reply
        invocation = harness.invoke(SOURCES[source](payload))
        replies: dict[str, Any] = {
            "sns": {"replies": [direct]},
            "sqs": {"batchItemFailures": []},
        }
        expected = replies.get(source, direct)
        assert _without_age(invocation.reply) == _without_age(expected)
        assert invocation.record["trigger"] == source
        assert invocation.record["instance_id"] == INSTANCE_ID
    assert [backup.id for backup in harness.emulator.backups] == [made]


@pytest.mark.parametrize("source", SOURCES)
def test_a_stale_backup_is_reported_by_every_source(harness: Harness, source: str) -> None:
    """A queue gets the message back, for its dead-letter queue; the others raise the error."""
    invocation = harness.invoke(SOURCES[source](VERIFY))
    assert invocation.record["error"] == "BackupStale"
    if source == "sqs":
        assert invocation.reply == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}
    else:
        assert invocation.error_name == "BackupStale"


def test_http_reads_the_status_by_path(harness: Harness) -> None:
    """`GET` does the same as `status`."""
    payloads, made = successful_payload(harness)
    event = http(None, method="GET", path=f"/backups/{made}", query={"instance_id": INSTANCE_ID})
    invocation = harness.invoke(event)
    answer = response(invocation.reply)
    assert (answer.status, answer.body) == (200, harness.invoke(payloads["status"]).reply)
    assert invocation.record["trigger"] == "http"


def test_each_action_has_its_own_log_line(harness: Harness) -> None:
    """INFO with the outcome; without `attempts`, because no create request is sent."""
    payloads, made = successful_payload(harness)
    lines = {action: harness.invoke(payload).record for action, payload in payloads.items()}
    told = {action: (line["message"], line["outcome"]) for action, line in lines.items()}
    assert told == {
        "status": ("backup status", "completed"),
        "check": ("instance checked", "ready"),
        "verify": ("backup fresh", "fresh"),
    }
    for line in lines.values():
        assert (line["level"], line["attempts"], line["trigger"]) == ("INFO", 0, "direct")
        assert line["instance_id"] == INSTANCE_ID
        assert line["correlation_id"] == line["function_request_id"]
        assert line["api_ms"] > 0
    for action in ("status", "verify"):
        assert (lines[action]["backup_id"], lines[action]["backup_name"]) == (made, "nightly-1")
    assert lines["check"]["instance_status"] == "ACTIVE"
    assert (lines["verify"]["manual_backups"], lines["verify"]["manual_mb"]) == (1, 2048.0)


def test_read_actions_do_not_count_as_backups(harness: Harness) -> None:
    """Neither as accepted nor as failed, because those alarms are for backups."""
    payloads, _ = successful_payload(harness)
    for action, payload in payloads.items():
        assert counted(harness.invoke(payload)) == {"ApiLatency"} | (
            {"BackupAgeHours"} if action == "verify" else set()
        )
    for action, payload in payloads.items():
        harness.emulator.faults.add(Fault(operation=READS[action], error_code="DBS.201003"))
        invocation = harness.invoke(payload)
        assert invocation.error_name == "PermissionDenied"
        assert counted(invocation) == {"ApiLatency"}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 503}, "ServiceUnavailable"),
        ({"kind": "html"}, "ServiceUnavailable"),
        ({"kind": "reset"}, "ServiceUnavailable"),
        ({"kind": "cut"}, "ServiceUnavailable"),
        ({"status": 429}, "Throttled"),
    ],
    ids=["503", "a page", "a reset", "half an answer", "429"],
)
def test_an_outage_is_service_unavailable(
    harness: Harness, fault: dict[str, Any], error: str
) -> None:
    """No create request was sent, so the outcome is not unknown."""
    payloads, _ = successful_payload(harness)
    for action, payload in payloads.items():
        harness.emulator.faults.script([Fault(operation=READS[action], times=500, **fault)])
        invocation = harness.invoke(payload, seconds=15)
        assert invocation.error_name == error
        assert invocation.record["retryable"] is True
        harness.emulator.faults.clear()
        assert harness.invoke(payload).error_name is None


def test_a_read_request_is_repeated_after_a_single_failure(harness: Harness) -> None:
    """A failed or lost response is requested again within the invocation."""
    payloads, _ = successful_payload(harness)
    for action, payload in payloads.items():
        read = READS[action]
        hiccups = [Fault(operation=read, status=502), Fault(operation=read, kind="close")]
        harness.emulator.faults.script(hiccups)
        assert harness.invoke(payload).error_name is None
        assert harness.emulator.faults.waiting == ()


def _without_age(reply: Any) -> Any:
    """A reply without the age, which grows between two requests."""
    if isinstance(reply, dict):
        return {name: _without_age(part) for name, part in reply.items() if name != "age_hours"}
    return [_without_age(part) for part in reply] if isinstance(reply, list) else reply
