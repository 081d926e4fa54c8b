"""Projects and temporary access keys on the emulator's IAM."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import requests

from tests.local_cloud.emulator import Emulator
from tests.local_cloud.emulator.clients import PASSWORD, TIMEOUT, USER, log_in


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    """A cloud with one user."""
    with Emulator() as cloud:
        cloud.iam.add_user(USER, PASSWORD)
        yield cloud


@pytest.fixture
def headers(cloud: Emulator) -> dict[str, str]:
    """What a logged-in user sends."""
    return {"X-Auth-Token": log_in(cloud).headers["X-Subject-Token"]}


def test_projects_are_found_by_name(cloud: Emulator, headers: dict[str, str]) -> None:
    """The ID that GaussDB's URLs need; a sub-project stands below its region's."""
    team = cloud.add_project("eu-de_team")
    url = f"{cloud.iam_endpoint}/v3/projects"
    everything = requests.get(url, headers=headers, timeout=TIMEOUT).json()
    assert [project["name"] for project in everything["projects"]] == ["eu-de", "eu-de_team"]
    assert everything["links"].keys() == {"self", "previous", "next"}
    parameters = {"name": "eu-de_team"}
    found = requests.get(url, headers=headers, params=parameters, timeout=TIMEOUT).json()
    (project,) = found["projects"]
    assert (project["id"], project["parent_id"]) == (team, cloud.project_id)
    assert (project["enabled"], project["is_domain"]) == (True, False)


def test_a_user_sees_its_own_projects(cloud: Emulator) -> None:
    """Those that it may enter and no others."""
    team = cloud.add_project("eu-de_team")
    cloud.iam.add_user("member", PASSWORD, projects=frozenset({team}))
    identity = {
        "methods": ["password"],
        "password": {
            "user": {
                "name": "member",
                "password": PASSWORD,
                "domain": {"name": cloud.iam.domain.name},
            }
        },
    }
    token = log_in(cloud, {"auth": {"identity": identity}}).headers["X-Subject-Token"]
    url = f"{cloud.iam_endpoint}/v3/auth/projects"
    answer = requests.get(url, headers={"X-Auth-Token": token}, timeout=TIMEOUT)
    assert [project["id"] for project in answer.json()["projects"]] == [team]


@pytest.mark.parametrize("path", ["/v3/projects", "/v3/auth/projects"])
@pytest.mark.parametrize("sent", [{}, {"X-Auth-Token": "nonsense"}])
def test_projects_are_shown_to_nobody_without_a_token(
    cloud: Emulator, path: str, sent: dict[str, str]
) -> None:
    """401 in keystone's form."""
    answer = requests.get(cloud.iam_endpoint + path, headers=sent, timeout=TIMEOUT)
    message = "The X-Auth-Token is invalid!"
    expected = {"error": {"code": 401, "message": message, "title": "Unauthorized"}}
    assert (answer.status_code, answer.json()) == (401, expected)


def test_a_bad_signature_at_iam_is_the_gateways_refusal(cloud: Emulator) -> None:
    """Not keystone's form but APIGW.0301."""
    authorization = "SDK-HMAC-SHA256 Access=NOBODY, SignedHeaders=x-sdk-date, Signature=00"
    answer = requests.get(
        f"{cloud.iam_endpoint}/v3/projects",
        headers={"Authorization": authorization, "X-Sdk-Date": "20260301T120000Z"},
        timeout=TIMEOUT,
    )
    assert (answer.status_code, answer.json()["error_code"]) == (401, "APIGW.0301")


def test_a_temporary_key_lives_for_the_time_asked_for(
    cloud: Emulator, headers: dict[str, str]
) -> None:
    """Two keys, a security token, and an end; a quarter of an hour unless told otherwise."""
    url = f"{cloud.iam_endpoint}/v3.0/OS-CREDENTIAL/securitytokens"
    for seconds in (None, 900, 86400):
        token = {} if seconds is None else {"duration_seconds": seconds}
        body = {"auth": {"identity": {"methods": ["token"], "token": token}}}
        answer = requests.post(url, json=body, headers=headers, timeout=TIMEOUT)
        assert answer.status_code == 201
        credential = answer.json()["credential"]
        assert credential.keys() == {"access", "secret", "securitytoken", "expires_at"}
        left = datetime.fromisoformat(credential["expires_at"]) - cloud.clock.now()
        assert timedelta(seconds=seconds or 900) - left < timedelta(seconds=10)


@pytest.mark.parametrize("seconds", [899, 86401])
def test_a_temporary_key_cannot_live_for_any_time(
    cloud: Emulator, headers: dict[str, str], seconds: int
) -> None:
    """From a quarter of an hour to a day."""
    url = f"{cloud.iam_endpoint}/v3.0/OS-CREDENTIAL/securitytokens"
    token = {"duration_seconds": seconds}
    body = {"auth": {"identity": {"methods": ["token"], "token": token}}}
    answer = requests.post(url, json=body, headers=headers, timeout=TIMEOUT)
    assert answer.status_code == 400
