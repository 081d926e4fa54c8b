"""The local cloud: Open Telekom Cloud's IAM and GaussDB (openGauss) on two loopback ports."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ssl import SSLContext
from types import TracebackType
from typing import Literal, Self

from tests.local_cloud.emulator.calls import Call
from tests.local_cloud.emulator.dispatcher import Dispatcher
from tests.local_cloud.emulator.faults import FaultScript
from tests.local_cloud.emulator.gateway import Gateway
from tests.local_cloud.emulator.gaussdb_api import GaussDbApi
from tests.local_cloud.emulator.iam import Iam
from tests.local_cloud.emulator.inventory import Inventory
from tests.local_cloud.emulator.other_operations import OtherOperations
from tests.local_cloud.emulator.routes import Routes
from tests.local_cloud.emulator.server import HOST, Listener

ServiceName = Literal["iam", "gaussdb"]


class Emulator(Inventory):
    """IAM and GaussDB as one cloud with one account; starts when made, stops at the end of `with`.

    What it keeps, and how to fill it, is in `Inventory`; how it behaves, in `Behaviour`.

    Args:
        project_id: the ID of its project; a new one unless given.
        tls: the certificate of both services; they speak plain HTTP unless given.

    Attributes:
        faults: what is to go wrong.
    """

    def __init__(self, project_id: str | None = None, tls: SSLContext | None = None) -> None:
        super().__init__(project_id)
        self._scheme = "https" if tls else "http"
        self.faults = FaultScript()
        self._desk = Dispatcher(self._lock, self.clock, self._gaussdb, self.faults)
        gateway = Gateway(self.iam)
        api = GaussDbApi(self._gaussdb, self.iam)
        iam = Iam(self.iam, gateway, lambda: self.gaussdb_endpoint)
        routes = Routes(gateway, iam, api, OtherOperations(self._gaussdb, api))
        self._listeners: dict[ServiceName, Listener] = {
            "iam": Listener(self._desk.serve("iam", routes), tls),
            "gaussdb": Listener(self._desk.serve("gaussdb", routes), tls),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop both services.

        Raises:
            ExceptionGroup: the emulator itself broke while it handled requests.
        """
        bugs: list[Exception] = []
        for listener in self._listeners.values():
            listener.close()
            bugs += listener.bugs
        if bugs:
            raise ExceptionGroup("the emulator broke", bugs)

    @property
    def iam_endpoint(self) -> str:
        """The URL of IAM."""
        return f"{self._scheme}://{HOST}:{self._listeners['iam'].port}"

    @property
    def gaussdb_endpoint(self) -> str:
        """The URL of GaussDB."""
        return f"{self._scheme}://{HOST}:{self._listeners['gaussdb'].port}"

    @property
    def calls(self) -> list[Call]:
        """Every request so far, in the order of arrival."""
        with self._lock:
            return list(self._desk.calls)

    def calls_of(self, operation: str) -> list[Call]:
        """Return the requests of one operation, in the order of arrival."""
        return [call for call in self.calls if call.operation == operation]

    def drop_connections(self) -> None:
        """End every connection that stands, as happens to those that idle for long."""
        for listener in self._listeners.values():
            listener.drop_connections()

    @contextmanager
    def refusing_connections(self, service: ServiceName = "gaussdb") -> Iterator[None]:
        """Refuse every connection to a service for the length of the block."""
        listener = self._listeners[service]
        listener.refuse()
        try:
            yield
        finally:
            listener.accept_again()

    def refuse_connections(self, seconds: float, service: ServiceName = "gaussdb") -> None:
        """Refuse every connection to a service for so many real seconds from now."""
        listener = self._listeners[service]
        listener.refuse()
        timer = threading.Timer(seconds, listener.accept_again)
        timer.daemon = True
        timer.start()
