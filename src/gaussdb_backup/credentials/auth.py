"""Either kind of credentials as a ``requests`` auth, renewed once when the cloud refuses it.

Five wrong log-ins lock an account, and many wrong signatures an access key; so nothing is refused
twice in a row unless the secret changed in between. One environment renews once, however many
messages of a batch wait for it: all state is behind one lock.
"""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from requests.auth import AuthBase

from gaussdb_backup.clock import Clock, Deadline
from gaussdb_backup.credentials.models import (
    CREDENTIALS_VARIABLE,
    AccessKeyCredentials,
    PasswordCredentials,
    SignatureAuth,
    TokenAuth,
    read_credentials,
)
from gaussdb_backup.credentials.secret_store import SecretStore
from gaussdb_backup.errors import (
    BackupError,
    CredentialsRejected,
    SecretUnavailable,
    ServiceUnavailable,
)

REFUSAL_STANDS_SECONDS: Final = 15 * 60.0


class Authorization(NamedTuple):
    """What authorises calls until the cloud refuses it or its time is over.

    Args:
        auth: puts the credentials on a request.
        project_id: the project that the calls are for.
        redact: what no message may show.
        renew_at: wall time in seconds since 1970 from which on it is not to be used.
        version: the secret's version that it was made from.
    """

    auth: AuthBase
    project_id: str
    redact: tuple[str, ...]
    renew_at: float
    version: str

    def __repr__(self) -> str:
        return f"Authorization(project_id={self.project_id!r}, version={self.version!r})"


class _CachedSecret(NamedTuple):
    """One version of the secret, checked."""

    credentials: AccessKeyCredentials | PasswordCredentials
    project_id: str
    version: str


class _RejectedLogin(NamedTuple):
    """IAM's refusal of the log-in with one version of the secret, at a wall time."""

    version: str
    at: float
    error: CredentialsRejected


class Auth:
    """The credentials of one environment.

    Args:
        store: where the secret lies.
        secret_id: name or ARN of the secret.
        iam_endpoint: IAM's endpoint, needed for passwords.
        project_id: the project, where the environment names it.
        clock: the time.
    """

    def __init__(
        self,
        store: SecretStore,
        *,
        secret_id: str,
        iam_endpoint: str | None,
        project_id: str | None,
        clock: Clock,
    ) -> None:
        self._store = store
        self._secret_id = secret_id
        self._iam_endpoint = iam_endpoint
        self._project_id = project_id
        self._clock = clock
        self._lock = threading.Lock()
        self._held: _CachedSecret | None = None
        self._read_in: Deadline | None = None
        self._authorization: Authorization | None = None
        self._renewed_in: Deadline | None = None
        self._refusal: _RejectedLogin | None = None
        self._given_up: tuple[Deadline, CredentialsRejected] | None = None
        self._failures = 0
        self._failure: BackupError | None = None

    def authorization(self, deadline: Deadline) -> Authorization:
        """What authorises calls now.

        Raises:
            SecretUnavailable: the secret cannot be read or used.
            CredentialsRejected: the cloud refuses it, and it has not changed since.
            ServiceUnavailable: IAM is out of order.
            Throttled: IAM asks for fewer log-ins.
        """
        with self._alone(deadline):
            if self._authorization is None or self._clock.now() >= self._authorization.renew_at:
                self._authorization = self._issue(deadline)
            return self._authorization

    def renew(
        self, refused: Authorization, error: CredentialsRejected, deadline: Deadline
    ) -> Authorization:
        """Another authorization in the place of one that the cloud refused with ``error``.

        Raises:
            CredentialsRejected: there is nothing else to try.
            SecretUnavailable: the secret cannot be read or used.
            ServiceUnavailable: IAM is out of order.
            Throttled: IAM asks for fewer log-ins.
        """
        with self._alone(deadline):
            if self._authorization is refused:
                self._drop(refused, error, deadline)
            if self._authorization is None:
                self._authorization = self._issue(deadline)
            return self._authorization

    def _drop(self, refused: Authorization, error: CredentialsRejected, deadline: Deadline) -> None:
        """Drops a refused authorization, once per invocation, and reads the secret again."""
        if self._renewed_in is deadline:
            raise error
        self._renewed_in = deadline
        self._authorization = None
        held = self._fresh(deadline)
        if isinstance(refused.auth, SignatureAuth) and held.version == refused.version:
            self._held = None
            self._given_up = (deadline, error)
            raise error

    @contextmanager
    def _alone(self, deadline: Deadline) -> Iterator[None]:
        """One at a time; who waited for somebody that failed has failed with it.

        After a key pair was refused for good, there is none in this invocation.
        """
        failures = self._failures
        if not self._lock.acquire(timeout=deadline.remaining()):
            raise ServiceUnavailable("no time is left to wait for the credentials")
        try:
            if self._failure is not None and self._failures > failures:
                raise self._failure
            if self._given_up is not None and self._given_up[0] is deadline:
                raise self._given_up[1]
            yield
        except BackupError as error:
            self._failures += 1
            self._failure = error
            raise
        finally:
            self._lock.release()

    def _issue(self, deadline: Deadline) -> Authorization:
        held = self._held or self._fresh(deadline)
        if self._refuses(held):
            held = self._fresh(deadline)
        if self._refusal and self._refuses(held):
            raise CredentialsRejected(
                "IAM refused this secret, and it has not changed since",
                evidence=self._refusal.error.evidence,
            )
        try:
            return self._authorization_from(held, deadline)
        except CredentialsRejected as error:
            self._refusal = _RejectedLogin(held.version, self._clock.now(), error)
            return self._issue(deadline)

    def _refuses(self, held: _CachedSecret) -> bool:
        refusal = self._refusal
        return (
            refusal is not None
            and refusal.version == held.version
            and self._clock.now() < refusal.at + REFUSAL_STANDS_SECONDS
        )

    def _fresh(self, deadline: Deadline) -> _CachedSecret:
        """The secret as this invocation reads it, once."""
        if self._held is None or self._read_in is not deadline:
            self._held = None
            secret = self._store.read(self._secret_id, CREDENTIALS_VARIABLE, deadline)
            credentials = read_credentials(secret)
            self._held = _CachedSecret(credentials, self._project(credentials), secret.version)
            self._read_in = deadline
        return self._held

    def _project(self, credentials: AccessKeyCredentials | PasswordCredentials) -> str:
        ids = {self._project_id, credentials.project_id} - {None}
        if len(ids) != 1:
            fault = (
                "PROJECT_ID and the secret's differ" if ids else "neither PROJECT_ID nor its own"
            )
            raise SecretUnavailable(f"{CREDENTIALS_VARIABLE}: key project_id: {fault}")
        return str(ids.pop())

    def _authorization_from(self, held: _CachedSecret, deadline: Deadline) -> Authorization:
        match held.credentials:
            case AccessKeyCredentials() as keys:
                return Authorization(
                    auth=SignatureAuth(keys, held.project_id, self._clock),
                    project_id=held.project_id,
                    redact=(keys.access_key, keys.secret_key, keys.security_token or ""),
                    renew_at=math.inf,
                    version=held.version,
                )
            case PasswordCredentials() as password:
                return self._logged_in(password, held, deadline)

    def _logged_in(
        self, password: PasswordCredentials, held: _CachedSecret, deadline: Deadline
    ) -> Authorization:
        from gaussdb_backup.credentials.iam import log_in

        if self._iam_endpoint is None:
            raise SecretUnavailable(
                f"{CREDENTIALS_VARIABLE}: holds a password, which needs IAM_ENDPOINT"
            )
        token = log_in(
            self._store.transport, self._iam_endpoint, password, held.project_id, deadline
        )
        return Authorization(
            auth=TokenAuth(token.value),
            project_id=held.project_id,
            redact=(token.value, password.password),
            renew_at=token.renew_at,
            version=held.version,
        )
