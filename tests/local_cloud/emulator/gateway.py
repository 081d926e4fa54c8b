"""The gateway in front of the services: who is calling, by token or by signature."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.local_cloud.emulator.accounts import KEY_FAILURES_THAT_LOCK, KEY_LOCK_TIME, Accounts
from tests.local_cloud.emulator.clock import read_sdk_date, write_sdk_date
from tests.local_cloud.emulator.identities import AccessKey, User
from tests.local_cloud.emulator.request import Request
from tests.local_cloud.emulator.responses import Refusal, gateway_error
from tests.local_cloud.emulator.signatures import (
    ALGORITHM,
    DATE_HEADER,
    Authorization,
    canonical_request,
    is_genuine,
    read_authorization,
)

# API Gateway, FAQ: a signature older or younger than this is refused
CLOCK_TOLERANCE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling, and the one project a token or X-Project-Id ties the call to."""

    user: User
    project_id: str | None
    by_signature: bool


def _refused(detail: str) -> Refusal:
    return Refusal(gateway_error("0301", detail))


class Gateway:
    """Authenticates requests against the accounts, by the cloud's own clock."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def authenticate(self, request: Request, now: datetime) -> Caller:
        """Return who is calling.

        Args:
            request: what arrived.
            now: the cloud's time.

        Raises:
            Refusal: the token or the signature is no good, in the gateway's own words.
        """
        if request.headers.get("authorization", "").startswith(ALGORITHM):
            return self._by_signature(request, now)
        return self._by_token(request)

    def _by_token(self, request: Request) -> Caller:
        text = request.headers.get("x-auth-token")
        if not text:
            raise _refused("x-auth-token not found")
        token = self._accounts.find_token(text)
        if token is None:
            raise _refused("decrypt token fail")
        if not self._accounts.is_alive(token):
            raise Refusal(gateway_error("0307"))
        return Caller(token.user, token.project.id if token.project else None, by_signature=False)

    def _by_signature(self, request: Request, now: datetime) -> Caller:
        claim = read_authorization(request.headers["authorization"])
        if claim is None:
            raise _refused("verify aksk signature fail")
        key = self._key(request, claim, now)
        if key.locked_until is not None and now < key.locked_until:
            raise _refused("AK access failed to reach the limit,forbidden.")
        try:
            self._verify(request, claim, key, now)
        except Refusal:
            self._count_failure(key, now)
            raise
        key.failures = 0
        return Caller(key.user, request.headers.get("x-project-id"), by_signature=True)

    def _key(self, request: Request, claim: Authorization, now: datetime) -> AccessKey:
        key = self._accounts.access_key(claim.access_key)
        if key is None:
            raise _refused(f"Get secretKey failed,ak:{claim.access_key},err:ak not exist")
        if key.security_token is None:
            return key
        if request.headers.get("x-security-token") != key.security_token:
            raise _refused(f"ak {claim.access_key} not exist")
        if key.expires_at is not None and now >= key.expires_at:
            raise _refused("token expires")
        return key

    def _verify(
        self, request: Request, claim: Authorization, key: AccessKey, now: datetime
    ) -> None:
        try:
            signed_at = read_sdk_date(request.headers.get(DATE_HEADER, ""))
        except ValueError:
            raise _refused("verify aksk signature fail") from None
        if not is_genuine(request, claim, key.secret_key):
            canonical = canonical_request(request, claim)
            raise _refused(f"verify aksk signature fail, canonicalRequest:{canonical}")
        if abs(now - signed_at) > CLOCK_TOLERANCE:
            times = f"signature time:{write_sdk_date(signed_at)},server time:{write_sdk_date(now)}"
            raise _refused(f"signature expired, {times}")

    def _count_failure(self, key: AccessKey, now: datetime) -> None:
        key.failures += 1
        if key.failures >= KEY_FAILURES_THAT_LOCK:
            key.failures = 0
            key.locked_until = now + KEY_LOCK_TIME
