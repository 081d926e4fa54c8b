"""Looks for known advisories about every locked package: `python -m tests.advisories [SERVICE]`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

_UV: Final = Path(sys.prefix) / "bin" / "uv"
_ROOT: Final = Path(__file__).resolve().parents[1]
# uv ends with 1 when there are findings and with 2 when it could not look
_FAILED: Final = 2
_NO_ANSWER: Final = ("error sending request", "Request failed", "HTTP status")


def main() -> None:
    """Exits with 0 if nothing is known, or if the service cannot be reached, and says which."""
    service = [f"--service-url={url}" for url in sys.argv[1:]]
    done = subprocess.run(
        [str(_UV), "audit", "--locked", *service],
        capture_output=True,
        check=False,
        cwd=_ROOT,
        env={**os.environ, "UV_HTTP_RETRIES": "1"},
        text=True,
    )
    if done.returncode == _FAILED and any(sign in done.stderr for sign in _NO_ANSWER):
        cause = done.stderr.strip().splitlines()[-1].strip()
        sys.stdout.write(f"NOT CHECKED: the advisory service could not be reached ({cause})\n")
        return
    sys.stdout.write(done.stdout + done.stderr)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
