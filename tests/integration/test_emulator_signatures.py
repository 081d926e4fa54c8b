"""The emulator's verification of signatures against published vectors, in both formats."""

import hmac
import json
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.local_cloud.emulator import Emulator
from tests.local_cloud.emulator.clients import ACCESS_KEY, SECRET_KEY, TIMEOUT
from tests.local_cloud.emulator.clock import read_sdk_date, write_sdk_date
from tests.local_cloud.emulator.request import Request
from tests.local_cloud.emulator.signatures import is_valid_signature, read_authorization

DATA = json.loads((Path(__file__).parents[1] / "data" / "aksk-vectors.json").read_text("utf-8"))
GOOD: list[dict[str, Any]] = DATA["vectors"]
BAD: list[dict[str, Any]] = DATA["negative"]
ROUTED = re.compile(
    r"(GET|POST) /v3/\w+/backups|DELETE /v3/\w+/backups/\w+|GET /v3/\w+/(jobs|instances)"
)


def named(vector: dict[str, Any]) -> str:
    """Return the name of a vector."""
    return str(vector["name"])


def is_routed(vector: dict[str, Any]) -> bool:
    """Tell whether the emulator has the operation of a vector."""
    line = f"{vector['method']} {vector['path']}"
    return ROUTED.fullmatch(line) is not None


def headers_of(vector: dict[str, Any]) -> dict[str, str]:
    """Return all headers of a vector."""
    return {
        **vector["signed_request_headers"],
        **vector.get("unsigned_request_headers", {}),
        "Authorization": vector["authorization"],
    }


def verdict(vector: dict[str, Any]) -> bool:
    """Return the result of the verification of a vector, without the clock."""
    url = vector["url"].removeprefix(f"{vector['scheme']}://{vector['host']}")
    request = Request.received(vector["method"], url, headers_of(vector), vector["body"].encode())
    claim = read_authorization(vector["authorization"])
    assert claim is not None
    assert claim.access_key == vector["ak"]
    return is_valid_signature(request, claim, vector["sk"])


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    """A cloud with the project of the vectors."""
    with Emulator("0483b6b16e954cb88930a360d2c4e663") as cloud:
        yield cloud


def send(cloud: Emulator, vector: dict[str, Any]) -> requests.Response:
    """Send a vector to the cloud, at its own time, to the signed path."""
    cloud.clock.set(read_sdk_date(vector.get("server_time", vector["timestamp"])))
    security_token = vector["signed_request_headers"].get("X-Security-Token")
    cloud.iam.add_access_key(vector["ak"], vector["sk"], security_token)
    url = vector["url"].replace(f"{vector['scheme']}://{vector['host']}", cloud.gaussdb_endpoint)
    return requests.request(
        vector["method"],
        url,
        headers={name: value.strip() for name, value in headers_of(vector).items()},
        data=vector["body"].encode(),
        timeout=TIMEOUT,
    )


def test_all_vectors_are_present() -> None:
    """An empty file would prove nothing."""
    assert len(GOOD) >= 20
    assert len(BAD) >= 4
    assert sum(map(is_routed, GOOD)) >= 8
    assert all(vector["variant"] == "access" for vector in GOOD + BAD)


@pytest.mark.parametrize("vector", GOOD, ids=named)
def test_a_published_signature_is_valid(vector: dict[str, Any]) -> None:
    """With and without a query, a body and other signed headers."""
    assert verdict(vector)


@pytest.mark.parametrize("vector", GOOD, ids=named)
def test_a_published_signature_is_invalid_with_another_key(vector: dict[str, Any]) -> None:
    """The secret key is part of the signature."""
    assert not verdict(vector | {"sk": "not-a-real-secret"})


@pytest.mark.parametrize("vector", BAD, ids=named)
def test_a_signature_of_another_request_is_invalid(vector: dict[str, Any]) -> None:
    """With another body, query, method or date."""
    assert not verdict(vector)


@pytest.mark.parametrize("vector", [vector for vector in GOOD if is_routed(vector)], ids=named)
def test_a_published_request_is_accepted(cloud: Emulator, vector: dict[str, Any]) -> None:
    """Over HTTP: the response comes from the service and not from the gateway."""
    answer = send(cloud, vector)
    assert answer.status_code == 200 or answer.json()["error_code"].startswith("DBS.")


@pytest.mark.parametrize("vector", [vector for vector in BAD if is_routed(vector)], ids=named)
def test_a_changed_request_is_rejected(cloud: Emulator, vector: dict[str, Any]) -> None:
    """Over HTTP."""
    answer = send(cloud, vector)
    assert (answer.status_code, answer.json()["error_code"]) == (401, "APIGW.0301")


# Published in the tests of Ademund.OTC.Utils, a .NET library for Open Telekom Cloud: a GET of
# http://example.com with the keys "ak" and "sk", the project "project", at 1970-01-01 00:00:01.
SCOPED = {
    "19700101///sdk_request": "ec385090522c25504a5b574c7195ac56bf37081d90f74fc093a2676f906cb057",
    "19700101//service/sdk_request": (
        "1feb87f00aa9a1ff67e17b7166f9e3f599ae8e134e38817bdf3135efa5317535"
    ),
    "19700101/region//sdk_request": (
        "0fc9c2559c07ac70d086fa9bef16f34273b7886b3d1b57f5b5af8e88769f2c8e"
    ),
    "19700101/region/service/sdk_request": (
        "8bdb0e44341d71482390afe6536fa5f3ecfa6da7956ee95d1f8a60b7ab871240"
    ),
}


@pytest.mark.parametrize(("scope", "signature"), list(SCOPED.items()))
def test_a_published_signature_with_a_scope_is_valid(scope: str, signature: str) -> None:
    """The older format; the scope is signed too."""
    request = Request.received(
        "GET",
        "/",
        {"Host": "example.com", "X-Project-Id": "project", "X-Sdk-Date": "19700101T000001Z"},
    )

    def is_good(scope: str) -> bool:
        claim = read_authorization(
            f"SDK-HMAC-SHA256 Credential=ak/{scope}, "
            f"SignedHeaders=host;x-project-id;x-sdk-date, Signature={signature}"
        )
        assert claim is not None
        return is_valid_signature(request, claim, "sk")

    assert is_good(scope)
    assert not is_good("19700102/region/service/sdk_request")


def scoped_headers(cloud: Emulator, *names: str) -> dict[str, str]:
    """Return the headers of a GET of ten backups, signed with an empty scope over some of them."""
    date = write_sdk_date(cloud.clock.now())
    sent = {"host": cloud.gaussdb_endpoint.removeprefix("http://"), "x-sdk-date": date}
    scope = f"{date[:8]}///sdk_request"
    lines = "".join(f"{name}:{sent[name]}\n" for name in names)
    canonical = f"GET\n/v3/{cloud.project_id}/backups/\nlimit=10\n{lines}\n{';'.join(names)}\n"
    canonical += sha256(b"").hexdigest()
    to_sign = f"SDK-HMAC-SHA256\n{date}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    key = b"SDK" + SECRET_KEY.encode()
    for part in (date[:8], "", "", "sdk_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    return {
        "X-Sdk-Date": date,
        "Authorization": f"SDK-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}",
    }


@pytest.mark.parametrize(
    ("names", "limit", "status"),
    [
        (("host", "x-sdk-date"), 10, 200),
        (("x-sdk-date",), 10, 200),
        (("host", "x-sdk-date"), 11, 401),
        (("host",), 10, 401),
    ],
)
def test_a_signature_with_an_empty_scope_is_accepted(
    cloud: Emulator, names: tuple[str, ...], limit: int, status: int
) -> None:
    """T-Systems' own Go tools send it; the date must be among the signed headers."""
    cloud.iam.add_access_key(ACCESS_KEY, SECRET_KEY)
    url = f"{cloud.gaussdb_endpoint}/v3/{cloud.project_id}/backups?limit={limit}"
    answer = requests.get(url, headers=scoped_headers(cloud, *names), timeout=TIMEOUT)
    assert answer.status_code == status
