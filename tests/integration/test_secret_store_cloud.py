"""The stand-in for the secrets extension behaves as recordings of the real one."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
import requests

from tests.local_cloud.secrets_extension import NOT_READY, UNEXPECTED, SecretsExtension

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAME = "team/gaussdb"
NOTHING: Mapping[str, str] = MappingProxyType({})


@pytest.fixture
def extension() -> Iterator[SecretsExtension]:
    """An extension without a cache, as the template configures it."""
    with SecretsExtension(ttl=0) as running:
        yield running


def ask(
    extension: SecretsExtension,
    secret_id: str = NAME,
    *,
    session: requests.Session | None = None,
    method: str = "GET",
    path: str = "/secretsmanager/get",
    headers: Mapping[str, str | None] = NOTHING,
    query: Mapping[str, str] = NOTHING,
) -> requests.Response:
    """A valid request to the extension, with changes."""
    return (session or requests).request(
        method,
        f"http://127.0.0.1:{extension.port}{path}",
        params={"secretId": secret_id, **query},
        headers={"X-Aws-Parameters-Secrets-Token": extension.session_token, **headers},
        timeout=5,
    )


def password(answer: requests.Response) -> object:
    """The password in a response."""
    return json.loads(answer.json()["SecretString"])["password"]


def test_a_secret_has_the_recorded_form(extension: SecretsExtension) -> None:
    """The date as text, both kinds of content, and `ResultMetadata`."""
    version = extension.put(NAME, {"password": "one"})
    answer = ask(extension)
    body = answer.json()
    created = body.pop("CreatedDate")
    assert answer.status_code == 200
    assert body == {
        "ARN": extension.arn(NAME),
        "Name": NAME,
        "SecretBinary": None,
        "SecretString": '{"password": "one"}',
        "VersionId": version,
        "VersionStages": ["AWSCURRENT"],
        "ResultMetadata": {},
    }
    assert created.endswith("Z")
    assert datetime.fromisoformat(created).tzinfo is not None
    assert str(UUID(version)) == version


def test_a_secret_is_found_by_its_arn_too(extension: SecretsExtension) -> None:
    """Name and ARN find the same secret."""
    extension.put(NAME, {"password": "one"})
    assert ask(extension, extension.arn(NAME)).json()["Name"] == NAME


def test_a_binary_secret_has_no_text(extension: SecretsExtension) -> None:
    """The unused kind of content is null."""
    extension.put(NAME, b"\x00\xff")
    body = ask(extension).json()
    assert (body["SecretString"], body["SecretBinary"]) == (None, "AP8=")


def test_rotation_moves_the_stages(extension: SecretsExtension) -> None:
    """The new version is current, the old one previous."""
    old = extension.put(NAME, {"password": "one"})
    new = extension.rotate(NAME, {"password": "two"})
    assert new != old
    assert password(ask(extension)) == "two"
    assert password(ask(extension, query={"versionStage": "AWSPREVIOUS"})) == "one"
    assert password(ask(extension, query={"versionId": old})) == "one"


def test_only_what_exists_can_be_rotated(extension: SecretsExtension) -> None:
    """Rotating an unknown name is a mistake of the test."""
    with pytest.raises(KeyError):
        extension.rotate(NAME, {})


@pytest.mark.parametrize("query", [{}, {"versionStage": "AWSPENDING"}, {"versionId": "0" * 32}])
def test_an_unknown_secret_is_rejected_without_a_reason(
    extension: SecretsExtension, query: dict[str, str]
) -> None:
    """Secret, stage or version: the same status and text."""
    if query:
        extension.put(NAME, {"password": "one"})
    answer = ask(extension, query=query)
    assert (answer.status_code, answer.text) == (400, UNEXPECTED)


def test_two_extensions_do_not_share_secrets(extension: SecretsExtension) -> None:
    """Two tests can use the same name."""
    extension.put(NAME, {"password": "one"})
    with SecretsExtension(ttl=0) as other:
        assert ask(other).status_code == 400
        other.put(NAME, {"password": "two"})
        assert password(ask(other)) == "two"
    assert password(ask(extension)) == "one"


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_the_token_is_required(extension: SecretsExtension, token: str | None) -> None:
    """Another process on the host cannot read secrets; a test can choose the response."""
    extension.put(NAME, {"password": "one"})
    header = {"X-Aws-Parameters-Secrets-Token": token}
    assert ask(extension, headers=header).status_code == 403
    extension.wrong_token_response = (400, UNEXPECTED)
    refusal = ask(extension, headers=header)
    assert (refusal.status_code, refusal.text) == (400, UNEXPECTED)


def test_a_forwarded_request_is_rejected(extension: SecretsExtension) -> None:
    """It may be a forged request, even with the right token."""
    extension.put(NAME, {"password": "one"})
    answer = ask(extension, headers={"X-Forwarded-For": "203.0.113.7"})
    assert (answer.status_code, answer.text) == (400, "Forwarded")


def test_other_paths_and_methods_do_not_exist(extension: SecretsExtension) -> None:
    """Only reading secrets is possible."""
    extension.put(NAME, {"password": "one"})
    assert ask(extension, path="/secretsmanager/put").status_code == 404
    assert ask(extension, method="POST").status_code == 405


def test_it_can_be_not_ready_for_a_number_of_requests(extension: SecretsExtension) -> None:
    """As during init, in plain text; then it responds."""
    extension.put(NAME, {"password": "one"})
    extension.not_ready(times=2)
    answers = [ask(extension) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [400, 400, 200]
    assert answers[0].text == NOT_READY


def test_it_can_be_not_ready_for_a_time(extension: SecretsExtension) -> None:
    """The same for a number of seconds."""
    extension.put(NAME, {"password": "one"})
    extension.not_ready(seconds=0.2)
    assert ask(extension).text == NOT_READY
    time.sleep(0.25)
    assert ask(extension).status_code == 200


def test_any_response_can_be_scripted(extension: SecretsExtension) -> None:
    """For one request; the next one is answered normally."""
    extension.put(NAME, {"password": "one"})
    extension.respond_next(200, "no json")
    assert ask(extension).text == "no json"
    assert ask(extension).status_code == 200


def test_it_can_hang(extension: SecretsExtension) -> None:
    """No response, and finally the connection is closed."""
    extension.hang(0.1)
    with pytest.raises(requests.ConnectionError):
        ask(extension)
    assert ask(extension).status_code == 400


def test_where_the_layer_is_missing_connections_are_refused(extension: SecretsExtension) -> None:
    """Open connections are closed too, and the port is the same afterwards."""
    extension.put(NAME, {"password": "one"})
    before = extension.port
    with requests.Session() as session:
        assert ask(extension, session=session).status_code == 200
        with extension.unreachable(), pytest.raises(requests.ConnectionError):
            ask(extension, session=session)
        assert extension.port == before
        assert ask(extension, session=session).status_code == 200


def test_only_loopback_can_reach_it(extension: SecretsExtension) -> None:
    """A listener on all interfaces would also answer at a second loopback address."""
    with socket.socket() as client, pytest.raises(ConnectionRefusedError):
        client.connect(("127.0.0.2", extension.port))


@pytest.mark.parametrize(
    ("ttl", "seconds"), [(None, 300), (900, 300), (300, 300), (20, 20)], ids=str
)
def test_the_cache_outlives_a_rotation_for_its_ttl(ttl: int | None, seconds: int) -> None:
    """300 s by default, and never longer."""
    now = [1000.0]
    with SecretsExtension(ttl, now=lambda: now[0]) as extension:
        extension.put(NAME, {"password": "one"})
        ask(extension)
        extension.rotate(NAME, {"password": "two"})
        now[0] += seconds - 1
        assert password(ask(extension)) == "one"
        assert password(ask(extension, query={"refreshNow": "true"})) == "one"
        now[0] += 1
        assert password(ask(extension)) == "two"
        assert extension.fetches == [NAME, NAME]


def test_a_ttl_of_zero_disables_the_cache(extension: SecretsExtension) -> None:
    """Every read goes to Secrets Manager."""
    extension.put(NAME, {"password": "one"})
    assert password(ask(extension)) == "one"
    extension.rotate(NAME, {"password": "two"})
    assert password(ask(extension)) == "two"
    assert extension.fetches == [NAME, NAME]


def test_errors_are_not_cached() -> None:
    """A new secret is found at once, whatever the TTL."""
    with SecretsExtension() as extension:
        assert ask(extension).status_code == 400
        extension.put(NAME, {"password": "one"})
        assert ask(extension).status_code == 200


def test_every_read_is_counted(extension: SecretsExtension) -> None:
    """Rejected ones too, under the requested name."""
    extension.put(NAME, {"password": "one"})
    extension.not_ready(times=1)
    ask(extension)
    ask(extension)
    ask(extension, "unknown")
    assert extension.reads == [NAME, NAME, "unknown"]


def test_requests_are_concurrent(extension: SecretsExtension) -> None:
    """A request that hangs does not delay others."""
    extension.put(NAME, {"password": "one"})
    extension.hang(1)
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(ask, extension) for _ in range(4)]
        failures = [answer.exception() for answer in answers]
    assert len([failure for failure in failures if failure]) == 1


def test_the_environment_has_its_port_and_token() -> None:
    """And the TTL, if one was given."""
    with SecretsExtension(ttl=0) as extension:
        assert extension.environment() == {
            "AWS_SESSION_TOKEN": extension.session_token,
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(extension.port),
            "SECRETS_MANAGER_TTL": "0",
        }
    assert "SECRETS_MANAGER_TTL" not in SecretsExtension().environment()
