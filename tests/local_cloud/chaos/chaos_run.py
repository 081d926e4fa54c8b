"""One run: a cloud, execution environments of the function, events, and their deliveries."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import requests

from tests.local_cloud.chaos.credential_ledger import CredentialLedger, Use, credentials_of
from tests.local_cloud.chaos.ledger import ACCEPTED, MAX_DELIVERIES, Delivery, Ledger
from tests.local_cloud.chaos.pruning import PRUNE, PRUNED, PruneLedger
from tests.local_cloud.chaos.results import deliveries_of
from tests.local_cloud.chaos.source_events import SourceEvent, batch
from tests.local_cloud.console import delete_backup
from tests.local_cloud.emulator import Fault
from tests.local_cloud.execution_environment import EnvironmentDied
from tests.local_cloud.local_cloud import CREDENTIALS_SECRETS, INSTANCE_ID, LocalCloud

if TYPE_CHECKING:
    from tests.local_cloud.chaos.tally import Tally
    from tests.local_cloud.chaos.worker import Worker
    from tests.local_cloud.emulator import Call
    from tests.local_cloud.emulator.request import Request
    from tests.local_cloud.execution_environment import ForkServer, InvocationResult
    from tests.local_cloud.secrets_extension import SecretsExtension

# The result of an invocation, None if its process was killed, and the requests that it sent.
InvocationCalls = tuple["InvocationResult | None", "list[Call]"]

INSTANCES: Final = (INSTANCE_ID, *(f"{number:032x}in14" for number in range(2)))
SPEEDUP: Final = 200.0
MAX_TIME_LIMIT: Final = 29.0
# A refused log-in stands for 15 minutes, and a worker's clock may be minutes off.
REFUSAL_STANDS_SECONDS: Final = 20 * 60.0


class ChaosRun:
    """One cloud with everything that happens to it.

    Args:
        fork_server: starts the execution environments.

    Attributes:
        workers: the execution environments.
        events: the events so far.
        ledger: the deliveries so far.
        prunes: the runs of `prune` so far.
        credential_ledger: the log-ins and signatures so far.
        disturbances: how many disturbances of each kind occurred.
    """

    def __init__(self, fork_server: ForkServer) -> None:
        self._fork_server = fork_server
        self.cloud = LocalCloud()
        self.cloud.__enter__()
        self.emulator = self.cloud.emulator
        self.ledger = Ledger(self.emulator)
        self.prunes = PruneLedger(self.emulator)
        self.workers: list[Worker] = []
        self.events: list[SourceEvent] = []
        self.disturbances: Counter[str] = Counter()
        self.credential_ledger = CredentialLedger()
        self._senders: list[Worker | None] = []
        self._credentials: list[str | None] = []
        self._ahead = 0.0
        self._refused_until = 0.0
        self.emulator.faults.script([self._sender_recorder()])

    def _sender_recorder(self) -> Fault:
        """A fault that never matches, but sees each request and records the sender."""

        def record(request: Request) -> bool:
            senders = (worker for worker in self.workers if worker.is_sender(request))
            self._senders.append(next(senders, None))
            self._credentials.append(credentials_of(request))
            return False

        return Fault(where=record)

    def now(self) -> float:
        """The cloud's time in seconds since 1970."""
        return time.time() + self._ahead

    def wait(self, seconds: float) -> None:
        """Lets time pass for the cloud and the workers."""
        self._ahead += seconds
        self.emulator.clock.advance(seconds)

    def recover(self, seconds: float) -> None:
        """Lets time pass, after which no other operation runs on the instances."""
        self.wait(seconds)
        for instance in self.emulator.instances:
            if instance.status != "BACKING UP":
                instance.status = "ACTIVE"

    def refuse_connections(self, seconds: float) -> None:
        """Lets the database service refuse connections for `seconds` of real time."""
        self._refused_until = time.monotonic() + seconds
        self.emulator.refuse_connections(seconds)

    def drop_connections(self) -> None:
        """Drops all connections."""
        self.credential_ledger.drops.append(self.emulator.clock.now())
        self.emulator.drop_connections()

    def clear_faults(self) -> None:
        """Removes all pending faults."""
        self.emulator.faults.script([self._sender_recorder()])

    def add_other_backups(self, number: int) -> None:
        """Adds backups that belong to no event."""
        for _ in range(number):
            self.emulator.add_backup(instance_id=INSTANCE_ID)

    def add_urgent_fault(self, fault: Fault) -> None:
        """Puts a fault before all pending ones."""
        pending = self.emulator.faults.waiting[1:]
        self.emulator.faults.script([self._sender_recorder(), fault, *pending])

    def fail_backup(self, event: SourceEvent) -> None:
        """Lets the event's backup fail, if it is still being built."""
        for backup in self.emulator.backups:
            if event.owns_backup(backup) and backup.status == "BUILDING":
                self.emulator.fail_backup(backup.name)

    def delete_backup(self, event: SourceEvent) -> None:
        """Deletes the event's backup, if it is complete; faults do not affect the deletion."""
        complete = [
            backup
            for backup in self.emulator.backups
            if event.owns_backup(backup) and backup.status == "COMPLETED"
        ]
        pending = self.emulator.faults.waiting
        self.emulator.faults.script(pending[:1])
        for backup in complete:
            # while connections are refused, the operator cannot delete
            with contextlib.suppress(requests.ConnectionError):
                delete_backup(self.emulator, backup)
                self.ledger.deleted[event.number] += 1
        self.emulator.faults.script(pending)

    def deliver(self, events: list[SourceEvent], worker: Worker, seconds: float) -> list[Delivery]:
        """Delivers events in one invocation and adds the deliveries to the ledger."""
        return self.add_deliveries(self.invoke(events, worker, seconds))

    def add_deliveries(self, deliveries: list[Delivery]) -> list[Delivery]:
        """Adds deliveries to the ledger."""
        for delivery in deliveries:
            self.ledger.add(delivery)
        return deliveries

    def invoke(self, events: list[SourceEvent], worker: Worker, seconds: float) -> list[Delivery]:
        """Invokes the function once, in a new process if the worker has none.

        Args:
            events: one event, or the events of a batch.
            worker: the execution environment.
            seconds: the time limit that Lambda sets.
        """
        envelope = events[0].envelope(self.now()) if len(events) == 1 else batch(events)
        result, calls = self._invoke(envelope, worker, seconds, events[0].request_id)
        return deliveries_of(events, result, calls)

    def invoke_prune(self, worker: Worker, seconds: float) -> InvocationCalls:
        """Runs `prune` once, without a check."""
        return self._invoke(PRUNE, worker, seconds, None)

    def prune(self, worker: Worker, seconds: float) -> str:
        """Runs `prune` once and checks it; returns how it ended."""
        result, calls = self.invoke_prune(worker, seconds)
        return self.prunes.add(result, calls)

    def _invoke(
        self, envelope: Any, worker: Worker, seconds: float, request_id: str | None
    ) -> InvocationCalls:
        """The result of one invocation, and the requests that it sent."""
        if worker.environment is None:
            worker.environment = self._fork_server.start(worker.variables)
            worker.starts += 1
            worker.forget_failures()
        environment = (worker.name, worker.starts)
        seen = len(self._senders)
        try:
            result = worker.environment.invoke(
                envelope,
                seconds=seconds,
                request_id=request_id,
                clock_offset=self._ahead + worker.clock_offset,
                speedup=SPEEDUP,
            )
        except EnvironmentDied:
            worker.close()
            result = None
        calls = self.emulator.calls[seen:]
        senders = self._senders[seen : seen + len(calls)]
        own = [call for call, sender in zip(calls, senders, strict=True) if sender is worker]
        credentials = self._credentials[seen : seen + len(calls)]
        uses = [
            Use(call, carried)
            for call, sender, carried in zip(calls, senders, credentials, strict=True)
            if sender is worker and carried is not None
        ]
        self.credential_ledger.add_invocation(environment, uses)
        return result, own

    def finish(self, tally: Tally) -> None:
        """Ends the faults, delivers every event until it succeeds, and checks the ledger."""
        self._end_faults()
        self._prune_until_success()
        rounds = self._deliver_until_success()
        self.ledger.check_all(self.events, rounds)
        self.ledger.violations += self._lock_out_violations()
        needed = max(rounds.values(), default=MAX_DELIVERIES + 1)
        tally.add_ledger(self.ledger, self.events, needed)
        senders = zip(self.emulator.calls, self._senders, strict=True)
        tally.add_calls([call for call, sender in senders if sender])
        tally.faults.update(self.disturbances)
        tally.add_prunes(self.prunes)

    def _end_faults(self) -> None:
        """Removes all faults and lets everything that is under way finish."""
        self.clear_faults()
        self.emulator.list_lag = 0.0
        self.emulator.backup_seconds = 0.0
        self.emulator.jobs_show_backups = True
        _clear_responses(self.cloud.secrets)
        time.sleep(max(0.0, self._refused_until + 0.05 - time.monotonic()))
        for worker in self.workers:
            if worker.is_broken:
                worker.rotate_credentials()
        self.recover(REFUSAL_STANDS_SECONDS)

    def _lock_out_violations(self) -> list[str]:
        iam = self.emulator.iam
        wrong = self.credential_ledger.wrong_log_ins()
        locked = [f"{iam.lock_outs} accounts were locked: {wrong}"] if iam.lock_outs else []
        blocked = [f"{iam.blocked_keys} access keys were blocked"] if iam.blocked_keys else []
        return [*locked, *blocked, *self.credential_ledger.violations]

    def _prune_until_success(self) -> None:
        """Prunes until a run succeeds, and checks what is left."""
        outcomes: list[str] = []
        for number in range(MAX_DELIVERIES):
            outcomes.append(self.prune(self.workers[number % len(self.workers)], MAX_TIME_LIMIT))
            self.wait(1.0)
            if outcomes[-1] == PRUNED:
                break
        self.prunes.check_all(outcomes)

    def _deliver_until_success(self) -> dict[int, int]:
        """Delivers every event until it succeeds; returns the number of deliveries of each."""
        rounds: dict[int, int] = {}
        for number in range(1, MAX_DELIVERIES + 1):
            for event in self.events:
                if event.number not in rounds:
                    worker = self.workers[(event.number + number) % len(self.workers)]
                    [delivery] = self.deliver([event], worker, MAX_TIME_LIMIT)
                    self.wait(1.0)
                    if self._is_finished(delivery):
                        rounds[event.number] = number
        return rounds

    def _is_finished(self, delivery: Delivery) -> bool:
        """Whether an event needs no more deliveries. Without faults its job ID is known too."""
        if delivery.outcome == "BackupFailed":
            own = [one for one in self.emulator.backups if delivery.event.owns_backup(one)]
            return [one.status for one in own] == ["FAILED"]
        return delivery.outcome == ACCEPTED and delivery.record.get("job_lookup") != "failed"

    def close(self) -> None:
        """Ends all processes and the cloud."""
        for worker in self.workers:
            worker.close()
        self.cloud.__exit__(None, None, None)


def _clear_responses(extension: SecretsExtension) -> None:
    """Uses up the scripted responses of the secrets extension."""
    is_secret = False
    while not is_secret:
        with contextlib.suppress(requests.ConnectionError):
            response = requests.get(
                f"http://127.0.0.1:{extension.port}/secretsmanager/get",
                params={"secretId": CREDENTIALS_SECRETS["aksk"]},
                headers={"X-Aws-Parameters-Secrets-Token": extension.session_token},
                timeout=5,
            )
            is_secret = response.headers["Content-Type"] == "application/json"
