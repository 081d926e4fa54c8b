"""What of the installed packages the artifact keeps, for scanners, and leaves out.

A scanner lists what lies in the artifact by each package's METADATA; licences ask to be passed on
with the code. Of our own package both lie beside this file.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

SOURCES = Path(__file__).resolve().parent

# Of the metadata that pip writes only this is kept; `sboms` tells of what a binary is made.
METADATA = (
    "METADATA",
    "licenses",
    "LICENSE*",
    "LICENCE*",
    "COPYING*",
    "NOTICE*",
    "AUTHORS*",
    "sboms",
)

# What nothing that the function runs ever loads: half of Powertools, with an application of its own
# to browse APIs, the models of pydantic's last version, and what is for browsers and for mypy.
# tests/integration/test_artifact_contents.py shows that nothing in the artifact asks for them.
_UTILITIES = "aws_lambda_powertools/utilities"
NEVER_LOADED = (
    "aws_lambda_powertools/event_handler",
    f"{_UTILITIES}/auth_alpha",
    f"{_UTILITIES}/batch",
    f"{_UTILITIES}/circuit_breaker",
    f"{_UTILITIES}/data_classes",
    f"{_UTILITIES}/data_masking",
    f"{_UTILITIES}/feature_flags",
    f"{_UTILITIES}/idempotency",
    f"{_UTILITIES}/kafka",
    f"{_UTILITIES}/metadata",
    f"{_UTILITIES}/parameters",
    f"{_UTILITIES}/parser",
    f"{_UTILITIES}/streaming",
    f"{_UTILITIES}/validation",
    "pydantic/mypy.py",
    "pydantic/v1",
    "urllib3/contrib/emscripten",
)


def leave_out(artifact: Path) -> None:
    """Removes scripts, tests, and what is never loaded.

    Raises:
        SystemExit: something of that is not there, so that the list is outdated.
    """
    for pattern in ("bin", "**/tests"):
        for folder in [*artifact.glob(pattern)]:
            shutil.rmtree(folder)
    if outdated := [name for name in NEVER_LOADED if not (artifact / name).exists()]:
        sys.exit(f"No such parts any more: {outdated}. Correct NEVER_LOADED in {__file__}.")
    for name in NEVER_LOADED:
        _remove(artifact / name)


def keep_metadata(artifact: Path) -> None:
    """Leaves of each package's metadata what scanners and licences need, and adds ours."""
    for folder in artifact.glob("*.dist-info"):
        kept = {path for pattern in METADATA for path in folder.glob(pattern)}
        for path in set(folder.iterdir()) - kept:
            _remove(path)
    ours = artifact / f"gaussdb_backup-{_version()}.dist-info"
    (ours / "licenses").mkdir(parents=True)
    metadata = (SOURCES / "METADATA").read_text(encoding="utf-8")
    (ours / "METADATA").write_text(metadata.replace("@VERSION@", _version()), encoding="utf-8")
    shutil.copy(SOURCES / "LICENSE", ours / "licenses")


def package_name(folder: str) -> str:
    """The normalised name of the package that a `.dist-info` folder is about."""
    return re.sub(r"[-_.]+", "-", folder.partition("-")[0]).lower()


def _version() -> str:
    first_page = (SOURCES / "gaussdb_backup/__init__.py").read_text(encoding="utf-8")
    [version] = re.findall(r'^VERSION = "(.+)"$', first_page, re.MULTILINE)
    return str(version)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
