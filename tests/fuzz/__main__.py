"""Mutated sample events: whatever comes in, the outcome is one of the contract.

    make fuzz N=20000

invokes the function with so many events and counts the outcomes. No outcome may be
``InternalError``, and every log line must be JSON. The printed seed repeats the same events.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from random import Random
from typing import Final

from tests.fuzz.mutations import mutated_event, seeds
from tests.fuzz.outcomes import check, source
from tests.local_cloud.harness import Harness, Invocation
from tests.local_cloud.local_cloud import INSTANCE_ID

CASES_PER_ENVIRONMENT: Final = 500


def fuzz(cases: int, seed: int) -> Counter[str]:
    """Invokes the function with mutated events.

    Args:
        cases: how many.
        seed: repeats the same events.

    Returns:
        How often there was which outcome.

    Raises:
        AssertionError: an outcome is none of the contract; notes show the event.
    """
    random, events = Random(seed), seeds()
    outcomes: Counter[str] = Counter()
    for first in range(0, cases, CASES_PER_ENVIRONMENT):
        # Each environment has a new cloud, because lists of backups would grow without end.
        with Harness(DEFAULT_PAYLOAD=json.dumps({"instance_id": INSTANCE_ID})) as harness:
            harness.emulator.backup_seconds = 0
            for case in range(first, min(first + CASES_PER_ENVIRONMENT, cases)):
                event = mutated_event(random, events, harness.time.now())
                try:
                    invocation = harness.invoke(event)
                    check(event, invocation)
                except Exception as error:
                    error.add_note(f"case {case} of seed {seed}: {_shown(event)}")
                    raise
                outcomes.update(_outcomes(event, invocation))
    return outcomes


def _shown(event: object) -> str:
    try:
        return json.dumps(event)
    except RecursionError:
        return "an event too deep to show"


def _outcomes(event: object, invocation: Invocation) -> list[str]:
    """One outcome per delivery: the error, or what was logged of its success."""
    return [
        f"{source(event)}: {record.get('error') or record['message']}"
        for record in invocation.records
    ]


def main() -> None:
    """Prints the seed and how often there was which outcome."""
    cases = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else Random().randrange(10**6)
    sys.stdout.write(f"{'seed':48} {seed:9}\n")
    sys.stdout.flush()
    began = time.monotonic()
    outcomes = fuzz(cases, seed)
    for outcome, count in sorted(outcomes.items()):
        sys.stdout.write(f"{outcome:48} {count:9}\n")
    sys.stdout.write(f"{'cases':48} {cases:9}\n{'seconds':48} {time.monotonic() - began:9.1f}\n")


if __name__ == "__main__":
    main()
