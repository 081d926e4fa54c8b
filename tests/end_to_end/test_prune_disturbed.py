"""Whatever disturbs a run of `prune`, nothing is deleted that an undisturbed run would keep."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tests.local_cloud.chaos.pruning import COUNTS, PRUNE, PRUNED, PruneLedger
from tests.local_cloud.chaos.random_faults import SLOW, random_fault
from tests.local_cloud.emulator.clients import HttpClient
from tests.local_cloud.harness import Harness
from tests.local_cloud.local_cloud import INSTANCE_ID, RETENTION_SECRETS
from tests.local_cloud.scheduled_backups import KEY_PREFIX, policy_json, scheduled_name

if TYPE_CHECKING:
    from random import Random

    from tests.local_cloud.harness import Invocation
    from tests.local_cloud.local_cloud import Credentials

RUNS: Final = 250
RUNS_PER_CLOUD: Final = 50
MAX_FACTOR: Final = 10
MAX_RUNS_TO_RECOVER: Final = 3
# rare ones depend on the real time as well as on the seed: runs go on until each was seen
SHOWN: Final = frozenset({PRUNED, "ServiceUnavailable", "PermissionDenied"})
OTHER_INSTANCE: Final = "0000000000000000000000000000000bin14"
VARIABLES: Final = {"RETENTION": policy_json("delete", **COUNTS)}


class RunResult(NamedTuple):
    """A run as the ledger reads it."""

    error: str | None
    reply: Any
    records: list[dict[str, Any]]


@dataclass(slots=True)
class Disturbed:
    """What all runs came to.

    Attributes:
        outcomes: how the runs ended.
        deleted: how many backups they deleted.
        faults: how many requests met a fault.
        violations: descriptions of everything that must not happen.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    deleted: int = 0
    faults: int = 0
    violations: list[str] = field(default_factory=list)


def add_others(harness: Harness, dice: Random) -> set[str]:
    """Adds backups that look as if they were the schedule's; returns their IDs."""
    emulator = harness.emulator
    now = emulator.clock.now().replace(microsecond=0)
    time = now - timedelta(days=dice.randrange(3, 60), seconds=dice.randrange(86400))
    ours = scheduled_name(time)
    place = dice.randrange(len(ours))
    letter = dice.choice([one for one in "-_0aZ" if one != ours[place]])
    names = {
        f"{ours[:place]}{letter}{ours[place + 1 :]}" if place else f"b{ours[1:]}": time,
        scheduled_name(time - timedelta(days=9)): time,
        scheduled_name(time + timedelta(hours=1)): time - timedelta(hours=2),
        scheduled_name(time, OTHER_INSTANCE): time,
        scheduled_name(time).replace("auto", "nightly"): time,
        f"by-hand-{KEY_PREFIX[:8]}-{dice.randrange(10**9)}": time,
    }
    return {
        emulator.add_backup(name, instance_id=INSTANCE_ID, begin_time=begin, with_job=False).id
        for name, begin in names.items()
    } | {
        emulator.add_backup(instance_id=INSTANCE_ID, type="auto", begin_time=time).id,
        emulator.add_backup(
            scheduled_name(time + timedelta(seconds=1)),
            instance_id=OTHER_INSTANCE,
            begin_time=time,
            with_job=False,
        ).id,
    }


def disturb(harness: Harness, ledger: PruneLedger, dice: Random) -> None:
    """Disturbs the next run."""
    emulator = harness.emulator
    emulator.list_order = dice.choice(["newest", "oldest", "shuffled"])
    emulator.deleting_seconds = dice.choice([0.0, 0.0, 600.0])
    emulator.deletion_status = dice.choice([200, 202, 204])
    emulator.gone_code = dice.choice(["DBS.201010", "DBS.201203", "DBS.200751"])
    emulator.in_use_code = dice.choice(["DBS.201208", "DBS.301024", "DBS.299999"])
    for _ in range(dice.randrange(3)):
        fault = random_fault(dice)
        if fault.kind not in {slow.kind for slow in SLOW}:
            emulator.faults.add(fault)
    if dice.random() < 0.1:
        emulator.iam.revoke_tokens()
    if dice.random() < 0.1:
        restore(harness, ledger, dice)


def restore(harness: Harness, ledger: PruneLedger, dice: Random) -> None:
    """Restores one of the schedule's backups to a new instance, which keeps it in use."""
    left = sorted(ledger.left())
    if left:
        body = {"name": "restored", "restore_point": {"backup_id": dice.choice(left)}}
        harness.emulator.faults.clear()
        HttpClient.of(harness.emulator).send("POST", "/instances", json=body)


def run_once(harness: Harness, ledger: PruneLedger, seconds: float) -> str:
    """Runs `prune` and checks it; returns how it ended."""
    invocation: Invocation = harness.invoke(PRUNE, seconds=seconds)
    return ledger.add(
        RunResult(invocation.error_name, invocation.reply, invocation.records), invocation.calls
    )


def runs_on_one_cloud(dice: Random, runs: int, found: Disturbed) -> None:
    """Disturbs so many runs on one cloud, and checks what is left once nothing does any more."""
    credentials: Credentials = dice.choice(["password", "aksk"])
    secret = RETENTION_SECRETS[credentials]
    with Harness(credentials, RETENTION_SECRET_ID=secret, **VARIABLES) as harness:
        harness.emulator.add_instance(OTHER_INSTANCE)
        ledger = PruneLedger(harness.emulator)
        ledger.add_scheduled_backups(dice, dice.choice([5, 30, 110]))
        others = add_others(harness, dice) | add_others(harness, dice)
        for _ in range(runs):
            ledger.add_scheduled_backups(dice, dice.choice([0, 1, 4]))
            disturb(harness, ledger, dice)
            run_once(harness, ledger, dice.choice([1.0, 3.0, 29.0]))
            harness.time.advance(dice.choice([1.0, 60.0, 1200.0]))
        harness.emulator.faults.clear()
        harness.emulator.deleting_seconds = 0.0
        harness.time.advance(1200)
        ledger.check_all([run_once(harness, ledger, 60.0) for _ in range(MAX_RUNS_TO_RECOVER)])
        gone = others - {backup.id for backup in harness.emulator.backups}
        found.violations += [
            *ledger.violations,
            *(f"others' backup deleted: {one}" for one in gone),
        ]
        found.outcomes.update(ledger.outcomes)
        found.deleted += len(ledger.scheduled.keys() - ledger.left())
        found.faults += sum(call.fault not in {None, "pass"} for call in harness.emulator.calls)


def disturbed_runs(runs: int, seed: int) -> Disturbed:
    """Disturbs so many runs or more, on one cloud after the other, until all outcomes were seen."""
    dice, found = random.Random(seed), Disturbed()
    while not found.violations and found.outcomes.total() < MAX_FACTOR * runs:
        if found.outcomes.total() >= runs and found.outcomes.keys() >= SHOWN:
            break
        runs_on_one_cloud(dice, RUNS_PER_CLOUD, found)
    return found


def test_nothing_goes_that_an_undisturbed_run_would_keep() -> None:
    """And once nothing disturbs any more, the backups that are left are those of the policy."""
    found = disturbed_runs(RUNS, 20261128)
    assert found.violations == []
    assert found.outcomes.total() >= RUNS
    assert set(found.outcomes) >= SHOWN
    assert found.outcomes[PRUNED] > RUNS / 3
    assert found.deleted > RUNS
    assert found.faults > RUNS / 4
