"""The contract's files: their names, and what is to stand in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from tests.contract.openapi import openapi
from tests.contract.schemas import payload, reply

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs/contract"


def contents() -> dict[str, str]:
    """Each file's text, by its name."""
    documents = {
        "openapi.json": openapi(),
        "payload.schema.json": payload(),
        "reply.schema.json": reply(),
    }
    return {name: json.dumps(value, indent=2) + "\n" for name, value in documents.items()}
