"""The tests of retention catch wrong variants of the decision and of the run, each by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.end_to_end.mutants import Change, Mutant, run_tests
from tests.local_cloud.chaos.state_machine import run_chaos

if TYPE_CHECKING:
    from pathlib import Path

ROWS: Final = "tests/unit/test_retention.py"
RUNS: Final = "tests/end_to_end/test_prune.py"


def decides(test: str, right: str, wrong: str) -> Mutant:
    """A wrong decision."""
    return Mutant(f"{ROWS}::{test}", (Change("actions/retention", right, wrong),))


def runs(test: str, module: str, right: str, wrong: str) -> Mutant:
    """A wrong run of a right decision."""
    return Mutant(f"{RUNS}::{test}", (Change(module, right, wrong),))


MUTANTS: Final[dict[str, Mutant]] = {
    "goes by age instead of counts": decides(
        "test_periods_without_a_backup_do_not_use_up_the_counts",
        "return Reason.NEWEST_OF_PERIOD if began in counts.of_periods else Reason.SURPLUS",
        "return (\n        Reason.SURPLUS\n"
        "        if began is None or (datetime.now(UTC) - began).days > 365\n"
        "        else Reason.NEWEST_OF_PERIOD\n    )",
    ),
    "has no floor": decides(
        "test_three_stay_whatever_the_policy_says",
        "kept = max(MIN_KEPT, policy.last)",
        "kept = max(1, policy.last)",
    ),
    "counts failed backups": decides(
        "test_failed_and_broken_backups_are_never_counted",
        'if backup.status == "COMPLETED" and reason in COUNTED',
        "if reason in COUNTED",
    ),
    "counts what is not completed": decides(
        "test_failed_and_broken_backups_are_never_counted",
        "COUNTED: Final = frozenset({Reason.NAMED, Reason.YOUNG, None})",
        "COUNTED: Final = frozenset({Reason.NAMED, Reason.YOUNG, Reason.NOT_COMPLETED, None})",
    ),
    "counts what is unmanaged": decides(
        "test_failed_and_broken_backups_are_never_counted",
        "COUNTED: Final = frozenset({Reason.NAMED, Reason.YOUNG, None})",
        "COUNTED: Final = frozenset({Reason.NAMED, Reason.YOUNG, Reason.NOT_DERIVED, None})",
    ),
    "counts what began at another time": decides(
        "test_failed_and_broken_backups_are_never_counted",
        "COUNTED: Final = frozenset({Reason.NAMED, Reason.YOUNG, None})",
        "COUNTED: Final = frozenset({Reason.NAMED, Reason.YOUNG, Reason.TIME_NOT_OF_NAME, None})",
    ),
    "does not count kept names": decides(
        "test_kept_and_young_backups_count_if_completed",
        "COUNTED: Final = frozenset({Reason.NAMED, Reason.YOUNG, None})",
        "COUNTED: Final = frozenset({Reason.YOUNG, None})",
    ),
    "does not count young ones": decides(
        "test_kept_and_young_backups_count_if_completed",
        "COUNTED: Final = frozenset({Reason.NAMED, Reason.YOUNG, None})",
        "COUNTED: Final = frozenset({Reason.NAMED, None})",
    ),
    "keeps the oldest of a period": decides(
        "test_the_newest_of_each_period_stays",
        "began for began in sorted(completed)}",
        "began for began in sorted(completed, reverse=True)}",
    ),
    "keeps the oldest periods": decides(
        "test_the_newest_of_each_period_stays",
        "for period in sorted(newest, reverse=True)[:number]]",
        "for period in sorted(newest)[:number]]",
    ),
    "ignores that a backup is young": decides(
        "test_nothing_younger_than_48_hours_goes",
        "return Reason.YOUNG if now - began < MIN_AGE else None",
        "return None",
    ),
    "takes a day for young": decides(
        "test_nothing_younger_than_48_hours_goes",
        "MIN_AGE: Final = timedelta(hours=48)",
        "MIN_AGE: Final = timedelta(hours=24)",
    ),
    "ignores the keep list": decides(
        "test_a_kept_name_stays", "if backup.name in policy.keep:", "if backup.name in ():"
    ),
    "takes a kept name for a prefix": decides(
        "test_a_kept_name_stays",
        "if backup.name in policy.keep:",
        "if backup.name.startswith(policy.keep):",
    ),
    "deletes others' backups": decides(
        "test_each_row_by_one_change",
        "        return Reason.NOT_DERIVED\n",
        "        scheduled = backup.began_at() or now\n",
    ),
    "believes a name that looks right": decides(
        "test_backups_of_another_stack_or_prefix_are_unmanaged",
        "return time if name == derived_name(policy.name_prefix, identity, instance_id) else None",
        "return time if derived_name(policy.name_prefix, identity, instance_id) else None",
    ),
    "believes the digits of another instance": decides(
        "test_a_name_made_for_another_instance_is_unmanaged",
        "return time if name == derived_name(policy.name_prefix, identity, instance_id) else None",
        "return time if name.startswith(policy.name_prefix) else None",
    ),
    "believes a name whatever began when": decides(
        "test_a_backup_that_began_at_another_time_than_its_name_says_is_unmanaged",
        "if not EARLIEST_BEGIN <= began - scheduled <= LATEST_BEGIN:",
        "if not EARLIEST_BEGIN <= began - scheduled:",
    ),
    "takes automated backups for its own": decides(
        "test_each_row_by_one_change",
        'if backup.type != "manual" or backup.instance_id != instance_id:',
        "if backup.instance_id != instance_id:",
    ),
    "takes another instance's for its own": decides(
        "test_another_instances_backup_is_ignored_whatever_its_name",
        'if backup.type != "manual" or backup.instance_id != instance_id:',
        'if backup.type != "manual":',
    ),
    "counts what began in the future": decides(
        "test_failed_and_broken_backups_are_never_counted",
        "if began is None or began > now or",
        "if began is None or",
    ),
    "lets go what is building": decides(
        "test_each_row_by_one_change",
        'if not is_completed and backup.status != "FAILED":',
        'if not is_completed and backup.status not in {"FAILED", "BUILDING"}:',
    ),
    "lets go what has an unknown status": decides(
        "test_each_row_by_one_change",
        'if not is_completed and backup.status != "FAILED":',
        'if backup.status in {"BUILDING", "DELETING"}:',
    ),
    "counts a backup without a size": decides(
        "test_each_row_by_one_change",
        'is_completed = backup.status == "COMPLETED" and (backup.size or 0) > 0',
        'is_completed = backup.status == "COMPLETED"',
    ),
    "lets every failed backup go": decides(
        "test_a_failed_backup_goes_when_enough_completed_ones_are_newer",
        "return Reason.FAILED_LATELY if is_among_newest else Reason.FAILED",
        "return Reason.FAILED",
    ),
    "keeps failed backups for ever": decides(
        "test_a_failed_backup_goes_when_enough_completed_ones_are_newer",
        "return Reason.FAILED_LATELY if is_among_newest else Reason.FAILED",
        "return Reason.FAILED_LATELY",
    ),
    "counts in local time": decides(
        "test_days_are_those_of_utc",
        "newest = {period_of(began.astimezone(UTC)): began for began in sorted(completed)}",
        "newest = {period_of(began): began for began in sorted(completed)}",
    ),
    "counts weeks by the calendar year": decides(
        "test_a_week_at_the_turn_of_the_year_belongs_to_one_year",
        "return (week.year, week.week)",
        "return (time.year, week.week)",
    ),
    "counts a repeated entry twice": decides(
        "test_the_order_of_the_list_and_repeated_entries_change_nothing",
        "    return [list(entries) for entries in found.values()]",
        "    return [[backup] for backup in listed] if found else []",
    ),
    "believes the first of two entries": decides(
        "test_a_backup_that_is_listed_in_two_ways_is_kept_and_not_counted",
        "if len(reasons) == 1 or (reasons[0] in NOT_OURS and len(set(reasons)) == 1):",
        "if reasons:",
    ),
    "lets one of two go that began at once": decides(
        "test_backups_of_one_second_are_all_kept_where_one_is",
        "is_among_newest = counts.threshold is None or began is None or began >= counts.threshold",
        "is_among_newest = counts.threshold is None or began is None or began > counts.threshold",
    ),
    "deletes the last copies of an instance that is gone": runs(
        "test_an_instance_that_is_not_listed_keeps_its_backups",
        "actions/prune",
        "if find_instance(gaussdb, request.instance_id) is None:",
        "if not request.instance_id:",
    ),
    "decides on half a list": runs(
        "test_a_list_that_is_not_whole_deletes_nothing",
        "actions/prune",
        "plan_retention(listing.whole(), ",
        "plan_retention(listing.entries, ",
    ),
    "deletes in a report": runs(
        "test_a_report_shows_the_plan_and_deletes_nothing[password]",
        "actions/prune",
        'return policy.mode == "delete" and not request.dry_run',
        "return not request.dry_run",
    ),
    "deletes in a dry run": runs(
        "test_a_dry_run_uses_the_creating_user",
        "actions/prune",
        'return policy.mode == "delete" and not request.dry_run',
        'return policy.mode == "delete"',
    ),
    "deletes as the creating user": runs(
        "test_only_the_deleting_users_secret_is_used_by_a_run_that_deletes[password]",
        "actions/dispatch",
        "gaussdb = gaussdb.with_auth(retention.deleting_auth())",
        "retention.deleting_auth()",
    ),
    "sweeps as much as it likes": runs(
        "test_a_plan_that_is_too_large_deletes_nothing",
        "actions/prune",
        "if len(selected) > allowed:",
        "if len(selected) > 1000:",
    ),
    "deletes the newest first": runs(
        "test_the_backups_beyond_the_policy_are_deleted_oldest_first",
        "actions/retention",
        "return sorted(found, key=_age_order)",
        "return sorted(found, key=_age_order, reverse=True)",
    ),
    "goes on after an unknown outcome": runs(
        "test_an_unknown_outcome_stops_the_run[lost after]",
        "actions/prune",
        "                    _record_failed([backup], error, done, log)\n"
        "                    raise error\n",
        "                    _record_failed([backup], error, done, log)\n",
    ),
    "goes on after 429": runs(
        "test_429_ends_the_run_well",
        "actions/prune",
        "                    _record_failed(rest, error, done, log)\n                    break\n",
        "                    _record_failed([backup], error, done, log)\n",
    ),
    "fails over a backup in use": runs(
        "test_a_backup_that_cannot_be_deleted_now_does_not_fail_the_run[400-DBS.201208]",
        "actions/prune",
        "case error:\n                    _record_failed([backup], error, done, log)",
        "case error:\n                    raise error",
    ),
    "goes on without the right to delete": runs(
        "test_a_user_without_the_right_to_delete_fails_the_run",
        "gaussdb/deletion",
        "        case CredentialsRejected() | PermissionDenied():\n            raise error",
        "        case CredentialsRejected() | PermissionDenied():\n            return error",
    ),
    "begins what it has no time for": runs(
        "test_what_there_is_no_time_for_stays",
        "actions/prune",
        "if gaussdb.deadline.remaining() < MIN_CALL_SECONDS:",
        "if gaussdb.deadline.remaining() < 0:",
    ),
    "lets everybody ask": runs(
        "test_queues_topics_and_buses_cannot_ask_for_it[queue]",
        "payload_models",
        'DIRECT_ONLY = frozenset({"prune"})',
        "DIRECT_ONLY = frozenset[str]()",
    ),
}
# Some of them show under random disturbances, too, without a specific test.
CAUGHT_BY_CHAOS: Final = (
    "counts failed backups",
    "has no floor",
    "goes on after an unknown outcome",
    "ignores that a backup is young",
)
DELIVERIES: Final = 400
SEED: Final = 2
CATCHING_TESTS: Final = sorted({mutant.test for mutant in MUTANTS.values()})


def test_an_unchanged_copy_passes_all_of_these_tests(tmp_path: Path) -> None:
    """The tests below fail because of the change, not because they run on a copy."""
    done = run_tests(Mutant("", ()).write(tmp_path), *CATCHING_TESTS)
    assert done.returncode == pytest.ExitCode.OK, done.stdout


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_fails_its_test(tmp_path: Path, mutant: str) -> None:
    """The test fails; an error in the test itself does not count."""
    found = MUTANTS[mutant]
    done = run_tests(found.write(tmp_path), found.test)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout


@pytest.mark.parametrize("mutant", CAUGHT_BY_CHAOS)
def test_a_mutant_fails_under_chaos(tmp_path: Path, mutant: str) -> None:
    """What the run of an unchanged function would keep is deleted."""
    with pytest.raises(AssertionError, match="prune"):
        run_chaos(DELIVERIES, SEED, MUTANTS[mutant].write(tmp_path))
