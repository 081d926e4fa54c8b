"""The secret becomes an authorization: a key pair at once, a password by a log-in.

Three parts: the secret as it was last read, the log-in phase (``login``), and what is known of the
secret's versions, so that nothing is refused too often (``login_guard``). ``auth`` holds a lock
around each call.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from requests.auth import AuthBase

from gaussdb_backup.clock import Clock, Deadline
from gaussdb_backup.credentials.login_guard import (
    KEY_REJECTION_SECONDS,
    Attempt,
    GuardState,
    after_acceptance,
    after_rejection,
    reason_against,
)
from gaussdb_backup.credentials.models import (
    AccessKeyCredentials,
    PasswordCredentials,
    SignatureAuth,
    TokenAuth,
    read_credentials,
    read_project_id,
)
from gaussdb_backup.credentials.secret_store import SecretStore
from gaussdb_backup.errors import BackupError, CredentialsRejected, SecretUnavailable


class Authorization(NamedTuple):
    """Authorizes calls until the cloud refuses it or its time is over.

    Args:
        auth: puts the credentials on a request.
        project_id: the project that the calls are for.
        redact: what no message may show.
        renew_at: wall time in seconds since 1970 from which on another one is fetched.
        version: the secret's version that it was made from.
    """

    auth: AuthBase
    project_id: str
    redact: tuple[str, ...]
    renew_at: float
    version: str

    @property
    def is_key_pair(self) -> bool:
        """Whether each call proves the secret itself, and not a token."""
        return isinstance(self.auth, SignatureAuth)

    def __repr__(self) -> str:
        return f"Authorization(project_id={self.project_id!r}, version={self.version!r})"


class CachedSecret(NamedTuple):
    """One version of the secret, checked."""

    credentials: AccessKeyCredentials | PasswordCredentials
    project_id: str
    version: str


@dataclass(slots=True)
class Invocation:
    """What one invocation has done so far; all its deliveries share it.

    Args:
        number: unique among the invocations of the environment.
        deadline: its end.
        secret: the secret as this invocation has read it, once.
        requests: how many requests to IAM it has sent.
        renewed_by_time: a token was renewed because its time was over.
        renewed_by_refusal: a token was renewed because it was refused.
        failure: why there are no credentials; no delivery of the invocation tries again.
    """

    number: int
    deadline: Deadline
    secret: CachedSecret | None = None
    requests: int = 0
    renewed_by_time: bool = False
    renewed_by_refusal: bool = False
    failure: BackupError | None = None


class Issuer:
    """Makes authorizations from one secret.

    Args:
        store: reads the secret.
        secret_id: name or ARN of the secret.
        variable: the environment variable that names it.
        iam_endpoint: IAM's endpoint, needed for passwords.
        project_id: the project, where the environment names it.
        clock: the time.
    """

    def __init__(
        self,
        store: SecretStore,
        *,
        secret_id: str,
        variable: str,
        iam_endpoint: str | None,
        project_id: str | None,
        clock: Clock,
    ) -> None:
        self._store = store
        self._secret_id = secret_id
        self._variable = variable
        self._iam_endpoint = iam_endpoint
        self._project_id = project_id
        self._clock = clock
        self._secret: CachedSecret | None = None
        self._guard = GuardState()

    def issue(self, invocation: Invocation) -> Authorization:
        """Makes an authorization; after a failure, none is tried in this invocation.

        Raises:
            SecretUnavailable: the secret cannot be read or used.
            CredentialsRejected: the cloud refuses it.
            ServiceUnavailable: IAM is out of order.
            Throttled: IAM asks for fewer log-ins.
        """
        if invocation.failure is not None:
            raise invocation.failure
        try:
            return self._issue_from_newest(invocation)
        except BackupError as error:
            invocation.failure = error
            raise

    def _issue_from_newest(self, invocation: Invocation) -> Authorization:
        """Makes an authorization from the cached secret, or from a newer version of it."""
        secret = self._secret or self.read_secret(invocation)
        try:
            return self._issue_from(secret, invocation)
        except BackupError:
            if reason_against(self._guard, self._attempt(secret.version, invocation)) is None:
                raise
            newest = self.read_secret(invocation)
            if newest.version == secret.version:
                raise
        return self._issue_from(newest, invocation)

    def _issue_from(self, secret: CachedSecret, invocation: Invocation) -> Authorization:
        reason = reason_against(self._guard, self._attempt(secret.version, invocation))
        if reason is not None:
            raise reason
        match secret.credentials:
            case AccessKeyCredentials() as keys:
                return Authorization(
                    auth=SignatureAuth(keys, secret.project_id, self._clock),
                    project_id=secret.project_id,
                    redact=(keys.access_key, keys.secret_key, keys.security_token or ""),
                    renew_at=math.inf,
                    version=secret.version,
                )
            case PasswordCredentials() as user:
                return self._log_in(user, secret, invocation)

    def _log_in(
        self, user: PasswordCredentials, secret: CachedSecret, invocation: Invocation
    ) -> Authorization:
        # imported when a password is used, because a key pair's cold start needs none of it
        from gaussdb_backup.credentials.iam import Token, request_token
        from gaussdb_backup.credentials.login import log_in

        endpoint = self._iam_endpoint
        if endpoint is None:
            raise SecretUnavailable(f"{self._variable}: holds a password, which needs IAM_ENDPOINT")
        deadline = invocation.deadline
        result = log_in(
            lambda: request_token(
                self._store.transport, endpoint, user, secret.project_id, deadline
            ),
            self._guard,
            version=secret.version,
            invocation=invocation.number,
            requests=invocation.requests,
            deadline=deadline,
        )
        self._guard, invocation.requests = result.guard, result.requests
        if not isinstance(result.outcome, Token):
            raise result.outcome
        return Authorization(
            auth=TokenAuth(result.outcome.value),
            project_id=secret.project_id,
            redact=(result.outcome.value, user.password),
            renew_at=result.outcome.renew_at,
            version=secret.version,
        )

    def read_secret(self, invocation: Invocation) -> CachedSecret:
        """Reads the secret, once per invocation.

        Raises:
            SecretUnavailable: it cannot be read or used.
        """
        if invocation.secret is None:
            self._secret = None
            secret = self._store.read(self._secret_id, self._variable, invocation.deadline)
            credentials = read_credentials(secret, self._variable)
            project_id = read_project_id(credentials, self._project_id, self._variable)
            invocation.secret = CachedSecret(credentials, project_id, secret.version)
            self._secret = invocation.secret
        return invocation.secret

    def is_accepted(self, version: str) -> bool:
        """Whether the cloud has accepted this version of the secret."""
        return version in self._guard.accepted

    def accept(self, version: str) -> None:
        """Notes that a signature of a key pair was accepted."""
        self._guard = after_acceptance(self._guard, version)

    def reject_key_pair(
        self, version: str, error: CredentialsRejected, invocation: Invocation
    ) -> None:
        """Notes that a signature was refused; what already stands is not prolonged."""
        attempt = self._attempt(version, invocation)
        if reason_against(self._guard, attempt) is None:
            self._guard = after_rejection(self._guard, attempt, KEY_REJECTION_SECONDS, error)

    def _attempt(self, version: str, invocation: Invocation) -> Attempt:
        return Attempt(version=version, at=self._clock.now(), invocation=invocation.number)
