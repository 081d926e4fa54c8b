"""The laws of retention, whatever the list holds, the policy says and the clock shows."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st

from gaussdb_backup.actions.retention import Decision, Reason, Verdict, plan_retention
from tests.local_cloud.local_cloud import INSTANCE_ID
from tests.local_cloud.scheduled_backups import (
    COUNTS,
    KEY_PREFIX,
    NAME_PREFIX,
    policy,
    scheduled_backup,
)
from tests.properties.retention_oracle import began, counts, row_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gaussdb_backup.gaussdb.models import Backup
    from gaussdb_backup.retention_policy import RetentionPolicy

LAW: Final = settings(max_examples=100, deadline=None)
NOW: Final = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OTHER_INSTANCE: Final = "0000000000000000000000000000000bin14"
HOURS: Final = st.one_of(
    st.integers(-50, 24 * 40), st.integers(1, 90).map(lambda n: 24 * n), st.integers(0, 24 * 900)
)
LATE: Final = st.one_of(
    st.integers(0, 600), st.integers(-360, 0), st.integers(48 * 3600 - 2, 48 * 3600 + 2)
)
FAILED: Final = {"status": "FAILED", "size": 0.0}
BROKEN: Final[st.SearchStrategy[dict[str, Any]]] = st.sampled_from(
    [
        {"status": "BUILDING", "size": 0.0},
        {"status": "DELETING"},
        {"status": "EXPORTING"},
        {"size": 0.0},
        {"size": None},
        {"type": "auto"},
        {"instance_id": OTHER_INSTANCE},
        {"name": "before-the-upgrade"},
        {"begin_time": ""},
        {"begin_time": "2026-02-08 20:01:00"},
    ]
)


@st.composite
def backups(draw: st.DrawFn) -> Backup:
    """A backup of the schedule, in most cases a completed one."""
    time = NOW - timedelta(hours=draw(HOURS), minutes=draw(st.sampled_from([0, 30])))
    changed = draw(st.one_of(st.just({}), st.just({}), st.just(FAILED), BROKEN))
    return scheduled_backup(time, late=timedelta(seconds=draw(LATE)), **changed)


def lists() -> st.SearchStrategy[list[Backup]]:
    """What the service may list: every backup once."""
    few, many = (
        st.lists(backups(), min_size=least, max_size=most, unique_by=lambda one: one.id)
        for least, most in ((0, 12), (12, 40))
    )
    return st.one_of(few, many)


@st.composite
def policies(draw: st.DrawFn) -> RetentionPolicy:
    """Any policy, its counts small enough to matter."""
    fields = {name: draw(st.one_of(st.just(0), st.integers(0, 12))) for name in COUNTS}
    if not any(fields.values()):
        fields["last"] = 1
    return policy(**fields)


POLICIES: Final = policies()


def decisions(listed: Iterable[Backup], chosen: RetentionPolicy) -> dict[str, Decision]:
    """The plan, by backup ID."""
    plan = plan_retention(listed, chosen, INSTANCE_ID, NOW)
    return {one.backup.id: one for one in plan.decisions}


def selected(listed: Iterable[Backup], chosen: RetentionPolicy, now: datetime = NOW) -> set[str]:
    """The IDs of the backups that go."""
    plan = plan_retention(listed, chosen, INSTANCE_ID, now)
    return {one.id for one in plan.of(Verdict.SELECTED)}


@LAW
@given(lists(), POLICIES, st.randoms(use_true_random=False))
def test_every_backup_has_the_row_of_the_table(
    listed: list[Backup], chosen: RetentionPolicy, dice: random.Random
) -> None:
    """The plan agrees with the table as it is read row by row, with names on the keep list."""
    kept = tuple(dice.sample(sorted(one.name for one in listed), min(3, len(listed))))
    chosen = chosen.model_copy(update={"keep": kept})
    found = decisions(listed, chosen)
    assert found.keys() == {one.id for one in listed}
    for one in listed:
        row = row_of(one, listed, chosen, INSTANCE_ID, NOW)
        reason = found[one.id].reason
        event(f"row {row}")
        assert reason.row.split(",")[0] == row.split()[0]
        goes = row in {"7 goes", "10"}
        assert (reason.verdict is Verdict.SELECTED) is goes


@LAW
@given(lists(), POLICIES)
def test_the_newest_completed_never_go(listed: list[Backup], chosen: RetentionPolicy) -> None:
    """The max(3, last) newest of those that count."""
    whole = [one for one in listed if counts(one, INSTANCE_ID, NOW)]
    newest = sorted(whole, key=lambda one: began(one) or NOW, reverse=True)
    stay = {one.id for one in newest[: max(3, chosen.last)]}
    assert not stay & selected(listed, chosen)


@LAW
@given(lists(), POLICIES, st.data())
def test_seeing_fewer_backups_never_selects_more(
    listed: list[Backup], chosen: RetentionPolicy, data: st.DataObject
) -> None:
    """So a list that lags, a redelivery or two runs at once do no harm."""
    seen = [one for one in listed if data.draw(st.booleans())]
    assert selected(seen, chosen) <= selected(listed, chosen)


@LAW
@given(lists(), POLICIES)
def test_pruning_is_idempotent(listed: list[Backup], chosen: RetentionPolicy) -> None:
    """What a run leaves, the next one leaves too, and so it does when the first was cut short."""
    gone = selected(listed, chosen)
    for stopped_after in range(len(gone) + 1):
        cut_short = set(sorted(gone)[:stopped_after])
        left = [one for one in listed if one.id not in cut_short]
        assert selected(left, chosen) == gone - cut_short


@LAW
@given(lists(), POLICIES, st.randoms(use_true_random=False))
def test_the_order_of_the_list_does_not_matter(
    listed: list[Backup], chosen: RetentionPolicy, dice: random.Random
) -> None:
    """Nor whether entries are listed twice."""
    other = [*listed, *listed[: len(listed) // 2]]
    dice.shuffle(other)
    assert decisions(other, chosen) == decisions(listed, chosen)


@LAW
@given(lists(), POLICIES, st.sampled_from(COUNTS), st.integers(1, 30))
def test_a_more_generous_policy_selects_a_subset(
    listed: list[Backup], chosen: RetentionPolicy, count: str, more: int
) -> None:
    """Raising any count, or keeping a name, never sends another backup away."""
    generous = chosen.model_copy(update={count: getattr(chosen, count) + more})
    assert selected(listed, generous) <= selected(listed, chosen)
    for name in [one.name for one in listed[:5]]:
        keeping = chosen.model_copy(update={"keep": (name,)})
        assert selected(listed, keeping) <= selected(listed, chosen)


@LAW
@given(lists(), POLICIES)
def test_every_kept_backup_has_a_reason(listed: list[Backup], chosen: RetentionPolicy) -> None:
    """Nothing is in two places, and nothing is left out."""
    plan = plan_retention(listed, chosen, INSTANCE_ID, NOW)
    parts = {verdict: {one.id for one in plan.of(verdict)} for verdict in Verdict}
    assert Counter(one for part in parts.values() for one in part) == Counter(
        one.id for one in listed
    )
    assert all(isinstance(one.reason, Reason) for one in plan.decisions)


@LAW
@given(lists(), POLICIES)
def test_age_alone_deletes_nothing(listed: list[Backup], chosen: RetentionPolicy) -> None:
    """If backups stop, pruning stops: once all are old, nothing more goes, ever."""
    now = NOW + timedelta(days=7)
    left = [one for one in listed if one.id not in selected(listed, chosen, now)]
    for later in (1, 365, 3650):
        assert selected(left, chosen, now + timedelta(days=later)) == set()


@LAW
@given(
    st.integers(0, 900).map(lambda days: scheduled_backup(NOW - timedelta(days=days + 2))),
    st.data(),
)
def test_one_character_changed_in_a_name_makes_it_unmanaged(
    backup: Backup, data: st.DataObject
) -> None:
    """Whichever it is, and whatever stands in its place; nor may one be missing or added."""
    letters = st.characters(codec="utf-8")
    place = data.draw(st.integers(0, len(backup.name) - 1))
    letter = data.draw(letters.filter(lambda one: one != backup.name[place]))
    start, rest = backup.name[:place], backup.name[place:]
    added = data.draw(letters)
    names = {f"{start}{letter}{rest[1:]}", f"{start}{rest[1:]}", f"{start}{added}{rest}"}
    newer = [scheduled_backup(NOW - timedelta(hours=n)) for n in range(5)]
    for name in names - {backup.name}:
        found = decisions([backup.model_copy(update={"name": name}), *newer], policy(last=1))
        assert found[backup.id].reason is Reason.NOT_DERIVED


@LAW
@given(st.text(max_size=64), POLICIES)
def test_no_name_breaks_the_decision(name: str, chosen: RetentionPolicy) -> None:
    """Whatever others call their backups, it is unmanaged."""
    backup = scheduled_backup(NOW, name=f"{NAME_PREFIX}-{name}")
    assert decisions([backup], chosen)[backup.id].reason is Reason.NOT_DERIVED
    changed = chosen.model_copy(update={"key_prefix": f"{KEY_PREFIX}-"})
    proper = scheduled_backup(NOW)
    assert decisions([proper], changed)[proper.id].reason is Reason.NOT_DERIVED


FIRST_NIGHT: Final = datetime(2024, 11, 3, 20, 0, tzinfo=UTC)
NIGHTS: Final = 500
KEPT: Final = policy(last=7, daily=14, weekly=8, monthly=12, yearly=2)


def night(number: int, dice: random.Random) -> Backup | None:
    """What a night brings: in most cases a completed backup."""
    time = FIRST_NIGHT + timedelta(days=number)
    came = dice.random()
    if came < 0.06 or 120 < number < 140:  # a gap, and one of three weeks
        return None
    late = timedelta(seconds=dice.randrange(0, 3 * 3600))
    if came < 0.16:
        return scheduled_backup(time, late=late, status="FAILED", size=0.0)
    if came < 0.2:
        return scheduled_backup(time, late=late, size=0.0)
    return scheduled_backup(time, late=late)


def test_five_hundred_nights_leave_the_backups_of_the_policy() -> None:
    """Day by day: what is left is what the policy keeps of all backups that there ever were.

    Runs are left out, see a list that lags, or stop midway; the next whole run makes up for it.
    """
    dice = random.Random(20261128)
    ever: list[Backup] = []
    left: dict[str, Backup] = {}
    for number in range(NIGHTS):
        made = night(number, dice)
        if made is not None:
            ever.append(made)
            left[made.id] = made
        now = FIRST_NIGHT + timedelta(days=number, hours=4)
        seen = [one for one in left.values() if dice.random() > 0.1 * (number % 3)]
        going = sorted(selected(seen, KEPT, now))
        disturbed = number % 5 == 2
        for one in going[: dice.randrange(len(going) + 1) if disturbed else None]:
            del left[one]
        if number % 6 == 0:  # a night on which the whole list is seen
            wanted = selected(ever, KEPT, now)
            assert left.keys() >= {one.id for one in ever} - wanted
            assert disturbed or left.keys() == {one.id for one in ever} - wanted
    end = FIRST_NIGHT + timedelta(days=NIGHTS)
    plan = plan_retention(ever, KEPT, INSTANCE_ID, end)
    cases = Counter(one.reason for one in plan.decisions)
    assert cases[Reason.SURPLUS] > 300
    assert cases[Reason.FAILED] > 20
    assert cases[Reason.NEWEST] + cases[Reason.YOUNG] == 7
    assert len(left) < 60


def test_the_lists_that_are_tried_reach_every_row() -> None:
    """Laws about lists that never have a failed backup among many would prove little."""
    seen: set[str] = set()

    @settings(max_examples=150, deadline=None, database=None, phases=[Phase.generate])
    @given(lists(), POLICIES)
    def collect(listed: Sequence[Backup], chosen: RetentionPolicy) -> None:
        seen.update(row_of(one, listed, chosen, INSTANCE_ID, NOW) for one in listed)

    collect()
    assert seen == {"1", "2", "3", "4", "5", "6", "7 kept", "7 goes", "8", "9", "10"}
