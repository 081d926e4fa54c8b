"""Log-ins and signatures of all environments, counted as IAM and the gateway count them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.local_cloud.emulator import Call
    from tests.local_cloud.emulator.request import Request

# The rules of the contract's section on credentials, by their numbers.
REJECTED_LOG_IN: Final = timedelta(minutes=15)  # 2
REJECTED_KEY: Final = timedelta(minutes=5)  # 2
MAX_UNPROVEN: Final = 4  # 4
MAX_UNPROVEN_PER_INVOCATION: Final = 2  # 4
UNPROVEN_WINDOW: Final = timedelta(minutes=15)  # 4
MAX_LOG_INS: Final = 5  # 6

DROP_MARGIN: Final = timedelta(seconds=2)

_LOG_IN: Final = rb'"name": "([^"]*)", "password": "([^"]*)"'
_ACCESS_KEY: Final = r"Access=([^,]+)"

# the worker's name, and the number of its process
Environment = tuple[str, int]


class Use(NamedTuple):
    """One use of credentials.

    Args:
        call: the request.
        credentials: the user and password, or the access key, that it carried.
    """

    call: Call
    credentials: str

    @property
    def is_rejected(self) -> bool:
        """Whether the cloud rejected the credentials, and the client got the rejection."""
        return self.call.done == self.call.status == 401 and self.call.fault is None

    @property
    def is_accepted(self) -> bool:
        """Whether the cloud accepted the credentials, whatever it thought of the rest."""
        return self.call.done is not None and self.call.done not in {400, 401, 403}


@dataclass(slots=True)
class CredentialLedger:
    """All uses of credentials, by execution environment.

    Attributes:
        violations: descriptions of everything that must not happen.
        drops: when all connections were dropped, so that responses may have been lost.
    """

    drops: list[datetime] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    _log_ins: dict[Environment, list[Use]] = field(default_factory=lambda: defaultdict(list))
    _accepted: set[tuple[Environment, str]] = field(default_factory=set)
    _rejected: dict[tuple[Environment, str], datetime] = field(default_factory=dict)

    def add_invocation(self, environment: Environment, uses: Sequence[Use]) -> None:
        """Adds the uses of one invocation and checks them.

        Args:
            environment: the execution environment.
            uses: in the order of their arrival.
        """
        self.violations += [
            f"environment {environment}: {violation}: {[_shown(use) for use in uses]}"
            for violation in self._violations(environment, uses)
        ]

    def wrong_log_ins(self) -> list[str]:
        """All log-ins that IAM judged as wrong."""
        return [
            f"{environment} {_shown(use)}"
            for environment, uses in self._log_ins.items()
            for use in uses
            if use.call.done == 401
        ]

    def _violations(self, environment: Environment, uses: Sequence[Use]) -> Iterator[str]:
        log_ins = [use for use in uses if use.call.operation == "CreateToken"]
        users = Counter(use.credentials.partition(" ")[0] for use in log_ins)
        if any(number > MAX_LOG_INS for number in users.values()):
            yield "rule 6: too many log-ins of one user in one invocation"
        unproven = {use.credentials for use in uses} - {
            credentials for number, credentials in self._accepted if number == environment
        }
        for use in uses:
            yield from self._reuse(environment, use)
            if use.credentials in unproven:
                self._note(environment, use)
        # several calls may carry accepted credentials at the moment when they are rejected
        for use in uses:
            self._note(environment, use)
        for use in log_ins:
            self._log_ins[environment].append(use)
        for password in unproven:
            wrong = [one for one in self._log_ins[environment] if _is_wrong(one, password)]
            if sum(use in wrong for use in log_ins) > MAX_UNPROVEN_PER_INVOCATION:
                yield "rule 4: too many wrong log-ins in one invocation"
            if _most_in_window(wrong) > MAX_UNPROVEN:
                yield "rule 4: too many wrong log-ins in 15 minutes"

    def _reuse(self, environment: Environment, use: Use) -> Iterator[str]:
        """Checks one use against the rejections before it."""
        is_log_in = use.call.operation == "CreateToken"
        stands = REJECTED_LOG_IN if is_log_in else REJECTED_KEY
        rejected_at = self._rejected.get((environment, use.credentials))
        if rejected_at is not None and use.call.at < rejected_at + stands:
            yield f"rule {2 if is_log_in else 5}: used again after a rejection"

    def _note(self, environment: Environment, use: Use) -> None:
        key = (environment, use.credentials)
        if use.is_accepted:
            self._accepted.add(key)
        may_be_lost = any(abs(use.call.at - drop) < DROP_MARGIN for drop in self.drops)
        if use.is_rejected and not may_be_lost:
            self._rejected[key] = use.call.at


def credentials_of(request: Request) -> str | None:
    """The user and password, or the access key, in a request; None in one with a token."""
    if request.path.startswith("/v3/auth/tokens"):
        found = re.search(_LOG_IN, request.body)
        return f"{found[1].decode()} {found[2].decode()}" if found else None
    signed_by = re.search(_ACCESS_KEY, request.headers.get("authorization", ""))
    return signed_by[1] if signed_by else None


def _is_wrong(use: Use, password: str) -> bool:
    return use.credentials == password and use.call.done == 401


def _most_in_window(uses: Sequence[Use]) -> int:
    """The largest number of uses in any 15 minutes."""
    times = [use.call.at for use in uses]
    return max(
        (sum(start <= at < start + UNPROVEN_WINDOW for at in times) for start in times), default=0
    )


def _shown(use: Use) -> str:
    call = use.call
    return f"{call.operation} {use.credentials} {call.status}/{call.done} {call.fault} {call.at}"
