"""The transport on real sockets: what was sent, what was lost, and which servers get no request."""

from __future__ import annotations

import contextlib
import gzip
import os
import socket
import threading
import time
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, Self

import pytest

from gaussdb_backup.credentials.models import TokenAuth
from gaussdb_backup.http_client.transport import NotSent, ResponseLost, Transport, is_loopback
from tests.local_cloud.certificates import Authority

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gaussdb_backup.http_client.response import Response

TOKEN: Final = "not-a-real-token"
OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
HEAD: Final = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n"
# libc reads it as 127.0.0.1, and it is no address that the transport takes for this machine
OUTWARD: Final = "127.1"
SECONDS: Final = 0.4
# no exchange may take longer than its seconds; the rest is for a machine with much else to do
LONG: Final = 5.0


class Host:
    """A server on loopback that does to each connection what a test wants; a context manager.

    Args:
        behave: called with the connection after a request's head and body have come, until it
            closes the connection.
        tls: for a server that is spoken to over TLS.

    Attributes:
        port: where it listens.
        requests: the requests that came, as bytes.
        connections: how many connections came.
    """

    def __init__(
        self, behave: Callable[[socket.socket], None], tls: ssl.SSLContext | None = None
    ) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._behave = behave
        self._tls = tls
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        # wakes the thread that accepts
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in tuple(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def url(self, host: str = "127.0.0.1", scheme: str = "http") -> str:
        """A URL of this server."""
        return f"{scheme}://{host}:{self.port}/v3/p/backups?offset=0"

    def wait(self, seconds: float) -> bool:
        """Waits; returns whether the test is over."""
        return self._closing.wait(seconds)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        # what a client does that goes away is no concern of the server's
        with contextlib.suppress(OSError, ValueError):
            connection = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
            self._open.add(connection)
            with connection:
                while (request := _read(connection)) is not None:
                    self.requests.append(request)
                    self._behave(connection)
            self._open.discard(connection)


def _read(connection: socket.socket) -> bytes | None:
    received = b""
    while b"\r\n\r\n" not in received:
        if not (part := connection.recv(65536)):
            return None
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ),
        0,
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answering(raw: bytes) -> Callable[[socket.socket], None]:
    """Sends these bytes for every request and keeps the connection."""
    return lambda connection: connection.sendall(raw)


def ending(raw: bytes) -> Callable[[socket.socket], None]:
    """Sends these bytes and closes the connection."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_RDWR)

    return behave


def resetting(connection: socket.socket) -> None:
    """Resets the connection, by closing it with SO_LINGER 0."""
    lingers_not = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, lingers_not)
    connection.close()


def hanging(connection: socket.socket) -> None:
    """Sends nothing until the client has disconnected."""
    connection.recv(1)


def dripping(raw: bytes, every: float = 0.02) -> Callable[[socket.socket], None]:
    """Sends so slowly that no single wait is too long; forever if the last byte repeats."""

    def behave(connection: socket.socket) -> None:
        for byte in raw:
            time.sleep(every)
            connection.sendall(bytes([byte]))
        while True:
            time.sleep(every)
            connection.sendall(raw[-1:])

    return behave


@pytest.fixture
def transport() -> Transport:
    """The transport of one execution environment."""
    return Transport()


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Removes proxies, CA bundles and passwords of the machine."""
    for name in tuple(os.environ):
        if name.lower().endswith("_proxy") or name.endswith(("_CA_BUNDLE", "NETRC")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


def exchange(transport: Transport, url: str, seconds: float = 5.0, **differing: Any) -> Response:
    """Sends one request with a token."""
    usual: dict[str, Any] = {
        "auth": TokenAuth(TOKEN),
        "headers": {"Content-Type": "application/json"},
        "body": b'{"name":"n"}',
    }
    return transport.send("POST", url, seconds=seconds, **{**usual, **differing})


def test_a_response_is_complete(transport: Transport) -> None:
    """Status, case-insensitive headers, and the bytes of the body."""
    raw = HEAD + b"x-thing: a\r\nContent-Length: 4\r\n\r\n\xff{}\x00"
    with Host(answering(raw)) as host:
        answer = exchange(transport, host.url())
    assert (answer.status, answer.headers["X-Thing"], answer.body) == (202, "a", b"\xff{}\x00")


def test_a_request_is_sent_unchanged(transport: Transport) -> None:
    """Path, query, headers, body, and the User-Agent."""
    with Host(answering(OK)) as host:
        exchange(transport, host.url())
        [request] = host.requests
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /v3/p/backups?offset=0 HTTP/1.1"
    assert b"Content-Type: application/json" in lines
    assert b"X-Auth-Token: not-a-real-token" in lines
    assert any(line.startswith(b"User-Agent: gaussdb-backup/") for line in lines)
    assert body == b'{"name":"n"}'


def test_a_connection_is_kept(transport: Transport) -> None:
    """The second request uses it."""
    with Host(answering(OK)) as host:
        for _ in range(3):
            exchange(transport, host.url())
        assert (len(host.requests), host.connections) == (3, 1)


def test_a_connection_that_ended_meanwhile_is_not_used(transport: Transport) -> None:
    """Lambda freezes the environment between invocations, and servers close idle connections."""
    with Host(ending(OK)) as host:
        for _ in range(3):
            assert exchange(transport, host.url()).status == 200
            time.sleep(0.05)
        assert len(host.requests) == 3


def test_requests_are_concurrent(transport: Transport) -> None:
    """None waits for another."""

    def slow(connection: socket.socket) -> None:
        time.sleep(0.3)
        connection.sendall(OK)

    with Host(slow) as host, ThreadPoolExecutor(10) as pool:
        began = time.monotonic()
        answers = list(pool.map(lambda _: exchange(transport, host.url()).status, range(10)))
        assert answers == [200] * 10
        assert time.monotonic() - began < 10 * 0.3


@pytest.mark.parametrize("status", [101, 204, 301, 400, 401, 404, 409, 429, 500, 503, 599])
def test_any_status_is_a_response(transport: Transport, status: int) -> None:
    """The error mapping decides what it means."""
    raw = f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()
    with Host(ending(raw)) as host:
        assert exchange(transport, host.url()).status == status


# how an answer can fail to come although the request may have arrived
LOSING: dict[str, Callable[[socket.socket], None]] = {
    "closed": ending(b""),
    "reset": resetting,
    "hanging": hanging,
    "garbage": ending(b"\x00\x01 this is no HTTP\r\n\r\n"),
    "half a status line": ending(b"HTTP/1.1 20"),
    "truncated": ending(HEAD + b"Content-Length: 100\r\n\r\n{"),
    "a body that never comes": answering(HEAD + b"Content-Length: 100\r\n\r\n"),
    "chunks that end early": ending(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{1234"),
    "chunks that never end": answering(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"),
    "chunks that are none": ending(HEAD + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n"),
    "broken gzip": ending(
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n" + b"none"
    ),
    "a dripping head": dripping(HEAD + b"X-Padding: " + b"x" * 1000),
    "a dripping body": dripping(b"".join((HEAD, b"Content-Length: 100000\r\n\r\n", b"x"))),
    "a head of many lines": ending(HEAD + b"X: y\r\n" * 1000 + b"\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("behave", LOSING.values(), ids=LOSING)
def test_an_incomplete_response_is_lost(
    transport: Transport, behave: Callable[[socket.socket], None]
) -> None:
    """The request may have arrived, so it is never `NotSent`."""
    with Host(behave) as host:
        with pytest.raises(ResponseLost):
            exchange(transport, host.url(), SECONDS)
        assert len(host.requests) == 1


@pytest.mark.parametrize(
    "behave", [LOSING[name] for name in ("hanging", "a dripping head", "a dripping body")]
)
def test_no_request_takes_longer_than_its_time_limit(
    transport: Transport, behave: Callable[[socket.socket], None]
) -> None:
    """Even if bytes keep coming: the limit is for the whole request."""
    with Host(behave) as host:
        began = time.monotonic()
        with pytest.raises(ResponseLost):
            exchange(transport, host.url(), SECONDS)
        assert time.monotonic() - began < LONG


def test_endless_responses_do_not_block_later_requests(transport: Transport) -> None:
    """An abandoned request does not prevent the next one."""
    endless = dripping(b"".join((HEAD, b"Content-Length: 100000\r\n\r\n", b"x")), every=0.05)
    with Host(endless) as slow, Host(answering(OK)) as host, ThreadPoolExecutor(16) as pool:

        def lose(_: int) -> None:
            with pytest.raises((ResponseLost, NotSent)):
                exchange(transport, slow.url(), 0.1)

        list(pool.map(lose, range(40)))
        assert exchange(transport, host.url()).status == 200


def closed_port() -> int:
    """A port without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_a_refused_connection_is_not_sent(transport: Transport) -> None:
    """So the request can be repeated without a lookup."""
    with pytest.raises(NotSent):
        exchange(transport, f"http://127.0.0.1:{closed_port()}/")
    with pytest.raises(NotSent):
        exchange(transport, f"http://{OUTWARD}:{closed_port()}/")


def test_a_connection_time_out_is_not_sent(transport: Transport) -> None:
    """A full queue drops the handshake, as a firewall does."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)  # noqa: FBT003 - socket's own interface
            client.connect_ex(address)
        time.sleep(0.05)
        began = time.monotonic()
        with pytest.raises(NotSent):
            exchange(transport, f"http://127.0.0.1:{address[1]}/", SECONDS)
        assert time.monotonic() - began < LONG
        for client in waiting:
            client.close()


def test_an_impossible_host_name_is_not_sent(transport: Transport) -> None:
    """A label of a host name has 63 characters at most."""
    with pytest.raises(NotSent):
        exchange(transport, f"https://{'a' * 64}.example/")


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_without_time_nothing_is_sent(transport: Transport, seconds: float) -> None:
    """Not even a connection is opened."""
    with Host(answering(OK)) as host:
        with pytest.raises(NotSent):
            exchange(transport, host.url(), seconds)
        assert host.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("host_name", ["127.0.0.1", OUTWARD])
def test_no_redirect_is_followed(transport: Transport, status: int, host_name: str) -> None:
    """A response cannot send the credentials to another host."""
    with Host(answering(OK)) as other:
        location = other.url(host_name).encode()
        raw = b"HTTP/1.1 %d X\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (status, location)
        with Host(answering(raw)) as host:
            assert exchange(transport, host.url(host_name)).status == status
        assert other.connections == 0


def test_no_cookie_is_kept(transport: Transport) -> None:
    """A response does not change the next request."""
    raw = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n"
    with Host(answering(raw)) as host:
        for _ in range(2):
            exchange(transport, host.url())
        assert not any(b"cookie" in request.lower() for request in host.requests)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_loopback_requests_use_no_proxy(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The extension rejects forwarded requests, and the token must not leave the machine."""
    with Host(answering(OK)) as proxy, Host(answering(OK)) as host:
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        for loopback in ("127.0.0.1", "localhost"):
            exchange(transport, host.url(loopback))
        assert (len(host.requests), proxy.connections) == (2, 0)


def test_other_requests_use_the_proxy(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the environment names one, as in a closed network."""
    with Host(answering(OK)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert exchange(transport, "http://gaussdb.example/v3").status == 200
        assert proxy.requests[0].startswith(b"POST http://gaussdb.example/v3 HTTP/1.1\r\n")


def test_a_proxy_that_is_down_is_not_sent(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a tunnel the service has seen nothing."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(NotSent):
        exchange(transport, "https://gaussdb.example/v3")


def test_a_proxy_that_rejects_the_tunnel_is_not_sent(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy only saw the host name."""
    with Host(ending(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(NotSent):
            exchange(transport, "https://gaussdb.example/v3")
        assert all(request.startswith(b"CONNECT ") for request in proxy.requests)
        assert not any(TOKEN.encode() in request for request in proxy.requests)


@pytest.mark.parametrize("host_name", ["127.0.0.1", OUTWARD])
def test_no_password_of_the_machine_is_sent(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host_name: str
) -> None:
    """A `.netrc` with the host does not change the request."""
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine {host_name} login someone password not-a-real-password\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with Host(answering(OK)) as host:
        for auth in (None, TokenAuth(TOKEN)):
            exchange(transport, host.url(host_name), auth=auth)
        assert len(host.requests) == 2
        assert not any(b"authorization" in request.lower() for request in host.requests)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority for the hosts here."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def tls_host(authority: Authority) -> Iterator[Host]:
    """A TLS server with a certificate of an unknown authority."""
    with Host(answering(OK), authority.context()) as host:
        yield host


@pytest.mark.parametrize("host_name", ["127.0.0.1", "localhost", OUTWARD])
def test_a_server_with_an_untrusted_certificate_gets_no_request(
    transport: Transport, tls_host: Host, host_name: str
) -> None:
    """The handshake fails, so nothing was sent."""
    with pytest.raises(NotSent):
        exchange(transport, tls_host.url(host_name, "https"))
    assert tls_host.requests == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REQUESTS_CA_BUNDLE", ""),
        ("CURL_CA_BUNDLE", ""),
        ("REQUESTS_CA_BUNDLE", "/there/is/no/such/file"),
        ("PYTHONHTTPSVERIFY", "0"),
        ("SSL_NO_VERIFY", "1"),
        ("GIT_SSL_NO_VERIFY", "1"),
        ("VERIFY", "false"),
    ],
)
def test_verification_cannot_be_switched_off(
    transport: Transport,
    tls_host: Host,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
) -> None:
    """By no environment variable that tools know."""
    monkeypatch.setenv(name, value)
    with pytest.raises((NotSent, ResponseLost)):
        exchange(transport, tls_host.url(OUTWARD, "https"))
    assert tls_host.requests == []


def test_a_bundle_can_add_a_company_s_own_authority(
    transport: Transport,
    tls_host: Host,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Verification then uses that bundle; this also shows that the server above is correct."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.path))
    assert exchange(transport, tls_host.url(OUTWARD, "https")).status == 200


@pytest.fixture
def trusting(authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Transport:
    """A transport that trusts only that authority, whose file is already deleted."""
    bundle = tmp_path / "authorities.pem"
    bundle.write_bytes(authority.path.read_bytes())
    monkeypatch.setattr("gaussdb_backup.http_client.transport.DEFAULT_CA_BUNDLE_PATH", str(bundle))
    transport = Transport()
    transport.load_trusted_authorities()
    bundle.unlink()
    return transport


def test_the_authorities_are_read_once_for_all_connections(
    trusting: Transport, authority: Authority
) -> None:
    """However many connections are opened."""
    with Host(ending(OK), authority.context()) as host:
        for host_name in ("127.0.0.1", "localhost", OUTWARD, OUTWARD):
            assert exchange(trusting, host.url(host_name, "https")).status == 200
        assert host.connections == 4


def test_a_certificate_of_another_host_gets_no_request(trusting: Transport, tls_host: Host) -> None:
    """A certificate is valid for its host names only."""
    with pytest.raises(NotSent):
        exchange(trusting, tls_host.url("127.0.1", "https"))
    assert tls_host.requests == []


def test_a_server_without_tls_gets_no_request(transport: Transport) -> None:
    """There is no fallback to plain HTTP."""
    with Host(ending(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as host:
        with pytest.raises((NotSent, ResponseLost)):
            exchange(transport, host.url(scheme="https"), SECONDS)
        assert not any(TOKEN.encode() in request for request in host.requests)


def test_a_failure_contains_no_secret(transport: Transport) -> None:
    """Neither in its message nor in its cause."""
    with Host(resetting) as host, pytest.raises(ResponseLost) as lost:
        exchange(transport, host.url())
    assert TOKEN not in f"{lost.value!r} {lost.value.__cause__!r}"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("::1", True),
        ("localhost", True),
        ("127.0.0.1.example", False),
        ("localhost.example", False),
        ("0.0.0.0", False),  # noqa: S104 - nothing is bound to it
        ("10.0.0.1", False),
        ("::2", False),
        (OUTWARD, False),
        ("", False),
        (None, False),
    ],
)
def test_loopback_hosts_are_recognised(host: str | None, *, loopback: bool) -> None:
    """By name or address, but not by names that look similar."""
    assert is_loopback(host) is loopback


def causes(transport: Transport, url: str, seconds: float = SECONDS) -> str:
    """The cause in the message of a failed request."""
    with pytest.raises((NotSent, ResponseLost)) as raised:
        exchange(transport, url, seconds)
    assert TOKEN not in str(raised.value)
    return str(raised.value)


def test_a_failure_names_the_host_and_the_cause(transport: Transport, authority: Authority) -> None:
    """For the reader of the log."""
    port = closed_port()
    assert causes(transport, f"http://127.0.0.1:{port}/") == f"127.0.0.1:{port}: connection refused"
    assert causes(transport, "https://no-such-host.invalid/", 5.0) == (
        "no-such-host.invalid: name not known"
    )
    with Host(hanging) as host:
        assert causes(transport, host.url()) == f"127.0.0.1:{host.port}: timed out"
    with Host(resetting) as host:
        assert causes(transport, host.url()).endswith(": connection reset")
    with Host(ending(b"")) as host:
        assert causes(transport, host.url()).endswith("before the end of the response")
    with Host(answering(OK), authority.context()) as host:
        shown = causes(transport, host.url(OUTWARD, "https"), 5.0)
    assert "certificate not trusted: " in shown


@pytest.mark.parametrize("content", [None, b"", b"this is no bundle"])
def test_a_bundle_that_cannot_be_read_is_named(
    transport: Transport,
    tls_host: Host,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    content: bytes | None,
) -> None:
    """Nothing was sent, so no lookup is needed."""
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_bytes(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with pytest.raises(NotSent, match=r"the CA bundle .*bundle\.pem cannot be read"):
        exchange(transport, tls_host.url(OUTWARD, "https"))
    assert tls_host.requests == []


MB: Final = 1_000_000


@pytest.mark.parametrize("size", [MB, 10 * MB])
def test_a_large_body_is_complete(transport: Transport, size: int) -> None:
    """Up to ten megabytes."""
    raw = HEAD + b"Content-Length: %d\r\n\r\n" % size + b"x" * size
    with Host(answering(raw)) as host:
        assert len(exchange(transport, host.url()).body) == size


@pytest.mark.parametrize("encoding", [None, "gzip", "deflate"])
def test_a_body_that_is_too_large_is_not_read(transport: Transport, encoding: str | None) -> None:
    """The decoded size counts; only the status is used."""
    body = b" " * (10 * MB + 1)
    headers = b""
    if encoding is not None:
        body = gzip.compress(body) if encoding == "gzip" else zlib.compress(body)
        headers = b"Content-Encoding: " + encoding.encode() + b"\r\n"
    raw = b"".join((HEAD, headers, b"Content-Length: %d\r\n\r\n" % len(body), body))
    with Host(ending(raw)) as host:
        response = exchange(transport, host.url())
    assert (response.status, response.body) == (202, b"")


def test_a_body_that_never_ends_costs_no_memory(transport: Transport) -> None:
    """A gigabyte compressed to a megabyte is not decoded to its end."""
    packer = zlib.compressobj(wbits=31)
    body = b"".join(packer.compress(bytes(MB)) for _ in range(1000)) + packer.flush()
    raw = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    tracemalloc.start()
    try:
        with Host(ending(raw)) as host:
            assert exchange(transport, host.url(), 20.0).body == b""
        assert tracemalloc.get_traced_memory()[1] < 60 * MB
    finally:
        tracemalloc.stop()


def test_no_library_logs_a_header(
    transport: Transport, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """urllib3 warns about unparsable headers and shows all of them."""
    raw = HEAD + b"X-Subject-Token: not-a-real-token-2\r\nno header\r\nContent-Length: 0\r\n\r\n"
    with Host(ending(raw)) as host:
        exchange(transport, host.url())
    assert caplog.records == []
    assert "not-a-real-token-2" not in "".join(capfd.readouterr())
