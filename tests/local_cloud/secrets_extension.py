"""A stand-in for the AWS Parameters and Secrets Lambda Extension, in front of Secrets Manager.

It behaves as the real extension was observed to: "not ready" while the function starts, the same
400 for everything that is wrong with a secret, and a cache that only the TTL expires. Where no
recording exists (a wrong token, a forwarded request), it behaves as AWS's open-source Secrets
Manager Agent does.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import parse_qsl, urlsplit

from tests.local_cloud import leak_detector
from tests.local_cloud.secrets_manager import SecretsManager, SecretsManagerRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from email.message import Message

MAX_TTL_SECONDS: Final = 300
NOT_READY: Final = "not ready to serve traffic, please wait"
UNEXPECTED: Final = "an unexpected error occurred while executing request"


@dataclass(frozen=True, slots=True)
class _Response:
    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class _NoResponse:
    seconds: float


_OPAQUE: Final = _Response(400, UNEXPECTED.encode())


class SecretsExtension:
    """The extension with Secrets Manager behind it; a context manager.

    Args:
        ttl: `SECRETS_MANAGER_TTL` in seconds; None stands for no variable, which means 300 s. More
            than 300 s counts as 300 s, as in the real extension.
        now: the cache's clock, in seconds.

    Attributes:
        session_token: the token that the function must send as `X-Aws-Parameters-Secrets-Token`.
        reads: the names or ARNs of all requested secrets, in order, rejected requests included.
        fetches: the reads that the cache did not answer.
        wrong_token_response: status and body for a missing or wrong token; no recording exists.
    """

    def __init__(
        self, ttl: int | None = None, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.session_token = f"not-a-real-session-token-{secrets.token_hex(8)}"
        leak_detector.record_secret("session token", self.session_token)
        self.reads: list[str] = []
        self.fetches: list[str] = []
        self.wrong_token_response = (403, "Bad Token")
        self._ttl = ttl
        self._now = now
        self._manager = SecretsManager()
        self._cache: dict[tuple[tuple[str, str], ...], tuple[float, _Response]] = {}
        self._faults: deque[_Response | _NoResponse] = deque()
        self._ready_at = 0.0
        self._closing = threading.Event()
        self._server: _Server | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self.listen_again()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self.stop_listening()

    def put(self, name: str, value: Mapping[str, object] | str | bytes) -> str:
        """Stores a secret (see `SecretsManager.put`) and returns its `VersionId`."""
        return self._manager.put(name, value)

    def rotate(self, name: str, value: Mapping[str, object] | str | bytes) -> str:
        """Gives an existing secret a new current version and returns its `VersionId`."""
        self._manager.arn(name)
        return self._manager.put(name, value)

    def arn(self, name: str) -> str:
        """The ARN of a stored secret."""
        return self._manager.arn(name)

    def environment(self) -> dict[str, str]:
        """The environment variables by which a function finds this extension."""
        found = {
            "AWS_SESSION_TOKEN": self.session_token,
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(self.port),
        }
        return found if self._ttl is None else found | {"SECRETS_MANAGER_TTL": str(self._ttl)}

    def not_ready(self, *, times: int = 0, seconds: float = 0) -> None:
        """Responds "not ready", as during init, to the next `times` requests or for `seconds`."""
        self.respond_next(400, NOT_READY, times=times)
        self._ready_at = time.monotonic() + seconds

    def respond_next(self, status: int, body: str | bytes, *, times: int = 1) -> None:
        """Sends this response to the next requests instead of a secret."""
        raw = body if isinstance(body, bytes) else body.encode()
        self._faults.extend([_Response(status, raw)] * times)

    def hang(self, seconds: float, *, times: int = 1) -> None:
        """Sends no response to the next requests and closes their connections after `seconds`."""
        self._faults.extend([_NoResponse(seconds)] * times)

    @contextlib.contextmanager
    def unreachable(self) -> Iterator[None]:
        """Refuses connections inside the block: the layer is missing, or not running yet."""
        self.stop_listening()
        try:
            yield
        finally:
            self.listen_again()

    def stop_listening(self) -> None:
        """Stops listening and closes all connections."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def listen_again(self) -> None:
        """Listens on the same port as the first time."""
        if self._server is None:
            self._server = _Server(self.port, self._respond)
            self.port = self._server.server_port
            self._server.start()

    def _respond(self, method: str, target: str, headers: Message) -> _Response | None:
        url = urlsplit(target)
        query = dict(parse_qsl(url.query))
        self.reads.append(query.get("secretId", ""))
        if time.monotonic() < self._ready_at:
            return _Response(400, NOT_READY.encode())
        if self._faults:
            return self._apply_fault(self._faults.popleft())
        return self._rejection(method, url.path, headers) or self._secret(query)

    def _apply_fault(self, fault: _Response | _NoResponse) -> _Response | None:
        if isinstance(fault, _NoResponse):
            self._closing.wait(fault.seconds)
            return None
        return fault

    def _rejection(self, method: str, path: str, headers: Message) -> _Response | None:
        if "X-Forwarded-For" in headers:
            return _Response(400, b"Forwarded")
        if headers.get("X-Aws-Parameters-Secrets-Token") != self.session_token:
            status, body = self.wrong_token_response
            return _Response(status, body.encode())
        if path != "/secretsmanager/get":
            return _Response(404, b"404 page not found\n")
        if method != "GET":
            return _Response(405, b"")
        return None

    def _secret(self, query: Mapping[str, str]) -> _Response:
        names = {"secretId": "SecretId", "versionStage": "VersionStage", "versionId": "VersionId"}
        request = {
            aws_name: query[extension_name]
            for extension_name, aws_name in names.items()
            if extension_name in query
        }
        key = tuple(sorted(request.items()))
        expires_at, response = self._cache.get(key, (0.0, _OPAQUE))
        if key in self._cache and self._now() < expires_at:
            return response
        self.fetches.append(query.get("secretId", ""))
        try:
            response = _extension_response(self._manager.get(request))
        except SecretsManagerRefused:
            return _OPAQUE
        ttl = MAX_TTL_SECONDS if self._ttl is None else min(self._ttl, MAX_TTL_SECONDS)
        self._cache[key] = (self._now() + ttl, response)
        return response


def _extension_response(value: Mapping[str, Any]) -> _Response:
    """The recorded form: the date as text, both kinds of content, and `ResultMetadata`."""
    created = datetime.fromtimestamp(float(value["CreatedDate"]), UTC)
    body = {
        "ARN": value["ARN"],
        "CreatedDate": created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "Name": value["Name"],
        "SecretBinary": value.get("SecretBinary"),
        "SecretString": value.get("SecretString"),
        "VersionId": value["VersionId"],
        "VersionStages": value["VersionStages"],
        "ResultMetadata": {},
    }
    return _Response(200, json.dumps(body).encode(), "application/json")


class _Server(ThreadingHTTPServer):
    """Listens on loopback and can close the connections that clients keep alive."""

    daemon_threads = True

    def __init__(self, port: int, respond: Callable[[str, str, Message], _Response | None]) -> None:
        super().__init__(("127.0.0.1", port), _RequestHandler)
        self.respond = respond
        self._connections: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()
        for connection in tuple(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)


class _RequestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _handle(self) -> None:
        response = self.server.respond(self.command, self.path, self.headers)
        if response is None:
            self.close_connection = True
            return
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(response.body)

    do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815 - http.server's own names

    def log_message(self, *_: object) -> None:
        """Logs nothing; `SecretsExtension.reads` records the requests."""
