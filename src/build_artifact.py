"""Builds the folder that AWS Lambda runs: the locked packages, our code, and their bytecode.

Needs pip and any Python from 3.11 on, but no Docker and no machine of the target's kind. Two builds
of the same sources are the same to the byte. Run by `make build` and `sam build` alike.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from artifact_contents import keep_metadata, leave_out, package_name
from trusted_authorities import replace_by_directory

SOURCES = Path(__file__).resolve().parent
PYTHON = "3.13"
# What that Python writes at the head of its bytecode; no other version can write it.
BYTECODE_MAGIC = "f30d0d0a"

# Per architecture: the name in wheels, and the number in the head of ELF files.
MACHINES = {"arm64": ("aarch64", 183), "x86_64": ("x86_64", 62)}
# pip takes these names literally: 2_28 alone would not find a wheel for 2_17, and fall back to
# an older release that needs none. Amazon Linux 2023 has glibc 2.34.
GLIBCS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")

# Of two wheels the one without compiled modules: to load those takes longer than to run what they
# replace, which is hardly anything, for nobody here guesses the encoding of a text.
WITHOUT_COMPILED_MODULES = {"charset-normalizer"}

# All that may lie at the top of the artifact. A package that slips into the lock fails the build.
CONTENT = {
    "annotated_types",
    "aws_lambda_powertools",
    "certifi",
    "charset_normalizer",
    "gaussdb_backup",
    "idna",
    "jmespath",
    "pydantic",
    "pydantic_core",
    "requests",
    "typing_extensions.py",
    "typing_inspection",
    "urllib3",
}
MODIFIED = 1_577_836_800  # 2020-01-01 in UTC: zip files cannot hold the usual zero


def main() -> None:
    """Builds for the architecture and into the folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", choices=MACHINES, default="arm64")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("output", nargs="?", type=Path, help="the folder to fill")
    what.add_argument("--find-python", action="store_true", help=f"print where {PYTHON} is")
    arguments = parser.parse_args()
    if arguments.find_python:
        _say(_find_python() or sys.exit(1))
        return
    with tempfile.TemporaryDirectory() as folder:
        artifact = Path(folder) / "artifact"
        build(artifact, arguments.arch)
        _replace(arguments.output, artifact)


def build(artifact: Path, arch: str) -> None:
    """Fills a new folder with what Lambda unpacks at `/var/task`, checks it and says what it is.

    Raises:
        SystemExit: the folder is not as it must be; the message says how.
    """
    _install_packages(artifact, arch)
    leave_out(artifact)
    keep_metadata(artifact)
    replace_by_directory(artifact / "certifi" / "cacert.pem")
    shutil.copytree(
        SOURCES / "gaussdb_backup",
        artifact / "gaussdb_backup",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    _check(artifact, arch)
    compiled = _compile(artifact)
    _normalise(artifact)
    files = [path for path in artifact.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1_000_000
    _say(f"BackupFunction for {arch} and Python {PYTHON}: {len(files)} files, {size:.1f} MB")
    _say(compiled)
    _say(f"sha256 {digest(artifact)}")


def digest(folder: Path) -> str:
    """SHA-256 over every file's path, mode, time and content."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        state = path.stat()
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        head = f"{path.relative_to(folder)} {state.st_mode:o} {int(state.st_mtime)} {content}\n"
        total.update(head.encode())
    return total.hexdigest()


def _install_packages(artifact: Path, arch: str) -> None:
    locked = re.split(r"^(?=[a-z])", (SOURCES / "requirements.txt").read_text(), flags=re.MULTILINE)
    pure = [one for one in locked if one.partition("==")[0] in WITHOUT_COMPILED_MODULES]
    others = [one for one in locked if one not in pure]
    glibcs = [f"--platform={glibc}_{MACHINES[arch][0]}" for glibc in GLIBCS]
    _install(artifact, pure, "--implementation=py", "--platform=any")
    _install(artifact, others, "--implementation=cp", *glibcs)


def _install(artifact: Path, requirements: list[str], *platform: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
        listed.writelines(requirements)
        listed.flush()
        _run(
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            "--root-user-action=ignore",
            *("--no-deps", "--require-hashes", "--only-binary=:all:", "--no-compile"),
            *(f"--python-version={PYTHON}", *platform),
            *(f"--target={artifact}", f"--requirement={listed.name}"),
        )


def _check(artifact: Path, arch: str) -> None:
    described = {path.name for path in artifact.glob("*.dist-info")}
    locked = re.findall(
        r"^([a-z][^=]*)==", (SOURCES / "requirements.txt").read_text(), re.MULTILINE
    )
    if {package_name(name) for name in described} != {"gaussdb-backup", *locked}:
        sys.exit(f"The metadata does not tell what the artifact holds: {sorted(described)}")
    names = {path.name for path in artifact.iterdir()} - described
    if names != CONTENT:
        sys.exit(
            f"The artifact's content changed: new {sorted(names - CONTENT)}, missing"
            f" {sorted(CONTENT - names)}. If it shall, say so in CONTENT of {Path(__file__).name}."
        )
    if not [*artifact.glob("pydantic_core/_pydantic_core.*.so")]:
        sys.exit("pydantic has no compiled core: this is not pydantic 2.")
    suffix = f".cpython-{PYTHON.replace('.', '')}-{MACHINES[arch][0]}-linux-gnu.so"
    for binary in artifact.rglob("*.so"):
        machine = int.from_bytes(binary.read_bytes()[18:20], "little")
        if not binary.name.endswith(suffix) or machine != MACHINES[arch][1]:
            sys.exit(f"{binary.name} does not fit {arch} and Python {PYTHON}.")


def _compile(artifact: Path) -> str:
    """Writes bytecode that Lambda uses without looking at the source (PEP 552).

    Our own sources stay, for whoever reads a traceback; those of the packages would be a third of
    the artifact, and each import would look for them.
    """
    python = _find_python()
    if python is None:
        return (
            f"without bytecode, for no Python {PYTHON} was found (on PATH, in pyenv, by uv):"
            " correct, but each cold start compiles the sources, which takes about 0.4 s"
        )
    ours = artifact / "gaussdb_backup"
    packages = [path for path in artifact.iterdir() if path.name in CONTENT and path != ours]
    compiling = (python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash")
    named = ("-s", str(artifact), "-p", "/var/task")
    _run(*compiling, *named, str(ours), environment={"PYTHONHASHSEED": "0"})
    _run(*compiling, *named, "-b", *map(str, packages), environment={"PYTHONHASHSEED": "0"})
    for source in artifact.rglob("*.py"):
        if not source.is_relative_to(ours):
            source.unlink()
    return f"with bytecode by {python}"


def _find_python() -> str | None:
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [sys.executable, shutil.which(f"python{PYTHON}") or ""]
    candidates += sorted(map(str, pyenv.glob(f"versions/{PYTHON}*/bin/python")))
    if uv := shutil.which("uv"):
        candidates.append(_output(uv, "python", "find", "--system", PYTHON))
    return next((python for python in candidates if python and _writes_bytecode(python)), None)


def _writes_bytecode(python: str) -> bool:
    """Asks it, for a command of that name may be a shim that leads nowhere."""
    question = "import importlib.util; print(importlib.util.MAGIC_NUMBER.hex())"
    return _output(python, "-c", question) == BYTECODE_MAGIC


def _normalise(artifact: Path) -> None:
    for path in [artifact, *artifact.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (MODIFIED, MODIFIED))


def _replace(output: Path, artifact: Path) -> None:
    shutil.rmtree(output, ignore_errors=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(artifact, output)


def _run(*command: str, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, check=False, env=environment)  # noqa: S603 - our own words
    if done.returncode:
        sys.exit(f"{' '.join(command[:4])} failed.")


def _output(*command: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own words
        command, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    return done.stdout.strip()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
