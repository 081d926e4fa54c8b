"""`make run`: one event through the function on the local cloud, shown from end to end."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.local_cloud.console import log_in, show
from tests.local_cloud.events import signed
from tests.local_cloud.lambda_runtime import FunctionFailed, FunctionTimedOut, LambdaRuntime
from tests.local_cloud.local_cloud import CREDENTIALS_SECRETS, LocalCloud

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def main() -> None:
    """Exits with 0 if the event made a backup that the service lists, else with the reason."""
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("event", type=Path)
    parser.add_argument("--credentials", choices=CREDENTIALS_SECRETS, default="password")
    arguments = parser.parse_args()
    event = signed(_read(arguments.event), now=time.time())
    with LocalCloud() as cloud:
        _print(f"The event ({arguments.event}):", event)
        records, refusal = _invoke(cloud.environment(arguments.credentials), event)
        accepted = [record for record in records if record.get("message") == "backup accepted"]
        for record in accepted:
            _print("The backup, as the service lists it:", _listed(cloud, record))
        if refusal or not accepted:
            sys.exit(f"No backup: {refusal or 'the function accepted none'}")
    for record in accepted:
        sys.stdout.write(f"Backup {record['backup_name']} accepted as job {record['job_id']}.\n")


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        sys.exit(f"No event: {path}: {error}")


def _invoke(environment: Mapping[str, str], event: Any) -> tuple[list[dict[str, Any]], str | None]:
    """Runs the function, shows what it says, and returns its log and why it refused."""
    with LambdaRuntime(environment) as function:
        try:
            reply, refusal = function.invoke(event), None
        except FunctionFailed as error:
            reply, refusal = error.response, str(error)
        except FunctionTimedOut as error:
            reply, refusal = str(error), str(error)
        _print("The function's log:", *function.lines())
        _print("Its reply:", reply)
        return function.records(), refusal or _refused(reply, function.records())


def _refused(reply: Any, records: Sequence[Mapping[str, Any]]) -> str | None:
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


def _listed(cloud: LocalCloud, record: Mapping[str, Any]) -> Any:
    """The one backup of a log line, asked of the service; its own record must agree on the job."""
    service = cloud.emulator
    made = [backup for backup in service.backups if backup.job_id == record["job_id"]]
    if [backup.id for backup in made] != [record["backup_id"]]:
        sys.exit(f"The service knows no job {record['job_id']} of this backup.")
    token = log_in(service)
    [backup] = show(service, token, f"backups?backup_id={record['backup_id']}")["backups"]
    job = show(service, token, f"jobs?id={record['job_id']}")["job"]
    return {"backup": backup, "job": job}


def _print(title: str, *content: Any) -> None:
    texts = [text if isinstance(text, str) else json.dumps(text, indent=2) for text in content]
    sys.stdout.write("\n".join([title, *texts, "", ""]))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
