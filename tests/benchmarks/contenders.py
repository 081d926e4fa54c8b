"""The implementations to compare: the folders that Lambda would mount, and their secrets."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from tests.benchmarks.runtime import MeasuredRuntime
from tests.local_cloud.certificates import trust
from tests.local_cloud.lambda_runtime import HANDLER
from tests.local_cloud.local_cloud import CREDENTIALS_SECRETS, LocalCloud
from tests.lock import exported

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.local_cloud.certificates import Authority
    from tests.local_cloud.local_cloud import Credentials

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
FOLDER: Final = ROOT / ".aws-sam" / "bench"
PYTHON: Final = ROOT / ".venv-runtime" / "bin" / "python"
ARCHITECTURE: Final = "arm64" if platform.machine() in {"aarch64", "arm64"} else "x86_64"
READY_TOKEN: Final = "gaussdb-backup/token"

Name = Literal["ours, password", "ours, AK/SK", "obvious", "obvious, compiled", "bare, compiled"]


@dataclass(frozen=True, slots=True)
class Contender:
    """One implementation, as Lambda runs it.

    Args:
        name: its name in the table.
        code: its folder.
        handler: `module.function` in it.
        secret: the name of the secret that it reads.
    """

    name: Name
    code: Path
    handler: str
    secret: str

    def environment(self, cloud: LocalCloud) -> dict[str, str]:
        """The variables with which it works against a cloud, as the template sets them."""
        variables = {**cloud.environment(), "CREDENTIALS_SECRET_ID": self.secret}
        del variables["DEFAULT_PAYLOAD"]  # the template's schedules carry their payload
        return variables

    def runtime(self, cloud: LocalCloud) -> MeasuredRuntime:
        """A new execution environment that calls a cloud."""
        environment = self.environment(cloud)
        return MeasuredRuntime(environment, handler=self.handler, code=self.code, python=PYTHON)

    def megabytes(self) -> float:
        """The size of its files in MB."""
        files = (path for path in self.code.rglob("*") if path.is_file())
        return sum(path.stat().st_size for path in files) / 1_000_000


def build_all(authority: Authority, say: Callable[[str], None]) -> list[Contender]:
    """Builds the contenders that are not built yet, and always this project's.

    Args:
        authority: who vouches for the cloud. Its root is added to the authorities that each finds
            in its own way: a certificate more among 117, in the bundle or in our directory.
        say: prints a line about the progress.

    Raises:
        SystemExit: something that is needed is missing, or could not be built.
    """
    if not PYTHON.exists():
        sys.exit("The benchmark needs Python 3.13, as Lambda has it: see `make test`.")
    say("building the artifact")
    ours = FOLDER / "ours"
    _run(sys.executable, ROOT / "src/build_artifact.py", "--arch", ARCHITECTURE, ours)
    say("building the bare handler")
    bare = _compiled(_plain("bare", (ROOT / "src/requirements.txt").read_text()))
    say("building the obvious implementation")
    plain = _plain("obvious", exported("obvious"))
    compiled = _compiled(plain)
    for code in (ours, bare, plain, compiled):
        _trust_anew(code, authority)
    password, aksk = (CREDENTIALS_SECRETS[kind] for kind in _KINDS)
    return [
        Contender("ours, password", ours, HANDLER, password),
        Contender("ours, AK/SK", ours, HANDLER, aksk),
        Contender("obvious", plain, _OTHERS_HANDLER, aksk),
        Contender("obvious, compiled", compiled, _OTHERS_HANDLER, aksk),
        Contender("bare, compiled", bare, _OTHERS_HANDLER, READY_TOKEN),
    ]


_OTHERS_HANDLER: Final = "handler.lambda_handler"
_KINDS: Final[tuple[Credentials, Credentials]] = ("password", "aksk")


def _plain(name: str, requirements: str) -> Path:
    """A handler and its packages as pip installs them, without bytecode."""
    folder = FOLDER / f"{name}-{sha256(requirements.encode()).hexdigest()[:12]}"
    if not folder.exists():
        for outdated in FOLDER.glob(f"{name}-*"):
            shutil.rmtree(outdated)
        listed = FOLDER / f"{name}.txt"
        listed.write_text(requirements)
        unfinished = FOLDER / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        _run(
            *(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--require-hashes", "--only-binary=:all:", "--no-compile"),
            *("--target", unfinished, "--requirement", listed),
        )
        unfinished.rename(folder)
    shutil.copy(HERE / name / "handler.py", folder)
    return folder


def _trust_anew(code: Path, authority: Authority) -> None:
    """Adds a root to a folder's own authorities, in the place of that of an earlier run."""
    bundle, pristine = code / "certifi" / "cacert.pem", FOLDER / "bundles" / f"{code.name}.pem"
    pristine.parent.mkdir(exist_ok=True)
    if bundle.is_file():
        shutil.copy(*((pristine, bundle) if pristine.exists() else (bundle, pristine)))
    trust(code, authority)


def _compiled(plain: Path) -> Path:
    """The same with compiled bytecode."""
    folder = plain.with_name(f"{plain.name}-compiled")
    if not folder.exists():
        unfinished = FOLDER / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(plain, unfinished)
        _compile(unfinished)
        unfinished.rename(folder)
    shutil.copy(plain / "handler.py", folder)
    _compile(folder / "handler.py")
    return folder


def _compile(path: Path) -> None:
    _run(PYTHON, "-m", "compileall", "-qf", "--invalidation-mode", "unchecked-hash", path)


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command[:4]))} failed:\n{done.stderr}{done.stdout}")
