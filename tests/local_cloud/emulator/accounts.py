"""IAM's state: users, projects, tokens, access keys and account locks."""

import base64
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

from tests.local_cloud.emulator.identities import (
    AccessKey,
    Domain,
    Permission,
    Project,
    Token,
    User,
)
from tests.local_cloud.emulator.responses import ErrorResponse, iam_error

# Open Telekom Cloud IAM, "Configuring the Account Lockout Policy": the default policy
MAX_LOG_IN_FAILURES = 5
FAILURE_WINDOW = timedelta(minutes=15)
LOCK_TIME = timedelta(minutes=15)

# more than five consecutive failures of one access key (API Gateway, FAQ)
MAX_KEY_FAILURES = 6
KEY_LOCK_TIME = timedelta(minutes=5)

WRONG_PASSWORD = "The username or password is wrong."


class Accounts:
    """Users, projects, tokens and access keys of the cloud.

    Attributes:
        token_lifetime: the lifetime of new tokens.
        log_ins: the number of successful password log-ins.
        refused_log_ins: the number of rejected log-ins, including those of locked accounts.
        lock_outs: how often an account was locked.
        refused_signatures: the number of calls with a wrong signature or an unknown key.
        blocked_keys: how often an access key was blocked.
    """

    def __init__(self, now: Callable[[], datetime], domain_name: str) -> None:
        self._now = now
        self.token_lifetime = timedelta(hours=24)
        self.log_ins = 0
        self.refused_log_ins = 0
        self.lock_outs = 0
        self.refused_signatures = 0
        self.blocked_keys = 0
        self.projects: dict[str, Project] = {}
        self._domains: dict[str, Domain] = {}
        self._users: dict[tuple[str, str], User] = {}
        self._tokens: dict[str, Token] = {}
        self._revoked: set[str] = set()
        self._keys: dict[str, AccessKey] = {}
        self.domain = self._domain(domain_name)

    def _domain(self, name: str) -> Domain:
        return self._domains.setdefault(name, Domain(uuid4().hex, name))

    def add_project(self, name: str, project_id: str | None = None) -> Project:
        """Add a project to the cloud's own domain."""
        project = Project(project_id or uuid4().hex, name, self.domain)
        self.projects[project.id] = project
        return project

    def add_user(
        self,
        name: str,
        password: str,
        domain_name: str | None = None,
        *,
        permission: Permission = "full",
        projects: frozenset[str] | None = None,
    ) -> User:
        """Add a user, and its domain if that is new.

        Args:
            name: unique in the domain.
            password: the password.
            domain_name: the cloud's own by default.
            permission: the user's permission for GaussDB.
            projects: IDs of the projects that the user has access to; all by default.
        """
        domain = self._domain(domain_name or self.domain.name)
        user = User(uuid4().hex, name, password, domain, permission, projects)
        self._users[domain.name, name] = user
        return user

    def change_password(
        self, name: str, password: str, domain_name: str | None = None, *, revoke: bool = True
    ) -> None:
        """Change a user's password. Existing tokens become invalid, in reality within minutes.

        Args:
            name: the user's.
            password: the new one.
            domain_name: the cloud's own by default.
            revoke: whether existing tokens become invalid.
        """
        user = self._users[domain_name or self.domain.name, name]
        user.password = password
        if revoke:
            self.revoke_tokens(user)

    def revoke_tokens(self, user: User | None = None) -> None:
        """Revoke all issued tokens, or those of one user."""
        self._revoked |= {
            token.text
            for token in list(self._tokens.values())
            if user is None or token.user is user
        }

    def add_access_key(
        self,
        access_key: str,
        secret_key: str,
        security_token: str | None = None,
        *,
        user: User | None = None,
        expires_at: datetime | None = None,
    ) -> AccessKey:
        """Add an access key, or replace the one with the same ID.

        Args:
            access_key: the access key ID.
            secret_key: the secret access key.
            security_token: makes it a temporary key, which is valid only together with this token.
            user: the owner; by default a user with full permission.
            expires_at: when a temporary key expires.
        """
        owner = user or User(uuid4().hex, "key-owner", secrets.token_hex(), self.domain)
        key = AccessKey(access_key, secret_key, owner, security_token, expires_at)
        self._keys[access_key] = key
        return key

    def remove_access_key(self, access_key: str) -> None:
        """Delete an access key."""
        del self._keys[access_key]

    def access_key(self, access_key: str) -> AccessKey | None:
        """Return the access key with this ID, if it exists."""
        return self._keys.get(access_key)

    def find_user(self, name: str, domain_name: str) -> User | None:
        """Return the user with this name, if there is one."""
        return self._users.get((domain_name, name))

    def find_token(self, text: str) -> Token | None:
        """Return the token, valid or not, if it was ever issued."""
        return self._tokens.get(text)

    def is_valid(self, token: Token) -> bool:
        """Tell whether a token is neither revoked nor expired."""
        return token.text not in self._revoked and self._now() < token.expires_at

    def log_in(self, user: User | None, password: str) -> User:
        """Check a password and count failures.

        Raises:
            ErrorResponse: the password is wrong or the account is locked.
        """
        now = self._now()
        if user is not None and user.locked_until is not None and now < user.locked_until:
            self.refused_log_ins += 1
            raise ErrorResponse(iam_error(401, "The account is locked"))
        if user is None or user.password != password:
            self._count_failure(user, now)
            raise ErrorResponse(iam_error(401, WRONG_PASSWORD))
        user.failures.clear()
        return user

    def _count_failure(self, user: User | None, now: datetime) -> None:
        self.refused_log_ins += 1
        if user is None:
            return
        user.failures = [*(at for at in user.failures if now - at < FAILURE_WINDOW), now]
        if len(user.failures) >= MAX_LOG_IN_FAILURES:
            self.lock_outs += 1
            user.locked_until = now + LOCK_TIME
            user.failures.clear()

    def issue_token(self, user: User, project: Project | None) -> Token:
        """Issue a token; earlier tokens stay valid."""
        now = self._now()
        # IAM's tokens are several kilobytes of base64 (a signed CMS message)
        text = "MIIE" + base64.b64encode(secrets.token_bytes(2400)).decode().replace("/", "-")
        token = Token(text, user, project, now, now + self.token_lifetime)
        self._tokens[text] = token
        self.log_ins += 1
        return token
