"""One HTTP request inside the time that is left, and what became of it.

Of ``requests`` this uses the part that sends. Its sessions would add what we never want: cookies,
redirects that carry credentials elsewhere, and passwords of a ``.netrc``.

``requests`` bounds each wait for the network, not their sum: a response that drips a byte a second
never times out. So exchanges run in other threads, and one that takes too long is left behind.
"""

import ipaddress
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from functools import cached_property
from pathlib import Path
from ssl import SSLContext
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.exceptions import HTTPError

from gaussdb_backup import VERSION
from gaussdb_backup.http_client.certificates import environment_context, own_context
from gaussdb_backup.http_client.response import Response

CONNECT_SECONDS: Final = 5.0
GRACE_SECONDS: Final = 0.1
CONNECTIONS: Final = 32
MAX_BODY_BYTES: Final = 10_000_000
CHUNK_BYTES: Final = 65536
HEADERS: Final = {
    "User-Agent": f"gaussdb-backup/{VERSION}",
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
}

# urllib3 warns of headers that it cannot parse, and shows them: IAM's hold a token.
logging.getLogger("urllib3.connection").disabled = True


class _Failure(Exception):
    """No response.

    Args:
        host: the host that was to respond.
        cause: why it did not, in words.
    """

    def __init__(self, host: str, cause: str) -> None:
        super().__init__(f"{host}: {cause}")
        self.host = host
        self.cause = cause


class NotSent(_Failure):
    """There was no connection: the host has seen nothing of the request."""


class ResponseLost(_Failure):
    """The request may have been sent, and no whole response came back."""


class Transport:
    """Keep-alive connections to the hosts that the function calls."""

    def __init__(self) -> None:
        self._adapter = _Adapter()
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
        """Sends one request and waits for its whole response.

        Args:
            method: the HTTP method.
            url: the URL as it is to be sent, its query encoded.
            seconds: the longest that sending and responding together may take.
            headers: further headers.
            body: the body's bytes.
            auth: what authorizes the request; applied last, over the bytes that are sent.

        Raises:
            NotSent: there was no connection, or no usable CA bundle.
            ResponseLost: the request may have arrived, its response did not.
        """
        host = urlsplit(url).netloc
        if seconds <= 0:
            raise NotSent(host, "no time is left")
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
            raise (NotSent if future.cancel() else ResponseLost)(host, "timed out") from error
        except (requests.RequestException, HTTPError, OSError) as error:
            # only a failure needs it
            from gaussdb_backup.http_client.failures import cause_of, was_not_sent

            kind = NotSent if was_not_sent(error) else ResponseLost
            raise kind(host, cause_of(error)) from error

    def _send(self, request: Mapping[str, Any], seconds: float) -> Response:
        prepared = requests.PreparedRequest()
        prepared.prepare(**request)
        response = self._adapter.send(
            prepared,
            timeout=(min(CONNECT_SECONDS, seconds), seconds),
            **self._way_to(request["url"]),
        )
        return Response(
            response.status_code,
            response.headers,
            _read_body(response),
            host=urlsplit(request["url"]).netloc,
        )

    def _way_to(self, url: str) -> dict[str, Any]:
        """The proxies and the bundle of authorities that the environment names for a URL."""
        if is_loopback(urlsplit(url).hostname):
            return {"verify": True}
        return dict(self._environment.merge_environment_settings(url, {}, None, None, None))


def _read_body(response: requests.Response) -> bytes:
    """The decoded body; empty where it is larger than any response that we can use."""
    parts: list[bytes] = []
    size = 0
    for part in response.iter_content(CHUNK_BYTES):
        size += len(part)
        if size > MAX_BODY_BYTES:
            response.close()
            return b""
        parts.append(part)
    return b"".join(parts)


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address means this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


class _Adapter(HTTPAdapter):
    """Trusts the same authorities for all connections; ``requests`` reads them for each."""

    def __init__(self) -> None:
        super().__init__(pool_connections=4, pool_maxsize=CONNECTIONS)
        self._contexts: dict[str, SSLContext] = {}

    @cached_property
    def context(self) -> SSLContext:
        """What verifies a server where the environment names no bundle."""
        return own_context(Path(DEFAULT_CA_BUNDLE_PATH))

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        """Adds the context that verifies the server."""
        host, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] == "https":
            tls.pop("ca_certs", None)  # the context has read them
            tls.pop("ca_cert_dir", None)
            tls["ssl_context"] = self.context if verify is True else self._context_of(str(verify))
        return host, tls

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leaves it to the context to verify."""

    def _context_of(self, bundle: str) -> SSLContext:
        if bundle not in self._contexts:
            self._contexts[bundle] = environment_context(bundle)
        return self._contexts[bundle]


def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="exchange")
