"""The record of all requests, for assertions in tests."""

import json
from dataclasses import dataclass
from datetime import datetime

from tests.local_cloud.emulator.request import Request


@dataclass(slots=True)
class Call:
    """One request that reached the cloud.

    Attributes:
        service: "iam" or "gaussdb".
        operation: the operation's name in Huawei's SDK; "CreateToken" for a log-in, "Unknown" if
            no route matches.
        method: the HTTP method.
        path: the path as sent.
        query: the decoded query parameters.
        body: the JSON body of a request to GaussDB; never of a request to IAM.
        at: the time of arrival by the cloud's clock.
        fault: the kind of the injected fault.
        status: the status of the response that was sent; None if none was sent.
        error_code: the error code of the response.
        done: the status of the operation itself; None if it was not executed, or not yet.
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
    """Return the record of a request, without headers and without the body of a log-in."""
    body: object = None
    if service == "gaussdb" and request.body:
        try:
            body = json.loads(request.body)
        except ValueError:
            body = request.body.decode("utf-8", "replace")
    query = dict(request.query)
    return Call(service, operation, request.method, request.path, query, body, at)
