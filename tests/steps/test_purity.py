"""What decides does no I/O and takes no time of its own; and nobody here uses the AWS SDK."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "gaussdb_backup"
PURE = (
    "errors",
    "times",
    "fields",
    "payload",
    "signing",
    "answers",
    "webhooks",
    "documents",
    "decision",
    "replies",
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
    source = (PACKAGE / f"{module}.py").read_text()
    assert not IMPURE & set(imported(source))


@pytest.mark.parametrize("module", PURE)
def test_what_decides_asks_no_clock(module: str) -> None:
    """`now` comes as an argument; what `datetime` could tell is not asked for."""
    asked = calls((PACKAGE / f"{module}.py").read_text())
    assert not {name for name in asked if name.endswith((".now", ".utcnow", ".today"))}
    assert not asked & {"open", "print", "input", "eval", "exec"}


def test_all_that_decides_is_there() -> None:
    """A module that is renamed does not leave its test behind."""
    assert all((PACKAGE / f"{module}.py").is_file() for module in PURE)


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
