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
# notes what it is called with; starts nothing, and says nothing of it unless it shall refuse; tells
# at each look the next of what it has to tell
STAND_IN: Final = """#!/bin/sh
for argument; do printf '%s\\n' "$argument"; done >> "$HOME/calls"
if [ "$2" = start-execution ]; then
    cat "$HOME/refusal" >&2
    [ ! -s "$HOME/refusal" ]
    exit
fi
set -- "$HOME"/looks/*
[ $# -eq 1 ] || trap 'rm "$1"' EXIT
[ -s "$1" ] && cat "$1"
"""


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

    def let_aws_say(self, *looks: str, refusing: str = "") -> None:
        """Stands in for AWS's command line, so that nothing is really started.

        Args:
            looks: what it says of executions, look by look, and the last one again and again; an
                empty one is a look that fails.
            refusing: what it says where it starts none.
        """
        (self.folder / "refusal").write_text(refusing, encoding="utf-8")
        (self.folder / "looks").mkdir()
        for number, look in enumerate(looks):
            (self.folder / f"looks/{number:03}").write_text(look, encoding="utf-8")
        (self.folder / "bin").mkdir()
        (self.folder / "bin/aws").write_text(STAND_IN, encoding="utf-8")
        (self.folder / "bin/aws").chmod(0o755)

    def let_the_clock_tick(self, *, seconds: int) -> None:
        """Stands in for the clock, which goes on by so many seconds whenever it is asked."""
        script = f"""#!/bin/sh
now=$(($(cat "$HOME/now" 2>/dev/null || echo 0) + {seconds}))
echo "$now" > "$HOME/now"
echo "$now"
"""
        (self.folder / "bin/date").write_text(script, encoding="utf-8")
        (self.folder / "bin/date").chmod(0o755)

    def told_aws(self, option: str) -> list[str]:
        """What the stand-in was given for an option, call by call."""
        calls = (self.folder / "calls").read_text(encoding="utf-8").splitlines()
        start = f"--{option}="
        return [call.removeprefix(start) for call in calls if call.startswith(start)]

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


def described(status: str, error: str = "None", outcome: str = "None") -> str:
    """What AWS's command line says of an execution that the script asks about."""
    return f'{status}\t{error}\t{{"name_prefix":"before-deploy"}}\t{outcome}'


def ended(job: subprocess.Popen[str]) -> Done:
    """Waits for a job."""
    with job:
        printed, said = job.communicate(timeout=60)
    return Done(job.returncode, said, json.loads(printed) if printed else None)
