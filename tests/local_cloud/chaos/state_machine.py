"""The rules of the chaos test, as a Hypothesis state machine.

Hypothesis chooses the order of the steps, and a seed for the details of each step.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ClassVar, Final

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from tests.local_cloud.chaos.chaos_run import INSTANCES, ChaosRun
from tests.local_cloud.chaos.disturbances import disturb
from tests.local_cloud.chaos.odd_lists import make_lists_documented, make_lists_odd
from tests.local_cloud.chaos.random_faults import random_fault
from tests.local_cloud.chaos.source_events import (
    EVENT_SOURCES,
    FIXED_INSTANCES,
    SourceEvent,
    whole_second,
)
from tests.local_cloud.chaos.tally import Tally
from tests.local_cloud.chaos.worker import Worker
from tests.local_cloud.execution_environment import ForkServer
from tests.local_cloud.lambda_runtime import SOURCES

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

WORKERS: Final = 3
RUNS_PER_SEED: Final = 5
STEPS: Final = 40
# The probabilities that a delivery meets a new fault or disturbance, besides the rules for them.
FAULT_PROBABILITY: Final = 0.4
DISTURBANCE_PROBABILITY: Final = 0.15
RANDOM: Final = st.randoms(use_true_random=True)


class Chaos(RuleBasedStateMachine):
    """The steps of one run, and the check at its end."""

    fork_server: ClassVar[ForkServer]
    tally: ClassVar[Tally] = Tally()

    def __init__(self) -> None:
        super().__init__()
        self.run = ChaosRun(self.fork_server)
        self.threads = ThreadPoolExecutor(WORKERS)

    @initialize(random=RANDOM)
    def set_up(self, random: Random) -> None:
        """Adds workers, instances, other backups and the first events."""
        for number in range(WORKERS):
            clock_offset = random.choice([0.0, 0.0, -200.0, 200.0])
            by_key = random.random() < 0.5
            worker = Worker(number, self.run.cloud, by_key=by_key, clock_offset=clock_offset)
            self.run.workers.append(worker)
        for instance_id in INSTANCES[1:]:
            self.run.emulator.add_instance(instance_id)
        self.run.add_other_backups(random.choice([0, 0, 3, 99, 130, 230]))
        self.run.prunes.add_scheduled_backups(random, random.choice([0, 10, 25, 110]))
        self.run.emulator.time_zone = random.choice(["+0800", "+0000", "Z", "-0330"])
        self.change_behaviour(random)
        for _ in range(3):
            self.add_event(random)

    @rule(random=RANDOM)
    def add_event(self, random: Random) -> None:
        """A new event occurs."""
        number = len(self.run.events)
        source = random.choice(sorted(EVENT_SOURCES))
        instance_id = FIXED_INSTANCES.get(source, random.choice(INSTANCES))
        # each event has a second of its own, because the time identifies an event of a rule
        time = whole_second(self.run.now() + number)
        self.run.events.append(SourceEvent(number, source, instance_id, time))

    @rule(random=RANDOM)
    def add_faults(self, random: Random) -> None:
        """Schedules faults of the next requests."""
        for _ in range(random.randint(1, 3)):
            fault = random_fault(random)
            self.run.emulator.faults.add(fault)
            self.run.disturbances["request executed late"] += fault.lands_after is not None

    @rule(random=RANDOM)
    def change_behaviour(self, random: Random) -> None:
        """Changes how the cloud behaves where the documentation leaves it open."""
        emulator = self.run.emulator
        emulator.list_lag = random.choice([0.0, 0.0, 0.05, 0.5, 20.0])
        emulator.backup_seconds = random.choice([0.0, 1.0, 5.0, 40.0])
        emulator.jobs_show_backups = random.random() < 0.8
        emulator.list_order = random.choice(["newest", "oldest", "shuffled"])
        make_lists_odd(emulator, random)

    @rule(random=RANDOM)
    def deliver(self, random: Random) -> None:
        """Delivers events one after the other."""
        for _ in range(random.randint(1, 4)):
            if random.random() < FAULT_PROBABILITY:
                self.add_faults(random)
            if random.random() < DISTURBANCE_PROBABILITY:
                self.disturb(random)
            event, worker = random.choice(self.run.events), random.choice(self.run.workers)
            self.run.deliver([event], worker, _time_limit(random))
            self.run.wait(1.0)

    @rule(random=RANDOM)
    def deliver_more(self, random: Random) -> None:
        """The same as `deliver`, which makes that step twice as likely."""
        self.deliver(random)

    @rule(random=RANDOM, same=st.booleans())
    def deliver_concurrently(self, random: Random, same: bool) -> None:  # noqa: FBT001 - drawn
        """Every worker delivers an event at the same time, all the same one or any."""
        chosen = [random.choice(self.run.events)] * WORKERS
        if not same:
            chosen = [random.choice(self.run.events) for _ in self.run.workers]
        seconds = _time_limit(random)
        results = self.threads.map(
            lambda worker, event: self.run.invoke([event], worker, seconds),
            self.run.workers,
            chosen,
        )
        for deliveries in results:
            self.run.add_deliveries(deliveries)
        self.run.wait(1.0)

    @rule(random=RANDOM)
    def deliver_batch(self, random: Random) -> None:
        """Delivers messages as one batch, possibly one of them twice."""
        queued = [one for one in self.run.events if one.is_queued]
        if queued:
            chosen = [random.choice(queued) for _ in range(random.randint(2, 6))]
            self.run.deliver(chosen, random.choice(self.run.workers), _time_limit(random))
            self.run.wait(1.0)

    @rule(random=RANDOM)
    def prune(self, random: Random) -> None:
        """Prunes once or twice, possibly after more backups of the schedule."""
        for _ in range(random.randint(1, 2)):
            self.run.prunes.add_scheduled_backups(random, random.choice([0, 3, 8]))
            if random.random() < FAULT_PROBABILITY:
                self.add_faults(random)
            if random.random() < DISTURBANCE_PROBABILITY:
                self.disturb(random)
            self.run.prune(random.choice(self.run.workers), _time_limit(random))
            self.run.wait(1.0)

    @rule(random=RANDOM)
    def prune_concurrently(self, random: Random) -> None:
        """Every worker prunes at the same time."""
        self.run.prunes.add_scheduled_backups(random, 8)
        seconds = _time_limit(random)
        results = self.threads.map(
            lambda worker: self.run.invoke_prune(worker, seconds), self.run.workers
        )
        for result, calls in results:
            self.run.prunes.add(result, calls)
        self.run.wait(1.0)

    @rule(random=RANDOM)
    def wait(self, random: Random) -> None:
        """Lets time pass, after which running operations have ended."""
        self.run.recover(random.choice([2.0, 10.0, 60.0]))

    @rule(random=RANDOM)
    def disturb(self, random: Random) -> None:
        """Disturbs the cloud or a worker."""
        disturb(self.run, random)

    def teardown(self) -> None:
        """Ends the faults, and checks that every event gets its backup."""
        try:
            if self.run.workers:
                make_lists_documented(self.run.emulator)
                self.run.finish(self.tally)
                violations = [*self.run.ledger.violations, *self.run.prunes.violations]
                assert not violations, "\n".join(violations)
        finally:
            self.threads.shutdown()
            self.run.close()


def _time_limit(random: Random) -> float:
    """The time limit that Lambda sets, in seconds. With a short one, slow responses are lost."""
    return random.choice([1.0, 1.0, 3.0, 6.0, 29.0])


SETTINGS: Final = settings(
    database=None,
    deadline=None,
    max_examples=RUNS_PER_SEED,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    stateful_step_count=STEPS,
    suppress_health_check=list(HealthCheck),
)


def run_chaos(
    deliveries: int, number: int, sources: Path = SOURCES, tally: Tally | None = None
) -> Tally:
    """Disturbs the function until there were so many deliveries.

    Args:
        deliveries: the least number of deliveries.
        number: the seed.
        sources: the folder that contains the package.
        tally: the counts to continue, which are complete even if the last run fails.

    Raises:
        AssertionError: something happened that must not happen.
    """
    tally = Tally() if tally is None else tally
    with ForkServer(sources) as fork_server:
        machine = type("Chaos", (Chaos,), {"fork_server": fork_server, "tally": tally})
        while tally.deliveries < deliveries:
            try:
                run_state_machine_as_test(seed(number + tally.runs)(machine), settings=SETTINGS)
            except Flaky as error:  # processes race: the same steps may not fail again
                raise AssertionError("\n".join(tally.violations)) from error
    return tally
