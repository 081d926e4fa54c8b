"""Under random faults and disturbances, every event gets exactly one backup."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.local_cloud.chaos.source_events import EVENT_SOURCES
from tests.local_cloud.chaos.state_machine import run_chaos

ROOT: Final = Path(__file__).resolve().parents[2]
DELIVERIES: Final = 600
SEED: Final = 20261123


def test_hundreds_of_disturbed_deliveries() -> None:
    """After the last fault each event has one backup: none is lost and none is duplicated.

    Before that, no reply or log line names the job of another backup, and no create request is
    repeated after an unknown outcome without a lookup. No backup is deleted that an undisturbed
    run of `prune` would keep.
    """
    tally = run_chaos(DELIVERIES, SEED)
    assert tally.deliveries >= DELIVERIES
    assert tally.violations == []
    assert (tally.duplicates, tally.lost) == (0, 0)
    assert tally.backups == tally.events
    assert set(tally.sources) == set(EVENT_SOURCES)
    assert sum(tally.faults.values()) > DELIVERIES / 3
    assert {"pruned", "killed", "ServiceUnavailable"} <= set(tally.prunes)
    assert tally.pruned > 100
    assert {"accepted", "killed", "OutcomeUnknown", "InstanceBusy", "Throttled"} <= set(
        tally.outcomes
    )


def test_chaos_is_a_command() -> None:
    """It prints its seed and a table, and repeats the steps of a given seed."""
    command = [sys.executable, "-m", "tests.local_cloud.chaos", "30", "7"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, check=False, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    rows = dict(re.findall(r"^(\S.*?)  +([\d.,]+)$", done.stdout, re.MULTILINE))
    assert rows["seed"] == "7"
    assert int(rows["deliveries"]) >= 30
    assert rows["events"] == rows["backups"] != "0"
    assert (rows["duplicates"], rows["lost"], rows["wrong results"]) == ("0", "0", "0")
    assert float(rows["requests per delivery"]) > 1
