"""The environment: each variable missing, malformed or empty is named, and its value never told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gaussdb_backup.errors import ConfigurationError
from gaussdb_backup.settings import read_settings

REQUIRED = {
    "GAUSSDB_ENDPOINT": "https://gaussdb.eu-de.otc.t-systems.com",
    "CREDENTIALS_SECRET_ID": "gaussdb-backup/access-key",
}
ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:gaussdb-backup/webhook-a1B2c3"
SPOKEN = "sp0ken-value"  # a part of every malformed value below, to be looked for in messages


def with_variables(**variables: str) -> dict[str, str]:
    """An environment that is right but for what is given."""
    return {"PATH": "/usr/bin", "LANG": "C.UTF-8", **REQUIRED, **variables}


def message_about(environment: dict[str, str]) -> str:
    """What is wrong with an environment."""
    with pytest.raises(ConfigurationError) as refused:
        read_settings(environment)
    return str(refused.value)


def test_two_variables_are_enough() -> None:
    """All others have a value of their own, or none."""
    settings = read_settings(with_variables())
    assert settings.GAUSSDB_ENDPOINT == "https://gaussdb.eu-de.otc.t-systems.com"
    assert settings.CREDENTIALS_SECRET_ID == "gaussdb-backup/access-key"
    assert settings.IAM_ENDPOINT is None
    assert settings.PROJECT_ID is None
    assert settings.WEBHOOK_SECRET_ID is None
    assert settings.ALLOWED_INSTANCES is None
    assert settings.DEFAULT_PAYLOAD is None
    assert settings.PARAMETERS_SECRETS_EXTENSION_HTTP_PORT == 2773
    assert settings.POWERTOOLS_SERVICE_NAME == "gaussdb-backup"
    assert settings.extension_token() == ""


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_variable_is_named(name: str) -> None:
    """An empty one counts as missing."""
    without = {key: value for key, value in with_variables().items() if key != name}
    assert message_about(without) == f"{name}: is missing"
    assert message_about({**without, name: ""}) == f"{name}: is missing"


@pytest.mark.parametrize(
    "name",
    [
        "IAM_ENDPOINT",
        "PROJECT_ID",
        "WEBHOOK_SECRET_ID",
        "ALLOWED_INSTANCES",
        "DEFAULT_PAYLOAD",
        "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT",
        "AWS_SESSION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "POWERTOOLS_SERVICE_NAME",
    ],
)
def test_an_empty_variable_is_one_that_is_not_there(name: str) -> None:
    """As a template leaves it whose parameter is empty, and as the emulator sets it."""
    assert read_settings(with_variables(**{name: ""})) == read_settings(with_variables())


MALFORMED = [
    *[
        ("POWERTOOLS_SERVICE_NAME", name)
        for name in (" ", f" {SPOKEN}", f"{SPOKEN} ", f"{SPOKEN}\n", f"ä{SPOKEN}", SPOKEN * 30)
    ],
    *[
        (name, url)
        for name in ("GAUSSDB_ENDPOINT", "IAM_ENDPOINT")
        for url in (
            SPOKEN,
            f"//{SPOKEN}",
            f"ftp://{SPOKEN}",
            f"http://{SPOKEN}.eu-de.otc.t-systems.com",
            f"http://127.0.0.1.{SPOKEN}.example",
            f"http://localhost.{SPOKEN}",
            f"http://0.0.0.0/{SPOKEN}",
            f"http://10.0.0.1/{SPOKEN}",
            f"http://[::2]/{SPOKEN}",
            f"https:///{SPOKEN}",
            f"https://{SPOKEN}@gaussdb.example",
            f"https://user:{SPOKEN}@gaussdb.example",
            f"https://:{SPOKEN}@gaussdb.example",
            f"https://gaussdb.example?{SPOKEN}",
            f"https://gaussdb.example#{SPOKEN}",
            f"https://gaussdb.example:{SPOKEN}",
            f"https://{SPOKEN}:99999",
            f"https://{SPOKEN}:0",
            f"https://[{SPOKEN}]",
            f"https://{SPOKEN}]",
            # a letter that normalises to several: Python's message about it shows the host
            f"https://user:{SPOKEN}@gaussdb\u2100.example",
            f"https://{SPOKEN}?",
            f"https://{SPOKEN}#",
            f"https://{SPOKEN}\n.example",
            f"https://{SPOKEN} .example",
            f" https://{SPOKEN}",
            f"https://{SPOKEN}\\.example",
        )
    ],
    *[
        (name, value)
        for name in ("CREDENTIALS_SECRET_ID", "WEBHOOK_SECRET_ID")
        for value in (f"{SPOKEN} ", f"{SPOKEN}\n", f"ä{SPOKEN}", SPOKEN * 200)
    ],
    *[("PROJECT_ID", value) for value in (f"{SPOKEN}/", f"{SPOKEN} ", f"ä{SPOKEN}", SPOKEN * 6)],
    *[("ALLOWED_INSTANCES", value) for value in (f"a,{SPOKEN}", f"{SPOKEN},,b", ",", "a,")],
    *[
        ("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", value)
        for value in (SPOKEN, "0", "65536", "-1", "2773x", "1e3")
    ],
    *[
        ("DEFAULT_PAYLOAD", value)
        for value in (
            SPOKEN,
            "null",
            "[]",
            f'"{SPOKEN}"',
            "{}",
            json.dumps({"instance_id": f"-{SPOKEN}"}),
            json.dumps({"instance_id": "a", "action": SPOKEN}),
            json.dumps({"instance_id": "a", "description": f"={SPOKEN}"}),
            json.dumps({"instance_id": "a", "description": {"deep": SPOKEN}}),
            json.dumps({"instance_id": "a", "retention": SPOKEN}),
            json.dumps({"instance_id": "a", "idempotency_key": SPOKEN}),
            json.dumps({"instance_id": "a", "name": "spokenvalue"}),
            json.dumps({"instance_id": "a", "scheduled_time": "2026-01-31T20:00:00Z"}),
            json.dumps({"instance_id": "a", "action": "verify"}),
            json.dumps({"instance_id": "a", "action": "status"}),
            json.dumps({"instance_id": "a", "action": "status", "backup_id": "a", "name": "abcd"}),
            "[" * 100_000,
        )
    ],
]


@pytest.mark.parametrize(("name", "value"), MALFORMED)
def test_a_malformed_variable_is_named_and_its_value_is_not_shown(name: str, value: str) -> None:
    """One line for the operator; a value may be a password in the wrong place."""
    message = message_about(with_variables(**{name: value}))
    assert message.startswith(f"{name}: ")
    assert message.isprintable()
    assert SPOKEN not in message


def test_all_faults_are_told_at_once() -> None:
    """One deployment is enough to put an environment right."""
    message = message_about({"PROJECT_ID": "?", "IAM_ENDPOINT": "http://iam.example"})
    assert [part.partition(":")[0] for part in message.split("; ")] == [
        "GAUSSDB_ENDPOINT",
        "CREDENTIALS_SECRET_ID",
        "IAM_ENDPOINT",
        "PROJECT_ID",
    ]


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://gaussdb.example", "https://gaussdb.example"),
        ("https://gaussdb.example/", "https://gaussdb.example"),
        ("https://gaussdb.example/v3", "https://gaussdb.example"),
        ("https://gaussdb.example/v3/", "https://gaussdb.example"),
        ("https://gaussdb.example:8443", "https://gaussdb.example:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.8.9.1:8080", "http://127.8.9.1:8080"),
        ("http://localhost:8080/v3", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_endpoint_is_https_or_on_loopback(url: str, endpoint: str) -> None:
    """The version's part of the path is ours to add."""
    settings = read_settings(with_variables(GAUSSDB_ENDPOINT=url))
    assert endpoint == settings.GAUSSDB_ENDPOINT


@pytest.mark.parametrize("secret_id", ["name", "a/b_c+d=e.f@g-h", ARN])
def test_a_secret_is_named_or_given_by_its_arn(secret_id: str) -> None:
    """As Secrets Manager takes it."""
    settings = read_settings(with_variables(WEBHOOK_SECRET_ID=secret_id))
    assert secret_id == settings.WEBHOOK_SECRET_ID


@pytest.mark.parametrize(
    ("text", "instances"),
    [("a", {"a"}), ("a,b", {"a", "b"}), (" a , b ", {"a", "b"}), ("a,a", {"a"})],
)
def test_allowed_instances_are_a_list(text: str, instances: set[str]) -> None:
    """Comma-separated; blanks around a comma do not matter."""
    allowed = read_settings(with_variables(ALLOWED_INSTANCES=text)).ALLOWED_INSTANCES
    assert allowed == frozenset(instances)


@pytest.mark.parametrize(
    "payload",
    [
        {"instance_id": "a"},
        {"instance_id": "a", "name_prefix": "nightly", "description": "every night"},
        {"instance_id": "a", "name": None, "idempotency_key": None, "scheduled_time": None},
        {"instance_id": "a", "action": "check"},
        {"instance_id": "a", "action": "verify", "max_age_hours": 26},
        {"instance_id": "a", "action": "status", "name": "abcd"},
    ],
)
def test_the_default_payload_is_checked_at_cold_start(payload: dict[str, Any]) -> None:
    """Like any payload; what is right is kept as it was written."""
    settings = read_settings(with_variables(DEFAULT_PAYLOAD=json.dumps(payload)))
    assert payload == settings.DEFAULT_PAYLOAD


@pytest.mark.parametrize("field", ["name", "idempotency_key", "scheduled_time"])
def test_the_default_payload_does_not_name_one_backup(field: str) -> None:
    """The second run of the schedule would find the first one's backup and make none."""
    value = "2026-01-31T20:00:00Z" if field == "scheduled_time" else "nightly"
    text = json.dumps({"instance_id": "a", field: value})
    assert f"/{field} " in message_about(with_variables(DEFAULT_PAYLOAD=text))


def test_the_extension_s_token_is_the_session_token() -> None:
    """Under SnapStart the container's token stands in for it."""
    plain = with_variables(AWS_SESSION_TOKEN="one")
    snapped = with_variables(AWS_CONTAINER_AUTHORIZATION_TOKEN="two")
    assert read_settings(plain).extension_token() == "one"
    assert read_settings(snapped).extension_token() == "two"
    assert read_settings({**snapped, **plain}).extension_token() == "one"


def test_settings_hide_their_tokens() -> None:
    """They may end in a log by accident."""
    variables = {"AWS_SESSION_TOKEN": SPOKEN, "AWS_CONTAINER_AUTHORIZATION_TOKEN": SPOKEN}
    settings = read_settings(with_variables(**variables))
    assert SPOKEN not in f"{settings} {settings!r} {settings.model_dump_json()}"


def test_only_the_variables_of_the_table_are_read() -> None:
    """The rest of the environment is nobody's business here."""
    assert read_settings(with_variables(gaussdb_endpoint="x", AWS_REGION="x", VERIFY="0")) == (
        read_settings(with_variables())
    )
