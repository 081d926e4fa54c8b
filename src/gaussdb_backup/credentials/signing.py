"""SDK-HMAC-SHA256, the signature of Huawei's API gateway: a pure function per published step.

Source: Huawei Cloud, "API Request Signing Guide", sections "Algorithm" 1 to 5. The form of the
header is the current one with ``Access=``, which Open Telekom Cloud's own samples send as well.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote, unquote

ALGORITHM = "SDK-HMAC-SHA256"


def sdk_date(time: datetime) -> str:
    """The value of ``X-Sdk-Date`` for a time in UTC."""
    return time.strftime("%Y%m%dT%H%M%SZ")


def canonical_path(path: str) -> str:
    """The signed path: each segment decoded once and encoded again, with a final ``/``."""
    encoded = quote(unquote(path), safe="/~")
    return encoded if encoded.endswith("/") else encoded + "/"


def canonical_query(query: str) -> str:
    """Decoded pairs sorted by name, then by value, each encoded again; a blank is ``%20``."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    decoded = sorted((unquote(name), unquote(value)) for name, _, value in pairs)
    return "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in decoded)


def signed_names(headers: Mapping[str, str]) -> list[str]:
    """The lower-case names of what is signed; names with ``_`` never are."""
    return sorted(name.lower() for name in headers if "_" not in name)


def canonical_request(
    method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
) -> str:
    """The six parts that are signed, each on lines of its own.

    Args:
        method: the HTTP method.
        path: the path as it is sent.
        query: the query as it is sent, without ``?``.
        headers: the headers to sign, ``Host`` and ``X-Sdk-Date`` among them.
        body: the bytes that are sent.
    """
    values = {name.lower(): value.strip() for name, value in headers.items()}
    names = signed_names(headers)
    digest = values.get("x-sdk-content-sha256") or hashlib.sha256(body).hexdigest()
    lines = [method.upper(), canonical_path(path), canonical_query(query)]
    lines += [f"{name}:{values[name]}" for name in names]
    lines += ["", ";".join(names), digest]
    return "\n".join(lines)


def string_to_sign(canonical: str, date: str) -> str:
    """Algorithm, ``X-Sdk-Date`` and the digest of the canonical request."""
    return "\n".join((ALGORITHM, date, hashlib.sha256(canonical.encode()).hexdigest()))


def signature(secret_key: str, text: str) -> str:
    """HMAC-SHA256 of the string to sign, in lower-case hex."""
    return hmac.digest(secret_key.encode(), text.encode(), "sha256").hex()


def authorization_header(
    access_key: str,
    secret_key: str,
    *,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
) -> str:
    """The value of ``Authorization`` for a request whose headers hold ``X-Sdk-Date``.

    Raises:
        KeyError: ``X-Sdk-Date`` is missing.
    """
    canonical = canonical_request(method, path, query, headers, body)
    text = string_to_sign(canonical, headers["X-Sdk-Date"])
    names = ";".join(signed_names(headers))
    return (
        f"{ALGORITHM} Access={access_key}, SignedHeaders={names}, "
        f"Signature={signature(secret_key, text)}"
    )
