"""Runs the linters of templates over every form that ours takes: `python -m tests.template.lint`.

Linters look at conditional parts with little care, or not at all. So besides the template and its
translation they get the stack as some choices of parameters make it, without conditions.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.template.cloudformation import Stack
from tests.template.parameter_values import EVERYTHING, LAYER_ARN, NOTHING, REQUIRED
from tests.template.translation import ROOT, TEMPLATE, translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SAM: Final = str(ROOT / ".venv-sam/bin/sam")
_CFN_LINT: Final = str(ROOT / ".venv-sam/bin/cfn-lint")
_CHECKOV: Final = str(ROOT / ".venv-checkov/bin/checkov")

# what AWS's public parameter would say
_LAYER: Final = {"ExtensionLayer": LAYER_ARN.format("AWS-arm64")}
_STACKS: Final[Mapping[str, Mapping[str, str]]] = {
    "defaults": REQUIRED,
    "everything": EVERYTHING,
    "nothing": NOTHING,
}


def main() -> None:
    """Exits with 0 if no linter has anything to say."""
    with tempfile.TemporaryDirectory(prefix="stack-") as folder:
        forms = [str(path) for path in _write_forms(Path(folder))]
        clean = [
            _run("sam validate --lint", [_SAM, "validate", "--lint", "--template", str(TEMPLATE)]),
            _run("cfn-lint", [_CFN_LINT, str(TEMPLATE), *forms]),
            _run("checkov", [_CHECKOV, *_checkov_options([str(TEMPLATE), *forms])]),
        ]
    sys.exit(not all(clean))


def _write_forms(folder: Path) -> Iterable[Path]:
    template = translated()
    forms = {"translation": template} | {
        name: {
            "AWSTemplateFormatVersion": template["AWSTemplateFormatVersion"],
            "Resources": Stack(template, {**chosen, **_LAYER}).resources,
        }
        for name, chosen in _STACKS.items()
    }
    for name, form in forms.items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(form, indent=2), encoding="utf-8")
        yield path


def _checkov_options(files: Sequence[str]) -> list[str]:
    quiet = ["--framework", "cloudformation", "--compact", "--quiet", "--skip-download"]
    return [*quiet, *(part for file in files for part in ("--file", file))]


def _run(name: str, command: Sequence[str]) -> bool:
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0"}
    done = subprocess.run(
        command, env=environment, capture_output=True, check=False, text=True, cwd=ROOT
    )
    if done.returncode:
        sys.stdout.write(f"{name} objects:\n{done.stdout}{done.stderr}\n")
    return done.returncode == 0


if __name__ == "__main__":
    main()
