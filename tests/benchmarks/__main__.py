"""`make bench`: builds what it needs, measures, and prints the tables of the README."""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.cold import cold_starts
from tests.benchmarks.contenders import READY_TOKEN, ROOT, build_all
from tests.benchmarks.goals import (
    OWN,
    batch_goal,
    cold_goals,
    instruction_goals,
    size_goal,
    table,
    warm_goals,
)
from tests.benchmarks.instructions import instructions
from tests.benchmarks.picture import draw
from tests.benchmarks.warm import above_a_bare_post, batches, warm, with_listed
from tests.local_cloud.certificates import Authority
from tests.local_cloud.console import log_in
from tests.local_cloud.local_cloud import LocalCloud

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.benchmarks.cold import Start
    from tests.benchmarks.contenders import Contender, Name
    from tests.benchmarks.goals import Goal

PICTURE: Final = ROOT / "docs" / "benchmark.svg"
SIZES: Final = (1, 10, 100)
COUNTS: Final = (1, 10, 100, 1000)
HOW: Final = """\
All speak TLS with the cloud. Its root was added to the authorities that each finds in its own way:
to certifi's bundle, which the others read at their first connection, and to the directory of our
artifact. "Ready" is the moment before the first handshake: the handler is imported, and the
authorities are read or can be found. Instructions are counted by cachegrind, under `python -S`."""


def main() -> None:
    """Measures and prints. A quick run has too few rounds to be reliable and draws no picture."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a third of a minute, rough figures")
    parser.add_argument("--rounds", type=int, default=21, help="cold starts of each contender")
    arguments = parser.parse_args()
    rounds, times, pairs = (3, 20, 60) if arguments.quick else (arguments.rounds, 200, 400)

    with tempfile.TemporaryDirectory() as folder:
        _measure(Authority(Path(folder)), rounds, times, pairs, draws=not arguments.quick)


def _measure(authority: Authority, rounds: int, times: int, pairs: int, *, draws: bool) -> None:
    contenders = build_all(authority, _say)
    with _cloud(authority) as cloud:
        counted = instructions(contenders, cloud, _say)
        starts = cold_starts(contenders, cloud, rounds, _say)
    ours = [contender for contender in contenders if contender.name in OWN]
    _print_contenders(contenders, starts, counted)
    goals = [*cold_goals(starts), *instruction_goals(counted)]
    goals += _warm(contenders, authority, times, pairs)
    goals += _growth(ours, authority, 9 if draws else 3)
    goals.append(size_goal(ours[0].megabytes()))
    _print_goals(goals)
    _print(f"{rounds} alternating cold starts; lower quartiles. {_machine()}")
    _print(HOW)
    if draws:
        draw(starts, counted, _machine(), PICTURE)


def _print_contenders(
    contenders: Sequence[Contender], starts: Mapping[Name, Start], counted: Mapping[Name, float]
) -> None:
    rows = []
    for one in contenders:
        start = starts[one.name]
        times = (start.init, start.first, start.total, start.peak, one.megabytes())
        rows.append([one.name, *times, counted.get(one.name, "not counted")])
    head = ["", "init ms", "first ms", "cold ms", "peak MB", "size MB", "instructions, millions"]
    _print(table(head, rows))


def _warm(
    contenders: Sequence[Contender], authority: Authority, times: int, pairs: int
) -> list[Goal]:
    """Prints the table of warm creates and returns their goals."""
    rows = []
    requests = []
    above = []
    for contender in contenders:
        _say(f"warm creates: {contender.name}")
        with _cloud(authority) as cloud:
            seen = warm(contender, cloud, times)
            if contender.name in OWN:
                requests.append(seen.requests)
                above.append(above_a_bare_post(contender, cloud, pairs))
        rows.append([contender.name, seen.median, seen.worst])
    _print(table(["warm creates, ms", "median", "99th %"], rows))
    return warm_goals(above, requests)


def _growth(ours: Sequence[Contender], authority: Authority, times: int) -> list[Goal]:
    """Prints how the time grows and returns the goal of batches."""
    with _cloud(authority, instances=max(SIZES)) as cloud:
        _say("batches of SQS messages")
        slow = [batches(one, cloud, SIZES, times, slow=True) for one in ours]
        rows = [
            *([f"{one.name}, API in 300 ms", *seen] for one, seen in zip(ours, slow, strict=True)),
            *(
                [f"{one.name}, API at once", *batches(one, cloud, SIZES, times, slow=False)]
                for one in ours
            ),
        ]
    _print(table(["SQS messages in a batch, ms", *map(str, SIZES)], rows))
    columns = []
    for count in COUNTS:
        _say(f"{count} backups in the list")
        with _cloud(authority) as cloud:
            columns.append(with_listed(ours[0], cloud, count, times))
    actions = ("verify", "redelivery", "create")
    rows = [[action, *seen] for action, *seen in zip(actions, *columns, strict=True)]
    _print(table(["backups in the list, ms", *map(str, COUNTS)], rows))
    return [batch_goal(slow)]


def _print_goals(goals: Sequence[Goal]) -> None:
    rows = [
        [goal.figure, goal.must, goal.aim, *(*goal.measured, "")[:2], goal.verdict()]
        for goal in goals
    ]
    _print(table(["figure", "must", "aim", "password", "AK/SK", "reached"], rows))


@contextlib.contextmanager
def _cloud(authority: Authority, instances: int = 1) -> Iterator[LocalCloud]:
    """A fresh local cloud over TLS in which no backup keeps the next one waiting."""
    with LocalCloud(authority.context()) as cloud:
        cloud.emulator.backup_seconds = 0
        for _ in range(instances - 1):
            cloud.emulator.add_instance()
        cloud.secrets.put(READY_TOKEN, log_in(cloud.emulator, bundle=authority.path))
        yield cloud


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.machine()
    today = datetime.now(UTC).date()
    return f"{today}, {processor}, {os.cpu_count()} cores, Lambda's runtime for Python 3.13"


_began: Final = time.monotonic()


def _say(line: str) -> None:
    sys.stderr.write(f"{time.monotonic() - _began:4.0f} s  {line}\n")


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
