"""The record of what was called, for tests to look at."""

import json
from dataclasses import dataclass
from datetime import datetime

from tests.local_cloud.emulator.request import Request


@dataclass(slots=True)
class Call:
    """One request that reached the cloud.

    Attributes:
        service: "iam" or "gaussdb".
        operation: as Huawei's SDK names it, "CreateToken" for a log-in, "Unknown" for no route.
        method: of HTTP.
        path: as sent.
        query: the parameters, decoded.
        body: the JSON that came to GaussDB; never anything that came to IAM.
        at: the cloud's time of arrival.
        fault: the kind of the fault that the call met.
        status: what was answered; None if nothing was.
        error_code: of the answer.
        done: the status of the work itself; None if it was not done, or not yet.
    """

    service: str
    operation: str
    method: str
    path: str
    query: dict[str, str]
    body: object
    at: datetime
    fault: str | None = None
    status: int | None = None
    error_code: str | None = None
    done: int | None = None


def record(service: str, operation: str, request: Request, at: datetime) -> Call:
    """Return the record of a request, without headers and without what was told to IAM."""
    body: object = None
    if service == "gaussdb" and request.body:
        try:
            body = json.loads(request.body)
        except ValueError:
            body = request.body.decode("utf-8", "replace")
    query = dict(request.query)
    return Call(service, operation, request.method, request.path, query, body, at)
