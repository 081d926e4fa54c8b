"""Lambda's entry: the environment is read once, and each event handed on.

Importing this module reads no secret, for the extension refuses during init, and opens no
connection.
"""

import gc
import os

# The collector would look 60 times through what is being imported, all of which stays anyway; and
# pydantic would search every installed package for plugins, of which there is none.
gc.disable()
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from pydantic import JsonValue  # noqa: E402 - see above

from gaussdb_backup.function import BackupFunction, LambdaContext  # noqa: E402 - see above
from gaussdb_backup.settings import read_settings  # noqa: E402 - see above

_function = BackupFunction(read_settings(os.environ))
gc.freeze()
gc.enable()


def lambda_handler(event: JsonValue, context: LambdaContext) -> JsonValue:
    """Answers one event: see the README for what goes in and what comes out.

    Raises:
        BackupError: where the door of this event tells a failure by raising it; the class name is
            the error name of the contract.
    """
    return _function(event, context)
