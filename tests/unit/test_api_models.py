"""The API's JSON objects: which fields are needed, which may be missing, which are ignored."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from gaussdb_backup.gaussdb.models import Backup, CreateResponse, parse_zoned_time
from gaussdb_backup.gaussdb.pages import parse_entry
from gaussdb_backup.gaussdb.pagination import Instance
from gaussdb_backup.gaussdb.tasks import Task

BACKUP: dict[str, Any] = {
    "id": "0483b6b16e954cb88930a360d2c4e663br14",
    "name": "nightly",
    "description": None,
    "begin_time": "2022-05-09T18:02:31+0800",
    "status": "BUILDING",
    "type": "manual",
    "instance_id": "7e01ac5ac5274957ba506f3851d11d51in14",
}
JOB = "9d12f1f2-9a5c-4a36-9a6b-0f3a6ff5b1e7"
TASK: dict[str, Any] = {
    "instance_info": {
        "instance_id": BACKUP["instance_id"],
        "instance_name": "orders",
        "instance_status": "backing up",
    },
    "job_id": JOB,
    "name": "BackupSnapshotGaussDBV5InInstance",
    "status": "Running",
    "process": "60%",
    "fail_reason": None,
    "created_at": "2022-05-09T18:02:31+0800",
    "ended_at": None,
}


def accepted(**differing: Any) -> bytes:
    """The documented answer to a create request, with parts of its backup in another form."""
    return json.dumps({"backup": {**BACKUP, **differing}, "job_id": JOB}).encode()


def listed(**differing: Any) -> dict[str, Any]:
    """An entry of the list of backups, with parts of it in another form."""
    whole = {**BACKUP, "size": 1.5, "end_time": None, "datastore": {"type": "GaussDB"}}
    return {**whole, **differing}


def test_the_documented_answer_is_read() -> None:
    """With the parts that go into the reply."""
    answer = CreateResponse.model_validate_json(accepted())
    assert answer.job_id == JOB
    assert answer.backup.as_reply() == BACKUP


def test_what_the_api_adds_is_left_alone() -> None:
    """A new field breaks nothing, and reaches no reply."""
    answer = CreateResponse.model_validate_json(accepted(retention=7, tags=[{"a": 1}]))
    assert answer.backup.as_reply() == BACKUP


def test_the_list_has_more_fields_of_a_backup() -> None:
    """Its size in MB and its end."""
    backup = Backup.model_validate(listed())
    assert backup.as_listed_reply() == {**BACKUP, "size": 1.5, "end_time": None}


@pytest.mark.parametrize("part", ["id", "name", "begin_time", "status", "type", "instance_id"])
def test_an_accepted_backup_has_every_documented_field(part: str) -> None:
    """Without one of them the response is not the documented one."""
    without = {name: value for name, value in BACKUP.items() if name != part}
    with pytest.raises(ValidationError):
        CreateResponse.model_validate({"backup": without, "job_id": JOB})
    with pytest.raises(ValidationError):
        CreateResponse.model_validate_json(accepted(**{part: None}))


@pytest.mark.parametrize("value", [None, 5, ["x"], {"a": 1}, "\ud800"])
@pytest.mark.parametrize("part", ["name", "status", "instance_id"])
def test_a_listed_backup_needs_name_instance_and_status(part: str, value: object) -> None:
    """Without one of them the entry says nothing about anybody's backup."""
    without = {name: field for name, field in listed().items() if name != part}
    for entry in (without, listed(**{part: value})):
        assert parse_entry(entry, Backup) is None


@pytest.mark.parametrize("value", [None, [1], {"a": 1}, "\ud800"])
@pytest.mark.parametrize("part", ["id", "description", "begin_time", "type", "size", "end_time"])
def test_any_other_field_of_a_listed_backup_may_be_unreadable(part: str, value: object) -> None:
    """It counts as not given; the others keep their values."""
    without = {name: field for name, field in listed().items() if name != part}
    for entry in (without, listed(**{part: value})):
        backup = parse_entry(entry, Backup)
        assert backup is not None
        expected = {**BACKUP, "size": 1.5, "end_time": None, part: None}
        assert backup.as_listed_reply() == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        accepted()[:-20],
        accepted(id=""),
        accepted(id=5),
        json.dumps({"backup": BACKUP, "job_id": ""}).encode(),
        json.dumps({"backup": BACKUP, "job_id": None}).encode(),
        json.dumps({"backup": BACKUP}).encode(),
        json.dumps({"backup": [BACKUP], "job_id": JOB}).encode(),
        accepted().replace(b"nightly", b"\xff"),
        accepted().replace(b"nightly", b"\\ud800"),
    ],
)
def test_a_202_that_cannot_be_read_is_told(body: bytes) -> None:
    """It may have made a backup, and is no success."""
    with pytest.raises(ValidationError):
        CreateResponse.model_validate_json(body)


@pytest.mark.parametrize("size", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_size_is_a_number_that_json_can_carry_on(size: str) -> None:
    """It goes into replies, where Infinity and NaN would make the whole reply unreadable."""
    backup = parse_entry(listed(size=json.loads(size)), Backup)
    assert backup is not None
    assert backup.size is None


def test_a_task_leads_to_its_job() -> None:
    """By name, instance and time; the rest is nobody's concern."""
    task = Task.model_validate(TASK)
    assert (task.job_id, task.instance_info.instance_id) == (JOB, BACKUP["instance_id"])


def test_an_instance_may_be_without_a_name() -> None:
    """Its state is what matters."""
    instance = parse_entry({"id": "a", "status": "ACTIVE", "name": 5}, Instance)
    assert instance is not None
    assert instance.name is None


def test_an_object_that_is_refused_is_not_shown() -> None:
    """Its content would otherwise stand in the exception."""
    with pytest.raises(ValidationError) as refused:
        Backup.model_validate(listed(name=None, description="hunter2"))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2022-05-09T18:02:31+0800", datetime(2022, 5, 9, 10, 2, 31, tzinfo=UTC)),
        ("2022-05-09T18:02:31+08:00", datetime(2022, 5, 9, 10, 2, 31, tzinfo=UTC)),
        ("2022-05-09T10:02:31Z", datetime(2022, 5, 9, 10, 2, 31, tzinfo=UTC)),
        ("2022-05-09T10:02:31+0000", datetime(2022, 5, 9, 10, 2, 31, tzinfo=UTC)),
        ("2022-05-09T10:02:31-0000", datetime(2022, 5, 9, 10, 2, 31, tzinfo=UTC)),
        ("2022-05-09T12:02:31+0200", datetime(2022, 5, 9, 10, 2, 31, tzinfo=UTC)),
        ("2022-05-09 10:02:31 UTC", datetime(2022, 5, 9, 10, 2, 31, tzinfo=UTC)),
        ("2022-05-09T10:02:31 UTC", datetime(2022, 5, 9, 10, 2, 31, tzinfo=UTC)),
        ("2022-05-09 10:02:31", None),
        ("2022-05-09T10:02:31", None),
        ("2022-05-09T10:02:31 CEST", None),
        ("2022-05-09T10:02:31+0000 UTC", None),
        ("2022-05-09 UTC", None),
        (" UTC", None),
        ("2022-05-09", None),
        ("", None),
        ("soon", None),
        ("1652090551", None),
        ("2022-05-09T10:02:31+9999", None),
        # minutes are taken from a backup's beginning, which must not leave the calendar
        ("0001-01-01T00:00:00+0000", None),
        ("9999-12-31T23:59:59+0000", None),
    ],
)
def test_the_api_s_times(text: str, moment: datetime | None) -> None:
    """The documentation's Z stands for an offset; a time without a zone is not read."""
    assert parse_zoned_time(text) == moment
    assert Backup.model_validate({**BACKUP, "begin_time": text}).began_at() == moment
