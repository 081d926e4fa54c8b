"""A year of nights with pruning switched on: the backups that remain are those of the policy."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from gaussdb_backup.actions.retention import Verdict, plan_retention
from gaussdb_backup.gaussdb.models import Backup
from tests.local_cloud.emulator import Fault
from tests.local_cloud.harness import Harness
from tests.local_cloud.local_cloud import INSTANCE_ID, RETENTION_SECRETS
from tests.local_cloud.scheduled_backups import policy, policy_json, scheduled_key, scheduled_name
from tests.properties.retention_oracle import row_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.local_cloud import emulator

NIGHTS: Final = 365
FIRST_NIGHT: Final = datetime(2026, 1, 1, 20, 0, tzinfo=UTC)
COUNTS: Final = {"last": 7, "daily": 14, "weekly": 8, "monthly": 12}
PRUNE: Final = {"action": "prune", "instance_id": INSTANCE_ID}
DELETE: Final = "DeleteManualBackup"
LIST: Final = "ListBackups"

# What may go wrong with a run; after some of these it still does all that it should.
FAULTS: Final[dict[str, list[Fault]]] = {
    "answer lost": [Fault(operation=DELETE, kind="reset", when="after")],
    "request lost": [Fault(operation=DELETE, kind="reset")],
    "executed late": [Fault(operation=DELETE, kind="close", lands_after=30.0)],
    "service failed": [Fault(operation=DELETE, status=500)],
    "throttled": [Fault(operation=DELETE, status=429)],
    "busy": [Fault(operation=DELETE, error_code="DBS.201202")],
    "in use": [Fault(operation=DELETE, error_code="DBS.201208")],
    "gone": [Fault(operation=DELETE, error_code="DBS.201010")],
    "no right": [Fault(operation=DELETE, error_code="DBS.200044")],
    "token refused": [Fault(operation=DELETE, error_code="APIGW.0307")],
    "list failed": [Fault(operation=LIST, status=503, times=9)],
    "list failed once": [Fault(operation=LIST, status=503)],
    "list empty": [Fault(operation=LIST, status=200, body={"backups": [], "total_count": 0})],
    "list cut": [Fault(operation=LIST, kind="cut")],
    "no instance": [
        Fault(operation="ListInstances", status=200, body={"instances": [], "total_count": 0})
    ],
}


@dataclass(slots=True)
class Night:
    """One night of the year, for the table.

    Attributes:
        made: the status of the night's backup; None if there was none.
        trouble: what went wrong with the run of `prune`.
        ended: how it ended.
        selected: how many backups its plan selected.
        deleted: how many backups it deleted.
        left: how many of the schedule's backups there are in the morning.
    """

    date: datetime
    made: str | None = None
    trouble: str = ""
    ended: str = ""
    selected: int = 0
    deleted: int = 0
    left: int = 0


@dataclass
class Year:
    """The function on a cloud of its own, and all backups that its schedule ever made there."""

    harness: Harness
    dice: random.Random
    ever: dict[str, Backup] = field(default_factory=dict)
    nights: list[Night] = field(default_factory=list)

    def pass_night(self, number: int) -> Night:
        """The schedule makes a backup, and two hours later the run prunes."""
        time = FIRST_NIGHT + timedelta(days=number)
        night = Night(time)
        self.harness.time.set(time + timedelta(seconds=self.dice.randrange(600)))
        self._back_up(night)
        self.harness.time.set(time + timedelta(hours=2))
        self._remember()
        if self.dice.random() < 0.3:
            night.trouble = self.dice.choice(sorted(FAULTS))
            for fault in FAULTS[night.trouble]:
                self.harness.emulator.faults.add(replace(fault, skip=self._skipped(fault)))
        self._prune(night)
        self.harness.emulator.faults.clear()
        self.harness.time.set(time + timedelta(hours=3))
        night.left = len(self.left())
        self.nights.append(night)
        return night

    def _skipped(self, fault: Fault) -> int:
        return self.dice.randrange(2) if fault.operation == DELETE else 0

    def _back_up(self, night: Night) -> None:
        came = self.dice.random()
        day = night.date.timetuple().tm_yday
        if came < 0.04 or 100 < day < 112:  # it was switched off, once for eleven days
            return
        if came < 0.12:
            self.harness.emulator.fail_backup()
        event = {
            "instance_id": INSTANCE_ID,
            "scheduled_time": f"{night.date:%Y-%m-%dT%H:%M:%SZ}",
            "idempotency_key": scheduled_key(night.date),
        }
        made = self.harness.invoke(event)
        assert made.reply["backup"]["name"] == scheduled_name(night.date)
        night.made = "FAILED" if came < 0.12 else "COMPLETED"

    def _remember(self) -> None:
        for backup in self.scheduled():
            if backup.status != "DELETING":
                self.ever[backup.id] = as_listed(backup)

    def _prune(self, night: Night) -> None:
        invocation = self.harness.invoke(PRUNE)
        night.ended = invocation.error_name or "pruned"
        for record in invocation.records:
            if record["message"] == "prune planned":
                night.selected = record["selected"]
            night.deleted += record["message"] == "backup deleted"

    def scheduled(self) -> list[emulator.Backup]:
        """The schedule's backups that there are."""
        return [one for one in self.harness.emulator.backups if one.name.startswith("auto-")]

    def left(self) -> set[str]:
        """The IDs of the schedule's backups that there are."""
        return {backup.id for backup in self.scheduled()}

    def selected(self, select: Callable[[list[Backup], datetime], set[str]]) -> set[str]:
        """The IDs of all backups ever made that the policy does not keep by now."""
        now = datetime.fromtimestamp(self.harness.time.now(), UTC)
        return select(list(self.ever.values()), now)


def as_listed(backup: emulator.Backup) -> Backup:
    """A backup of the cloud as the function reads it."""
    return Backup(
        id=backup.id,
        name=backup.name,
        status=backup.status,
        type=backup.type,
        instance_id=backup.instance_id,
        size=backup.size,
        begin_time=f"{backup.begin_time.astimezone(UTC):%Y-%m-%dT%H:%M:%S+0000}",
    )


def planned(listed: list[Backup], now: datetime) -> set[str]:
    """What the function's own decision selects."""
    plan = plan_retention(listed, policy(**COUNTS), INSTANCE_ID, now)
    return {backup.id or "" for backup in plan.of(Verdict.SELECTED)}


def by_the_table(listed: list[Backup], now: datetime) -> set[str]:
    """What the table selects, read row by row."""
    return {
        backup.id or ""
        for backup in listed
        if row_of(backup, listed, policy(**COUNTS), INSTANCE_ID, now) in {"7 goes", "10"}
    }


def year_of_nights(nights: int, seed: int) -> Year:
    """Passes so many nights, each with the check that what is left is what the policy keeps."""
    variables: dict[str, Any] = {
        "RETENTION": policy_json("delete", **COUNTS),
        "RETENTION_SECRET_ID": RETENTION_SECRETS["password"],
    }
    with Harness(**variables) as harness:
        harness.emulator.backup_seconds = 1200
        harness.time.set(FIRST_NIGHT - timedelta(days=40))
        for number in range(5):
            harness.emulator.add_backup(f"by-hand-{number}", instance_id=INSTANCE_ID)
            harness.emulator.add_backup(type="auto", instance_id=INSTANCE_ID)
        others = {backup.id for backup in harness.emulator.backups}
        year = Year(harness, random.Random(seed))
        for number in range(nights):
            night = year.pass_night(number)
            kept = year.ever.keys() - year.selected(planned)
            assert kept <= year.left(), night
            if not night.trouble:
                assert kept == year.left(), night
            if number % 30 == 29:
                assert kept == year.ever.keys() - year.selected(by_the_table), night
        assert others <= {backup.id for backup in harness.emulator.backups}
    return year


def test_a_year_of_nights_leaves_the_backups_of_the_policy() -> None:
    """Day by day; troubled runs delete less and never more, and the next run makes up for it."""
    year = year_of_nights(NIGHTS, 20260101)
    assert len(year.ever) > 320
    assert max(night.left for night in year.nights) < 50
    assert {night.trouble for night in year.nights} >= FAULTS.keys()
    ends = {night.ended for night in year.nights}
    assert ends == {"pruned", "ServiceUnavailable", "PermissionDenied", "InstanceNotFound"}
    assert sum(night.deleted for night in year.nights) > 280
