"""Handles each request: records it, applies a fault if one matches, executes it, responds."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from tests.local_cloud.emulator.calls import Call, record
from tests.local_cloud.emulator.clock import ServerClock
from tests.local_cloud.emulator.faults import SILENT, Fault, FaultScript
from tests.local_cloud.emulator.gaussdb import GaussDb
from tests.local_cloud.emulator.request import Request
from tests.local_cloud.emulator.responses import ErrorResponse, Response
from tests.local_cloud.emulator.routes import Routes, Work
from tests.local_cloud.emulator.server import Transmission

TRACE_HEADERS = {"iam": "X-IAM-Trace-Id", "gaussdb": "X-Request-Id"}


class Dispatcher:
    """Handles requests one at a time, by the cloud's clock and under its lock."""

    def __init__(
        self,
        lock: threading.RLock,
        clock: ServerClock,
        gaussdb: GaussDb,
        faults: FaultScript,
    ) -> None:
        self._lock = lock
        self._clock = clock
        self._gaussdb = gaussdb
        self._faults = faults
        self.calls: list[Call] = []

    def serve(self, service: str, routes: Routes) -> Callable[[Request], Transmission]:
        """Return the request handler for one service."""
        return lambda request: self._handle(service, routes, request)

    def _handle(self, service: str, routes: Routes, request: Request) -> Transmission:
        with self._lock:
            now = self._clock.now()
            self._gaussdb.run_due(now)
            route, path = routes.find(service, request)
            call = record(service, route.operation, request, now)
            self.calls.append(call)

            def authorized() -> Work:
                return route.authorize(request, path, now)

            fault = self._faults.take(route.operation, request)
            if fault is None:
                transmission = Transmission(_execute(call, now, authorized))
            else:
                transmission = self._apply(fault, call, now, authorized)
            return self._record_response(call, transmission)

    def _apply(
        self, fault: Fault, call: Call, now: datetime, authorized: Callable[[], Work]
    ) -> Transmission:
        call.fault = fault.kind
        if fault.action is not None and fault.moment == "before":
            fault.action()
        response: Response | None = None
        if fault.lands_after is not None:
            self._land_later(fault.lands_after, call, now, authorized)
        elif fault.executes:
            response = _execute(call, now, authorized)
        if fault.action is not None and fault.moment == "after":
            fault.action()
        if fault.kind in SILENT:
            response = None
        elif response is None or not fault.sends_response:
            response = fault.scripted_response(call.service)
        if response is not None and fault.kind == "cut":
            response = replace(response, body=_cut_in_half(response.body))
        return Transmission(response, fault.kind, fault.seconds, fault.drip_headers)

    def _land_later(
        self, seconds: float, call: Call, now: datetime, authorized: Callable[[], Work]
    ) -> None:
        """Authenticate the request now and execute it later."""
        try:
            work = authorized()
        except ErrorResponse as error:
            call.done = error.response.status
            return

        def land(moment: datetime) -> None:
            _execute(call, moment, lambda: work)

        self._gaussdb.at(self._clock.later(now, seconds), land)

    def _record_response(self, call: Call, transmission: Transmission) -> Transmission:
        response = transmission.response
        if response is None:
            return transmission
        call.status = response.status
        call.error_code = response.error_code()
        trace = {TRACE_HEADERS[call.service]: uuid4().hex}
        return replace(
            transmission, response=replace(response, headers={**trace, **response.headers})
        )


def _execute(call: Call, moment: datetime, authorized: Callable[[], Work]) -> Response:
    """Execute the operation and record its status on the call."""
    try:
        response = authorized()(moment)
    except ErrorResponse as error:
        response = error.response
    call.done = response.status
    return response


def _cut_in_half(body: object) -> bytes:
    whole = body if isinstance(body, bytes) else json.dumps(body).encode()
    return whole[: len(whole) // 2]
