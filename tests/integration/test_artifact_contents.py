"""The artifact tells scanners what it holds, and lacks nothing that the function could load."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import shutil
import subprocess
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pydantic
import pytest

from artifact_contents import NEVER_LOADED
from build_artifact import CONTENT
from gaussdb_backup import errors
from gaussdb_backup.errors import BackupError, InternalError
from gaussdb_backup.payload_models import ACTIONS
from tests.integration.artifact import OWN_ARCHITECTURE as OWN
from tests.integration.artifact import ROOT, RUNTIME_PYTHON, build, needs_runtime_python
from tests.local_cloud.emulator.faults import Fault
from tests.local_cloud.events import http, response, sample, sns, sqs
from tests.local_cloud.lambda_runtime import FunctionFailed, LambdaRuntime
from tests.local_cloud.local_cloud import (
    CREDENTIALS_SECRETS,
    INSTANCE_ID,
    RETENTION_SECRETS,
    USER,
    LocalCloud,
)
from tests.local_cloud.scheduled_backups import policy_json, scheduled_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


SITE_PACKAGES: Final = Path(pydantic.__file__).parents[1]
LOCKED: Final = dict(
    re.findall(r"^([a-z][^=]*)==(\S+)", (ROOT / "src/requirements.txt").read_text(), re.MULTILINE)
)


def distributions(artifact: Path) -> dict[str, importlib.metadata.Distribution]:
    """What lies in a folder, as a scanner sees it."""
    found = importlib.metadata.distributions(path=[str(artifact)])
    return {re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower(): one for one in found}


def test_a_scanner_finds_every_package_at_its_version(built: Callable[[str], Path]) -> None:
    """The locked ones and our own, each with the metadata that it was published with."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = {name: one.version for name, one in distributions(built("arm64")).items()}
    assert found == {**LOCKED, project["name"]: project["version"]}


def test_every_licence_is_passed_on(built: Callable[[str], Path]) -> None:
    """The files that the metadata names are there, ours too."""
    artifact = built("arm64")
    for folder in artifact.glob("*.dist-info"):
        named = importlib.metadata.PathDistribution(folder).metadata.get_all("License-File") or []
        for name in named:
            assert [*folder.rglob(name.rpartition("/")[2])], (folder.name, name)
        assert re.search("(?i)permission|licen[cs]e", all_text(folder, named)), folder.name
    [ours] = artifact.glob("gaussdb_backup-*.dist-info")
    assert (ours / "licenses/LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def all_text(folder: Path, names: list[str]) -> str:
    """The licence files of a package."""
    found = (path for name in names for path in folder.rglob(name.rpartition("/")[2]))
    return "".join(path.read_text(encoding="utf-8") for path in found)


def test_our_metadata_says_what_the_project_says(built: Callable[[str], Path]) -> None:
    """The build sees `src` only, so its copies must not fall behind."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    metadata = distributions(built("arm64"))[project["name"]].metadata
    assert metadata["Name"] == project["name"]
    assert metadata["Version"] == project["version"]
    assert metadata["Summary"] == project["description"]
    assert metadata["License-Expression"] == project["license"]
    assert metadata["Requires-Python"] == project["requires-python"]
    required = [constraints(one) for one in metadata.get_all("Requires-Dist") or []]
    assert required == [constraints(one) for one in project["dependencies"]]
    assert (ROOT / "src/LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def constraints(requirement: str) -> tuple[str, set[str]]:
    """A requirement as its name and its bounds, in whatever order they stand."""
    name, bounds = re.fullmatch(r"([a-z-]+)(.*)", requirement).groups()  # type: ignore[union-attr]
    return name, set(bounds.split(","))


def test_the_bill_of_materials_lists_the_same(built: Callable[[str], Path], tmp_path: Path) -> None:
    """`make build` writes it beside the artifact, in CycloneDX, with versions and licences."""
    artifact = built("arm64")
    path = tmp_path / "BackupFunction.cdx.json"
    done = subprocess.run(
        [
            *("/usr/bin/env", "make", "-o", ".venv/.installed", "sbom"),
            *(f"ARTIFACT={artifact}", f"SBOM={path}"),
        ],
        capture_output=True,
        check=False,
        cwd=ROOT,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    bill = json.loads(path.read_bytes())
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == (
        "CycloneDX",
        "gaussdb-backup",
    )
    listed = {
        re.sub(r"[-_.]+", "-", part["name"]).lower(): part["version"] for part in bill["components"]
    }
    assert {name: version for name, version in listed.items() if name in LOCKED} == LOCKED
    assert listed.keys() - LOCKED.keys() <= {"gaussdb-backup"}
    assert all(part["licenses"] for part in bill["components"])
    assert all(part["purl"].startswith("pkg:pypi/") for part in bill["components"])


# What of all that is kept may import something that is left out, and why it never does.
KNOWN_IMPORTS: Final = {
    # a pydantic model as a field of a log line: our fields are plain values
    ("aws_lambda_powertools.shared.functions", "aws_lambda_powertools.event_handler"),
    # a model of pydantic 1 in a schema: ours are of pydantic 2
    ("pydantic._internal._generate_schema", "pydantic.v1"),
    # in a browser
    ("urllib3", "urllib3.contrib.emscripten"),
}


def test_nothing_that_is_kept_imports_what_is_left_out() -> None:
    """Every import statement of the locked packages, also those inside functions."""
    left_out = [name.removesuffix(".py").replace("/", ".") for name in NEVER_LOADED]

    def missing(module: str) -> str | None:
        found = (name for name in left_out if f"{module}.".startswith(f"{name}."))
        return next(found, None)

    found = {
        (importer, target)
        for importer, module in imports(SITE_PACKAGES)
        if not missing(importer) and (target := missing(module))
    }
    assert found == KNOWN_IMPORTS


def test_our_own_code_imports_nothing_that_is_left_out() -> None:
    """Nor from anything that no locked package brings."""
    left_out = [name.removesuffix(".py").replace("/", ".") for name in NEVER_LOADED]
    for source in (ROOT / "src/gaussdb_backup").rglob("*.py"):
        for module in imported(ast.parse(source.read_text(encoding="utf-8")), "gaussdb_backup"):
            assert not any(f"{module}.".startswith(f"{name}.") for name in left_out), source


def imports(folder: Path) -> Iterator[tuple[str, str]]:
    """Pairs of a module and what it may import, of all packages in the artifact."""
    for name in CONTENT - {"gaussdb_backup"}:
        top = folder / name
        for source in [top] if top.is_file() else top.rglob("*.py"):
            parts = source.relative_to(folder).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            module = ".".join(parts[:-1] if is_package else parts)
            package = module if is_package else module.rpartition(".")[0]
            for target in imported(ast.parse(source.read_text(encoding="utf-8")), package):
                yield module, target


def imported(tree: ast.AST, package: str) -> Iterator[str]:
    """The absolute names that a module imports, but for the eyes of type checkers."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.If(test=condition) if "TYPE_CHECKING" in ast.unparse(condition):
                yield from imported(ast.Module(node.orelse, []), package)
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=name, names=names, level=level):
                above = package.split(".")[: len(package.split(".")) - level + 1] if level else []
                base = ".".join([*above, *([name] if name else [])])
                yield base
                yield from (f"{base}.{alias.name}" for alias in names)
            case _:
                yield from imported(node, package)


def test_an_outdated_list_fails_the_build(tmp_path: Path) -> None:
    """A name that a new version of a package no longer has is not passed over."""
    sources = shutil.copytree(ROOT / "src", tmp_path / "src")
    contents = sources / "artifact_contents.py"
    text = contents.read_text()
    contents.write_text(text.replace('"pydantic/v1"', '"pydantic/v0"'))
    done = build(tmp_path / "artifact", OWN, sources=sources)
    assert done.returncode != 0
    assert "pydantic/v0" in done.stderr


@needs_runtime_python
def test_every_module_of_ours_can_be_imported_from_it(built: Callable[[str], Path]) -> None:
    """Also those that only some events load."""
    script = (
        "import importlib, pkgutil, gaussdb_backup\n"
        "for module in pkgutil.walk_packages(gaussdb_backup.__path__, 'gaussdb_backup.'):\n"
        "    if module.name != 'gaussdb_backup.handler':\n"
        "        importlib.import_module(module.name)\n"
    )
    done = subprocess.run(
        [RUNTIME_PYTHON, "-S", "-c", script],
        capture_output=True,
        check=False,
        cwd=built(OWN),
        text=True,
    )
    assert done.returncode == 0, done.stderr


@dataclass(frozen=True)
class Case:
    """An event and how it ends: an outcome, or an error."""

    end: str
    event: Any
    faults: tuple[Fault, ...] = ()
    before: Callable[[LocalCloud], object] = field(default=lambda _: None)
    environment: Mapping[str, str] = field(default_factory=dict)


def create(**fields: object) -> dict[str, object]:
    """A direct event with another key each time."""
    return {"instance_id": INSTANCE_ID, **fields}


def put(secret: Mapping[str, object]) -> Callable[[LocalCloud], object]:
    """Saves the credentials."""
    return lambda cloud: cloud.secrets.put(CREDENTIALS_SECRETS["password"], secret)


def made_and_failed(cloud: LocalCloud) -> None:
    """The backup of the name `failed-one` has failed."""
    cloud.emulator.add_backup(
        instance_id=INSTANCE_ID, name="failed-one", status="FAILED", age=timedelta(minutes=1)
    )


def ten_nights(cloud: LocalCloud) -> None:
    """The scheduled backups of ten nights, the newest three days old."""
    for days in range(3, 13):
        night = datetime.now(UTC) - timedelta(days=days)
        cloud.emulator.add_backup(
            instance_id=INSTANCE_ID, name=scheduled_name(night), begin_time=night
        )


def retention(mode: str, **fields: object) -> dict[str, str]:
    """The variables of a deployment that keeps the last seven."""
    return {
        "RETENTION": policy_json(mode, **fields),
        "RETENTION_SECRET_ID": RETENTION_SECRETS["password"],
    }


PRUNE: Final = {"action": "prune", "instance_id": INSTANCE_ID}
BUSY: Final = Fault(operation="CreateManualBackup", error_code="DBS.201202", times=99)


def always(operation: str, **what: Any) -> tuple[Fault, ...]:
    """What goes wrong with an operation each time."""
    return (Fault(operation=operation, times=99, **what),)


CASES: Final = {
    "created": Case("created", create(idempotency_key="one")),
    "status": Case(
        "completed",
        {"action": "status", "instance_id": INSTANCE_ID, "name": "a-backup"},
        before=lambda cloud: cloud.emulator.add_backup(instance_id=INSTANCE_ID, name="a-backup"),
    ),
    "check": Case("ready", {"action": "check", "instance_id": INSTANCE_ID}),
    "verify": Case(
        "fresh",
        {"action": "verify", "instance_id": INSTANCE_ID, "max_age_hours": 48},
        before=lambda cloud: cloud.emulator.add_backup(instance_id=INSTANCE_ID, name="a-backup"),
    ),
    "report": Case("reported", PRUNE, before=ten_nights, environment=retention("report")),
    "prune": Case("pruned", PRUNE, before=ten_nights, environment=retention("delete")),
    "prune too many": Case(
        "PruneRefused",
        PRUNE,
        before=ten_nights,
        environment=retention("delete", max_deletions=1),
    ),
    "queue": Case("", sqs(create())),
    "topic": Case("", sns(create())),
    "stale": Case(
        "BackupStale", {"action": "verify", "instance_id": INSTANCE_ID, "max_age_hours": 1}
    ),
    "no backup": Case(
        "BackupNotFound", {"action": "status", "instance_id": INSTANCE_ID, "name": "a-backup"}
    ),
    "no instance": Case("InstanceNotFound", {"instance_id": "0" * 36}),
    "a wrong field": Case("InvalidRequest", create(colour="blue")),
    "a wrong time": Case("InvalidRequest", create(scheduled_time="yesterday")),
    "unsigned": Case("Unauthenticated", http(known=False)),
    "a wrong signature": Case("Unauthenticated", sample("webhook")),
    "no path": Case("NotFound", http(path="/other")),
    "a wrong method": Case("MethodNotAllowed", http(method="PUT")),
    "text": Case("UnsupportedMediaType", http(headers={"content-type": "text/plain"})),
    "large": Case("PayloadTooLarge", http(b"x" * 5_000_000)),
    "forbidden": Case("PermissionDenied", create(), environment={"ALLOWED_INSTANCES": "another1"}),
    "busy": Case("InstanceBusy", create(), (BUSY,)),
    "not ready": Case(
        "InstanceNotReady", create(), always("CreateManualBackup", error_code="DBS.280406")
    ),
    "taken": Case(
        "NameTaken",
        create(name="another-one"),
        before=lambda cloud: cloud.emulator.add_backup(
            instance_id=cloud.emulator.add_instance().id, name="another-one"
        ),
    ),
    "failed": Case("BackupFailed", create(name="failed-one"), before=made_and_failed),
    "throttled": Case(
        "Throttled", create(), always("CreateManualBackup", status=429, retry_after=60)
    ),
    "rejected": Case(
        "RequestRejected", create(), always("CreateManualBackup", error_code="DBS.280408")
    ),
    "refused": Case("CredentialsRejected", create(), before=put({**USER, "password": "wrong-one"})),
    "a broken secret": Case("SecretUnavailable", create(), before=put({"password": "alone"})),
    "no IAM": Case("ServiceUnavailable", create(), always("CreateToken", kind="close")),
    "HTML": Case("ServiceUnavailable", create(), always("CreateToken", kind="html")),
    "garbage": Case("OutcomeUnknown", create(), always("CreateManualBackup", kind="garbage")),
    "no answer": Case("OutcomeUnknown", create(), always("CreateManualBackup", kind="hang")),
    "no list": Case(
        "OutcomeUnknown",
        create(),
        (*always("CreateManualBackup", kind="close"), *always("ListBackups", kind="cut")),
    ),
    "a wrong setting": Case(
        "ConfigurationError", create(), environment={"GAUSSDB_ENDPOINT": "http://example.com"}
    ),
}


def test_the_cases_are_all_actions_and_errors() -> None:
    """All but the one that stands for a bug, which a missing module would be."""
    ours = {
        name
        for name, error in vars(errors).items()
        if isinstance(error, type) and issubclass(error, BackupError)
    }
    ends = {case.end for case in CASES.values()}
    assert ours - ends <= {BackupError.__name__, InternalError.__name__}
    sent = {case.event.get("action", "create") for case in CASES.values()}
    assert sent == ACTIONS


@needs_runtime_python
@pytest.mark.parametrize("name", CASES)
def test_it_has_what_every_way_loads(built: Callable[[str], Path], name: str) -> None:
    """Each ends as it does from the sources, and not in `InternalError`."""
    case = CASES[name]
    with LocalCloud() as cloud:
        case.before(cloud)
        cloud.emulator.faults.script(case.faults)
        with LambdaRuntime(
            {**cloud.environment(), **case.environment},
            code=built(OWN),
            python=RUNTIME_PYTHON,
            timeout_seconds=5,
        ) as function:
            assert end(function, case.event) == case.end, function.lines()


def end(function: LambdaRuntime, event: object) -> str:
    """The error or the outcome of an event; empty where the reply tells neither."""
    try:
        reply = function.invoke(event)
    except FunctionFailed as error:
        return error.error_type
    if "statusCode" in reply:
        answered = response(reply)
        return answered.error if answered.status >= 400 else str(answered.body["outcome"])
    assert not reply.get("batchItemFailures")
    return str(reply.get("outcome", ""))
