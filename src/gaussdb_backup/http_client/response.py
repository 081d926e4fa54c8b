"""One whole HTTP response, as every reader of responses gets it."""

from collections.abc import Mapping
from typing import NamedTuple


class Response(NamedTuple):
    """A whole HTTP response.

    Args:
        status: the HTTP status.
        headers: the headers; their names are case-insensitive.
        body: the body's bytes, of whatever form, decoded; empty above 10 MB.
        redact: what the request carried that no message may show.
        host: the host that sent it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    redact: tuple[str, ...] = ()
    host: str = ""

    def __repr__(self) -> str:
        return f"Response(status={self.status})"
