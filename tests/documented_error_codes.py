"""The documented error codes, for the emulator that sends them and for the tests.

What a code means to a backup is in `tests/unit/error_code_tables.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping


class DocumentedError(TypedDict):
    """One row of the page."""

    status: int
    message: str
    description: str


# https://docs.otc.t-systems.com, GaussDB(openGauss) API reference, "Error Codes"
SERVICE_CODES: Final[Mapping[str, DocumentedError]] = json.loads(
    (Path(__file__).parent / "data" / "dbs_error_codes.json").read_text("utf-8")
)

# https://docs.otc.t-systems.com, API Gateway, "Error Codes": the number's status and text
GATEWAY_CODES: Final[Mapping[str, tuple[int, str]]] = {
    "0101": (404, "The API does not exist or has not been published in the environment"),
    "0201": (400, "API request error."),
    "0202": (502, "Backend unavailable."),
    "0203": (504, "Backend timeout."),
    "0301": (401, "Incorrect IAM authentication information"),
    "0302": (403, "The IAM user is not authorized to access the API."),
    "0303": (401, "Incorrect app authentication information"),
    "0307": (401, "The token must be updated."),
    "0308": (429, "The throttling threshold has been reached"),
    "0601": (500, "Internal server error."),
    "0613": (503, "The IAM service is currently unavailable."),
}
