"""Everything that the function calls, on loopback: GaussDB, IAM and the secrets extension."""

from __future__ import annotations

import base64
import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Literal, Self

from tests.local_cloud.emulator import Emulator
from tests.local_cloud.secrets_extension import SecretsExtension

if TYPE_CHECKING:
    from ssl import SSLContext

Credentials = Literal["password", "aksk"]

INSTANCE_ID: Final = "7e01ac5ac5274957ba506f3851d11d51in14"
USER: Final = {
    "username": "backup-operator",
    "password": "not-a-real-password",
    "domain_name": "OTC-EU-DE-00000000001000000001",
}
DELETING_USER: Final = {**USER, "username": "backup-pruner", "password": "not-a-real-password-2"}
ACCESS_KEY: Final = {"access_key": "NOTAREALACCESSKEY001", "secret_key": "not-a-real-secret-key"}
DELETING_ACCESS_KEY: Final = {
    "access_key": "NOTAREALACCESSKEY002",
    "secret_key": "not-a-real-secret-key-2",
}
WEBHOOK_KEY: Final = "whsec_" + base64.b64encode(b"not-a-real-webhook-key-1").decode()

CREDENTIALS_SECRETS: Final[dict[Credentials, str]] = {
    "password": "gaussdb-backup/password",
    "aksk": "gaussdb-backup/access-key",
}
RETENTION_SECRETS: Final[dict[Credentials, str]] = {
    "password": "gaussdb-backup/retention-password",
    "aksk": "gaussdb-backup/retention-access-key",
}
WEBHOOK_SECRET: Final = "gaussdb-backup/webhook"


class LocalCloud:
    """A cloud with one instance and two users, each with an access key; a context manager.

    One of the users may create and list backups, the other delete and list them.

    Args:
        tls: the certificate of IAM and the database service; plain HTTP unless given.

    Attributes:
        emulator: IAM and the database service.
        secrets: the secrets extension, without a cache, as the template configures it.
    """

    def __init__(self, tls: SSLContext | None = None) -> None:
        self.emulator = Emulator(tls=tls)
        self.secrets = SecretsExtension(ttl=0)
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            starting.enter_context(self.emulator)
            starting.enter_context(self.secrets)
            self._populate()
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def environment(self, credentials: Credentials = "password") -> dict[str, str]:
        """The environment variables for this cloud, as the template would set them."""
        return {
            "GAUSSDB_ENDPOINT": self.emulator.gaussdb_endpoint,
            "IAM_ENDPOINT": self.emulator.iam_endpoint,
            "PROJECT_ID": self.emulator.project_id,
            "CREDENTIALS_SECRET_ID": CREDENTIALS_SECRETS[credentials],
            "WEBHOOK_SECRET_ID": WEBHOOK_SECRET,
            "DEFAULT_PAYLOAD": json.dumps({"instance_id": INSTANCE_ID}),
            "POWERTOOLS_METRICS_NAMESPACE": "GaussDBBackup",
            "POWERTOOLS_SERVICE_NAME": "gaussdb-backup",
            **self.secrets.environment(),
        }

    def _populate(self) -> None:
        iam = self.emulator.iam
        creating = iam.add_user(
            USER["username"], USER["password"], USER["domain_name"], permission="backup"
        )
        deleting = iam.add_user(
            DELETING_USER["username"],
            DELETING_USER["password"],
            DELETING_USER["domain_name"],
            permission="delete",
        )
        iam.add_access_key(ACCESS_KEY["access_key"], ACCESS_KEY["secret_key"], user=creating)
        iam.add_access_key(
            DELETING_ACCESS_KEY["access_key"], DELETING_ACCESS_KEY["secret_key"], user=deleting
        )
        self.emulator.add_instance(instance_id=INSTANCE_ID, name="orders")
        self.secrets.put(CREDENTIALS_SECRETS["password"], USER)
        self.secrets.put(CREDENTIALS_SECRETS["aksk"], ACCESS_KEY)
        self.secrets.put(RETENTION_SECRETS["password"], DELETING_USER)
        self.secrets.put(RETENTION_SECRETS["aksk"], DELETING_ACCESS_KEY)
        self.secrets.put(WEBHOOK_SECRET, {"keys": [WEBHOOK_KEY]})
