"""The counts of all runs, and the table of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from tests.local_cloud.chaos.ledger import Ledger
    from tests.local_cloud.chaos.pruning import PruneLedger
    from tests.local_cloud.chaos.source_events import SourceEvent
    from tests.local_cloud.emulator import Call


@dataclass
class Tally:
    """The counts of all runs so far.

    Attributes:
        outcomes: how many deliveries ended in which way.
        sources: how many deliveries came from which event source.
        faults: how many faults and disturbances of each kind occurred.
        max_deliveries_to_recover: the most deliveries that an event needed after the last fault.
        prunes: how many runs of `prune` ended in which way.
        pruned: how many backups of the schedule they deleted.
        violations: descriptions of everything that must not happen.
    """

    deliveries: int = 0
    runs: int = 0
    events: int = 0
    backups: int = 0
    duplicates: int = 0
    lost: int = 0
    requests: int = 0
    max_deliveries_to_recover: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    prunes: Counter[str] = field(default_factory=Counter)
    pruned: int = 0
    violations: list[str] = field(default_factory=list)

    def add_ledger(self, ledger: Ledger, events: Collection[SourceEvent], needed: int) -> None:
        """Adds the result of one run.

        Args:
            ledger: the deliveries of the run.
            events: its events.
            needed: the most deliveries that an event needed after the last fault.
        """
        self.runs += 1
        self.deliveries += len(ledger.deliveries)
        self.events += len(events)
        self.backups += sum(
            any(event.owns_backup(backup) for event in events) for backup in ledger.emulator.backups
        )
        self.duplicates += ledger.duplicates
        self.lost += ledger.lost
        self.violations += ledger.violations
        self.max_deliveries_to_recover = max(self.max_deliveries_to_recover, needed)
        self.outcomes.update(delivery.outcome for delivery in ledger.deliveries)
        self.sources.update(delivery.event.source for delivery in ledger.deliveries)

    def add_prunes(self, ledger: PruneLedger) -> None:
        """Adds the runs of `prune` of one run."""
        self.prunes.update(ledger.outcomes)
        self.pruned += len(ledger.scheduled.keys() - ledger.left())
        self.violations += ledger.violations
        self.requests -= ledger.requests  # "per delivery" is of the creates

    def add_calls(self, calls: Collection[Call]) -> None:
        """Adds the function's requests and the faults that they met."""
        self.requests += sum(call.service == "gaussdb" for call in calls)
        self.faults.update(_fault_name(call) for call in calls if call.fault not in {None, "pass"})

    def table(self) -> str:
        """The counts, one per line."""
        rows = [
            ("deliveries", self.deliveries),
            *((f"  ended as {name}", number) for name, number in self.outcomes.most_common()),
            *((f"  by {name}", number) for name, number in self.sources.most_common()),
            ("runs of prune", self.prunes.total()),
            *((f"  ended as {name}", number) for name, number in self.prunes.most_common()),
            ("backups that they deleted", self.pruned),
            ("faults", sum(self.faults.values())),
            *((f"  {name}", number) for name, number in self.faults.most_common()),
            ("runs, each with its own cloud", self.runs),
            ("events", self.events),
            ("backups", self.backups),
            ("duplicates", self.duplicates),
            ("lost", self.lost),
            ("wrong results", len(self.violations)),
            ("most deliveries needed after the last fault", self.max_deliveries_to_recover),
        ]
        lines = [f"{name:48} {number:9,}" for name, number in rows]
        per_delivery = self.requests / max(1, self.deliveries)
        return "\n".join([*lines, f"{'requests per delivery':48} {per_delivery:9.2f}"])


def _fault_name(call: Call) -> str:
    return f"{call.fault}" if call.fault != "status" else f"status {call.status}"
