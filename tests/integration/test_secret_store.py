"""Our reader of secrets, against the stand-in for AWS's extension with its recorded answers."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from gaussdb_backup.clock import Deadline
from gaussdb_backup.credentials.secret_store import Secret, SecretStore
from gaussdb_backup.errors import SecretUnavailable
from gaussdb_backup.http_client.transport import Transport
from tests.local_cloud.emulator.clock import ServerClock
from tests.local_cloud.harness import SimulatedTime
from tests.local_cloud.secrets_extension import UNEXPECTED, SecretsExtension

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "team/gaussdb"
VALUE = {"username": "backup", "password": "not-a-real-password-1", "domain_name": "OTC-1"}
VARIABLE = "CREDENTIALS_SECRET_ID"
PLENTY = 300.0


@pytest.fixture
def extension() -> Iterator[SecretsExtension]:
    """The extension as the template sets it, without a cache, and a secret behind it."""
    with SecretsExtension(ttl=0) as running:
        running.put(NAME, VALUE)
        yield running


class Reader:
    """Our client, by whose clock nobody waits."""

    def __init__(self, extension: SecretsExtension) -> None:
        self.time = SimulatedTime(ServerClock())
        self._extension = extension

    @property
    def waited(self) -> float:
        """The seconds of all pauses."""
        return sum(self.time.pauses)

    def read(
        self, secret_id: str = NAME, *, seconds: float = PLENTY, token: str | None = None
    ) -> Secret:
        """Reads a secret within so many seconds."""
        clock = self.time.clock()
        known = self._extension.session_token if token is None else token
        store = SecretStore(Transport(), self._extension.port, known)
        return store.read(secret_id, VARIABLE, Deadline(clock, clock.monotonic() + seconds))

    def refusal(self, secret_id: str = NAME, **how: Any) -> SecretUnavailable:
        """Why a secret cannot be read."""
        with pytest.raises(SecretUnavailable) as refused:
            self.read(secret_id, **how)
        assert refused.value.retryable
        return refused.value

    def cause(self, secret_id: str = NAME, **how: Any) -> str:
        """The likely cause, as only the log shows it."""
        refusal = self.refusal(secret_id, **how)
        cause = refusal.evidence.error_msg
        assert cause is not None
        assert cause not in refusal.detail
        assert f"the secrets extension at localhost:{self._extension.port}" in refusal.detail
        return cause


@pytest.fixture
def reader(extension: SecretsExtension) -> Reader:
    """A client of the extension."""
    return Reader(extension)


def test_a_secret_is_read_by_its_name(extension: SecretsExtension, reader: Reader) -> None:
    """Its JSON, and the version by which a change is known; one request."""
    version = extension.rotate(NAME, VALUE)
    assert reader.read() == Secret(VALUE, version)
    assert extension.reads == [NAME]


def test_a_secret_is_read_by_its_arn(extension: SecretsExtension, reader: Reader) -> None:
    """Colons and all."""
    assert reader.read(extension.arn(NAME)).value == VALUE


@pytest.mark.parametrize("name", ["a/b/c", "a+b", "a=b", "a@b", "a.b_c-d"])
def test_any_name_arrives_as_it_is(extension: SecretsExtension, reader: Reader, name: str) -> None:
    """Encoded once, and decoded by the extension."""
    extension.put(name, {"a": "b"})
    assert reader.read(name).value == {"a": "b"}
    assert extension.reads == [name]


def test_every_read_is_fresh(extension: SecretsExtension, reader: Reader) -> None:
    """With the TTL that the template sets, a rotation is seen at once."""
    before = reader.read()
    extension.rotate(NAME, {**VALUE, "password": "not-a-real-password-2"})
    after = reader.read()
    assert after.version != before.version
    assert after.value["password"] == "not-a-real-password-2"


def test_with_the_extension_s_own_ttl_a_rotation_goes_unseen() -> None:
    """Why the template sets the TTL to 0: nothing in a request gets round the cache."""
    with SecretsExtension() as cached:
        cached.put(NAME, VALUE)
        reader = Reader(cached)
        before = reader.read()
        cached.rotate(NAME, {**VALUE, "password": "not-a-real-password-2"})
        assert reader.read() == before


@pytest.mark.parametrize("times", [1, 3, 6])
def test_an_extension_that_is_not_ready_is_waited_for(
    extension: SecretsExtension, reader: Reader, times: int
) -> None:
    """It refuses while the environment starts, and the first invocation may be early."""
    extension.not_ready(times=times)
    assert reader.read().value == VALUE
    assert len(extension.reads) == times + 1
    assert len(reader.time.pauses) == times


def test_the_pauses_grow_but_not_without_end(extension: SecretsExtension, reader: Reader) -> None:
    """Short at first, for it is usually ready in an instant."""
    extension.not_ready(times=10)
    reader.read()
    pauses = reader.time.pauses
    assert pauses == sorted(pauses)
    assert pauses[0] <= 0.1
    assert pauses[-1] <= 1.0


def test_an_extension_that_never_gets_ready_is_given_up(
    extension: SecretsExtension, reader: Reader
) -> None:
    """After some seconds, which leave time to say so."""
    extension.not_ready(times=1000)
    assert "did not become ready" in reader.cause()
    assert 1 < reader.waited <= 10


def test_a_refused_connection_is_waited_out(extension: SecretsExtension, reader: Reader) -> None:
    """The extension may not have begun to listen."""
    extension.stop_listening()
    reader.time.during_pauses = [lambda: None, lambda: None, extension.listen_again]
    assert reader.read().value == VALUE
    assert len(reader.time.pauses) == 3


def test_a_missing_layer_is_told(extension: SecretsExtension, reader: Reader) -> None:
    """Nobody ever answers: the likely cause is named, with the variable."""
    with extension.unreachable():
        cause = reader.cause()
    assert cause.startswith("connection refused: ")
    assert "AWS-Parameters-and-Secrets-Lambda-Extension" in cause
    assert 1 < reader.waited <= 10


@pytest.mark.parametrize("seconds", [0.0, 0.3, 2.0])
def test_nothing_waits_longer_than_the_invocation(
    extension: SecretsExtension, reader: Reader, seconds: float
) -> None:
    """Neither for a connection nor for readiness."""
    extension.not_ready(times=1000)
    reader.refusal(seconds=seconds)
    with extension.unreachable():
        reader.refusal(seconds=seconds)
    assert reader.waited <= 2 * seconds


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, UNEXPECTED),
        (400, ""),
        (403, "Bad Token"),
        (404, "404 page not found"),
        (301, ""),
    ],
)
def test_every_other_refusal_names_the_likely_causes_in_the_log(
    extension: SecretsExtension, reader: Reader, status: int, body: str
) -> None:
    """The extension tells nobody why, so it is asked once and the reader is sent to its log."""
    extension.respond_next(status, body, times=10)
    refusal = reader.refusal()
    assert refusal.detail.startswith(f"{VARIABLE}: ")
    assert refusal.evidence.http_status == status
    for cause in ("exist", "region", "secretsmanager:GetSecretValue", "decrypt", "log"):
        assert cause in (refusal.evidence.error_msg or "")
        assert cause not in refusal.detail
    assert (len(extension.reads), reader.waited) == (1, 0)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_an_extension_that_is_out_of_order_is_asked_again(
    extension: SecretsExtension, reader: Reader, status: int
) -> None:
    """For up to ten seconds; a final failure names its status in the log."""
    extension.respond_next(status, "<html>", times=3)
    assert reader.read().value == VALUE
    assert len(extension.reads) == 4
    extension.respond_next(status, "<html>", times=1000)
    refusal = reader.refusal()
    assert refusal.evidence.http_status == status
    assert str(status) not in refusal.detail
    assert reader.waited <= 2 * 10


def test_an_unknown_secret_is_such_a_refusal(extension: SecretsExtension, reader: Reader) -> None:
    """As the real extension was recorded to answer."""
    assert "does it exist" in reader.cause("team/other")
    assert extension.reads == ["team/other"]


def test_the_token_header_is_sent(extension: SecretsExtension, reader: Reader) -> None:
    """Without it, or with another, there is no secret."""
    for token in ("", "another-token"):
        assert "could not read it" in reader.cause(token=token)
    assert reader.read().value == VALUE
    assert extension.session_token not in reader.cause("team/other")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        "<html>",
        "{}",
        json.dumps({"SecretString": "{}"}),
        json.dumps({"SecretString": "{}", "VersionId": ""}),
        json.dumps({"SecretString": "{}", "VersionId": None}),
        json.dumps({"SecretString": None, "VersionId": "1", "SecretBinary": "AP8="}),
        json.dumps({"SecretString": {"a": 1}, "VersionId": "1"}),
        json.dumps({"SecretString": "not JSON hunter2", "VersionId": "1"}),
        json.dumps({"SecretString": "", "VersionId": "1"}),
        json.dumps({"SecretString": "[]", "VersionId": "1"}),
        json.dumps({"SecretString": '"hunter2"', "VersionId": "1"}),
        json.dumps({"SecretString": "null", "VersionId": "1"}),
        json.dumps({"SecretString": "[" * 100_000, "VersionId": "1"}),
        json.dumps({"SecretString": '{"a": hunter2}', "VersionId": "1"}),
        '{"SecretString": "{}", "VersionId": "\\ud800"}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_what_is_no_usable_secret_is_told_without_showing_it(
    extension: SecretsExtension, reader: Reader, body: str | bytes
) -> None:
    """A reply of the right status that holds no JSON object."""
    extension.respond_next(200, body)
    message = str(reader.refusal())
    assert message.startswith(f"{VARIABLE}: the ")
    assert "hunter2" not in message
    assert message.isprintable()


def test_a_binary_secret_is_no_text(extension: SecretsExtension, reader: Reader) -> None:
    """As somebody may store it who uploads a file."""
    extension.rotate(NAME, json.dumps(VALUE).encode())
    assert "no SecretString" in str(reader.refusal())


def test_an_extension_that_says_nothing_is_given_up(
    extension: SecretsExtension, reader: Reader
) -> None:
    """Whatever it may be doing, the invocation has more to do."""
    extension.hang(30)
    began = time.monotonic()
    assert reader.cause(seconds=0.4).startswith("timed out: ")
    assert time.monotonic() - began < 5


def test_a_connection_that_breaks_is_tried_again(
    extension: SecretsExtension, reader: Reader
) -> None:
    """Asked, and cut off; within ten seconds, and then told."""
    extension.hang(0, times=2)
    assert reader.read().value == VALUE
    assert len(extension.reads) == 3
    extension.hang(0, times=1000)
    assert reader.cause().startswith("connection ")
    assert reader.waited <= 2 * 10


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_no_proxy_hears_of_it(
    extension: SecretsExtension,
    reader: Reader,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """The extension refuses what was forwarded, and the secret is nobody's business."""
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert reader.read().value == VALUE
    assert extension.reads == [NAME]


def test_nothing_that_holds_a_secret_shows_it(extension: SecretsExtension, reader: Reader) -> None:
    """Masked wherever it may be printed by accident."""
    store = SecretStore(Transport(), extension.port, extension.session_token)
    shown = f"{reader.read()!r} {reader.read()} {store!r}"
    assert "not-a-real" not in shown
    assert extension.session_token not in shown
