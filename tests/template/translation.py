"""The template as CloudFormation gets it: translated by AWS's own SAM translator.

The translator lives in the environment of the SAM command line, whose pinned packages go with
none of ours, so it runs as a process of its own.
"""

from __future__ import annotations

import functools
import json
import subprocess
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
TEMPLATE: Final = ROOT / "template.yaml"
_SAM_PYTHON: Final = ROOT / ".venv-sam/bin/python"
_REGION: Final = {"AWS_DEFAULT_REGION": "eu-central-1"}


@functools.cache
def translated() -> dict[str, Any]:
    """The translated template; parameters and conditions are still in it."""
    script = Path(__file__).with_name("translate.py")
    done = subprocess.run(
        [_SAM_PYTHON, script, TEMPLATE], env=_REGION, check=True, capture_output=True, text=True
    )
    template: dict[str, Any] = json.loads(done.stdout)
    return template
