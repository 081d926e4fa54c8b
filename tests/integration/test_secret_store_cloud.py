"""The stand-in for the secrets extension answers as the real one was recorded to answer."""

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
    """A store without a cache, as the template sets it."""
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
    """A request to the extension, right but for what is given."""
    return (session or requests).request(
        method,
        f"http://127.0.0.1:{extension.port}{path}",
        params={"secretId": secret_id, **query},
        headers={"X-Aws-Parameters-Secrets-Token": extension.session_token, **headers},
        timeout=5,
    )


def password(answer: requests.Response) -> object:
    """The one value in the secrets here."""
    return json.loads(answer.json()["SecretString"])["password"]


def test_a_secret_comes_in_the_recorded_shape(extension: SecretsExtension) -> None:
    """The date is text, both kinds of content are present, and `ResultMetadata` is there."""
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
    """Name and ARN lead to the same secret."""
    extension.put(NAME, {"password": "one"})
    assert ask(extension, extension.arn(NAME)).json()["Name"] == NAME


def test_a_binary_secret_has_no_text(extension: SecretsExtension) -> None:
    """Of the two kinds of content the unused one is null."""
    extension.put(NAME, b"\x00\xff")
    body = ask(extension).json()
    assert (body["SecretString"], body["SecretBinary"]) == (None, "AP8=")


def test_rotation_moves_the_stages(extension: SecretsExtension) -> None:
    """After a rotation the new version is current and the old one is the previous one."""
    old = extension.put(NAME, {"password": "one"})
    new = extension.rotate(NAME, {"password": "two"})
    assert new != old
    assert password(ask(extension)) == "two"
    assert password(ask(extension, query={"versionStage": "AWSPREVIOUS"})) == "one"
    assert password(ask(extension, query={"versionId": old})) == "one"


def test_only_what_exists_can_be_rotated(extension: SecretsExtension) -> None:
    """A rotation of an unknown name is a mistake of the test that asks for it."""
    with pytest.raises(KeyError):
        extension.rotate(NAME, {})


@pytest.mark.parametrize("query", [{}, {"versionStage": "AWSPENDING"}, {"versionId": "0" * 32}])
def test_what_is_not_there_is_refused_without_a_reason(
    extension: SecretsExtension, query: dict[str, str]
) -> None:
    """Secret, stage or version unknown: one status, one text, no detail."""
    if query:
        extension.put(NAME, {"password": "one"})
    answer = ask(extension, query=query)
    assert (answer.status_code, answer.text) == (400, UNEXPECTED)


def test_stores_do_not_see_each_others_secrets(extension: SecretsExtension) -> None:
    """Two tests can use the same name."""
    extension.put(NAME, {"password": "one"})
    with SecretsExtension(ttl=0) as other:
        assert ask(other).status_code == 400
        other.put(NAME, {"password": "two"})
        assert password(ask(other)) == "two"
    assert password(ask(extension)) == "one"


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_the_token_must_be_there_and_right(extension: SecretsExtension, token: str | None) -> None:
    """Another process on the host cannot read secrets, and the status is what the test says."""
    extension.put(NAME, {"password": "one"})
    header = {"X-Aws-Parameters-Secrets-Token": token}
    assert ask(extension, headers=header).status_code == 403
    extension.wrong_token_response = (400, UNEXPECTED)
    refusal = ask(extension, headers=header)
    assert (refusal.status_code, refusal.text) == (400, UNEXPECTED)


def test_a_request_through_a_proxy_is_refused(extension: SecretsExtension) -> None:
    """A forwarded request is a sign of request forgery, however right its token is."""
    extension.put(NAME, {"password": "one"})
    answer = ask(extension, headers={"X-Forwarded-For": "203.0.113.7"})
    assert (answer.status_code, answer.text) == (400, "Forwarded")


def test_other_paths_and_methods_do_not_exist(extension: SecretsExtension) -> None:
    """There is one door, and it only reads."""
    extension.put(NAME, {"password": "one"})
    assert ask(extension, path="/secretsmanager/put").status_code == 404
    assert ask(extension, method="POST").status_code == 405


def test_it_is_not_ready_as_often_as_it_is_told(extension: SecretsExtension) -> None:
    """While the function starts, the extension says so in plain text; then it answers."""
    extension.put(NAME, {"password": "one"})
    extension.not_ready(times=2)
    answers = [ask(extension) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [400, 400, 200]
    assert answers[0].text == NOT_READY


def test_it_is_not_ready_for_as_long_as_it_is_told(extension: SecretsExtension) -> None:
    """The same for a span of time."""
    extension.put(NAME, {"password": "one"})
    extension.not_ready(seconds=0.2)
    assert ask(extension).text == NOT_READY
    time.sleep(0.25)
    assert ask(extension).status_code == 200


def test_any_answer_can_be_put_in_front(extension: SecretsExtension) -> None:
    """A fault stands for one answer; the next one is right again."""
    extension.put(NAME, {"password": "one"})
    extension.respond_next(200, "no json")
    assert ask(extension).text == "no json"
    assert ask(extension).status_code == 200


def test_it_can_hang(extension: SecretsExtension) -> None:
    """The connection stands, the answer never comes, and at last the connection is dropped."""
    extension.hang(0.1)
    with pytest.raises(requests.ConnectionError):
        ask(extension)
    assert ask(extension).status_code == 400


def test_where_the_layer_is_missing_connections_are_refused(extension: SecretsExtension) -> None:
    """A session that was open is cut as well, and the port is the same afterwards."""
    extension.put(NAME, {"password": "one"})
    before = extension.port
    with requests.Session() as session:
        assert ask(extension, session=session).status_code == 200
        with extension.unreachable(), pytest.raises(requests.ConnectionError):
            ask(extension, session=session)
        assert extension.port == before
        assert ask(extension, session=session).status_code == 200


def test_only_loopback_can_reach_it(extension: SecretsExtension) -> None:
    """What listens on all interfaces would answer at a second loopback address, too."""
    with socket.socket() as client, pytest.raises(ConnectionRefusedError):
        client.connect(("127.0.0.2", extension.port))


@pytest.mark.parametrize(
    ("ttl", "seconds"), [(None, 300), (900, 300), (300, 300), (20, 20)], ids=str
)
def test_the_cache_outlives_a_rotation_for_its_ttl(ttl: int | None, seconds: int) -> None:
    """300 s unless told otherwise, and never longer: who forgets the TTL reads stale secrets."""
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


def test_a_ttl_of_zero_reads_afresh(extension: SecretsExtension) -> None:
    """With TTL 0 every read goes to Secrets Manager."""
    extension.put(NAME, {"password": "one"})
    assert password(ask(extension)) == "one"
    extension.rotate(NAME, {"password": "two"})
    assert password(ask(extension)) == "two"
    assert extension.fetches == [NAME, NAME]


def test_refusals_are_not_cached() -> None:
    """A secret that appears is found at once, whatever the TTL."""
    with SecretsExtension() as extension:
        assert ask(extension).status_code == 400
        extension.put(NAME, {"password": "one"})
        assert ask(extension).status_code == 200


def test_every_read_is_counted(extension: SecretsExtension) -> None:
    """Refused or not, under the name that was asked for."""
    extension.put(NAME, {"password": "one"})
    extension.not_ready(times=1)
    ask(extension)
    ask(extension)
    ask(extension, "unknown")
    assert extension.reads == [NAME, NAME, "unknown"]


def test_many_can_read_at_once(extension: SecretsExtension) -> None:
    """A request that hangs holds up no other."""
    extension.put(NAME, {"password": "one"})
    extension.hang(1)
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(ask, extension) for _ in range(4)]
        failures = [answer.exception() for answer in answers]
    assert len([failure for failure in failures if failure]) == 1


def test_the_environment_leads_to_it() -> None:
    """The function finds port and token; the TTL is there if it was given."""
    with SecretsExtension(ttl=0) as extension:
        assert extension.environment() == {
            "AWS_SESSION_TOKEN": extension.session_token,
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(extension.port),
            "SECRETS_MANAGER_TTL": "0",
        }
    assert "SECRETS_MANAGER_TTL" not in SecretsExtension().environment()
