"""Whatever fails, in whatever order: exactly one backup per event, and no wrong answer."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.local_cloud.chaos import run
from tests.local_cloud.chaos_events import DOORS

ROOT: Final = Path(__file__).resolve().parents[2]
DELIVERIES: Final = 600
SEED: Final = 20261123


def test_hundreds_of_disturbed_deliveries() -> None:
    """Once the faults end, each event has one backup; none was lost, none made twice.

    On the way no reply or log line named another's job, and no create request was repeated after
    an open outcome without a look at the list.
    """
    tally = run(DELIVERIES, SEED)
    assert tally.deliveries >= DELIVERIES
    assert tally.violations == []
    assert (tally.duplicates, tally.lost) == (0, 0)
    assert tally.backups == tally.events
    assert set(tally.doors) == set(DOORS)
    assert sum(tally.faults.values()) > DELIVERIES / 3
    assert {"accepted", "killed", "OutcomeUnknown", "InstanceBusy", "Throttled"} <= set(tally.ends)


def test_chaos_is_a_command() -> None:
    """It prints its seed and a table, and takes the seed to make the same sequence again."""
    command = [sys.executable, "-m", "tests.local_cloud.chaos", "30", "7"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, check=False, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    rows = dict(re.findall(r"^(\S.*?)  +([\d.,]+)$", done.stdout, re.MULTILINE))
    assert rows["seed"] == "7"
    assert int(rows["deliveries"]) >= 30
    assert rows["events"] == rows["backups"] != "0"
    assert (rows["duplicates"], rows["lost"], rows["wrong answers"]) == ("0", "0", "0")
    assert float(rows["requests per delivery"]) > 1
