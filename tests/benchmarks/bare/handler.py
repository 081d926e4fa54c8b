"""As little as a function with our packages can do: it reads the secret and sends one POST."""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

import requests
from aws_lambda_powertools import Logger
from pydantic import BaseModel

logger = Logger()
session = requests.Session()


class Found(BaseModel):
    """The secrets extension's answer."""

    SecretString: str


@cache
def token() -> str:
    """The token that the secret holds."""
    found = session.get(
        f"http://localhost:{os.environ['PARAMETERS_SECRETS_EXTENSION_HTTP_PORT']}/secretsmanager/get",
        params={"secretId": os.environ["CREDENTIALS_SECRET_ID"]},
        headers={"X-Aws-Parameters-Secrets-Token": os.environ["AWS_SESSION_TOKEN"]},
        timeout=5,
    )
    return Found.model_validate_json(found.content).SecretString


def lambda_handler(event: Mapping[str, str], context: Any) -> dict[str, Any]:
    """Asks for one backup."""
    answer = session.post(
        f"{os.environ['GAUSSDB_ENDPOINT']}/v3/{os.environ['PROJECT_ID']}/backups",
        json={"instance_id": event["instance_id"], "name": f"bare-{context.aws_request_id}"},
        headers={"X-Auth-Token": token()},
        timeout=5,
    )
    answer.raise_for_status()
    accepted: dict[str, Any] = answer.json()
    logger.info("backup accepted", extra={"job_id": accepted["job_id"]})
    return accepted
