"""Random disturbances: events through all doors, again and again, at one moment, under faults.

    make chaos N=10000

delivers so many times and prints a table. Once the faults end, every event must have exactly one
backup within eight deliveries; on the way no answer may be wrong. The seed that is printed makes
the same sequence again, up to the order in which processes happen to run.
"""

from __future__ import annotations

import contextlib
import random
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

import requests
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from tests.local_cloud.chaos_events import DOORS, OF_THE_FIRST_INSTANCE, Happening, batch, happened
from tests.local_cloud.chaos_faults import fault
from tests.local_cloud.chaos_ledger import (
    ACCEPTED,
    HELD_BACK,
    KILLED,
    MAX_DELIVERIES,
    Delivery,
    Ledger,
)
from tests.local_cloud.deletion import delete
from tests.local_cloud.emulator import Fault
from tests.local_cloud.events import response
from tests.local_cloud.execution_environment import (
    EnvironmentDied,
    ExecutionEnvironment,
    ForkServer,
    InvocationResult,
)
from tests.local_cloud.lambda_runtime import SOURCES
from tests.local_cloud.local_cloud import (
    ACCESS_KEY,
    CREDENTIALS_SECRETS,
    INSTANCE_ID,
    USER,
    LocalCloud,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tests.local_cloud.emulator import Call
    from tests.local_cloud.emulator.request import Request
    from tests.local_cloud.secrets_extension import SecretsExtension

HANDS: Final = 3
INSTANCES: Final = (INSTANCE_ID, *(f"{number:032x}in14" for number in range(2)))
SPEEDUP: Final = 200.0
RUNS_AT_ONCE: Final = 5
STEPS: Final = 40
# How many of the deliveries in a row meet something new, beside what steps of their own bring.
FAULTY: Final = 0.4
DISTURBED: Final = 0.15
STATES: Final = ("MODIFYING", "REBOOTING", "STORAGE FULL", "FAILED", "BUILD")
# Hypothesis chooses what is done, and a seed for the details of each step.
DICE: Final = st.randoms(use_true_random=True)


@dataclass
class Tally:
    """What happened in all runs so far."""

    deliveries: int = 0
    runs: int = 0
    events: int = 0
    backups: int = 0
    duplicates: int = 0
    lost: int = 0
    requests: int = 0
    most_deliveries_to_mend: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    doors: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def table(self) -> str:
        """The tally, a line per number."""
        rows = [
            ("deliveries", self.deliveries),
            *((f"  ended as {name}", number) for name, number in self.ends.most_common()),
            *((f"  by {name}", number) for name, number in self.doors.most_common()),
            ("faults", sum(self.faults.values())),
            *((f"  {name}", number) for name, number in self.faults.most_common()),
            ("runs, each with a cloud of its own", self.runs),
            ("events", self.events),
            ("backups", self.backups),
            ("duplicates", self.duplicates),
            ("lost", self.lost),
            ("wrong answers", len(self.violations)),
            ("most deliveries needed once the faults ended", self.most_deliveries_to_mend),
        ]
        lines = [f"{name:48} {number:9,}" for name, number in rows]
        per_delivery = self.requests / max(1, self.deliveries)
        return "\n".join([*lines, f"{'requests per delivery':48} {per_delivery:9.2f}"])


class Hand:
    """One execution environment, with credentials of its own by which its calls are known.

    Args:
        number: tells it from the others.
        cloud: what it calls.
        by_key: whether it signs with an access key.
        clock_offset: seconds by which its clock is wrong.
    """

    def __init__(
        self, number: int, cloud: LocalCloud, *, by_key: bool, clock_offset: float
    ) -> None:
        self.clock_offset = clock_offset
        self.name = f"hand-{number}"
        self._cloud = cloud
        self._by_key = by_key
        self._version = 0
        self.environment: ExecutionEnvironment | None = None
        self._populate()

    def _populate(self) -> None:
        secret = f"gaussdb-backup/{self.name}"
        self._cloud.secrets.put(secret, self._credentials())
        variables = self._cloud.environment("aksk" if self._by_key else "password")
        self.variables = {**variables, "CREDENTIALS_SECRET_ID": secret}

    def _credentials(self) -> dict[str, str]:
        iam = self._cloud.emulator.iam
        if self._by_key:
            keys = {**ACCESS_KEY, "access_key": f"{self.name}-{self._version}"}
            iam.add_access_key(keys["access_key"], keys["secret_key"])
            return keys
        user = {**USER, "username": self.name, "password": f"not-a-real-password-{self._version}"}
        iam.add_user(self.name, user["password"], user["domain_name"])
        return user

    def rotate(self) -> None:
        """New credentials in the secret; the old ones are void."""
        iam = self._cloud.emulator.iam
        if self._by_key:
            iam.remove_access_key(f"{self.name}-{self._version}")
        else:
            iam.change_password(self.name, "not-a-real-password-any-more", USER["domain_name"])
        self._version += 1
        self._populate()

    def is_caller(self, request: Request) -> bool:
        """Whether a request carries its credentials, or asks for them."""
        if request.path == "/v3/auth/tokens":
            return f'"{self.name}"'.encode() in request.body
        signed_by = f"Access={self.name}-"
        token = self._cloud.emulator.iam.find_token(request.headers.get("x-auth-token", ""))
        by_token = token is not None and token.user.name == self.name
        return by_token or signed_by in request.headers.get("authorization", "")

    def kill(self) -> None:
        """Ends its process; the next invocation is a cold start."""
        if self.environment is not None:
            self.environment.kill()

    def close(self) -> None:
        """Ends its process for good."""
        if self.environment is not None:
            self.environment.close()
            self.environment = None


class Chaos(RuleBasedStateMachine):
    """One run: one cloud, some execution environments, and everything that may happen to them."""

    fork_server: ClassVar[ForkServer]
    tally: ClassVar[Tally] = Tally()

    def __init__(self) -> None:
        super().__init__()
        self.cloud = LocalCloud()
        self.cloud.__enter__()
        self.emulator = self.cloud.emulator
        self.ledger = Ledger(self.emulator)
        self.threads = ThreadPoolExecutor(HANDS)
        self.hands: list[Hand] = []
        self.callers: list[Hand | None] = []
        self.happenings: list[Happening] = []
        self.ahead = 0.0
        self.cut_until = 0.0
        self.troubles: Counter[str] = Counter()
        self.emulator.faults.script([self._observer()])

    def _observer(self) -> Fault:
        """Never strikes, but sees each request, and thereby who sent it."""

        def note(request: Request) -> bool:
            caller = (hand for hand in self.hands if hand.is_caller(request))
            self.callers.append(next(caller, None))
            return False

        return Fault(where=note)

    @initialize(dice=DICE)
    def furnish(self, dice: random.Random) -> None:
        """Hands, instances, what others have in the cloud, and the first events."""
        for number in range(HANDS):
            clock_offset = dice.choice([0.0, 0.0, -200.0, 200.0])
            by_key = dice.random() < 0.5
            self.hands.append(Hand(number, self.cloud, by_key=by_key, clock_offset=clock_offset))
        for instance_id in INSTANCES[1:]:
            self.emulator.add_instance(instance_id)
        self._make_others(dice.choice([0, 0, 3, 99, 130, 230]))
        self.emulator.time_zone = dice.choice(["+0800", "+0000", "Z", "-0330"])
        self.change_ways(dice)
        for _ in range(3):
            self.happen(dice)

    @rule(dice=DICE)
    def happen(self, dice: random.Random) -> None:
        """Something happens of which there shall be a backup."""
        number = len(self.happenings)
        door = dice.choice(sorted(DOORS))
        instance_id = OF_THE_FIRST_INSTANCE.get(door, dice.choice(INSTANCES))
        # times lie apart, so that a time tells an event
        time_of_it = happened(self.now() + number)
        self.happenings.append(Happening(number, door, instance_id, time_of_it))

    @rule(dice=DICE)
    def break_calls(self, dice: random.Random) -> None:
        """Something will go wrong with the next calls."""
        for _ in range(dice.randint(1, 3)):
            drawn = fault(dice)
            self.emulator.faults.add(drawn)
            self.troubles["request is to land late"] += drawn.lands_after is not None

    @rule(dice=DICE)
    def change_ways(self, dice: random.Random) -> None:
        """The cloud behaves otherwise from now on."""
        self.emulator.list_lag = dice.choice([0.0, 0.0, 0.05, 0.5, 20.0])
        self.emulator.backup_seconds = dice.choice([0.0, 1.0, 5.0, 40.0])
        self.emulator.jobs_show_backups = dice.random() < 0.8
        self.emulator.list_order = dice.choice(["newest", "oldest", "shuffled"])

    @rule(dice=DICE)
    def deliver(self, dice: random.Random) -> None:
        """Events are delivered, one after the other."""
        for _ in range(dice.randint(1, 4)):
            if dice.random() < FAULTY:
                self.break_calls(dice)
            if dice.random() < DISTURBED:
                self.disturb(dice)
            self._deliver([dice.choice(self.happenings)], dice.choice(self.hands), patience(dice))
            self._wait(1.0)

    @rule(dice=DICE)
    def deliver_more(self, dice: random.Random) -> None:
        """The same once more, for this is what mostly happens."""
        self.deliver(dice)

    @rule(dice=DICE, same=st.booleans())
    def deliver_at_one_moment(self, dice: random.Random, same: bool) -> None:  # noqa: FBT001 - drawn
        """Several processes have an event each, or all the same one, at one moment."""
        chosen = [dice.choice(self.happenings)] * HANDS
        if not same:
            chosen = [dice.choice(self.happenings) for _ in self.hands]
        seconds = patience(dice)
        ends = self.threads.map(
            lambda hand, event: self._invoke([event], hand, seconds), self.hands, chosen
        )
        for deliveries in ends:
            self._enter(deliveries)
        self._wait(1.0)

    @rule(dice=DICE)
    def deliver_batch(self, dice: random.Random) -> None:
        """Messages come as one batch, perhaps one of them twice."""
        queued = [one for one in self.happenings if one.is_queued]
        if queued:
            chosen = [dice.choice(queued) for _ in range(dice.randint(2, 6))]
            self._deliver(chosen, dice.choice(self.hands), patience(dice))
            self._wait(1.0)

    @rule(dice=DICE)
    def wait(self, dice: random.Random) -> None:
        """Time passes, and what was under way ends."""
        self._recover(dice.choice([2.0, 10.0, 60.0]))

    def _recover(self, seconds: float) -> None:
        self._wait(seconds)
        for instance in self.emulator.instances:
            if instance.status != "BACKING UP":
                instance.status = "ACTIVE"

    @rule(dice=DICE)
    def disturb(self, dice: random.Random) -> None:
        """Something else goes wrong, at once or, where that makes sense, within a later call."""
        hand, happening = dice.choice(self.hands), dice.choice(self.happenings)
        disturbances: dict[str, Callable[[], None]] = {
            "backup deleted": lambda: self._delete(happening),
            "backup fails": lambda: self._fail_backup(happening),
            "connections dropped": self._some_time(self.emulator.drop_connections, dice),
            "connections refused": lambda: self._cut_the_network(dice.choice([0.02, 0.1])),
            "instance not ready": lambda: self._disturb_instance(dice),
            "killed midway": lambda: self._kill_midway(hand, dice),
            "others make backups": self._some_time(
                lambda: self._make_others(dice.choice([1, 1, 1, 100])), dice
            ),
            "process gone": hand.close,
            "secret rotated": self._some_time(hand.rotate, dice),
            "secret store troubled": lambda: self._trouble_the_secret_store(dice),
            "tokens revoked": self._some_time(self.emulator.iam.revoke_tokens, dice),
        }
        which = dice.choice(list(disturbances))
        self.troubles[which] += 1
        disturbances[which]()

    def _some_time(self, action: Callable[[], None], dice: random.Random) -> Callable[[], None]:
        """An action at once, or in the middle of a call."""
        call = dice.randint(0, 4)
        if call == 0:
            return action
        later = Fault(kind="pass", skip=call - 1, action=action)
        return lambda: self.emulator.faults.add(later)

    def _kill_midway(self, hand: Hand, dice: random.Random) -> None:
        """Kills a process during one of its next calls, before or after the call's work."""
        fatal = Fault(
            kind="close",
            when=dice.choice(["before", "after"]),
            skip=dice.randint(0, 3),
            where=hand.is_caller,
            action=hand.kill,
        )
        self.emulator.faults.script([self._observer(), fatal, *self.emulator.faults.waiting[1:]])

    def _trouble_the_secret_store(self, dice: random.Random) -> None:
        store = self.cloud.secrets
        match dice.randint(0, 3):
            case 0:
                store.not_ready(times=2)
            case 1:
                store.respond_next(400, "an unexpected error occurred while executing request")
            case 2:
                store.respond_next(200, "<html>")
            case _:
                store.hang(0.1)

    def _cut_the_network(self, seconds: float) -> None:
        self.cut_until = time.monotonic() + seconds
        self.emulator.refuse_connections(seconds)

    def _disturb_instance(self, dice: random.Random) -> None:
        instance = dice.choice(self.emulator.instances)
        if instance.status == "ACTIVE":
            instance.status = dice.choice(STATES)

    def _fail_backup(self, happening: Happening) -> None:
        for backup in self.emulator.backups:
            if happening.made(backup) and backup.status == "BUILDING":
                self.emulator.fail_backup(backup.name)

    def _make_others(self, number: int) -> None:
        for _ in range(number):
            self.emulator.add_backup(instance_id=INSTANCE_ID)

    def _delete(self, happening: Happening) -> None:
        """Deletes an event's backup, if it is complete, while the faults wait."""
        complete = [
            backup
            for backup in self.emulator.backups
            if happening.made(backup) and backup.status == "COMPLETED"
        ]
        waiting = self.emulator.faults.waiting
        self.emulator.faults.script(waiting[:1])
        for backup in complete:
            # where the network is cut, the operator gives up
            with contextlib.suppress(requests.ConnectionError):
                delete(self.emulator, backup)
                self.ledger.deleted[happening.number] += 1
        self.emulator.faults.script(waiting)

    def now(self) -> float:
        """The cloud's time in seconds since 1970."""
        return time.time() + self.ahead

    def _event(self, number: int) -> Happening:
        return self.happenings[number % len(self.happenings)]

    def _wait(self, seconds: float) -> None:
        self.ahead += seconds
        self.emulator.clock.advance(seconds)

    def _deliver(self, happenings: list[Happening], hand: Hand, seconds: float) -> list[Delivery]:
        return self._enter(self._invoke(happenings, hand, seconds))

    def _enter(self, deliveries: list[Delivery]) -> list[Delivery]:
        for delivery in deliveries:
            self.ledger.enter(delivery)
        return deliveries

    def _invoke(self, happenings: list[Happening], hand: Hand, seconds: float) -> list[Delivery]:
        """One invocation of one environment, started if it is not there."""
        if hand.environment is None:
            hand.environment = self.fork_server.start(hand.variables)
        now = self.now()
        event = happenings[0].envelope(now) if len(happenings) == 1 else batch(happenings)
        seen = len(self.callers)
        try:
            told = hand.environment.invoke(
                event,
                seconds=seconds,
                request_id=happenings[0].request_id,
                clock_offset=self.ahead + hand.clock_offset,
                speedup=SPEEDUP,
            )
        except EnvironmentDied:
            hand.close()
            told = None
        calls = self.emulator.calls[seen:]
        callers = self.callers[seen : seen + len(calls)]
        own = [call for call, caller in zip(calls, callers, strict=True) if caller is hand]
        return _deliveries(happenings, told, own)

    def teardown(self) -> None:
        """The faults end; every event ends well; the books are closed."""
        try:
            if self.hands:
                self._mend()
                rounds = self._deliver_all()
                self.ledger.close(self.happenings, rounds)
                self._settle_tally(rounds)
                assert not self.ledger.violations, "\n".join(self.ledger.violations)
        finally:
            for hand in self.hands:
                hand.close()
            self.threads.shutdown()
            self.cloud.__exit__(None, None, None)

    def _mend(self) -> None:
        """No fault any more, and all that was under way has landed."""
        self.emulator.faults.script([self._observer()])
        self.emulator.list_lag = 0.0
        self.emulator.backup_seconds = 0.0
        self.emulator.jobs_show_backups = True
        drain(self.cloud.secrets)
        time.sleep(max(0.0, self.cut_until + 0.05 - time.monotonic()))
        self._recover(60.0)

    def _deliver_all(self) -> dict[int, int]:
        """Delivers every event until it has ended well; the number of deliveries of each."""
        rounds: dict[int, int] = {}
        for number in range(1, MAX_DELIVERIES + 1):
            for one in self.happenings:
                if one.number not in rounds:
                    hand = self.hands[(one.number + number) % HANDS]
                    [delivery] = self._deliver([one], hand, 29.0)
                    self._wait(1.0)
                    if self._is_over(delivery):
                        rounds[one.number] = number
        return rounds

    def _is_over(self, delivery: Delivery) -> bool:
        """Whether an event needs no further delivery; with a good cloud, its job is known too."""
        if delivery.ended == "BackupFailed":
            own = [one for one in self.emulator.backups if delivery.happening.made(one)]
            return [one.status for one in own] == ["FAILED"]
        return delivery.ended == ACCEPTED and delivery.record.get("job_lookup") != "failed"

    def _settle_tally(self, rounds: dict[int, int]) -> None:
        tally, ledger = self.tally, self.ledger
        tally.runs += 1
        tally.deliveries += len(ledger.deliveries)
        tally.events += len(self.happenings)
        tally.backups += sum(
            any(one.made(backup) for one in self.happenings) for backup in self.emulator.backups
        )
        tally.duplicates += ledger.duplicates
        tally.lost += ledger.lost
        tally.violations += ledger.violations
        needed = max(rounds.values(), default=MAX_DELIVERIES + 1)
        tally.most_deliveries_to_mend = max(tally.most_deliveries_to_mend, needed)
        tally.ends.update(delivery.ended for delivery in ledger.deliveries)
        tally.doors.update(delivery.happening.door for delivery in ledger.deliveries)
        calls = [call for call, hand in zip(self.emulator.calls, self.callers, strict=True) if hand]
        tally.requests += sum(call.service == "gaussdb" for call in calls)
        tally.faults.update(_kind(call) for call in calls if call.fault not in {None, "pass"})
        tally.faults.update(self.troubles)


def _deliveries(
    happenings: Sequence[Happening], told: InvocationResult | None, calls: Sequence[Call]
) -> list[Delivery]:
    """What an invocation says of each of its events."""
    lines: dict[str, list[dict[str, Any]]] = {}
    for record in told.records if told else []:
        lines.setdefault(record["correlation_id"], []).append(record)
    if len(happenings) == 1:
        return [_delivery(happenings[0], list(told.records if told else []), told, calls)]
    found = [_delivery(one, lines.get(one.message_id, []), told, calls) for one in happenings]
    often = Counter(one.number for one in happenings)
    return [replace(one, shared=often[one.happening.number] > 1) for one in found]


def _delivery(
    happening: Happening,
    records: list[dict[str, Any]],
    told: InvocationResult | None,
    calls: Sequence[Call],
) -> Delivery:
    """What an invocation says of one of its events.

    Args:
        happening: the event.
        records: the log's lines about it; the first is taken.
        told: what the invocation told, if it was not killed.
        calls: what it asked of the cloud.
    """
    if told is None:
        return Delivery(happening, KILLED, {}, KILLED, None, calls)
    record = records.pop(0) if records else {}
    ended = ACCEPTED if record.get("message") == "backup accepted" else record.get("error")
    answered, replied = _answered(happening, told, record)
    return Delivery(happening, ended or HELD_BACK, record, answered, replied, calls)


def _answered(
    happening: Happening, told: InvocationResult, record: Mapping[str, Any]
) -> tuple[str, str | None]:
    """How an event ended by the door's own answer, and the job ID in it."""
    if told.error is not None:
        return told.error, None
    if "batchItemFailures" in told.reply:
        failed = {one["itemIdentifier"] for one in told.reply["batchItemFailures"]}
        error = record.get("error", HELD_BACK)
        return error if happening.message_id in failed else ACCEPTED, record.get("job_id")
    if "statusCode" in told.reply:
        answer = response(told.reply)
        return ACCEPTED if answer.status < 300 else answer.error, answer.body.get("job_id")
    reply = told.reply["replies"][0] if "replies" in told.reply else told.reply
    return ACCEPTED, reply["job_id"]


def _kind(call: Call) -> str:
    """A fault as the table names it."""
    return f"{call.fault}" if call.fault != "status" else f"answered with {call.status}"


def patience(dice: random.Random) -> float:
    """Seconds that Lambda leaves: with few, what is slow is lost."""
    return dice.choice([1.0, 1.0, 3.0, 6.0, 29.0])


def drain(store: SecretsExtension) -> None:
    """Uses up what the secret store still has to answer instead of a secret."""
    given = False
    while not given:
        with contextlib.suppress(requests.ConnectionError):
            answer = requests.get(
                f"http://127.0.0.1:{store.port}/secretsmanager/get",
                params={"secretId": CREDENTIALS_SECRETS["aksk"]},
                headers={"X-Aws-Parameters-Secrets-Token": store.session_token},
                timeout=5,
            )
            given = answer.headers["Content-Type"] == "application/json"


RUNS: Final = settings(
    database=None,
    deadline=None,
    max_examples=RUNS_AT_ONCE,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    stateful_step_count=STEPS,
    suppress_health_check=list(HealthCheck),
)


def run(deliveries: int, number: int, sources: Path = SOURCES, tally: Tally | None = None) -> Tally:
    """Disturbs the function until there were so many deliveries.

    Args:
        deliveries: how many at least.
        number: the seed.
        sources: the folder of the package that is disturbed.
        tally: what to count in; it holds what there was, too, where the last run fails.

    Raises:
        AssertionError: something happened that must not.
    """
    tally = Tally() if tally is None else tally
    with ForkServer(sources) as fork_server:
        machine = type("Chaos", (Chaos,), {"fork_server": fork_server, "tally": tally})
        while tally.deliveries < deliveries:
            try:
                run_state_machine_as_test(seed(number + tally.runs)(machine), settings=RUNS)
            except Flaky as error:  # processes race: the same steps need not fail again
                raise AssertionError("\n".join(tally.violations)) from error
    return tally


def main() -> None:
    """Prints the seed and the table; exits with 1 if there was anything that must not be."""
    deliveries = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    number = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**6)
    sys.stdout.write(f"{'seed':48} {number:9}\n")
    tally = Tally()
    try:
        run(deliveries, number, tally=tally)
    except AssertionError as error:
        notes = getattr(error, "__notes__", [])  # Hypothesis puts the steps there
        sys.stderr.write("\n".join([str(error), *notes, ""]))
        sys.exit(1)
    finally:
        sys.stdout.write(f"{tally.table()}\n")


if __name__ == "__main__":
    main()
