"""Why no response came: an error of ``requests`` becomes one cause in words, and sent or not sent.

Imported when a request has failed, because no other event needs it.
"""

from collections.abc import Iterator
from http.client import IncompleteRead
from http.client import RemoteDisconnected as NoStatusLine
from ssl import SSLCertVerificationError
from ssl import SSLError as HandshakeError
from typing import Final

from requests.exceptions import InvalidHeader, InvalidURL
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    LocationParseError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from gaussdb_backup.http_client.certificates import UnreadableBundle

# The first row that fits counts, because one error often wraps another.
CAUSES: Final[tuple[tuple[tuple[type[BaseException], ...], str], ...]] = (
    ((InvalidURL, InvalidHeader, LocationParseError), "the URL or a header cannot be sent"),
    ((ProxyError,), "the proxy failed"),
    ((NameResolutionError,), "name not known"),
    ((ConnectionRefusedError,), "connection refused"),
    ((ReadTimeoutError, TimeoutError), "timed out"),
    ((NoStatusLine, IncompleteRead), "connection closed before the end of the response"),
    ((ConnectionResetError, BrokenPipeError), "connection reset"),  # NoStatusLine is one
    ((SSLError, HandshakeError), "TLS handshake failed"),
    ((DecodeError,), "the response cannot be decoded"),
    ((NewConnectionError,), "no connection"),
    ((ConnectTimeoutError,), "timed out"),  # NewConnectionError is one
)


def was_not_sent(error: Exception) -> bool:
    """Whether an error of ``requests`` proves that the request was not sent."""
    if isinstance(error, InvalidURL | InvalidHeader | LocationParseError | UnreadableBundle):
        return True
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    if isinstance(reason, SSLError):
        return isinstance(reason.args[0], SSLCertVerificationError)
    return isinstance(reason, NewConnectionError | ConnectTimeoutError | ProxyError)


def cause_of(error: BaseException) -> str:
    """The cause in words, without anything that the request or the response held."""
    chain = tuple(_chain(error))
    for one in chain:
        if isinstance(one, UnreadableBundle):
            return str(one)
        if isinstance(one, SSLCertVerificationError):
            return f"certificate not trusted: {one.verify_message}"
    for types, cause in CAUSES:
        if any(isinstance(one, types) for one in chain):
            return cause
    return type(error).__name__


def _chain(error: BaseException | None, depth: int = 0) -> Iterator[BaseException]:
    """An error and all that it wraps, in whichever of the three ways."""
    if error is None or depth > 8:
        return
    yield error
    inner = (*error.args, getattr(error, "reason", None), error.__cause__)
    for one in inner:
        if isinstance(one, BaseException):
            yield from _chain(one, depth + 1)
