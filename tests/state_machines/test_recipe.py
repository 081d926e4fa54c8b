"""The recipe for pipelines: the script and the lines of its README, with the real command line."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.state_machines.conftest import Stage

ROOT: Final = Path(__file__).resolve().parents[2]
TOOLS: Final = ROOT / ".venv-sam/bin"
RECIPES: Final = ROOT / "docs/recipes"
SCRIPT: Final = RECIPES / "backup-before-deploy.sh"
CALL: Final = 'sh ci/backup-before-deploy.sh "$INSTANCE_ID"'


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
    """

    stage: Stage
    folder: Path
    variables: dict[str, str]

    def start(self, line: str = CALL, **variables: str) -> subprocess.Popen[str]:
        """Begins a job that consists of one line of shell."""
        aws = {
            "AWS_ACCESS_KEY_ID": "not-a-real-access-key",
            "AWS_SECRET_ACCESS_KEY": "not-a-real-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.stage.step_functions.moto_url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }
        runner = {
            "HOME": str(self.folder),
            "PATH": f"{TOOLS}:/usr/bin:/bin",
            "BACKUP_POLL_SECONDS": "1",
        }
        return subprocess.Popen(
            ["/bin/sh", "-eu", "-c", line],
            cwd=self.folder,
            env={**aws, **runner, **self.variables, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, line: str = CALL, **variables: str) -> Done:
        """Runs such a job to its end."""
        return ended(self.start(line, **variables))


def ended(job: subprocess.Popen[str]) -> Done:
    """Waits for a job."""
    with job:
        printed, said = job.communicate(timeout=60)
    return Done(job.returncode, said, json.loads(printed) if printed else None)


@pytest.fixture
def pipeline(stage: Stage, tmp_path: Path) -> Iterator[Pipeline]:
    """One run of a pipeline for an instance of its own."""
    (tmp_path / "ci").mkdir()
    shutil.copy(SCRIPT, tmp_path / "ci")
    variables = {
        "BACKUP_RUN": f"shop/api #{os.urandom(4).hex()}",
        "BACKUP_STATE_MACHINE_ARN": stage.deploy(),
        "INSTANCE_ID": stage.cloud.add_instance().id,
    }
    yield Pipeline(stage, tmp_path, variables)
    stage.cloud.faults.clear()


def instance(pipeline: Pipeline) -> str:
    """The instance that the pipeline backs up."""
    return pipeline.variables["INSTANCE_ID"]


def test_a_deployment_waits_for_its_backup_and_a_repeated_run_makes_no_second(
    pipeline: Pipeline,
) -> None:
    """It ends well once the backup is completed; run again, it takes the first run's result."""
    first = pipeline.run()
    [made] = pipeline.stage.backups_of(instance(pipeline))
    assert first.code == 0
    assert first.outcome["outcome"] == "completed"
    assert (first.outcome["backup"]["id"], made.status) == (made.id, "COMPLETED")
    assert made.name.startswith("before-deploy-")
    again = pipeline.run()
    assert (again.code, again.outcome) == (0, first.outcome)
    assert "there already" in again.said
    assert "another begins" not in again.said
    assert pipeline.stage.backups_of(instance(pipeline)) == [made]


def test_two_jobs_of_one_run_wait_for_the_same_backup(pipeline: Pipeline) -> None:
    """Also where the second begins while the first is waiting."""
    pipeline.stage.cloud.backup_seconds = 2
    jobs = [pipeline.start(), pipeline.start()]
    first, second = map(ended, jobs)
    assert (first.code, second.code) == (0, 0)
    assert first.outcome == second.outcome
    assert len(pipeline.stage.backups_of(instance(pipeline))) == 1


def test_a_backup_that_failed_stops_the_deployment_and_a_repetition_makes_another(
    pipeline: Pipeline,
) -> None:
    """The failed one keeps its name, so the next one gets a new key, and no further run a third."""
    pipeline.stage.cloud.fail_backup()
    failed = pipeline.run()
    assert (failed.code, failed.outcome["error"]) == (1, "BackupFailed")
    assert "failed" in failed.said
    assert pipeline.run().code == 0
    assert "another begins" in (third := pipeline.run()).said
    assert third.code == 0
    states = [made.status for made in pipeline.stage.backups_of(instance(pipeline))]
    assert states == ["FAILED", "COMPLETED"]


def test_a_backup_that_takes_too_long_stops_the_deployment_and_is_found_again(
    pipeline: Pipeline,
) -> None:
    """A repetition goes on waiting for the backup that builds, and makes no other beside it."""
    pipeline.stage.cloud.backup_seconds = 30
    slow = pipeline.stage.deploy(limit=1, wait=1)
    late = pipeline.run(BACKUP_STATE_MACHINE_ARN=slow)
    assert (late.code, late.outcome["outcome"]) == (3, "timed_out")
    assert "building still" in late.said
    pipeline.stage.cloud.clock.advance(30)
    again = pipeline.run(BACKUP_STATE_MACHINE_ARN=slow)
    assert again.code == 0
    assert again.outcome["backup"]["id"] == late.outcome["backup"]["id"]
    assert len(pipeline.stage.backups_of(instance(pipeline))) == 1


def test_a_refused_request_stops_the_deployment(pipeline: Pipeline) -> None:
    """It ends once, and tells the function's own words."""
    refused = pipeline.run(INSTANCE_ID="unknown")
    assert (refused.code, refused.outcome["error"]) == (1, "InstanceNotFound")
    assert "no such instance" in refused.outcome["cause"]


def test_a_state_machine_that_is_not_there_stops_the_deployment(pipeline: Pipeline) -> None:
    """What the AWS command line says is passed on."""
    arn = pipeline.variables["BACKUP_STATE_MACHINE_ARN"]
    done = pipeline.run(BACKUP_STATE_MACHINE_ARN=f"{arn}-gone")
    assert (done.code, done.outcome) == (1, None)
    assert "StateMachineDoesNotExist" in done.said


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"INSTANCE_ID": ""}, "INSTANCE_ID is not one"),
        ({"INSTANCE_ID": 'a","name":"b'}, "INSTANCE_ID is not one"),
        ({"BACKUP_STATE_MACHINE_ARN": ""}, "BACKUP_STATE_MACHINE_ARN is not set"),
        ({"BACKUP_RUN": ""}, "BACKUP_RUN is not set"),
        ({"BACKUP_NAME_PREFIX": 'a"b'}, "BACKUP_NAME_PREFIX"),
    ],
)
def test_a_wrong_call_is_told_apart(
    pipeline: Pipeline, variables: dict[str, str], complaint: str
) -> None:
    """It asks for nothing, and shows how it is meant."""
    done = pipeline.run(**variables)
    assert (done.code, done.outcome) == (2, None)
    assert complaint in done.said
    assert "usage:" in done.said


def test_another_run_makes_a_backup_of_its_own_however_long_its_name(pipeline: Pipeline) -> None:
    """What makes a run unique stands at its name's end, of which an execution's name has room."""
    long = "group/" * 30 + "shop"
    assert pipeline.run(BACKUP_RUN=f"{long}-1").code == 0
    assert pipeline.run(BACKUP_RUN=f"{long}-2").code == 0
    assert len(pipeline.stage.backups_of(instance(pipeline))) == 2


def recipes() -> dict[str, Any]:
    """The pipelines that the README shows, by the word that only one of them has."""
    text = (RECIPES / "README.md").read_text(encoding="utf-8")
    shown = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    return {"jobs" if "jobs" in one else "stages": one for one in shown}


def github_job() -> tuple[str, Mapping[str, str]]:
    """GitHub's line, and the variables of which it says what they are."""
    job = recipes()["jobs"]["jobs"]["backup"]
    [step] = [step for step in job["steps"] if "run" in step]
    return step["run"], step["env"]


def test_the_line_for_github_actions_works_and_so_does_a_re_run(pipeline: Pipeline) -> None:
    """With what GitHub itself sets, and the variables that the step declares."""
    line, declared = github_job()
    assert declared.keys() == {"BACKUP_STATE_MACHINE_ARN", "INSTANCE_ID"}
    of_run = {"BACKUP_RUN": "", "GITHUB_REPOSITORY": "shop/api", "GITHUB_RUN_ID": "11922873421"}
    first = pipeline.run(line, **of_run, GITHUB_RUN_ATTEMPT="1")
    again = pipeline.run(line, **of_run, GITHUB_RUN_ATTEMPT="2")
    assert (first.code, again.code) == (0, 0)
    assert len(pipeline.stage.backups_of(instance(pipeline))) == 1


def test_the_lines_for_gitlab_work_and_so_does_a_retry(pipeline: Pipeline) -> None:
    """With what GitLab itself sets, and the job's token in the file that it names."""
    job = recipes()["stages"]["backup"]
    token = pipeline.folder / "token"
    of_pipeline = {
        "BACKUP_RUN": "",
        "CI_PIPELINE_ID": "1563829974",
        "CI_PROJECT_PATH": "shop/api",
        "GAUSSDB_INSTANCE_ID": instance(pipeline),
        "GITLAB_TOKEN": "not-a-real-token",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
    }
    assert job["variables"].keys() >= {"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"}
    assert job["id_tokens"].keys() <= of_pipeline.keys()
    first = pipeline.run("\n".join(job["script"]), **of_pipeline, CI_JOB_ID="1")
    again = pipeline.run("\n".join(job["script"]), **of_pipeline, CI_JOB_ID="2")
    assert (first.code, again.code) == (0, 0)
    assert token.read_text() == "not-a-real-token"
    assert len(pipeline.stage.backups_of(instance(pipeline))) == 1


@pytest.mark.parametrize("system", ["jobs", "stages"])
def test_the_deployment_comes_after_the_backup(system: str) -> None:
    """In either system a failed backup keeps it from beginning."""
    shown = recipes()[system]
    if system == "jobs":
        assert shown["jobs"]["deploy"]["needs"] == "backup"
    else:
        assert shown["stages"].index(shown["backup"]["stage"]) < shown["stages"].index(
            shown["deploy"]["stage"]
        )
