"""Warm invocations: single ones, batches, and compared with a bare request."""

from __future__ import annotations

import json
import subprocess
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks.contenders import PYTHON
from tests.local_cloud.emulator import Fault
from tests.local_cloud.events import sqs
from tests.local_cloud.lambda_runtime import LAMBDA_ENVIRONMENT
from tests.local_cloud.local_cloud import INSTANCE_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.contenders import Contender
    from tests.benchmarks.runtime import MeasuredRuntime
    from tests.local_cloud.local_cloud import LocalCloud

PROBE: Final = Path(__file__).with_name("probe.py")
SLOW_SECONDS: Final = 0.3


@dataclass(frozen=True, slots=True)
class Warm:
    """Invocations of a warm environment.

    Args:
        median: the median in milliseconds.
        worst: the 99th percentile in milliseconds.
        requests: the average number of HTTP requests.
    """

    median: float
    worst: float
    requests: float


def warm(contender: Contender, cloud: LocalCloud, times: int) -> Warm:
    """A number of creates, one after the other, in one environment."""
    with contender.runtime(cloud) as function:
        function.invoke({"instance_id": INSTANCE_ID})
        before = _requests(cloud)
        seen = _milliseconds(function, [{"instance_id": INSTANCE_ID}] * times)
        return Warm(median(seen), quantiles(seen, n=100)[-1], (_requests(cloud) - before) / times)


def above_a_bare_post(contender: Contender, cloud: LocalCloud, times: int) -> float:
    """How many milliseconds the function takes longer than the one request that it sends."""
    with tempfile.TemporaryDirectory() as folder:
        log, result = Path(folder) / "log", Path(folder) / "result"
        with log.open("wb") as output:
            subprocess.run(
                [PYTHON, PROBE, result, INSTANCE_ID, str(times)],
                check=True,
                env={
                    **LAMBDA_ENVIRONMENT,
                    **cloud.environment(),
                    "CREDENTIALS_SECRET_ID": contender.secret,
                    "PYTHONPATH": str(contender.code),
                },
                stdout=output,
            )
        return float(median(json.loads(result.read_bytes())))


def batches(
    contender: Contender, cloud: LocalCloud, sizes: Sequence[int], times: int, *, slow: bool
) -> list[float]:
    """The median milliseconds of SQS batches of some sizes, every message for its own instance.

    Args:
        contender: the implementation.
        cloud: what it works against, with an instance for each message.
        sizes: the numbers of messages.
        times: how often each size is measured.
        slow: the service answers in 300 ms instead of at once.
    """
    medians = []
    with contender.runtime(cloud) as function:
        function.invoke(_messages(cloud, 1))
        for size in sizes:
            if slow:
                cloud.emulator.faults.add(Fault(kind="slow", seconds=SLOW_SECONDS, times=10_000))
            events = [_messages(cloud, size) for _ in range(times)]
            medians.append(median(_milliseconds(function, events)))
            cloud.emulator.faults.clear()
    return medians


def with_listed(contender: Contender, cloud: LocalCloud, count: int, times: int) -> list[float]:
    """The median milliseconds of a verify, a redelivery and a create, with a list of some length.

    Args:
        contender: who runs; ours.
        cloud: what it works against, without any backup.
        count: how many backups the list holds.
        times: how often each.
    """
    with contender.runtime(cloud) as function:
        event = {"instance_id": INSTANCE_ID, "idempotency_key": "before"}
        function.invoke(event)
        for _ in range(count - 1):
            cloud.emulator.add_backup(instance_id=INSTANCE_ID)
        question = {"action": "verify", "instance_id": INSTANCE_ID, "max_age_hours": 1.0}
        new = {"instance_id": INSTANCE_ID}
        return [median(_milliseconds(function, [one] * times)) for one in (question, event, new)]


def _milliseconds(function: MeasuredRuntime, events: Sequence[object]) -> list[float]:
    before = len(function.invocation_milliseconds())
    for event in events:
        reply = function.invoke(event)
        assert not reply.get("batchItemFailures"), reply
    return function.invocation_milliseconds()[before:]


def _requests(cloud: LocalCloud) -> int:
    return len(cloud.emulator.calls) + len(cloud.secrets.reads)


def _messages(cloud: LocalCloud, size: int) -> dict[str, Any]:
    instances = cloud.emulator.instances[:size]
    return sqs(
        *({"instance_id": instance.id} for instance in instances),
        ids=[str(uuid.uuid4()) for _ in instances],
    )
