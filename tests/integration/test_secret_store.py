"""The function's reader of secrets, against the stand-in for AWS's extension."""

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
    """The extension as the template configures it, without a cache, with one secret."""
    with SecretsExtension(ttl=0) as running:
        running.put(NAME, VALUE)
        yield running


class Reader:
    """The function's client, with simulated time."""

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
        """Reads a secret within some seconds."""
        clock = self.time.clock()
        known = self._extension.session_token if token is None else token
        store = SecretStore(Transport(), self._extension.port, known)
        return store.read(secret_id, VARIABLE, Deadline(clock, clock.monotonic() + seconds))

    def failure(self, secret_id: str = NAME, **how: Any) -> SecretUnavailable:
        """The error message of a read."""
        with pytest.raises(SecretUnavailable) as refused:
            self.read(secret_id, **how)
        assert refused.value.retryable
        return refused.value

    def cause(self, secret_id: str = NAME, **how: Any) -> str:
        """The likely cause, which only the log shows."""
        failure = self.failure(secret_id, **how)
        cause = failure.evidence.error_msg
        assert cause is not None
        assert cause not in failure.detail
        assert f"the secrets extension at localhost:{self._extension.port}" in failure.detail
        return cause


@pytest.fixture
def reader(extension: SecretsExtension) -> Reader:
    """A client of the extension."""
    return Reader(extension)


def test_a_secret_is_read_by_its_name(extension: SecretsExtension, reader: Reader) -> None:
    """Its JSON and its version, with one request."""
    version = extension.rotate(NAME, VALUE)
    assert reader.read() == Secret(VALUE, version)
    assert extension.reads == [NAME]


def test_a_secret_is_read_by_its_arn(extension: SecretsExtension, reader: Reader) -> None:
    """An ARN contains colons."""
    assert reader.read(extension.arn(NAME)).value == VALUE


@pytest.mark.parametrize("name", ["a/b/c", "a+b", "a=b", "a@b", "a.b_c-d"])
def test_any_name_is_encoded_once(extension: SecretsExtension, reader: Reader, name: str) -> None:
    """The extension decodes it."""
    extension.put(name, {"a": "b"})
    assert reader.read(name).value == {"a": "b"}
    assert extension.reads == [name]


def test_every_read_is_fresh(extension: SecretsExtension, reader: Reader) -> None:
    """With the TTL of the template, a rotation is visible at once."""
    before = reader.read()
    extension.rotate(NAME, {**VALUE, "password": "not-a-real-password-2"})
    after = reader.read()
    assert after.version != before.version
    assert after.value["password"] == "not-a-real-password-2"


def test_with_the_default_ttl_a_rotation_is_not_visible() -> None:
    """So the template sets the TTL to 0: no request can bypass the cache."""
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
    """It rejects requests during init, and the first invocation may be early."""
    extension.not_ready(times=times)
    assert reader.read().value == VALUE
    assert len(extension.reads) == times + 1
    assert len(reader.time.pauses) == times


def test_the_pauses_grow_up_to_a_limit(extension: SecretsExtension, reader: Reader) -> None:
    """Short at first, because the extension is usually ready at once."""
    extension.not_ready(times=10)
    reader.read()
    pauses = reader.time.pauses
    assert pauses == sorted(pauses)
    assert pauses[0] <= 0.1
    assert pauses[-1] <= 1.0


def test_an_extension_that_never_gets_ready_is_given_up(
    extension: SecretsExtension, reader: Reader
) -> None:
    """After some seconds, which leave time for the error."""
    extension.not_ready(times=1000)
    assert "did not become ready" in reader.cause()
    assert 1 < reader.waited <= 10


def test_a_refused_connection_is_tried_again(extension: SecretsExtension, reader: Reader) -> None:
    """The extension may not listen yet."""
    extension.stop_listening()
    reader.time.during_pauses = [lambda: None, lambda: None, extension.listen_again]
    assert reader.read().value == VALUE
    assert len(reader.time.pauses) == 3


def test_a_missing_layer_is_reported(extension: SecretsExtension, reader: Reader) -> None:
    """With the likely cause and the variable."""
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
    reader.failure(seconds=seconds)
    with extension.unreachable():
        reader.failure(seconds=seconds)
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
def test_every_other_error_is_logged_with_likely_causes(
    extension: SecretsExtension, reader: Reader, status: int, body: str
) -> None:
    """The extension gives no reason, so it is asked once and the log points to its own log."""
    extension.respond_next(status, body, times=10)
    failure = reader.failure()
    assert failure.detail.startswith(f"{VARIABLE}: ")
    assert failure.evidence.http_status == status
    for cause in ("exist", "region", "secretsmanager:GetSecretValue", "decrypt", "log"):
        assert cause in (failure.evidence.error_msg or "")
        assert cause not in failure.detail
    assert (len(extension.reads), reader.waited) == (1, 0)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_failing_extension_is_asked_again(
    extension: SecretsExtension, reader: Reader, status: int
) -> None:
    """For up to ten seconds; a final failure is logged with its status."""
    extension.respond_next(status, "<html>", times=3)
    assert reader.read().value == VALUE
    assert len(extension.reads) == 4
    extension.respond_next(status, "<html>", times=1000)
    failure = reader.failure()
    assert failure.evidence.http_status == status
    assert str(status) not in failure.detail
    assert reader.waited <= 2 * 10


def test_an_unknown_secret_is_such_an_error(extension: SecretsExtension, reader: Reader) -> None:
    """As in the recordings of the real extension."""
    assert "does it exist" in reader.cause("team/other")
    assert extension.reads == ["team/other"]


def test_the_token_header_is_sent(extension: SecretsExtension, reader: Reader) -> None:
    """Without it, or with another one, there is no secret."""
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
def test_an_unusable_secret_is_reported_without_its_content(
    extension: SecretsExtension, reader: Reader, body: str | bytes
) -> None:
    """A 200 without a JSON object."""
    extension.respond_next(200, body)
    message = str(reader.failure())
    assert message.startswith(f"{VARIABLE}: the ")
    assert "hunter2" not in message
    assert message.isprintable()


def test_a_binary_secret_is_unusable(extension: SecretsExtension, reader: Reader) -> None:
    """An uploaded file is stored like that."""
    extension.rotate(NAME, json.dumps(VALUE).encode())
    assert "no SecretString" in str(reader.failure())


def test_an_extension_that_hangs_is_given_up(extension: SecretsExtension, reader: Reader) -> None:
    """The invocation needs the time."""
    extension.hang(30)
    began = time.monotonic()
    assert reader.cause(seconds=0.4).startswith("timed out: ")
    assert time.monotonic() - began < 5


def test_a_connection_that_breaks_is_tried_again(
    extension: SecretsExtension, reader: Reader
) -> None:
    """For up to ten seconds, then it is an error."""
    extension.hang(0, times=2)
    assert reader.read().value == VALUE
    assert len(extension.reads) == 3
    extension.hang(0, times=1000)
    assert reader.cause().startswith("connection ")
    assert reader.waited <= 2 * 10


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_no_proxy_is_used(
    extension: SecretsExtension,
    reader: Reader,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """The extension rejects forwarded requests, and the token must not leave the machine."""
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert reader.read().value == VALUE
    assert extension.reads == [NAME]


def test_objects_with_a_secret_do_not_show_it(extension: SecretsExtension, reader: Reader) -> None:
    """In `repr` and `str`."""
    store = SecretStore(Transport(), extension.port, extension.session_token)
    shown = f"{reader.read()!r} {reader.read()} {store!r}"
    assert "not-a-real" not in shown
    assert extension.session_token not in shown
