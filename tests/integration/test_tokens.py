"""Tokens: one log-in for many calls, one replacement after a rejection, and no locked account."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from tests.integration.call_counts import (
    CHECK,
    PASSWORD,
    QUARTER_HOUR,
    CallCounter,
    counts,
    errors,
    is_locked,
    payload,
    ten_messages,
)
from tests.local_cloud.emulator import Fault
from tests.local_cloud.emulator.responses import ErrorResponse
from tests.local_cloud.harness import Harness
from tests.local_cloud.local_cloud import USER

if TYPE_CHECKING:
    from collections.abc import Iterator


WRONG: Final = {**USER, "password": "not-the-password"}


@pytest.fixture
def harness() -> Iterator[Harness]:
    """The function with a password."""
    with Harness("password") as harness:
        yield harness


class TestToken:
    """A token is requested once and cached."""

    def test_many_invocations_share_one(self, harness: Harness) -> None:
        """A warm invocation needs no log-in."""
        counter = CallCounter(harness)
        assert harness.invoke(CHECK).error is None
        assert counter.since() == counts(reads=1, log_ins=1)
        for _ in range(3):
            assert harness.invoke(CHECK).error is None
        assert counter.since() == counts()

    def test_a_batch_shares_one(self, harness: Harness) -> None:
        """Ten concurrent messages wait for the log-in of the first."""
        batch = ten_messages(harness)
        counter = CallCounter(harness)
        assert harness.invoke(batch).reply == {"batchItemFailures": []}
        assert counter.since() == counts(reads=1, log_ins=1)

    @pytest.mark.parametrize("lifetime", [24 * 3600, 3600, 300])
    def test_it_is_renewed_shortly_before_its_end(self, harness: Harness, lifetime: int) -> None:
        """By `expires_at`; no call is sent with an expired token."""
        harness.emulator.iam.token_lifetime = timedelta(seconds=lifetime)
        margin = min(300, lifetime / 10)
        harness.invoke(CHECK)
        counter = CallCounter(harness)
        counter.since()
        harness.time.advance(lifetime - margin - 5)
        harness.invoke(CHECK)
        assert counter.since() == counts()
        harness.time.advance(margin / 2 + 5)
        invocation = harness.invoke(CHECK)
        assert counter.since() == counts(log_ins=1)
        assert [call.status for call in invocation.calls] == [200, 200]

    @pytest.mark.parametrize("clock_offset", [-600, 600])
    def test_its_lifetime_does_not_depend_on_the_functions_clock(
        self, harness: Harness, clock_offset: float
    ) -> None:
        """Which may be wrong by minutes."""
        harness.emulator.iam.token_lifetime = timedelta(hours=1)
        harness.time.clock_offset = clock_offset
        harness.invoke(CHECK)
        harness.time.advance(3000)
        counter = CallCounter(harness)
        counter.since()
        harness.invoke(CHECK)
        assert counter.since() == counts()
        harness.time.advance(400)
        assert [call.status for call in harness.invoke(CHECK).calls] == [200, 200]
        assert counter.since() == counts(log_ins=1)

    def test_another_environment_logs_in_itself(self, harness: Harness) -> None:
        """Nothing is cached outside the process."""
        counter = CallCounter(harness)
        for _ in range(2):
            harness.restart()
            harness.invoke(CHECK)
        assert counter.since() == counts(reads=2, log_ins=2)


CREATE: Final = "CreateManualBackup"
REFUSED_TOKENS: Final = [
    Fault(operation=CREATE, error_code="APIGW.0301"),
    Fault(operation=CREATE, error_code="APIG.0307"),
    Fault(operation=CREATE, error_code="DBS.280056"),
    Fault(operation=CREATE, status=401, body={"message": "Authorization information is wrong"}),
    Fault(operation=CREATE, status=401, kind="html"),
    Fault(operation=CREATE, status=401, kind="empty"),
]


class TestRejectedToken:
    """A rejected token is discarded, the secret read again, and the call sent once more."""

    def test_a_revoked_token_is_replaced(self, harness: Harness) -> None:
        """One read, one log-in, one repeated call; the caller sees a success."""
        harness.invoke(CHECK)
        harness.emulator.iam.revoke_tokens()
        counter = CallCounter(harness)
        counter.since()
        invocation = harness.invoke(payload())
        assert invocation.reply["outcome"] == "created"
        assert invocation.record["attempts"] == 2
        assert [(call.operation, call.status) for call in invocation.calls] == [
            ("CreateManualBackup", 401),
            ("CreateManualBackup", 202),
        ]
        assert counter.since() == counts(reads=1, log_ins=1)
        assert len(harness.emulator.backups) == 1

    @pytest.mark.parametrize("fault", REFUSED_TOKENS, ids=lambda f: f"{f.error_code or f.kind}")
    def test_every_kind_of_rejection_counts(self, harness: Harness, fault: Fault) -> None:
        """The gateway's 401 in any form, and the service's 403 with DBS.280056."""
        harness.invoke(CHECK)
        harness.emulator.faults.add(fault)
        counter = CallCounter(harness)
        counter.since()
        assert harness.invoke(payload()).reply["outcome"] == "created"
        assert counter.since() == counts(reads=1, log_ins=1)

    @pytest.mark.parametrize("fault", REFUSED_TOKENS, ids=lambda f: f"{f.error_code or f.kind}")
    def test_a_second_rejection_is_final(self, harness: Harness, fault: Fault) -> None:
        """One log-in, one repeated call, and no loop."""
        for _ in range(5):
            harness.emulator.faults.add(fault)
        counter = CallCounter(harness)
        invocation = harness.invoke(payload())
        assert invocation.error_name == "CredentialsRejected"
        assert len(invocation.calls) == 2
        assert counter.since() == counts(reads=1, log_ins=2)

    def test_a_forbidden_operation_does_not_replace_the_token(self, harness: Harness) -> None:
        """A 403 with another code is about the user's rights."""
        harness.emulator.faults.add(Fault(operation=CREATE, error_code="DBS.200044"))
        counter = CallCounter(harness)
        invocation = harness.invoke(payload())
        assert invocation.error_name == "PermissionDenied"
        assert len(invocation.calls) == 1
        assert counter.since() == counts(reads=1, log_ins=1)

    def test_a_token_is_replaced_for_reads_too(self, harness: Harness) -> None:
        """It may expire between the create request and the lookup."""
        harness.emulator.faults.add(
            Fault(
                operation=CREATE,
                when="after",
                kind="close",
                action=harness.emulator.iam.revoke_tokens,
            )
        )
        invocation = harness.invoke(payload())
        assert invocation.reply["outcome"] == "created"
        assert invocation.operations[:3] == ["create", "list", "list"]
        assert harness.emulator.iam.log_ins == 2

    def test_a_batch_renews_once(self, harness: Harness) -> None:
        """Ten messages find the token revoked at the same time."""
        batch = ten_messages(harness)
        harness.invoke(CHECK)
        harness.emulator.iam.revoke_tokens()
        counter = CallCounter(harness)
        counter.since()
        invocation = harness.invoke(batch)
        assert invocation.reply == {"batchItemFailures": []}
        assert counter.since() == counts(reads=1, log_ins=1)
        assert len(harness.emulator.backups) == 10

    def test_a_new_password_is_used(self, harness: Harness) -> None:
        """A rotation revokes the token and changes the secret, without a wrong log-in."""
        harness.invoke(CHECK)
        harness.emulator.iam.change_password(USER["username"], "not-a-real-password-2")
        harness.cloud.secrets.rotate(PASSWORD, {**USER, "password": "not-a-real-password-2"})
        counter = CallCounter(harness)
        counter.since()
        assert harness.invoke(payload()).reply["outcome"] == "created"
        assert counter.since() == counts(reads=1, log_ins=1)

    def test_a_password_that_is_changed_before_the_secret_costs_one_log_in(
        self, harness: Harness
    ) -> None:
        """Until the secret follows, one wrong log-in and not one more."""
        harness.invoke(CHECK)
        harness.emulator.iam.change_password(USER["username"], "not-a-real-password-2")
        counter = CallCounter(harness)
        counter.since()
        for _ in range(5):
            assert harness.invoke(payload()).error_name == "CredentialsRejected"
        assert counter.since() == counts(reads=5, refused=1)
        harness.cloud.secrets.rotate(PASSWORD, {**USER, "password": "not-a-real-password-2"})
        assert harness.invoke(payload()).reply["outcome"] == "created"
        assert counter.since() == counts(reads=1, log_ins=1)

    def test_what_keeps_a_batch_from_renewing_is_told_to_all_of_it(self, harness: Harness) -> None:
        """IAM is down while ten messages find their token dead: not one was rejected by anybody."""
        batch = ten_messages(harness)
        harness.invoke(CHECK)
        harness.emulator.iam.revoke_tokens()
        harness.emulator.faults.script([Fault(operation="CreateToken", status=503, times=1000)])
        invocation = harness.invoke(batch)
        assert set(errors(invocation)) == {"ServiceUnavailable"}
        assert len(invocation.reply["batchItemFailures"]) == 10


class TestRejectedLogIn:
    """A rejection stands for 15 minutes unless the secret changes: five would lock the account."""

    def test_a_rejection_stands(self, harness: Harness) -> None:
        """Each invocation reads the secret once to see whether it changed, and sends no request."""
        harness.cloud.secrets.rotate(PASSWORD, WRONG)
        counter = CallCounter(harness)
        assert harness.invoke(payload()).error_name == "CredentialsRejected"
        assert counter.since() == counts(reads=1, refused=1)
        for _ in range(4):
            harness.time.advance(QUARTER_HOUR / 5)
            invocation = harness.invoke(payload())
            assert invocation.error_name == "CredentialsRejected"
            assert invocation.calls == []
            assert counter.since() == counts(reads=1)

    def test_a_standing_rejection_repeats_its_reason(self, harness: Harness) -> None:
        """Every log line has the evidence of the one rejection."""
        harness.cloud.secrets.rotate(PASSWORD, WRONG)
        lines = [harness.invoke(payload()).record for _ in range(2)]
        for line in lines:
            assert line["http_status"] == 401
            assert line["error_msg"] == "The username or password is wrong."
            assert line["retryable"] is False

    def test_a_rejection_ends_after_15_minutes(self, harness: Harness) -> None:
        """The password may have been set back to the one in the secret."""
        harness.cloud.secrets.rotate(PASSWORD, WRONG)
        harness.invoke(payload())
        counter = CallCounter(harness)
        counter.since()
        harness.time.advance(QUARTER_HOUR + 1)
        assert harness.invoke(payload()).error_name == "CredentialsRejected"
        assert counter.since() == counts(reads=1, refused=1)
        harness.emulator.iam.change_password(USER["username"], WRONG["password"])
        harness.time.advance(QUARTER_HOUR + 1)
        assert harness.invoke(payload()).reply["outcome"] == "created"

    def test_a_rejection_ends_with_a_new_secret(self, harness: Harness) -> None:
        """At once."""
        harness.cloud.secrets.rotate(PASSWORD, WRONG)
        harness.invoke(payload())
        counter = CallCounter(harness)
        counter.since()
        harness.cloud.secrets.rotate(PASSWORD, USER)
        assert harness.invoke(payload()).reply["outcome"] == "created"
        assert counter.since() == counts(reads=1, log_ins=1)

    def test_a_batch_with_a_wrong_password_logs_in_once(self, harness: Harness) -> None:
        """Ten messages, one read, one log-in, ten errors."""
        harness.cloud.secrets.rotate(PASSWORD, WRONG)
        batch = ten_messages(harness)
        counter = CallCounter(harness)
        assert errors(harness.invoke(batch)) == ["CredentialsRejected"] * 10
        assert counter.since() == counts(reads=1, refused=1)
        assert errors(harness.invoke(batch)) == ["CredentialsRejected"] * 10
        assert counter.since() == counts(reads=1)

    def test_the_account_is_never_locked(self, harness: Harness) -> None:
        """A night of wrong passwords, one invocation a minute, with batches."""
        harness.cloud.secrets.rotate(PASSWORD, WRONG)
        batch = ten_messages(harness)
        for minute in range(120):
            harness.invoke(batch if minute % 10 == 0 else payload())
            harness.time.advance(60)
            assert not is_locked(harness)
        assert harness.emulator.iam.refused_log_ins <= 120 / 15 + 1

    def test_a_locked_account_is_left_alone(self, harness: Harness) -> None:
        """Others may have locked it: one rejection, and no more log-ins."""
        user = harness.emulator.iam.find_user(USER["username"], USER["domain_name"])
        for _ in range(5):
            with pytest.raises(ErrorResponse):
                harness.emulator.iam.log_in(user, "wrong")
        assert is_locked(harness)
        counter = CallCounter(harness)
        counter.since()
        for _ in range(5):
            invocation = harness.invoke(payload())
            assert invocation.error_name == "CredentialsRejected"
            assert invocation.record["error_msg"] == "The account is locked"
        assert counter.since()["refused"] == 1
        harness.time.advance(QUARTER_HOUR + 1)
        assert harness.invoke(payload()).reply["outcome"] == "created"
