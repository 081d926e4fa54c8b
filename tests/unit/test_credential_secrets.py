"""What a secret must hold to be credentials: the missing or malformed key is named, no value is."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from gaussdb_backup.credentials.models import (
    AccessKeyCredentials,
    PasswordCredentials,
    read_credentials,
)
from gaussdb_backup.credentials.secret_store import Secret
from gaussdb_backup.errors import SecretUnavailable

SPOKEN = "sp0ken"
KEY_PAIR = {"access_key": "NOTAREALACCESSKEY001", "secret_key": "not-a-real-secret-key"}
PASSWORD = {"username": "backup", "password": "not-a-real-password", "domain_name": "OTC-1"}


def fault_in(value: dict[str, Any]) -> str:
    """What is wrong with a secret."""
    with pytest.raises(SecretUnavailable) as refused:
        read_credentials(Secret(value, "1"))
    return str(refused.value)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"security_token": "not-a-real-token/+="},
        {"security_token": None},
        {"project_id": "0483b6b16e954cb88930a360d2c4e663"},
        {"project_id": None},
        {"comment": "keys of nobody's business are left alone", "password": 5},
    ],
)
def test_a_key_pair(more: dict[str, Any]) -> None:
    """Temporary with a security token, and with or without its project."""
    keys = read_credentials(Secret({**KEY_PAIR, **more}, "1"))
    assert isinstance(keys, AccessKeyCredentials)
    assert keys.access_key == KEY_PAIR["access_key"]
    assert keys.security_token == more.get("security_token")
    assert keys.project_id == more.get("project_id")


@pytest.mark.parametrize("password", ["p", " a b ", "ä€日本", "x" * 1024, "a,b|c\n"])
def test_a_password(password: str) -> None:
    """Whatever IAM lets it be."""
    user = read_credentials(Secret({**PASSWORD, "password": password}, "1"))
    assert isinstance(user, PasswordCredentials)
    assert (user.username, user.password, user.domain_name) == ("backup", password, "OTC-1")


@pytest.mark.parametrize("key", ["secret_key", *PASSWORD])
def test_a_missing_key_is_named(key: str) -> None:
    """In a secret that has another key of its kind."""
    whole = KEY_PAIR if key in KEY_PAIR else PASSWORD
    without = {name: value for name, value in whole.items() if name != key}
    assert f"key {key} is missing" in fault_in(without)


@pytest.mark.parametrize(
    "value", [{}, {"user": "a", "pass": "b"}, {"project_id": "a"}, {"secret_key": "a"}]
)
def test_a_secret_of_neither_kind_is_told_the_keys_of_both(value: dict[str, Any]) -> None:
    """One line for the operator, beginning with the variable that names the secret."""
    message = fault_in(value)
    assert message.startswith("CREDENTIALS_SECRET_ID: ")
    for key in (*KEY_PAIR, *PASSWORD):
        assert key in message


MALFORMED = [
    *[
        ("access_key", value)
        for value in ("", f"{SPOKEN},", f"{SPOKEN} ", f"{SPOKEN}\n", f"ä{SPOKEN}", SPOKEN * 3000)
    ],
    *[
        (key, value)
        for key in ("access_key", "secret_key", "security_token")
        for value in (f'"{SPOKEN}"', f"'{SPOKEN}'", f" {SPOKEN}", f"{SPOKEN}\t", f"{SPOKEN}\x7f")
    ],
    *[("security_token", value) for value in ("", f"{SPOKEN},", f"{SPOKEN}\n", f"ä{SPOKEN}", 5)],
    *[
        ("secret_key", value)
        for value in ("", f"{SPOKEN}\n", f"ä{SPOKEN}", SPOKEN * 3000, 5, None, [SPOKEN])
    ],
    *[("username", value) for value in ("", SPOKEN * 200, 5, None)],
    *[("password", value) for value in ("", SPOKEN * 200, 5, None, True, f"{SPOKEN}\ud800")],
    *[("domain_name", value) for value in ("", SPOKEN * 200, 5, None)],
    *[("project_id", value) for value in ("", f"{SPOKEN}/", f"{SPOKEN} ", SPOKEN * 20, 5)],
]


@pytest.mark.parametrize(("key", "value"), MALFORMED)
def test_a_malformed_key_is_named_and_its_value_is_not_shown(key: str, value: Any) -> None:
    """A value that cannot stand in a header is found here, not when it is sent."""
    whole: dict[str, Any] = {**(PASSWORD if key in PASSWORD else KEY_PAIR), key: value}
    message = fault_in(whole)
    assert message == f"CREDENTIALS_SECRET_ID: key {key} is malformed"
    assert SPOKEN not in message


def test_a_null_access_key_is_no_password() -> None:
    """Whoever wrote the key meant the kind."""
    assert "key access_key is malformed" in fault_in({**PASSWORD, "access_key": None})


def test_credentials_hide_what_they_hold() -> None:
    """Masked in every form in which they may be printed by accident."""
    keys = read_credentials(Secret({**KEY_PAIR, "security_token": "not-a-real-token"}, "1"))
    user = read_credentials(Secret(PASSWORD, "1"))
    shown = f"{keys} {keys!r} {user} {user!r} {Secret(PASSWORD, '1')!r} {Secret(KEY_PAIR, '1')}"
    assert "NOTAREAL" not in shown
    assert "not-a-real" not in shown


def test_a_refusal_hides_what_it_refused() -> None:
    """What it was raised from, which knows more, is left out of every traceback."""
    with pytest.raises(SecretUnavailable) as refused:
        read_credentials(Secret({**PASSWORD, "project_id": f"{SPOKEN}/"}, "1"))
    shown = "".join(traceback.format_exception(refused.value))
    assert "key project_id is malformed" in shown
    assert "validation error" not in shown
