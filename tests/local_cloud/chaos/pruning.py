"""Runs of `prune` during chaos, checked against what an undisturbed run would delete."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

from gaussdb_backup.actions.retention import Verdict, plan_retention
from gaussdb_backup.gaussdb.models import Backup
from tests.local_cloud.chaos.ledger import FAILURES, KILLED, is_unknown_outcome
from tests.local_cloud.local_cloud import INSTANCE_ID
from tests.local_cloud.scheduled_backups import policy, scheduled_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    from tests.local_cloud.emulator import Call, Emulator

COUNTS: Final = {"last": 1, "daily": 4, "weekly": 3, "monthly": 2}
PRUNE: Final = {"action": "prune", "instance_id": INSTANCE_ID, "max_deletions": 1000}
PRUNED: Final = "pruned"
OUTCOMES: Final = FAILURES | {PRUNED, KILLED, "InstanceNotFound"}
ACCEPTED_STATUSES: Final = frozenset({200, 202, 204})
REFUSED_TOKEN_CODES: Final = frozenset({"APIGW.0301", "APIGW.0307", "DBS.280056"})


class Result(Protocol):
    """What an invocation came to: the name of its error or its reply, and its log."""

    @property
    def error(self) -> str | None:
        """The name of its error."""

    @property
    def reply(self) -> Any:
        """Its reply."""

    @property
    def records(self) -> list[dict[str, Any]]:
        """Its log lines."""


@dataclass(slots=True)
class PruneLedger:
    """All runs of `prune` in one cloud, and the backups of the schedule there.

    Attributes:
        scheduled: every backup that the schedule ever made, by its ID, as the service lists it.
        outcomes: how the runs ended.
        requests: how many requests they sent to the database service.
        violations: descriptions of everything that must not happen.
    """

    emulator: Emulator
    scheduled: dict[str, Backup] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    violations: list[str] = field(default_factory=list)

    def add_scheduled_backups(self, random: Random, number: int) -> None:
        """Adds backups of the schedule, which began within the last weeks."""
        now = self.emulator.clock.now().replace(microsecond=0)
        for _ in range(number):
            time = now - timedelta(days=random.randrange(60), seconds=random.randrange(86400))
            kind = random.random()
            backup = self.emulator.add_backup(
                scheduled_name(time),
                instance_id=INSTANCE_ID,
                status="FAILED" if kind < 0.2 else "COMPLETED",
                begin_time=time,
                size=0.0 if kind < 0.25 else 2048.0,
                with_job=False,
            )
            self.scheduled[backup.id] = Backup(
                id=backup.id,
                name=backup.name,
                status=backup.status,
                type=backup.type,
                instance_id=backup.instance_id,
                size=backup.size,
                begin_time=f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S+0000}",
            )

    def deletable(self) -> set[str]:
        """The IDs of the backups that an undisturbed run would delete, or has deleted."""
        now = datetime.fromtimestamp(self.emulator.clock.now().timestamp(), UTC)
        plan = plan_retention(self.scheduled.values(), policy(**COUNTS), INSTANCE_ID, now)
        return {backup.id or "" for backup in plan.of(Verdict.SELECTED)}

    def left(self) -> set[str]:
        """The IDs of the schedule's backups that are still there."""
        return {backup.id for backup in self.emulator.backups} & self.scheduled.keys()

    def add(self, result: Result | None, calls: Sequence[Call]) -> str:
        """Adds a run and checks it; returns how it ended.

        Args:
            result: the result of the invocation; None if the process was killed.
            calls: the requests of the invocation.
        """
        outcome = _outcome(result)
        self.outcomes[outcome] += 1
        self.requests += sum(call.service == "gaussdb" for call in calls)
        found = [*self._wrong_deletions(calls), *_wrong_results(result, outcome, calls)]
        self.violations += [f"prune, {outcome}: {violation}" for violation in found]
        return outcome

    def _wrong_deletions(self, calls: Sequence[Call]) -> Iterator[str]:
        deletions = [call for call in calls if call.method == "DELETE"]
        for call in deletions:
            if _target(call) not in self.deletable():
                yield f"a backup that an undisturbed run keeps was to be deleted: {call.path}"
        judged = [call for call in deletions if call.error_code not in REFUSED_TOKEN_CODES]
        if any(number > 1 for number in Counter(map(_target, judged)).values()):
            yield "a deletion was repeated"
        if any(_ends_run(call) for call in judged[:-1]):
            shown = [(call.status, call.error_code, call.fault) for call in judged]
            yield f"a deletion followed one with an unknown outcome, or a 429: {shown}"

    def check_all(self, outcomes: Sequence[str]) -> None:
        """Checks what is left after the last fault.

        Args:
            outcomes: how the runs after the last fault ended.
        """
        if outcomes[-1] != PRUNED:
            self.violations.append(f"prune: no success after the last fault: {outcomes}")
        expected = self.scheduled.keys() - self.deletable()
        if self.left() != expected:
            wrong = self.left() ^ expected
            self.violations.append(f"prune: not the backups of the policy are left: {wrong}")


def _outcome(result: Result | None) -> str:
    if result is None:
        return KILLED
    return result.error or str(result.reply["outcome"])


def _wrong_results(result: Result | None, outcome: str, calls: Sequence[Call]) -> Iterator[str]:
    """What is wrong in the log or the reply of a run."""
    if outcome not in OUTCOMES and not any(call.fault == "cut" for call in calls):
        yield "a valid run ends with an error of invalid ones"
    if result is None:
        return
    messages = [record["message"] for record in result.records]
    last = "prune finished" if result.error is None else "prune failed"
    if messages[-1:] != [last] or "backup failed" in messages:
        yield f"the log does not fit: {messages}"
    if result.error is None:
        yield from _wrong_reply(result.reply, calls)


def _wrong_reply(reply: Any, calls: Sequence[Call]) -> Iterator[str]:
    accepted = {
        _target(call)
        for call in calls
        if call.method == "DELETE" and call.status in ACCEPTED_STATUSES
    }
    if not set(reply["deleted"]) <= accepted:
        yield "a backup counts as deleted whose deletion was not accepted"
    shown = {backup["id"] for backup in reply["selected"]}
    failed = {backup["id"] for backup in reply["failed"]}
    if not set(reply["deleted"]) | failed <= shown or failed & set(reply["deleted"]):
        yield "the parts of the reply do not agree"


def _target(call: Call) -> str:
    return call.path.rpartition("/")[2]


def _ends_run(call: Call) -> bool:
    """Whether nothing more may be deleted after this response."""
    # a response without a body cannot be truncated
    if call.status in ACCEPTED_STATUSES and (call.fault != "truncated" or call.status == 204):
        return False
    return is_unknown_outcome(call) or call.status in {408, 425, 429}
