"""Lambda's entry: reads the environment once and passes each event on.

Importing this module reads no secret, because the secrets extension refuses that during init, and
opens no connection.
"""

import gc
import os

from gaussdb_backup.lean_imports import lean_imports
from gaussdb_backup.log_settings import VARIABLES

# The garbage collector would run 60 times during the imports, and everything imported stays anyway.
# Pydantic would search every installed package for plugins, and there are none.
gc.disable()
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

# Powertools reads its variables during its import, and an empty one would end that.
for _name in VARIABLES:
    if os.environ.get(_name) == "":
        del os.environ[_name]

with lean_imports():
    from pydantic import JsonValue

    from gaussdb_backup.settings import read_settings

    # before the function, which imports Powertools: it would not name a malformed variable
    _settings = read_settings(os.environ)

    from gaussdb_backup.function import BackupFunction, LambdaContext

_function = BackupFunction(_settings)
gc.freeze()
gc.enable()


def lambda_handler(event: JsonValue, context: LambdaContext) -> JsonValue:
    """Responds to one event; the README describes events and responses.

    Raises:
        BackupError: the event source reports a failure as an exception. The class name is the
            error name that the README lists.
    """
    return _function(event, context)
