"""Makes moto's interpreter fast enough to run every test: nothing that it does changes.

How long a definition waits before it tries again is read in `test_retries`, not waited for.
"""

from __future__ import annotations

import functools
import logging
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.utils import boto_client, json_path

if TYPE_CHECKING:
    import pytest

_RETRY_SECONDS: Final = 0.05


def make_fast(patch: pytest.MonkeyPatch) -> None:
    """Patches moto for as long as the patch lasts."""
    soon = SimpleNamespace(sleep=lambda _: time.sleep(_RETRY_SECONDS))
    patch.setattr(retrier_decl, "time", soon)
    # for every task it makes a client anew, which reads the models of the service from disk
    boto = vars(boto_client)["boto3"]
    patch.setattr(boto_client, "boto3", SimpleNamespace(client=_remembered(boto)))
    # for every path that it reads it makes the parser of such paths anew
    patch.setattr(json_path, "parse", functools.cache(vars(json_path)["parse"]))
    # it logs each state that fails as an error, with all that it knows of the run
    logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)


def _remembered(boto: Any) -> Any:
    """A maker of clients that makes one for each service and address."""
    clients: dict[tuple[str, str], Any] = {}

    def client(*, service_name: str, endpoint_url: str, **rest: Any) -> Any:
        key = (service_name, endpoint_url)
        if key not in clients:
            clients[key] = boto.client(service_name=service_name, endpoint_url=endpoint_url, **rest)
        return clients[key]

    return client
