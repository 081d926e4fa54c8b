"""`make sandbox`: the local cloud in the foreground, until Ctrl-C."""

from __future__ import annotations

import contextlib
import shlex
import sys
import threading

from tests.local_cloud.console import log_in
from tests.local_cloud.local_cloud import CREDENTIALS_SECRETS, LocalCloud

HOW_TO = """
# The local cloud is running. In another terminal, from the project's folder, paste this:
{exports}

# With an access key instead of a password:
export CREDENTIALS_SECRET_ID={access_key_secret}

# Run the function on it; the second time it finds the backup of the first:
.venv/bin/python -m tests.local_cloud.commands.invoke events/schedule.json

# Ask the service itself (the token is good for a day):
curl -H 'X-Auth-Token: {token}' {backups}

# Ctrl-C stops it.
"""


def main() -> None:
    """Starts the cloud, says how to use it, and stays."""
    with contextlib.suppress(KeyboardInterrupt), LocalCloud() as cloud:
        sys.stdout.write(how_to(cloud))
        sys.stdout.flush()
        threading.Event().wait()


def how_to(cloud: LocalCloud) -> str:
    """What to type to use this cloud."""
    exports = [f"export {name}={shlex.quote(value)}" for name, value in cloud.environment().items()]
    service = cloud.emulator
    return HOW_TO.format(
        exports="\n".join(exports),
        access_key_secret=CREDENTIALS_SECRETS["aksk"],
        token=log_in(service),
        backups=f"{service.gaussdb_endpoint}/v3/{service.project_id}/backups",
    )


if __name__ == "__main__":
    main()
