"""The JSON of token requests and of token responses."""

from dataclasses import dataclass

from tests.local_cloud.emulator.accounts import Accounts
from tests.local_cloud.emulator.clock import write_iam_time
from tests.local_cloud.emulator.identities import Domain, Project, Token, User
from tests.local_cloud.emulator.request import Request
from tests.local_cloud.emulator.responses import ErrorResponse, iam_error

# OpenStack Keystone: one text for a project that does not exist, is disabled, or is not the user's
REFUSED_SCOPE = "The request you have made requires authentication."


@dataclass(frozen=True, slots=True)
class LogIn:
    """A token request."""

    user: User | None
    password: str
    scope: dict[str, object]


def _invalid(message: str) -> ErrorResponse:
    return ErrorResponse(iam_error(400, message))


def _member(value: dict[str, object], key: str) -> dict[str, object]:
    if key not in value:
        raise _invalid(f"'{key}' is a required property")
    member = value[key]
    if not isinstance(member, dict):
        raise _invalid(f"Invalid input for field '{key}'. The value is not of type 'object'")
    return member


def _optional(value: dict[str, object], key: str) -> dict[str, object]:
    return _member(value, key) if key in value else {}


def _text(value: dict[str, object], key: str) -> str:
    if key not in value:
        raise _invalid(f"'{key}' is a required property")
    text = value[key]
    if not isinstance(text, str):
        raise _invalid(f"Invalid input for field '{key}'. The value is not of type 'string'")
    return text


def read_log_in(request: Request, accounts: Accounts) -> LogIn:
    """Parse the body of a token request.

    Raises:
        ErrorResponse: a member is missing or malformed.
    """
    invalid = iam_error(400, "The request body is invalid.")
    auth = _member(request.json_object(invalid, invalid), "auth")
    identity = _member(auth, "identity")
    if identity.get("methods") != ["password"]:
        missing = "methods" not in identity
        raise _invalid("'methods' is a required property" if missing else "Invalid methods")
    user = _member(_member(identity, "password"), "user")
    return LogIn(_find_user(user, accounts), _text(user, "password"), _optional(auth, "scope"))


def _find_user(user: dict[str, object], accounts: Accounts) -> User | None:
    return accounts.find_user(_text(user, "name"), _text(_member(user, "domain"), "name"))


def find_project(scope: dict[str, object], accounts: Accounts) -> Project | None:
    """Return the requested project; None if the scope is the domain. A project has precedence.

    Raises:
        ErrorResponse: there is no such project.
    """
    if "project" not in scope:
        return None
    asked = _member(scope, "project")
    key = "id" if "id" in asked else "name"
    wanted = _text(asked, key)
    for project in accounts.projects.values():
        if wanted == (project.id if key == "id" else project.name):
            return project
    raise ErrorResponse(iam_error(401, REFUSED_SCOPE))


def _domain(domain: Domain) -> dict[str, object]:
    return {"id": domain.id, "name": domain.name}


def describe_token(token: Token, gaussdb_url: str | None) -> dict[str, object]:
    """Return the body that describes a token, with a catalog if the URL of GaussDB is given."""
    user = token.user
    body: dict[str, object] = {
        "methods": ["password"],
        "expires_at": write_iam_time(token.expires_at),
        "issued_at": write_iam_time(token.issued_at),
        "user": {
            "id": user.id,
            "name": user.name,
            "password_expires_at": "",
            "domain": _domain(user.domain),
        },
        "roles": [{"id": "0", "name": "te_admin" if user.permission == "full" else "readonly"}],
    }
    if token.project is None:
        body["domain"] = _domain(user.domain)
    else:
        project = token.project
        domain = _domain(project.domain)
        body["project"] = {"id": project.id, "name": project.name, "domain": domain}
    if gaussdb_url is not None:
        body["catalog"] = [_catalog_entry(token, gaussdb_url)]
    return {"token": body}


def _catalog_entry(token: Token, gaussdb_url: str) -> dict[str, object]:
    project_id = token.project.id if token.project else ""
    endpoint = {
        "id": "gaussdb-public",
        "interface": "public",
        "region": "eu-de",
        "region_id": "eu-de",
        "url": f"{gaussdb_url}/v3/{project_id}",
    }
    return {"type": "gaussdb", "id": "gaussdb", "name": "gaussdb", "endpoints": [endpoint]}
