"""Counts the reads of secrets, the log-ins and the rejected log-ins of a delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.local_cloud import events
from tests.local_cloud.local_cloud import CREDENTIALS_SECRETS, INSTANCE_ID, USER

if TYPE_CHECKING:
    from tests.local_cloud.harness import Harness, Invocation

PASSWORD: Final = CREDENTIALS_SECRETS["password"]
KEYS: Final = CREDENTIALS_SECRETS["aksk"]
CHECK: Final = {"instance_id": INSTANCE_ID, "action": "check"}
QUARTER_HOUR: Final = 15 * 60.0


class CallCounter:
    """Counts the requests to the secrets extension and to IAM between two calls of `since`."""

    def __init__(self, harness: Harness) -> None:
        self._harness = harness
        self._seen = self._totals()

    def since(self) -> dict[str, int]:
        """The counts since the last call."""
        before, self._seen = self._seen, self._totals()
        return {name: self._seen[name] - before[name] for name in before}

    def _totals(self) -> dict[str, int]:
        iam = self._harness.emulator.iam
        return counts(len(self._harness.cloud.secrets.reads), iam.log_ins, iam.refused_log_ins)


def counts(reads: int = 0, log_ins: int = 0, refused: int = 0) -> dict[str, int]:
    """The expected counts of a delivery."""
    return {"reads": reads, "log_ins": log_ins, "refused": refused}


def payload(**fields: Any) -> dict[str, Any]:
    """A payload for the cloud's instance, with an idempotency key."""
    return {"instance_id": INSTANCE_ID, "idempotency_key": "one", **fields}


def ten_messages(harness: Harness) -> dict[str, Any]:
    """A batch for ten existing instances."""
    return events.sqs(*({"instance_id": harness.emulator.add_instance().id} for _ in range(10)))


def errors(invocation: Invocation) -> list[str]:
    """The names of the errors in a log, sorted."""
    return sorted(record["error"] for record in invocation.records if "error" in record)


def is_locked(harness: Harness) -> bool:
    """Whether the account of the function's user is locked."""
    user = harness.emulator.iam.find_user(USER["username"], USER["domain_name"])
    assert user is not None
    return user.locked_until is not None and harness.emulator.clock.now() < user.locked_until
