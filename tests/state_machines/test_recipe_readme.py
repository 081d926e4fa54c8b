"""The README of the recipe: its pipelines are run, and its policies held to what they need."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import pytest
import yaml

from tests.state_machines.pipeline import CALL, RECIPES, SCRIPT, described

if TYPE_CHECKING:
    from tests.state_machines.pipeline import Pipeline

README: Final = (RECIPES / "README.md").read_text(encoding="utf-8")
SOURCE: Final = SCRIPT.read_text(encoding="utf-8")
TABLE: Final = [
    (int(code), after, deployment)
    for code, after, deployment in re.findall(r"^\| (\d) \| (.+) \| (.+) \|$", README, re.MULTILINE)
]
GITHUB, GITLAB = (
    yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
)
RIGHTS, *TRUST = (
    json.loads(block) for block in re.findall(r"```json\n(.*?)```", README, re.DOTALL)
)
# pinned, because whoever moves a tag could run anything with the pipeline's session
CHECKOUT: Final = "3d3c42e5aac5ba805825da76410c181273ba90b1"
SIGN_IN: Final = "e6de054238d6b7531b4efff3b6587d9aade6a06c"
IMAGE: Final = "sha256:337494c2047176fe9abcf45a5d1eaf1c2c62cae40953284fb1143b5c6170f065"
ON: Final = True  # what YAML 1.1 makes of GitHub's word
PUSH_TO_MAIN: Final = {"push": {"branches": ["main"]}}
ON_MAIN: Final = [{"if": '$CI_COMMIT_BRANCH == "main"'}]
LINES: Final = {
    "GitHub": GITHUB["jobs"]["backup"]["steps"][-1]["run"],
    "GitLab": "\n".join(GITLAB["backup"]["script"]),
}


def policy(*statements: object) -> object:
    """A policy that says this and nothing else."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def test_the_line_for_github_actions_works_and_so_does_a_re_run(pipeline: Pipeline) -> None:
    """With what GitHub itself sets, and the variables that the step declares."""
    of_run = {"BACKUP_RUN": "", "GITHUB_REPOSITORY": "shop/api", "GITHUB_RUN_ID": "11922873421"}
    first = pipeline.run(LINES["GitHub"], **of_run, GITHUB_RUN_ATTEMPT="1")
    again = pipeline.run(LINES["GitHub"], **of_run, GITHUB_RUN_ATTEMPT="2")
    assert (first.code, again.code) == (0, 0)
    assert len(pipeline.stage.backups_of(pipeline.instance)) == 1


def test_the_lines_for_gitlab_work_and_so_does_a_retry(pipeline: Pipeline) -> None:
    """With what GitLab itself sets: the job's token lets the AWS command line in, and nothing else.

    The session is kept below `HOME`, where the second job finds it. Whom a role trusts is not shown
    here, for moto gives a session to everybody.
    """
    pipeline.credentials.clear()
    of_pipeline = {
        "BACKUP_RUN": "",
        "CI_PIPELINE_ID": "1563829974",
        "CI_PROJECT_PATH": "shop/api",
        "GAUSSDB_INSTANCE_ID": pipeline.instance,
        "AWS_ID_TOKEN": "not-a-real-token",
        "BACKUP_ROLE_ARN": "arn:aws:iam::123456789012:role/pipeline",
    }
    of_job = {
        "AWS_ROLE_ARN": of_pipeline["BACKUP_ROLE_ARN"],
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(pipeline.folder / "token"),
    }
    runs = [
        pipeline.run(LINES["GitLab"], **of_pipeline, **of_job, CI_JOB_ID=number)
        for number in ("1", "2")
    ]
    assert [run.code for run in runs] == [0, 0]
    asked = pipeline.stage.step_functions.unsigned[-1]
    assert "Action=AssumeRoleWithWebIdentity" in asked
    assert "WebIdentityToken=not-a-real-token" in asked
    assert len(list((pipeline.folder / ".aws/cli/cache").iterdir())) == 1
    assert len(pipeline.stage.backups_of(pipeline.instance)) == 1


@pytest.mark.parametrize("system", LINES)
def test_a_backup_that_failed_fails_its_job(pipeline: Pipeline, system: str) -> None:
    """Nothing behind the script in the job's lines makes up for it."""
    pipeline.let_aws_say(described("FAILED", "failed", '{"outcome":"failed"}'))
    declared = {
        "AWS_ID_TOKEN": "not-a-real-token",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(pipeline.folder / "token"),
        "GAUSSDB_INSTANCE_ID": pipeline.instance,
    }
    assert pipeline.run(LINES[system], **declared).code == 1


def test_github_begins_the_deployment_after_a_completed_backup_only() -> None:
    """Compared whole, since one word more in a job lets it begin in spite of a failure.

    The job that backs up may ask for a token and read the repository; its session lasts as long as
    the job may, six hours on GitHub's runners.
    """
    hours = 6
    signs_in = {
        "role-to-assume": "${{ vars.BACKUP_ROLE_ARN }}",
        "role-duration-seconds": hours * 60 * 60,
        "aws-region": "eu-central-1",
    }
    backs_up = {
        "name": "Back up the database",
        "env": {
            "BACKUP_STATE_MACHINE_ARN": "${{ vars.BACKUP_STATE_MACHINE_ARN }}",
            "INSTANCE_ID": "${{ vars.GAUSSDB_INSTANCE_ID }}",
        },
        "run": CALL,
    }
    jobs = {
        "backup": {
            "runs-on": "ubuntu-latest",
            "timeout-minutes": hours * 60,
            "permissions": {"contents": "read", "id-token": "write"},
            "steps": [
                {"uses": f"actions/checkout@{CHECKOUT}"},
                {"uses": f"aws-actions/configure-aws-credentials@{SIGN_IN}", "with": signs_in},
                backs_up,
            ],
        },
        "deploy": {
            "needs": "backup",
            "runs-on": "ubuntu-latest",
            "steps": [{"run": 'echo "the deployment"'}],
        },
    }
    assert {"name": "Deploy", ON: PUSH_TO_MAIN, "jobs": jobs} == GITHUB


def test_gitlab_begins_the_deployment_after_a_completed_backup_only() -> None:
    """Compared whole, since one word more in a job lets it begin in spite of a failure.

    The job that backs up has a token that is made for one use, and the three hours of GitLab.com's
    runners.
    """
    assert {
        "stages": ["backup", "deploy"],
        "backup": {
            "stage": "backup",
            "rules": ON_MAIN,
            "timeout": "3 hours",
            "image": {"name": f"public.ecr.aws/aws-cli/aws-cli:2.37.0@{IMAGE}", "entrypoint": [""]},
            "id_tokens": {"AWS_ID_TOKEN": {"aud": "https://gitlab.com"}},
            "variables": {
                "AWS_DEFAULT_REGION": "eu-central-1",
                "AWS_ROLE_ARN": "$BACKUP_ROLE_ARN",
                "AWS_WEB_IDENTITY_TOKEN_FILE": "/tmp/gitlab-token",  # noqa: S108 - in a container
            },
            "script": [
                """printf '%s' "$AWS_ID_TOKEN" > "$AWS_WEB_IDENTITY_TOKEN_FILE\"""",
                'sh ci/backup-before-deploy.sh "$GAUSSDB_INSTANCE_ID"',
            ],
        },
        "deploy": {"stage": "deploy", "rules": ON_MAIN, "script": ['echo "the deployment"']},
    } == GITLAB


def test_a_pipeline_runs_for_the_branch_that_its_role_trusts_and_no_other() -> None:
    """Elsewhere AWS would refuse the job its session, and the pipeline would fail."""
    assert GITHUB[ON] == PUSH_TO_MAIN
    assert [GITLAB[job]["rules"] for job in ("backup", "deploy")] == [ON_MAIN, ON_MAIN]


def test_the_pipeline_s_role_may_do_what_the_script_does() -> None:
    """Each call of the AWS command line is an action, and there is none beside."""
    calls = re.findall(r"aws stepfunctions ([a-z-]+)", SOURCE)
    begin, look = ["states:" + call.title().replace("-", "") for call in calls]
    of_account = "arn:aws:states:eu-central-1:123456789012"
    allowed = policy(
        {
            "Effect": "Allow",
            "Action": begin,
            "Resource": f"{of_account}:stateMachine:BackupStateMachine",
        },
        {
            "Effect": "Allow",
            "Action": look,
            "Resource": f"{of_account}:execution:BackupStateMachine:*",
        },
    )
    assert allowed == RIGHTS


@pytest.mark.parametrize(
    ("trust", "provider", "audience", "subject"),
    [
        (
            TRUST[0],
            "token.actions.githubusercontent.com",
            "sts.amazonaws.com",
            "repo:acme/shop:ref:refs/heads/main",
        ),
        (
            TRUST[1],
            "gitlab.com",
            "https://gitlab.com",
            "project_path:acme/shop:ref_type:branch:ref:main",
        ),
    ],
    ids=["GitHub", "GitLab"],
)
def test_the_role_trusts_one_branch_of_one_project(
    trust: object, provider: str, audience: str, subject: str
) -> None:
    """By the subject of the token, and only where the token was made for AWS."""
    assert trust == policy(
        {
            "Effect": "Allow",
            "Principal": {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{provider}"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {f"{provider}:aud": audience, f"{provider}:sub": subject}
            },
        }
    )


def test_the_table_has_every_code_once_and_lets_one_deployment_begin() -> None:
    """The one after a completed backup."""
    assert sorted(code for code, _, _ in TABLE) == sorted(
        set(map(int, re.findall(r"\bexit (\d+)", SOURCE)))
    )
    assert [code for code, _, deployment in TABLE if deployment == "may begin"] == [0]


@pytest.mark.parametrize(
    ("after", "look", "line"),
    [
        ("is completed", described("SUCCEEDED", outcome='{"outcome":"completed"}'), CALL),
        ("failed or was refused", described("FAILED", "failed", '{"outcome":"failed"}'), CALL),
        ("was stopped", described("ABORTED"), CALL),
        ("could not be reached", "", CALL),
        ("was not completed within", described("FAILED", "timed_out", "{}"), CALL),
        ("in the wrong way", described("SUCCEEDED"), f"{CALL} another"),
    ],
)
def test_the_script_ends_with_the_code_that_the_table_has(
    pipeline: Pipeline, after: str, look: str, line: str
) -> None:
    """After each of the things that the table tells of."""
    pipeline.let_aws_say(look)
    [code] = [code for code, told, _ in TABLE if after in told]
    assert pipeline.run(line, BACKUP_POLL_SECONDS="0.01").code == code
