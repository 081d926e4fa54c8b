"""The two kinds of credentials: what a secret must hold, and how each authorizes a request."""

from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from requests import PreparedRequest
from requests.auth import AuthBase

from gaussdb_backup.clock import Clock
from gaussdb_backup.credentials.secret_store import Secret
from gaussdb_backup.credentials.signing import authorization_header, sdk_date
from gaussdb_backup.errors import SecretUnavailable

CREDENTIALS_VARIABLE: Final = "CREDENTIALS_SECRET_ID"

# Printable ASCII without blanks, " and '. What stands in a header has no comma either, because a
# comma ends a part of Authorization.
_KeyText = Annotated[str, Field(pattern=r"^[!#-&(-~]+$", max_length=16384)]
_HeaderText = Annotated[str, Field(pattern=r"^[!#-&(-+\--~]+$", max_length=16384)]
_Text = Annotated[str, Field(min_length=1, max_length=1024)]
_ProjectId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


_NEITHER_KIND: Final = (
    "key access_key and key username are missing: a key pair has the keys access_key and "
    "secret_key, a password has username, password and domain_name"
)


class AccessKeyCredentials(BaseModel):
    """The secret of AK/SK credentials, permanent or temporary."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    access_key: _HeaderText = Field(repr=False)
    secret_key: _KeyText = Field(repr=False)
    security_token: _HeaderText | None = Field(default=None, repr=False)
    project_id: _ProjectId | None = None


class PasswordCredentials(BaseModel):
    """The secret of password credentials."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    username: _Text
    password: _Text = Field(repr=False)
    domain_name: _Text
    project_id: _ProjectId | None = None


class TokenAuth(AuthBase):
    """Authorizes a request by an IAM token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """The request with ``X-Auth-Token``."""
        request.headers["X-Auth-Token"] = self._token
        return request


class SignatureAuth(AuthBase):
    """Authorizes a request by a signature over exactly the bytes that are sent."""

    def __init__(self, keys: AccessKeyCredentials, project_id: str, clock: Clock) -> None:
        self._keys = keys
        self._project_id = project_id
        self._clock = clock

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """The request with ``X-Sdk-Date``, ``X-Project-Id`` and ``Authorization``."""
        url = urlsplit(request.url or "")
        added = {
            "Host": url.netloc.removesuffix({"https": ":443", "http": ":80"}[url.scheme]),
            "X-Project-Id": self._project_id,
            "X-Sdk-Date": sdk_date(self._clock.utc()),
        }
        if self._keys.security_token:
            added["X-Security-Token"] = self._keys.security_token
        request.headers.update(added)
        if "Content-Type" in request.headers:
            added["Content-Type"] = request.headers["Content-Type"]
        body = request.body or b""
        request.headers["Authorization"] = authorization_header(
            self._keys.access_key,
            self._keys.secret_key,
            method=request.method or "",
            path=url.path,
            query=url.query,
            headers=added,
            body=body.encode() if isinstance(body, str) else bytes(body),
        )
        return request


def read_credentials(
    secret: Secret, variable: str = CREDENTIALS_VARIABLE
) -> AccessKeyCredentials | PasswordCredentials:
    """The credentials that a secret holds: a key pair if it has an access key, else a password.

    Args:
        secret: the secret.
        variable: the environment variable that names it, for the message.

    Raises:
        SecretUnavailable: in one line, the keys that are missing or malformed.
    """
    kind: type[AccessKeyCredentials | PasswordCredentials]
    if "access_key" in secret.value:
        kind = AccessKeyCredentials
    elif secret.value.keys() & PasswordCredentials.model_fields.keys() - {"project_id"}:
        kind = PasswordCredentials
    else:
        raise SecretUnavailable(f"{variable}: {_NEITHER_KIND}")
    try:
        return kind.model_validate(secret.value, strict=True)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        shown = "; ".join(
            f"key {fault['loc'][0]} is {'missing' if fault['type'] == 'missing' else 'malformed'}"
            for fault in faults
        )
        raise SecretUnavailable(f"{variable}: {shown}") from None


def read_project_id(
    credentials: AccessKeyCredentials | PasswordCredentials,
    project_id: str | None,
    variable: str = CREDENTIALS_VARIABLE,
) -> str:
    """The project of the calls: from the environment, from the secret, or the same from both.

    Args:
        credentials: what the secret holds.
        project_id: what ``PROJECT_ID`` holds.
        variable: the environment variable that names the secret, for the message.

    Raises:
        SecretUnavailable: there is none, or there are two.
    """
    ids = {project_id, credentials.project_id} - {None}
    if not ids:
        raise SecretUnavailable(
            f"{variable}: no project ID: set PROJECT_ID or project_id in the secret"
        )
    if len(ids) > 1:
        raise SecretUnavailable(f"{variable}: PROJECT_ID and project_id in the secret differ")
    return str(ids.pop())
