from __future__ import annotations

import pytest

from tests.stack.translation import ROOT

RUNBOOK = ROOT / "docs/runbook.md"


def test_the_costs_add_up() -> None:
    """The last row is the sum of the rows above, to a cent of rounding."""
    text = RUNBOOK.read_text(encoding="utf-8").partition("## Costs")[2]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")][2:]
    for column in (2, 3, 4):
        *parts, total = (float(row[column].strip(" *")) for row in rows)
        assert sum(parts) == pytest.approx(total, abs=0.02)
