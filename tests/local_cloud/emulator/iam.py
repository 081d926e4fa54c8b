"""The HTTP API of IAM, as far as the function needs it: log-ins with a password.

Open Telekom Cloud IAM API reference: "Obtaining a User Token Through Password Authentication".
"""

from collections.abc import Callable
from datetime import datetime

from tests.local_cloud.emulator.accounts import Accounts
from tests.local_cloud.emulator.iam_tokens import describe_token, find_project, read_log_in
from tests.local_cloud.emulator.identities import Project, User
from tests.local_cloud.emulator.request import Request
from tests.local_cloud.emulator.responses import (
    ErrorResponse,
    Response,
    iam_error,
    iam_numbered_error,
)

MAX_BODY = 32 * 1024


class Iam:
    """IAM's operations."""

    def __init__(self, accounts: Accounts, gaussdb_url: Callable[[], str]) -> None:
        self._accounts = accounts
        self._gaussdb_url = gaussdb_url

    def create_token(self, request: Request, _now: datetime) -> Response:
        """Log in: POST /v3/auth/tokens."""
        if len(request.body) > MAX_BODY or not request.body:
            raise ErrorResponse(
                iam_numbered_error(400, "IAM.1101", "The request body size is invalid.")
            )
        log_in = read_log_in(request, self._accounts)
        user = self._accounts.log_in(log_in.user, log_in.password)
        project = self._require_access(user, find_project(log_in.scope, self._accounts))
        token = self._accounts.issue_token(user, project)
        catalog = not request.parameter("nocatalog")
        body = describe_token(token, self._gaussdb_url() if catalog else None)
        return Response(201, body, {"X-Subject-Token": token.text})

    def _require_access(self, user: User, project: Project | None) -> Project | None:
        if project is not None and not user.has_access(project.id):
            raise ErrorResponse(iam_error(403, "You are not authorized to access the project."))
        return project
