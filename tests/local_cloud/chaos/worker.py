"""One execution environment with its own credentials, which identify its requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.local_cloud.chaos.pruning import COUNTS
from tests.local_cloud.local_cloud import ACCESS_KEY, USER, LocalCloud
from tests.local_cloud.scheduled_backups import policy_json

if TYPE_CHECKING:
    from tests.local_cloud.emulator.identities import Permission
    from tests.local_cloud.emulator.request import Request
    from tests.local_cloud.execution_environment import ExecutionEnvironment


class Worker:
    """An execution environment of the function, started when it is needed.

    Args:
        number: a unique number.
        cloud: the cloud that the function calls.
        by_key: whether the function uses an access key instead of a password.
        clock_offset: seconds by which its wall clock is ahead.

    Attributes:
        environment: the process, if it runs.
        variables: the environment variables of the function.
        starts: how many processes were started; the number of the current one.
        is_broken: whether the secret does not hold what the cloud accepts.
    """

    def __init__(
        self, number: int, cloud: LocalCloud, *, by_key: bool, clock_offset: float
    ) -> None:
        self.clock_offset = clock_offset
        self.name = f"worker-{number}"
        self.deleting_name = f"{self.name}-deletes"
        self._names = (self.name, self.deleting_name)
        self._cloud = cloud
        self.by_key = by_key
        self._version = 0
        self.starts = 0
        self.is_broken = False
        self.environment: ExecutionEnvironment | None = None
        self._store_credentials()

    def _store_credentials(self) -> None:
        creates, deletes = f"gaussdb-backup/{self.name}", f"gaussdb-backup/{self.deleting_name}"
        self._cloud.secrets.put(creates, self._credentials(self.name, "backup"))
        self._cloud.secrets.put(deletes, self._credentials(self.deleting_name, "delete"))
        self.variables = {
            **self._cloud.environment("aksk" if self.by_key else "password"),
            "CREDENTIALS_SECRET_ID": creates,
            "RETENTION": policy_json("delete", **COUNTS),
            "RETENTION_SECRET_ID": deletes,
        }

    def _credentials(self, name: str, permission: Permission) -> dict[str, str]:
        iam = self._cloud.emulator.iam
        password = f"not-a-real-password-{self._version}"
        owner = iam.add_user(name, password, USER["domain_name"], permission=permission)
        if self.by_key:
            keys = {**ACCESS_KEY, "access_key": f"{name}-{self._version}"}
            iam.add_access_key(keys["access_key"], keys["secret_key"], user=owner)
            return keys
        return {**USER, "username": name, "password": password}

    def rotate_credentials(self) -> None:
        """Stores new credentials in the secrets and invalidates the old ones."""
        for name in self._names:
            self._invalidate(name)
        self._version += 1
        self._store_credentials()
        self.is_broken = False

    def mistype_secret(self) -> None:
        """Stores new credentials of which the secret half is wrong."""
        self._version += 1
        secret = self._credentials(self.name, "backup")
        key = "secret_key" if self.by_key else "password"
        self._cloud.secrets.put(
            f"gaussdb-backup/{self.name}", {**secret, key: secret[key] + "-mistyped"}
        )
        self._cloud.emulator.iam.revoke_tokens()
        self.is_broken = True

    def change_credentials_early(self) -> None:
        """Invalidates the credentials; the secret does not follow yet."""
        self._invalidate(self.name)
        self.is_broken = True

    def forget_failures(self) -> None:
        """Lets the cloud forget failures, because the rules bound those of one environment."""
        iam = self._cloud.emulator.iam
        for name in self._names:
            user = iam.find_user(name, USER["domain_name"])
            key = iam.access_key(f"{name}-{self._version}")
            if user is not None:
                user.failures.clear()
            if key is not None:
                key.failures = 0

    def _invalidate(self, name: str) -> None:
        iam = self._cloud.emulator.iam
        access_key = f"{name}-{self._version}"
        if not self.by_key:
            iam.change_password(name, "not-a-real-password-any-more", USER["domain_name"])
        elif iam.access_key(access_key) is not None:
            iam.remove_access_key(access_key)

    def is_sender(self, request: Request) -> bool:
        """Whether a request carries the credentials of this worker, or logs in with them."""
        if request.path == "/v3/auth/tokens":
            return any(f'"{name}"'.encode() in request.body for name in self._names)
        signed_by = f"Access={self.name}-"
        token = self._cloud.emulator.iam.find_token(request.headers.get("x-auth-token", ""))
        by_token = token is not None and token.user.name in self._names
        return by_token or signed_by in request.headers.get("authorization", "")

    def kill(self) -> None:
        """Kills the process during an invocation; the next invocation is a cold start."""
        if self.environment is not None:
            self.environment.kill()

    def close(self) -> None:
        """Ends the process between invocations."""
        if self.environment is not None:
            self.environment.close()
            self.environment = None
