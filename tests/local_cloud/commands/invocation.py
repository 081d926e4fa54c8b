"""Invokes the function once in Lambda's emulator, prints everything, and decides about success.

`make run` and `make invoke` differ only in the cloud that the function calls.
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
class CommandResult:
    """The result of one invocation.

    Attributes:
        records: the function's log lines, parsed.
        failure: the reason of a failure; None for a success.
        creates: whether the failed action was a create.
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
    """The event in a file; a webhook gets a current signature.

    Raises:
        SystemExit: the file cannot be read or is not JSON.
    """
    try:
        event = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        sys.exit(f"No event: {path}: {error}")
    return signed(event, now=time.time())


def invoke(environment: Mapping[str, str], event: Any) -> CommandResult:
    """Invokes the function with an event and prints its log and reply.

    Args:
        environment: the function's environment variables.
        event: the event that Lambda would pass.
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
    return CommandResult(
        records,
        failure or _failure_in_reply(reply, records),
        creates=not failed or "create" in failed,
    )


def conclude(result: CommandResult) -> None:
    """Prints the result in a last line, and exits with 1 after a failure.

    Raises:
        SystemExit: the function failed or did nothing.
    """
    if result.failure:
        sys.exit(f"{'No backup' if result.creates else 'Failed'}: {result.failure}")
    if not result.accepted and not result.outcomes:
        sys.exit("No backup: the function accepted none")
    for record in result.accepted:
        sys.stdout.write(f"Backup {record['backup_name']} accepted as job {record['job_id']}.\n")
    for outcome in result.outcomes:
        sys.stdout.write(f"Outcome: {outcome}.\n")


def show(title: str, *content: Any) -> None:
    """Prints a section: texts unchanged, everything else as JSON."""
    texts = [text if isinstance(text, str) else json.dumps(text, indent=2) for text in content]
    sys.stdout.write("\n".join([title, *texts, "", ""]))


def _failure_in_reply(reply: Any, records: Sequence[Mapping[str, Any]]) -> str | None:
    """The reason in a reply that reports a failure without raising: over HTTP and for SQS."""
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
