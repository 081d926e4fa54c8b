"""The routes: which method and path is which operation. Other paths are 404."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tests.local_cloud.emulator.gateway import Gateway
from tests.local_cloud.emulator.gaussdb_api import ApiRequest, GaussDbApi
from tests.local_cloud.emulator.iam import Iam
from tests.local_cloud.emulator.request import Request
from tests.local_cloud.emulator.responses import ErrorResponse, Response, gateway_error
from tests.local_cloud.emulator.restores import Restores

# an authorized operation, to be executed at a given time
Work = Callable[[datetime], Response]
Authorizer = Callable[[Request, tuple[str, ...], datetime], Work]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and path, the operation's name in Huawei's SDK, and its authorization."""

    service: str
    method: str
    path: re.Pattern[str]
    operation: str
    authorize: Authorizer


def _reject_unknown(request: Request, path: tuple[str, ...], now: datetime) -> Work:
    del request, path, now
    raise ErrorResponse(gateway_error("0101"))


class Routes:
    """All operations of the cloud."""

    def __init__(self, gateway: Gateway, iam: Iam, api: GaussDbApi, restores: Restores) -> None:
        self._gateway = gateway
        self._api = api
        gaussdb = [
            ("POST", "/v3/*/backups", "CreateManualBackup", api.create_manual_backup),
            ("GET", "/v3/*/backups", "ListBackups", api.list_backups),
            ("DELETE", "/v3/*/backups/*", "DeleteManualBackup", api.delete_manual_backup),
            ("GET", "/v3/*/jobs", "ShowJobDetail", api.show_job_detail),
            ("GET", "/v3/*/tasks", "ListTasks", api.list_tasks),
            ("GET", "/v3/*/instances", "ListInstances", api.list_instances),
            ("POST", "/v3/*/instances", "CreateRestoreInstance", restores.create_restore_instance),
        ]
        self._routes = [
            Route(
                "iam",
                "POST",
                _pattern("/v3/auth/tokens"),
                "CreateToken",
                _public(iam.create_token),
            ),
            *(
                Route("gaussdb", method, _pattern(path), name, self._authenticated(operation))
                for method, path, name, operation in gaussdb
            ),
        ]
        self._unknown = Route("", "", re.compile(""), "Unknown", _reject_unknown)

    def find(self, service: str, request: Request) -> tuple[Route, tuple[str, ...]]:
        """Return the route of a request and its path parameters."""
        for route in self._routes:
            if route.service != service or route.method != request.method:
                continue
            found = route.path.fullmatch(request.path)
            if found is not None:
                return route, found.groups()
        return self._unknown, ()

    def _authenticated(self, work: Callable[[ApiRequest], Response]) -> Authorizer:
        """Authenticate and authorize at once, and execute the operation at its time."""

        def authorize(request: Request, path: tuple[str, ...], now: datetime) -> Work:
            caller = self._gateway.authenticate(request, now)
            self._api.authorize(ApiRequest(request, caller, path, now))
            return lambda moment: work(ApiRequest(request, caller, path, moment))

        return authorize


def _public(work: Callable[[Request, datetime], Response]) -> Authorizer:
    def authorize(request: Request, path: tuple[str, ...], now: datetime) -> Work:
        del path, now
        return lambda moment: work(request, moment)

    return authorize


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(path).replace(r"\*", "([^/]+)"))
