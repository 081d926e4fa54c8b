"""An HTTP request before authentication."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from tests.local_cloud import leak_detector
from tests.local_cloud.emulator.responses import ErrorResponse, Response, service_error


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request: `path` as sent, `query` decoded in order, header names in lower case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes = b""

    @classmethod
    def received(
        cls, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> "Request":
        """Parse a request as a server does; a plus in the query is a blank.

        Args:
            method: the HTTP method.
            target: the path and query of the request line.
            headers: the headers, with names in any case.
            body: the body.
        """
        leak_detector.record_sent_secrets(headers)
        url = urlsplit(target)
        return cls(
            method=method,
            path=url.path,
            query=tuple(parse_qsl(url.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in headers.items()},
            body=body,
        )

    def parameter(self, name: str) -> str | None:
        """Return the first value of a query parameter."""
        return next((value for key, value in self.query if key == name), None)

    def json_object(
        self,
        empty: Response | None = None,
        broken: Response | None = None,
    ) -> dict[str, object]:
        """Return the body as a JSON object.

        Args:
            empty: the response to a missing body; GaussDB's by default.
            broken: the response to a body that is not a JSON object; GaussDB's by default.

        Raises:
            ErrorResponse: with one of these responses.
        """
        if not self.body.strip():
            raise ErrorResponse(empty or service_error("DBS.280006"))
        try:
            value: object = json.loads(self.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise ErrorResponse(broken or service_error("DBS.280001"))
        return value
