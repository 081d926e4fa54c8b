"""An accepted backup is not yet a backup: `status`, `check` and `verify` read how things are.

The list of backups is the truth; the task list only lends a job ID.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.local_cloud.emulator import Fault
from tests.local_cloud.events import bus_event, http, response, sns, sqs
from tests.local_cloud.harness import Stage
from tests.local_cloud.local_cloud import CREDENTIALS_SECRETS, INSTANCE_ID, USER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.local_cloud.harness import Ending

CREATE: Final = {"instance_id": INSTANCE_ID}
CHECK: Final = {"action": "check", "instance_id": INSTANCE_ID}
VERIFY: Final = {"action": "verify", "instance_id": INSTANCE_ID, "max_age_hours": 24}
LIST: Final = "ListBackups"
READS: Final = {"status": LIST, "check": "ListInstances", "verify": LIST}
ORDERS: Final = ("newest", "oldest", "shuffled")
BUSY: Final = (
    "BACKING UP",
    "MODIFYING",
    "EXPANDING",
    "REBOOTING",
    "UPGRADING",
    "RESTORING",
    "SWITCHOVER",
    "MIGRATING",
    "REPAIRING",
    "REDUCING REPLICATION",
)

# The doors that let every action in. A queue tells only what failed, so its replies are not seen.
DOORS: Final[Mapping[str, Callable[[Mapping[str, object]], Any]]] = {
    "direct": dict,
    "schedule": lambda payload: {**payload, "scheduled_time": "2026-11-23T21:30:00Z"},
    "eventbridge": bus_event,
    "sns": sns,
    "sqs": sqs,
}


@pytest.fixture
def stage() -> Iterator[Stage]:
    """The function beside a cloud of its own, whose backups take ten minutes."""
    with Stage() as stage:
        stage.emulator.backup_seconds = 600
        yield stage


def status(**which: str) -> dict[str, object]:
    """The payload that asks for a backup by `backup_id` or `name`."""
    return {"action": "status", "instance_id": INSTANCE_ID, **which}


def counted(ending: Ending) -> set[str]:
    """The names of the metrics that an invocation wrote."""
    return {
        metric["Name"]
        for blob in ending.metrics
        for part in blob["_aws"]["CloudWatchMetrics"]
        for metric in part["Metrics"]
    }


def ages(ending: Ending) -> list[dict[str, Any]]:
    """The metrics on the age of an instance's newest backup."""
    return [blob for blob in ending.metrics if "BackupAgeHours" in blob]


def answered_with(stage: Stage, *entries: Mapping[str, object]) -> None:
    """The next list shows these backups, whatever it was asked for."""
    page = {"backups": entries, "total_count": len(entries)}
    stage.emulator.faults.add(Fault(operation=LIST, status=200, body=page))


# ------------------------------------------------------------------ status


@pytest.mark.parametrize("by", ["backup_id", "name"])
def test_a_backup_is_followed_until_it_is_completed(stage: Stage, by: str) -> None:
    """First building, without size and end, then completed with both, as the service lists it."""
    made = stage.deliver(CREATE).reply
    which = {"backup_id": made["backup"]["id"], "name": made["backup"]["name"]}
    question = status(**{by: which[by]})
    building = stage.deliver(question).reply
    assert building == {
        "outcome": "building",
        "backup": {**made["backup"], "size": 0.0, "end_time": None},
        "job_id": made["job_id"],
    }
    stage.time.pass_by(600)
    completed = stage.deliver(question).reply
    end_time = completed["backup"].pop("end_time")
    assert end_time > made["backup"]["begin_time"]
    assert completed == {
        "outcome": "completed",
        "backup": {**made["backup"], "status": "COMPLETED", "size": 2048.0},
        "job_id": made["job_id"],
    }


def test_a_failed_backup_is_an_answer_and_no_error(stage: Stage) -> None:
    """The question was answered; whoever asked decides what that means."""
    stage.emulator.fail_backup()
    made = stage.deliver(CREATE).reply
    stage.time.pass_by(600)
    ending = stage.deliver(status(backup_id=made["backup"]["id"]))
    assert ending.reply["outcome"] == "failed"
    assert ending.reply["backup"]["status"] == "FAILED"
    assert ending.record["level"] == "INFO"


@pytest.mark.parametrize("kind", ["manual", "auto"])
def test_any_backup_of_the_instance_can_be_asked_for(stage: Stage, kind: Any) -> None:
    """Also an automated one, and one that somebody else made; those have no job."""
    made = stage.emulator.add_backup(instance_id=INSTANCE_ID, type=kind, with_job=False)
    ending = stage.deliver(status(backup_id=made.id))
    assert ending.reply["outcome"] == "completed"
    assert ending.reply["job_id"] is None
    assert ending.record["job_lookup"] == "none"


def test_what_the_task_list_says_changes_no_outcome(stage: Stage) -> None:
    """Its documents contradict each other: a job that failed or cannot be read says nothing."""
    made = stage.emulator.add_backup(instance_id=INSTANCE_ID)
    question = status(backup_id=made.id)
    stage.emulator.faults.add(Fault(operation="ListTasks", status=500, times=50))
    unread = stage.deliver(question)
    assert (unread.reply["outcome"], unread.reply["job_id"]) == ("completed", None)
    assert unread.record["job_lookup"] == "failed"
    stage.emulator.faults.clear()
    stage.emulator.jobs_know_backups = False
    assert stage.deliver(question).reply["outcome"] == "completed"
    assert "ShowJobDetail" not in {call.operation for call in stage.emulator.calls}


def test_a_backup_that_is_not_listed_is_not_found(stage: Stage) -> None:
    """Whether it never was, was deleted, or belongs to another instance."""
    other = stage.emulator.add_instance()
    elsewhere = stage.emulator.add_backup(instance_id=other.id)
    gone = stage.emulator.add_backup(instance_id=INSTANCE_ID)
    stage.delete(gone)
    for which in (
        {"backup_id": "0" * 32 + "br14"},
        {"backup_id": elsewhere.id},
        {"backup_id": gone.id},
        {"name": elsewhere.name},
        {"name": gone.name},
    ):
        ending = stage.deliver(status(**which))
        assert ending.error_name == "BackupNotFound", which
        assert ending.record["retryable"] is False


def test_a_backup_that_is_being_deleted_is_not_found(stage: Stage) -> None:
    """Nobody can restore from it any more, though the list still shows it."""
    made = stage.emulator.add_backup(instance_id=INSTANCE_ID, status="DELETING")
    assert stage.deliver(status(name=made.name)).error_name == "BackupNotFound"


def test_a_state_that_nobody_documented_is_no_outcome(stage: Stage) -> None:
    """It may pass: whoever asked is to ask again."""
    made = stage.emulator.add_backup(instance_id=INSTANCE_ID)
    entry = {
        **stage.deliver(status(backup_id=made.id)).reply["backup"],
        "status": "ARCHIVING",
    }
    answered_with(stage, entry)
    ending = stage.deliver(status(backup_id=made.id))
    assert ending.error_name == "ServiceUnavailable"
    assert ending.record["retryable"] is True


def test_the_list_is_not_believed_to_be_filtered(stage: Stage) -> None:
    """Another instance's backup of that very name and ID is not the one that was meant."""
    made = stage.emulator.add_backup(instance_id=INSTANCE_ID)
    entry = stage.deliver(status(name=made.name)).reply["backup"]
    for which in ({"name": made.name}, {"backup_id": made.id}):
        answered_with(stage, {**entry, "instance_id": "0" * 32 + "in14"})
        assert stage.deliver(status(**which)).error_name == "BackupNotFound"


def test_a_name_that_was_freed_and_taken_again_means_the_backup_that_stays(stage: Stage) -> None:
    """While the first is being deleted the list may show both, in either order."""
    made = stage.emulator.add_backup(instance_id=INSTANCE_ID)
    entry = stage.deliver(status(name=made.name)).reply["backup"]
    leaving = {**entry, "id": "0" * 32 + "br14", "status": "DELETING"}
    for listed in ([entry, leaving], [leaving, entry]):
        answered_with(stage, *listed)
        assert stage.deliver(status(name=made.name)).reply["backup"]["id"] == made.id


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("listed", [100, 101, 205])
def test_a_name_is_found_on_whatever_page_it_stands(stage: Stage, order: Any, listed: int) -> None:
    """However many backups there are, and in whatever order the service lists them."""
    stage.emulator.list_order = order
    made = [
        stage.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=hour))
        for hour in range(1, listed + 1)
    ]
    for wanted in (made[0], made[-1]):
        ending = stage.deliver(status(name=wanted.name))
        assert ending.reply["backup"]["id"] == wanted.id
        looks = [call for call in ending.calls if call.operation == LIST]
        assert len(looks) == -(-listed // 100)


def test_an_id_costs_one_page(stage: Stage) -> None:
    """The service looks for it itself."""
    made = [
        stage.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=hour))
        for hour in range(1, 150)
    ]
    ending = stage.deliver(status(backup_id=made[-1].id))
    assert ending.operations == ["list", "tasks"]
    assert ending.calls[0].query["backup_id"] == made[-1].id


def test_a_list_that_changes_between_its_pages_is_read_again(stage: Stage) -> None:
    """A backup that slides from one page to the next must not be overlooked."""
    stage.emulator.list_order = "newest"
    made = [
        stage.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=hour))
        for hour in range(1, 103)
    ]

    def grow() -> None:
        stage.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(seconds=1))

    grows = Fault(operation=LIST, kind="pass", skip=1, action=grow)
    stage.emulator.faults.add(grows)
    ending = stage.deliver(status(name=made[-1].name))
    assert ending.reply["backup"]["id"] == made[-1].id
    assert ending.operations.count("list") == 4


# ------------------------------------------------------------------ check


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("ACTIVE", "ready"),
        *((state, "busy") for state in BUSY),
        ("BUILD", "not_ready"),
        ("FAILED", "not_ready"),
        ("FROZEN", "not_ready"),
        ("STORAGE FULL", "not_ready"),
        ("UPGRADE TO BE OBSERVED", "not_ready"),
        ("A STATE OF NEXT YEAR", "not_ready"),
    ],
)
def test_a_check_tells_whether_a_backup_could_begin(stage: Stage, state: str, outcome: str) -> None:
    """It shows the instance as the service has it, and asks for nothing to be made."""
    checked = stage.emulator.add_instance(name="billing", status=state)
    ending = stage.deliver({"action": "check", "instance_id": checked.id})
    assert ending.reply == {
        "outcome": outcome,
        "instance": {"id": checked.id, "name": "billing", "status": state},
    }
    assert ending.operations == ["ListInstances"]
    assert stage.emulator.backups == []


def test_an_instance_under_backup_is_busy(stage: Stage) -> None:
    """With one of its own, until that is completed."""
    stage.deliver(CREATE)
    assert stage.deliver(CHECK).reply["outcome"] == "busy"
    stage.time.pass_by(600)
    assert stage.deliver(CHECK).reply["outcome"] == "ready"


def test_an_unknown_instance_is_not_found(stage: Stage) -> None:
    """It was deleted, or lies in another project."""
    ending = stage.deliver({**CHECK, "instance_id": "0" * 32 + "in14"})
    assert ending.error_name == "InstanceNotFound"


def test_a_check_shows_whether_the_credentials_work(stage: Stage) -> None:
    """It reads the secret and logs in, so that a deployment can be tried without a backup."""
    stage.cloud.store.put(CREDENTIALS_SECRETS["password"], {**USER, "password": "outdated-one"})
    ending = stage.deliver(CHECK)
    assert ending.error_name == "CredentialsRejected"
    assert ending.record["instance_id"] == INSTANCE_ID


# ------------------------------------------------------------------ verify


def test_a_fresh_backup_is_shown_with_its_age(stage: Stage) -> None:
    """Its age counts from when it began, for that is the state which it holds."""
    made = stage.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=5), size=1024)
    reply = stage.deliver(VERIFY).reply
    assert reply["outcome"] == "fresh"
    assert reply["backup"]["id"] == made.id
    assert reply["backup"]["size"] == 1024
    assert reply["age_hours"] == pytest.approx(5, abs=0.01)


@pytest.mark.parametrize("zone", ["+0800", "-0330", "+0000", "Z"])
def test_the_service_may_write_its_times_in_any_zone(stage: Stage, zone: str) -> None:
    """Hours are not to be lost or won by an offset."""
    stage.emulator.time_zone = zone
    stage.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=5))
    assert stage.deliver(VERIFY).reply["age_hours"] == pytest.approx(5, abs=0.01)


@pytest.mark.parametrize("order", ORDERS)
def test_the_newest_counts_wherever_it_is_listed(stage: Stage, order: Any) -> None:
    """Manual or automated, on the first page or on the last."""
    stage.emulator.list_order = order
    for hour in range(2, 230):
        kind: Any = "auto" if hour % 2 else "manual"
        stage.emulator.add_backup(instance_id=INSTANCE_ID, type=kind, age=timedelta(hours=hour))
    newest = stage.emulator.add_backup(instance_id=INSTANCE_ID, type="auto", age=timedelta(hours=1))
    assert stage.deliver(VERIFY).reply["backup"]["id"] == newest.id


def test_only_what_can_be_restored_counts(stage: Stage) -> None:
    """A backup that failed, still builds, is being deleted or is empty is none; nor another's."""
    whole = stage.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=20))
    for state in ("FAILED", "BUILDING", "DELETING"):
        stage.emulator.add_backup(
            instance_id=INSTANCE_ID, status=state, age=timedelta(hours=1), size=2048
        )
    stage.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=1), size=0)
    other = stage.emulator.add_instance()
    stage.emulator.add_backup(instance_id=other.id, age=timedelta(hours=1))
    assert stage.deliver(VERIFY).reply["backup"]["id"] == whole.id


@pytest.mark.parametrize(("hours", "error"), [(23.9, None), (24.1, "BackupStale")])
def test_the_greatest_age_is_the_callers_to_choose(
    stage: Stage, hours: float, error: str | None
) -> None:
    """Up to it a backup is fresh, above it stale."""
    stage.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=hours))
    assert stage.deliver(VERIFY).error_name == error
    stage.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(minutes=1))
    assert stage.deliver(VERIFY).error_name is None
    assert stage.deliver({**VERIFY, "max_age_hours": 0.001}).error_name == "BackupStale"


def test_a_clock_that_is_behind_makes_no_negative_age(stage: Stage) -> None:
    """A backup of this moment is new, whatever the two clocks say."""
    stage.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(0))
    stage.time.wrong_by = -90
    assert stage.deliver(VERIFY).reply["age_hours"] == 0


def test_what_manual_backups_add_up_to_is_shown(stage: Stage) -> None:
    """Nobody deletes them, and they cost: all are counted, automated ones are not."""
    hour = timedelta(hours=1)
    for size in (100.5, 200.0):
        stage.emulator.add_backup(instance_id=INSTANCE_ID, size=size, age=hour)
    stage.emulator.add_backup(instance_id=INSTANCE_ID, status="FAILED")
    stage.emulator.add_backup(instance_id=INSTANCE_ID, type="auto", size=4096)
    reply = stage.deliver(VERIFY).reply
    assert (reply["manual_backups"], reply["manual_mb"]) == (3, 300.5)


def test_a_stale_backup_is_an_error_that_repeating_does_not_mend(stage: Stage) -> None:
    """The log tells the age, the metric too, and no backup counts as failed."""
    stage.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=30))
    ending = stage.deliver(VERIFY)
    assert ending.error_name == "BackupStale"
    assert "30.0 hours" in str(ending.error)
    record = ending.record
    assert (record["level"], record["message"]) == ("ERROR", "backup failed")
    assert (record["error"], record["retryable"]) == ("BackupStale", False)
    assert record["instance_id"] == INSTANCE_ID
    [age] = ages(ending)
    assert age["BackupAgeHours"] == [pytest.approx(30, abs=0.01)]
    assert counted(ending) == {"BackupAgeHours", "ApiLatency"}


def test_without_a_completed_backup_there_is_no_age(stage: Stage) -> None:
    """The error says so; the missing figure is for the alarm that treats it as a breach."""
    stage.emulator.add_backup(instance_id=INSTANCE_ID, status="FAILED")
    ending = stage.deliver(VERIFY)
    assert ending.error_name == "BackupStale"
    assert "no completed backup" in str(ending.error)
    assert counted(ending) == {"ApiLatency"}


def test_the_age_is_a_metric_of_each_instance(stage: Stage) -> None:
    """Under the service and the instance; several in one batch do not mix."""
    other = stage.emulator.add_instance()
    hours = {INSTANCE_ID: 3, other.id: 7}
    for instance_id, age in hours.items():
        stage.emulator.add_backup(instance_id=instance_id, age=timedelta(hours=age))
    ending = stage.deliver(sqs(*({**VERIFY, "instance_id": one} for one in hours)))
    found = {blob["instance_id"]: blob for blob in ages(ending)}
    assert found.keys() == hours.keys()
    for instance_id, age in hours.items():
        blob = found[instance_id]
        assert blob["BackupAgeHours"] == [pytest.approx(age, abs=0.01)]
        assert blob["service"] == ending.records[0]["service"]
        [directive] = blob["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "GaussDBBackup"
        assert [sorted(names) for names in directive["Dimensions"]] == [["instance_id", "service"]]


# ------------------------------------------------------------------ every door


def well(stage: Stage) -> tuple[Mapping[str, Mapping[str, object]], str]:
    """A payload of each action that ends well, and the backup that it is about."""
    made = stage.emulator.add_backup("nightly-1", instance_id=INSTANCE_ID, age=timedelta(hours=1))
    return {"status": status(name=made.name), "check": CHECK, "verify": VERIFY}, made.id


@pytest.mark.parametrize("door", DOORS)
def test_every_door_for_all_actions_takes_them(stage: Stage, door: str) -> None:
    """The reply is the same everywhere; the log names the door; nothing is made."""
    payloads, made = well(stage)
    for payload in payloads.values():
        direct = stage.deliver(payload).reply
        ending = stage.deliver(DOORS[door](payload))
        replies: dict[str, Any] = {
            "sns": {"replies": [direct]},
            "sqs": {"batchItemFailures": []},
        }
        expected = replies.get(door, direct)
        assert _steady(ending.reply) == _steady(expected)
        assert ending.record["trigger"] == door
        assert ending.record["instance_id"] == INSTANCE_ID
    assert [backup.id for backup in stage.emulator.backups] == [made]


@pytest.mark.parametrize("door", DOORS)
def test_a_stale_backup_reaches_whoever_watches_each_door(stage: Stage, door: str) -> None:
    """A queue gets its message back, for its dead letters; all others see the error raised."""
    ending = stage.deliver(DOORS[door](VERIFY))
    assert ending.record["error"] == "BackupStale"
    if door == "sqs":
        assert ending.reply == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}
    else:
        assert ending.error_name == "BackupStale"


def test_http_asks_by_path(stage: Stage) -> None:
    """The `GET` takes the same way as `status` elsewhere."""
    payloads, made = well(stage)
    event = http(None, method="GET", path=f"/backups/{made}", query={"instance_id": INSTANCE_ID})
    ending = stage.deliver(event)
    answer = response(ending.reply)
    assert (answer.status, answer.body) == (200, stage.deliver(payloads["status"]).reply)
    assert ending.record["trigger"] == "http"


def test_each_action_has_its_own_line(stage: Stage) -> None:
    """INFO with the outcome and what it is about; no attempt, for nothing is asked to be made."""
    payloads, made = well(stage)
    lines = {action: stage.deliver(payload).record for action, payload in payloads.items()}
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


def test_reading_counts_as_no_backup(stage: Stage) -> None:
    """Neither as accepted nor as failed: those alarms are for backups."""
    payloads, _ = well(stage)
    for action, payload in payloads.items():
        assert counted(stage.deliver(payload)) == {"ApiLatency"} | (
            {"BackupAgeHours"} if action == "verify" else set()
        )
    for action, payload in payloads.items():
        stage.emulator.faults.add(Fault(operation=READS[action], error_code="DBS.201003"))
        ending = stage.deliver(payload)
        assert ending.error_name == "PermissionDenied"
        assert counted(ending) == {"ApiLatency"}


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
def test_an_outage_is_told_as_one_that_passes(
    stage: Stage, fault: dict[str, Any], error: str
) -> None:
    """Nothing was asked to be made, so nothing is unknown: whoever asked may ask again."""
    payloads, _ = well(stage)
    for action, payload in payloads.items():
        stage.emulator.faults.script([Fault(operation=READS[action], times=500, **fault)])
        ending = stage.deliver(payload, seconds=15)
        assert ending.error_name == error
        assert ending.record["retryable"] is True
        stage.emulator.faults.clear()
        assert stage.deliver(payload).error_name is None


def test_a_hiccup_is_no_outage(stage: Stage) -> None:
    """A failed answer and a lost one are asked for again within the invocation."""
    payloads, _ = well(stage)
    for action, payload in payloads.items():
        read = READS[action]
        hiccups = [Fault(operation=read, status=502), Fault(operation=read, kind="close")]
        stage.emulator.faults.script(hiccups)
        assert stage.deliver(payload).error_name is None
        assert stage.emulator.faults.waiting == ()


def _steady(reply: Any) -> Any:
    """A reply without the age, which grows from one look to the next."""
    if isinstance(reply, dict):
        return {name: _steady(part) for name, part in reply.items() if name != "age_hours"}
    return [_steady(part) for part in reply] if isinstance(reply, list) else reply
