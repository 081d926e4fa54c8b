"""The HTTP API of IAM: tokens, projects, temporary access keys.

Open Telekom Cloud IAM API reference: "Obtaining a User Token Through Password Authentication",
"Verifying a Token", "Querying Project Information", "Obtaining Temporary Access Keys".
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from tests.local_cloud.emulator.accounts import Accounts
from tests.local_cloud.emulator.clock import write_iam_time
from tests.local_cloud.emulator.gateway import Caller, Gateway
from tests.local_cloud.emulator.iam_tokens import describe_token, find_project, read_log_in
from tests.local_cloud.emulator.identities import Project, Token, User
from tests.local_cloud.emulator.request import Request
from tests.local_cloud.emulator.responses import (
    ErrorResponse,
    Response,
    iam_error,
    iam_numbered_error,
)

MAX_BODY = 32 * 1024

Operation = Callable[[Request, datetime], Response]


class Iam:
    """IAM's operations."""

    def __init__(
        self, accounts: Accounts, gateway: Gateway, gaussdb_url: Callable[[], str]
    ) -> None:
        self._accounts = accounts
        self._gateway = gateway
        self._gaussdb_url = gaussdb_url

    def create_token(self, request: Request, _now: datetime) -> Response:
        """Log in: POST /v3/auth/tokens."""
        if len(request.body) > MAX_BODY or not request.body:
            raise ErrorResponse(
                iam_numbered_error(400, "IAM.1101", "The request body size is invalid.")
            )
        log_in = read_log_in(request, self._accounts)
        if log_in.renewed is not None:
            user = self._valid_token(log_in.renewed).user
        else:
            user = self._accounts.log_in(log_in.user, log_in.password, log_in.passcode)
        project = self._require_access(user, find_project(log_in.scope, self._accounts))
        token = self._accounts.issue_token(user, project, log_in.methods)
        catalog = not request.parameter("nocatalog")
        body = describe_token(token, self._gaussdb_url() if catalog else None)
        return Response(201, body, {"X-Subject-Token": token.text})

    def _require_access(self, user: User, project: Project | None) -> Project | None:
        if project is not None and not user.has_access(project.id):
            raise ErrorResponse(iam_error(403, "You are not authorized to access the project."))
        return project

    def _valid_token(self, text: str) -> Token:
        token = self._accounts.find_token(text)
        if token is None or not self._accounts.is_valid(token):
            raise ErrorResponse(iam_error(401, "The X-Auth-Token is invalid!"))
        return token

    def check_token(self, request: Request, _now: datetime) -> Response:
        """Tell by the status whether a token is valid: HEAD /v3/auth/tokens."""
        self._valid_token(request.headers.get("x-auth-token", ""))
        return Response(200, None, self._subject(request)[1])

    def show_token(self, request: Request, _now: datetime) -> Response:
        """Show the properties of a token: GET /v3/auth/tokens."""
        try:
            self._valid_token(request.headers.get("x-auth-token", ""))
        except ErrorResponse:
            message = "X-Auth-Token is invalid in the request"
            raise ErrorResponse(iam_error(403, message)) from None
        token, header = self._subject(request)
        catalog = not request.parameter("nocatalog")
        body = describe_token(token, self._gaussdb_url() if catalog else None)
        return Response(200, body, header)

    def _subject(self, request: Request) -> tuple[Token, dict[str, str]]:
        text = request.headers.get("x-subject-token", "")
        token = self._accounts.find_token(text)
        if token is None or not self._accounts.is_valid(token):
            raise ErrorResponse(iam_error(404, "Could not find token."))
        return token, {"X-Subject-Token": text}

    def list_projects(self, request: Request, now: datetime) -> Response:
        """List projects, optionally by name: GET /v3/projects."""
        caller = self._caller(request, now)
        name = request.parameter("name")
        wanted = [
            project
            for project in self._accounts.projects.values()
            if caller.user.has_access(project.id) and name in {None, project.name}
        ]
        return self._projects(wanted, request.path)

    def list_own_projects(self, request: Request, now: datetime) -> Response:
        """List the projects that the caller has access to: GET /v3/auth/projects."""
        caller = self._caller(request, now)
        projects = self._accounts.projects.values()
        mine = [project for project in projects if caller.user.has_access(project.id)]
        return self._projects(mine, request.path)

    def _caller(self, request: Request, now: datetime) -> Caller:
        if "authorization" in request.headers:
            return self._gateway.authenticate(request, now)
        token = self._valid_token(request.headers.get("x-auth-token", ""))
        return Caller(token.user, None, by_signature=False)

    def _projects(self, projects: list[Project], path: str) -> Response:
        parents = {
            project.name: project.id
            for project in self._accounts.projects.values()
            if not project.is_sub_project
        }
        entries = [
            {
                "id": project.id,
                "name": project.name,
                "domain_id": project.domain.id,
                "parent_id": parents[project.name.partition("_")[0]]
                if project.is_sub_project
                else project.domain.id,
                "is_domain": False,
                "description": "",
                "enabled": True,
                "links": {"self": f"/v3/projects/{project.id}"},
            }
            for project in projects
        ]
        links = {"self": path, "previous": None, "next": None}
        return Response(200, {"projects": entries, "links": links})

    def create_temporary_key(self, request: Request, _now: datetime) -> Response:
        """Issue a temporary access key: POST /v3.0/OS-CREDENTIAL/securitytokens."""
        token = self._valid_token(request.headers.get("x-auth-token", ""))
        seconds = _duration(request)
        key = self._accounts.issue_temporary_key(token.user, timedelta(seconds=seconds))
        credential = {
            "access": key.access_key,
            "secret": key.secret_key,
            "securitytoken": key.security_token,
            "expires_at": write_iam_time(key.expires_at) if key.expires_at else None,
        }
        return Response(201, {"credential": credential})


def _duration(request: Request) -> int:
    value: object = request.json_object(*[iam_error(400, "The request body is invalid.")] * 2)
    for key in ("auth", "identity", "token", "duration_seconds"):
        value = value.get(key) if isinstance(value, dict) else None
    seconds = value if isinstance(value, int) else 900
    if not 900 <= seconds <= 86400:
        raise ErrorResponse(iam_error(400, "Invalid input for field 'duration_seconds'."))
    return seconds
