"""Runs in Lambda's Python beside the artifact: the function and a bare request in turn.

Writes to the file in the first argument by how many milliseconds the function takes longer.
"""

import json
import math
import os
import sys
import time
from pathlib import Path

import requests

from gaussdb_backup.clock import Clock, deadline_of_invocation
from gaussdb_backup.credentials.auth import Auth
from gaussdb_backup.credentials.issuer import Issuer
from gaussdb_backup.credentials.models import CREDENTIALS_VARIABLE
from gaussdb_backup.credentials.secret_store import SecretStore
from gaussdb_backup.handler import lambda_handler
from gaussdb_backup.http_client.transport import Transport
from gaussdb_backup.settings import read_settings


class Context:
    """Lambda's context of an invocation."""

    function_name = "BackupFunction"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:BackupFunction"

    def __init__(self, request_id: str) -> None:
        self.aws_request_id = request_id

    def get_remaining_time_in_millis(self) -> int:
        """Half a minute."""
        return 30_000


def main(result: str, instance_id: str, times: str) -> None:
    """Measures both alternately on open connections."""
    session = requests.Session()
    session.trust_env = False
    event = {"instance_id": instance_id}
    above = []
    for number, request in enumerate(_authorised(instance_id, int(times))):
        began = time.perf_counter()
        lambda_handler({**event}, Context(f"probe-{number}"))
        between = time.perf_counter()
        answer = session.post(
            request.url or "", data=request.body, headers=request.headers, timeout=5
        )
        ended = time.perf_counter()
        answer.raise_for_status()
        above.append(1000 * ((between - began) - (ended - between)))
    Path(result).write_text(json.dumps(above[1:]))


def _authorised(instance_id: str, times: int) -> list[requests.PreparedRequest]:
    """The requests of our function, authorised beforehand."""
    settings, clock = read_settings(os.environ), Clock()
    port, token = settings.PARAMETERS_SECRETS_EXTENSION_HTTP_PORT, settings.extension_token()
    issuer = Issuer(
        SecretStore(Transport(), port, token),
        secret_id=settings.CREDENTIALS_SECRET_ID,
        variable=CREDENTIALS_VARIABLE,
        iam_endpoint=settings.IAM_ENDPOINT,
        project_id=settings.PROJECT_ID,
        clock=clock,
    )
    auth = Auth(issuer, clock)
    authorization = auth.authorization(auth.begin(deadline_of_invocation(clock, 30, math.inf)))
    url = f"{settings.GAUSSDB_ENDPOINT}/v3/{authorization.project_id}/backups"
    return [
        requests.Request(
            *("POST", url),
            data=json.dumps({"instance_id": instance_id, "name": f"bare-{number:012}"}).encode(),
            headers={"Content-Type": "application/json"},
            auth=authorization.auth,
        ).prepare()
        for number in range(times)
    ]


if __name__ == "__main__":
    main(*sys.argv[1:])
