"""A short run of the fuzzer; `make fuzz N=20000` is the long one."""

from __future__ import annotations

import json
from random import Random

from tests.fuzz.__main__ import fuzz
from tests.fuzz.mutations import mutated_event, seeds

CASES = 600
SEED = 20261128


def test_mutated_samples_end_in_outcomes_of_the_contract() -> None:
    """Among them successes of each event source, or the mutations would spoil too much."""
    outcomes = fuzz(CASES, SEED)
    assert sum(outcomes.values()) >= CASES
    for source in ("http", "sqs", "sns", "raising"):
        assert outcomes[f"{source}: backup accepted"] > 5
        assert outcomes[f"{source}: InvalidRequest"] > 5
    assert outcomes["http: Unauthenticated"] > 5


def test_a_seed_repeats_its_events() -> None:
    """So that a finding can be looked at."""
    first, second = (
        [shown(mutated_event(random, seeds(), now=1_795_428_904.0)) for _ in range(200)]
        for random in (Random(SEED), Random(SEED))
    )
    assert first == second
    assert len(set(first)) > 150


def shown(event: object) -> str:
    """An event as text, as far as it can be shown."""
    try:
        return json.dumps(event)
    except RecursionError:
        return "too deep"
