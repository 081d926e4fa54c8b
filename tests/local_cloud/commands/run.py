"""`make run`: invokes the function once on a local cloud and prints everything."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.local_cloud.commands.invocation import conclude, invoke, read_event, show
from tests.local_cloud.console import log_in, show_backup
from tests.local_cloud.local_cloud import CREDENTIALS_SECRETS, LocalCloud

if TYPE_CHECKING:
    from collections.abc import Mapping


def main() -> None:
    """Exits with 0 if the function did what the event asks for, else with the reason.

    A backup must be listed by the service under the job that the function logged.
    """
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("event", type=Path)
    parser.add_argument("--credentials", choices=CREDENTIALS_SECRETS, default="password")
    arguments = parser.parse_args()
    event = read_event(arguments.event)
    with LocalCloud() as cloud:
        show(f"The event ({arguments.event}):", event)
        result = invoke(cloud.environment(arguments.credentials), event)
        for record in result.accepted:
            show("The backup, as the service lists it:", _listed(cloud, record))
    conclude(result)


def _listed(cloud: LocalCloud, record: Mapping[str, Any]) -> Any:
    """The backup of a log line, as the service shows it; its job ID must agree with the log."""
    service = cloud.emulator
    made = [backup for backup in service.backups if backup.job_id == record["job_id"]]
    if [backup.id for backup in made] != [record["backup_id"]]:
        sys.exit(f"The service knows no job {record['job_id']} of this backup.")
    return show_backup(service, log_in(service), record)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
