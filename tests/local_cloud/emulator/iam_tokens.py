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
    """A token request: by password, or by a token (`renewed`) for another scope."""

    methods: tuple[str, ...]
    user: User | None
    password: object
    passcode: object
    renewed: str | None
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
    methods = _methods(identity)
    scope = _optional(auth, "scope")
    if methods == ("token",):
        renewed = _text(_member(identity, "token"), "id")
        return LogIn(methods, None, None, None, renewed, scope)
    user = _member(_member(identity, "password"), "user")
    found = _find_user(user, accounts)
    passcode = None
    if "totp" in methods:
        passcode = _member(_member(identity, "totp"), "user").get("passcode")
    return LogIn(methods, found, _text(user, "password"), passcode, None, scope)


def _methods(identity: dict[str, object]) -> tuple[str, ...]:
    methods = identity.get("methods")
    known = (["password"], ["password", "totp"], ["token"])
    if methods not in known or not isinstance(methods, list):
        raise _invalid("'methods' is a required property" if methods is None else "Invalid methods")
    return tuple(methods)


def _find_user(user: dict[str, object], accounts: Accounts) -> User | None:
    if "id" in user:
        return accounts.find_user_by_id(_text(user, "id"))
    name = _text(user, "name")
    domain = _member(user, "domain")
    if "id" in domain:
        found = accounts.find_domain(_text(domain, "id"))
        return accounts.find_user(name, found.name) if found else None
    return accounts.find_user(name, _text(domain, "name"))


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
        "methods": list(token.methods),
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
