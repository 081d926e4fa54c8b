"""The runbook, section by section and table by table."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, Final

from tests.template.translation import ROOT, translated

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNBOOK: Final = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
SECTIONS: Final[dict[str, str]] = dict(
    re.findall(r"^###? ([^\n]*)\n(.*?)(?=^###? |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL)
)


def table(section: str, first_heading: str) -> list[list[str]]:
    """The rows of a section's table with this heading, cell by cell."""
    text = SECTIONS[section].partition(f"| {first_heading} |")[2]
    lines = text.splitlines()[2:]
    end = next((n for n, line in enumerate(lines) if not line.startswith("|")), len(lines))
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[:end]]


def parameter_rows(template: Mapping[str, Any]) -> list[str]:
    """The rows of the runbook's table of parameters, in the order of the template."""
    return [
        f"| `{name}` | {_shown(parameter)} | {parameter['Description']} |"
        for name, parameter in template["Parameters"].items()
    ]


def _shown(parameter: Mapping[str, Any]) -> str:
    if "Default" not in parameter:
        return "**required**"
    return f"`{parameter['Default']}`" if str(parameter["Default"]) else ""


if __name__ == "__main__":
    sys.stdout.write("\n".join(parameter_rows(translated())) + "\n")
