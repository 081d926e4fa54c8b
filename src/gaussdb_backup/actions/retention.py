"""Which backups the retention policy keeps and which go: a pure function, decided by a table.

Newest first by ``begin_time``; the first row that fits decides:

=== =============================================================== =========================
row backup                                                          verdict
=== =============================================================== =========================
1   not manual, or of another instance                              ignored
2   name is not the one derived from the policy's key and the time  unmanaged
    T in the name, letter for letter
3   ``begin_time`` unreadable or in the future; no usable ID        kept, not counted
4   ``begin_time`` not within T - 5 min and T + 48 h                unmanaged
5   BUILDING, DELETING, unknown status; COMPLETED without a size    kept, not counted
6   named in ``keep``, or begun less than 48 h ago                  kept, counted if completed
7   FAILED                                                          selected if max(3, ``last``)
                                                                    completed ones are newer,
                                                                    else kept; never counted
8   among the max(3, ``last``) newest completed                     kept
9   newest completed of its UTC day, ISO week, month or year,       kept
    among the newest ``daily``, ``weekly``, ``monthly``,
    ``yearly`` such periods that have one
10  the rest                                                        selected
=== =============================================================== =========================

Everything is counted and nothing expires by age: if backups stop, pruning stops. Seeing fewer
backups never selects more, because each row that keeps a backup asks how many are newer than it.
So a list that lags, a redelivery or two runs at once do no harm. Backups that began in the same
second are all kept where one of them is.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Final, NamedTuple

from gaussdb_backup.gaussdb.models import Backup
from gaussdb_backup.payload_models import is_backup_id
from gaussdb_backup.request import Identity, derived_name
from gaussdb_backup.retention_policy import RetentionPolicy
from gaussdb_backup.timestamps import format_utc, parse_utc

MIN_KEPT: Final = 3
MIN_AGE: Final = timedelta(hours=48)
EARLIEST_BEGIN: Final = timedelta(minutes=-5)
LATEST_BEGIN: Final = timedelta(hours=48)


class Verdict(Enum):
    """What becomes of a backup."""

    IGNORED = auto()
    UNMANAGED = auto()
    KEPT = auto()
    SELECTED = auto()


class Reason(Enum):
    """The case of the table that decides on a backup: its row, and the verdict."""

    def __init__(self, row: str, verdict: Verdict) -> None:
        self.row = row
        self.verdict = verdict

    NOT_MEANT = ("1", Verdict.IGNORED)
    NOT_DERIVED = ("2", Verdict.UNMANAGED)
    UNREADABLE = ("3", Verdict.KEPT)
    TIME_NOT_OF_NAME = ("4", Verdict.UNMANAGED)
    NOT_COMPLETED = ("5", Verdict.KEPT)
    NAMED = ("6, named", Verdict.KEPT)
    YOUNG = ("6, young", Verdict.KEPT)
    FAILED = ("7, many newer", Verdict.SELECTED)
    FAILED_LATELY = ("7, few newer", Verdict.KEPT)
    NEWEST = ("8", Verdict.KEPT)
    NEWEST_OF_PERIOD = ("9", Verdict.KEPT)
    SURPLUS = ("10", Verdict.SELECTED)


COUNTED: Final = frozenset({Reason.NAMED, Reason.YOUNG, None})
NOT_OURS: Final = frozenset({Reason.NOT_MEANT, Reason.NOT_DERIVED, Reason.TIME_NOT_OF_NAME})
# the end of a derived name: the time T, and 12 hex digits
TIME_IN_NAME: Final = slice(-29, -13)

Period = tuple[int, ...]


class Decision(NamedTuple):
    """What becomes of one backup, and why."""

    backup: Backup
    reason: Reason


class Plan(NamedTuple):
    """What becomes of every listed backup.

    Args:
        decisions: one per backup, in the order of the list.
    """

    decisions: tuple[Decision, ...]

    def of(self, verdict: Verdict) -> list[Backup]:
        """The backups of one verdict, oldest first."""
        found = [
            decision.backup for decision in self.decisions if decision.reason.verdict is verdict
        ]
        return sorted(found, key=_age_order)


class _Counts(NamedTuple):
    """What follows from all completed backups together.

    Args:
        threshold: when the oldest of the newest max(3, ``last``) began; None if there are fewer.
        of_periods: when those began that are the newest of a period that counts.
    """

    threshold: datetime | None
    of_periods: frozenset[datetime]


def plan_retention(
    listed: Iterable[Backup], policy: RetentionPolicy, instance_id: str, now: datetime
) -> Plan:
    """Decides what becomes of the listed backups, by the table in this module's docstring.

    Args:
        listed: the list of backups, in any order.
        policy: the deployment's policy.
        instance_id: the instance whose backups are looked at.
        now: the time of this run, in UTC.
    """
    own = [
        (entries[0], _agreed([_own_reason(each, policy, instance_id, now) for each in entries]))
        for entries in _by_id(listed)
    ]
    completed = [
        began
        for backup, reason in own
        if backup.status == "COMPLETED" and reason in COUNTED
        if (began := backup.began_at()) is not None
    ]
    counts = _count(completed, policy)
    return Plan(tuple(Decision(b, reason or _reason_by_count(b, counts)) for b, reason in own))


def _by_id(listed: Iterable[Backup]) -> Iterable[Sequence[Backup]]:
    """The entries of each backup: one, or several that differ where a list shows it twice."""
    found: dict[str | Backup, dict[Backup, None]] = {}
    for backup in listed:
        found.setdefault(backup.id or backup, {})[backup] = None
    return [list(entries) for entries in found.values()]


def _agreed(reasons: Sequence[Reason | None]) -> Reason | None:
    """The reason of a backup; if its entries differ, none of them can be trusted."""
    if len(reasons) == 1 or (reasons[0] in NOT_OURS and len(set(reasons)) == 1):
        return reasons[0]
    return Reason.UNREADABLE


def _own_reason(  # noqa: PLR0911 - a row per case, as a table
    backup: Backup, policy: RetentionPolicy, instance_id: str, now: datetime
) -> Reason | None:
    """The first row of 1 to 6 that fits; these look at nothing but the backup itself."""
    if backup.type != "manual" or backup.instance_id != instance_id:
        return Reason.NOT_MEANT
    scheduled = _scheduled_time(backup.name, policy, instance_id)
    if scheduled is None:
        return Reason.NOT_DERIVED
    began = backup.began_at()
    if began is None or began > now or not is_backup_id(backup.id or ""):
        return Reason.UNREADABLE
    if not EARLIEST_BEGIN <= began - scheduled <= LATEST_BEGIN:
        return Reason.TIME_NOT_OF_NAME
    is_completed = backup.status == "COMPLETED" and (backup.size or 0) > 0
    if not is_completed and backup.status != "FAILED":
        return Reason.NOT_COMPLETED
    if backup.name in policy.keep:
        return Reason.NAMED
    return Reason.YOUNG if now - began < MIN_AGE else None


def _scheduled_time(name: str, policy: RetentionPolicy, instance_id: str) -> datetime | None:
    """The time in a name that the stack's schedule gives to a backup, or None of any other name.

    The proof is the name itself, which is computed again from the policy's key.
    """
    try:
        time = parse_utc(name[TIME_IN_NAME])
    except ValueError:
        return None
    identity = Identity("key", f"{policy.key_prefix}{format_utc(time)}", time)
    return time if name == derived_name(policy.name_prefix, identity, instance_id) else None


def _reason_by_count(backup: Backup, counts: _Counts) -> Reason:
    """The first row of 7 to 10 that fits; these ask how many completed backups are newer."""
    began = backup.began_at()
    is_among_newest = counts.threshold is None or began is None or began >= counts.threshold
    if backup.status == "FAILED":
        return Reason.FAILED_LATELY if is_among_newest else Reason.FAILED
    if is_among_newest:
        return Reason.NEWEST
    return Reason.NEWEST_OF_PERIOD if began in counts.of_periods else Reason.SURPLUS


def _count(completed: Sequence[datetime], policy: RetentionPolicy) -> _Counts:
    newest_first = sorted(completed, reverse=True)
    kept = max(MIN_KEPT, policy.last)
    return _Counts(
        threshold=newest_first[kept - 1] if len(newest_first) >= kept else None,
        of_periods=frozenset(
            [
                *_newest_of_periods(completed, _day, policy.daily),
                *_newest_of_periods(completed, _iso_week, policy.weekly),
                *_newest_of_periods(completed, _month, policy.monthly),
                *_newest_of_periods(completed, _year, policy.yearly),
            ]
        ),
    )


def _newest_of_periods(
    completed: Iterable[datetime], period_of: Callable[[datetime], Period], number: int
) -> list[datetime]:
    """When the newest backup began of each of the newest periods that have one."""
    newest = {period_of(began.astimezone(UTC)): began for began in sorted(completed)}
    return [newest[period] for period in sorted(newest, reverse=True)[:number]]


def _day(time: datetime) -> Period:
    return (time.year, time.month, time.day)


def _iso_week(time: datetime) -> Period:
    # the ISO year: the first days of January may belong to the last week of the year before
    week = time.isocalendar()
    return (week.year, week.week)


def _month(time: datetime) -> Period:
    return (time.year, time.month)


def _year(time: datetime) -> Period:
    return (time.year,)


def _age_order(backup: Backup) -> tuple[datetime, str]:
    return (backup.began_at() or datetime.max.replace(tzinfo=UTC), backup.name)
