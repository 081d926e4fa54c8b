"""Our signatures are Huawei's: whatever is signed, its own signer comes to the same header."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import requests
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from hypothesis import given
from hypothesis import strategies as st

from gaussdb_backup.clock import Clock
from gaussdb_backup.credentials.models import AccessKeyCredentials, SignatureAuth
from gaussdb_backup.credentials.signing import (
    authorization_header,
    canonical_path,
    canonical_query,
    canonical_request,
    sdk_date,
)
from tests.properties.strategies import LAW, PRINTABLE

UTF8 = st.characters(codec="utf-8")
METHODS = st.sampled_from(["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "get"])
SEGMENTS = st.text(st.characters(codec="utf-8", exclude_characters="/"), max_size=12)
PATHS = st.lists(SEGMENTS, max_size=5).map(lambda parts: "/" + "/".join(parts))
PAIRS = st.lists(st.tuples(st.text(UTF8, max_size=8), st.text(UTF8, max_size=12)), max_size=6)
DATES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants its limits naive
HEADER_NAMES = st.from_regex(r"X-[A-Z][a-z]{1,8}(-[A-Z][a-z]{1,8})?", fullmatch=True)
HOSTS = st.sampled_from(["gaussdb.eu-de.otc.t-systems.com", "127.0.0.1:8080", "[::1]:8443"])
HEADERS = st.builds(
    lambda headers, host: {**headers, "Host": host},
    st.dictionaries(
        HEADER_NAMES.filter(lambda name: not name.startswith("X-Sdk-")),
        st.text(PRINTABLE, max_size=20),
        max_size=4,
    ),
    HOSTS,
)
WORDS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=30)
SECRET_KEYS = st.text(UTF8, min_size=1, max_size=60)
# what a secret may hold; pure signing takes any text
USABLE_SECRET_KEYS = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\"'"),
    min_size=1,
    max_size=60,
)
TOKENS = st.text("abcXYZ019+/=-_.", min_size=1, max_size=200)


def encoded(path: str) -> str:
    """A path as it may be sent."""
    return quote(path, safe="/")


def query_of(pairs: list[tuple[str, str]]) -> str:
    """A query as it may be sent, its pairs in their own order."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)


def by_huawei(
    method: str,
    path: str,
    pairs: list[tuple[str, str]],
    headers: dict[str, str],
    body: bytes,
    keys: tuple[str, str],
) -> str:
    """The header that Huawei's signer makes."""
    request = SdkRequest(
        method=method,
        schema="https",
        host=headers["Host"],
        resource_path=path,
        query_params=list(pairs),
        header_params=dict(headers),
        body=body,
    )
    Signer(BasicCredentials(*keys)).sign(request)
    return str(request.header_params["Authorization"])


@LAW
@given(
    method=METHODS,
    path=PATHS,
    pairs=PAIRS,
    headers=HEADERS,
    body=st.binary(max_size=200),
    date=DATES,
    keys=st.tuples(WORDS, SECRET_KEYS),
)
def test_a_signature_is_the_one_of_huawei_s_signer(
    method: str,
    path: str,
    pairs: list[tuple[str, str]],
    headers: dict[str, str],
    body: bytes,
    date: datetime,
    keys: tuple[str, str],
) -> None:
    """For any method, path, query, headers, body, keys and time."""
    sent = {
        **headers,
        "Content-Type": "application/json",
        "X-Sdk-Date": sdk_date(date),
    }
    ours = authorization_header(
        *keys, method=method, path=encoded(path), query=query_of(pairs), headers=sent, body=body
    )
    assert ours == by_huawei(method, path, pairs, sent, body, keys)


@LAW
@given(
    resource=st.text("abcXYZ019-_.~!*'()+:@ %äü", max_size=20),
    pairs=PAIRS,
    body=st.none() | st.binary(min_size=1, max_size=200),
    date=DATES,
    security_token=st.none() | TOKENS,
    keys=st.tuples(WORDS, USABLE_SECRET_KEYS),
)
def test_the_auth_signs_what_requests_sends(
    resource: str,
    pairs: list[tuple[str, str]],
    body: bytes | None,
    date: datetime,
    security_token: str | None,
    keys: tuple[str, str],
) -> None:
    """For any prepared request: Huawei's signer, given its bytes, comes to its header."""
    pair = AccessKeyCredentials(
        access_key=keys[0], secret_key=keys[1], security_token=security_token
    )
    url = f"https://gaussdb.example/v3/p/{quote(resource, safe='')}"
    url += f"?{query_of(pairs)}" if pairs else ""
    prepared = requests.Request(
        "POST" if body else "GET",
        url,
        data=body,
        headers={"Content-Type": "application/json"},
        auth=SignatureAuth(pair, "p", Clock(now=date.timestamp)),
    ).prepare()
    names = [
        name
        for name in ("Content-Type", "Host", "X-Project-Id", "X-Sdk-Date", "X-Security-Token")
        if name in prepared.headers
    ]
    sent = {name: str(prepared.headers[name]) for name in names}
    path = str(urlsplit(str(prepared.url)).path)
    assert ("X-Security-Token" in sent) is (security_token is not None)
    assert prepared.headers["Authorization"] == (
        by_huawei(str(prepared.method), path, pairs, sent, body or b"", keys)
    )


@LAW
@given(PAIRS, st.randoms())
def test_the_order_of_a_query_does_not_matter(pairs: list[tuple[str, str]], chance: object) -> None:
    """A gateway may put it in another."""
    shuffled = list(pairs)
    chance.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis names no type for it
    assert canonical_query(query_of(shuffled)) == canonical_query(query_of(pairs))


@LAW
@given(PATHS)
def test_a_path_is_canonical_once_and_for_all(path: str) -> None:
    """However it is encoded, with or without a slash at its end."""
    canonical = canonical_path(encoded(path))
    assert canonical_path(canonical) == canonical
    assert canonical_path(encoded(path).rstrip("/")).rstrip("/") == canonical.rstrip("/")
    assert canonical.endswith("/")


@LAW
@given(
    st.binary(max_size=50), st.binary(max_size=50), PAIRS.map(query_of), PAIRS.map(query_of), PATHS
)
def test_what_differs_is_signed_differently(
    one: bytes, other: bytes, query: str, changed: str, path: str
) -> None:
    """Another body or another query is another canonical request."""
    headers = {"X-Sdk-Date": "20250401T120000Z"}
    usual = canonical_request("POST", encoded(path), query, headers, one)
    same_body = canonical_request("POST", encoded(path), query, headers, other) == usual
    same_query = canonical_request("POST", encoded(path), changed, headers, one) == usual
    assert same_body is (one == other)
    assert same_query is (canonical_query(query) == canonical_query(changed))
