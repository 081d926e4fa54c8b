"""Faults by script: what goes wrong with which call, at which moment, and how it looks outside."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from tests.local_cloud.emulator.request import Request
from tests.local_cloud.emulator.responses import (
    GATEWAY_CODES,
    Answer,
    gateway_error,
    html_page,
    iam_error,
    iam_numbered_error,
    service_error,
)

Kind = Literal[
    "pass",  # nothing is wrong: for an `action`, or to let a call through in a script
    "status",  # another answer: `status`, `error_code`, `body`, `headers`
    "html",  # a load balancer's page
    "empty",  # the status and no body
    "garbage",  # bytes that are no HTTP
    "slow",  # the answer, `seconds` late
    "drip",  # the answer in drops that take `seconds` altogether, headers too unless told not to
    "truncated",  # half of the announced body, then the connection ends
    "cut",  # half of the JSON as a complete answer
    "hang",  # no answer; the connection ends after `seconds`
    "close",  # the connection ends without an answer
    "reset",  # the connection is reset without an answer
]
When = Literal["before", "after"]

SILENT: frozenset[Kind] = frozenset({"hang", "close", "reset", "garbage"})
_KEEPS_THE_ANSWER: frozenset[Kind] = frozenset({"slow", "drip", "truncated", "cut"})
_STATUS_TO_GATEWAY: Mapping[int, str] = {
    status: number
    for number, (status, _) in GATEWAY_CODES.items()
    if number in {"0101", "0202", "0203", "0301", "0302", "0308", "0601", "0613"}
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that goes wrong with a call.

    Attributes:
        operation: the call it waits for, "*" for any.
        when: "before" the work is done (it is not done at all) or "after" it; by default after for
            the kinds that only spoil the way of the real answer, before for all others.
        kind: how it looks outside.
        status: of a scripted answer; by default that of `error_code`, else 503 (502 for "html").
        error_code: "DBS.…" or "APIGW.…", with the documented status and text.
        body: of a scripted answer, in place of the error body: JSON's to be, or bytes.
        headers: more headers of a scripted answer.
        retry_after: the header Retry-After of a scripted answer: seconds, or an HTTP date.
        seconds: how long "slow", "drip" and "hang" take; a "hang" without any outlasts the client.
        drip_headers: whether "drip" lets fall the headers too, or the body alone.
        lands_after: the work is done so many seconds later, whatever was answered.
        times: how often it happens.
        skip: how many calls that fit pass first.
        where: further condition on the request.
        action: run at the moment of the fault: before the work, or after it.
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
        """Whether it strikes before or after the work."""
        return self.when or ("after" if self.kind in _KEEPS_THE_ANSWER else "before")

    @property
    def lets_work(self) -> bool:
        """Whether the call is carried out at once."""
        return self.lands_after is None and (self.moment == "after" or self.kind == "pass")

    @property
    def keeps_the_answer(self) -> bool:
        """Whether what is sent is the real answer, however it is sent."""
        return self.lets_work and (self.kind == "pass" or self.kind in _KEEPS_THE_ANSWER)

    def fits(self, operation: str, request: Request) -> bool:
        """Tell whether this call is meant."""
        if self.operation not in {"*", operation}:
            return False
        return self.where is None or self.where(request)

    def scripted_answer(self, service: str) -> Answer:
        """Return the answer given in place of the real one.

        Args:
            service: "iam" or "gaussdb": each has its own error bodies.
        """
        answer = self._plain_answer(service)
        headers = {**answer.headers, **self.headers}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return replace(answer, headers=headers)

    def _plain_answer(self, service: str) -> Answer:
        if self.kind == "html":
            return html_page(self.status or 502)
        if self.kind == "empty":
            return Answer(self.status or 503)
        if self.body is not None:
            return Answer(self.status or 503, self.body)
        if self.error_code is not None:
            return _coded(self.error_code, self.status)
        return _uncoded(self.status or 503, service)


def _coded(code: str, status: int | None) -> Answer:
    prefix, _, number = code.partition(".")
    if prefix in {"APIGW", "APIG"}:
        answer = gateway_error(number, status=status)
        return replace(answer, body={**_fields(answer), "error_code": code})
    if prefix == "IAM":
        return iam_numbered_error(status or 401, code, "The request was refused.")
    return service_error(code, status)


def _uncoded(status: int, service: str) -> Answer:
    if status < 400:
        return Answer(status, {})
    if service == "iam" and status != 429:
        return iam_error(status, "The request could not be processed.")
    if status == 500:
        return service_error("DBS.200005")
    if status == 409:
        return service_error("DBS.201202")
    number = _STATUS_TO_GATEWAY.get(status)
    return gateway_error(number) if number else service_error("DBS.280001", status)


def _fields(answer: Answer) -> dict[str, object]:
    return dict(answer.body) if isinstance(answer.body, dict) else {}


class FaultScript:
    """The faults still to come; each call takes the first that fits it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []
        self.fired: Counter[str] = Counter()

    def script(self, faults: Iterable[Fault]) -> None:
        """Replace what is still to come."""
        with self._lock:
            self._waiting = list(faults)

    def add(self, fault: Fault) -> None:
        """Add a fault behind those that wait."""
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        """Forget what is still to come."""
        self.script([])

    @property
    def waiting(self) -> tuple[Fault, ...]:
        """What is still to come."""
        return tuple(self._waiting)

    def take(self, operation: str, request: Request) -> Fault | None:
        """Return the fault that this call meets, if any, and use it up."""
        with self._lock:
            for index, fault in enumerate(self._waiting):
                if not fault.fits(operation, request):
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
