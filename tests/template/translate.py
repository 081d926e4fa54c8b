"""Prints what SAM makes of a template, as JSON; run by the Python that has SAM's translator.

What `sam deploy` uploads and replaces by its address is replaced here without the upload.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from samtranslator.parser.parser import Parser  # type: ignore[import-not-found,unused-ignore]
from samtranslator.translator.translator import (  # type: ignore[import-not-found,unused-ignore]
    Translator,
)
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-not-found,unused-ignore]

UPLOADED = ("CodeUri", "DefinitionUri")


def main() -> None:
    """Reads the template that the first argument names."""
    template: dict[str, Any] = yaml_parse(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for resource in template["Resources"].values():
        properties = resource["Properties"]
        for name in properties.keys() & set(UPLOADED):
            properties[name] = f"s3://artifacts/{properties[name]}"
    sys.stdout.write(json.dumps(Translator({}, Parser()).translate(template, {})))


main()
