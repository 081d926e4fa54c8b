"""A pipeline with the recipe's script in its repository, and a runner for its jobs."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.state_machines.conftest import Stage

ROOT: Final = Path(__file__).resolve().parents[2]
RECIPES: Final = ROOT / "docs/recipes"
SCRIPT: Final = RECIPES / "backup-before-deploy.sh"
TOOLS: Final = ROOT / ".venv-sam/bin"
CALL: Final = 'sh ci/backup-before-deploy.sh "$INSTANCE_ID"'
ACCESS_KEY: Final = {
    "AWS_ACCESS_KEY_ID": "not-a-real-access-key",
    "AWS_SECRET_ACCESS_KEY": "not-a-real-secret",
}


@dataclass(frozen=True)
class Done:
    """How a job ended.

    Attributes:
        code: its exit code.
        said: what it told the reader.
        outcome: what it printed for whoever goes on with it.
    """

    code: int
    said: str
    outcome: Any


@dataclass
class Pipeline:
    """A repository with the script in it, and a runner with the AWS command line.

    Attributes:
        stage: the cloud and AWS.
        folder: the repository.
        variables: what the pipeline sets.
        credentials: what the runner sets to be let into AWS.
    """

    stage: Stage
    folder: Path
    variables: dict[str, str]
    credentials: dict[str, str] = field(default_factory=ACCESS_KEY.copy)

    @property
    def instance(self) -> str:
        """The instance that it backs up."""
        return self.variables["INSTANCE_ID"]

    def put_before_aws(self, shell: str) -> None:
        """Puts a few lines of shell between the script and AWS's command line, which is `$AWS`."""
        tools = self.folder / "bin"
        tools.mkdir()
        (tools / "aws").write_text(f"#!/bin/sh\nAWS={TOOLS}/aws\n{shell}\n", encoding="utf-8")
        (tools / "aws").chmod(0o755)

    def start(self, line: str = CALL, **variables: str) -> subprocess.Popen[str]:
        """Begins a job that consists of one line of shell."""
        aws = {
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.stage.step_functions.server_port}",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }
        runner = {
            "HOME": str(self.folder),
            "PATH": f"{self.folder}/bin:{TOOLS}:/usr/bin:/bin",
            "BACKUP_POLL_SECONDS": "0.2",
        }
        return subprocess.Popen(
            ["/bin/sh", "-eu", "-c", line],
            cwd=self.folder,
            env={**aws, **self.credentials, **runner, **self.variables, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, line: str = CALL, **variables: str) -> Done:
        """Runs such a job to its end."""
        return ended(self.start(line, **variables))


def new_pipeline(stage: Stage, folder: Path, run: str) -> Pipeline:
    """One run of a pipeline for an instance of its own."""
    (folder / "ci").mkdir()
    shutil.copy(SCRIPT, folder / "ci")
    variables = {
        "BACKUP_RUN": run,
        "BACKUP_STATE_MACHINE_ARN": stage.deploy(),
        "INSTANCE_ID": stage.cloud.add_instance().id,
    }
    return Pipeline(stage, folder, variables)


def ended(job: subprocess.Popen[str]) -> Done:
    """Waits for a job."""
    with job:
        printed, said = job.communicate(timeout=60)
    return Done(job.returncode, said, json.loads(printed) if printed else None)
