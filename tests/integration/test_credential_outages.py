"""IAM or the secret store out of order: told as what it is, and over with the next invocation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.integration.call_counts import CHECK, PASSWORD, errors, payload, ten_messages
from tests.local_cloud.emulator import Fault
from tests.local_cloud.harness import Harness
from tests.local_cloud.local_cloud import ACCESS_KEY, USER
from tests.local_cloud.secrets_extension import SecretsExtension

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.local_cloud.emulator.faults import Kind
    from tests.local_cloud.local_cloud import Credentials

OTHER_PROJECT: Final = "0483b6b16e954cb88930a360d2c4e663"
KINDS: Final[tuple[Credentials, ...]] = ("password", "aksk")


@pytest.fixture
def harness() -> Iterator[Harness]:
    """The function with a password."""
    with Harness("password") as harness:
        yield harness


def test_a_password_needs_iam() -> None:
    """The variable that is missing is named."""
    with Harness("password", IAM_ENDPOINT="") as harness:
        invocation = harness.invoke(payload())
        assert invocation.error_name == "SecretUnavailable"
        assert "IAM_ENDPOINT" in str(invocation.error)
        assert invocation.calls == []


def test_a_key_pair_does_not() -> None:
    """Nobody logs in."""
    with Harness("aksk", IAM_ENDPOINT="") as harness:
        assert harness.invoke(payload()).reply["outcome"] == "created"


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
    def test_an_unreadable_token_is_none(self, harness: Harness, fault: Fault) -> None:
        """The next invocation tries again; nothing was asked of the database service."""
        harness.emulator.faults.add(fault)
        invocation = harness.invoke(CHECK, seconds=5)
        assert invocation.error_name == "ServiceUnavailable"
        assert invocation.calls == []
        assert harness.invoke(CHECK).error is None

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_it_may_be_down(self, harness: Harness, status: int) -> None:
        """For so long that no time is left."""
        harness.emulator.faults.script([log_in_fault(status=status, times=1000)])
        invocation = harness.invoke(CHECK, seconds=20)
        assert invocation.error_name == "ServiceUnavailable"
        assert invocation.record["http_status"] == status
        assert invocation.calls == []

    @pytest.mark.parametrize("kind", ["status", "html", "close", "hang"])
    def test_when_it_is_back_so_are_we(self, harness: Harness, kind: Kind) -> None:
        """An invocation that met it out of order does not spoil the next one, a minute later."""
        harness.emulator.faults.script([log_in_fault(kind=kind, seconds=0.1)] * 100)
        assert harness.invoke(payload(), seconds=20).error_name == "ServiceUnavailable"
        harness.emulator.faults.clear()
        harness.time.advance(60)
        assert harness.invoke(payload(), seconds=20).reply["outcome"] == "created"

    def test_nobody_may_answer(self, harness: Harness) -> None:
        """A refused connection is tried again while there is time, and then told."""
        with harness.emulator.refusing_connections("iam"):
            invocation = harness.invoke(CHECK)
        assert invocation.error_name == "ServiceUnavailable"
        assert harness.invoke(CHECK).error is None

    def test_a_refused_connection_is_waited_out(self, harness: Harness) -> None:
        """Nothing was sent, so nothing can count as a wrong log-in."""
        iam = harness.emulator.refusing_connections("iam")
        iam.__enter__()
        harness.time.during_pauses = [lambda: iam.__exit__(None, None, None)]
        invocation = harness.invoke(CHECK)
        assert invocation.error is None
        assert len(invocation.pauses) == 1

    def test_it_may_ask_for_patience(self, harness: Harness) -> None:
        """`Retry-After` is obeyed where it fits."""
        harness.emulator.faults.add(log_in_fault(status=429, retry_after=3))
        invocation = harness.invoke(CHECK)
        assert invocation.error is None
        assert invocation.pauses[0] >= 3

    def test_its_patience_may_be_too_long(self, harness: Harness) -> None:
        """Then it is told at once, with the wait."""
        harness.emulator.faults.add(log_in_fault(status=429, retry_after=120))
        invocation = harness.invoke(CHECK)
        assert invocation.error_name == "Throttled"
        assert invocation.error is not None
        assert invocation.error.retry_after == 120
        assert invocation.pauses == []

    @pytest.mark.parametrize("status", [400, 401, 403, 404])
    def test_a_refusal_is_one(self, harness: Harness, status: int) -> None:
        """User, password, domain or project: any 4xx stands until the secret changes."""
        harness.emulator.faults.script([log_in_fault(status=status)])
        assert harness.invoke(CHECK).error_name == "CredentialsRejected"
        assert harness.invoke(CHECK).error_name == "CredentialsRejected"
        harness.cloud.secrets.rotate(PASSWORD, USER)
        assert harness.invoke(CHECK).error is None

    def test_a_project_that_is_not_there_is_refused(self) -> None:
        """IAM gives no token for it."""
        with Harness("password", PROJECT_ID=OTHER_PROJECT) as harness:
            invocation = harness.invoke(CHECK)
            assert invocation.error_name == "CredentialsRejected"
            assert invocation.calls == []


class TestSecretOutOfOrder:
    """Whatever is wrong with the secret is told by name, and the next invocation looks again."""

    @pytest.mark.parametrize("value", [{}, {"access_key": "a"}, "[]", "not JSON", b"\x00"])
    def test_an_unusable_secret(self, harness: Harness, value: Any) -> None:
        """Nobody is asked with half of the credentials."""
        harness.cloud.secrets.rotate(PASSWORD, value)
        invocation = harness.invoke(payload())
        assert invocation.error_name == "SecretUnavailable"
        assert str(invocation.error).startswith("CREDENTIALS_SECRET_ID: ")
        assert invocation.calls == []
        harness.cloud.secrets.rotate(PASSWORD, USER)
        assert harness.invoke(payload()).reply["outcome"] == "created"

    def test_a_missing_layer(self, harness: Harness) -> None:
        """Told with its likely cause, within the time of the invocation."""
        with harness.cloud.secrets.unreachable():
            invocation = harness.invoke(payload())
        assert invocation.error_name == "SecretUnavailable"
        assert "layer" in str(invocation.error)
        assert sum(invocation.pauses) <= 10

    def test_a_missing_layer_costs_a_batch_no_more(self, harness: Harness) -> None:
        """Ten messages wait together, not one behind the other."""
        batch = ten_messages(harness)
        with harness.cloud.secrets.unreachable():
            invocation = harness.invoke(batch, seconds=300)
        assert errors(invocation) == ["SecretUnavailable"] * 10
        assert sum(invocation.pauses) <= 10

    def test_a_token_outlives_the_secret_store(self, harness: Harness) -> None:
        """What is in hand is used, whatever becomes of the store."""
        harness.invoke(CHECK)
        with harness.cloud.secrets.unreachable():
            assert harness.invoke(payload()).reply["outcome"] == "created"

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_dead_one_does_not(self, kind: Credentials) -> None:
        """The refusal of the cloud leads to the store, and the store's failure is told."""
        with Harness(kind) as harness:
            harness.invoke(CHECK)
            harness.emulator.iam.revoke_tokens()
            harness.emulator.iam.remove_access_key(ACCESS_KEY["access_key"])
            harness.cloud.secrets.respond_next(400, "an unexpected error occurred", times=100)
            invocation = harness.invoke(payload())
            assert invocation.error_name == "SecretUnavailable"
            assert len(invocation.calls) == 1


def test_a_cache_in_the_extension_would_hide_a_rotation() -> None:
    """A deployment that forgets `SECRETS_MANAGER_TTL: 0` is caught here: its secret stays stale."""
    with Harness("password") as harness, SecretsExtension(ttl=None) as cached:
        cached.put(PASSWORD, USER)
        harness.cloud.secrets.rotate(PASSWORD, USER)
        with Harness("password", **cached.environment()) as forgetful:
            forgetful.invoke(CHECK)
            for one, store in ((harness, harness.cloud.secrets), (forgetful, cached)):
                one.invoke(CHECK)
                one.emulator.iam.change_password(USER["username"], "not-a-real-password-2")
                store.rotate(PASSWORD, {**USER, "password": "not-a-real-password-2"})
            assert harness.invoke(payload()).reply["outcome"] == "created"
            assert forgetful.invoke(payload()).error_name == "CredentialsRejected"
            assert forgetful.emulator.iam.refused_log_ins == 1
