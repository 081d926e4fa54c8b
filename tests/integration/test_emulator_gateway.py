"""The emulator's gateway: which tokens and signatures it accepts, and how it rejects the others."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

from tests.local_cloud.emulator import Emulator
from tests.local_cloud.emulator.clients import (
    ACCESS_KEY,
    PASSWORD,
    SECRET_KEY,
    TIMEOUT,
    USER,
    HttpClient,
    log_in,
    log_in_body,
)
from tests.local_cloud.emulator.clock import write_sdk_date


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    """A cloud with one user and one access key."""
    with Emulator() as cloud:
        cloud.iam.add_user(USER, PASSWORD)
        cloud.iam.add_access_key(ACCESS_KEY, SECRET_KEY)
        yield cloud


def list_backups(
    cloud: Emulator, headers: dict[str, str], project_id: str | None = None
) -> requests.Response:
    """Request the backups with these headers."""
    url = f"{cloud.gaussdb_endpoint}/v3/{project_id or cloud.project_id}/backups"
    return requests.get(url, headers=headers, timeout=TIMEOUT)


def signed(
    cloud: Emulator,
    secret_key: str = SECRET_KEY,
    access_key: str = ACCESS_KEY,
    project_id: str | None = None,
    **headers: str,
) -> dict[str, str]:
    """Return the headers of Huawei's signer for the list of backups, at the cloud's time."""
    request = SdkRequest(
        method="GET",
        schema="http",
        host=cloud.gaussdb_endpoint.removeprefix("http://"),
        resource_path=f"/v3/{project_id or cloud.project_id}/backups",
        query_params=[],
        header_params={"X-Sdk-Date": write_sdk_date(cloud.clock.now())}
        | {name.replace("_", "-"): value for name, value in headers.items()},
        body="",
    )
    result: dict[str, str] = (
        Signer(BasicCredentials(access_key, secret_key)).sign(request).header_params
    )
    return result


def rejection(answer: requests.Response) -> tuple[int, str, str]:
    """Return status, code and message of a rejection, after a check of its form."""
    body = answer.json()
    assert body.keys() == {"error_msg", "error_code", "request_id"}
    assert re.fullmatch("[0-9a-f]{32}", body["request_id"])
    return answer.status_code, body["error_code"], body["error_msg"]


def unauthenticated(detail: str) -> tuple[int, str, str]:
    """Return the usual rejection with this detail."""
    return 401, "APIGW.0301", f"Incorrect IAM authentication information: {detail}"


def test_a_missing_token_is_rejected(cloud: Emulator) -> None:
    """The gateway names the header."""
    assert rejection(list_backups(cloud, {})) == unauthenticated("x-auth-token not found")


def test_a_malformed_token_is_rejected(cloud: Emulator) -> None:
    """It cannot be decrypted."""
    answer = list_backups(cloud, {"X-Auth-Token": "nonsense"})
    assert rejection(answer) == unauthenticated("decrypt token fail")


def test_an_expired_token_is_rejected(cloud: Emulator) -> None:
    """With the code that asks for a new one."""
    client = HttpClient(cloud, log_in(cloud).headers["X-Subject-Token"], cloud.project_id)
    assert client.get("/backups").status_code == 200
    cloud.clock.advance(timedelta(hours=24).total_seconds())
    expected = (401, "APIGW.0307", "The token must be updated.")
    assert rejection(client.get("/backups")) == expected


def test_a_revoked_token_is_rejected(cloud: Emulator) -> None:
    """Like an expired one; a new token is accepted."""
    token = log_in(cloud).headers["X-Subject-Token"]
    cloud.iam.revoke_tokens()
    answer = list_backups(cloud, {"X-Auth-Token": token})
    assert rejection(answer)[:2] == (401, "APIGW.0307")
    renewed = log_in(cloud).headers["X-Subject-Token"]
    assert list_backups(cloud, {"X-Auth-Token": renewed}).status_code == 200


def test_a_token_for_the_domain_is_rejected(cloud: Emulator) -> None:
    """GaussDB needs a token for the project."""
    body = log_in_body(None, domain_name=cloud.iam.domain.name)
    token = log_in(cloud, body).headers["X-Subject-Token"]
    answer = list_backups(cloud, {"X-Auth-Token": token})
    assert (answer.status_code, answer.json()["error_code"]) == (403, "DBS.200044")


def test_a_signature_of_huaweis_signer_is_accepted(cloud: Emulator) -> None:
    """Without any log-in."""
    assert list_backups(cloud, signed(cloud)).status_code == 200
    assert cloud.iam.log_ins == 0


def test_a_wrong_signature_is_answered_with_the_canonical_request(cloud: Emulator) -> None:
    """On one line."""
    status, code, message = rejection(list_backups(cloud, signed(cloud, "wrong")))
    assert (status, code) == (401, "APIGW.0301")
    start = "Incorrect IAM authentication information: verify aksk signature fail, "
    assert message.startswith(f"{start}canonicalRequest:GET|/v3/{cloud.project_id}/backups/||host:")


def test_an_unknown_access_key_is_named(cloud: Emulator) -> None:
    """The gateway repeats the key, which must not appear in a log."""
    answer = list_backups(cloud, signed(cloud, access_key="STRANGER"))
    assert rejection(answer) == unauthenticated("Get secretKey failed,ak:STRANGER,err:ak not exist")


@pytest.mark.parametrize(
    "authorization",
    [
        "SDK-HMAC-SHA256",
        "SDK-HMAC-SHA256 Access=LOCALACCESSKEY",
        "SDK-HMAC-SHA256, Access=LOCALACCESSKEY, SignedHeaders=x-sdk-date, Signature=00",
        "SDK-HMAC-SHA256 Access=LOCALACCESSKEY, SignedHeaders=x-sdk-date",
        "SDK-HMAC-SHA256 Access=LOCALACCESSKEY, SignedHeaders=x-missing, Signature=00",
        "SDK-HMAC-SHA256 Access=LOCALACCESSKEY, SignedHeaders=host, Signature=00",
    ],
)
def test_an_incomplete_authorization_is_rejected(cloud: Emulator, authorization: str) -> None:
    """Malformed, unsigned, or without its date among the signed headers."""
    date = write_sdk_date(cloud.clock.now())
    answer = list_backups(cloud, {"Authorization": authorization, "X-Sdk-Date": date})
    assert rejection(answer)[:2] == (401, "APIGW.0301")


@pytest.mark.parametrize("date", ["", "yesterday", "2026-03-01T12:00:00Z"])
def test_a_malformed_date_is_rejected(cloud: Emulator, date: str) -> None:
    """The signature cannot be verified."""
    answer = list_backups(cloud, signed(cloud) | {"X-Sdk-Date": date})
    assert rejection(answer)[:2] == (401, "APIGW.0301")


@pytest.mark.parametrize(
    ("minutes", "status"), [(0, 200), (14, 200), (-14, 200), (16, 401), (-16, 401)]
)
def test_a_signature_is_valid_for_a_quarter_of_an_hour(
    cloud: Emulator, minutes: int, status: int
) -> None:
    """In both directions; the rejection shows both times."""
    headers = signed(cloud)
    cloud.clock.advance(60 * minutes)
    answer = list_backups(cloud, headers)
    assert answer.status_code == status
    if status == 401:
        times = r"signature expired, signature time:\d{8}T\d{6}Z,server time:\d{8}T\d{6}Z"
        assert re.search(times, rejection(answer)[2])


def test_more_than_five_failures_in_a_row_lock_a_key_for_five_minutes(cloud: Emulator) -> None:
    """Even a valid signature is then rejected; other keys are not affected."""
    cloud.iam.add_access_key("ANOTHER", SECRET_KEY)
    for _ in range(6):
        assert "verify aksk" in rejection(list_backups(cloud, signed(cloud, "wrong")))[2]
    locked = unauthenticated("AK access failed to reach the limit,forbidden.")
    assert rejection(list_backups(cloud, signed(cloud))) == locked
    assert list_backups(cloud, signed(cloud, access_key="ANOTHER")).status_code == 200
    cloud.clock.advance(299)
    assert rejection(list_backups(cloud, signed(cloud))) == locked
    cloud.clock.advance(1)
    assert list_backups(cloud, signed(cloud)).status_code == 200


def test_a_valid_signature_resets_the_failures(cloud: Emulator) -> None:
    """Only consecutive failures count."""
    for _ in range(3):
        for _ in range(5):
            list_backups(cloud, signed(cloud, "wrong"))
        assert list_backups(cloud, signed(cloud)).status_code == 200


def test_a_rotated_key_invalidates_the_old_secret(cloud: Emulator) -> None:
    """A deleted key is unknown."""
    cloud.iam.add_access_key(ACCESS_KEY, "not-a-real-secret-either")
    assert list_backups(cloud, signed(cloud)).status_code == 401
    assert list_backups(cloud, signed(cloud, "not-a-real-secret-either")).status_code == 200
    cloud.iam.remove_access_key(ACCESS_KEY)
    answer = list_backups(cloud, signed(cloud, "not-a-real-secret-either"))
    assert "not exist" in rejection(answer)[2]


def test_a_temporary_key_needs_its_security_token(cloud: Emulator) -> None:
    """Signed or not; without it, or with a wrong one, the key does not exist."""
    cloud.iam.add_access_key("TEMPORARY", SECRET_KEY, "not-a-real-token")
    temporary = {"access_key": "TEMPORARY", "X_Security_Token": "not-a-real-token"}
    assert list_backups(cloud, signed(cloud, **temporary)).status_code == 200
    unsigned = signed(cloud, access_key="TEMPORARY") | {"X-Security-Token": "not-a-real-token"}
    assert list_backups(cloud, unsigned).status_code == 200
    unknown = unauthenticated("ak TEMPORARY not exist")
    assert rejection(list_backups(cloud, signed(cloud, access_key="TEMPORARY"))) == unknown
    wrong = temporary | {"X_Security_Token": "wrong"}
    assert rejection(list_backups(cloud, signed(cloud, **wrong))) == unknown


def test_a_temporary_key_expires(cloud: Emulator) -> None:
    """At the time that IAM named."""
    end = cloud.clock.now() + timedelta(minutes=15)
    cloud.iam.add_access_key("TEMPORARY", SECRET_KEY, "not-a-real-token", expires_at=end)
    temporary = {"access_key": "TEMPORARY", "X_Security_Token": "not-a-real-token"}
    cloud.clock.advance(14 * 60)
    assert list_backups(cloud, signed(cloud, **temporary)).status_code == 200
    cloud.clock.advance(60)
    answer = list_backups(cloud, signed(cloud, **temporary))
    assert rejection(answer) == unauthenticated("token expires")


def test_a_signed_request_to_a_sub_project_needs_its_header(cloud: Emulator) -> None:
    """X-Project-Id; for a region's own project it is optional but must be right."""
    team = cloud.add_project("eu-de_team")
    unnamed = list_backups(cloud, signed(cloud, project_id=team), team)
    assert (unnamed.status_code, unnamed.json()["error_code"]) == (403, "DBS.200044")
    named = signed(cloud, project_id=team, X_Project_Id=team)
    assert list_backups(cloud, named, team).status_code == 200
    own = signed(cloud, X_Project_Id=cloud.project_id)
    assert list_backups(cloud, own).status_code == 200
    assert list_backups(cloud, signed(cloud, X_Project_Id=team)).status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v3/{project}/backups/"),
        ("POST", "/v3/{project}/backups/"),
        ("PUT", "/v3/{project}/backups"),
        ("PATCH", "/v3/{project}/backups"),
        ("GET", "/v3/{project}/backups/0a"),
        ("GET", "/v3.1/{project}/backups"),
        ("GET", "/v3.2/{project}/backups"),
        ("POST", "/opengauss/v3/{project}/backups"),
        ("POST", "/mysql/v3/{project}/backups/create"),
        ("POST", "/v3/{project}/instances/0a/backups/stop"),
        ("GET", "/v3/{project}/Backups"),
        ("GET", "/v3/"),
        ("GET", "/v3/{project}/instances/0a/backups/policy"),
    ],
)
def test_other_paths_do_not_exist(cloud: Emulator, method: str, path: str) -> None:
    """A trailing slash, newer versions, other products: 404 APIGW.0101."""
    url = cloud.gaussdb_endpoint + path.format(project=cloud.project_id)
    headers = {"X-Auth-Token": log_in(cloud).headers["X-Subject-Token"]}
    answer = requests.request(method, url, headers=headers, timeout=TIMEOUT)
    assert answer.status_code == 404
    body = answer.json()
    assert body.keys() == {"error_code", "error_msg", "request_id"}
    assert body["error_code"] == "APIGW.0101"
