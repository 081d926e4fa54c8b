"""The API gateway: authenticates callers by token or by signature."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.local_cloud.emulator.accounts import KEY_LOCK_TIME, MAX_KEY_FAILURES, Accounts
from tests.local_cloud.emulator.clock import read_sdk_date, write_sdk_date
from tests.local_cloud.emulator.identities import AccessKey, User
from tests.local_cloud.emulator.request import Request
from tests.local_cloud.emulator.responses import ErrorResponse, gateway_error
from tests.local_cloud.emulator.signatures import (
    ALGORITHM,
    DATE_HEADER,
    Authorization,
    canonical_request,
    is_valid_signature,
    read_authorization,
)

# API Gateway, FAQ: signatures that are further from the server's time are rejected
CLOCK_TOLERANCE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller, and the project of the token or of X-Project-Id."""

    user: User
    project_id: str | None
    by_signature: bool


def _unauthenticated(detail: str) -> ErrorResponse:
    return ErrorResponse(gateway_error("0301", detail))


class Gateway:
    """Authenticates requests against the accounts."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def authenticate(self, request: Request, now: datetime) -> Caller:
        """Return the caller.

        Args:
            request: the request.
            now: the cloud's time.

        Raises:
            ErrorResponse: the token or the signature is invalid; with the gateway's own message.
        """
        if request.headers.get("authorization", "").startswith(ALGORITHM):
            return self._by_signature(request, now)
        return self._by_token(request)

    def _by_token(self, request: Request) -> Caller:
        text = request.headers.get("x-auth-token")
        if not text:
            raise _unauthenticated("x-auth-token not found")
        token = self._accounts.find_token(text)
        if token is None:
            raise _unauthenticated("decrypt token fail")
        if not self._accounts.is_valid(token):
            raise ErrorResponse(gateway_error("0307"))
        return Caller(token.user, token.project.id if token.project else None, by_signature=False)

    def _by_signature(self, request: Request, now: datetime) -> Caller:
        try:
            return self._signer(request, now)
        except ErrorResponse:
            self._accounts.refused_signatures += 1
            raise

    def _signer(self, request: Request, now: datetime) -> Caller:
        claim = read_authorization(request.headers["authorization"])
        if claim is None:
            raise _unauthenticated("verify aksk signature fail")
        key = self._key(request, claim, now)
        if key.locked_until is not None and now < key.locked_until:
            raise _unauthenticated("AK access failed to reach the limit,forbidden.")
        try:
            self._verify(request, claim, key, now)
        except ErrorResponse:
            self._count_failure(key, now)
            raise
        key.failures = 0
        return Caller(key.user, request.headers.get("x-project-id"), by_signature=True)

    def _key(self, request: Request, claim: Authorization, now: datetime) -> AccessKey:
        key = self._accounts.access_key(claim.access_key)
        if key is None:
            raise _unauthenticated(f"Get secretKey failed,ak:{claim.access_key},err:ak not exist")
        if key.security_token is None:
            return key
        if request.headers.get("x-security-token") != key.security_token:
            raise _unauthenticated(f"ak {claim.access_key} not exist")
        if key.expires_at is not None and now >= key.expires_at:
            raise _unauthenticated("token expires")
        return key

    def _verify(
        self, request: Request, claim: Authorization, key: AccessKey, now: datetime
    ) -> None:
        try:
            signed_at = read_sdk_date(request.headers.get(DATE_HEADER, ""))
        except ValueError:
            raise _unauthenticated("verify aksk signature fail") from None
        if not is_valid_signature(request, claim, key.secret_key):
            canonical = canonical_request(request, claim)
            raise _unauthenticated(f"verify aksk signature fail, canonicalRequest:{canonical}")
        if abs(now - signed_at) > CLOCK_TOLERANCE:
            times = f"signature time:{write_sdk_date(signed_at)},server time:{write_sdk_date(now)}"
            raise _unauthenticated(f"signature expired, {times}")

    def _count_failure(self, key: AccessKey, now: datetime) -> None:
        key.failures += 1
        if key.failures >= MAX_KEY_FAILURES:
            self._accounts.blocked_keys += 1
            key.failures = 0
            key.locked_until = now + KEY_LOCK_TIME
