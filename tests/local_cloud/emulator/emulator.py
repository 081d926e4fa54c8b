"""The emulator: Open Telekom Cloud's IAM and GaussDB (openGauss) on two loopback ports."""

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
from tests.local_cloud.emulator.restores import Restores
from tests.local_cloud.emulator.routes import Routes
from tests.local_cloud.emulator.server import HOST, Listener

ServiceName = Literal["iam", "gaussdb"]


class Emulator(Inventory):
    """IAM and GaussDB as one cloud with one account. It runs from creation to the end of `with`.

    `Inventory` holds its state and methods to fill it, `Behaviour` its settings.

    Args:
        project_id: the ID of the initial project; a new one unless given.
        tls: the TLS context of both services; they use plain HTTP unless given.

    Attributes:
        faults: the scripted faults.
    """

    def __init__(self, project_id: str | None = None, tls: SSLContext | None = None) -> None:
        super().__init__(project_id)
        self._scheme = "https" if tls else "http"
        self.faults = FaultScript()
        self._dispatcher = Dispatcher(self._lock, self.clock, self._gaussdb, self.faults)
        gateway = Gateway(self.iam)
        api = GaussDbApi(self._gaussdb, self.iam)
        iam = Iam(self.iam, lambda: self.gaussdb_endpoint)
        routes = Routes(gateway, iam, api, Restores(self._gaussdb, api))
        self._listeners: dict[ServiceName, Listener] = {
            "iam": Listener(self._dispatcher.serve("iam", routes), tls),
            "gaussdb": Listener(self._dispatcher.serve("gaussdb", routes), tls),
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
            ExceptionGroup: the emulator itself failed while it handled requests.
        """
        exceptions: list[Exception] = []
        for listener in self._listeners.values():
            listener.close()
            exceptions += listener.exceptions
        if exceptions:
            raise ExceptionGroup("the emulator failed", exceptions)

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
            return list(self._dispatcher.calls)

    def calls_of(self, operation: str) -> list[Call]:
        """Return the requests of one operation, in the order of arrival."""
        return [call for call in self.calls if call.operation == operation]

    def drop_connections(self) -> None:
        """Close all open connections, as servers do with idle ones."""
        for listener in self._listeners.values():
            listener.drop_connections()

    @contextmanager
    def refusing_connections(self, service: ServiceName = "gaussdb") -> Iterator[None]:
        """Refuse all connections to a service inside the block."""
        listener = self._listeners[service]
        listener.api_error()
        try:
            yield
        finally:
            listener.accept_again()

    def refuse_connections(self, seconds: float, service: ServiceName = "gaussdb") -> None:
        """Refuse all connections to a service for `seconds` of real time."""
        listener = self._listeners[service]
        listener.api_error()
        timer = threading.Timer(seconds, listener.accept_again)
        timer.daemon = True
        timer.start()
