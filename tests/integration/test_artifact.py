"""What `make build` and `sam build` leave is what Lambda runs, to the byte."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.integration.artifact import (
    OWN_ARCHITECTURE,
    ROOT,
    RUNTIME_PYTHON,
    build,
    needs_runtime_python,
)
from tests.local_cloud.certificates import Authority, trust
from tests.local_cloud.lambda_runtime import FunctionFailed, LambdaRuntime
from tests.local_cloud.local_cloud import INSTANCE_ID, LocalCloud
from tests.lock import exported

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.local_cloud.local_cloud import Credentials

SAM = ROOT / ".venv-sam" / "bin" / "sam"
ELF_MACHINES = {"arm64": 183, "x86_64": 62}


def snapshot(artifact: Path) -> dict[str, tuple[int, float, bytes]]:
    """All that a zip file keeps of a folder: names, modes, times and contents."""
    return {
        str(path.relative_to(artifact)): (
            path.stat().st_mode,
            path.stat().st_mtime,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in artifact.rglob("*")
    }


def test_two_builds_are_the_same(built: Callable[[str], Path], tmp_path: Path) -> None:
    """The same sources make the same artifact, wherever and whenever it is built."""
    output = tmp_path / "elsewhere" / "BackupFunction"
    assert build(output, "arm64").returncode == 0
    assert snapshot(output) == snapshot(built("arm64"))


def test_sam_build_leaves_the_same(built: Callable[[str], Path], tmp_path: Path) -> None:
    """SAM's way through the template ends in the artifact of `make build`."""
    if not SAM.exists():
        pytest.skip("the SAM command line is not installed: see make test")
    shutil.copytree(ROOT / "src", tmp_path / "src")
    shutil.copy(ROOT / "template.yaml", tmp_path)
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    done = subprocess.run(
        [str(SAM), "build"],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env={**environment, "PYTHON": sys.executable, "SAM_CLI_TELEMETRY": "0"},
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert snapshot(tmp_path / ".aws-sam/build/BackupFunction") == snapshot(built("arm64"))


@pytest.mark.parametrize("arch", ELF_MACHINES)
def test_binaries_fit_the_architecture(built: Callable[[str], Path], arch: str) -> None:
    """Every compiled module is for the function's processor and Python."""
    binaries = [*built(arch).rglob("*.so")]
    assert any(binary.name.startswith("_pydantic_core.") for binary in binaries)
    for binary in binaries:
        assert ".cpython-313-" in binary.name
        assert int.from_bytes(binary.read_bytes()[18:20], "little") == ELF_MACHINES[arch]


def test_only_runtime_packages_are_in_it(built: Callable[[str], Path]) -> None:
    """Our package and what it imports; no scripts, tests or build files."""
    artifact = built("arm64")
    assert {path.stem for path in artifact.iterdir() if path.suffix != ".dist-info"} == {
        *("annotated_types", "aws_lambda_powertools", "certifi", "charset_normalizer"),
        *("gaussdb_backup", "idna", "jmespath", "pydantic", "pydantic_core", "requests"),
        *("typing_extensions", "typing_inspection", "urllib3"),
    }
    assert not [*artifact.rglob("tests")]
    package = artifact / "gaussdb_backup"
    assert modules(package) == modules(ROOT / "src/gaussdb_backup")


def modules(package: Path) -> set[str]:
    """The sources of a package, by their paths in it."""
    return {str(path.relative_to(package)) for path in package.rglob("*.py")}


def test_size_and_digest_are_printed(tmp_path: Path) -> None:
    """Who builds sees what came out."""
    said = build(tmp_path / "artifact", "x86_64").stdout
    assert said.startswith("BackupFunction for x86_64 and Python 3.13: ")
    assert " MB\n" in said
    assert len(said.split("sha256 ")[1].strip()) == 64


@needs_runtime_python
def test_every_module_has_bytecode_for_lambda(built: Callable[[str], Path]) -> None:
    """It is of Python 3.13, never compared with the source (PEP 552), and named as in Lambda."""
    artifact = built("arm64")
    ours = artifact / "gaussdb_backup"
    compiled = {
        path.parent.parent / f"{path.name.split('.')[0]}.py": path
        for path in ours.rglob("*.cpython-313.pyc")
    }
    assert compiled.keys() == {*artifact.rglob("*.py")}
    compiled |= {
        path.with_suffix(".py"): path
        for path in artifact.rglob("*.pyc")
        if not path.is_relative_to(ours)
    }
    assert len(compiled) > 250
    for source, bytecode in compiled.items():
        content = bytecode.read_bytes()
        assert content[:8].hex() == "f30d0d0a" + "01000000"
        assert f"/var/task/{source.relative_to(artifact)}".encode() in content


def test_without_python_3_13_the_sources_are_shipped(tmp_path: Path) -> None:
    """The build succeeds, writes no bytecode that Lambda could not use, and says what it costs."""
    if sys.version_info[:2] == (3, 13):
        pytest.skip("this Python itself can compile for Lambda")
    bare = {**os.environ, "PATH": str(tmp_path), "HOME": str(tmp_path), "PYENV_ROOT": str(tmp_path)}
    done = build(tmp_path / "artifact", "arm64", environment=bare)
    assert done.returncode == 0, done.stderr
    assert "without bytecode" in done.stdout
    assert not [*(tmp_path / "artifact").rglob("*.pyc")]
    assert (tmp_path / "artifact/requests/api.py").exists()


def test_a_package_that_slips_in_fails_the_build(tmp_path: Path) -> None:
    """The list of what may be in the artifact is exact."""
    sources = shutil.copytree(ROOT / "src", tmp_path / "src")
    with (sources / "requirements.txt").open("a") as requirements:
        requirements.write(locked("six", exported("obvious")))
    done = build(tmp_path / "artifact", "arm64", sources=sources)
    assert done.returncode != 0
    assert "new ['six.py'], missing []" in done.stderr
    assert not (tmp_path / "artifact").exists()


def test_a_package_that_is_missing_fails_the_build(tmp_path: Path) -> None:
    """As when a lock for another platform has an older release with fewer parts."""
    sources = shutil.copytree(ROOT / "src", tmp_path / "src")
    requirements = sources / "requirements.txt"
    core = locked("pydantic-core", requirements.read_text())
    requirements.write_text(requirements.read_text().replace(core, ""))
    done = build(tmp_path / "artifact", "arm64", sources=sources)
    assert done.returncode != 0
    assert "new [], missing ['pydantic_core']" in done.stderr


def locked(package: str, requirements: str) -> str:
    """The lines of one package in locked requirements."""
    lines = requirements.splitlines(keepends=True)
    start = next(at for at, line in enumerate(lines) if line.startswith(f"{package}=="))
    end = next(at for at in range(start, len(lines)) if not lines[at].endswith("\\\n"))
    return "".join(lines[start : end + 1])


@needs_runtime_python
@pytest.mark.parametrize("sources", ["as built", "unreadable"])
def test_the_artifact_makes_a_backup(
    built: Callable[[str], Path], tmp_path: Path, sources: str
) -> None:
    """It runs with Python 3.13 and nothing else of the project, and never compiles a source."""
    artifact = shutil.copytree(built(OWN_ARCHITECTURE), tmp_path / "task")
    if sources == "unreadable":
        for path in artifact.rglob("*.py"):
            path.write_text("this is not Python")
    event = json.loads((ROOT / "events/schedule.json").read_bytes())
    with (
        LocalCloud() as cloud,
        LambdaRuntime(cloud.environment(), code=artifact, python=RUNTIME_PYTHON) as function,
    ):
        reply = function.invoke(event)
        [backup] = cloud.emulator.backups
    assert (reply["outcome"], reply["job_id"]) == ("created", backup.job_id)


@needs_runtime_python
@pytest.mark.parametrize("credentials", ["password", "aksk"])
def test_the_artifact_trusts_its_directory_of_authorities(
    built: Callable[[str], Path], tmp_path: Path, credentials: Credentials
) -> None:
    """It verifies IAM and the database service by a root that lies there beside certifi's."""
    artifact = shutil.copytree(built(OWN_ARCHITECTURE), tmp_path / "task")
    assert len([*(artifact / "certifi/cacert.pem").glob("[0-9a-f]*.0")]) > 100
    authority = Authority(tmp_path)
    trust(artifact, authority)
    with (
        LocalCloud(authority.context()) as cloud,
        LambdaRuntime(
            cloud.environment(credentials), code=artifact, python=RUNTIME_PYTHON
        ) as function,
    ):
        reply = function.invoke({"instance_id": INSTANCE_ID})
        [backup] = cloud.emulator.backups
    assert (reply["outcome"], reply["job_id"]) == ("created", backup.job_id)


@needs_runtime_python
@pytest.mark.parametrize("damage", ["a foreign root", "missing", "emptied"])
def test_the_artifact_trusts_nobody_else(
    built: Callable[[str], Path], tmp_path: Path, damage: str
) -> None:
    """Without its authorities it does not start; nothing is ever sent unverified."""
    artifact = shutil.copytree(built(OWN_ARCHITECTURE), tmp_path / "task")
    authorities = artifact / "certifi/cacert.pem"
    if damage != "a foreign root":
        shutil.rmtree(authorities)
    if damage == "emptied":
        authorities.mkdir()
    with (
        LocalCloud(Authority(tmp_path).context()) as cloud,
        LambdaRuntime(cloud.environment(), code=artifact, python=RUNTIME_PYTHON) as function,
    ):
        with pytest.raises(FunctionFailed) as failure:
            function.invoke({"instance_id": INSTANCE_ID})
        assert cloud.emulator.calls == []
    if damage == "a foreign root":
        assert failure.value.error_type == "ServiceUnavailable"
    else:
        assert failure.value.error_type == "ConfigurationError"
        assert failure.value.error_message.startswith("the trusted authorities ")


@needs_runtime_python
def test_the_artifact_imports_less_of_its_packages(built: Callable[[str], Path]) -> None:
    """Lambda's Python is the one for which `lean_imports` was measured; it warns of nothing."""
    code = """
from gaussdb_backup.lean_imports import lean_imports
with lean_imports():
    import gaussdb_backup.function
import sys
from annotated_types import MaxLen
from pydantic_core.core_schema import IntSchema
assert "charset_normalizer" not in sys.modules
assert MaxLen(1) != MaxLen(1)
assert not hasattr(IntSchema, "__required_keys__")
"""
    done = subprocess.run(
        [str(RUNTIME_PYTHON), "-W", "error", "-c", code],
        capture_output=True,
        check=False,
        env={"PYTHONPATH": str(built(OWN_ARCHITECTURE)), "PYTHONDONTWRITEBYTECODE": "1"},
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
