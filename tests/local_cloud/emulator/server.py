"""The cloud's sockets: a listener per service, and the ways in which an answer reaches a client."""

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
from tests.local_cloud.emulator.responses import Answer

HOST = "127.0.0.1"
FOREVER = 3600.0  # longer than any client waits, and it ends with the emulator
DROP_SECONDS = 0.01  # drops fall no faster than this; a long answer falls in bigger ones


@dataclass(frozen=True, slots=True)
class Delivery:
    """An answer and the manner in which it is sent."""

    answer: Answer | None
    manner: Kind = "pass"
    seconds: float = 0.0
    drip_headers: bool = True


Service = Callable[[Request], Delivery]


def write(answer: Answer, method: str) -> tuple[bytes, bytes]:
    """Return the header and the body of an HTTP answer."""
    body, content_type = b"", "application/json"
    if isinstance(answer.body, bytes):
        body = answer.body
    elif isinstance(answer.body, str):
        body = answer.body.encode()
    elif answer.body is not None:
        body = json.dumps(answer.body, ensure_ascii=False).encode()
    headers = {
        "Date": formatdate(usegmt=True),
        "Server": "api-gateway",
        "Content-Type": content_type,
        "Content-Length": str(len(body)),
        **answer.headers,
    }
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {answer.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    return head, b"" if method == "HEAD" else body


class Exchange(BaseHTTPRequestHandler):
    """One connection: requests in, answers out, in whatever manner they are to be delivered."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Listener"

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        request = Request.received(
            self.command, self.path, dict(self.headers.items()), self.rfile.read(length)
        )
        self._deliver(self.server.service(request))

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Return the one way to serve for every method there is."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: the cloud keeps a record of its own."""

    def _deliver(self, delivery: Delivery) -> None:
        if delivery.manner == "slow" and not self._client_waits(delivery.seconds):
            return
        if delivery.answer is None:
            self._deliver_nothing(delivery)
            return
        head, body = write(delivery.answer, self.command)
        if delivery.manner == "drip":
            self._drip(head, body, delivery)
            return
        if delivery.manner == "truncated":
            body = body[: len(body) // 2]
            self.close_connection = True
        self.connection.sendall(head + body)

    def _deliver_nothing(self, delivery: Delivery) -> None:
        self.close_connection = True
        if delivery.manner == "hang":
            self._client_waits(delivery.seconds or FOREVER)
        if delivery.manner == "garbage":
            self.connection.sendall(b"\x00\x01 this is no HTTP\r\n\r\n")
        if delivery.manner == "reset":
            # a connection that lingers for no time at all is reset when it is closed
            lingers_not = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, lingers_not)

    def _drip(self, head: bytes, body: bytes, delivery: Delivery) -> None:
        drops = body
        if delivery.drip_headers:
            drops = head + body
        else:
            self.connection.sendall(head)
        count = max(1, min(len(drops), int(delivery.seconds / DROP_SECONDS)))
        edges = [len(drops) * number // count for number in range(count + 1)]
        for start, end in pairwise(edges):
            if not self._client_waits(delivery.seconds / count):
                return
            self.connection.sendall(drops[start:end])

    def _client_waits(self, seconds: float) -> bool:
        """Wait; tell whether the client is still there afterwards."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            readable, _, _ = select.select([self.connection], [], [], left)
            # as bytes of the socket, because TLS cannot be peeked into
            if readable and not socket.socket.recv(self.connection, 1, socket.MSG_PEEK):
                self.close_connection = True
                return False
            if readable:  # an impatient client sent more: nothing to be learned from it
                time.sleep(min(left, DROP_SECONDS))
        return True


class Listener(ThreadingTCPServer):
    """A service on a port of its own, which it keeps while it refuses connections.

    Args:
        service: what answers.
        tls: for a service that speaks TLS.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, service: Service, tls: SSLContext | None = None) -> None:
        self.service = service
        self._tls = tls
        self.bugs: list[Exception] = []
        self._open: set[socket.socket] = set()
        self._changing = threading.Lock()
        self._loop: threading.Thread | None = None
        self._closed = False
        self._waker, self._sleeper = socket.socketpair()
        super().__init__((HOST, 0), Exchange)
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

    def refuse(self) -> None:
        """Let every connection be refused, and end those that stand."""
        with self._changing:
            if self._loop is None:
                return
            self._stop_loop()
            self.socket.close()
            # bound but not listening: the port stays ours and the kernel refuses
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
        """End every connection that stands, as happens to one that idles for long."""
        for connection in list(self._open):
            _shut(connection)

    def close(self) -> None:
        """Stop, and end every connection."""
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
        """Serve one connection; remember it as long as it stands."""
        if not isinstance(request, socket.socket):
            return
        try:
            connection = self._tls.wrap_socket(request, server_side=True) if self._tls else request
        except OSError:
            return  # a client that does not trust our certificate is gone
        self._open.add(connection)
        try:
            super().process_request_thread(connection, client_address)
        finally:
            self._open.discard(connection)

    def shutdown_request(self, request: object) -> None:
        """Close a connection without a farewell, so that a reset is a reset."""
        if isinstance(request, socket.socket):
            request.close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep what was wrong with us; a client that went away is nothing wrong."""
        del request, client_address
        error = sys.exc_info()[1]
        if isinstance(error, Exception) and not isinstance(error, OSError):
            self.bugs.append(error)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is closed already
