"""One HTTP request inside the time that is left, and what became of it.

Of ``requests`` this uses the part that sends. Its sessions would add what we never want: cookies,
redirects that carry credentials elsewhere, and passwords of a ``.netrc``.

``requests`` bounds each wait for the network, not their sum: an answer that drips a byte a second
never times out. So exchanges run in other threads, and one that takes too long is left behind.
"""

import ipaddress
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from functools import cached_property
from pathlib import Path
from ssl import SSLCertVerificationError, SSLContext
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.exceptions import InvalidHeader, InvalidURL
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    MaxRetryError,
    NewConnectionError,
    ProxyError,
    SSLError,
)
from urllib3.util.ssl_ import create_urllib3_context

from gaussdb_backup import VERSION
from gaussdb_backup.errors import ConfigurationError
from gaussdb_backup.http_client.response import Response

CONNECT_SECONDS: Final = 5.0
GRACE_SECONDS: Final = 0.1
CONNECTIONS: Final = 32
HEADERS: Final = {
    "User-Agent": f"gaussdb-backup/{VERSION}",
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
}


class NotSent(Exception):
    """No connection came about: the other side has seen nothing of the request."""


class ResponseLost(Exception):
    """The request may have been sent, and no whole answer came back."""


class Transport:
    """Kept-alive connections to the hosts that one function talks to."""

    def __init__(self) -> None:
        self._adapter = _Adapter(pool_connections=4, pool_maxsize=CONNECTIONS)
        self._environment = requests.Session()
        self._threads = _pool()

    def load_trusted_authorities(self) -> None:
        """Makes what verifies servers now rather than at the first connection.

        Raises:
            ConfigurationError: there is no authority to trust.
        """
        self._adapter.context  # noqa: B018 - read once and kept

    def send(
        self,
        method: str,
        url: str,
        *,
        seconds: float,
        headers: Mapping[str, str],
        body: bytes | None = None,
        auth: AuthBase | None = None,
    ) -> Response:
        """Sends one request and waits for its whole answer.

        Args:
            method: the HTTP method.
            url: the URL as it is to be sent, its query encoded.
            seconds: the longest that sending and answering together may take.
            headers: further headers.
            body: the body's bytes.
            auth: what authorises the request; applied last, over the bytes that are sent.

        Raises:
            NotSent: no connection was established.
            Lost: the request may have arrived, its answer did not.
        """
        if seconds <= 0:
            raise NotSent("no time is left")
        request = {
            "method": method,
            "url": url,
            "headers": {**HEADERS, **headers},
            "data": body,
            "auth": auth,
        }
        future = self._threads.submit(self._send, request, seconds)
        try:
            return future.result(seconds + GRACE_SECONDS)
        except FutureTimeout as error:
            # a thread that is left behind is lost to its pool, and must not keep others waiting
            self._threads = _pool()
            raise (NotSent if future.cancel() else ResponseLost)("no answer in time") from error
        except (requests.RequestException, HTTPError, OSError) as error:
            raise (NotSent if was_not_sent(error) else ResponseLost)(
                type(error).__name__
            ) from error

    def _send(self, request: Mapping[str, Any], seconds: float) -> Response:
        prepared = requests.PreparedRequest()
        prepared.prepare(**request)
        response = self._adapter.send(
            prepared,
            timeout=(min(CONNECT_SECONDS, seconds), seconds),
            **self._way_to(request["url"]),
        )
        return Response(response.status_code, response.headers, response.content)

    def _way_to(self, url: str) -> dict[str, Any]:
        """The proxies and the bundle of authorities that the environment names for a URL."""
        if is_loopback(urlsplit(url).hostname):
            return {"verify": True}
        return dict(self._environment.merge_environment_settings(url, {}, None, None, None))


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address means this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def was_not_sent(error: Exception) -> bool:
    """Whether an error of ``requests`` proves that the request was not sent."""
    if isinstance(error, InvalidURL | InvalidHeader | LocationParseError):
        return True
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    if isinstance(reason, SSLError):
        return isinstance(reason.args[0], SSLCertVerificationError)
    return isinstance(reason, NewConnectionError | ConnectTimeoutError | ProxyError)


class _Adapter(HTTPAdapter):
    """Trusts the same authorities for all connections; ``requests`` reads them for each."""

    @cached_property
    def context(self) -> SSLContext:
        """What verifies a server, by the authorities that ``requests`` brings along.

        ``requests`` brings a bundle. In the built artifact a hashed directory has its path.
        """
        context = create_urllib3_context()
        authorities = Path(DEFAULT_CA_BUNDLE_PATH)
        if not authorities.is_dir():
            _load_bundle(context, authorities)
        elif any(authorities.iterdir()):
            # OpenSSL opens a file here when a server's chain names it; reading a bundle of 117
            # took 190 million instructions, a fifth of a cold start
            context.load_verify_locations(capath=authorities)
        else:
            raise ConfigurationError(f"the trusted authorities are missing from {authorities}")
        return context

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        """Adds the context, except where the environment names a bundle of its own."""
        host, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        if verify is True and host["scheme"] == "https":
            tls["ssl_context"] = self.context
        return host, tls

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leaves it to the context to verify, where there is one."""
        if verify is not True:
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]


def _load_bundle(context: SSLContext, bundle: Path) -> None:
    try:
        context.load_verify_locations(bundle)
    except OSError as error:  # SSLError is one: the file holds no certificate
        raise ConfigurationError(
            f"the trusted authorities cannot be read from {bundle}: {error}"
        ) from error


def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="exchange")
