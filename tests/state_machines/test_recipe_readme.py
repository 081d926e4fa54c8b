"""The README of the recipe: its pipelines are run, and its policies held to what they need."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from tests.state_machines.pipeline import RECIPES, SCRIPT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.state_machines.pipeline import Pipeline

README: Final = (RECIPES / "README.md").read_text(encoding="utf-8")
GITHUB, GITLAB = (
    yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
)
RIGHTS, *TRUST = (
    json.loads(block)["Statement"] for block in re.findall(r"```json\n(.*?)```", README, re.DOTALL)
)


def github_step(key: str) -> Mapping[str, Any]:
    """The step of GitHub's job that has this."""
    [step] = [step for step in GITHUB["jobs"]["backup"]["steps"] if key in step]
    return dict(step)


def test_the_line_for_github_actions_works_and_so_does_a_re_run(pipeline: Pipeline) -> None:
    """With what GitHub itself sets, and the variables that the step declares."""
    step = github_step("run")
    assert step["env"].keys() == {"BACKUP_STATE_MACHINE_ARN", "INSTANCE_ID"}
    of_run = {"BACKUP_RUN": "", "GITHUB_REPOSITORY": "shop/api", "GITHUB_RUN_ID": "11922873421"}
    first = pipeline.run(step["run"], **of_run, GITHUB_RUN_ATTEMPT="1")
    again = pipeline.run(step["run"], **of_run, GITHUB_RUN_ATTEMPT="2")
    assert (first.code, again.code) == (0, 0)
    assert len(pipeline.stage.backups_of(pipeline.instance)) == 1


def test_the_lines_for_gitlab_work_and_so_does_a_retry(pipeline: Pipeline) -> None:
    """With what GitLab itself sets: the job's token lets the AWS command line in, and nothing else.

    Whom a role trusts is not shown here, for moto gives a session to everybody.
    """
    job = GITLAB["backup"]
    pipeline.credentials.clear()
    of_pipeline = {
        "BACKUP_RUN": "",
        "CI_PIPELINE_ID": "1563829974",
        "CI_PROJECT_PATH": "shop/api",
        "GAUSSDB_INSTANCE_ID": pipeline.instance,
        "GITLAB_TOKEN": "not-a-real-token",
        "BACKUP_ROLE_ARN": "arn:aws:iam::123456789012:role/pipeline",
    }
    assert job["variables"].keys() - of_pipeline.keys() == {
        "AWS_DEFAULT_REGION",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    }
    assert job["variables"]["AWS_ROLE_ARN"] == "$BACKUP_ROLE_ARN"
    of_job = {
        "AWS_ROLE_ARN": of_pipeline["BACKUP_ROLE_ARN"],
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(pipeline.folder / "token"),
    }
    assert job["id_tokens"].keys() == {"GITLAB_TOKEN"}
    runs = [
        pipeline.run("\n".join(job["script"]), **of_pipeline, **of_job, CI_JOB_ID=number)
        for number in ("1", "2")
    ]
    assert [run.code for run in runs] == [0, 0]
    asked = pipeline.stage.step_functions.unsigned[-1]
    assert "Action=AssumeRoleWithWebIdentity" in asked
    assert "WebIdentityToken=not-a-real-token" in asked
    assert len(pipeline.stage.backups_of(pipeline.instance)) == 1


def test_the_deployment_comes_after_the_backup() -> None:
    """In either system a failed backup keeps it from beginning."""
    assert GITHUB["jobs"]["deploy"]["needs"] == "backup"
    stages = GITLAB["stages"]
    assert stages.index(GITLAB["backup"]["stage"]) < stages.index(GITLAB["deploy"]["stage"])


def test_a_job_has_the_time_that_its_system_gives_and_a_session_as_long() -> None:
    """Six hours on GitHub's runners and three on GitLab's; by default a job ends much sooner."""
    job = GITHUB["jobs"]["backup"]
    assert job["timeout-minutes"] == 360
    assert github_step("with")["with"]["role-duration-seconds"] == 60 * job["timeout-minutes"]
    assert GITLAB["backup"]["timeout"] == "3 hours"


def test_a_job_gets_a_token_of_its_system_and_no_other_right() -> None:
    """GitHub's job may ask for the token and read the repository; GitLab's is made for one use."""
    assert GITHUB["jobs"]["backup"]["permissions"] == {"contents": "read", "id-token": "write"}
    assert GITLAB["backup"]["id_tokens"] == {"GITLAB_TOKEN": {"aud": "https://gitlab.com"}}


def test_the_pipeline_s_role_may_do_what_the_script_does() -> None:
    """Each call of the AWS command line is an action, and there is none beside."""
    calls = set(re.findall(r"aws stepfunctions ([a-z-]+)", SCRIPT.read_text(encoding="utf-8")))
    assert {f"states:{call.title().replace('-', '')}" for call in calls} == {
        statement["Action"] for statement in RIGHTS
    }
    machine = "arn:aws:states:eu-central-1:123456789012:{}:BackupStateMachine"
    assert [statement["Resource"] for statement in RIGHTS] == [
        machine.format("stateMachine"),
        machine.format("execution") + ":*",
    ]


def test_the_role_trusts_one_branch_of_one_project() -> None:
    """By the subject of the token, and only where the token was made for AWS."""
    conditions = []
    for [statement] in TRUST:
        assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
        provider = statement["Principal"]["Federated"].partition("oidc-provider/")[2]
        said = statement["Condition"]["StringEquals"]
        conditions.append({key.removeprefix(f"{provider}:"): said[key] for key in said})
    assert conditions == [
        {"aud": "sts.amazonaws.com", "sub": "repo:acme/shop:ref:refs/heads/main"},
        {"aud": "https://gitlab.com", "sub": "project_path:acme/shop:ref_type:branch:ref:main"},
    ]
