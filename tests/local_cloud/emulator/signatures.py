"""Verifies SDK-HMAC-SHA256, in both of its wire formats, with Huawei's own signer.

"Access" is the format of Huawei's API request signing guide: Huawei's signer computes the expected
signature. "Credential scope" is the format of older T-Systems tools: the canonical request is the
same and comes from Huawei's signer too; this module computes the derived key and the scope.
"""

import hmac
import re
from dataclasses import dataclass
from hashlib import sha256

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

from tests.local_cloud.emulator.request import Request

ALGORITHM = "SDK-HMAC-SHA256"
DATE_HEADER = "x-sdk-date"

_HEADER = re.compile(
    ALGORITHM + r"\s+(?:Access=(?P<access>[^,/]+)"
    r"|Credential=(?P<credential>[^,/]+)/(?P<scope>\d{8}/[^,/]*/[^,/]*/sdk_request))"
    r",\s?SignedHeaders=(?P<names>[^,]+),\s?Signature=(?P<signature>\w+)"
)


@dataclass(frozen=True, slots=True)
class Authorization:
    """A parsed Authorization header; only the older format has a `scope`."""

    access_key: str
    signed_headers: tuple[str, ...]
    signature: str
    scope: str | None = None


class _ReferenceSigner(Signer):  # type: ignore[misc] # Huawei publishes no types
    """Huawei's signer, restricted to the headers that the client signed."""

    @classmethod
    def _process_header_host(cls, request: SdkRequest) -> None:
        """Add no Host header, because a client may leave it unsigned."""

    def signature(self, request: SdkRequest) -> str:
        header: str = self.sign(request).header_params["Authorization"]
        return header.rpartition("Signature=")[2]

    def canonical_request(self, request: SdkRequest) -> str:
        names = self._process_signed_headers(request)
        canonical: str = self._process_canonical_request(request, names)
        return canonical


def read_authorization(header: str) -> Authorization | None:
    """Parse an Authorization header; None if it has another format."""
    found = _HEADER.fullmatch(header.strip())
    if found is None:
        return None
    return Authorization(
        access_key=found["access"] or found["credential"],
        signed_headers=tuple(found["names"].lower().split(";")),
        signature=found["signature"],
        scope=found["scope"],
    )


def is_valid_signature(request: Request, claim: Authorization, secret_key: str) -> bool:
    """Tell whether the request was signed with this secret key.

    Only the headers that the claim lists count, as the signing guide requires, and X-Sdk-Date must
    be among them.
    """
    names = claim.signed_headers
    if DATE_HEADER not in names or any(name not in request.headers for name in names):
        return False
    if claim.scope is None:
        expected = _reference_signer(claim, secret_key).signature(_as_sdk_request(request, claim))
    else:
        expected = _scoped_signature(request, claim, secret_key)
    return hmac.compare_digest(expected, claim.signature)


def canonical_request(request: Request, claim: Authorization) -> str:
    """Return the expected canonical request on one line, as the gateway's errors show it."""
    if any(name not in request.headers for name in claim.signed_headers):
        return ""
    text = _reference_signer(claim, "unused").canonical_request(_as_sdk_request(request, claim))
    return text.replace("\n", "|")


def _reference_signer(claim: Authorization, secret_key: str) -> _ReferenceSigner:
    return _ReferenceSigner(BasicCredentials(claim.access_key, secret_key))


def _as_sdk_request(request: Request, claim: Authorization) -> SdkRequest:
    return SdkRequest(
        method=request.method,
        schema="http",
        host=request.headers.get("host", ""),
        resource_path=request.path,
        query_params=list(request.query),
        header_params={name: request.headers[name] for name in claim.signed_headers},
        body=request.body,
    )


def _scoped_signature(request: Request, claim: Authorization, secret_key: str) -> str:
    scope = claim.scope or ""
    canonical = _reference_signer(claim, secret_key).canonical_request(
        _as_sdk_request(request, claim)
    )
    hashed = sha256(canonical.encode()).hexdigest()
    to_sign = "\n".join([ALGORITHM, request.headers[DATE_HEADER], scope, hashed])
    key = f"SDK{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), sha256).digest()
    return hmac.new(key, to_sign.encode(), sha256).hexdigest()
