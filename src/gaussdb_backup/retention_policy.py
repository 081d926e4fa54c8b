"""The deployment's retention policy: the variable ``RETENTION``, checked.

It comes from the environment and never from a payload, so that no event decides what is deleted.
"""

import json
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from gaussdb_backup.payload_models import KEY_LENGTH, NAME_PATTERN, PREFIX_PATTERN

KEY_TIME: Final = "YYYY-MM-DDTHH:MM:SSZ"
MAX_KEPT_NAMES: Final = 40

_NO_POLICY: Final = "must be a JSON object of the fields that the README names"
_TWICE: Final = "names a field twice"
_NO_COUNT: Final = "one of last, daily, weekly, monthly and yearly must be above 0"


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("not printable")
    return text


Count = Annotated[int, Field(ge=0, le=1000)]
MaxDeletions = Annotated[int, Field(ge=1, le=1000)]


class RetentionPolicy(BaseModel):
    """Which backups the deployment keeps, and whether the others go.

    Args:
        mode: whether a run deletes what it selects, or only reports it.
        last: how many of the newest completed backups stay.
        daily: for how many days the newest completed backup of the day stays.
        weekly: the same for ISO weeks.
        monthly: the same for months.
        yearly: the same for years.
        keep: names of backups that are always kept.
        max_deletions: a run that selects more than this deletes nothing.
        name_prefix: the prefix of the scheduled backups' names.
        key_prefix: the schedule's idempotency key up to the scheduled time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    mode: Literal["report", "delete"]
    last: Count = 0
    daily: Count = 0
    weekly: Count = 0
    monthly: Count = 0
    yearly: Count = 0
    keep: Annotated[
        tuple[Annotated[str, Field(pattern=NAME_PATTERN)], ...], Field(max_length=MAX_KEPT_NAMES)
    ] = ()
    max_deletions: MaxDeletions = 10
    name_prefix: Annotated[str, Field(pattern=PREFIX_PATTERN)]
    key_prefix: Annotated[
        str, Field(min_length=1, max_length=KEY_LENGTH - len(KEY_TIME)), AfterValidator(_printable)
    ]


def read_policy(text: str) -> RetentionPolicy:
    """The policy that the variable holds.

    Raises:
        ValueError: in one line, what is wrong with it, without its value.
    """
    _check_each_once(text)
    try:
        policy = RetentionPolicy.model_validate_json(text, strict=True)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        fields = {str(fault["loc"][0]) for fault in faults if fault["loc"]}
        known = sorted(fields & RetentionPolicy.model_fields.keys())
        raise ValueError(_fault(known) if known else _NO_POLICY) from None
    if not any((policy.last, policy.daily, policy.weekly, policy.monthly, policy.yearly)):
        raise ValueError(_NO_COUNT)
    return policy


def _check_each_once(text: str) -> None:
    """Refuses a field that is given twice, of which JSON would take the last.

    Raises:
        ValueError: there is one, or the text is not JSON.
    """
    objects: list[list[str]] = []
    try:
        json.loads(text, object_pairs_hook=lambda pairs: objects.append([n for n, _ in pairs]))
    except (ValueError, RecursionError):
        raise ValueError(_NO_POLICY) from None
    if any(len(names) != len(set(names)) for names in objects):
        raise ValueError(_TWICE)


def _fault(fields: list[str]) -> str:
    return f"{', '.join(fields)} {'is' if len(fields) == 1 else 'are'} missing or malformed"
