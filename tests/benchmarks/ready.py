"""Run by Lambda's Python under valgrind: imports a handler, and ends when it could speak TLS.

The first argument names the handler. With a second one the handler's packages read their trusted
authorities only at the first connection: then that is done here, as `requests` would do it.
"""

import importlib
import os
import sys


def main(handler: str, *reads_late: str) -> None:
    """Comes as far as the first handshake."""
    importlib.import_module(handler.rpartition(".")[0])
    if reads_late:
        from requests.utils import DEFAULT_CA_BUNDLE_PATH  # noqa: PLC0415 - after the handler
        from urllib3.util.ssl_ import create_urllib3_context  # noqa: PLC0415 - as above

        create_urllib3_context().load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    os._exit(0)  # what an interpreter does at its end is no part of a cold start


if __name__ == "__main__":
    main(*sys.argv[1:])
