"""The variable RETENTION: what it may hold, and that nobody deletes with the creating user."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gaussdb_backup.errors import ConfigurationError
from gaussdb_backup.retention_policy import RetentionPolicy
from gaussdb_backup.settings import Settings, read_settings
from tests.local_cloud.scheduled_backups import COUNTS, KEY_PREFIX, policy_json

CREATING = "gaussdb-backup/access-key"
DELETING = "gaussdb-backup/deletion"
ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:"
SPOKEN = "sp0ken-value"  # a part of malformed values, to be looked for in messages


def settings_with(retention: str, **variables: str) -> Settings:
    """The settings of an environment that is right but for what is given."""
    required = {
        "GAUSSDB_ENDPOINT": "https://gaussdb.eu-de.otc.t-systems.com",
        "CREDENTIALS_SECRET_ID": CREATING,
    }
    return read_settings({**required, "RETENTION": retention, **variables})


def message_about(retention: str, **variables: str) -> str:
    """What is wrong with an environment."""
    with pytest.raises(ConfigurationError) as refused:
        settings_with(retention, **variables)
    return str(refused.value)


def test_the_example_of_the_readme_is_a_policy_with_every_field() -> None:
    """Whoever has no stack copies it."""
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```json\n(\{\"mode\".*?)```", readme, re.DOTALL)
    assert settings_with(example).RETENTION.mode == "report"
    assert json.loads(example).keys() == RetentionPolicy.model_fields.keys()


def test_without_the_variable_there_is_no_policy() -> None:
    """An empty one counts as one that is not there."""
    assert settings_with("").RETENTION is None


@pytest.mark.parametrize("count", COUNTS)
def test_one_count_is_enough(count: str) -> None:
    """Everything else has a value of its own."""
    policy = settings_with(policy_json("report", **{count: 1})).RETENTION
    counts = {name: getattr(policy, name) for name in COUNTS}
    assert counts == {**dict.fromkeys(COUNTS, 0), count: 1}
    assert (policy.mode, policy.max_deletions, policy.keep) == ("report", 10, ())


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        *[
            ({count: value}, count)
            for count in COUNTS
            for value in (-1, 1001, "7", 7.5, True, None)
        ],
        *[({"max_deletions": value}, "max_deletions") for value in (0, 1001, "1", True, None)],
        *[
            ({"keep": value}, "keep")
            for value in ("auto-1", ["auto"] * 41, ["a"], [1], [SPOKEN * 6])
        ],
        *[({"mode": value}, "mode") for value in ("off", "Delete", "", None, 1)],
        *[({"name_prefix": value}, "name_prefix") for value in ("", "1a", "a" * 35, "a\n", None)],
        *[({"key_prefix": value}, "key_prefix") for value in ("", "k" * 237, "k\n", None, 1)],
    ],
)
def test_a_malformed_field_is_named(fields: dict[str, Any], name: str) -> None:
    """Nothing is read as something else, and no value is shown."""
    found = message_about(policy_json("report", **{"last": 1, **fields}))
    assert found == f"RETENTION: {name} is missing or malformed"


@pytest.mark.parametrize("name", ["mode", "name_prefix", "key_prefix"])
def test_a_missing_field_is_named(name: str) -> None:
    """These have no value of their own."""
    fields = {key: value for key, value in json.loads(policy_json()).items() if key != name}
    assert message_about(json.dumps(fields)) == f"RETENTION: {name} is missing or malformed"


def test_all_counts_zero_are_no_policy() -> None:
    """A policy that keeps three backups because nobody chose a number is a mistake."""
    zero = policy_json("report", **dict.fromkeys(COUNTS, 0))
    assert message_about(zero).startswith("RETENTION: one of last, daily")


@pytest.mark.parametrize(
    "text",
    [
        "9" * 5000,
        "[" * 10**5,
        SPOKEN,
        "last=7 daily=14",
        "[]",
        "null",
        "7",
        '"delete"',
        "{",
        policy_json(hourly=SPOKEN),
    ],
)
def test_what_is_no_policy_is_refused_without_being_shown(text: str) -> None:
    """A field that is unknown may be one that was misspelt."""
    found = message_about(text)
    assert found.startswith("RETENTION: must be a JSON object")
    assert SPOKEN not in found


@pytest.mark.parametrize("twice", ['"last": 1, "last": 1', '"mode": "report", "mode": "delete"'])
def test_a_field_that_is_given_twice_is_refused(twice: str) -> None:
    """JSON would take the last one, and somebody meant the first."""
    assert message_about(policy_json()[:-1] + f", {twice}}}") == "RETENTION: names a field twice"


def test_the_bounds_themselves_are_allowed() -> None:
    """The largest of everything."""
    largest = policy_json(
        "report",
        **dict.fromkeys(COUNTS, 1000),
        max_deletions=1000,
        keep=["a" * 64] * 40,
        name_prefix="a" * 34,
        key_prefix="k" * 236,
    )
    assert settings_with(largest).RETENTION.key_prefix == "k" * 236


def test_deleting_takes_a_second_secret() -> None:
    """Reporting does not."""
    assert settings_with(policy_json("report")).RETENTION_SECRET_ID is None
    assert message_about(policy_json("delete")).startswith("RETENTION_SECRET_ID: is missing")
    assert settings_with(policy_json("delete"), RETENTION_SECRET_ID=DELETING).RETENTION is not None


@pytest.mark.parametrize(
    ("creating", "deleting"),
    [
        (CREATING, CREATING),
        (CREATING, f"{ARN}{CREATING}-a1B2c3"),
        (f"{ARN}{CREATING}-a1B2c3", CREATING),
        (f"{ARN}{CREATING}-a1B2c3", f"{ARN}{CREATING}-a1B2c3"),
        (f"{ARN}{CREATING}-a1B2c3", f"{ARN}{CREATING}"),
        (CREATING, f"{ARN}{CREATING}"),
    ],
)
def test_the_creating_users_secret_is_not_the_deleting_users(creating: str, deleting: str) -> None:
    """However its name is written: the user that creates must not be the one that deletes."""
    variables = {"CREDENTIALS_SECRET_ID": creating, "RETENTION_SECRET_ID": deleting}
    found = message_about(policy_json("delete"), **variables)
    assert found == "RETENTION_SECRET_ID: must be another secret than CREDENTIALS_SECRET_ID"
    assert settings_with(policy_json("report"), **variables).RETENTION is not None


@pytest.mark.parametrize(
    ("creating", "deleting"),
    [
        (CREATING, f"{CREATING}-delete"),
        (f"{ARN}{CREATING}-a1B2c3", f"{ARN}{CREATING}-delete-a1B2c3"),
        (f"{ARN}{CREATING}-a1B2c3", DELETING),
        ("creates", "deletes"),
        (f"{ARN}gaussdb-create", f"{ARN}gaussdb-delete"),
        (f"{ARN}gaussdb-a1B2c3", f"{ARN}gaussdb-delete-a1B2c3"),
        (f"{ARN}{CREATING}-a1B2c3", f"{ARN.replace('eu-central-1', 'eu-west-1')}{CREATING}-a1B2c3"),
        (CREATING, f"{CREATING}-a1B2c3"),
    ],
)
def test_two_secrets_are_two(creating: str, deleting: str) -> None:
    """Alike as their names may be."""
    variables = {"CREDENTIALS_SECRET_ID": creating, "RETENTION_SECRET_ID": deleting}
    assert settings_with(policy_json("delete"), **variables).RETENTION.key_prefix == KEY_PREFIX
