"""IAM or the secret store out of order: told as what it is, and over with the next invocation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.integration.call_counts import CHECK, PASSWORD, errors, payload, ten_messages
from tests.local_cloud.emulator import Fault
from tests.local_cloud.harness import Stage
from tests.local_cloud.local_cloud import ACCESS_KEY, USER
from tests.local_cloud.secrets_extension import SecretStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.local_cloud.emulator.faults import Kind
    from tests.local_cloud.local_cloud import Credentials

OTHER_PROJECT: Final = "0483b6b16e954cb88930a360d2c4e663"
KINDS: Final[tuple[Credentials, ...]] = ("password", "aksk")


@pytest.fixture
def stage() -> Iterator[Stage]:
    """The function with a password."""
    with Stage("password") as stage:
        yield stage


def test_a_password_needs_iam() -> None:
    """The variable that is missing is named."""
    with Stage("password", IAM_ENDPOINT="") as stage:
        ending = stage.deliver(payload())
        assert ending.error_name == "SecretUnavailable"
        assert "IAM_ENDPOINT" in str(ending.error)
        assert ending.calls == []


def test_a_key_pair_does_not() -> None:
    """Nobody logs in."""
    with Stage("aksk", IAM_ENDPOINT="") as stage:
        assert stage.deliver(payload()).reply["outcome"] == "created"


def log_in_fault(**how: Any) -> Fault:
    """Something that goes wrong with a log-in."""
    return Fault(operation="CreateToken", **how)


TOKEN: Final = {"X-Subject-Token": "not-a-real-token"}
BROKEN_TOKENS: Final = [
    log_in_fault(status=201, body=b"<html>"),
    log_in_fault(status=201, body=b""),
    log_in_fault(status=201, body={}),
    log_in_fault(status=201, body={"token": None}),
    Fault(
        operation="CreateToken", status=201, body={"token": {"expires_at": "2099-01-01T00:00:00Z"}}
    ),
    Fault(
        operation="CreateToken",
        status=201,
        body={"token": {"expires_at": "2099-01-01T00:00:00"}},
        headers=TOKEN,
    ),
    Fault(
        operation="CreateToken",
        status=201,
        body={"token": {"expires_at": "soon"}},
        headers=TOKEN,
    ),
    Fault(
        operation="CreateToken",
        status=201,
        body=b"{}",
        headers=TOKEN,
    ),
    log_in_fault(status=200, body={"token": {}}),
    log_in_fault(status=302, headers={"Location": "http://127.0.0.1:9/"}),
    log_in_fault(kind="cut"),
]


class TestIamOutOfOrder:
    """Whatever is wrong with IAM is never taken for a wrong password."""

    @pytest.mark.parametrize("fault", BROKEN_TOKENS)
    def test_an_unreadable_token_is_none(self, stage: Stage, fault: Fault) -> None:
        """The next invocation tries again; nothing was asked of the database service."""
        stage.emulator.faults.add(fault)
        ending = stage.deliver(CHECK, seconds=5)
        assert ending.error_name == "ServiceUnavailable"
        assert ending.calls == []
        assert stage.deliver(CHECK).error is None

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_it_may_be_down(self, stage: Stage, status: int) -> None:
        """For so long that no time is left."""
        stage.emulator.faults.script([log_in_fault(status=status, times=1000)])
        ending = stage.deliver(CHECK, seconds=20)
        assert ending.error_name == "ServiceUnavailable"
        assert ending.record["http_status"] == status
        assert ending.calls == []

    @pytest.mark.parametrize("kind", ["status", "html", "close", "hang"])
    def test_when_it_is_back_so_are_we(self, stage: Stage, kind: Kind) -> None:
        """An invocation that met it out of order does not spoil the next one, a minute later."""
        stage.emulator.faults.script([log_in_fault(kind=kind, seconds=0.1)] * 100)
        assert stage.deliver(payload(), seconds=20).error_name == "ServiceUnavailable"
        stage.emulator.faults.clear()
        stage.time.pass_by(60)
        assert stage.deliver(payload(), seconds=20).reply["outcome"] == "created"

    def test_nobody_may_answer(self, stage: Stage) -> None:
        """A refused connection is tried again while there is time, and then told."""
        with stage.emulator.refusing_connections("iam"):
            ending = stage.deliver(CHECK)
        assert ending.error_name == "ServiceUnavailable"
        assert stage.deliver(CHECK).error is None

    def test_a_refused_connection_is_waited_out(self, stage: Stage) -> None:
        """Nothing was sent, so nothing can count as a wrong log-in."""
        iam = stage.emulator.refusing_connections("iam")
        iam.__enter__()
        stage.time.meanwhile = [lambda: iam.__exit__(None, None, None)]
        ending = stage.deliver(CHECK)
        assert ending.error is None
        assert len(ending.pauses) == 1

    def test_it_may_ask_for_patience(self, stage: Stage) -> None:
        """`Retry-After` is obeyed where it fits."""
        stage.emulator.faults.add(log_in_fault(status=429, retry_after=3))
        ending = stage.deliver(CHECK)
        assert ending.error is None
        assert ending.pauses[0] >= 3

    def test_its_patience_may_be_too_long(self, stage: Stage) -> None:
        """Then it is told at once, with the wait."""
        stage.emulator.faults.add(log_in_fault(status=429, retry_after=120))
        ending = stage.deliver(CHECK)
        assert ending.error_name == "Throttled"
        assert ending.error is not None
        assert ending.error.retry_after == 120
        assert ending.pauses == []

    @pytest.mark.parametrize("status", [400, 401, 403, 404])
    def test_a_refusal_is_one(self, stage: Stage, status: int) -> None:
        """User, password, domain or project: any 4xx stands until the secret changes."""
        stage.emulator.faults.script([log_in_fault(status=status)])
        assert stage.deliver(CHECK).error_name == "CredentialsRejected"
        assert stage.deliver(CHECK).error_name == "CredentialsRejected"
        stage.cloud.store.rotate(PASSWORD, USER)
        assert stage.deliver(CHECK).error is None

    def test_a_project_that_is_not_there_is_refused(self) -> None:
        """IAM gives no token for it."""
        with Stage("password", PROJECT_ID=OTHER_PROJECT) as stage:
            ending = stage.deliver(CHECK)
            assert ending.error_name == "CredentialsRejected"
            assert ending.calls == []


class TestSecretOutOfOrder:
    """Whatever is wrong with the secret is told by name, and the next invocation looks again."""

    @pytest.mark.parametrize("value", [{}, {"access_key": "a"}, "[]", "not JSON", b"\x00"])
    def test_an_unusable_secret(self, stage: Stage, value: Any) -> None:
        """Nobody is asked with half of the credentials."""
        stage.cloud.store.rotate(PASSWORD, value)
        ending = stage.deliver(payload())
        assert ending.error_name == "SecretUnavailable"
        assert str(ending.error).startswith("CREDENTIALS_SECRET_ID: ")
        assert ending.calls == []
        stage.cloud.store.rotate(PASSWORD, USER)
        assert stage.deliver(payload()).reply["outcome"] == "created"

    def test_a_missing_layer(self, stage: Stage) -> None:
        """Told with its likely cause, within the time of the invocation."""
        with stage.cloud.store.absent():
            ending = stage.deliver(payload())
        assert ending.error_name == "SecretUnavailable"
        assert "layer" in str(ending.error)
        assert sum(ending.pauses) <= 10

    def test_a_missing_layer_costs_a_batch_no_more(self, stage: Stage) -> None:
        """Ten messages wait together, not one behind the other."""
        batch = ten_messages(stage)
        with stage.cloud.store.absent():
            ending = stage.deliver(batch, seconds=300)
        assert errors(ending) == ["SecretUnavailable"] * 10
        assert sum(ending.pauses) <= 10

    def test_a_token_outlives_the_secret_store(self, stage: Stage) -> None:
        """What is in hand is used, whatever becomes of the store."""
        stage.deliver(CHECK)
        with stage.cloud.store.absent():
            assert stage.deliver(payload()).reply["outcome"] == "created"

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_dead_one_does_not(self, kind: Credentials) -> None:
        """The refusal of the cloud leads to the store, and the store's failure is told."""
        with Stage(kind) as stage:
            stage.deliver(CHECK)
            stage.emulator.iam.revoke_tokens()
            stage.emulator.iam.remove_access_key(ACCESS_KEY["access_key"])
            stage.cloud.store.answer_next(400, "an unexpected error occurred", times=100)
            ending = stage.deliver(payload())
            assert ending.error_name == "SecretUnavailable"
            assert len(ending.calls) == 1


def test_a_cache_in_the_extension_would_hide_a_rotation() -> None:
    """A deployment that forgets `SECRETS_MANAGER_TTL: 0` is caught here: its secret stays stale."""
    with Stage("password") as stage, SecretStore(ttl=None) as cached:
        cached.put(PASSWORD, USER)
        stage.cloud.store.rotate(PASSWORD, USER)
        with Stage("password", **cached.environment()) as forgetful:
            forgetful.deliver(CHECK)
            for one, store in ((stage, stage.cloud.store), (forgetful, cached)):
                one.deliver(CHECK)
                one.emulator.iam.change_password(USER["username"], "not-a-real-password-2")
                store.rotate(PASSWORD, {**USER, "password": "not-a-real-password-2"})
            assert stage.deliver(payload()).reply["outcome"] == "created"
            assert forgetful.deliver(payload()).error_name == "CredentialsRejected"
            assert forgetful.emulator.iam.refused_log_ins == 1
