"""The result of an invocation, split into the deliveries of its events."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.local_cloud.chaos.ledger import ACCEPTED, KILLED, SKIPPED, Delivery
from tests.local_cloud.events import response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.local_cloud.chaos.source_events import SourceEvent
    from tests.local_cloud.emulator import Call
    from tests.local_cloud.execution_environment import InvocationResult


def deliveries_of(
    events: Sequence[SourceEvent], result: InvocationResult | None, calls: Sequence[Call]
) -> list[Delivery]:
    """The deliveries of one invocation, one per event.

    Args:
        events: the events in the order of the envelope.
        result: the result of the invocation; None if the process was killed.
        calls: the requests of the invocation.
    """
    records = list(result.records) if result else []
    if len(events) == 1:
        return [_delivery(events[0], records, result, calls)]
    by_message: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        by_message.setdefault(record["correlation_id"], []).append(record)
    found = [_delivery(one, by_message.get(one.message_id, []), result, calls) for one in events]
    copies = Counter(one.number for one in events)
    return [replace(one, shared=copies[one.event.number] > 1) for one in found]


def _delivery(
    event: SourceEvent,
    records: list[dict[str, Any]],
    result: InvocationResult | None,
    calls: Sequence[Call],
) -> Delivery:
    """The delivery of one event; takes the first of `records`, the event's log lines."""
    if result is None:
        return Delivery(event, KILLED, {}, KILLED, None, calls)
    record = records.pop(0) if records else {}
    outcome = ACCEPTED if record.get("message") == "backup accepted" else record.get("error")
    reply_outcome, reply_job_id = _outcome_in_reply(event, result, record)
    return Delivery(event, outcome or SKIPPED, record, reply_outcome, reply_job_id, calls)


def _outcome_in_reply(
    event: SourceEvent, result: InvocationResult, record: Mapping[str, Any]
) -> tuple[str, str | None]:
    """The outcome of an event in the function's reply, and the job ID there."""
    if result.error is not None:
        return result.error, None
    if "batchItemFailures" in result.reply:
        failed = {one["itemIdentifier"] for one in result.reply["batchItemFailures"]}
        error = record.get("error", SKIPPED)
        return error if event.message_id in failed else ACCEPTED, record.get("job_id")
    if "statusCode" in result.reply:
        http = response(result.reply)
        return ACCEPTED if http.status < 300 else http.error, http.body.get("job_id")
    reply = result.reply["replies"][0] if "replies" in result.reply else result.reply
    return ACCEPTED, reply["job_id"]
