"""`prune` deletes the scheduled backups that the policy does not keep, and no others."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import pytest

from gaussdb_backup.errors import ConfigurationError
from tests.local_cloud.emulator import Fault
from tests.local_cloud.emulator.clients import HttpClient
from tests.local_cloud.events import bus_event, http, notification, response, sample, sns, sqs
from tests.local_cloud.events import signed as signed_now
from tests.local_cloud.harness import Harness
from tests.local_cloud.local_cloud import (
    CREDENTIALS_SECRETS,
    INSTANCE_ID,
    RETENTION_SECRETS,
    LocalCloud,
)
from tests.local_cloud.scheduled_backups import policy_json, scheduled_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.local_cloud.emulator import Backup
    from tests.local_cloud.harness import Invocation
    from tests.local_cloud.local_cloud import Credentials

ROOT: Final = Path(__file__).resolve().parents[2]
NOW: Final = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LAST_NIGHT: Final = datetime(2026, 2, 28, 20, 0, tzinfo=UTC)
PRUNE: Final = {"action": "prune", "instance_id": INSTANCE_ID}
DELETE: Final = "DeleteManualBackup"
SECRET: Final = RETENTION_SECRETS["password"]
OTHER_INSTANCE: Final = "0000000000000000000000000000000bin14"


def pruning(
    mode: str = "delete", *, credentials: Credentials = "password", **fields: Any
) -> Harness:
    """The function with a policy of seven backups; `fields` are of the policy."""
    retention = policy_json(mode, **fields)
    secret = RETENTION_SECRETS[credentials]
    return Harness(credentials, RETENTION=retention, RETENTION_SECRET_ID=secret)


@pytest.fixture
def harness() -> Iterator[Harness]:
    """The function, told to delete; it is noon on March 1."""
    with pruning() as harness:
        harness.time.set(NOW)
        yield harness


def add_night(harness: Harness, number: int, **fields: Any) -> Backup:
    """Adds the backup of a night: 0 is last night's, 1 that of the night before."""
    time = LAST_NIGHT - timedelta(days=number)
    begin_time = fields.pop("begin_time", time + timedelta(minutes=1))
    name = fields.pop("name", scheduled_name(time))
    instance_id = fields.pop("instance_id", INSTANCE_ID)
    return harness.emulator.add_backup(
        name, instance_id=instance_id, begin_time=begin_time, **fields
    )


def add_nights(harness: Harness, count: int) -> list[Backup]:
    """Adds the backups of so many nights; the oldest come first in what is returned."""
    return [add_night(harness, number) for number in reversed(range(count))]


def names(harness: Harness) -> set[str]:
    """The names of the backups that there are."""
    return {backup.name for backup in harness.emulator.backups}


def deletions(invocation: Invocation) -> list[str]:
    """The IDs of the backups whose deletion was asked for, in order."""
    deletes = [call for call in invocation.calls if call.method == "DELETE"]
    assert all(call.operation == DELETE for call in deletes)
    return [call.path.rpartition("/")[2] for call in deletes]


def records(invocation: Invocation, message: str) -> list[dict[str, Any]]:
    """The log lines of one kind."""
    return [record for record in invocation.records if record["message"] == message]


def metrics(invocation: Invocation) -> dict[str, float]:
    """The sum of each metric of an invocation."""
    sums: Counter[str] = Counter()
    for blob in invocation.metrics:
        for metric in blob["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
            values = blob[metric["Name"]]
            sums[metric["Name"]] += sum(values) if isinstance(values, list) else values
    del sums["ApiLatency"]
    return dict(sums)


def in_china(time: datetime) -> str:
    """A time as the service writes it."""
    return f"{time + timedelta(hours=8):%Y-%m-%dT%H:%M:%S}+0800"


def ids(backups: Sequence[Backup]) -> list[str]:
    """Their IDs."""
    return [backup.id for backup in backups]


# ------------------------------------------------------------------ a run that goes well


def test_the_backups_beyond_the_policy_are_deleted_oldest_first(harness: Harness) -> None:
    """The reply tells what was selected and what became of it."""
    backups = add_nights(harness, 10)
    others = [
        add_night(harness, 30, name="before-the-upgrade"),
        add_night(harness, 31, type="auto", name="GaussDB-orders-20260128200000000"),
    ]
    invocation = harness.invoke(PRUNE)
    gone, kept = backups[:3], backups[3:]
    assert invocation.reply == {
        "outcome": "pruned",
        "instance_id": INSTANCE_ID,
        "kept": 7,
        "unmanaged": 1,
        "selected": [
            {
                "id": backup.id,
                "name": backup.name,
                "begin_time": in_china(backup.begin_time),
                "size": 2048.0,
            }
            for backup in gone
        ],
        "deleted": ids(gone),
        "failed": [],
        "freed_mb": 3 * 2048.0,
    }
    assert deletions(invocation) == ids(gone)
    assert names(harness) == {backup.name for backup in [*kept, *others]}


def test_a_run_is_logged_and_counted(harness: Harness) -> None:
    """The plan before, a line per deletion, and the end; each with what leads to it."""
    gone = add_nights(harness, 9)[:2]
    invocation = harness.invoke(PRUNE, request_id="4f1c8e3a-aaaa-4bbb-8ccc-1234567890ab")
    planned, first, second, finished = invocation.records
    for record in invocation.records:
        assert record["level"] == "INFO"
        assert record["instance_id"] == INSTANCE_ID
        assert record["trigger"] == "direct"
        assert record["correlation_id"] == "4f1c8e3a-aaaa-4bbb-8ccc-1234567890ab"
    assert planned["message"] == "prune planned"
    assert (planned["kept"], planned["unmanaged"], planned["selected"]) == (7, 0, 2)
    assert planned["names"] == [backup.name for backup in gone]
    assert planned["unreadable_entries"] == 0
    assert planned["dry_run"] is False
    for record, backup in zip((first, second), gone, strict=True):
        assert record["message"] == "backup deleted"
        assert (record["backup_id"], record["backup_name"]) == (backup.id, backup.name)
        assert record["size_mb"] == 2048.0
        assert record["begin_time"] == in_china(backup.begin_time)
        assert record["http_status"] == 202
        assert record["api_request_id"]
    assert finished["message"] == "prune finished"
    assert (finished["outcome"], finished["deleted"], finished["failed"]) == ("pruned", 2, 0)
    assert finished["freed_mb"] == 4096.0
    assert metrics(invocation) == {"BackupsSelected": 2, "BackupsDeleted": 2}


def test_a_second_run_finds_nothing_to_do(harness: Harness) -> None:
    """Pruning is idempotent."""
    add_nights(harness, 9)
    harness.invoke(PRUNE)
    again = harness.invoke(PRUNE)
    assert (again.reply["selected"], again.reply["deleted"]) == ([], [])
    assert deletions(again) == []
    assert metrics(again) == {"BackupsSelected": 0}


def test_the_log_names_at_most_twenty_backups(harness: Harness) -> None:
    """The reply names them all."""
    add_nights(harness, 40)
    invocation = harness.invoke({**PRUNE, "dry_run": True})
    [planned] = records(invocation, "prune planned")
    assert (planned["selected"], len(planned["names"])) == (33, 20)
    assert len(invocation.reply["selected"]) == 33


@pytest.mark.parametrize("status", [200, 202, 204])
def test_every_accepted_deletion_counts_whatever_its_body(
    harness: Harness, status: Literal[200, 202, 204]
) -> None:
    """Open Telekom Cloud's and Huawei's differ, and Huawei's status is not documented."""
    add_nights(harness, 8)
    harness.emulator.deletion_status = status
    harness.emulator.deletion_names_backup = True
    assert len(harness.invoke(PRUNE).reply["deleted"]) == 1


@pytest.mark.parametrize("body", [b"", b"[", b"<html></html>", b"null"])
def test_a_body_that_cannot_be_read_changes_nothing(harness: Harness, body: bytes) -> None:
    """The status is the answer."""
    [gone, *_] = add_nights(harness, 8)
    harness.emulator.faults.add(Fault(operation=DELETE, when="after", status=202, body=body))
    assert harness.invoke(PRUNE).reply["deleted"] == [gone.id]


# ------------------------------------------------------------------ what never goes


def test_another_instances_backups_are_never_looked_at(harness: Harness) -> None:
    """Even if the service ignores its own filter, and whatever they are called."""
    harness.emulator.add_instance(OTHER_INSTANCE)
    add_nights(harness, 8)
    theirs = [
        add_night(harness, number, instance_id=OTHER_INSTANCE, name=f"auto-{number:04}")
        for number in range(40, 50)
    ]
    harness.emulator.faults.add(
        Fault(operation="ListBackups", status=200, body=_page(harness), times=1)
    )
    reply = harness.invoke(PRUNE).reply
    assert (len(reply["deleted"]), reply["unmanaged"]) == (1, 0)
    assert {backup.name for backup in theirs} <= names(harness)


def _page(harness: Harness) -> dict[str, object]:
    """A page with all backups of the project, as the service lists them."""
    entries = [
        {
            "id": backup.id,
            "name": backup.name,
            "status": backup.status,
            "type": backup.type,
            "size": backup.size,
            "begin_time": f"{backup.begin_time:%Y-%m-%dT%H:%M:%S+0000}",
            "instance_id": backup.instance_id,
        }
        for backup in harness.emulator.backups
    ]
    return {"backups": entries, "total_count": len(entries)}


def test_an_instance_that_is_not_listed_keeps_its_backups(harness: Harness) -> None:
    """It is gone, and these may be the last copies."""
    backups = add_nights(harness, 20)
    harness.emulator.remove_instance(INSTANCE_ID)
    invocation = harness.invoke(PRUNE)
    assert invocation.error_name == "InstanceNotFound"
    assert deletions(invocation) == []
    assert len(harness.emulator.backups) == len(backups)


def test_a_list_that_is_not_whole_deletes_nothing(harness: Harness) -> None:
    """Although seeing fewer would select no more: a list that disagrees with itself is not read."""
    add_nights(harness, 20)
    page = _page(harness) | {"total_count": 21}
    harness.emulator.faults.add(Fault(operation="ListBackups", status=200, body=page, times=99))
    invocation = harness.invoke(PRUNE)
    assert invocation.error_name == "ServiceUnavailable"
    assert deletions(invocation) == []


@pytest.mark.parametrize("differing", [{"status": "BUILDING"}, {"instance_id": OTHER_INSTANCE}])
def test_a_list_that_contradicts_itself_deletes_nothing(
    harness: Harness, differing: dict[str, str]
) -> None:
    """It shows a backup twice, and not the same."""
    add_nights(harness, 8)
    page: dict[str, Any] = _page(harness)
    page["backups"] += [{**page["backups"][-1], **differing}]
    page["total_count"] += 1
    harness.emulator.faults.add(Fault(operation="ListBackups", status=200, body=page, times=99))
    invocation = harness.invoke(PRUNE)
    assert invocation.error_name == "ServiceUnavailable"
    assert deletions(invocation) == []


def test_entries_that_cannot_be_read_are_kept_and_counted(harness: Harness) -> None:
    """They hide no other; the log tells how many there are."""
    [gone, *_] = add_nights(harness, 8)
    page: dict[str, Any] = _page(harness)
    whole = page["backups"][0]
    strange = [
        {**whole, "id": "strange-1", "name": None},
        {**whole, "id": "strange-2", "name": scheduled_name(LAST_NIGHT), "begin_time": ""},
        {
            **whole,
            "id": "../jobs/1",
            "name": scheduled_name(LAST_NIGHT - timedelta(days=40)),
            "begin_time": "2026-01-19T20:01:00+0000",
        },
        {
            **whole,
            "id": None,
            "name": scheduled_name(LAST_NIGHT - timedelta(days=41)),
            "begin_time": "2026-01-18T20:01:00+0000",
        },
        {
            **whole,
            "id": "strange-5",
            "name": scheduled_name(LAST_NIGHT + timedelta(days=2)),
            "begin_time": "2026-03-02T20:01:00+0000",
        },
        17,
    ]
    page["backups"] += strange
    page["total_count"] += len(strange)
    harness.emulator.faults.add(Fault(operation="ListBackups", status=200, body=page))
    invocation = harness.invoke(PRUNE)
    assert deletions(invocation) == [gone.id]
    assert records(invocation, "prune planned")[0]["unreadable_entries"] == len(strange)


def test_a_refused_list_deletes_nothing(harness: Harness) -> None:
    """The run fails with what the service said."""
    add_nights(harness, 20)
    harness.emulator.faults.add(
        Fault(operation="ListBackups", status=403, error_code="DBS.200044", times=9)
    )
    invocation = harness.invoke(PRUNE)
    assert invocation.error_name == "PermissionDenied"
    assert deletions(invocation) == []


# ------------------------------------------------------------------ report, and who does what


@pytest.mark.parametrize("credentials", ["password", "aksk"])
def test_a_report_shows_the_plan_and_deletes_nothing(credentials: Credentials) -> None:
    """As the user that creates, who may not delete; the other secret is never read."""
    with pruning("report", credentials=credentials) as harness:
        harness.time.set(NOW)
        backups = add_nights(harness, 40)
        for payload in (PRUNE, {**PRUNE, "dry_run": True}, {**PRUNE, "max_deletions": 1}):
            invocation = harness.invoke(payload)
            assert invocation.reply["outcome"] == "reported"
            assert [each["id"] for each in invocation.reply["selected"]] == ids(backups[:33])
            assert (invocation.reply["deleted"], invocation.reply["freed_mb"]) == ([], 0)
            assert deletions(invocation) == []
            assert metrics(invocation) == {"BackupsSelected": 33}
            assert records(invocation, "prune finished")[0]["outcome"] == "reported"
        assert set(harness.cloud.secrets.reads) == {CREDENTIALS_SECRETS[credentials]}


@pytest.mark.parametrize("credentials", ["password", "aksk"])
def test_only_the_deleting_users_secret_is_used_by_a_run_that_deletes(
    credentials: Credentials,
) -> None:
    """It lists, too; the creating user's secret is not even read."""
    with pruning(credentials=credentials) as harness:
        harness.time.set(NOW)
        add_nights(harness, 8)
        assert len(harness.invoke(PRUNE).reply["deleted"]) == 1
        assert set(harness.cloud.secrets.reads) == {RETENTION_SECRETS[credentials]}


def test_a_dry_run_uses_the_creating_user(harness: Harness) -> None:
    """Only a run that deletes needs the right to."""
    add_nights(harness, 8)
    assert harness.invoke({**PRUNE, "dry_run": True}).reply["outcome"] == "reported"
    assert harness.cloud.secrets.reads == [CREDENTIALS_SECRETS["password"]]


def test_create_and_prune_keep_their_users_apart(harness: Harness) -> None:
    """In one environment: each has its own token, and neither may do the other's work."""
    add_nights(harness, 8)
    harness.emulator.backup_seconds = 0
    for _ in range(2):
        assert harness.invoke({"instance_id": INSTANCE_ID}).error is None
        assert harness.invoke(PRUNE).error is None
    assert Counter(harness.cloud.secrets.reads) == {
        CREDENTIALS_SECRETS["password"]: 1,
        RETENTION_SECRETS["password"]: 1,
    }
    assert len(harness.emulator.calls_of("CreateToken")) == 2


def test_a_user_without_the_right_to_delete_fails_the_run(harness: Harness) -> None:
    """403 without a code of the backup's own ends the run."""
    backups = add_nights(harness, 9)
    harness.cloud.secrets.put(
        SECRET,
        {
            "username": "reads",
            "password": "not-a-real-password-3",
            "domain_name": harness.emulator.iam.domain.name,
        },
    )
    harness.emulator.iam.add_user("reads", "not-a-real-password-3", permission="read")
    invocation = harness.invoke(PRUNE)
    assert invocation.error_name == "PermissionDenied"
    assert deletions(invocation) == [backups[0].id]
    assert [record["message"] for record in invocation.records] == ["prune planned", "prune failed"]


def test_a_secret_of_the_deleting_user_that_is_missing_is_named(harness: Harness) -> None:
    """By its own variable."""
    harness.cloud.secrets.put(SECRET, {"username": "prunes"})
    invocation = harness.invoke(PRUNE)
    assert invocation.error_name == "SecretUnavailable"
    assert str(invocation.error).startswith("RETENTION_SECRET_ID: ")


LOADED: Final = """
import json, sys, types
from gaussdb_backup.handler import lambda_handler
context = types.SimpleNamespace(aws_request_id="1", function_name="f", memory_limit_in_mb=512,
    invoked_function_arn="arn", get_remaining_time_in_millis=lambda: 30000)
reply = lambda_handler(json.loads(sys.argv[1]), context)
print("loaded", *sorted(name for name in sys.modules if name.startswith("gaussdb_backup")))
"""


def loaded(cloud: LocalCloud, event: Mapping[str, object], **variables: str) -> set[str]:
    """The modules of the package that are loaded once an event is answered."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, json.dumps(event)],
        capture_output=True,
        check=True,
        env={**cloud.environment(), **variables, "PYTHONPATH": str(ROOT / "src")},
        text=True,
    )
    [line] = [line for line in done.stdout.splitlines() if line.startswith("loaded")]
    return {name.rpartition(".")[2] for name in line.split()[1:]}


def test_what_can_delete_is_loaded_by_a_run_that_deletes_and_by_nothing_else() -> None:
    """A create loads nothing of retention but its policy, and that only where it is set."""
    create = {"instance_id": INSTANCE_ID}
    delete = {"RETENTION": policy_json("delete"), "RETENTION_SECRET_ID": SECRET}
    retention = {"retention_policy", "retention", "prune", "deletion"}
    with LocalCloud() as cloud:
        cloud.emulator.backup_seconds = 0
        for number in range(8):
            time = datetime.now(UTC).replace(microsecond=0) - timedelta(days=number + 3)
            cloud.emulator.add_backup(
                scheduled_name(time), instance_id=INSTANCE_ID, begin_time=time
            )
        assert not loaded(cloud, create) & retention
        assert loaded(cloud, create, **delete) & retention == {"retention_policy"}
        report = loaded(cloud, PRUNE, RETENTION=policy_json("report"))
        assert report & retention == {"retention_policy", "retention", "prune"}
        assert loaded(cloud, PRUNE, **delete) & retention == retention


# ------------------------------------------------------------------ who may ask, and for what

WRONG_PAYLOADS: Final[list[dict[str, Any]]] = [
    {"instance_id": None},
    {"instance_id": "with blanks"},
    {"scheduled_time": "2026-02-28T20:00:00Z"},
    {"name": "auto-1"},
    {"name_prefix": "auto"},
    {"idempotency_key": "a"},
    {"mode": "delete"},
    {"last": 1},
    {"keep": []},
    {"RETENTION": policy_json("delete", last=1)},
    {"dry_run": "false"},
    {"dry_run": 0},
    {"max_deletions": 0},
    {"max_deletions": 1001},
    {"max_deletions": "5"},
    {"max_deletions": 5.5},
    {"max_deletions": True},
]


@pytest.mark.parametrize("changed", WRONG_PAYLOADS)
def test_a_wrong_payload_is_a_failed_prune_before_any_call(
    harness: Harness, changed: dict[str, Any]
) -> None:
    """Nothing is taken but the instance, `dry_run` and `max_deletions`."""
    add_nights(harness, 20)
    assert_refused(harness, {**PRUNE, **changed}, "InvalidRequest")


def assert_refused(harness: Harness, event: Any, error_name: str) -> None:
    """The event is a failed prune, and nobody was called for it."""
    before = len(harness.emulator.backups)
    invocation = harness.invoke(event)
    assert invocation.error_name == error_name
    assert (invocation.calls, harness.cloud.secrets.reads) == ([], [])
    assert invocation.record["message"] == "prune failed"
    assert invocation.record["level"] == "ERROR"
    assert (invocation.record["action"], invocation.record["error"]) == ("prune", error_name)
    assert metrics(invocation) == {"PruneFailed": 1}
    assert len(harness.emulator.backups) == before


def test_null_and_fields_of_tracers_count_as_absent(harness: Harness) -> None:
    """As in every payload."""
    payload = {**PRUNE, "dry_run": None, "max_deletions": None, "name": None, "_trace": "1"}
    assert harness.invoke(payload).error is None


def test_a_deployment_that_reports_cannot_be_told_to_delete() -> None:
    """By no payload."""
    with pruning("report") as harness:
        assert_refused(harness, {**PRUNE, "dry_run": False}, "InvalidRequest")


def test_without_a_policy_there_is_no_prune() -> None:
    """It is off by default."""
    with Harness() as harness:
        assert_refused(harness, PRUNE, "InvalidRequest")


def test_an_instance_that_is_not_allowed_is_not_touched() -> None:
    """`ALLOWED_INSTANCES` holds for every action."""
    retention = policy_json("delete")
    with Harness(
        RETENTION=retention, RETENTION_SECRET_ID=SECRET, ALLOWED_INSTANCES=OTHER_INSTANCE
    ) as harness:
        assert_refused(harness, PRUNE, "PermissionDenied")


BY_OTHERS: Final[dict[str, Any]] = {
    "queue": sqs(PRUNE),
    "queue by a pipe": sqs(PRUNE)["Records"],
    "notification in a queue": sqs(notification(PRUNE)),
    "bus event in a queue": sqs(bus_event(PRUNE)),
    "bus": bus_event(PRUNE),
    "topic": sns(PRUNE),
    "bus event in a topic": sns(bus_event(PRUNE)),
    "queue, report": sqs({**PRUNE, "dry_run": True}),
}


@pytest.mark.parametrize("source", BY_OTHERS)
def test_queues_topics_and_buses_cannot_ask_for_it(harness: Harness, source: str) -> None:
    """Whoever may put a message somewhere must not be able to delete; nothing is called."""
    add_nights(harness, 20)
    invocation = harness.invoke(BY_OTHERS[source])
    if "queue" in source:
        assert len(invocation.reply["batchItemFailures"]) == 1
    else:
        assert invocation.error_name == "InvalidRequest"
    assert (invocation.calls, harness.cloud.secrets.reads) == ([], [])
    assert invocation.record["message"] == "prune failed"
    assert len(harness.emulator.backups) == 20


@pytest.mark.parametrize("by", ["gateway", "webhook key"])
def test_nobody_can_ask_for_it_over_http(harness: Harness, by: str) -> None:
    """Neither a caller whom the gateway knows nor one with a key for webhooks."""
    add_nights(harness, 20)
    event = http(PRUNE)
    if by == "webhook key":
        body = json.dumps(PRUNE)
        event = {**sample("webhook"), "body": body}
        event = signed_now(event, now=harness.time.now())
    answer = response(harness.invoke(event).reply)
    assert (answer.status, answer.error) == (400, "InvalidRequest")
    assert harness.emulator.calls == []
    assert not {*harness.cloud.secrets.reads} & {SECRET, CREDENTIALS_SECRETS["password"]}


def test_the_payload_of_a_scheduled_event_cannot_be_a_prune() -> None:
    """It would come from a rule, which is no direct invocation."""
    with (
        Harness(DEFAULT_PAYLOAD=json.dumps(PRUNE), RETENTION=policy_json("report")) as harness,
        pytest.raises(ConfigurationError, match=r"^DEFAULT_PAYLOAD: "),
    ):
        harness.invoke(sample("scheduled-event"))


# ------------------------------------------------------------------ max_deletions


def test_a_plan_that_is_too_large_deletes_nothing(harness: Harness) -> None:
    """It needs somebody to confirm it; the log names what would go."""
    add_nights(harness, 18)
    invocation = harness.invoke(PRUNE)
    assert invocation.error_name == "PruneRefused"
    assert str(invocation.error) == "the policy selects 11 backups, and a run may delete 10"
    assert deletions(invocation) == []
    [planned] = records(invocation, "prune planned")
    assert planned["selected"] == len(planned["names"]) == 11
    [failed] = records(invocation, "prune failed")
    assert failed["retryable"] is False
    assert metrics(invocation) == {"BackupsSelected": 11, "PruneFailed": 1}


def test_a_plan_of_just_the_allowed_size_is_carried_out(harness: Harness) -> None:
    """Ten, unless the policy or the caller says otherwise."""
    add_nights(harness, 17)
    assert len(harness.invoke(PRUNE).reply["deleted"]) == 10


def test_a_caller_may_confirm_a_large_sweep(harness: Harness) -> None:
    """Or allow less than the policy does."""
    add_nights(harness, 27)
    assert harness.invoke({**PRUNE, "max_deletions": 19}).error_name == "PruneRefused"
    assert harness.invoke({**PRUNE, "dry_run": True}).error is None
    swept = harness.invoke({**PRUNE, "max_deletions": 20, "dry_run": False})
    assert len(swept.reply["deleted"]) == 20


@pytest.mark.parametrize("count", [97, 98, 99])
def test_a_large_sweep_is_counted_whole(harness: Harness, count: int) -> None:
    """Powertools writes a metric early once it has a hundred values; nothing is lost or empty."""
    add_nights(harness, 7 + count)
    invocation = harness.invoke({**PRUNE, "max_deletions": 1000})
    assert metrics(invocation) == {"BackupsSelected": count, "BackupsDeleted": count}
    calls = len(invocation.calls)
    assert sum(len(blob.get("ApiLatency", [])) for blob in invocation.metrics) == calls
    assert records(invocation, "telemetry failed") == []


# ------------------------------------------------------------------ what the service answers

GONE: Final = [
    (404, "DBS.201010"),
    (400, "DBS.201203"),
    (400, "DBS.200751"),
    (404, None),
    (404, "APIGW.0101"),
    (404, "DBS.201028"),
    (403, "DBS.201203"),
]
REFUSED: Final = [
    (400, "DBS.201208"),
    (400, "DBS.301024"),
    (400, "DBS.201218"),
    (403, "DBS.201208"),
    (404, "dbs.201208"),
    (409, "DBS.201205"),
    (409, "DBS.201202"),
    (403, "DBS.201015"),
    (400, "DBS.201014"),
    (404, "DBS.200408"),
    (409, "DBS.299999"),
    (409, None),
    (400, "DBS.299999"),
    (400, None),
]


def refuse_first_deletion(harness: Harness, status: int, code: str | None) -> None:
    """Lets the next deletion be answered so."""
    body = {"error_code": code, "error_msg": "Refused."} if code else {}
    harness.emulator.faults.add(Fault(operation=DELETE, status=status, body=body))


@pytest.mark.parametrize(("status", "code"), GONE)
def test_a_backup_that_is_gone_already_is_neither_deleted_nor_failed(
    harness: Harness, status: int, code: str | None
) -> None:
    """Somebody else has deleted it; the run goes on."""
    first, second, *_ = add_nights(harness, 9)
    refuse_first_deletion(harness, status, code)
    invocation = harness.invoke(PRUNE)
    assert (invocation.reply["deleted"], invocation.reply["failed"]) == ([second.id], [])
    assert [each["id"] for each in invocation.reply["selected"]] == [first.id, second.id]
    assert records(invocation, "prune finished")[0]["gone"] == 1


@pytest.mark.parametrize(("status", "code"), REFUSED)
def test_a_backup_that_cannot_be_deleted_now_does_not_fail_the_run(
    harness: Harness, status: int, code: str | None
) -> None:
    """It is in use, or the instance is; the next run tries again."""
    first, second, *_ = add_nights(harness, 9)
    refuse_first_deletion(harness, status, code)
    invocation = harness.invoke(PRUNE)
    assert invocation.reply["deleted"] == [second.id]
    assert invocation.reply["failed"] == [{"id": first.id, "name": first.name, "error_code": code}]
    [record] = records(invocation, "backup not deleted")
    assert (record["level"], record["backup_id"]) == ("WARNING", first.id)
    assert (record.get("error_code"), record["http_status"]) == (code, status)
    assert harness.invoke(PRUNE).reply["deleted"] == [first.id]


def test_a_backup_from_which_an_instance_is_restored_stays_until_that_is_done(
    harness: Harness,
) -> None:
    """The code of that refusal is not documented."""
    [first, *_] = add_nights(harness, 8)
    harness.emulator.backup_seconds = 600
    restore(harness, first)
    for code in ("DBS.201208", "DBS.299999"):
        harness.emulator.in_use_code = code
        assert harness.invoke(PRUNE).reply["failed"][0]["error_code"] == code
    harness.time.advance(600)
    assert harness.invoke(PRUNE).reply["deleted"] == [first.id]


def restore(harness: Harness, backup: Backup) -> None:
    """Restores a backup to a new instance, as an operator does."""
    client = HttpClient.of(harness.emulator)
    body = {"name": "restored", "restore_point": {"backup_id": backup.id}}
    assert client.send("POST", "/instances", json=body).status_code == 202


def test_429_ends_the_run_well(harness: Harness) -> None:
    """Everything that is left counts as failed, and waits for the next run; nobody sleeps."""
    first, second, third, *_ = add_nights(harness, 10)
    harness.emulator.faults.add(
        Fault(operation=DELETE, error_code="APIGW.0308", retry_after=9, skip=1)
    )
    invocation = harness.invoke(PRUNE)
    assert invocation.error is None
    assert deletions(invocation) == ids([first, second])
    assert invocation.reply["deleted"] == [first.id]
    assert [each["id"] for each in invocation.reply["failed"]] == ids([second, third])
    assert len(records(invocation, "backup not deleted")) == 2
    assert invocation.pauses == []


UNKNOWN: Final[dict[str, dict[str, Any]]] = {
    "lost before": {"kind": "reset"},
    "lost after": {"kind": "reset", "when": "after"},
    "closed": {"kind": "close", "when": "after"},
    "garbage": {"kind": "garbage"},
    "truncated": {"kind": "truncated"},
    "hangs": {"kind": "hang", "seconds": 3.0},
    "lands late": {"kind": "close", "lands_after": 5.0},
    **{f"{status}": {"status": status} for status in (408, 425, 500, 502, 503, 504)},
    "500 with a code": {"status": 500, "body": {"error_code": "DBS.201010"}},
    "html": {"kind": "html"},
    "300": {"status": 300},
    "206": {"status": 206},
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_an_unknown_outcome_stops_the_run(harness: Harness, kind: str) -> None:
    """Nothing is asked twice in this run; the next one finds out."""
    first, second, third, *_ = add_nights(harness, 10)
    harness.emulator.faults.add(Fault(operation=DELETE, skip=1, **UNKNOWN[kind]))
    invocation = harness.invoke(PRUNE, seconds=4.0)
    assert invocation.error_name == "ServiceUnavailable"
    assert deletions(invocation) == ids([first, second])
    assert [record["backup_id"] for record in records(invocation, "backup not deleted")] == [
        second.id
    ]
    [failed] = records(invocation, "prune failed")
    assert (failed["deleted"], failed["failed"], failed["retryable"]) == (1, 1, True)
    assert metrics(invocation) == {"BackupsSelected": 3, "BackupsDeleted": 1, "PruneFailed": 1}
    harness.time.advance(60)
    again = harness.invoke(PRUNE)
    assert again.error is None
    assert again.reply["deleted"][-1] == third.id
    assert len(harness.emulator.backups) == 7


def test_a_connection_that_is_refused_stops_the_run(harness: Harness) -> None:
    """It was there when the list was read."""
    add_nights(harness, 10)

    def cut() -> None:
        harness.emulator.drop_connections()
        harness.emulator.refuse_connections(0.5)

    harness.emulator.faults.add(
        Fault(operation="ListBackups", kind="pass", when="after", action=cut)
    )
    invocation = harness.invoke(PRUNE, seconds=3.0)
    assert invocation.error_name == "ServiceUnavailable"
    assert len(harness.emulator.backups) == 10


def test_a_token_that_is_refused_is_renewed_once(harness: Harness) -> None:
    """And the deletion sent again: it was refused, not lost."""
    add_nights(harness, 9)
    harness.emulator.faults.add(Fault(operation=DELETE, error_code="APIGW.0307"))
    invocation = harness.invoke(PRUNE)
    assert len(invocation.reply["deleted"]) == 2
    assert len(harness.emulator.calls_of("CreateToken")) == 2


def test_a_token_that_is_refused_twice_fails_the_run(harness: Harness) -> None:
    """As everywhere."""
    add_nights(harness, 9)
    harness.emulator.faults.add(Fault(operation=DELETE, error_code="APIGW.0307", times=2))
    invocation = harness.invoke(PRUNE)
    assert invocation.error_name == "CredentialsRejected"
    assert len(deletions(invocation)) == 2
    assert len(harness.emulator.backups) == 9


def test_what_there_is_no_time_for_stays(harness: Harness) -> None:
    """A deletion is not begun whose answer nobody would hear."""
    backups = add_nights(harness, 12)
    harness.emulator.faults.add(
        Fault(operation=DELETE, kind="pass", action=lambda: harness.time.advance(29.0), skip=1)
    )
    invocation = harness.invoke(PRUNE)
    assert invocation.error_name == "ServiceUnavailable"
    assert deletions(invocation) == ids(backups[:2])
    assert len(records(invocation, "backup not deleted")) == 3
    assert metrics(invocation)["BackupsDeleted"] == 2
    assert harness.invoke(PRUNE).reply["deleted"] == ids(backups[2:5])


def test_a_backup_that_is_being_deleted_is_not_asked_for_again(harness: Harness) -> None:
    """It is kept, as far as this function is concerned, and not counted."""
    harness.emulator.deleting_seconds = 600
    add_nights(harness, 9)
    assert len(harness.invoke(PRUNE).reply["deleted"]) == 2
    again = harness.invoke(PRUNE)
    assert deletions(again) == []
    assert (again.reply["kept"], again.reply["selected"]) == (9, [])


def test_a_run_whose_list_is_old_does_no_harm(harness: Harness) -> None:
    """Another run has deleted meanwhile, or the list lags: nothing else goes."""
    backups = add_nights(harness, 10)
    page = _page(harness)
    harness.invoke(PRUNE)
    harness.emulator.faults.add(Fault(operation="ListBackups", status=200, body=page))
    late = harness.invoke(PRUNE)
    assert deletions(late) == ids(backups[:3])
    assert (late.reply["deleted"], late.reply["failed"], late.reply["freed_mb"]) == ([], [], 0)
    assert names(harness) == {backup.name for backup in backups[3:]}


def test_delete_is_sent_by_one_module() -> None:
    """No other module of the package even spells the method."""
    spelt = [
        path.name
        for path in (ROOT / "src").rglob("*.py")
        if '"DELETE"' in path.read_text() or "'DELETE'" in path.read_text()
    ]
    assert spelt == ["deletion.py"]
