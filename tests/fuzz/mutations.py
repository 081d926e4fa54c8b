"""Mutates the sample events with knowledge of their structure.

Events hold JSON inside JSON: the body of a message holds a notification, whose message holds an
EventBridge event. Such texts are unfolded first, so that a mutation reaches every depth and what
is around it stays well-formed.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.local_cloud.events import (
    DIALECTS,
    PAYLOAD,
    SAMPLES,
    bus_event,
    http,
    nested,
    notification,
    sample,
    signed,
    sns,
    sqs,
)
from tests.local_cloud.local_cloud import INSTANCE_ID

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

REQUEST_ID: Final = "request-1"
MAX_MUTATIONS: Final = 4
DEPTH: Final = 60
EXTREME_DEPTH: Final = 5000
TEXTS: Final = (
    *("", " ", "a", "\x00", "\n", "\ud800", "\ufeff{}", "ä" * 300, "{}", "[]", "null", "{", "NaN"),
    *("aws:sqs", "aws:sns", "aws.events", "aws.scheduler", "Scheduled Event", "Notification"),
    *(
        "POST",
        "GET",
        "ANY /backups",
        "POST /webhook",
        "/backups",
        "/webhook",
        "/backups/a",
        "$default",
    ),
    *(
        "create",
        "status",
        "check",
        "verify",
        "prune",
        "application/json",
        "text/plain",
        INSTANCE_ID,
    ),
    *("2026-01-31T20:00:00Z", "2099-01-31T20:00:00Z", "0001-01-01T00:00:00Z", "1795428904512"),
    *("auto-20260131T200000Z-0123456789ab", "whsec_", "v1,AAAA", "q.fifo", "9" * 400, "%ff/%2e"),
)
NUMBERS: Final = (0, -1, 1, 1.5, 10**400, -(10**400), 2**63, 1e308, True, False, 1_795_428_904_512)
FIELDS: Final = (
    *("Records", "requestContext", "http", "httpMethod", "detail-type", "detail", "source", "id"),
    *("time", "resources", "resource", "routeKey", "stage", "authorizer", "iam", "jwt", "lambda"),
    *("principalId", "claims", "identity", "userArn", "headers", "multiValueHeaders", "body"),
    *("isBase64Encoded", "rawPath", "path", "queryStringParameters", "eventSource", "EventSource"),
    *("messageId", "attributes", "SentTimestamp", "ApproximateReceiveCount", "MessageGroupId"),
    *("eventSourceARN", "Sns", "Message", "MessageId", "TopicArn", "Timestamp", "Type"),
    *("action", "instance_id", "name", "name_prefix", "description", "scheduled_time"),
    *("idempotency_key", "backup_id", "max_age_hours", "dry_run", "max_deletions", "_datadog"),
    *("webhook-id", "webhook-timestamp", "webhook-signature", "Idempotency-Key", "content-type"),
)
PAYLOADS: Final[tuple[dict[str, Any], ...]] = (
    {**PAYLOAD, "name": "before-release-48", "description": "before the release"},
    {**PAYLOAD, "name_prefix": "nightly", "scheduled_time": "2026-11-23T21:30:00Z"},
    {**PAYLOAD, "idempotency_key": "release-48", "_datadog": {"x-datadog-trace-id": "1"}},
    {**PAYLOAD, "action": "status", "name": "before-release-48"},
    {**PAYLOAD, "action": "check"},
    {**PAYLOAD, "action": "verify", "max_age_hours": 26},
    {**PAYLOAD, "action": "prune", "dry_run": True},
)


@dataclass(slots=True)
class Embedded:
    """A JSON value that stands in a text.

    Attributes:
        value: the value.
    """

    value: Any


def seeds() -> list[Any]:
    """The events to mutate: all samples, and requests that read or carry other payloads."""
    samples = [sample(path.stem) for path in sorted(SAMPLES.glob("*.json"))]
    statuses = [
        http(
            None,
            dialect=dialect,
            method="GET",
            path="/backups/a",
            query={"instance_id": INSTANCE_ID},
            request_id=REQUEST_ID,
        )
        for dialect in DIALECTS
    ]
    others = [bus_event(payload) for payload in PAYLOADS]
    requests = [
        http(payload, dialect=dialect, request_id=REQUEST_ID)
        for payload in PAYLOADS
        for dialect in DIALECTS
    ]
    batches = [sqs(*PAYLOADS), sns(*PAYLOADS)]
    return [*samples, *statuses, *requests, *PAYLOADS, *others, *batches]


def mutated_event(random: Random, events: list[Any], now: float) -> Any:
    """One of these events with up to four mutations.

    Args:
        random: what chooses.
        events: the events.
        now: wall time in seconds since 1970, for the signatures of webhooks.
    """
    event = _unfolded(copy.deepcopy(random.choice(events)))
    holder = [event]
    for _ in range(random.randint(0, MAX_MUTATIONS)):
        parent, key = random.choice(_places(holder))
        random.choice(MUTATIONS)(random, parent, key, events)
    mutant = _folded(holder[0]) if holder else None
    if random.random() < 0.2:
        mutant = random.choice(ENVELOPES)(mutant)
    if random.random() < 0.7:
        mutant = _signed(mutant, now)
    outermost = [mutant]
    if random.random() < 0.05:
        parent, key = random.choice(_places(outermost))
        parent[key] = nested(EXTREME_DEPTH)  # deeper than any text of JSON that Python reads
    return outermost[0]


def _signed(event: Any, now: float) -> Any:
    """A webhook with a signature of now, as far as there is anything left to sign."""
    try:
        return signed(event, now=now)
    except (AttributeError, KeyError, TypeError, ValueError):
        return event


def _unfolded(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return Embedded(_unfolded(json.loads(value)))
        except ValueError:
            return value
    if isinstance(value, dict):
        return {name: _unfolded(part) for name, part in value.items()}
    return [_unfolded(part) for part in value] if isinstance(value, list) else value


def _folded(value: Any) -> Any:
    match value:
        case Embedded(part):
            return json.dumps(_folded(part))
        case dict():
            return {name: _folded(part) for name, part in value.items()}
        case list():
            return [_folded(part) for part in value]
        case _:
            return value


def _places(holder: Any) -> list[tuple[Any, Any]]:
    """Every part of a value, as its parent and its key there."""
    found: list[tuple[Any, Any]] = []
    remaining = [holder]
    while remaining:
        value = remaining.pop()
        if isinstance(value, Embedded):
            remaining.append(value.value)
            continue
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in parts:
            found.append((value, key))
            if isinstance(part, dict | list | Embedded):
                remaining.append(part)
    return found


def _replace_by_text(random: Random, parent: Any, key: Any, _: list[Any]) -> None:
    parent[key] = random.choice(TEXTS)


def _replace_by_number(random: Random, parent: Any, key: Any, _: list[Any]) -> None:
    parent[key] = random.choice(NUMBERS)


def _replace_by_other_shape(random: Random, parent: Any, key: Any, _: list[Any]) -> None:
    parent[key] = random.choice([None, [], {}, [parent[key]], {"a": parent[key]}, {"": None}])


def _replace_by_part_of_another(random: Random, parent: Any, key: Any, events: list[Any]) -> None:
    other, part = random.choice(_places([_unfolded(copy.deepcopy(random.choice(events)))]))
    parent[key] = other[part]


def _replace_by_depth(random: Random, parent: Any, key: Any, _: list[Any]) -> None:
    parent[key] = nested(random.randint(1, DEPTH))


def _damage_text(random: Random, parent: Any, key: Any, _: list[Any]) -> None:
    if isinstance(parent[key], str):
        at = random.randint(0, len(parent[key]))
        letter = random.choice(["", "\x00", "\ud800", "/", "=", "é", " ", "\n", "%"])
        parent[key] = parent[key][:at] + letter + parent[key][at + random.randint(0, 1) :]


def _remove(_: Random, parent: Any, key: Any, __: list[Any]) -> None:
    if len(parent) > 1:
        del parent[key]


def _rename(random: Random, parent: Any, key: Any, _: list[Any]) -> None:
    if isinstance(parent, dict):
        part = parent.pop(key)
        parent[random.choice([f"_{key}", key.upper(), key.title(), random.choice(FIELDS)])] = part


def _add(random: Random, parent: Any, key: Any, _: list[Any]) -> None:
    others: list[Any] = [None, {}, [], {"x-datadog-trace-id": "1"}]
    value = random.choice([*TEXTS, *NUMBERS, *others])
    if isinstance(parent[key], dict):
        parent[key][random.choice(FIELDS)] = value
    elif isinstance(parent, dict):
        parent[random.choice(FIELDS)] = value
    else:
        parent.append(copy.deepcopy(parent[key]))


MUTATIONS: Final[tuple[Callable[[Random, Any, Any, list[Any]], None], ...]] = (
    _replace_by_text,
    _replace_by_number,
    _replace_by_other_shape,
    _replace_by_part_of_another,
    _replace_by_depth,
    _damage_text,
    _remove,
    _rename,
    _add,
)
ENVELOPES: Final[tuple[Callable[[Any], Any], ...]] = (
    sqs,
    sns,
    bus_event,
    lambda event: sqs(event)["Records"],
    lambda event: sqs(event, PAYLOAD, queue="q.fifo", groups=["a", "a"]),
    lambda event: sqs(notification(event)),
    lambda event: sqs(notification(bus_event(event))),
    lambda event: {**PAYLOAD, **event} if isinstance(event, dict) else [event],
)
