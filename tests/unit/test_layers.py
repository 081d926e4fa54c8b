"""The layers of the package: what they import, and that its first page shows them."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "gaussdb_backup"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = PYPROJECT["tool"]["importlinter"]["contracts"]
PURE = tuple(
    module
    for contract in CONTRACTS
    if contract["type"] == "forbidden"
    for module in contract["source_modules"]
)
IMPURE = {
    "requests",
    "urllib3",
    "http",
    "socket",
    "ssl",
    "os",
    "io",
    "pathlib",
    "subprocess",
    "time",
    "random",
    "secrets",
    "uuid",
    "threading",
    "concurrent",
    "asyncio",
    "logging",
    "aws_lambda_powertools",
}
AWS = {"boto3", "botocore", "aiobotocore", "s3transfer"}


def imported(source: str) -> Iterator[str]:
    """The top-level names of all modules that a source imports, wherever and however it does."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("import_module", "__import__", "importorskip")
        ):
            names = (part.value for part in node.args if isinstance(part, ast.Constant))
            yield from (str(name).partition(".")[0] for name in names)


def source_of(module: str) -> Path:
    """The file of a module."""
    return ROOT / "src" / f"{module.replace('.', '/')}.py"


def layers(container: str) -> list[str]:
    """The modules of a package from top to bottom, as import-linter checks them."""
    contract = next(c for c in CONTRACTS if c.get("containers") == [container])
    return [name for layer in contract["layers"] for name in layer.split(" | ")]


def calls(source: str) -> set[str]:
    """The dotted names of everything that a source calls."""
    nodes = ast.walk(ast.parse(source))
    return {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}


@pytest.mark.parametrize(
    "source",
    [
        "import boto3",
        "import botocore.session as b",
        "from botocore.config import Config",
        "def f():\n    import boto3",
        "import importlib\nimportlib.import_module('boto3')",
        "__import__('botocore.auth')",
        "import pytest\npytest.importorskip('boto3')",
    ],
)
def test_an_import_is_found_wherever_it_hides(source: str) -> None:
    """The tests below can fail."""
    assert AWS & set(imported(source))


def test_prose_is_no_import() -> None:
    """A text may name what the code does not use."""
    assert set(imported('"""Without boto3."""\nX = "import boto3"  # boto3')) == set()


@pytest.mark.parametrize("module", PURE)
def test_what_decides_imports_no_world(module: str) -> None:
    """Neither the network, nor the environment, nor a clock, nor chance."""
    source = source_of(module).read_text()
    assert not IMPURE & set(imported(source))


@pytest.mark.parametrize("module", PURE)
def test_what_decides_asks_no_clock(module: str) -> None:
    """`now` comes as an argument; what `datetime` could tell is not asked for."""
    asked = calls(source_of(module).read_text())
    assert not {name for name in asked if name.endswith((".now", ".utcnow", ".today"))}
    assert not asked & {"open", "print", "input", "eval", "exec"}


def test_all_that_decides_is_there() -> None:
    """A module that is renamed does not leave its test behind."""
    assert all(source_of(module).is_file() for module in PURE)


def test_nothing_imports_the_aws_sdk() -> None:
    """Neither the function nor its tests: AWS is spoken to over plain HTTP."""
    sources = [*(ROOT / "src").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    assert len(sources) > 50
    guilty = [path for path in sources if AWS & set(imported(path.read_text()))]
    assert guilty == []


def test_only_the_handler_reads_the_environment() -> None:
    """Settings come as a mapping, so no test has to change the environment."""
    readers = {
        path.stem for path in PACKAGE.rglob("*.py") if "os" in set(imported(path.read_text()))
    }
    assert readers == {"handler"}


def test_the_first_page_of_the_package_shows_the_checked_order() -> None:
    """The order of modules exists once; the page that introduces them shows the same one."""
    page = ast.get_docstring(ast.parse((PACKAGE / "__init__.py").read_text())) or ""
    shown = re.findall(r"^    ( {4})?([a-z_]+)(/?)  +\S", page, re.MULTILINE)
    expected = []
    for name in layers("gaussdb_backup"):
        is_folder = (PACKAGE / name).is_dir()
        expected.append(("", name, "/" if is_folder else ""))
        if is_folder:
            expected += [("    ", inner, "") for inner in layers(f"gaussdb_backup.{name}")]
    assert shown == expected
