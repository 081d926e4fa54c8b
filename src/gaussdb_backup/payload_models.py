"""What a payload may hold: the fields of each action, each by its rule.

The descriptions of the fields are the rules in words: callers read them in error messages and in
the published schema.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gaussdb_backup.timestamps import format_utc, parse_utc

NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]{3,63}$"
PREFIX_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]{0,33}$"
INSTANCE_PATTERN = r"^[A-Za-z0-9]{1,64}$"
BACKUP_PATTERN = r"^[A-Za-z0-9-]{1,64}$"
# A derived name with a time ends like this; in any letter case, in case the service ignores case.
DERIVED_NAME_PATTERN = r"-[0-9]{8}[Tt][0-9]{6}[Zz]-[0-9A-Fa-f]{12}$"
DESCRIPTION_PATTERN = r"""^[^>!<"&'=\r\n]*$"""
KEY_LENGTH = 256


def is_idempotency_key(text: str) -> bool:
    """Whether a text may serve as a caller's idempotency key."""
    return 1 <= len(text) <= KEY_LENGTH and text.isprintable()


def is_backup_id(text: str) -> bool:
    """Whether a text has the form of a backup ID, which needs no encoding in a path."""
    return re.fullmatch(BACKUP_PATTERN, text) is not None


def _key(text: str) -> str:
    if not is_idempotency_key(text):
        raise ValueError("not a key")
    return text


def _explicit_name(text: str) -> str:
    if re.search(DERIVED_NAME_PATTERN, text):
        raise ValueError("reserved")
    return text


def _zoned(text: str) -> str:
    return format_utc(parse_utc(text))


InstanceId = Annotated[
    str,
    Field(pattern=INSTANCE_PATTERN, description="letters and digits, 1 to 64"),
]
Name = Annotated[
    str,
    Field(
        pattern=NAME_PATTERN,
        description="4 to 64 characters: a letter, then letters, digits, '-' or '_'",
    ),
]
NewName = Annotated[
    str,
    Field(
        pattern=NAME_PATTERN,
        description="4 to 64 characters: a letter, then letters, digits, '-' or '_'; names that "
        "end in -<YYYYMMDDTHHMMSSZ>-<12 hex digits> are reserved for derived names",
        json_schema_extra={"not": {"pattern": DERIVED_NAME_PATTERN}},
    ),
    AfterValidator(_explicit_name),
]
ScheduledTime = Annotated[
    str,
    Field(
        description="an ISO 8601 time with a zone",
        json_schema_extra={"format": "date-time"},
    ),
    AfterValidator(_zoned),
]


class BasePayload(BaseModel):
    """What every payload may carry."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        defer_build=True,
        # ignored wherever payloads are read, see payload_validation
        json_schema_extra={"patternProperties": {"^_": {}}},
    )

    instance_id: InstanceId
    scheduled_time: ScheduledTime | None = None


class CreatePayload(BasePayload):
    """The payload of ``create``."""

    action: Literal["create"] = Field(default="create", description="create")
    name: NewName | None = None
    name_prefix: (
        Annotated[
            str,
            Field(
                pattern=PREFIX_PATTERN,
                description="1 to 34 characters: a letter, then letters, digits, '-' or '_'",
            ),
        ]
        | None
    ) = None
    description: (
        Annotated[
            str,
            Field(
                max_length=256,
                pattern=DESCRIPTION_PATTERN,
                description="at most 256 characters, none of > ! < \" & ' = and no line break",
            ),
        ]
        | None
    ) = None
    idempotency_key: (
        Annotated[
            str,
            Field(
                min_length=1,
                max_length=KEY_LENGTH,
                description="1 to 256 printable characters",
            ),
            AfterValidator(_key),
        ]
        | None
    ) = None


class StatusRequest(BasePayload):
    """Ask how far one backup is, by its ID or by its name: the payload of ``status``."""

    action: Literal["status"]
    backup_id: (
        Annotated[
            str,
            Field(pattern=BACKUP_PATTERN, description="letters, digits and '-', 1 to 64"),
        ]
        | None
    ) = None
    name: Name | None = None


class CheckRequest(BasePayload):
    """Ask whether an instance could take a backup now: the payload of ``check``."""

    action: Literal["check"]


class VerifyRequest(BasePayload):
    """Ask whether the newest completed backup is younger than so many hours."""

    action: Literal["verify"]
    max_age_hours: Annotated[
        float,
        Field(gt=0, le=8760, allow_inf_nan=False, description="a number above 0, to 8760"),
    ]


class PruneRequest(BaseModel):
    """Delete the scheduled backups of one instance that the deployment's policy does not keep.

    The policy itself is no part of it: what is kept is the deployment's decision.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    instance_id: InstanceId
    action: Literal["prune"]
    dry_run: Annotated[bool, Field(description="true or false")] | None = None
    max_deletions: (
        Annotated[int, Field(ge=1, le=1000, description="a whole number from 1 to 1000")] | None
    ) = None


Payload = CreatePayload | StatusRequest | CheckRequest | VerifyRequest | PruneRequest

PAYLOADS: dict[str, type[Payload]] = {
    "create": CreatePayload,
    "status": StatusRequest,
    "check": CheckRequest,
    "verify": VerifyRequest,
    "prune": PruneRequest,
}


# Actions that only some event sources let in.
DIRECT_ONLY = frozenset({"prune"})
ACTIONS = frozenset(PAYLOADS)
