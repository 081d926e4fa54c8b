"""Tokens: fetched once for many, renewed once when refused, and no wrong log-in too many."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from tests.integration.call_counts import (
    CHECK,
    PASSWORD,
    QUARTER,
    Effort,
    effort,
    errors,
    is_locked,
    payload,
    ten_messages,
)
from tests.local_cloud.emulator import Fault
from tests.local_cloud.emulator.responses import Refusal
from tests.local_cloud.harness import Stage
from tests.local_cloud.local_cloud import USER

if TYPE_CHECKING:
    from collections.abc import Iterator


WRONG: Final = {**USER, "password": "not-the-password"}


@pytest.fixture
def stage() -> Iterator[Stage]:
    """The function with a password."""
    with Stage("password") as stage:
        yield stage


class TestToken:
    """A token is fetched once and kept."""

    def test_many_invocations_share_one(self, stage: Stage) -> None:
        """A warm invocation costs its own calls, and nothing else."""
        spent = Effort(stage)
        assert stage.deliver(CHECK).error is None
        assert spent.since() == effort(reads=1, log_ins=1)
        for _ in range(3):
            assert stage.deliver(CHECK).error is None
        assert spent.since() == effort()

    def test_a_batch_shares_one(self, stage: Stage) -> None:
        """Ten messages come at once, and nine wait for the first one's log-in."""
        batch = ten_messages(stage)
        spent = Effort(stage)
        assert stage.deliver(batch).reply == {"batchItemFailures": []}
        assert spent.since() == effort(reads=1, log_ins=1)

    @pytest.mark.parametrize("lifetime", [24 * 3600, 3600, 60])
    def test_it_is_renewed_shortly_before_its_end(self, stage: Stage, lifetime: int) -> None:
        """By `expires_at`, whatever the documents say of 24 hours; no call meets a dead one."""
        stage.emulator.iam.token_lifetime = timedelta(seconds=lifetime)
        margin = min(300, lifetime / 10)
        stage.deliver(CHECK)
        spent = Effort(stage)
        spent.since()
        stage.time.pass_by(lifetime - margin - 5)
        stage.deliver(CHECK)
        assert spent.since() == effort()
        stage.time.pass_by(margin / 2 + 5)
        ending = stage.deliver(CHECK)
        assert spent.since() == effort(log_ins=1)
        assert [call.status for call in ending.calls] == [200]

    @pytest.mark.parametrize("wrong_by", [-600, 600])
    def test_it_lives_by_the_clock_that_made_it(self, stage: Stage, wrong_by: float) -> None:
        """Ours may be minutes off."""
        stage.emulator.iam.token_lifetime = timedelta(hours=1)
        stage.time.wrong_by = wrong_by
        stage.deliver(CHECK)
        stage.time.pass_by(3000)
        spent = Effort(stage)
        spent.since()
        stage.deliver(CHECK)
        assert spent.since() == effort()
        stage.time.pass_by(400)
        assert [call.status for call in stage.deliver(CHECK).calls] == [200]
        assert spent.since() == effort(log_ins=1)

    def test_another_environment_fetches_its_own(self, stage: Stage) -> None:
        """Nothing is kept outside of the process."""
        spent = Effort(stage)
        for _ in range(2):
            stage.start_afresh()
            stage.deliver(CHECK)
        assert spent.since() == effort(reads=2, log_ins=2)


CREATE: Final = "CreateManualBackup"
REFUSED_TOKENS: Final = [
    Fault(operation=CREATE, error_code="APIGW.0301"),
    Fault(operation=CREATE, error_code="APIG.0307"),
    Fault(operation=CREATE, error_code="DBS.280056"),
    Fault(operation=CREATE, status=401, body={"message": "Authorization information is wrong"}),
    Fault(operation=CREATE, status=401, kind="html"),
    Fault(operation=CREATE, status=401, kind="empty"),
]


class TestRefusedToken:
    """A refused token is dropped, the secret read afresh, and the call made once more."""

    def test_a_dead_one_is_replaced(self, stage: Stage) -> None:
        """One read, one log-in, one repetition; the caller notices nothing."""
        stage.deliver(CHECK)
        stage.emulator.iam.revoke_tokens()
        spent = Effort(stage)
        spent.since()
        ending = stage.deliver(payload())
        assert ending.reply["outcome"] == "created"
        assert ending.record["attempts"] == 2
        assert [(call.operation, call.status) for call in ending.calls] == [
            ("CreateManualBackup", 401),
            ("CreateManualBackup", 202),
        ]
        assert spent.since() == effort(reads=1, log_ins=1)
        assert len(stage.emulator.backups) == 1

    @pytest.mark.parametrize("fault", REFUSED_TOKENS, ids=lambda f: f"{f.error_code or f.kind}")
    def test_every_kind_of_refusal_counts(self, stage: Stage, fault: Fault) -> None:
        """The gateway's 401 in any shape, and the service's own 403 with DBS.280056."""
        stage.deliver(CHECK)
        stage.emulator.faults.add(fault)
        spent = Effort(stage)
        spent.since()
        assert stage.deliver(payload()).reply["outcome"] == "created"
        assert spent.since() == effort(reads=1, log_ins=1)

    @pytest.mark.parametrize("fault", REFUSED_TOKENS, ids=lambda f: f"{f.error_code or f.kind}")
    def test_a_second_refusal_ends_it(self, stage: Stage, fault: Fault) -> None:
        """One log-in, one repetition, and no loop."""
        for _ in range(5):
            stage.emulator.faults.add(fault)
        spent = Effort(stage)
        ending = stage.deliver(payload())
        assert ending.error_name == "CredentialsRejected"
        assert len(ending.calls) == 2
        assert spent.since() == effort(reads=1, log_ins=2)

    def test_a_refusal_of_the_operation_is_none_of_the_token(self, stage: Stage) -> None:
        """403 with any other code says that these credentials may not, and is believed."""
        stage.emulator.faults.add(Fault(operation=CREATE, error_code="DBS.200044"))
        spent = Effort(stage)
        ending = stage.deliver(payload())
        assert ending.error_name == "PermissionDenied"
        assert len(ending.calls) == 1
        assert spent.since() == effort(reads=1, log_ins=1)

    def test_reading_is_renewed_too(self, stage: Stage) -> None:
        """A token may die between the request and the look at the list."""
        stage.emulator.faults.add(
            Fault(
                operation=CREATE,
                when="after",
                kind="close",
                action=stage.emulator.iam.revoke_tokens,
            )
        )
        ending = stage.deliver(payload())
        assert ending.reply["outcome"] == "created"
        assert ending.operations[:3] == ["create", "list", "list"]
        assert stage.emulator.iam.log_ins == 2

    def test_a_batch_renews_once(self, stage: Stage) -> None:
        """Ten messages find the token dead at the same moment."""
        batch = ten_messages(stage)
        stage.deliver(CHECK)
        stage.emulator.iam.revoke_tokens()
        spent = Effort(stage)
        spent.since()
        ending = stage.deliver(batch)
        assert ending.reply == {"batchItemFailures": []}
        assert spent.since() == effort(reads=1, log_ins=1)
        assert len(stage.emulator.backups) == 10

    def test_a_new_password_is_picked_up(self, stage: Stage) -> None:
        """A rotation kills the token and changes the secret: no wrong log-in in between."""
        stage.deliver(CHECK)
        stage.emulator.iam.change_password(USER["username"], "not-a-real-password-2")
        stage.cloud.store.rotate(PASSWORD, {**USER, "password": "not-a-real-password-2"})
        spent = Effort(stage)
        spent.since()
        assert stage.deliver(payload()).reply["outcome"] == "created"
        assert spent.since() == effort(reads=1, log_ins=1)

    def test_a_password_that_is_changed_before_the_secret_costs_one_log_in(
        self, stage: Stage
    ) -> None:
        """Until the secret follows, one wrong log-in and not one more."""
        stage.deliver(CHECK)
        stage.emulator.iam.change_password(USER["username"], "not-a-real-password-2")
        spent = Effort(stage)
        spent.since()
        for _ in range(5):
            assert stage.deliver(payload()).error_name == "CredentialsRejected"
        assert spent.since() == effort(reads=5, refused=1)
        stage.cloud.store.rotate(PASSWORD, {**USER, "password": "not-a-real-password-2"})
        assert stage.deliver(payload()).reply["outcome"] == "created"
        assert spent.since() == effort(reads=1, log_ins=1)

    def test_what_keeps_a_batch_from_renewing_is_told_to_all_of_it(self, stage: Stage) -> None:
        """IAM is down while ten messages find their token dead: not one was rejected by anybody."""
        batch = ten_messages(stage)
        stage.deliver(CHECK)
        stage.emulator.iam.revoke_tokens()
        stage.emulator.faults.script([Fault(operation="CreateToken", status=503, times=1000)])
        ending = stage.deliver(batch)
        assert set(errors(ending)) == {"ServiceUnavailable"}
        assert len(ending.reply["batchItemFailures"]) == 10


class TestRefusedLogIn:
    """A refusal stands for 15 minutes unless the secret changes: five of them lock the account."""

    def test_it_stands(self, stage: Stage) -> None:
        """Each invocation reads the secret once, to see whether it changed, and asks nobody."""
        stage.cloud.store.rotate(PASSWORD, WRONG)
        spent = Effort(stage)
        assert stage.deliver(payload()).error_name == "CredentialsRejected"
        assert spent.since() == effort(reads=1, refused=1)
        for _ in range(4):
            stage.time.pass_by(QUARTER / 5)
            ending = stage.deliver(payload())
            assert ending.error_name == "CredentialsRejected"
            assert ending.calls == []
            assert spent.since() == effort(reads=1)

    def test_it_tells_why(self, stage: Stage) -> None:
        """The evidence of the one refusal stands in every log line that follows from it."""
        stage.cloud.store.rotate(PASSWORD, WRONG)
        lines = [stage.deliver(payload()).record for _ in range(2)]
        for line in lines:
            assert line["http_status"] == 401
            assert line["error_msg"] == "The username or password is wrong."
            assert line["retryable"] is False

    def test_it_ends_after_a_quarter_of_an_hour(self, stage: Stage) -> None:
        """The password may have been set back to what the secret holds."""
        stage.cloud.store.rotate(PASSWORD, WRONG)
        stage.deliver(payload())
        spent = Effort(stage)
        spent.since()
        stage.time.pass_by(QUARTER + 1)
        assert stage.deliver(payload()).error_name == "CredentialsRejected"
        assert spent.since() == effort(reads=1, refused=1)
        stage.emulator.iam.change_password(USER["username"], WRONG["password"])
        stage.time.pass_by(QUARTER + 1)
        assert stage.deliver(payload()).reply["outcome"] == "created"

    def test_it_ends_with_a_new_secret(self, stage: Stage) -> None:
        """At once, for it is another password."""
        stage.cloud.store.rotate(PASSWORD, WRONG)
        stage.deliver(payload())
        spent = Effort(stage)
        spent.since()
        stage.cloud.store.rotate(PASSWORD, USER)
        assert stage.deliver(payload()).reply["outcome"] == "created"
        assert spent.since() == effort(reads=1, log_ins=1)

    def test_a_batch_meets_it_once(self, stage: Stage) -> None:
        """Ten messages, one read, one log-in, ten refusals."""
        stage.cloud.store.rotate(PASSWORD, WRONG)
        batch = ten_messages(stage)
        spent = Effort(stage)
        assert errors(stage.deliver(batch)) == ["CredentialsRejected"] * 10
        assert spent.since() == effort(reads=1, refused=1)
        assert errors(stage.deliver(batch)) == ["CredentialsRejected"] * 10
        assert spent.since() == effort(reads=1)

    def test_the_account_is_never_locked(self, stage: Stage) -> None:
        """A night of wrong passwords, an invocation a minute, with batches among them."""
        stage.cloud.store.rotate(PASSWORD, WRONG)
        batch = ten_messages(stage)
        for minute in range(120):
            stage.deliver(batch if minute % 10 == 0 else payload())
            stage.time.pass_by(60)
            assert not is_locked(stage)
        assert stage.emulator.iam.refused_log_ins <= 120 / 15 + 1

    def test_a_locked_account_is_left_alone(self, stage: Stage) -> None:
        """Others may have locked it: one refusal, and no more log-ins on top."""
        user = stage.emulator.iam.find_user(USER["username"], USER["domain_name"])
        for _ in range(5):
            with pytest.raises(Refusal):
                stage.emulator.iam.log_in(user, "wrong", None)
        assert is_locked(stage)
        spent = Effort(stage)
        spent.since()
        for _ in range(5):
            ending = stage.deliver(payload())
            assert ending.error_name == "CredentialsRejected"
            assert ending.record["error_msg"] == "The account is locked"
        assert spent.since()["refused"] == 1
        stage.time.pass_by(QUARTER + 1)
        assert stage.deliver(payload()).reply["outcome"] == "created"
