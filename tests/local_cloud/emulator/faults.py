"""Scripted faults: which call fails, before or after its work, and what the client sees."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from tests.documented_error_codes import GATEWAY_CODES
from tests.local_cloud.emulator.request import Request
from tests.local_cloud.emulator.responses import (
    Response,
    gateway_error,
    html_page,
    iam_error,
    iam_numbered_error,
    service_error,
)

Kind = Literal[
    "pass",  # no fault: for an `action`, or to let a call pass in a script
    "status",  # another response: `status`, `error_code`, `body`, `headers`
    "html",  # a load balancer's error page
    "empty",  # the status without a body
    "garbage",  # bytes that are not HTTP
    "slow",  # the response, delayed by `seconds`
    "drip",  # the response in small chunks over `seconds`; see `drip_headers`
    "truncated",  # half of the announced body, then the connection is closed
    "cut",  # half of the JSON as a complete response
    "hang",  # no response; the connection is closed after `seconds`
    "close",  # the connection is closed without a response
    "reset",  # the connection is reset without a response
]
When = Literal["before", "after"]

SILENT: frozenset[Kind] = frozenset({"hang", "close", "reset", "garbage"})
_SENDS_RESPONSE: frozenset[Kind] = frozenset({"slow", "drip", "truncated", "cut"})
_STATUS_TO_GATEWAY: Mapping[int, str] = {
    status: number
    for number, (status, _) in GATEWAY_CODES.items()
    if number in {"0101", "0202", "0203", "0301", "0302", "0308", "0601", "0613"}
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault of a call.

    Attributes:
        operation: the operation that it applies to, "*" for any.
        when: "before" the operation, which is then not executed, or "after" it. The default is
            "after" for the kinds that send the real response damaged or late, else "before".
        kind: what the client sees.
        status: the status of a scripted response; by default that of `error_code`, else 503 (502
            for "html").
        error_code: "DBS.…" or "APIGW.…", with the documented status and text.
        body: the body of a scripted response instead of the error body: a JSON value, or bytes.
        headers: more headers of a scripted response.
        retry_after: the Retry-After header of a scripted response: seconds, or an HTTP date.
        seconds: the duration of "slow", "drip" and "hang"; a "hang" of 0 outlasts the client.
        drip_headers: whether "drip" sends the headers slowly too, or only the body.
        lands_after: executes the operation so many seconds later, whatever the response.
        times: how many calls it applies to.
        skip: how many matching calls pass before that.
        where: another condition on the request.
        action: a callback that runs at the time of the fault, before or after the operation.
    """

    operation: str = "*"
    when: When | None = None
    kind: Kind = "status"
    status: int | None = None
    error_code: str | None = None
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after: int | str | None = None
    seconds: float = 0.0
    drip_headers: bool = True
    lands_after: float | None = None
    times: int = 1
    skip: int = 0
    where: Callable[[Request], bool] | None = None
    action: Callable[[], None] | None = None

    @property
    def moment(self) -> When:
        """Whether the fault occurs before or after the operation."""
        return self.when or ("after" if self.kind in _SENDS_RESPONSE else "before")

    @property
    def executes(self) -> bool:
        """Whether the operation is executed at once."""
        return self.lands_after is None and (self.moment == "after" or self.kind == "pass")

    @property
    def sends_response(self) -> bool:
        """Whether the real response is sent, even if damaged or late."""
        return self.executes and (self.kind == "pass" or self.kind in _SENDS_RESPONSE)

    def matches(self, operation: str, request: Request) -> bool:
        """Tell whether the fault applies to this call."""
        if self.operation not in {"*", operation}:
            return False
        return self.where is None or self.where(request)

    def scripted_response(self, service: str) -> Response:
        """Return the response that replaces the real one.

        Args:
            service: "iam" or "gaussdb", which have different error bodies.
        """
        response = self._scripted_body(service)
        headers = {**response.headers, **self.headers}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return replace(response, headers=headers)

    def _scripted_body(self, service: str) -> Response:
        if self.kind == "html":
            return html_page(self.status or 502)
        if self.kind == "empty":
            return Response(self.status or 503)
        if self.body is not None:
            return Response(self.status or 503, self.body)
        if self.error_code is not None:
            return _response_with_code(self.error_code, self.status)
        return _response_without_code(self.status or 503, service)


def _response_with_code(code: str, status: int | None) -> Response:
    prefix, _, number = code.partition(".")
    if prefix in {"APIGW", "APIG"}:
        response = gateway_error(number, status=status)
        return replace(response, body={**_fields(response), "error_code": code})
    if prefix == "IAM":
        return iam_numbered_error(status or 401, code, "The request was refused.")
    return service_error(code, status)


def _response_without_code(status: int, service: str) -> Response:
    if status < 400:
        return Response(status, {})
    if service == "iam" and status != 429:
        return iam_error(status, "The request could not be processed.")
    if status == 500:
        return service_error("DBS.200005")
    if status == 409:
        return service_error("DBS.201202")
    number = _STATUS_TO_GATEWAY.get(status)
    return gateway_error(number) if number else service_error("DBS.280001", status)


def _fields(response: Response) -> dict[str, object]:
    return dict(response.body) if isinstance(response.body, dict) else {}


class FaultScript:
    """The pending faults; each call takes the first that matches it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []
        self.fired: Counter[str] = Counter()

    def script(self, faults: Iterable[Fault]) -> None:
        """Replace the pending faults."""
        with self._lock:
            self._waiting = list(faults)

    def add(self, fault: Fault) -> None:
        """Append a fault."""
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        """Remove all pending faults."""
        self.script([])

    @property
    def waiting(self) -> tuple[Fault, ...]:
        """The pending faults."""
        return tuple(self._waiting)

    def take(self, operation: str, request: Request) -> Fault | None:
        """Return the fault for this call, if any, and consume it."""
        with self._lock:
            for index, fault in enumerate(self._waiting):
                if not fault.matches(operation, request):
                    continue
                if fault.skip > 0:
                    self._waiting[index] = replace(fault, skip=fault.skip - 1)
                    return None
                self._waiting[index : index + 1] = (
                    [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
                )
                self.fired[fault.kind] += 1
                return fault
            return None
