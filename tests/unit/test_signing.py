"""SDK-HMAC-SHA256, held step by step against published vectors and those of Huawei's own SDK."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

from gaussdb_backup.clock import Clock
from gaussdb_backup.credentials.models import AccessKeyCredentials, SignatureAuth, TokenAuth
from gaussdb_backup.credentials.signing import (
    ALGORITHM,
    authorization_header,
    canonical_path,
    canonical_query,
    canonical_request,
    sdk_date,
    signature,
    string_to_sign,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

PUBLISHED: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[1] / "data" / "aksk-vectors.json").read_bytes()
)
VECTORS: list[dict[str, Any]] = [v for v in PUBLISHED["vectors"] if v["variant"] == "access"]
STEPPED: list[dict[str, Any]] = [v for v in VECTORS if "canonical_request" in v]
NEGATIVE: list[dict[str, Any]] = [v for v in PUBLISHED["negative"] if v["variant"] == "access"]

AT = datetime(2025, 4, 1, 12, tzinfo=UTC)
CLOCK = Clock(now=AT.timestamp)
KEYS = AccessKeyCredentials(access_key="NOTAREALACCESSKEY001", secret_key="not-a-real-secret-key")
PROJECT = "0483b6b16e954cb88930a360d2c4e663"
BACKUPS = f"https://gaussdb.eu-de.otc.t-systems.com/v3/{PROJECT}/backups"


def named(vectors: list[dict[str, Any]]) -> pytest.MarkDecorator:
    """Runs a test once for each vector, under the vector's own name."""
    return pytest.mark.parametrize("vector", vectors, ids=[v["name"] for v in vectors])


def header_of(vector: Mapping[str, Any]) -> str:
    """The header that our code makes for a vector's request, as it is sent."""
    url = urlsplit(vector["url"])
    return authorization_header(
        vector["ak"],
        vector["sk"],
        method=vector["method"],
        path=url.path,
        query=url.query,
        headers=vector["signed_request_headers"],
        body=vector["body"].encode(),
    )


def test_the_vectors_are_all_there() -> None:
    """None is skipped for being of another form, and the published ones are among them."""
    assert len(VECTORS) == len(PUBLISHED["vectors"]) >= 20
    assert sum(v["origin"] == "published" for v in VECTORS) >= 4
    assert len(NEGATIVE) == len(PUBLISHED["negative"]) >= 4


@named(STEPPED)
def test_step_1_the_canonical_request(vector: dict[str, Any]) -> None:
    """Method, path, query, headers, their names, the body's digest."""
    url = urlsplit(vector["url"])
    made = canonical_request(
        vector["method"],
        url.path,
        url.query,
        vector["signed_request_headers"],
        vector["body"].encode(),
    )
    assert made == vector["canonical_request"]


@named(STEPPED)
def test_step_2_the_string_to_sign(vector: dict[str, Any]) -> None:
    """Algorithm, date, and the digest of the first step."""
    made = string_to_sign(vector["canonical_request"], vector["timestamp"])
    assert made == vector["string_to_sign"]


@named(STEPPED)
def test_step_3_the_signature(vector: dict[str, Any]) -> None:
    """The key is the secret key itself."""
    made = signature(vector["sk"], vector["string_to_sign"])
    assert vector["authorization"].endswith(f"Signature={made}")


@named(VECTORS)
def test_step_4_the_header(vector: dict[str, Any]) -> None:
    """All together, from the request as it is sent."""
    assert header_of(vector) == vector["authorization"]


@named([v for v in STEPPED if v["path"] != urlsplit(v["url"]).path])
def test_a_path_may_come_encoded_or_not(vector: dict[str, Any]) -> None:
    """Both mean the same request."""
    assert canonical_path(vector["path"]) == canonical_path(urlsplit(vector["url"]).path)


@named(NEGATIVE)
def test_a_changed_request_has_another_signature(vector: dict[str, Any]) -> None:
    """Whatever was changed: body, query, method or date."""
    assert header_of(vector) != vector["authorization"]


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("", "/"),
        ("/", "/"),
        ("/v3/p/backups", "/v3/p/backups/"),
        ("/v3/p/backups/", "/v3/p/backups/"),
        ("/a%2Fb", "/a/b/"),
        ("/a%20b/%7E~", "/a%20b/~~/"),
        ("/%e4%bd%a0", "/%E4%BD%A0/"),
        ("/a+b:c@d!*'()", "/a%2Bb%3Ac%40d%21%2A%27%28%29/"),
    ],
)
def test_the_canonical_path(path: str, canonical: str) -> None:
    """Decoded once, encoded anew, ended by a slash."""
    assert canonical_path(path) == canonical


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("", ""),
        ("b=2&a=1", "a=1&b=2"),
        ("a", "a="),
        ("a=", "a="),
        ("a=2&a=1&a", "a=&a=1&a=2"),
        ("Zeta=1&alpha=2", "Zeta=1&alpha=2"),
        ("t=2022-05-09T18:02:31%2B0800", "t=2022-05-09T18%3A02%3A31%2B0800"),
        ("a=b=c", "a=b%3Dc"),
        ("a=%20&b=%2F~", "a=%20&b=%2F~"),
        ("a=1&&b=2", "a=1&b=2"),
    ],
)
def test_the_canonical_query(query: str, canonical: str) -> None:
    """Sorted by name and value; a blank is never a plus."""
    assert canonical_query(query) == canonical


def test_a_date_is_needed() -> None:
    """Without it there is nothing to sign."""
    with pytest.raises(KeyError, match="X-Sdk-Date"):
        authorization_header(
            "ak", "sk", method="GET", path="/", query="", headers={"Host": "h"}, body=b""
        )


def test_the_date_is_in_utc() -> None:
    """As the gateway compares it with its own clock."""
    assert sdk_date(AT) == "20250401T120000Z"


def prepared(
    method: str = "POST",
    url: str = BACKUPS,
    body: bytes | None = b'{"name":"n"}',
    keys: AccessKeyCredentials = KEYS,
    headers: Mapping[str, str] | None = None,
) -> requests.PreparedRequest:
    """A request as it is about to be sent."""
    sent = {"Content-Type": "application/json", **(headers or {})}
    auth = SignatureAuth(keys, PROJECT, CLOCK)
    return requests.Request(method, url, data=body, headers=sent, auth=auth).prepare()


def by_huawei(request: requests.PreparedRequest, keys: AccessKeyCredentials = KEYS) -> str:
    """The header that Huawei's signer makes from what is sent, over the same headers."""
    url = urlsplit(request.url or "")
    assert isinstance(url.path, str)
    names = request.headers["Authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    signed = SdkRequest(
        method=request.method,
        schema=url.scheme,
        host=request.headers["Host"],
        resource_path=url.path,
        query_params=parse_qsl(url.query, keep_blank_values=True),
        header_params={name: request.headers[name] for name in names},
        body=request.body or b"",
    )
    Signer(BasicCredentials(keys.access_key, keys.secret_key)).sign(signed)
    return str(signed.header_params["Authorization"])


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("POST", BACKUPS, b'{"instance_id":"a","name":"n"}'),
        ("POST", BACKUPS, '{"description":"für alle"}'.encode()),
        ("POST", BACKUPS, b'{"description": "f\\u00fcr alle"}'),
        ("POST", BACKUPS, None),
        ("GET", f"{BACKUPS}?instance_id=a&backup_type=manual&offset=0&limit=100", None),
        ("GET", f"{BACKUPS}?b=2&a=1&a=%2B%20%2F%C3%A4", None),
        ("GET", "http://127.0.0.1:8080/v3/p/tasks", None),
        ("GET", "http://127.0.0.1:80/v3/p/tasks", None),
        ("GET", "https://h:443/v3/p/tasks", None),
        ("GET", "https://h:8443/v3/p/tasks", None),
        ("GET", "https://[::1]:8443/v3/p/tasks", None),
        ("GET", "https://UPPER.example/v3/p/a%20b", None),
    ],
)
def test_the_auth_signs_exactly_what_is_sent(method: str, url: str, body: bytes | None) -> None:
    """Huawei's signer, given the bytes of the prepared request, comes to the same header."""
    request = prepared(method, url, body)
    assert request.headers["Authorization"] == by_huawei(request)


def test_the_auth_says_when_and_for_which_project() -> None:
    """A sub-project is reached only by its name."""
    headers = prepared().headers
    assert headers["X-Sdk-Date"] == "20250401T120000Z"
    assert headers["X-Project-Id"] == PROJECT
    assert headers["Host"] == "gaussdb.eu-de.otc.t-systems.com"
    assert headers["Authorization"].startswith(
        f"{ALGORITHM} Access=NOTAREALACCESSKEY001, "
        "SignedHeaders=content-type;host;x-project-id;x-sdk-date, Signature="
    )
    assert "X-Security-Token" not in headers


def test_temporary_keys_show_their_security_token() -> None:
    """It is signed too, so that nobody can take it off."""
    keys = AccessKeyCredentials(
        access_key="TEMPORARY", secret_key="secret", security_token="not-real-token"
    )
    request = prepared(keys=keys)
    assert request.headers["X-Security-Token"] == "not-real-token"
    assert ";x-security-token," in request.headers["Authorization"]
    assert request.headers["Authorization"] == by_huawei(request, keys)


@pytest.mark.parametrize("url", ["http://127.0.0.1:80/", "https://h:443/"])
def test_the_port_of_the_scheme_is_left_out_of_the_host(url: str) -> None:
    """As the gateway expects the Host that it verifies."""
    assert ":" not in prepared("GET", url, None).headers["Host"]


def test_the_url_keeps_its_form() -> None:
    """What is canonical is signed and never sent: the gateway knows no path with a slash."""
    url = f"{BACKUPS}?offset=0&limit=100&begin_time=2022-05-09T18%3A02%3A31%2B0800"
    assert prepared("GET", url, None).url == url


def test_each_attempt_is_signed_at_its_own_time() -> None:
    """One auth serves for as long as the environment lives, and a signature for 15 minutes."""
    ticking = iter([AT.timestamp(), AT.timestamp() + 3600])
    auth = SignatureAuth(KEYS, PROJECT, Clock(now=lambda: next(ticking)))
    request = requests.Request("GET", BACKUPS, auth=auth)
    dates = [request.prepare().headers["X-Sdk-Date"] for _ in range(2)]
    assert dates == ["20250401T120000Z", "20250401T130000Z"]


def test_a_token_is_a_header() -> None:
    """And the request is otherwise left as it is."""
    request = requests.Request("GET", BACKUPS, auth=TokenAuth("not-a-real-token")).prepare()
    assert request.headers["X-Auth-Token"] == "not-a-real-token"
    assert "Authorization" not in request.headers


def test_auths_do_not_show_what_they_hold() -> None:
    """They may end in a log by accident."""
    shown = (
        f"{SignatureAuth(KEYS, PROJECT, CLOCK)!r} {TokenAuth('not-a-real-token')!r} {KEYS} {KEYS!r}"
    )
    assert "NOTAREAL" not in shown
    assert "not-a-real" not in shown
