"""The entities of IAM: domains, projects, users, tokens, access keys."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

# "backup" creates and lists, "delete" deletes and lists: the two users that the function needs
Permission = Literal["full", "backup", "create", "delete", "read", "none"]


@dataclass(frozen=True, slots=True)
class Domain:
    """An account."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Project:
    """A region's project, or a sub-project of it."""

    id: str
    name: str
    domain: Domain

    @property
    def is_sub_project(self) -> bool:
        """Whether it is a sub-project of a region's project: `eu-de_team`."""
        return "_" in self.name


@dataclass(slots=True)
class User:
    """A user with a permission in some projects (`projects` None: in all)."""

    id: str
    name: str
    password: str = field(repr=False)
    domain: Domain
    permission: Permission = "full"
    projects: frozenset[str] | None = None
    failures: list[datetime] = field(default_factory=list)
    locked_until: datetime | None = None

    def has_access(self, project_id: str) -> bool:
        """Tell whether the user has a role in the project."""
        return self.projects is None or project_id in self.projects


@dataclass(frozen=True, slots=True)
class Token:
    """An issued token; without a project it is valid for the whole domain."""

    text: str = field(repr=False)
    user: User
    project: Project | None
    issued_at: datetime
    expires_at: datetime


@dataclass(slots=True)
class AccessKey:
    """An access key; with a `security_token` it is temporary."""

    access_key: str
    secret_key: str = field(repr=False)
    user: User
    security_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    failures: int = 0
    locked_until: datetime | None = None
