"""Whatever stands in a secret or in the environment: it is checked, or told by name alone."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gaussdb_backup.credentials.models import (
    AccessKeyCredentials,
    PasswordCredentials,
    read_credentials,
)
from gaussdb_backup.credentials.secret_store import Secret
from gaussdb_backup.errors import ConfigurationError, SecretUnavailable
from gaussdb_backup.retention_policy import RetentionPolicy
from gaussdb_backup.settings import Settings, read_settings
from tests.properties.strategies import LAW, TEXTS, json_values, spoilt

NAMES = [
    "access_key",
    "secret_key",
    "security_token",
    "project_id",
    "username",
    "password",
    "domain_name",
]
GOOD_SECRETS: list[Any] = [
    {"access_key": "NOTAREALACCESSKEY001", "secret_key": "not-a-real-secret-key"},
    {"access_key": "TEMPORARY", "secret_key": "secret", "security_token": "token"},
    {"username": "backup", "password": "not-a-real-password", "domain_name": "OTC-1"},
]
# never a part of our own words
MARK = "Q7Z"
MARKED = TEXTS.map(lambda text: f"{MARK}{text}{MARK}")

any_secret = st.one_of(
    spoilt(GOOD_SECRETS),
    st.dictionaries(st.one_of(st.sampled_from(NAMES), TEXTS), json_values(), max_size=8),
).filter(lambda value: isinstance(value, dict))


def read(value: dict[str, Any]) -> AccessKeyCredentials | PasswordCredentials | SecretUnavailable:
    """What a secret holds, or the refusal in its place."""
    try:
        return read_credentials(Secret(value, "1"))
    except SecretUnavailable as refusal:
        return refusal


@LAW
@given(any_secret)
def test_a_secret_holds_credentials_or_says_what_is_wrong(value: dict[str, Any]) -> None:
    """For any JSON object: what can be sent, or one line that names keys."""
    end = read(value)
    if isinstance(end, AccessKeyCredentials):
        shown = f"{end.access_key}{end.secret_key}{end.security_token or ''}"
        assert shown.isascii()
        assert shown.isprintable()
    if isinstance(end, SecretUnavailable):
        assert str(end).startswith("CREDENTIALS_SECRET_ID: key ")
        assert str(end).isprintable()


@LAW
@given(st.dictionaries(st.sampled_from(NAMES), st.one_of(MARKED, st.lists(MARKED)), min_size=1))
def test_no_malformed_value_of_a_secret_is_shown(value: dict[str, Any]) -> None:
    """For any values: a refusal shows none of them."""
    end = read(value)
    if isinstance(end, SecretUnavailable):
        assert MARK not in f"{end} {end!r}"


@LAW
@given(MARKED)
def test_no_password_is_shown_by_accident(password: str) -> None:
    """For any password: not even where the credentials are printed."""
    value = {"username": "backup", "domain_name": "OTC-1", "password": password}
    assert MARK not in repr(read(value))


POLICIES = st.one_of(
    MARKED,
    json_values().map(json.dumps),
    st.dictionaries(
        st.sampled_from(sorted(RetentionPolicy.model_fields)) | MARKED,
        st.one_of(
            st.integers(-1, 1001), MARKED, st.lists(MARKED), st.sampled_from(["report", "delete"])
        ),
    ).map(json.dumps),
)
ENVIRONMENTS = st.fixed_dictionaries(
    {
        "GAUSSDB_ENDPOINT": st.just("https://gaussdb.example") | MARKED,
        "CREDENTIALS_SECRET_ID": st.just("gaussdb-backup/password") | MARKED,
    },
    optional={
        "IAM_ENDPOINT": st.one_of(
            MARKED, MARKED.map("https://{}".format), MARKED.map("https://h:{}".format)
        ),
        "PROJECT_ID": MARKED,
        "WEBHOOK_SECRET_ID": MARKED,
        "ALLOWED_INSTANCES": MARKED,
        "DEFAULT_PAYLOAD": MARKED | json_values().map(str),
        "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": MARKED | st.integers().map(str),
        "AWS_SESSION_TOKEN": MARKED,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": MARKED,
        "POWERTOOLS_SERVICE_NAME": TEXTS,
        "RETENTION": POLICIES,
        "RETENTION_SECRET_ID": st.just("gaussdb-backup/password") | MARKED,
    },
)


def told(environment: dict[str, str]) -> str:
    """What is wrong with an environment; nothing if it is right."""
    try:
        read_settings(environment)
    except ConfigurationError as refusal:
        return str(refusal)
    return ""


@LAW
@given(ENVIRONMENTS)
def test_an_environment_is_right_or_its_variables_are_named(environment: dict[str, str]) -> None:
    """For any texts: settings, or one line that names a variable and shows no value."""
    message = told(environment)
    assert not message or message.partition(":")[0] in Settings.model_fields
    assert message.isprintable()
    assert MARK not in message
