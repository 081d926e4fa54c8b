"""Where a request meets the cloud: it is recorded, may meet a fault, is worked on, is answered."""

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
from tests.local_cloud.emulator.responses import Answer, Refusal
from tests.local_cloud.emulator.routes import Routes, Work
from tests.local_cloud.emulator.server import Delivery

TRACE_HEADERS = {"iam": "X-IAM-Trace-Id", "gaussdb": "X-Request-Id"}


class Dispatcher:
    """Handles one request after the other, by the cloud's clock and under its lock."""

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

    def serve(self, service: str, routes: Routes) -> Callable[[Request], Delivery]:
        """Return what a listener calls for each request."""
        return lambda request: self._handle(service, routes, request)

    def _handle(self, service: str, routes: Routes, request: Request) -> Delivery:
        with self._lock:
            now = self._clock.now()
            self._gaussdb.settle(now)
            route, path = routes.find(service, request)
            call = record(service, route.operation, request, now)
            self.calls.append(call)

            def admitted() -> Work:
                return route.admit(request, path, now)

            fault = self._faults.take(route.operation, request)
            if fault is None:
                delivery = Delivery(_done(call, now, admitted))
            else:
                delivery = self._meet(fault, call, now, admitted)
            return self._sent(call, delivery)

    def _meet(
        self, fault: Fault, call: Call, now: datetime, admitted: Callable[[], Work]
    ) -> Delivery:
        call.fault = fault.kind
        if fault.action is not None and fault.moment == "before":
            fault.action()
        answer: Answer | None = None
        if fault.lands_after is not None:
            self._land_later(fault.lands_after, call, now, admitted)
        elif fault.lets_work:
            answer = _done(call, now, admitted)
        if fault.action is not None and fault.moment == "after":
            fault.action()
        if fault.kind in SILENT:
            answer = None
        elif answer is None or not fault.keeps_the_answer:
            answer = fault.scripted_answer(call.service)
        if answer is not None and fault.kind == "cut":
            answer = replace(answer, body=_half(answer.body))
        return Delivery(answer, fault.kind, fault.seconds, fault.drip_headers)

    def _land_later(
        self, seconds: float, call: Call, now: datetime, admitted: Callable[[], Work]
    ) -> None:
        """Let the caller in now, as the gateway does, and do the work when it is due."""
        try:
            work = admitted()
        except Refusal as refusal:
            call.done = refusal.answer.status
            return

        def land(moment: datetime) -> None:
            _done(call, moment, lambda: work)

        self._gaussdb.at(self._clock.later(now, seconds), land)

    def _sent(self, call: Call, delivery: Delivery) -> Delivery:
        answer = delivery.answer
        if answer is None:
            return delivery
        call.status = answer.status
        call.error_code = answer.error_code()
        trace = {TRACE_HEADERS[call.service]: uuid4().hex}
        return replace(delivery, answer=replace(answer, headers={**trace, **answer.headers}))


def _done(call: Call, moment: datetime, admitted: Callable[[], Work]) -> Answer:
    """Do the work, and note on the call how it went."""
    try:
        answer = admitted()(moment)
    except Refusal as refusal:
        answer = refusal.answer
    call.done = answer.status
    return answer


def _half(body: object) -> bytes:
    whole = body if isinstance(body, bytes) else json.dumps(body).encode()
    return whole[: len(whole) // 2]
