"""The emulator's list of backups: filters, order and form."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.local_cloud.emulator import Emulator, Instance
from tests.local_cloud.emulator.clients import HttpClient

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    """A cloud with the time set to the day after the events."""
    with Emulator() as cloud:
        cloud.clock.set(NOON + timedelta(days=1))
        yield cloud


def names(client: HttpClient, **parameters: object) -> list[str]:
    """Return the names of the listed backups for these parameters."""
    answer = client.get("/backups", **parameters)
    assert answer.status_code == 200, answer.text
    return [backup["name"] for backup in answer.json()["backups"]]


def test_an_entry_has_the_documented_members(
    cloud: Emulator, client: HttpClient, instance: Instance
) -> None:
    """Size in megabytes, the engine, an end time, and a description that may be null."""
    backup = cloud.add_backup("nightly-1", instance_id=instance.id, begin_time=NOON, size=1.5)
    assert client.get("/backups").json() == {
        "backups": [
            {
                "id": backup.id,
                "name": "nightly-1",
                "description": None,
                "status": "COMPLETED",
                "size": 1.5,
                "type": "manual",
                "datastore": {"type": "GaussDB", "version": "1.4"},
                "begin_time": "2026-03-01T20:00:00+0800",
                "end_time": "2026-03-01T20:00:00+0800",
                "instance_id": instance.id,
            }
        ],
        "total_count": 1,
    }


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("+0800", "2026-03-01T20:00:00+0800"),
        ("+0000", "2026-03-01T12:00:00+0000"),
        ("+0200", "2026-03-01T14:00:00+0200"),
        ("-0330", "2026-03-01T08:30:00-0330"),
        ("Z", "2026-03-01T12:00:00Z"),
    ],
)
def test_times_are_written_in_the_clouds_zone(
    cloud: Emulator, client: HttpClient, instance: Instance, zone: str, shown: str
) -> None:
    """The real zone is unknown, so a client must accept any offset."""
    cloud.time_zone = zone
    cloud.add_backup(instance_id=instance.id, begin_time=NOON)
    (backup,) = client.get("/backups").json()["backups"]
    assert backup["begin_time"] == shown
    (task,) = client.get("/tasks").json()["tasks"]
    assert task["created_at"] == shown


def test_automated_backups_have_their_own_names(
    cloud: Emulator, client: HttpClient, instance: Instance
) -> None:
    """`GaussDB-<instance>-<UTC milliseconds>`."""
    cloud.add_backup(instance_id=instance.id, type="auto", begin_time=NOON)
    (name,) = names(client)
    assert name.startswith("GaussDB-orders-20260301120000")


def test_filters_select_by_instance_type_and_id(
    cloud: Emulator, client: HttpClient, instance: Instance
) -> None:
    """Separately and together."""
    other = cloud.add_instance(name="invoices")
    wanted = cloud.add_backup("wanted", instance_id=instance.id)
    cloud.add_backup("foreign", instance_id=other.id)
    cloud.add_backup("automated", instance_id=instance.id, type="auto")
    assert set(names(client)) == {"wanted", "foreign", "automated"}
    assert set(names(client, instance_id=instance.id)) == {"wanted", "automated"}
    assert set(names(client, backup_type="manual")) == {"wanted", "foreign"}
    assert names(client, backup_type="auto") == ["automated"]
    assert names(client, backup_id=wanted.id) == ["wanted"]
    assert names(client, instance_id=other.id, backup_id=wanted.id) == []
    assert names(client, instance_id="0" * 36) == []


def test_a_period_selects_by_the_beginning(
    cloud: Emulator, client: HttpClient, instance: Instance
) -> None:
    """Both ends are included; the plus of the offset may be encoded or a blank."""
    for hours in range(4):
        begin = NOON + timedelta(hours=hours)
        cloud.add_backup(f"hour-{hours}", instance_id=instance.id, begin_time=begin)
    period = {"begin_time": "2026-03-01T13:00:00+0000", "end_time": "2026-03-01T22:00:00+0800"}
    assert names(client, **period) == ["hour-2", "hour-1"]
    bare = "&".join(f"{name}={value}" for name, value in period.items())
    answer = client.send("GET", f"/backups?{bare}")
    assert [backup["name"] for backup in answer.json()["backups"]] == ["hour-2", "hour-1"]


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"limit": "0"}, "DBS.280439"),
        ({"limit": "101"}, "DBS.280439"),
        ({"limit": "-1"}, "DBS.280439"),
        ({"limit": "ten"}, "DBS.280439"),
        ({"limit": ""}, "DBS.280439"),
        ({"offset": "-1"}, "DBS.280440"),
        ({"offset": "x"}, "DBS.280440"),
        ({"backup_type": "differential"}, "DBS.201004"),
        ({"backup_id": "a b"}, "DBS.280124"),
        ({"instance_id": "a b"}, "DBS.280404"),
        ({"begin_time": "2026-03-01T13:00:00+0000"}, "DBS.280416"),
        ({"end_time": "2026-03-01T13:00:00+0000"}, "DBS.280253"),
        ({"begin_time": "yesterday", "end_time": "2026-03-01T13:00:00+0000"}, "DBS.280253"),
        ({"begin_time": "2026-03-01T13:00:00+0000", "end_time": "today"}, "DBS.280416"),
        (
            {"begin_time": "2026-03-01T13:00:00+0000", "end_time": "2026-03-01T13:00:00+0000"},
            "DBS.280416",
        ),
    ],
)
def test_an_invalid_parameter_is_rejected(
    client: HttpClient, parameters: dict[str, str], code: str
) -> None:
    """Each parameter has its code; begin and end are required together."""
    answer = client.get("/backups", **parameters)
    assert (answer.status_code, answer.json()["error_code"]) == (400, code)


def test_pages_cover_a_long_list_without_gap_or_overlap(
    cloud: Emulator, client: HttpClient, instance: Instance
) -> None:
    """`offset` skips records, a page has 100 at most, the total counts every match."""
    for number in range(1005):
        age = timedelta(minutes=number)
        cloud.add_backup(f"backup-{number}", instance_id=instance.id, age=age, with_job=False)
    assert len(names(client)) == 100
    found: list[str] = []
    for offset in range(0, 1100, 100):
        page = client.get("/backups", offset=offset, limit=100).json()
        assert page["total_count"] == 1005
        found += [backup["name"] for backup in page["backups"]]
    assert found == [f"backup-{number}" for number in range(1005)]
    assert names(client, offset=2000) == []


def test_the_order_can_be_set(cloud: Emulator, client: HttpClient, instance: Instance) -> None:
    """Newest first, oldest first, or one fixed random order."""
    for number in range(20):
        cloud.add_backup(
            f"backup-{number}", instance_id=instance.id, begin_time=NOON + timedelta(hours=number)
        )
    newest = names(client)
    assert newest == [f"backup-{number}" for number in reversed(range(20))]
    cloud.list_order = "oldest"
    assert names(client) == newest[::-1]
    cloud.list_order = "shuffled"
    shuffled = names(client)
    assert sorted(shuffled) == sorted(newest)
    assert shuffled not in (newest, newest[::-1])
    assert names(client, limit=7) + names(client, offset=7) == shuffled


def test_the_list_can_lag(cloud: Emulator, client: HttpClient, instance: Instance) -> None:
    """The backup exists and its name is taken, but list and total do not show it yet."""
    cloud.list_lag = 30
    client.create(instance.id, "nightly-1")
    assert client.get("/backups").json() == {"backups": [], "total_count": 0}
    assert client.create(instance.id, "nightly-1").json()["error_code"] == "DBS.201201"
    cloud.clock.advance(30)
    assert names(client) == ["nightly-1"]


def test_the_list_can_be_odd(cloud: Emulator, client: HttpClient, instance: Instance) -> None:
    """With entries and fields in any form and a total that counts wrongly, page by page."""
    for number in range(3):
        cloud.add_backup(f"nightly-{number}", instance_id=instance.id)
    cloud.odd_entries = (None, "x")
    cloud.alter_entry = lambda entry: {**entry, "begin_time": None}
    cloud.alter_total = lambda total: total + 10
    first = client.get("/backups", limit=4).json()
    second = client.get("/backups", limit=4, offset=4).json()
    assert first["total_count"] == second["total_count"] == 15
    assert first["backups"][:2] == [None, "x"]
    times = [entry["begin_time"] for entry in [*first["backups"][2:], *second["backups"]]]
    assert times == [None] * 3
