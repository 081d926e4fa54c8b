"""What the manuals suggest: Huawei's own SDK, and the secrets extension for its keys."""

import json
import os
from collections.abc import Mapping
from functools import cache
from typing import Any

import requests
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkgaussdbforopengauss.v3 import (
    CreateManualBackupRequest,
    CreateManualBackupRequestBody,
    GaussDBforopenGaussClient,
)


@cache
def client() -> Any:
    """Huawei's client, signing with the access key of the secret."""
    found = requests.get(
        f"http://localhost:{os.environ['PARAMETERS_SECRETS_EXTENSION_HTTP_PORT']}/secretsmanager/get",
        params={"secretId": os.environ["CREDENTIALS_SECRET_ID"]},
        headers={"X-Aws-Parameters-Secrets-Token": os.environ["AWS_SESSION_TOKEN"]},
        timeout=5,
    )
    keys = json.loads(found.json()["SecretString"])
    credentials = BasicCredentials(keys["access_key"], keys["secret_key"], os.environ["PROJECT_ID"])
    builder = GaussDBforopenGaussClient.new_builder().with_credentials(credentials)
    return builder.with_endpoints([os.environ["GAUSSDB_ENDPOINT"]]).build()


def lambda_handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Asks for one backup, or for one per SQS message."""
    if "Records" not in event:
        return create(event["instance_id"], context.aws_request_id)
    for record in event["Records"]:
        create(json.loads(record["body"])["instance_id"], record["messageId"])
    return {"batchItemFailures": []}


def create(instance_id: str, identity: str) -> dict[str, Any]:
    """Asks for a backup that is named after the event."""
    body = CreateManualBackupRequestBody(instance_id=instance_id, name=f"auto-{identity}")
    accepted = client().create_manual_backup(CreateManualBackupRequest(body=body))
    return {"job_id": accepted.job_id, "backup_id": accepted.backup.id}
