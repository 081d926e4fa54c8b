"""What a delivery costs beside its calls: secrets read, log-ins, and refusals that count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.local_cloud import events
from tests.local_cloud.local_cloud import CREDENTIALS_SECRETS, INSTANCE_ID, USER

if TYPE_CHECKING:
    from tests.local_cloud.harness import Harness, Invocation

PASSWORD: Final = CREDENTIALS_SECRETS["password"]
KEYS: Final = CREDENTIALS_SECRETS["aksk"]
CHECK: Final = {"instance_id": INSTANCE_ID, "action": "check"}
QUARTER: Final = 15 * 60.0


class Effort:
    """What passes between the function and the secret store and IAM, from one look to the next."""

    def __init__(self, harness: Harness) -> None:
        self._harness = harness
        self._seen = self._sums()

    def since(self) -> dict[str, int]:
        """Secrets read, log-ins that went well and log-ins refused, since the last look."""
        before, self._seen = self._seen, self._sums()
        return {name: self._seen[name] - before[name] for name in before}

    def _sums(self) -> dict[str, int]:
        iam = self._harness.emulator.iam
        return effort(len(self._harness.cloud.secrets.reads), iam.log_ins, iam.refused_log_ins)


def effort(reads: int = 0, log_ins: int = 0, refused: int = 0) -> dict[str, int]:
    """What a delivery is to cost."""
    return {"reads": reads, "log_ins": log_ins, "refused": refused}


def payload(**fields: Any) -> dict[str, Any]:
    """A payload for the cloud's one instance, with a key of the caller's own."""
    return {"instance_id": INSTANCE_ID, "idempotency_key": "one", **fields}


def ten_messages(harness: Harness) -> dict[str, Any]:
    """A batch for ten instances, which are there."""
    return events.sqs(*({"instance_id": harness.emulator.add_instance().id} for _ in range(10)))


def errors(invocation: Invocation) -> list[str]:
    """The names of the errors in a log, sorted."""
    return sorted(record["error"] for record in invocation.records if "error" in record)


def is_locked(harness: Harness) -> bool:
    """Whether the account of the function's user is locked."""
    user = harness.emulator.iam.find_user(USER["username"], USER["domain_name"])
    assert user is not None
    return user.locked_until is not None and harness.emulator.clock.now() < user.locked_until
