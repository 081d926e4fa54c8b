"""`make drill`: plays eight incidents on the local cloud, with log lines and runbook sections.

It shows future operators what an incident looks like and where the runbook describes the cure.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.local_cloud.emulator.faults import Fault
from tests.local_cloud.lambda_runtime import FunctionFailed, LambdaRuntime
from tests.local_cloud.local_cloud import (
    ACCESS_KEY,
    CREDENTIALS_SECRETS,
    INSTANCE_ID,
    USER,
    LocalCloud,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RUNBOOK: Final = Path(__file__).resolve().parents[3] / "docs/runbook.md"
_CREATE: Final = "CreateManualBackup"
_ALWAYS: Final = 1000
# Long enough for a retry, and short enough for eight incidents.
_TIMEOUT_SECONDS: Final = 6


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident.

    Attributes:
        title: the name of the incident.
        description: a description of the incident.
        error: the error that the function reports.
        faults: the faults of requests.
        prepare: changes the cloud before the event.
        first: the time of an event before the failing one, if there is one.
        between: changes the cloud after the first event.
        second: the time of the failing event.
    """

    title: str
    description: str
    error: str
    faults: Sequence[Fault] = ()
    prepare: Callable[[LocalCloud], object] = field(default=lambda _: None)
    first: str | None = None
    between: Callable[[LocalCloud], object] = field(default=lambda _: None)
    second: str = "2026-11-23T21:30:00Z"


def _put(secret: dict[str, str]) -> Callable[[LocalCloud], object]:
    return lambda cloud: cloud.secrets.put(CREDENTIALS_SECRETS["password"], secret)


INCIDENTS: Final = (
    Incident(
        "Wrong password",
        "Somebody changed the cloud user's password and not the secret.",
        "CredentialsRejected",
        prepare=_put({**USER, "password": "not-the-password"}),
    ),
    Incident(
        "IAM down",
        "IAM answers every log-in with 503.",
        "ServiceUnavailable",
        faults=[Fault(operation="CreateToken", status=503, times=_ALWAYS)],
    ),
    Incident(
        "Instance busy",
        "Another event's backup of the same instance is still building.",
        "InstanceBusy",
        first="2026-11-22T21:30:00Z",
    ),
    Incident(
        "Lost answer",
        "The service accepts the backup, but its answer is lost, and it refuses to list backups.",
        "OutcomeUnknown",
        faults=[
            Fault(operation=_CREATE, when="after", kind="close"),
            Fault(operation="ListBackups", status=503, times=_ALWAYS),
        ],
    ),
    Incident(
        "5xx storm",
        "The service answers every request with 503.",
        "OutcomeUnknown",
        faults=[
            Fault(operation=_CREATE, status=503, times=_ALWAYS),
            Fault(operation="ListBackups", status=503, times=_ALWAYS),
        ],
    ),
    Incident(
        "Secret with a missing key",
        "Somebody saved the secret with an access key but without the secret key.",
        "SecretUnavailable",
        prepare=_put({"access_key": ACCESS_KEY["access_key"]}),
    ),
    Incident(
        "Backup FAILED",
        "The service accepted the backup and failed at it; then the event is delivered again.",
        "BackupFailed",
        prepare=lambda cloud: cloud.emulator.fail_backup(),
        first="2026-11-23T21:30:00Z",
        between=lambda cloud: cloud.emulator.clock.advance(timedelta(hours=3).total_seconds()),
    ),
    Incident(
        "Throttled",
        "The service answers every request with 429 and asks for a pause of a minute.",
        "Throttled",
        faults=[Fault(operation=_CREATE, status=429, retry_after=60, times=_ALWAYS)],
    ),
)


def main() -> None:
    """Exits with 1 if an incident did not end with its error."""
    for number, incident in enumerate(INCIDENTS, start=1):
        _say(f"==> {number} of {len(INCIDENTS)}: {incident.title}", incident.description, "")
        line = play(incident)
        _say("The log line:", line, "")
        if json.loads(line)["error"] != incident.error:
            sys.exit(f"This should have ended as {incident.error}.")
        heading, text = section_about(incident.error)
        _say(f"The runbook, section {heading}:", text, "")


def play(incident: Incident) -> str:
    """Plays an incident and returns the function's log line."""
    with LocalCloud() as cloud:
        incident.prepare(cloud)
        with LambdaRuntime(cloud.environment(), timeout_seconds=_TIMEOUT_SECONDS) as function:
            if incident.first:
                function.invoke(_event(incident.first))
                incident.between(cloud)
            cloud.emulator.faults.script(incident.faults)
            with contextlib.suppress(FunctionFailed):
                function.invoke(_event(incident.second))
            lines = function.lines()
    return next(line for line in reversed(lines) if '"message":"backup failed"' in line)


def section_about(error: str) -> tuple[str, str]:
    """The heading and the text of the runbook's section whose table has an error.

    Of the table only the row of this error is left.

    Raises:
        LookupError: none does.
    """
    text = RUNBOOK.read_text(encoding="utf-8")
    for heading, body in re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL):
        if f"\n| `{error}`" in body:
            return heading, re.sub(rf"^\| `(?!{error}`).*\n", "", body, flags=re.MULTILINE).strip()
    raise LookupError(f"no section of the runbook names {error}")


def _event(scheduled_time: str) -> dict[str, str]:
    return {
        "instance_id": INSTANCE_ID,
        "name_prefix": "nightly",
        "scheduled_time": scheduled_time,
    }


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join([*lines, ""]))
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
