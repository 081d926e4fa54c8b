"""One event through the function in Lambda's emulator, shown and judged.

`make run` and `make invoke` differ only in the cloud that the function works against.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.local_cloud.events import signed
from tests.local_cloud.lambda_runtime import FunctionFailed, FunctionTimedOut, LambdaRuntime

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ending:
    """How an invocation ended.

    Attributes:
        records: the function's log lines, parsed.
        failure: why it failed; None if it did not.
        creates: whether what failed should have made a backup.
    """

    records: Sequence[Mapping[str, Any]]
    failure: str | None
    creates: bool

    @property
    def accepted(self) -> list[Mapping[str, Any]]:
        """The log lines of accepted backups."""
        return [record for record in self.records if record.get("message") == "backup accepted"]

    @property
    def outcomes(self) -> list[str]:
        """The outcomes of the other actions."""
        return [
            str(record["outcome"])
            for record in self.records
            if "outcome" in record and record not in self.accepted
        ]


def read_event(path: Path) -> Any:
    """The event of a file, a webhook with a signature of now.

    Raises:
        SystemExit: the file cannot be read, or is no JSON.
    """
    try:
        event = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        sys.exit(f"No event: {path}: {error}")
    return signed(event, now=time.time())


def invoke(environment: Mapping[str, str], event: Any) -> Ending:
    """Runs the function on an event and shows what it writes and replies.

    Args:
        environment: the function's variables.
        event: what Lambda would hand it.
    """
    with LambdaRuntime(environment) as function:
        try:
            reply, failure = function.invoke(event), None
        except FunctionFailed as error:
            reply, failure = error.response, str(error)
        except FunctionTimedOut as error:
            reply, failure = str(error), str(error)
        show("The function's log:", *function.lines())
        show("Its reply:", reply)
        records = function.records()
    failed = [record["action"] for record in records if "action" in record]
    return Ending(
        records, failure or _refusal(reply, records), creates=not failed or "create" in failed
    )


def conclude(ending: Ending) -> None:
    """Says in a last line how it ended, and exits with 1 if it failed.

    Raises:
        SystemExit: it failed, or did nothing at all.
    """
    if ending.failure:
        sys.exit(f"{'No backup' if ending.creates else 'Failed'}: {ending.failure}")
    if not ending.accepted and not ending.outcomes:
        sys.exit("No backup: the function accepted none")
    for record in ending.accepted:
        sys.stdout.write(f"Backup {record['backup_name']} accepted as job {record['job_id']}.\n")
    for outcome in ending.outcomes:
        sys.stdout.write(f"Outcome: {outcome}.\n")


def show(title: str, *content: Any) -> None:
    """Prints a section: texts as they are, all else as JSON."""
    texts = [text if isinstance(text, str) else json.dumps(text, indent=2) for text in content]
    sys.stdout.write("\n".join([title, *texts, "", ""]))


def _refusal(reply: Any, records: Sequence[Mapping[str, Any]]) -> str | None:
    """The reason in a reply that says no without raising: over HTTP, and for queues."""
    if not isinstance(reply, dict):
        return "the reply is no object"
    if reply.get("statusCode", 200) >= 400:
        problem = json.loads(reply["body"])
        return f"{problem['type'].rpartition(':')[2]}: {problem.get('detail', problem['title'])}"
    if reply.get("batchItemFailures"):
        return "; ".join(
            f"{record['error']}: {record['detail']}"
            for record in records
            if record.get("message") == "backup failed"
        )
    return None
