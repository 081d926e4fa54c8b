"""The credentials of every call: cached, replaced when they are refused, and guarded.

``issuer`` makes an authorization from the secret. This module has the lock around it, the
authorization that all deliveries share, and what follows a refused call. The rules are in the
runbook, "Refused credentials".
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from gaussdb_backup.clock import Clock, Deadline
from gaussdb_backup.credentials.issuer import Authorization, Invocation, Issuer
from gaussdb_backup.errors import CredentialsRejected, ServiceUnavailable, Throttled
from gaussdb_backup.http_client.error_mapping import lock_reason, map_error
from gaussdb_backup.http_client.response import Response

ACCEPTED_FAMILY: Final = "DBS."
KEY_PAIR_HINT: Final = (
    "check access_key and secret_key in the secret, security_token if the keys are temporary, "
    "and the project ID"
)


class Auth:
    """The credentials of one environment.

    Args:
        issuer: makes an authorization from the secret.
        clock: the time.
    """

    def __init__(self, issuer: Issuer, clock: Clock) -> None:
        self._clock = clock
        self._issuer = issuer
        # around issuer and authorization: one refresh at a time, however many messages wait for it
        self._lock = threading.Lock()
        # held during the call that shows whether a key pair is right; taken before the other
        self._trial = threading.Lock()
        self._invocations = 0
        self._authorization: Authorization | None = None

    def begin(self, deadline: Deadline) -> Invocation:
        """Begins an invocation."""
        self._invocations += 1
        return Invocation(self._invocations, deadline)

    def send(self, call: Callable[[Authorization], Response], invocation: Invocation) -> Response:
        """Sends a call with credentials, and once more with others if they are refused.

        Args:
            call: sends the call; whatever it raises is passed on.
            invocation: the invocation that it belongs to.

        Raises:
            SecretUnavailable: the secret cannot be read or used.
            CredentialsRejected: IAM or GaussDB refuses it.
            ServiceUnavailable: IAM is out of order.
            Throttled: IAM asks for fewer log-ins.
        """
        authorization, response = self._send_once(call, invocation)
        refusal = _refusal(response, authorization)
        if refusal is None:
            return response
        self._replace(authorization, refusal, invocation)
        authorization, response = self._send_once(call, invocation)
        refusal = _refusal(response, authorization)
        if refusal is None:
            return response
        raise refusal

    def authorization(self, invocation: Invocation) -> Authorization:
        """The credentials to use now.

        Raises:
            BackupError: as ``send``.
        """
        with _locked(self._lock, invocation.deadline):
            if self._authorization is None:
                self._authorization = self._issuer.issue(invocation)
            elif self._is_due(self._authorization) and not invocation.renewed_by_time:
                invocation.renewed_by_time = True
                try:
                    self._authorization = self._issuer.issue(invocation)
                except (ServiceUnavailable, Throttled):
                    # its times are only advice: the old token serves until it is refused
                    return self._authorization
            return self._authorization

    def _send_once(
        self, call: Callable[[Authorization], Response], invocation: Invocation
    ) -> tuple[Authorization, Response]:
        """Sends a call; with a key pair that may be wrong, one call at a time."""
        authorization = self.authorization(invocation)
        if self._is_on_trial(authorization):
            with _locked(self._trial, invocation.deadline):
                # the call before this one may have shown that the key pair is right, or wrong
                authorization = self.authorization(invocation)
                if self._is_on_trial(authorization):
                    response = call(authorization)
                    self._learn(authorization, response, invocation)
                    return authorization, response
        return authorization, call(authorization)

    def _is_on_trial(self, authorization: Authorization) -> bool:
        return authorization.is_key_pair and not self._issuer.is_accepted(authorization.version)

    def _learn(
        self, authorization: Authorization, response: Response, invocation: Invocation
    ) -> None:
        """Notes whether a key pair was accepted; many responses show neither."""
        refusal = _refusal(response, authorization)
        # not _locked, because a response that is here must not end as one that never came
        with self._lock:
            if refusal is not None:
                self._reject_key_pair(authorization, refusal, invocation)
            elif _shows_acceptance(response):
                self._issuer.accept(authorization.version)

    def _replace(
        self, refused: Authorization, refusal: CredentialsRejected, invocation: Invocation
    ) -> None:
        """Discards the refused authorization and reads the secret again.

        Raises:
            CredentialsRejected: there is nothing else to try.
            BackupError: as ``send``.
        """
        with _locked(self._lock, invocation.deadline):
            if refused.is_key_pair:
                self._reject_key_pair(refused, refusal, invocation)
                if self._issuer.read_secret(invocation).version == refused.version:
                    raise refusal
            elif self._authorization is refused:
                if invocation.renewed_by_refusal:
                    raise refusal
                invocation.renewed_by_refusal = True
                self._authorization = None
                self._issuer.read_secret(invocation)

    def _reject_key_pair(
        self, refused: Authorization, refusal: CredentialsRejected, invocation: Invocation
    ) -> None:
        self._issuer.reject_key_pair(refused.version, refusal, invocation)
        if self._authorization is refused:
            self._authorization = None

    def _is_due(self, authorization: Authorization) -> bool:
        return self._clock.now() >= authorization.renew_at


@contextmanager
def _locked(lock: threading.Lock, deadline: Deadline) -> Iterator[None]:
    """Holds a lock.

    Raises:
        ServiceUnavailable: the time is over before the lock is free.
    """
    if not lock.acquire(timeout=deadline.remaining()):
        raise ServiceUnavailable("no time is left to wait for the credentials")
    try:
        yield
    finally:
        lock.release()


def _refusal(response: Response, authorization: Authorization) -> CredentialsRejected | None:
    """The error of a response that refuses the credentials."""
    error = map_error(response) if response.status >= 400 else None
    if not isinstance(error, CredentialsRejected):
        return None
    if authorization.is_key_pair and lock_reason(error.evidence.error_msg or "") is None:
        return CredentialsRejected(f"{error.detail}: {KEY_PAIR_HINT}", evidence=error.evidence)
    return error


def _shows_acceptance(response: Response) -> bool:
    """Whether a response comes from behind the gateway, which checks signatures first."""
    if response.status < 400:
        return 200 <= response.status < 300
    code = map_error(response).evidence.error_code or ""
    return response.status < 500 and code.upper().startswith(ACCEPTED_FAMILY)
