"""All deliveries of a run, checked against the state of the cloud."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.local_cloud.chaos.source_events import SourceEvent
    from tests.local_cloud.emulator import Backup, Call, Emulator

MAX_DELIVERIES: Final = 8
KILLED: Final = "killed"
ACCEPTED: Final = "accepted"
# A message of a FIFO queue behind one that failed: it is not processed but delivered again.
SKIPPED: Final = "skipped"
# The errors with which a delivery of a valid event may end during faults.
FAILURES: Final = frozenset(
    {
        "BackupFailed",
        "CredentialsRejected",
        "InstanceBusy",
        "InstanceNotReady",
        "OutcomeUnknown",
        "PermissionDenied",
        "SecretUnavailable",
        "ServiceUnavailable",
        "Throttled",
    }
)
# The errors after which the event may have a backup.
MAY_HAVE_BACKUP: Final = frozenset({"BackupFailed", "OutcomeUnknown"})


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of one event, and its outcome.

    Attributes:
        event: the event.
        outcome: `ACCEPTED`, `KILLED`, `SKIPPED` or the error's name, according to the log.
        record: the log line; empty if there is none.
        reply_outcome: the outcome according to the reply.
        reply_job_id: the job ID in the reply; in the log if the event source has none in its reply.
        calls: the requests of its execution environment meanwhile.
        shared: whether the same invocation had another delivery of the same event.
    """

    event: SourceEvent
    outcome: str
    record: dict[str, Any]
    reply_outcome: str
    reply_job_id: str | None
    calls: Sequence[Call]
    shared: bool = False


@dataclass(slots=True)
class Ledger:
    """All deliveries to one cloud.

    Attributes:
        deliveries: in the order in which they ended.
        violations: descriptions of everything that must not happen.
        deleted: how many backups of each event an operator deleted.
        duplicates: how many backups exceed one per event.
        lost: how many events have no backup, or no success within `MAX_DELIVERIES`.
    """

    emulator: Emulator
    deliveries: list[Delivery] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    deleted: Counter[int] = field(default_factory=Counter)
    duplicates: int = 0
    lost: int = 0

    def add(self, delivery: Delivery) -> None:
        """Adds a delivery and checks it by itself."""
        self.deliveries.append(delivery)
        for violation in self._violations_of(delivery):
            shown = f"{delivery.outcome} {delivery.record}"
            self.violations.append(f"{delivery.event}: {violation}: {shown}")

    def _violations_of(self, delivery: Delivery) -> Iterator[str]:
        if delivery.reply_outcome != delivery.outcome and not delivery.shared:
            yield f"the log differs from the reply: {delivery.reply_outcome}"
        if delivery.outcome == ACCEPTED:
            yield from self._false_statements(delivery)
        elif delivery.outcome not in FAILURES | {KILLED, SKIPPED} and not lost_error_code(delivery):
            yield "a valid event ends with an error of invalid events"
        if not delivery.shared and repeats_without_lookup(delivery.calls, delivery.event):
            yield "a create request was repeated after an unknown outcome without a lookup"

    def _false_statements(self, delivery: Delivery) -> Iterator[str]:
        """What is wrong in the log line or reply of a success."""
        record = delivery.record
        found = [one for one in self.emulator.backups if one.id == record["backup_id"]]
        if not found or not delivery.event.owns_backup(found[0]):
            yield "the backup belongs to another event"
            return
        [backup] = found
        job_id = record.get("job_id")
        if delivery.reply_job_id != job_id and not delivery.shared:
            yield "the job IDs of reply and log differ"
        if job_id is None and record.get("job_lookup") not in {"none", "ambiguous", "failed"}:
            yield "there is neither a job ID nor a reason for its absence"
        if job_id not in {None, backup.job_id}:
            yield f"the job is of another backup, the right one is {backup.job_id}"

    def check_all(self, events: Iterable[SourceEvent], rounds: dict[int, int]) -> None:
        """Checks all events at the end of the run.

        Args:
            events: all events.
            rounds: for each event, how many deliveries it needed after the last fault.
        """
        backups = self.emulator.backups
        all_events = list(events)
        for one in all_events:
            self._check_event(one, [backup for backup in backups if one.owns_backup(backup)])
            if rounds.get(one.number, MAX_DELIVERIES + 1) > MAX_DELIVERIES:
                self.lost += 1
                self.violations.append(f"{one}: no success within {MAX_DELIVERIES} deliveries")
        for delivery in self.deliveries:
            if denies_own_backup(delivery) and not self.deleted[delivery.event.number]:
                shown = f"{delivery.outcome} {delivery.record}"
                self.violations.append(
                    f"{delivery.event}: its request was accepted, but it reports: {shown}"
                )

    def _check_event(self, event: SourceEvent, own_backups: Sequence[Backup]) -> None:
        creates = self.emulator.calls_of("CreateManualBackup")
        accepted = sum(call.done == 202 and asks_for(call, event) for call in creates)
        created = accepted - self.deleted[event.number]
        if len(own_backups) > 1 or created > 1:
            self.duplicates += max(len(own_backups), created) - 1
            self.violations.append(
                f"{event}: {len(own_backups)} backups, {accepted} accepted requests"
            )
        if not own_backups:
            self.lost += 1
            self.violations.append(f"{event}: no backup")


def asks_for(call: Call, event: SourceEvent) -> bool:
    """Whether a call is a create request for an event."""
    body = call.body if isinstance(call.body, dict) else {}
    return call.operation == "CreateManualBackup" and event.owns(
        body.get("name"), body.get("description")
    )


def repeats_without_lookup(calls: Iterable[Call], event: SourceEvent) -> bool:
    """Whether a create request followed one with an unknown outcome without a lookup between."""
    is_unknown = False
    for call in calls:
        if call.operation == "ListBackups" and call.status == 200:
            is_unknown = False
        if asks_for(call, event):
            if is_unknown:
                return True
            is_unknown = is_unknown_outcome(call)
    return False


def is_unknown_outcome(call: Call) -> bool:
    """Whether the response to a create request leaves it open if the backup was accepted.

    A 4xx is a definite rejection even if its body is damaged, provided that it arrives.
    """
    if call.status is None or call.fault == "truncated":
        return True
    return call.status < 400 or call.status >= 500


def lost_error_code(delivery: Delivery) -> bool:
    """Whether a 400 was mapped by its status, because the fault cut off its error code."""
    return delivery.outcome == "RequestRejected" and any(
        call.fault == "cut" and call.status == 400 for call in delivery.calls
    )


def denies_own_backup(delivery: Delivery) -> bool:
    """Whether a delivery reports that no backup exists, although its request was accepted."""
    if delivery.outcome in {ACCEPTED, KILLED, *MAY_HAVE_BACKUP} or delivery.shared:
        return False
    return any(call.done == 202 and asks_for(call, delivery.event) for call in delivery.calls)
