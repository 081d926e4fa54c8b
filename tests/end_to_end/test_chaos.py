"""Under random faults and disturbances, every event gets exactly one backup."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.local_cloud.chaos.source_events import EVENT_SOURCES
from tests.local_cloud.chaos.state_machine import run_chaos

if TYPE_CHECKING:
    from tests.local_cloud.chaos.tally import Tally

ROOT: Final = Path(__file__).resolve().parents[2]
# `make chaos` plays more
DELIVERIES: Final = 600
MAX_DELIVERIES: Final = 3000
OUTCOMES: Final = {"accepted", "killed", "OutcomeUnknown", "InstanceBusy", "Throttled"}
PRUNES: Final = {"pruned", "killed", "ServiceUnavailable"}
SEED: Final = 20261123


def test_hundreds_of_disturbed_deliveries() -> None:
    """After the last fault each event has one backup: none is lost and none is duplicated.

    Before that, no reply or log line names the job of another backup, and no create request is
    repeated after an unknown outcome without a lookup. No backup is deleted that an undisturbed
    run of `prune` would keep.
    """
    tally = run_chaos(DELIVERIES, SEED)
    while not covers_everything(tally) and tally.deliveries < MAX_DELIVERIES:
        run_chaos(tally.deliveries + 1, SEED, tally=tally)
    assert tally.deliveries >= DELIVERIES
    assert tally.violations == []
    assert (tally.duplicates, tally.lost) == (0, 0)
    assert tally.backups == tally.events
    assert set(tally.sources) == set(EVENT_SOURCES)
    assert sum(tally.faults.values()) > DELIVERIES / 3
    assert set(tally.prunes) >= PRUNES
    assert tally.pruned > 100
    assert set(tally.outcomes) >= OUTCOMES


def covers_everything(tally: Tally) -> bool:
    """Whether chance has brought every event source and every kind of outcome so far."""
    return (
        set(tally.sources) == set(EVENT_SOURCES)
        and set(tally.outcomes) >= OUTCOMES
        and set(tally.prunes) >= PRUNES
        and tally.pruned > 100
    )


def test_chaos_is_a_command() -> None:
    """It prints its seed and a table, and repeats the steps of a given seed."""
    done = subprocess.run(
        ["/usr/bin/env", "make", "-o", ".venv/.installed", "chaos", "N=30 7"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    rows = dict(re.findall(r"^(\S.*?)  +([\d.,]+)$", done.stdout, re.MULTILINE))
    assert rows["seed"] == "7"
    assert int(rows["deliveries"]) >= 30
    assert rows["events"] == rows["backups"] != "0"
    assert (rows["duplicates"], rows["lost"], rows["wrong results"]) == ("0", "0", "0")
    assert float(rows["requests per delivery"]) > 1
