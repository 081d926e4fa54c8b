"""What was delivered and what came of it, held against what the cloud knows to be true."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.local_cloud.chaos_events import Happening
    from tests.local_cloud.emulator import Backup, Call, Emulator

MAX_DELIVERIES: Final = 8
KILLED: Final = "killed"
ACCEPTED: Final = "accepted"
# A message of a FIFO queue behind one that failed: it was not looked at, and comes again.
HELD_BACK: Final = "held back"
# How a delivery of a good event may end while there are faults; its name is its own, and no bug.
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
# The failures that leave it open whether a backup was made, or say that one was.
NOT_DENIED: Final = frozenset({"BackupFailed", "OutcomeUnknown"})


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of one event, and how it ended.

    Attributes:
        happening: the event.
        ended: `ACCEPTED`, `KILLED`, `HELD_BACK`, or the error's name, as the log has it.
        record: the line in the log; empty if there is none.
        answered: how it ended as the caller was told.
        replied: the job ID in the reply; the log's where the door shows none.
        calls: what its execution environment asked of the cloud meanwhile.
        shared: another delivery of the same event went through the same invocation.
    """

    happening: Happening
    ended: str
    record: dict[str, Any]
    answered: str
    replied: str | None
    calls: Sequence[Call]
    shared: bool = False


@dataclass(slots=True)
class Ledger:
    """All deliveries to one cloud.

    Attributes:
        deliveries: in the order of their ends.
        violations: what must not have happened, in words.
        deleted: how many backups of each event an operator has deleted.
        duplicates: backups beyond the one of an event.
        lost: events without a backup, or without success within eight deliveries.
    """

    emulator: Emulator
    deliveries: list[Delivery] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    deleted: Counter[int] = field(default_factory=Counter)
    duplicates: int = 0
    lost: int = 0

    def enter(self, delivery: Delivery) -> None:
        """Enters one delivery, and what is wrong with it at once."""
        self.deliveries.append(delivery)
        for fault in self._faults_of(delivery):
            shown = f"{delivery.ended} {delivery.record}"
            self.violations.append(f"{delivery.happening}: {fault}: {shown}")

    def _faults_of(self, delivery: Delivery) -> Iterator[str]:
        if delivery.answered != delivery.ended and not delivery.shared:
            yield f"the log says otherwise than the answer: {delivery.answered}"
        if delivery.ended == ACCEPTED:
            yield from self._untruths(delivery)
        elif delivery.ended not in FAILURES | {KILLED, HELD_BACK} and not lost_its_reason(delivery):
            yield "an event that is good and its own ends as if it were not"
        if not delivery.shared and repeats_blindly(delivery.calls, delivery.happening):
            yield "asked again after an open outcome without a look at the list"

    def _untruths(self, delivery: Delivery) -> Iterator[str]:
        """What a success says that is not so."""
        record = delivery.record
        found = [one for one in self.emulator.backups if one.id == record["backup_id"]]
        if not found or not delivery.happening.made(found[0]):
            yield "another event's backup is shown as its own"
            return
        [backup] = found
        job_id = record.get("job_id")
        if delivery.replied != job_id and not delivery.shared:
            yield "reply and log differ"
        if job_id is None and record.get("job_lookup") not in {"none", "ambiguous", "failed"}:
            yield "nothing says why there is no job ID"
        if job_id not in {None, backup.job_id}:
            yield f"the job is another's: the backup's own is {backup.job_id}"

    def close(self, happenings: Iterable[Happening], rounds: dict[int, int]) -> None:
        """Looks at the whole, once everything has landed.

        Args:
            happenings: all events.
            rounds: for each, how many deliveries it took to end well after the faults.
        """
        backups = self.emulator.backups
        known = list(happenings)
        for one in known:
            self._close(one, [backup for backup in backups if one.made(backup)])
            if rounds.get(one.number, MAX_DELIVERIES + 1) > MAX_DELIVERIES:
                self.lost += 1
                self.violations.append(f"{one}: no success within {MAX_DELIVERIES} deliveries")
        for delivery in self.deliveries:
            if denies_its_own(delivery) and not self.deleted[delivery.happening.number]:
                shown = f"{delivery.ended} {delivery.record}"
                self.violations.append(
                    f"{delivery.happening}: its request was accepted, and it says: {shown}"
                )

    def _close(self, happening: Happening, own: Sequence[Backup]) -> None:
        creates = self.emulator.calls_of("CreateManualBackup")
        accepted = sum(call.done == 202 and asks_for(call, happening) for call in creates)
        made = accepted - self.deleted[happening.number]
        if len(own) > 1 or made > 1:
            self.duplicates += max(len(own), made) - 1
            self.violations.append(f"{happening}: {len(own)} backups, {accepted} accepted requests")
        if not own:
            self.lost += 1
            self.violations.append(f"{happening}: no backup")


def asks_for(call: Call, happening: Happening) -> bool:
    """Whether a call is a request to create the backup of an event."""
    body = call.body if isinstance(call.body, dict) else {}
    return call.operation == "CreateManualBackup" and happening.owns(
        body.get("name"), body.get("description")
    )


def repeats_blindly(calls: Iterable[Call], happening: Happening) -> bool:
    """Whether a create request followed one with an open outcome, and no list was read between."""
    is_open = False
    for call in calls:
        if call.operation == "ListBackups" and call.status == 200:
            is_open = False
        if asks_for(call, happening):
            if is_open:
                return True
            is_open = left_open(call)
    return False


def left_open(call: Call) -> bool:
    """Whether the answer to a create request leaves it open if it was accepted.

    A refusal is believed by its status, in whatever state its body arrives, but it has to arrive.
    """
    if call.status is None or call.fault == "truncated":
        return True
    return call.status < 400 or call.status >= 500


def lost_its_reason(delivery: Delivery) -> bool:
    """Whether a refusal counts by its status alone, as the contract says: its code was cut off."""
    return delivery.ended == "RequestRejected" and any(
        call.fault == "cut" and call.status == 400 for call in delivery.calls
    )


def denies_its_own(delivery: Delivery) -> bool:
    """Whether a delivery ended as if nothing had been made, though its own request was accepted."""
    if delivery.ended in {ACCEPTED, KILLED, *NOT_DENIED} or delivery.shared:
        return False
    return any(call.done == 202 and asks_for(call, delivery.happening) for call in delivery.calls)
