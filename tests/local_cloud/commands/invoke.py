"""`make invoke`: invokes the function once on the local cloud of `make sandbox`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import requests

from tests.local_cloud.commands.invocation import conclude, invoke, read_event, show
from tests.local_cloud.commands.sandbox_files import read_environment
from tests.local_cloud.console import RemoteEndpoints, log_in, show_backup
from tests.local_cloud.local_cloud import CREDENTIALS_SECRETS


def main() -> None:
    """Exits with 0 if the function did what the event asks for, else with the reason."""
    parser = argparse.ArgumentParser(prog="make invoke", description=__doc__)
    parser.add_argument("event", type=Path)
    parser.add_argument("--credentials", choices=CREDENTIALS_SECRETS, default="password")
    arguments = parser.parse_args()
    event = read_event(arguments.event)
    environment = read_environment() or sys.exit(
        "No sandbox is running: start one in another terminal with `make sandbox`."
    )
    service = RemoteEndpoints(
        gaussdb_endpoint=environment["GAUSSDB_ENDPOINT"],
        iam_endpoint=environment["IAM_ENDPOINT"],
        project_id=environment["PROJECT_ID"],
    )
    try:
        token = log_in(service)
    except requests.ConnectionError:
        sys.exit("The sandbox does not answer: start it again with `make sandbox`.")
    environment["CREDENTIALS_SECRET_ID"] = CREDENTIALS_SECRETS[arguments.credentials]
    result = invoke(environment, event)
    for record in result.accepted:
        show("The backup, as the service lists it:", show_backup(service, token, record))
    conclude(result)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
