"""Lambda's entry: the environment is read once, and each event handed on.

Importing this module reads no secret, for the extension refuses during init, and opens no
connection.
"""

import os

from pydantic import JsonValue

from gaussdb_backup.function import BackupFunction, LambdaContext
from gaussdb_backup.settings import read_settings

_function = BackupFunction(read_settings(os.environ))


def lambda_handler(event: JsonValue, context: LambdaContext) -> JsonValue:
    """Answers one event: see the README for what goes in and what comes out.

    Raises:
        BackupError: where the door of this event tells a failure by raising it; the class name is
            the error name of the contract.
    """
    return _function(event, context)
