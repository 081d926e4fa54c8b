"""What the function writes about events of every outcome, and the metrics that come of it.

The lines are those of the real function in the real runtime. Lambda's own lines, which the emulator
does not write, are spelled out after the schema of Lambda's Telemetry API.
"""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tests.local_cloud.events import http, signed_headers, sqs
from tests.local_cloud.lambda_runtime import FunctionFailed, LambdaRuntime
from tests.local_cloud.local_cloud import INSTANCE_ID, LocalCloud
from tests.template.cloudformation import STACK
from tests.template.filter_pattern import selects, value_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.template.cloudformation import Stack

UNKNOWN_INSTANCE: Final = "0e02b2c3d47948a8b1c2d3e4f5a6b7c8in14"

WARM_START: Final = {
    "time": "2026-11-23T03:15:02.116Z",
    "type": "platform.report",
    "record": {
        "requestId": "4541e0bd-1fbf-4c2b-bbef-762a431c1843",
        "status": "success",
        "metrics": {"durationMs": 512.3, "billedDurationMs": 513, "memorySizeMB": 512},
    },
}
COLD_START: Final = {
    **WARM_START,
    "record": {"status": "success", "metrics": {"durationMs": 512.3, "initDurationMs": 388.1}},
}
TIMEOUT: Final = {"type": "platform.report", "record": {"status": "timeout", "metrics": {}}}

_CREATE: Final = {"instance_id": INSTANCE_ID, "idempotency_key": "pipeline-7"}
_EVENTS: Final[Mapping[str, Mapping[str, object]]] = {
    "accepted": _CREATE,
    "unknown instance": {"instance_id": UNKNOWN_INSTANCE},
    "unknown instance over HTTP": http({"instance_id": UNKNOWN_INSTANCE}),
    "unknown caller over HTTP": http(known=False),
    "refused payload": {"instance_id": INSTANCE_ID, "nonsense": 1},
    "unknown backup": {"action": "status", "instance_id": INSTANCE_ID, "name": "unknown"},
    "check of an unknown instance": {"action": "check", "instance_id": UNKNOWN_INSTANCE},
    "verify without an age": {"action": "verify", "instance_id": INSTANCE_ID},
    "fresh": {"action": "verify", "instance_id": INSTANCE_ID, "max_age_hours": 36},
    "stale": {"action": "verify", "instance_id": INSTANCE_ID, "max_age_hours": 1},
    "never": {"action": "verify", "instance_id": UNKNOWN_INSTANCE, "max_age_hours": 1},
    "prune of an unknown instance": {"action": "prune", "instance_id": UNKNOWN_INSTANCE},
}
# what the deployment sets besides, so that there is something to write about
_POLICY: Final = {"mode": "report", "last": 7, "name_prefix": "auto", "key_prefix": "stack-"}
_VARIABLES: Final[Mapping[str, str]] = {
    "POWERTOOLS_SERVICE_NAME": STACK,
    "RETENTION": json.dumps(_POLICY),
    "WEBHOOK_SECRET_ID": "gone",
}


class Metric(NamedTuple):
    """A metric of CloudWatch, which differs from another if one dimension does.

    Args:
        name: its namespace and name.
        dimensions: each as `name=value`, in order.
    """

    name: str
    dimensions: tuple[str, ...]


def metric(namespace: str, name: str, dimensions: Mapping[str, object]) -> Metric:
    """One metric."""
    return Metric(
        f"{namespace}/{name}", tuple(sorted(f"{n}={value}" for n, value in dimensions.items()))
    )


def written() -> dict[str, list[str]]:
    """The function's lines for each event; where it raised, the error stands behind the event."""
    lines: dict[str, list[str]] = {}
    with LocalCloud() as cloud:
        cloud.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=5))
        busy = cloud.emulator.add_instance(status="MODIFYING").id
        events = {
            **_EVENTS,
            "poison message, first delivery": _delivered(1, {"nonsense": 1}),
            "poison message, second delivery": _delivered(2, {"nonsense": 1}),
            "busy instance, ninth delivery": _delivered(9, {"instance_id": busy}),
            "busy instance, tenth delivery": _delivered(10, {"instance_id": busy}),
            "webhook without keys": _webhook(),
        }
        with LambdaRuntime({**cloud.environment(), **_VARIABLES}) as function:
            for name, event in events.items():
                before = len(function.lines())
                outcome = name
                try:
                    function.invoke(event)
                except FunctionFailed as error:
                    outcome = f"{name}: {error.error_type}"
                lines[outcome] = function.lines()[before:]
    return lines


def _webhook() -> Any:
    """A request that looks signed, by whichever key."""
    event = http(known=False, path="/webhook")
    event["headers"] |= signed_headers(event["body"].encode(), now=time.time())
    return event


def _delivered(times: int, payload: Mapping[str, object]) -> Any:
    """A message of the queue at one of its deliveries."""
    event = sqs(payload)
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(times)
    return event


def records(lines: Iterable[str], message: str) -> list[dict[str, Any]]:
    """The lines with one message, parsed."""
    parsed = [json.loads(line) for line in lines if line.startswith("{")]
    return [record for record in parsed if record.get("message") == message]


def published(stack: Stack, lines: Iterable[str]) -> set[Metric]:
    """Every metric that these lines make: those in them, and those of the stack's filters."""
    texts = [line for line in lines if line.startswith("{")]
    found = {one for line in texts for one in _embedded(json.loads(line))}
    for properties in stack.of_type("AWS::Logs::MetricFilter").values():
        selected = [line for line in texts if selects(properties["FilterPattern"], line)]
        found |= {one for line in selected for one in _filtered(properties, json.loads(line))}
    return found


def _embedded(record: Mapping[str, Any]) -> Iterator[Metric]:
    """What CloudWatch reads from a line in the embedded metric format."""
    for directive in record.get("_aws", {}).get("CloudWatchMetrics", []):
        for names in directive["Dimensions"]:
            for made in directive["Metrics"]:
                values = {name: record[name] for name in names}
                yield metric(directive["Namespace"], made["Name"], values)


def _filtered(properties: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[Metric]:
    """What CloudWatch Logs makes of a line that a filter selects."""
    for made in properties["MetricTransformations"]:
        values = {one["Key"]: value_at(one["Value"], record) for one in made.get("Dimensions", [])}
        yield metric(made["MetricNamespace"], made["MetricName"], values)
