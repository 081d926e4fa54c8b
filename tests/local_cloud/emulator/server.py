"""The cloud's sockets: one listener per service, and the faults of the transport."""

import json
import select
import selectors
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from socketserver import ThreadingTCPServer
from ssl import SSLContext

from tests.local_cloud.emulator.faults import Kind
from tests.local_cloud.emulator.request import Request
from tests.local_cloud.emulator.responses import Response

HOST = "127.0.0.1"
MAX_HANG_SECONDS = 3600.0  # longer than any client waits; the emulator's end ends it too
MIN_CHUNK_SECONDS = 0.01  # the shortest pause between chunks; a long response has bigger chunks


@dataclass(frozen=True, slots=True)
class Transmission:
    """A response and how it is sent."""

    response: Response | None
    kind: Kind = "pass"
    seconds: float = 0.0
    drip_headers: bool = True


Service = Callable[[Request], Transmission]


def write(response: Response, method: str) -> tuple[bytes, bytes]:
    """Return the head and the body of an HTTP response as bytes."""
    body, content_type = b"", "application/json"
    if isinstance(response.body, bytes):
        body = response.body
    elif isinstance(response.body, str):
        body = response.body.encode()
    elif response.body is not None:
        body = json.dumps(response.body, ensure_ascii=False).encode()
    headers = {
        "Date": formatdate(usegmt=True),
        "Server": "api-gateway",
        "Content-Type": content_type,
        "Content-Length": str(len(body)),
        **response.headers,
    }
    try:
        phrase = HTTPStatus(response.status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {response.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    return head, b"" if method == "HEAD" else body


class RequestHandler(BaseHTTPRequestHandler):
    """Handles one connection and sends each response with its fault."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Listener"

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        request = Request.received(
            self.command, self.path, dict(self.headers.items()), self.rfile.read(length)
        )
        self._send(self.server.service(request))

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Handle every HTTP method in the same way."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing, because the emulator records all calls."""

    def _send(self, transmission: Transmission) -> None:
        if transmission.kind == "slow" and not self._client_stays(transmission.seconds):
            return
        if transmission.response is None:
            self._send_no_response(transmission)
            return
        head, body = write(transmission.response, self.command)
        if transmission.kind == "drip":
            self._drip(head, body, transmission)
            return
        if transmission.kind == "truncated":
            body = body[: len(body) // 2]
            self.close_connection = True
        self.connection.sendall(head + body)

    def _send_no_response(self, transmission: Transmission) -> None:
        self.close_connection = True
        if transmission.kind == "hang":
            self._client_stays(transmission.seconds or MAX_HANG_SECONDS)
        if transmission.kind == "garbage":
            self.connection.sendall(b"\x00\x01 this is no HTTP\r\n\r\n")
        if transmission.kind == "reset":
            # with SO_LINGER 0 a connection is reset when it is closed
            no_linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)

    def _drip(self, head: bytes, body: bytes, transmission: Transmission) -> None:
        chunks = body
        if transmission.drip_headers:
            chunks = head + body
        else:
            self.connection.sendall(head)
        count = max(1, min(len(chunks), int(transmission.seconds / MIN_CHUNK_SECONDS)))
        edges = [len(chunks) * number // count for number in range(count + 1)]
        for start, end in pairwise(edges):
            if not self._client_stays(transmission.seconds / count):
                return
            self.connection.sendall(chunks[start:end])

    def _client_stays(self, seconds: float) -> bool:
        """Wait, and return whether the client is still connected."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            readable, _, _ = select.select([self.connection], [], [], left)
            # reads the raw socket, because a TLS socket does not support MSG_PEEK
            if readable and not socket.socket.recv(self.connection, 1, socket.MSG_PEEK):
                self.close_connection = True
                return False
            if readable:  # a pipelined request does not show whether the client stays
                time.sleep(min(left, MIN_CHUNK_SECONDS))
        return True


class Listener(ThreadingTCPServer):
    """Serves one service on its own port, which it keeps while it refuses connections.

    Args:
        service: the request handler.
        tls: the TLS context, if the service uses TLS.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, service: Service, tls: SSLContext | None = None) -> None:
        self.service = service
        self._tls = tls
        self.exceptions: list[Exception] = []
        self._open: set[socket.socket] = set()
        self._changing = threading.Lock()
        self._loop: threading.Thread | None = None
        self._closed = False
        self._waker, self._sleeper = socket.socketpair()
        super().__init__((HOST, 0), RequestHandler)
        self.port: int = self.server_address[1]
        self._start()

    def _start(self) -> None:
        self._loop = threading.Thread(target=self._accept_until_woken, daemon=True)
        self._loop.start()

    def _accept_until_woken(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket, selectors.EVENT_READ)
            selector.register(self._sleeper, selectors.EVENT_READ)
            while self._sleeper not in {key.fileobj for key, _ in selector.select()}:
                self.handle_request()
        self._sleeper.recv(1)

    def api_error(self) -> None:
        """Refuse new connections and close the open ones."""
        with self._changing:
            if self._loop is None:
                return
            self._stop_loop()
            self.socket.close()
            # bound but not listening: the port stays reserved and the kernel refuses connections
            self.socket = socket.socket(self.address_family, self.socket_type)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind((HOST, self.port))
        self.drop_connections()

    def accept_again(self) -> None:
        """Accept connections again."""
        with self._changing:
            if self._loop is None and not self._closed:
                self.socket.listen(self.request_queue_size)
                self._start()

    def _stop_loop(self) -> None:
        if self._loop is not None:
            self._waker.send(b"\0")
            self._loop.join()
            self._loop = None

    def drop_connections(self) -> None:
        """Close all open connections, as servers do with idle ones."""
        for connection in list(self._open):
            _shut(connection)

    def close(self) -> None:
        """Stop, and close all connections."""
        with self._changing:
            if self._closed:
                return
            self._closed = True
            self._stop_loop()
            self.server_close()
            self._waker.close()
            self._sleeper.close()
        self.drop_connections()

    def process_request_thread(self, request: object, client_address: object) -> None:
        """Serve one connection and keep track of it while it is open."""
        if not isinstance(request, socket.socket):
            return
        try:
            connection = self._tls.wrap_socket(request, server_side=True) if self._tls else request
        except OSError:
            return  # the client does not trust the certificate
        self._open.add(connection)
        try:
            super().process_request_thread(connection, client_address)
        finally:
            self._open.discard(connection)

    def shutdown_request(self, request: object) -> None:
        """Close a connection without shutdown, so that a reset stays a reset."""
        if isinstance(request, socket.socket):
            request.close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep exceptions of the emulator; a client that disconnects is no error."""
        del request, client_address
        error = sys.exc_info()[1]
        if isinstance(error, Exception) and not isinstance(error, OSError):
            self.exceptions.append(error)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # already closed
