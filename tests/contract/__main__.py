"""Writes the contract's files; with `--check`, fails where one is not what the code makes now."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from tests.contract.files import FOLDER, contents

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def main(arguments: Sequence[str] | None = None, folder: Path = FOLDER) -> None:
    """Exits with the names of outdated files if it only checks."""
    parser = argparse.ArgumentParser(prog="python -m tests.contract", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    made = contents()
    if parser.parse_args(arguments).check:
        present = {path.name: path.read_text() for path in folder.glob("*")}
        outdated = sorted(
            name for name in made.keys() | present.keys() if made.get(name) != present.get(name)
        )
        if outdated:
            sys.exit(f"Outdated in docs/contract: {', '.join(outdated)}. Run make contract.")
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in made.items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main()
