"""`make sandbox`: the local cloud in the foreground, until Ctrl-C."""

from __future__ import annotations

import contextlib
import sys
import threading

from tests.local_cloud.commands.sandbox_files import ENVIRONMENT, TOKEN, typed, written
from tests.local_cloud.console import log_in
from tests.local_cloud.local_cloud import LocalCloud

HOW_TO = """\
The local cloud is running; Ctrl-C stops it. In another terminal, from this folder:
  make invoke EVENT=events/schedule.json   runs the function on it, as `make run` does
  make invoke CREDENTIALS=aksk             the same with an access key instead of a password
  . {environment}                   sets the function's variables in your shell
  curl -H @{token} {backups}   asks the service itself
"""


def main() -> None:
    """Starts the cloud, prints how to use it, and waits for Ctrl-C."""
    with contextlib.suppress(KeyboardInterrupt), LocalCloud() as cloud:
        service = cloud.emulator
        with written(cloud.environment(), log_in(service)):
            sys.stdout.write(
                HOW_TO.format(
                    environment=typed(ENVIRONMENT),
                    token=typed(TOKEN),
                    backups=f"{service.gaussdb_endpoint}/v3/{service.project_id}/backups",
                )
            )
            sys.stdout.flush()
            threading.Event().wait()


if __name__ == "__main__":
    main()
