"""`make deploy` says what would fail before it begins, and the committed settings are templates."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.template.cloudformation import Stack
from tests.template.translation import ROOT, TEMPLATE

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT: Final = ROOT / "src/deploy_checks.py"
CONFIG: Final = (ROOT / "samconfig.toml").read_text(encoding="utf-8")
FILLED: Final = {
    "InstanceIds": "7e01ac5ac5274957ba506f3851d11d51in14",
    "ProjectId": "0483b6b16e954cb88930a360d2c4e663",
    "AlarmEmail": "nights@example.com",
}
_spec = importlib.util.spec_from_file_location("deploy_checks", SCRIPT)
assert _spec
assert _spec.loader
checks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(checks)


def config(**values: str) -> str:
    """The committed file with its placeholders replaced, and other values."""
    text = CONFIG
    for name, value in {**FILLED, **values}.items():
        [old] = re.findall(rf"'{name}=.*'", text)
        text = text.replace(old, f"'{name}={value}'")
    return text


def faults(text: str) -> list[str]:
    """What is wrong with these settings."""
    return list(checks.config_faults(text, TEMPLATE.read_text(encoding="utf-8")))


def overrides(text: str) -> dict[str, str]:
    """The parameters that these settings send, as SAM reads them."""
    listed = tomllib.loads(text)["default"]["deploy"]["parameters"]["parameter_overrides"]
    pairs = (override.partition("=") for override in listed)
    return {name: value.strip('"') for name, _, value in pairs}


def test_three_lines_of_the_committed_settings_are_to_be_edited() -> None:
    """Each is told by its name."""
    assert faults(CONFIG) == [
        "samconfig.toml: replace <instance-IDs> in InstanceIds",
        "samconfig.toml: replace <project-ID> in ProjectId",
        "samconfig.toml: replace <e-mail-address> in AlarmEmail",
    ]


def test_the_template_refuses_every_placeholder(template: dict[str, Any]) -> None:
    """Also where somebody deploys without make."""
    for name, value in overrides(CONFIG).items():
        pattern = template["Parameters"][name].get("AllowedPattern", ".*")
        assert bool(re.fullmatch(pattern, value)) == (name not in FILLED), name


def test_the_settings_that_are_filled_in_can_be_deployed(template: dict[str, Any]) -> None:
    """They are the parameters that one needs, and those that one thinks about."""
    assert faults(config()) == []
    stack = Stack(template, overrides(config()))
    assert stack.broken_rules() == []
    assert stack.resources
    assert 6 <= len(overrides(CONFIG)) <= 7


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            config(BackupSchedule="cron(15 4 * * ? *)"),
            """write 'BackupSchedule="…"', with the value in quotation marks of its own""",
        ),
        (
            config(InstanceIds="a1, b2"),
            """write 'InstanceIds="…"', with the value in quotation marks of its own""",
        ),
        (
            config(InstanceIds=""),
            """write 'InstanceIds="…"', with the value in quotation marks of its own""",
        ),
        (
            CONFIG.replace("CloudRegion=", "WaitForCompletion="),
            "the template has no parameter WaitForCompletion",
        ),
        ("version =", "samconfig.toml cannot be read"),
        ("version = 0.1", "samconfig.toml cannot be read"),
    ],
    ids=["blanks", "a list with blanks", "nothing", "gone", "no TOML", "another file"],
)
def test_what_sam_would_misread_is_told(text: str, fault: str) -> None:
    """SAM drops what follows a blank, without a warning."""
    assert any(fault in told for told in faults(text))


def test_empty_values_in_quotation_marks_take_an_option_back() -> None:
    """So a parameter gets its default again."""
    assert faults(config(InstanceIds='""')) == []


def account(home: Path, **environment: str) -> list[str]:
    """What is wrong with credentials and region."""
    return list(checks.account_faults({"HOME": str(home), **environment}))


def test_missing_credentials_and_region_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without AWS's command line they are looked for where SAM looks."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert account(tmp_path) == [
        "there are no AWS credentials: log in, or set AWS_PROFILE",
        "there is no AWS region: set AWS_REGION",
    ]
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/config").write_text("[profile work]\nregion = eu-central-1\n")
    assert account(tmp_path, AWS_PROFILE="work") == []
    assert account(tmp_path, AWS_ACCESS_KEY_ID="a", AWS_REGION="eu-central-1") == []


@pytest.mark.parametrize(("code", "told"), [(0, 0), (255, 1)])
def test_aws_is_asked_whether_the_credentials_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, told: int
) -> None:
    """With its command line, where there is one."""
    (tmp_path / "aws").write_text(f"#!/bin/sh\nexit {code}\n")
    (tmp_path / "aws").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert len(account(tmp_path, AWS_REGION="eu-central-1")) == told


def test_missing_tools_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SAM, and what its build runs."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    sam, make, pip = checks.tool_faults()
    assert "no SAM" in sam
    assert "no make" in make
    assert "no pip" in pip


def test_the_script_ends_with_all_that_it_found(tmp_path: Path) -> None:
    """At once, on standard error, and with an exit code that stops make."""
    environment = {"HOME": str(tmp_path), "PATH": os.defpath}
    done = subprocess.run(
        [sys.executable, SCRIPT], env=environment, capture_output=True, check=False, text=True
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "deploy: samconfig.toml: replace <project-ID> in ProjectId" in done.stderr
