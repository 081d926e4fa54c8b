"""The script that backs up before a deployment, run with AWS's own command line."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.state_machines.pipeline import described, ended

if TYPE_CHECKING:
    from tests.state_machines.pipeline import Pipeline

COMPLETED: Final = '{"outcome":"completed"}'
WELL: Final = described("SUCCEEDED", outcome=COMPLETED)
ILL: Final = described("FAILED", "failed", '{"outcome":"failed","error":"BackupFailed"}')
RUNS: Final = described("RUNNING")
TROUBLE: Final = ""
THERE_ALREADY: Final = "An error occurred (ExecutionAlreadyExists) when calling StartExecution"


def test_a_deployment_waits_for_its_backup_and_a_repeated_run_makes_no_second(
    pipeline: Pipeline,
) -> None:
    """It ends well once the backup is completed; run again, it takes the first run's result."""
    first = pipeline.run()
    [made] = pipeline.stage.backups_of(pipeline.instance)
    assert first.code == 0
    assert first.outcome["outcome"] == "completed"
    assert (first.outcome["backup"]["id"], made.status) == (made.id, "COMPLETED")
    assert made.name.startswith("before-deploy-")
    again = pipeline.run()
    assert (again.code, again.outcome) == (0, first.outcome)
    assert "there already" in again.said
    assert "another begins" not in again.said
    assert pipeline.stage.backups_of(pipeline.instance) == [made]


@pytest.mark.parametrize(("fails", "code"), [(False, 0), (True, 1)])
def test_two_jobs_of_one_run_wait_for_the_same_backup(
    pipeline: Pipeline,
    fails: bool,  # noqa: FBT001 - a column of the table
    code: int,
) -> None:
    """Also where the second begins while the first is waiting, and whatever comes of it.

    With another prefix it asks for something else, so that AWS tells it that the execution exists.
    """
    pipeline.stage.cloud.backup_seconds = 6
    if fails:
        pipeline.stage.cloud.fail_backup()
    jobs = [pipeline.start(), pipeline.start(BACKUP_NAME_PREFIX="renamed")]
    first, second = map(ended, jobs)
    assert ["there already" in job.said for job in (first, second)].count(True) == 1
    assert (first.code, second.code) == (code, code)
    assert first.outcome == second.outcome
    assert len(pipeline.stage.backups_of(pipeline.instance)) == 1


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
    states = [made.status for made in pipeline.stage.backups_of(pipeline.instance)]
    assert states == ["FAILED", "COMPLETED"]


def test_a_backup_that_takes_too_long_stops_the_deployment_and_is_found_again(
    pipeline: Pipeline,
) -> None:
    """A repetition goes on waiting for the backup that builds, and makes no other beside it.

    Not even where the names of backups shall begin in another way from now on.
    """
    pipeline.stage.cloud.backup_seconds = 30
    slow = pipeline.stage.deploy(limit=1, wait=1)
    late = pipeline.run(BACKUP_STATE_MACHINE_ARN=slow)
    assert (late.code, late.outcome["outcome"]) == (3, "timed_out")
    assert "still be building" in late.said
    pipeline.stage.cloud.clock.advance(30)
    again = pipeline.run(BACKUP_STATE_MACHINE_ARN=slow, BACKUP_NAME_PREFIX="renamed")
    assert again.code == 0
    assert again.outcome["backup"]["id"] == late.outcome["backup"]["id"]
    assert len(pipeline.stage.backups_of(pipeline.instance)) == 1


@pytest.mark.parametrize(
    ("looks", "code"),
    [
        ([*[TROUBLE] * 9, WELL], 0),
        ([*[TROUBLE] * 9, RUNS, *[TROUBLE] * 9, WELL], 0),
        ([*[TROUBLE] * 10, WELL], 1),
    ],
    ids=["nine", "nine and nine", "ten"],
)
def test_nine_looks_in_a_row_may_fail_and_the_tenth_ends_the_job(
    pipeline: Pipeline, looks: list[str], code: int
) -> None:
    """One that succeeds tells, and the count begins anew."""
    pipeline.let_aws_say(*looks)
    assert pipeline.run(BACKUP_POLL_SECONDS="0.01").code == code


@pytest.mark.parametrize(
    ("looks", "code", "attempts"),
    [
        ([ILL, ILL, ILL, WELL], 0, 4),
        ([*[ILL] * 50, WELL], 1, 50),
        ([RUNS, ILL, WELL], 1, 1),
        ([ILL, RUNS, ILL, WELL], 1, 2),
    ],
    ids=["the fourth", "never", "followed", "followed, the second"],
)
def test_an_attempt_that_ended_badly_earlier_is_followed_by_another(
    pipeline: Pipeline, looks: list[str], code: int, attempts: int
) -> None:
    """Up to fifty, each under a name of its own.

    None follows one that ended while the job was waiting for it, whoever started it.
    """
    pipeline.let_aws_say(*looks, refusing=THERE_ALREADY)
    assert pipeline.run(BACKUP_POLL_SECONDS="0.01").code == code
    assert len(set(names := pipeline.told_aws("name"))) == len(names) == attempts


def test_a_start_that_fails_otherwise_ends_the_job(pipeline: Pipeline) -> None:
    """It takes no result of an execution that it did not find there."""
    pipeline.let_aws_say(WELL, refusing="An error occurred (AccessDeniedException)")
    done = pipeline.run()
    assert (done.code, done.outcome) == (1, None)
    assert "AccessDeniedException" in done.said


def test_a_refused_request_stops_the_deployment(pipeline: Pipeline) -> None:
    """It ends once, and tells the function's own words."""
    refused = pipeline.run(INSTANCE_ID="unknown")
    assert (refused.code, refused.outcome["error"]) == (1, "InstanceNotFound")
    assert f"reason: InstanceNotFound: {refused.outcome['cause']}" in refused.said


@pytest.mark.parametrize("outcome", ['{"error": "InstanceBusy", "cause": "a \\"backup\\" runs"}'])
def test_the_reason_of_a_failure_is_told_however_json_is_spaced(
    pipeline: Pipeline, outcome: str
) -> None:
    """As JSON writes it, with and without a blank after the colon."""
    pipeline.let_aws_say(described("FAILED", "failed", outcome))
    assert 'reason: InstanceBusy: a \\"backup\\" runs\n' in pipeline.run().said


def test_a_job_that_waits_says_so_every_five_minutes(pipeline: Pipeline) -> None:
    """Systems end a job that says nothing for too long, and so do people."""
    pipeline.let_aws_say(*[RUNS] * 5, WELL)
    pipeline.let_the_clock_tick(seconds=150)
    done = pipeline.run(BACKUP_POLL_SECONDS="0.01")
    minutes = re.findall(r"still runs, after (\d+) minutes", done.said)
    assert minutes == ["5", "10"]


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
        ({"BACKUP_NAME_PREFIX": 'a"b'}, "BACKUP_NAME_PREFIX is not how a name may begin"),
        ({"BACKUP_NAME_PREFIX": "1st"}, "BACKUP_NAME_PREFIX is not how a name may begin"),
        ({"BACKUP_NAME_PREFIX": "a" * 35}, "BACKUP_NAME_PREFIX has more than 34 characters"),
        *(
            ({"BACKUP_POLL_SECONDS": seconds}, "BACKUP_POLL_SECONDS is no number of seconds")
            for seconds in ("0", "0.0", "-1", "1.", ".5", "1.2.3", "15s", "a minute")
        ),
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


@pytest.mark.parametrize("arguments", ["", '"$INSTANCE_ID" another'])
def test_a_call_is_for_one_instance(pipeline: Pipeline, arguments: str) -> None:
    """Not for none, and not for two."""
    done = pipeline.run(f"sh ci/backup-before-deploy.sh {arguments}")
    assert (done.code, done.outcome) == (2, None)
    assert "usage:" in done.said


@pytest.mark.parametrize("run", ["7", "group/" * 16 + "shop"], ids=["short", "a hundred long"])
def test_two_instances_of_one_run_have_a_backup_each(pipeline: Pipeline, run: str) -> None:
    """Also where an execution's name has no room for all of the run's."""
    instances = [pipeline.instance, pipeline.stage.cloud.add_instance().id]
    jobs = [pipeline.start(INSTANCE_ID=instance, BACKUP_RUN=run) for instance in instances]
    done = [ended(job) for job in jobs]
    assert [job.code for job in done] == [0, 0]
    assert [job.outcome["instance_id"] for job in done] == instances
    assert [len(pipeline.stage.backups_of(instance)) for instance in instances] == [1, 1]


def test_another_run_makes_a_backup_of_its_own_however_long_its_name(pipeline: Pipeline) -> None:
    """An execution's name has no room for all of it, and what is unique may stand in front."""
    long = "customer-portal/backend-services/shop-api-production"
    assert pipeline.run(BACKUP_RUN=f"4711-{long}").code == 0
    assert pipeline.run(BACKUP_RUN=f"4712-{long}").code == 0
    assert len(pipeline.stage.backups_of(pipeline.instance)) == 2


@pytest.mark.parametrize(
    "runs",
    [
        ["group/" * 30 + "shop-1", "group/" * 30 + "shop-2"],
        ["1-" + "group/" * 30 + "shop", "2-" + "group/" * 30 + "shop"],
        ["shop/api-7", "shop-api/7", "shop api 7"],
        ["--x-1", "-x-1", "x-1"],
        ["acme/prod-customer-portal-backend-ap-1", "acme/prod-customer-portal-backend-ap-2"],
        ["Köln-1", "Köln-2", "K-ln-1"],
        ["line\nbreak", "line break"],
    ],
    ids=[
        "number last",
        "number first",
        "spelled",
        "hyphens",
        "cut at a hyphen",
        "accents",
        "lines",
    ],
)
def test_an_execution_has_a_name_that_aws_takes_and_no_other_run_has(
    pipeline: Pipeline, runs: list[str]
) -> None:
    """It is at most 76 characters long, so that there is room for the number of an attempt."""
    pipeline.let_aws_say(WELL)
    for run in runs:
        assert pipeline.run(BACKUP_RUN=run).code == 0
        assert pipeline.run(BACKUP_RUN=run).code == 0
    names = pipeline.told_aws("name")
    first, again = names[::2], names[1::2]
    assert first == again
    assert len(set(first)) == len(runs)
    assert [name for name in first if not re.fullmatch(r"[a-z][A-Za-z0-9_-]{0,75}", name)] == []


@pytest.mark.parametrize(
    ("project", "number"),
    [("GITHUB_REPOSITORY", "GITHUB_RUN_ID"), ("CI_PROJECT_PATH", "CI_PIPELINE_ID")],
    ids=["GitHub", "GitLab"],
)
def test_a_run_is_named_after_its_project_and_its_number(
    pipeline: Pipeline, project: str, number: str
) -> None:
    """Neither of them alone tells the runs of all projects apart."""
    pipeline.let_aws_say(WELL)
    for name, of_run in (("acme/shop", "7"), ("acme/api", "7"), ("acme/api", "8")):
        assert pipeline.run(BACKUP_RUN="", **{project: name, number: of_run}).code == 0
    assert len(set(pipeline.told_aws("name"))) == 3


@pytest.mark.parametrize("suffix", ["", ":live", ":3"], ids=["plain", "alias", "version"])
def test_an_execution_is_looked_for_where_aws_keeps_it(pipeline: Pipeline, suffix: str) -> None:
    """Under the state machine's name, though it was started by an alias or a version."""
    pipeline.let_aws_say(WELL)
    machine = "arn:aws:states:eu-central-1:123456789012:{}:BackupStateMachine"
    started = machine.format("stateMachine") + suffix
    assert pipeline.run(BACKUP_STATE_MACHINE_ARN=started).code == 0
    [name] = pipeline.told_aws("name")
    assert pipeline.told_aws("state-machine-arn") == [started]
    assert pipeline.told_aws("execution-arn") == [f"{machine.format('execution')}:{name}"]


@pytest.mark.parametrize(
    ("said", "code", "error"),
    [
        (("SUCCEEDED", "None", COMPLETED), 0, None),
        (("SUCCEEDED", "None", '{"completed": [], "failed": []}'), 1, None),
        (("SUCCEEDED", "None", json.dumps({"is": COMPLETED})), 1, None),
        (("FAILED", "timed_out", '{"error":"TimedOut"}'), 3, "TimedOut"),
        (("FAILED", "failed", '{"error":"InstanceBusy"}'), 1, "InstanceBusy"),
        (("FAILED", "States.Runtime", "An error occurred,\nand why"), 1, "States.Runtime"),
        (("ABORTED", "None", "None"), 1, "ABORTED"),
        (("ABORTED", 'by "me"', "not now"), 1, "byme"),
        (("TIMED_OUT", "None", "None"), 1, "TIMED_OUT"),
    ],
    ids=[
        *("completed", "another machine", "quoted", "too long", "refused"),
        *("a fault of its own", "stopped", "stopped with words", "ended by AWS"),
    ],
)
def test_an_execution_that_ended_as_aws_says_lets_the_deployment_begin_or_not(
    pipeline: Pipeline, said: tuple[str, str, str], code: int, error: str | None
) -> None:
    """Only with the outcome completed; whatever it was, the outcome printed is JSON."""
    pipeline.let_aws_say(described(*said))
    done = pipeline.run()
    assert (done.code, done.outcome.get("error")) == (code, error)
