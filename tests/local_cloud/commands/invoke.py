"""Invokes the function once with an event, in the environment that `make sandbox` printed."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Final

from tests.local_cloud.lambda_runtime import FunctionFailed, FunctionTimedOut, LambdaRuntime

_VARIABLES: Final = (
    "ALLOWED_INSTANCES",
    "AWS_SESSION_TOKEN",
    "CREDENTIALS_SECRET_ID",
    "DEFAULT_PAYLOAD",
    "GAUSSDB_ENDPOINT",
    "IAM_ENDPOINT",
    "POWERTOOLS_METRICS_NAMESPACE",
    "POWERTOOLS_SERVICE_NAME",
    "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT",
    "PROJECT_ID",
    "WEBHOOK_SECRET_ID",
)


def main() -> None:
    """Prints the function's log and its reply."""
    event = json.loads(Path(sys.argv[1]).read_bytes())
    environment = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    with LambdaRuntime(environment) as function:
        try:
            reply = function.invoke(event)
        except FunctionFailed as error:
            reply = error.response
        except FunctionTimedOut as error:
            reply = str(error)
        sys.stdout.write("\n".join([*function.lines(), json.dumps(reply, indent=2), ""]))


if __name__ == "__main__":
    main()
