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

from tests.local_cloud.secrets_extension import NOT_READY, UNEXPECTED, SecretStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAME = "team/gaussdb"
NOTHING: Mapping[str, str] = MappingProxyType({})


@pytest.fixture
def store() -> Iterator[SecretStore]:
    """A store without a cache, as the template sets it."""
    with SecretStore(ttl=0) as running:
        yield running


def ask(
    store: SecretStore,
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
        f"http://127.0.0.1:{store.port}{path}",
        params={"secretId": secret_id, **query},
        headers={"X-Aws-Parameters-Secrets-Token": store.session_token, **headers},
        timeout=5,
    )


def password(answer: requests.Response) -> object:
    """The one value in the secrets here."""
    return json.loads(answer.json()["SecretString"])["password"]


def test_a_secret_comes_in_the_recorded_shape(store: SecretStore) -> None:
    """The date is text, both kinds of content are present, and `ResultMetadata` is there."""
    version = store.put(NAME, {"password": "one"})
    answer = ask(store)
    body = answer.json()
    created = body.pop("CreatedDate")
    assert answer.status_code == 200
    assert body == {
        "ARN": store.arn(NAME),
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


def test_a_secret_is_found_by_its_arn_too(store: SecretStore) -> None:
    """Name and ARN lead to the same secret."""
    store.put(NAME, {"password": "one"})
    assert ask(store, store.arn(NAME)).json()["Name"] == NAME


def test_a_binary_secret_has_no_text(store: SecretStore) -> None:
    """Of the two kinds of content the unused one is null."""
    store.put(NAME, b"\x00\xff")
    body = ask(store).json()
    assert (body["SecretString"], body["SecretBinary"]) == (None, "AP8=")


def test_rotation_moves_the_stages(store: SecretStore) -> None:
    """After a rotation the new version is current and the old one is the previous one."""
    old = store.put(NAME, {"password": "one"})
    new = store.rotate(NAME, {"password": "two"})
    assert new != old
    assert password(ask(store)) == "two"
    assert password(ask(store, query={"versionStage": "AWSPREVIOUS"})) == "one"
    assert password(ask(store, query={"versionId": old})) == "one"


def test_only_what_exists_can_be_rotated(store: SecretStore) -> None:
    """A rotation of an unknown name is a mistake of the test that asks for it."""
    with pytest.raises(KeyError):
        store.rotate(NAME, {})


@pytest.mark.parametrize("query", [{}, {"versionStage": "AWSPENDING"}, {"versionId": "0" * 32}])
def test_what_is_not_there_is_refused_without_a_reason(
    store: SecretStore, query: dict[str, str]
) -> None:
    """Secret, stage or version unknown: one status, one text, no detail."""
    if query:
        store.put(NAME, {"password": "one"})
    answer = ask(store, query=query)
    assert (answer.status_code, answer.text) == (400, UNEXPECTED)


def test_stores_do_not_see_each_others_secrets(store: SecretStore) -> None:
    """Two tests can use the same name."""
    store.put(NAME, {"password": "one"})
    with SecretStore(ttl=0) as other:
        assert ask(other).status_code == 400
        other.put(NAME, {"password": "two"})
        assert password(ask(other)) == "two"
    assert password(ask(store)) == "one"


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_the_token_must_be_there_and_right(store: SecretStore, token: str | None) -> None:
    """Another process on the host cannot read secrets, and the status is what the test says."""
    store.put(NAME, {"password": "one"})
    header = {"X-Aws-Parameters-Secrets-Token": token}
    assert ask(store, headers=header).status_code == 403
    store.token_refusal = (400, UNEXPECTED)
    refusal = ask(store, headers=header)
    assert (refusal.status_code, refusal.text) == (400, UNEXPECTED)


def test_a_request_through_a_proxy_is_refused(store: SecretStore) -> None:
    """A forwarded request is a sign of request forgery, however right its token is."""
    store.put(NAME, {"password": "one"})
    answer = ask(store, headers={"X-Forwarded-For": "203.0.113.7"})
    assert (answer.status_code, answer.text) == (400, "Forwarded")


def test_other_paths_and_methods_do_not_exist(store: SecretStore) -> None:
    """There is one door, and it only reads."""
    store.put(NAME, {"password": "one"})
    assert ask(store, path="/secretsmanager/put").status_code == 404
    assert ask(store, method="POST").status_code == 405


def test_it_is_not_ready_as_often_as_it_is_told(store: SecretStore) -> None:
    """While the function starts, the extension says so in plain text; then it answers."""
    store.put(NAME, {"password": "one"})
    store.not_ready(times=2)
    answers = [ask(store) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [400, 400, 200]
    assert answers[0].text == NOT_READY


def test_it_is_not_ready_for_as_long_as_it_is_told(store: SecretStore) -> None:
    """The same for a span of time."""
    store.put(NAME, {"password": "one"})
    store.not_ready(seconds=0.2)
    assert ask(store).text == NOT_READY
    time.sleep(0.25)
    assert ask(store).status_code == 200


def test_any_answer_can_be_put_in_front(store: SecretStore) -> None:
    """A fault stands for one answer; the next one is right again."""
    store.put(NAME, {"password": "one"})
    store.answer_next(200, "no json")
    assert ask(store).text == "no json"
    assert ask(store).status_code == 200


def test_it_can_hang(store: SecretStore) -> None:
    """The connection stands, the answer never comes, and at last the connection is dropped."""
    store.hang(0.1)
    with pytest.raises(requests.ConnectionError):
        ask(store)
    assert ask(store).status_code == 400


def test_where_the_layer_is_missing_connections_are_refused(store: SecretStore) -> None:
    """A session that was open is cut as well, and the port is the same afterwards."""
    store.put(NAME, {"password": "one"})
    before = store.port
    with requests.Session() as session:
        assert ask(store, session=session).status_code == 200
        with store.absent(), pytest.raises(requests.ConnectionError):
            ask(store, session=session)
        assert store.port == before
        assert ask(store, session=session).status_code == 200


def test_only_loopback_can_reach_it(store: SecretStore) -> None:
    """What listens on all interfaces would answer at a second loopback address, too."""
    with socket.socket() as client, pytest.raises(ConnectionRefusedError):
        client.connect(("127.0.0.2", store.port))


@pytest.mark.parametrize(
    ("ttl", "seconds"), [(None, 300), (900, 300), (300, 300), (20, 20)], ids=str
)
def test_the_cache_outlives_a_rotation_for_its_ttl(ttl: int | None, seconds: int) -> None:
    """300 s unless told otherwise, and never longer: who forgets the TTL reads stale secrets."""
    now = [1000.0]
    with SecretStore(ttl, now=lambda: now[0]) as store:
        store.put(NAME, {"password": "one"})
        ask(store)
        store.rotate(NAME, {"password": "two"})
        now[0] += seconds - 1
        assert password(ask(store)) == "one"
        assert password(ask(store, query={"refreshNow": "true"})) == "one"
        now[0] += 1
        assert password(ask(store)) == "two"
        assert store.fetches == [NAME, NAME]


def test_a_ttl_of_zero_reads_afresh(store: SecretStore) -> None:
    """With TTL 0 every read goes to Secrets Manager."""
    store.put(NAME, {"password": "one"})
    assert password(ask(store)) == "one"
    store.rotate(NAME, {"password": "two"})
    assert password(ask(store)) == "two"
    assert store.fetches == [NAME, NAME]


def test_refusals_are_not_cached() -> None:
    """A secret that appears is found at once, whatever the TTL."""
    with SecretStore() as store:
        assert ask(store).status_code == 400
        store.put(NAME, {"password": "one"})
        assert ask(store).status_code == 200


def test_every_read_is_counted(store: SecretStore) -> None:
    """Refused or not, under the name that was asked for."""
    store.put(NAME, {"password": "one"})
    store.not_ready(times=1)
    ask(store)
    ask(store)
    ask(store, "unknown")
    assert store.reads == [NAME, NAME, "unknown"]


def test_many_can_read_at_once(store: SecretStore) -> None:
    """A request that hangs holds up no other."""
    store.put(NAME, {"password": "one"})
    store.hang(1)
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(ask, store) for _ in range(4)]
        failures = [answer.exception() for answer in answers]
    assert len([failure for failure in failures if failure]) == 1


def test_the_environment_leads_to_it() -> None:
    """The function finds port and token; the TTL is there if it was given."""
    with SecretStore(ttl=0) as store:
        assert store.environment() == {
            "AWS_SESSION_TOKEN": store.session_token,
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(store.port),
            "SECRETS_MANAGER_TTL": "0",
        }
    assert "SECRETS_MANAGER_TTL" not in SecretStore().environment()
