"""The tests catch wrong variants of the function, most of which differ in one line.

Each mutant is a copy of the package with one change, and names the test that must fail for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.end_to_end.mutants import Change, Mutant, run_tests
from tests.local_cloud.chaos.state_machine import run_chaos

if TYPE_CHECKING:
    from pathlib import Path

DELIVERIES: Final = 1500
SEED: Final = 1
UNKNOWN: Final = "tests/end_to_end/test_exactly_once_unknown_outcomes.py"
CONFLICTS: Final = "tests/end_to_end/test_exactly_once_conflicts.py"
LISTS: Final = "tests/end_to_end/test_exactly_once_lists.py"
AHEAD: Final = "tests/end_to_end/test_names_made_ahead.py"
NAMES: Final = "tests/end_to_end/test_exactly_once_names.py"
SENDERS: Final = "tests/end_to_end/test_senders.py"
TELEMETRY: Final = "tests/end_to_end/test_telemetry_failures.py"
WEBHOOKS: Final = "tests/end_to_end/test_webhook_keys.py"
TIME: Final = "tests/end_to_end/test_exactly_once_in_time.py"
READS: Final = "tests/end_to_end/test_read_actions.py"


RETRIES_BLINDLY: Final = Mutant(
    f"{UNKNOWN}::test_a_backup_with_a_lost_response_is_found",
    (
        Change(
            "actions/create_state",
            "if isinstance(error, NOT_ACCEPTED) and state.unresolved is None:",
            "if isinstance(error, (*NOT_ACCEPTED, OutcomeUnknown)):",
        ),
    ),
)
TAKES_ABSENCE_FOR_PROOF: Final = Mutant(
    f"{UNKNOWN}::test_a_list_that_lags_is_no_proof_of_absence",
    (
        Change(
            "actions/create_state",
            "case LookupResult(status=LookupStatus.NOT_FOUND) if isinstance(error, NameTaken):\n"
            "            return _after_pause(look_up, error, state, remaining, backoff)",
            "case LookupResult(status=LookupStatus.NOT_FOUND) if isinstance(error, NameTaken):\n"
            "            return Fail(error)",
        ),
    ),
)
READS_THE_FIRST_PAGE: Final = Mutant(
    f"{LISTS}::test_a_backup_with_a_lost_response_is_found_on_the_last_page",
    (
        Change("gaussdb/pages", "is_over=is_last or is_stuck or is_enough,", "is_over=True,"),
        Change(
            "gaussdb/pages",
            "is_whole=reading.is_over and reading.agrees and is_counted,",
            "is_whole=True,",
        ),
    ),
)
TAKES_THE_NEWEST_JOB: Final = Mutant(
    f"{CONFLICTS}::test_the_job_is_the_nearest_one_of_this_instance",
    (
        Change(
            "gaussdb/tasks",
            "keep=lambda task: _may_have_made(task, backup.instance_id, began),",
            "keep=lambda task: True,",
        ),
        Change(
            "gaussdb/tasks",
            "if distance == min(distances.values())]",
            "if task.created_at == max(one.created_at for one in distances)]",
        ),
    ),
)
MAKES_A_NAME_PER_DELIVERY: Final = Mutant(
    f"{LISTS}::test_a_redelivery_costs_three_requests_and_one_per_further_hundred",
    (
        Change(
            "request",
            "{identity.kind}\\n{identity.value}\\n{instance_id}",
            "{identity.kind}\\n{__import__('uuid').uuid4()}",
        ),
    ),
)
CALLS_AN_OPEN_OUTCOME_UNAVAILABLE: Final = Mutant(
    f"{UNKNOWN}::test_an_http_caller_learns_how_to_retry",
    (
        Change(
            "gaussdb/api",
            "    if isinstance(error, ServiceUnavailable):\n        return OutcomeUnknown(",
            "    if isinstance(error, NotSent):\n        return OutcomeUnknown(",
        ),
    ),
)
TAKES_LOST_FOR_NOT_SENT: Final = Mutant(
    f"{UNKNOWN}::test_a_backup_with_a_lost_response_is_found",
    (
        Change(
            "gaussdb/api",
            'return OutcomeUnknown(f"no response from GaussDB at {failure}")',
            'return ServiceUnavailable(f"no response from GaussDB at {failure}")',
        ),
    ),
)

# The ones that random disturbances alone have to find, within few deliveries.
CAUGHT_BY_CHAOS: Final[dict[str, Mutant]] = {
    "retries blindly": RETRIES_BLINDLY,
    "takes absence for proof": TAKES_ABSENCE_FOR_PROOF,
    "reads the first page alone": READS_THE_FIRST_PAGE,
    "takes the newest job of any instance": TAKES_THE_NEWEST_JOB,
    "makes a name per delivery": MAKES_A_NAME_PER_DELIVERY,
    "calls an open outcome unavailable": CALLS_AN_OPEN_OUTCOME_UNAVAILABLE,
    "takes lost for not sent": TAKES_LOST_FOR_NOT_SENT,
}
CAUGHT_BY_TESTS: Final[dict[str, Mutant]] = CAUGHT_BY_CHAOS | {
    "asks a sixth time after five refusals": Mutant(
        f"{UNKNOWN}::test_lasting_throttling_is_throttled",
        (Change("http_client/pauses", "MAX_THROTTLED: Final = 5", "MAX_THROTTLED: Final = 6"),),
    ),
    "forgets how often it was throttled": Mutant(
        f"{UNKNOWN}::test_lasting_throttling_is_throttled",
        (
            Change(
                "actions/create_state",
                "throttled=state.throttled + isinstance(response, Throttled),",
                "throttled=1,",
            ),
        ),
    ),
    "looks again at a list that is refused": Mutant(
        f"{UNKNOWN}::test_a_rejected_list_request_ends_the_lookup_at_once",
        (
            Change(
                "actions/create_state",
                "return is_needed and not is_refused and not lookup.not_authorized",
                "return is_needed",
            ),
        ),
    ),
    "does not say why the list shows nothing": Mutant(
        f"{UNKNOWN}::test_a_rejected_list_request_ends_the_lookup_at_once",
        (Change("actions/create_state", "    if unread is None:\n", "    if True:\n"),),
    ),
    "asks again under a name that another instance holds": Mutant(
        f"{NAMES}::test_a_derived_name_that_another_instance_holds_is_taken",
        (Change("actions/lookup", "if everywhere and not", "if request.explicit and not"),),
    ),
    "takes a backup made ahead of its time for its own": Mutant(
        f"{NAMES}::test_a_derived_name_made_ahead_of_its_time_is_taken",
        (
            Change(
                "actions/matching",
                "    if request.event_time is not None:\n",
                "    if request.event_time is not None and request.explicit:\n",
            ),
        ),
    ),
    "calls a backup whose time it cannot read another's": Mutant(
        f"{NAMES}::test_a_matching_backup_with_an_unreadable_time_is_inconclusive",
        (
            Change(
                "actions/matching",
                "return LookupResult(status=LookupStatus.INCONCLUSIVE, backup=backup)",
                "return LookupResult(status=LookupStatus.OTHER)",
            ),
        ),
    ),
    "relies on the service's filter by instance": Mutant(
        f"{READS}::test_another_instances_backup_is_not_fresh_for_this_one",
        (
            Change(
                "gaussdb/pagination",
                "keep=lambda backup: instance_id in {None, backup.instance_id},",
                "keep=lambda _: True,",
            ),
        ),
    ),
    "calls a backup stale whose time it cannot read": Mutant(
        f"{READS}::test_a_time_that_cannot_be_read_is_no_age",
        (Change("actions/read", "        if age.undated:\n", "        if not age:\n"),),
    ),
    "checks no list": Mutant(
        f"{READS}::test_check_finds_a_missing_right_for_the_list",
        (
            Change(
                "actions/read",
                "    check_list_access(gaussdb, request.instance_id)\n",
                "",
            ),
        ),
    ),
    "lets an odd entry hide the others": Mutant(
        f"{LISTS}::test_an_unreadable_entry_does_not_hide_others",
        (
            Change(
                "gaussdb/pages",
                "return [entry for entry in parsed if entry is not None]",
                "return list(__import__('itertools').takewhile(bool, parsed))",
            ),
        ),
    ),
    "skips an entry for a field that it can do without": Mutant(
        f"{LISTS}::test_an_unreadable_field_does_not_hide_its_backup",
        (
            Change(
                "gaussdb/pages",
                "if any(field.is_required() for name, field in model.model_fields.items()"
                " if name in odd)",
                "if odd",
            ),
        ),
    ),
    "believes the total rather than the pages": Mutant(
        f"{LISTS}::test_the_own_backup_is_found_whatever_the_total_says",
        (Change("gaussdb/pages", "is_last or is_stuck or is_enough", "listed >= (total or 0)"),),
    ),
    "takes an unreadable list for an empty one": Mutant(
        f"{UNKNOWN}::test_no_create_request_is_repeated_before_a_list_was_read",
        (
            Change(
                "actions/lookup",
                "            status=LookupStatus.INCONCLUSIVE,\n            error=listing.error,",
                "            status=LookupStatus.NOT_FOUND,",
            ),
        ),
    ),
    "lets a failed look-up replace the answer": Mutant(
        f"{UNKNOWN}::test_a_list_that_stays_unreadable_ends_with_the_create_error",
        (
            Change(
                "actions/lookup",
                "if result.status is LookupStatus.NOT_FOUND and not listing.is_whole:",
                "if listing.whole() is None:",
            ),
        ),
    ),
    "forgets what was left open": Mutant(
        f"{UNKNOWN}::test_an_unknown_outcome_stays_unknown_after_a_later_rejection",
        (
            Change(
                "actions/create_state",
                "response if isinstance(response, OutcomeUnknown) else state.unresolved",
                "response if isinstance(response, OutcomeUnknown) else None",
            ),
        ),
    ),
    "pauses as long as it likes": Mutant(
        f"{UNKNOWN}::test_retry_after_is_obeyed_while_it_fits",
        (
            Change(
                "actions/create_state",
                "pause = max(backoff, error.retry_after or 0.0)",
                "pause = backoff",
            ),
            Change(
                "actions/create_state",
                "pause = max(pause, throttle_pause(state.throttled, error.retry_after))",
                "pause = backoff",
            ),
        ),
    ),
    "pauses not at all where it is asked for nothing": Mutant(
        f"{UNKNOWN}::test_a_retry_after_of_zero_does_not_remove_the_pause",
        (
            Change(
                "actions/create_state",
                "pause = max(backoff, error.retry_after or 0.0)",
                "pause = backoff if error.retry_after is None else error.retry_after",
            ),
        ),
    ),
    "cuts the service's pause to what fits": Mutant(
        f"{UNKNOWN}::test_retry_after_that_does_not_fit_ends_at_once",
        (
            Change(
                "actions/create_state",
                "return Wait(seconds=pause) if pause <= remaining else",
                "return Wait(min(pause, remaining)) if remaining > 0 else",
            ),
        ),
    ),
    "pauses without jitter": Mutant(
        f"{UNKNOWN}::test_jitter_keeps_deliveries_apart",
        (Change("http_client/retry", "random.uniform(0.5, 1.0)", "random.uniform(1.0, 1.0)"),),
    ),
    "looks up what was never sent": Mutant(
        f"{UNKNOWN}::test_no_connection_is_no_unknown_outcome",
        (
            Change(
                "gaussdb/api",
                'return ServiceUnavailable(f"no connection to GaussDB at {failure}")',
                'return OutcomeUnknown(f"no connection to GaussDB at {failure}")',
            ),
        ),
    ),
    "does not start over when the list changes": Mutant(
        f"{LISTS}::test_a_list_that_grows_meanwhile_shows_no_absence",
        (
            Change(
                "gaussdb/pages",
                "agrees = reading.agrees and total is not None and total == page.total_count"
                " and listed <= total",
                "agrees = True",
            ),
            Change(
                "gaussdb/pages",
                "is_counted = reading.listed == distinct == reading.total",
                "is_counted = True",
            ),
        ),
    ),
    "believes that a busy instance is another's work": Mutant(
        f"{CONFLICTS}::test_a_rejection_because_of_the_own_backup_is_success",
        (
            Change(
                "actions/create_state",
                "(OutcomeUnknown, NameTaken, InstanceBusy, InstanceNotReady)",
                "(OutcomeUnknown, NameTaken)",
            ),
        ),
    ),
    "takes a failed backup for one": Mutant(
        f"{CONFLICTS}::test_an_own_backup_that_failed_is_not_retryable",
        (
            Change(
                "actions/matching",
                '"FAILED": LookupStatus.OWN_FAILED',
                '"FAILED": LookupStatus.OWN',
            ),
        ),
    ),
    "takes a backup that is being deleted for one": Mutant(
        f"{CONFLICTS}::test_an_own_backup_that_is_deleting_is_a_busy_instance",
        (
            Change(
                "actions/matching",
                '"DELETING": LookupStatus.DELETING',
                '"DELETING": LookupStatus.OWN',
            ),
        ),
    ),
    "loses a success for want of a job": Mutant(
        f"{CONFLICTS}::test_a_task_list_that_cannot_be_read_is_no_failure",
        (Change("gaussdb/tasks", 'return Job(lookup="failed")', "listing.whole()"),),
    ),
    "guesses between two jobs": Mutant(
        f"{CONFLICTS}::test_two_jobs_equally_near_are_ambiguous",
        (
            Change(
                "gaussdb/tasks",
                "if len({task.job_id for task in nearest}) > 1:",
                "if not nearest:",
            ),
        ),
    ),
    "takes jobs from any time": Mutant(
        f"{CONFLICTS}::test_a_job_counts_within_five_minutes",
        (
            Change(
                "gaussdb/tasks",
                "JOB_WINDOW: Final = timedelta(minutes=5)",
                "JOB_WINDOW: Final = timedelta(minutes=9)",
            ),
        ),
    ),
    "takes every explicit name for its own": Mutant(
        f"{NAMES}::test_an_explicit_name_with_another_description_is_taken",
        (
            Change(
                "actions/matching",
                "is_described = same_description or not request.explicit",
                "is_described = True",
            ),
        ),
    ),
    "takes another instance's name for its own": Mutant(
        f"{NAMES}::test_a_name_of_another_instance_is_looked_for_in_the_whole_project",
        (
            Change(
                "actions/matching",
                "return backup.instance_id == request.instance_id and is_described",
                "return is_described",
            ),
        ),
    ),
    "has clocks that agree": Mutant(
        f"{NAMES}::test_zones_and_clocks_that_differ_by_minutes_change_nothing",
        (
            Change(
                "actions/matching",
                "CLOCK_TOLERANCE: Final = timedelta(minutes=5)",
                "CLOCK_TOLERANCE: Final = timedelta(0)",
            ),
        ),
    ),
    "reads times without their zone": Mutant(
        f"{NAMES}::test_zones_and_clocks_that_differ_by_minutes_change_nothing",
        (
            Change(
                "gaussdb/models",
                "datetime.fromisoformat(text)",
                'datetime.fromisoformat(text[:19] + "+00:00")',
            ),
        ),
    ),
    "lets a request ask ahead of its time": Mutant(
        f"{AHEAD}::test_the_nights_name_cannot_be_asked_for_ahead",
        (
            Change(
                "request", "MAX_AHEAD: Final = timedelta(minutes=5)", "MAX_AHEAD = timedelta.max"
            ),
        ),
    ),
    "counts what a tracer adds": Mutant(
        f"{SENDERS}::test_what_a_tracer_adds_changes_no_identity",
        (
            Change(
                "payload_validation",
                'if value is not None and not name.startswith("_")',
                "if value is not None",
            ),
        ),
    ),
    "takes any Scheduled Event for its own schedule": Mutant(
        f"{SENDERS}::test_an_event_called_scheduled_is_not_the_deployment_s_schedule",
        (
            Change(
                "event_sources/eventbridge",
                '            and text(fields.get("source")) in TIMERS\n'
                '            and _is_empty(fields.get("detail"))\n',
                "",
            ),
        ),
    ),
    "gives a wrapped event the identity of its envelope": Mutant(
        f"{SENDERS}::test_an_event_that_arrives_in_several_envelopes_makes_one_backup",
        (Change("event_sources/sns", "if wrapped is not None:", "if False:"),),
    ),
    "loses an accepted backup to its metrics": Mutant(
        f"{TELEMETRY}::test_an_accepted_backup_stays_accepted_if_metrics_cannot_be_written",
        (Change("function", "self._record(self._telemetry.flush)", "self._telemetry.flush()"),),
    ),
    "reads the webhook secret for every stranger": Mutant(
        f"{WEBHOOKS}::test_strangers_cannot_make_the_function_read_more_than_once_a_minute",
        (
            Change(
                "event_sources/webhook_keys",
                "MIN_SECONDS_BETWEEN_READS: Final = 60.0",
                "MIN_SECONDS_BETWEEN_READS: Final = 1.0",
            ),
        ),
    ),
    "keeps a removed webhook key for ever": Mutant(
        f"{WEBHOOKS}::test_a_key_that_was_removed_is_refused_after_five_minutes",
        (
            Change(
                "event_sources/webhook_keys",
                "FRESH_SECONDS: Final = 300.0",
                "FRESH_SECONDS: Final = 3e9",
            ),
        ),
    ),
    "keeps no reserve": Mutant(
        f"{TIME}::test_no_pause_uses_the_reserve",
        (
            Change(
                "clock",
                "usable = remaining - min(RESERVE_SECONDS, remaining / 5)",
                "usable = remaining",
            ),
        ),
    ),
    "gives one call all the time": Mutant(
        f"{TIME}::test_a_create_request_that_hangs_leaves_time_for_a_lookup",
        (
            Change(
                "http_client/pauses",
                "max(remaining / 2, min(remaining, MIN_CALL_SECONDS))",
                "remaining",
            ),
        ),
    ),
}
CATCHING_TESTS: Final = sorted({mutant.test for mutant in CAUGHT_BY_TESTS.values()})


def test_an_unchanged_copy_passes_all_of_these_tests(tmp_path: Path) -> None:
    """The tests below fail because of the change, not because they run on a copy."""
    done = run_tests(Mutant("", ()).write(tmp_path), *CATCHING_TESTS)
    assert done.returncode == pytest.ExitCode.OK, done.stdout


@pytest.mark.parametrize("mutant", CAUGHT_BY_TESTS)
def test_a_mutant_fails_its_test(tmp_path: Path, mutant: str) -> None:
    """The test fails; an error in the test itself does not count."""
    found = CAUGHT_BY_TESTS[mutant]
    done = run_tests(found.write(tmp_path), found.test)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout


@pytest.mark.parametrize("mutant", CAUGHT_BY_CHAOS)
def test_a_mutant_fails_under_chaos(tmp_path: Path, mutant: str) -> None:
    """Random disturbances show the defect without a specific test."""
    with pytest.raises(AssertionError, match=r"SourceEvent|prune: "):
        run_chaos(DELIVERIES, SEED, CAUGHT_BY_CHAOS[mutant].write(tmp_path))
