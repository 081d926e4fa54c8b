"""A stand-in for the AWS Parameters and Secrets Lambda Extension, in front of Secrets Manager.

It answers as the real extension was seen to: `not ready` while the function starts, one opaque 400
for whatever goes wrong with a secret, a cache that only its TTL can empty. What nobody has recorded
(a wrong token, a forwarded request) is answered as AWS's open Secrets Manager Agent does.
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
class _Answer:
    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class _Silence:
    seconds: float


_OPAQUE: Final = _Answer(400, UNEXPECTED.encode())


class SecretStore:
    """Secrets Manager behind the extension, as a context manager.

    Args:
        ttl: `SECRETS_MANAGER_TTL` in seconds; None is the variable left out. As in the real
            extension that means 300 s, and more than 300 s is 300 s.
        now: the cache's clock, in seconds.

    Attributes:
        session_token: what the function must send as `X-Aws-Parameters-Secrets-Token`.
        reads: the name or ARN of every secret that was asked for, in order, refusals included.
        fetches: those of them that the cache could not answer.
        token_refusal: status and body for a missing or wrong token; nobody has recorded them.
    """

    def __init__(
        self, ttl: int | None = None, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.session_token = f"not-a-real-session-token-{secrets.token_hex(8)}"
        leak_detector.made_secret("session token", self.session_token)
        self.reads: list[str] = []
        self.fetches: list[str] = []
        self.token_refusal = (403, "Bad Token")
        self._ttl = ttl
        self._now = now
        self._manager = SecretsManager()
        self._cache: dict[tuple[tuple[str, str], ...], tuple[float, _Answer]] = {}
        self._faults: deque[_Answer | _Silence] = deque()
        self._ready_at = 0.0
        self._closing = threading.Event()
        self._server: _Server | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self.come_back()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self.go_away()

    def put(self, name: str, value: Mapping[str, object] | str | bytes) -> str:
        """Stores a secret (see `SecretsManager.put`) and returns its `VersionId`."""
        return self._manager.put(name, value)

    def rotate(self, name: str, value: Mapping[str, object] | str | bytes) -> str:
        """Gives a secret that exists a new current version and returns its `VersionId`."""
        self._manager.arn(name)
        return self._manager.put(name, value)

    def arn(self, name: str) -> str:
        """The ARN of a secret that was put here."""
        return self._manager.arn(name)

    def environment(self) -> dict[str, str]:
        """The variables through which a function finds this extension."""
        found = {
            "AWS_SESSION_TOKEN": self.session_token,
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(self.port),
        }
        return found if self._ttl is None else found | {"SECRETS_MANAGER_TTL": str(self._ttl)}

    def not_ready(self, *, times: int = 0, seconds: float = 0) -> None:
        """Answers as the extension does during init: the next `times`, or for `seconds`."""
        self.answer_next(400, NOT_READY, times=times)
        self._ready_at = time.monotonic() + seconds

    def answer_next(self, status: int, body: str | bytes, *, times: int = 1) -> None:
        """Answers the next requests with this instead of a secret."""
        raw = body if isinstance(body, bytes) else body.encode()
        self._faults.extend([_Answer(status, raw)] * times)

    def hang(self, seconds: float, *, times: int = 1) -> None:
        """Leaves the next requests without any answer and then drops their connections."""
        self._faults.extend([_Silence(seconds)] * times)

    @contextlib.contextmanager
    def absent(self) -> Iterator[None]:
        """Inside, connections are refused: the layer is missing, or not up yet."""
        self.go_away()
        try:
            yield
        finally:
            self.come_back()

    def go_away(self) -> None:
        """Stops listening and cuts what is connected."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def come_back(self) -> None:
        """Listens again, on the port of the first time."""
        if self._server is None:
            self._server = _Server(self.port, self._respond)
            self.port = self._server.server_port
            self._server.start()

    def _respond(self, method: str, target: str, headers: Message) -> _Answer | None:
        url = urlsplit(target)
        query = dict(parse_qsl(url.query))
        self.reads.append(query.get("secretId", ""))
        if time.monotonic() < self._ready_at:
            return _Answer(400, NOT_READY.encode())
        if self._faults:
            return self._misbehave(self._faults.popleft())
        return self._refusal(method, url.path, headers) or self._secret(query)

    def _misbehave(self, fault: _Answer | _Silence) -> _Answer | None:
        if isinstance(fault, _Silence):
            self._closing.wait(fault.seconds)
            return None
        return fault

    def _refusal(self, method: str, path: str, headers: Message) -> _Answer | None:
        if "X-Forwarded-For" in headers:
            return _Answer(400, b"Forwarded")
        if headers.get("X-Aws-Parameters-Secrets-Token") != self.session_token:
            status, body = self.token_refusal
            return _Answer(status, body.encode())
        if path != "/secretsmanager/get":
            return _Answer(404, b"404 page not found\n")
        if method != "GET":
            return _Answer(405, b"")
        return None

    def _secret(self, query: Mapping[str, str]) -> _Answer:
        names = {"secretId": "SecretId", "versionStage": "VersionStage", "versionId": "VersionId"}
        request = {theirs: query[ours] for ours, theirs in names.items() if ours in query}
        key = tuple(sorted(request.items()))
        kept_until, answer = self._cache.get(key, (0.0, _OPAQUE))
        if key in self._cache and self._now() < kept_until:
            return answer
        self.fetches.append(query.get("secretId", ""))
        try:
            answer = _as_extension(self._manager.get(request))
        except SecretsManagerRefused:
            return _OPAQUE
        ttl = MAX_TTL_SECONDS if self._ttl is None else min(self._ttl, MAX_TTL_SECONDS)
        self._cache[key] = (self._now() + ttl, answer)
        return answer


def _as_extension(value: Mapping[str, Any]) -> _Answer:
    """The recorded shape: the date as text, both kinds of content present, and `ResultMetadata`."""
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
    return _Answer(200, json.dumps(body).encode(), "application/json")


class _Server(ThreadingHTTPServer):
    """Listens on loopback, and can cut the connections that clients keep alive."""

    daemon_threads = True

    def __init__(self, port: int, respond: Callable[[str, str, Message], _Answer | None]) -> None:
        super().__init__(("127.0.0.1", port), _Request)
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


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _answer(self) -> None:
        answer = self.server.respond(self.command, self.path, self.headers)
        if answer is None:
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - http.server's own names

    def log_message(self, *_: object) -> None:
        """Says nothing: what was asked is in `SecretStore.reads`."""
