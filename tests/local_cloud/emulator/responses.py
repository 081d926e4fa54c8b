"""The cloud's responses, and the error bodies of GaussDB, the gateway and IAM."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from uuid import uuid4

from tests.documented_error_codes import GATEWAY_CODES, SERVICE_CODES


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response before serialization: `body` is a JSON value, or bytes."""

    status: int
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def error_code(self) -> str | None:
        """Return the error code in the body, if there is one."""
        code = self.body.get("error_code") if isinstance(self.body, dict) else None
        return code if isinstance(code, str) else None


class ErrorResponse(Exception):
    """Ends the handling of a request with an error response."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def service_error(code: str, status: int | None = None) -> Response:
    """Return GaussDB's error response, with its documented status unless another is given."""
    documented = SERVICE_CODES.get(code)
    message = documented["message"] if documented else "Parameter error."
    fallback = documented["status"] if documented else 400
    return Response(status or fallback, {"error_code": code, "error_msg": message})


def gateway_error(number: str, detail: str = "", status: int | None = None) -> Response:
    """Return the error response of the API gateway."""
    documented, text = GATEWAY_CODES[number]
    body = {
        "error_msg": f"{text}: {detail}" if detail else text,
        "error_code": f"APIGW.{number}",
        "request_id": uuid4().hex,
    }
    return Response(status or documented, body)


def iam_error(status: int, message: str) -> Response:
    """Return an error response of IAM, in Keystone's format."""
    title = HTTPStatus(status).phrase
    return Response(status, {"error": {"code": status, "message": message, "title": title}})


def iam_numbered_error(status: int, code: str, message: str) -> Response:
    """Return one of IAM's numbered error responses."""
    return Response(status, {"error_msg": message, "error_code": code})


def html_page(status: int) -> Response:
    """Return the HTML error page of a load balancer."""
    phrase = HTTPStatus(status).phrase
    page = f"<html><head><title>{status} {phrase}</title></head><body>{phrase}</body></html>"
    return Response(status, page.encode(), {"Content-Type": "text/html"})
