"""A request as it arrived, before anything is known about who sent it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from tests.local_cloud import leak_detector
from tests.local_cloud.emulator.responses import Answer, Refusal, service_error


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request: `path` as sent, `query` decoded in its order, header names lower-case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes = b""

    @classmethod
    def received(
        cls, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> "Request":
        """Take a request apart as a server does, a plus in the query being a blank.

        Args:
            method: the HTTP method.
            target: path and query of the request line.
            headers: the header fields, names in any case.
            body: the body's bytes.
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
        empty: Answer | None = None,
        broken: Answer | None = None,
    ) -> dict[str, object]:
        """Return the body as a JSON object.

        Args:
            empty: the answer to a missing body; the service's own by default.
            broken: the answer to anything but a JSON object; the service's own by default.

        Raises:
            Refusal: with one of these two.
        """
        if not self.body.strip():
            raise Refusal(empty or service_error("DBS.280006"))
        try:
            value: object = json.loads(self.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise Refusal(broken or service_error("DBS.280001"))
        return value
