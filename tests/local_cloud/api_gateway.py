"""A minimal API Gateway: turns HTTP requests into events of payload format 2.0, one at a time.

Instead of verifying AWS signatures it accepts one fixed Authorization header as IAM-authenticated.
A request with another header, or none, reaches the function without an authorizer.
"""

from __future__ import annotations

import base64
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import parse_qs, urlsplit

from tests.local_cloud.events import IAM_CALLER, MILLISECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

AUTHORIZATION: Final = (
    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261123/eu-central-1/execute-api/"
    "aws4_request, SignedHeaders=host;x-amz-date, Signature=not-a-real-signature"
)


class ApiGateway(ThreadingHTTPServer):
    """An HTTP server on loopback in front of a function; a context manager.

    Args:
        function: takes an event and returns the reply.

    Attributes:
        exceptions: what the function raised; over HTTP it must never raise.
        statuses: the status codes of all responses so far.
    """

    daemon_threads = True

    def __init__(self, function: Callable[[dict[str, Any]], Any]) -> None:
        super().__init__(("127.0.0.1", 0), _RequestHandler)
        self.exceptions: list[Exception] = []
        self.statuses: set[int] = set()
        self._function = function
        self._one_at_a_time = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    @property
    def url(self) -> str:
        """The URL of the server."""
        return f"http://127.0.0.1:{self.server_port}"

    def invoke(self, event: dict[str, Any]) -> Any:
        """The function's reply, or the gateway's own 500 if the function raised."""
        with self._one_at_a_time:
            try:
                return self._function(event)
            except Exception as error:  # noqa: BLE001 - a gateway answers 500 whatever a function raises
                self.exceptions.append(error)
                return {"statusCode": 500, "headers": {}, "body": "Internal Server Error"}


class _RequestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ApiGateway

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        reply = self.server.invoke(self._event(body))
        self.server.statuses.add(reply["statusCode"])
        content = reply["body"].encode()
        self.send_response(reply["statusCode"])
        for name, value in reply["headers"].items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _event(self, body: bytes) -> dict[str, Any]:
        url = urlsplit(self.path)
        names = {name.lower() for name in self.headers}
        headers = {name: ",".join(self.headers.get_all(name, [])) for name in names}
        query = parse_qs(url.query, keep_blank_values=True)
        return {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": url.path,
            "rawQueryString": url.query,
            "headers": headers,
            "queryStringParameters": {name: ",".join(values) for name, values in query.items()},
            "requestContext": {
                **_authorizer(headers),
                "http": {"method": self.command, "path": url.path, "protocol": "HTTP/1.1"},
                "requestId": str(uuid.uuid4()),
                "stage": "$default",
                "timeEpoch": MILLISECONDS,
            },
            "body": base64.b64encode(body).decode(),
            "isBase64Encoded": True,
        }

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Handles every HTTP method in the same way."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


def _authorizer(headers: Mapping[str, str]) -> dict[str, Any]:
    return {"authorizer": IAM_CALLER} if headers.get("authorization") == AUTHORIZATION else {}
