"""Says what would make a deployment fail, before it starts. Run by `make deploy`.

Looks at `samconfig.toml`, at the tools on the PATH, and at AWS's credentials and region. Needs
nothing but Python's standard library.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[1]
CONFIG = "samconfig.toml"
# What SAM reads of an override: without quotation marks it ends at the first blank, and the rest is
# dropped without a warning.
OVERRIDE = re.compile(r'(\w+)=("[^"]*"|[^\s"]+)')
CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
SECONDS = 30


def main() -> None:
    """Exits with 1 if a deployment would fail, and says why on standard error."""
    config = (ROOT / CONFIG).read_text(encoding="utf-8")
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")
    found = [*config_faults(config, template), *tool_faults(), *account_faults(os.environ)]
    sys.exit("\n".join(f"deploy: {fault}" for fault in found) if found else 0)


def config_faults(config: str, template: str) -> Iterator[str]:
    """What is wrong with the parameters in the configuration.

    Args:
        config: the text of `samconfig.toml`.
        template: the text of `template.yaml`.
    """
    try:
        deploy = tomllib.loads(config)["default"]["deploy"]["parameters"]
    except (tomllib.TOMLDecodeError, KeyError) as error:
        yield f"{CONFIG} cannot be read: {error}"
        return
    known = set(re.findall(r"^  (\w+):$", _section(template, "Parameters"), re.MULTILINE))
    for override in deploy.get("parameter_overrides", []):
        name = str(override).partition("=")[0]
        if not (read := OVERRIDE.fullmatch(override)):
            yield f"""{CONFIG}: write '{name}="…"', with the value in quotation marks of its own"""
        elif name not in known:
            yield f"{CONFIG}: the template has no parameter {name}"
        elif "<" in read[2]:
            yield f"{CONFIG}: replace {read[2]} in {name}"


def tool_faults() -> Iterator[str]:
    """Which tools are missing."""
    if not shutil.which("sam"):
        yield "there is no SAM: install the AWS SAM CLI, or run `make .venv-sam/.installed`"
    if not shutil.which("make"):
        yield "there is no make, which sam build runs"
    if not _succeeds(sys.executable, "-m", "pip", "--version"):
        yield f"{sys.executable} has no pip, which the build needs"


def account_faults(environment: Mapping[str, str]) -> Iterator[str]:
    """Whether credentials and region are missing.

    The AWS command line asks AWS whether the credentials work; without it they are only looked for.
    """
    folder = Path(environment.get("HOME", "~")).expanduser() / ".aws"
    if shutil.which("aws"):
        if not _succeeds("aws", "sts", "get-caller-identity"):
            yield "AWS does not accept your credentials: see `aws sts get-caller-identity`"
    elif not any(map(environment.get, CREDENTIALS)) and not (folder / "credentials").exists():
        yield "there are no AWS credentials: log in, or set AWS_PROFILE"
    if not (environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")):
        profile = environment.get("AWS_PROFILE", "default")
        settings = configparser.ConfigParser(interpolation=None)
        settings.read(environment.get("AWS_CONFIG_FILE", folder / "config"), encoding="utf-8")
        section = profile if profile == "default" else f"profile {profile}"
        if not settings.get(section, "region", fallback=""):
            yield "there is no AWS region: set AWS_REGION"


def _section(template: str, name: str) -> str:
    return template.partition(f"\n{name}:\n")[2].partition("\n\n")[0]


def _succeeds(*command: str) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            command, capture_output=True, check=False, timeout=SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


if __name__ == "__main__":
    main()
