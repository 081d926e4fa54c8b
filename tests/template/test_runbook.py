"""The runbook holds what the template and the function say, and its commands work."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest

from gaussdb_backup import errors
from gaussdb_backup.errors import BackupError, ConfigurationError
from tests.template.alarms import alarms
from tests.template.dashboard import queries, widgets
from tests.template.function_log import published
from tests.template.runbook import RUNBOOK, SECTIONS, parameter_rows, table
from tests.template.scheduler import fired

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.template.cloudformation import Stack

OUR_ERRORS: Final[Mapping[str, type[BackupError]]] = {
    name: error
    for name, error in vars(errors).items()
    if isinstance(error, type) and issubclass(error, BackupError) and error is not BackupError
}
CAMEL_CASE: Final = "[A-Z][a-z][A-Za-z0-9]*"
# of AWS or of the cloud: fields of their messages, metrics, properties
NAMES_OF_OTHERS: Final = {
    "ConcurrentExecutions",
    "ErrorMessage",
    "MemorySize",
    "ResultWriterDetails",
}
# parameters of version 0.2.0, which an upgrade takes away
GONE: Final = {
    "Architecture",
    "BackupTimeLimitSeconds",
    "BusyRetries",
    "ExtensionLayerArm64",
    "ExtensionLayerArn",
    "ExtensionLayerX86",
    "FlexibleWindowMinutes",
    "FreshnessHours",
    "GaussDBEndpoint",
    "IamEndpoint",
    "InvocationEvents",
    "LogRetentionDays",
    "LogsKmsKeyArn",
    "RequesterAccount",
    "SecretsKmsKeyArn",
    "ToleratedFailurePercentage",
    "WaitForCompletion",
}


def test_links_within_it_lead_somewhere() -> None:
    """Every anchor is a heading, as a forge spells it."""
    headings = re.findall(r"^#+ (.*)$", RUNBOOK, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    links = set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK))
    assert links
    assert links - anchors == set()


def test_every_alarm_has_its_section_with_cause_and_cure(stack: Stack) -> None:
    """A heading for each alarm and for no other, where its mail leads."""
    sections = {name: text for name, text in SECTIONS.items() if "**Cause.**" in text}
    assert sorted(sections) == sorted(alarms(stack))
    assert [name for name, text in sections.items() if "**Cure.**" not in text] == []


def test_the_table_of_errors_has_every_error_once(stack: Stack) -> None:
    """With whether it is tried again; the alarms' sections lead to the table."""
    found = {
        name: again
        for names, again, *_ in table("Errors", "error")
        for name in re.findall(r"`(\w+)`", names)
    }
    known = {name: "yes" if error.retryable else "no" for name, error in OUR_ERRORS.items()}
    assert found == {**known, ConfigurationError.__name__: "no"}
    assert "(#errors)" in SECTIONS["Alarms"]
    assert stack.has("FailuresByCode")


def test_every_parameter_is_in_its_table(template: dict[str, Any]) -> None:
    """As the template says, in its order."""
    rows = SECTIONS["Parameters"].partition("|---|---|---|\n")[2].strip().splitlines()
    assert rows == parameter_rows(template)


def test_every_name_that_it_uses_is_a_name(
    template: dict[str, Any], stack: Stack, lines: Mapping[str, list[str]]
) -> None:
    """A parameter, an output, a resource, an error or a metric; none is renamed behind its back."""
    log = [line for written in lines.values() for line in written]
    metrics = {metric.name.partition("/")[2] for metric in published(stack, log)}
    known = {*template["Parameters"], *template["Outputs"], *template["Resources"]}
    known |= {*OUR_ERRORS, *metrics, ConfigurationError.__name__}
    words = set(re.findall(rf"`({CAMEL_CASE})(?:=[^`]*)?`", RUNBOOK))
    assert words - known == NAMES_OF_OTHERS | GONE
    assert not known & GONE


def test_what_it_sets_parameters_to_is_allowed(template: dict[str, Any]) -> None:
    """Where it writes `Parameter=value`."""
    for name, value in re.findall(rf"`({CAMEL_CASE})=([^`]+)`", RUNBOOK):
        parameter = template["Parameters"][name]
        assert value in parameter.get("AllowedValues", [value]), name
        assert re.fullmatch(parameter.get("AllowedPattern", ".*"), value), name


def test_its_shell_finds_the_outputs_that_it_asks_for(template: dict[str, Any]) -> None:
    """By the names that the stack gives them."""
    asked = set(re.findall(r"\$\(output (\w+)\)", RUNBOOK))
    assert asked == {
        "BackupStateMachineArn",
        "DeadLettersUrl",
        "FleetStateMachineArn",
        "FunctionName",
        "LogGroup",
        "RequestDeadLettersArn",
    }
    assert asked - template["Outputs"].keys() == set()


def test_its_shell_sets_every_variable_before_it_uses_it() -> None:
    """Whoever copies the blocks one after the other has what the next one needs."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", RUNBOOK, re.MULTILINE | re.DOTALL)
    shell = "\n".join(blocks)
    made = set(re.findall(r"\b([A-Z_]+)=", shell)) | set(re.findall(r"\bread -r (\w+)", shell))
    used = set(re.findall(r"\$\{?([A-Z][A-Z_]+)", RUNBOOK))
    assert used - made == set()


def test_every_block_of_shell_is_one() -> None:
    """A shell reads each without a complaint; nothing is run."""
    blocks = re.findall(r"^( *)```sh\n(.*?)^ *```", RUNBOOK, re.MULTILINE | re.DOTALL)
    assert len(blocks) > 5
    for _, block in blocks:
        done = subprocess.run(
            ["sh", "-n"],  # noqa: S607 - the operator's own
            input=block,
            capture_output=True,
            check=False,
            text=True,
        )
        assert done.stderr == "", block


def test_every_widget_is_explained(stack: Stack) -> None:
    """The table of the dashboard has a row for each widget, in the order in which they stand."""
    explained = [row[0] for row in table("Read the dashboard", "widget")]
    titles = list(widgets(stack))
    assert len(explained) == len(titles)
    assert [t for t, name in zip(titles, explained, strict=True) if not t.startswith(name)] == []


def test_every_saved_query_is_named(stack: Stack) -> None:
    """Where the dashboard is explained."""
    saved = [name for name in queries(stack) if name.islower()]
    assert len(saved) == 3
    assert [name for name in saved if f"*{name}*" not in SECTIONS["Read the dashboard"]] == []


def test_the_live_test_has_a_question_for_every_step() -> None:
    """Its commands and its table have the same steps, each with what is assumed and what if not."""
    steps = table("Live smoke test", "step")
    commands = re.findall(r" # (\d+)$", SECTIONS["Live smoke test"], re.MULTILINE)
    assert commands == [row[0] for row in steps]
    assert all(all(row) and len(row) == 4 for row in steps)


def operator(
    folder: Path, script: str, reply: object = None, error: str = "None"
) -> subprocess.CompletedProcess[str]:
    """Runs shell as an operator does, after the first block; a stand-in plays AWS's command line.

    Args:
        folder: where the stand-in lies, and notes its calls in `calls`.
        script: what the operator types.
        reply: what the function replies.
        error: what Lambda says of the function's end.
    """
    (folder / "reply").write_text(json.dumps(reply), encoding="utf-8")
    (folder / "bin").mkdir()
    (folder / "bin/aws").write_text(
        f"""#!/bin/sh
printf '%s\\n' "$@" >> {folder}/calls
for last; do :; done
if [ "$2" = invoke ]; then
    [ "{error}" != refused ] || exit 254
    cat {folder}/reply > "$last"
    echo {error}
else
    echo from-aws
fi
""",
        encoding="utf-8",
    )
    (folder / "bin/aws").chmod(0o755)
    first, *_ = re.findall(r"^```sh\n(.*?)^```", RUNBOOK, re.MULTILINE | re.DOTALL)
    return subprocess.run(
        ["sh", "-u", "-c", f"{first}\n{script}"],  # noqa: S607 - the operator's own
        env={"PATH": f"{folder}/bin:{os.environ['PATH']}"},
        capture_output=True,
        check=False,
        text=True,
    )


@pytest.mark.parametrize(
    ("error", "code"), [("None", 0), ("Unhandled", 1), ("refused", 1)], ids=str
)
def test_ask_writes_the_reply_alone_and_fails_as_the_function_does(
    tmp_path: Path, error: str, code: int
) -> None:
    """So that it may stand in a pipe and in a condition."""
    reply = {"outcome": "ready"}
    done = operator(tmp_path, """ask '{"action": "check"}'""", reply, error)
    assert done.returncode == code
    assert done.stdout == ("" if error == "refused" else json.dumps(reply) + "\n")


def test_both_ways_to_back_up_now_ask_for_the_same_backup(tmp_path: Path) -> None:
    """One key, so that no mixture of them makes two."""
    block = SECTIONS["Back up now"].partition("```sh\n")[2].partition("```")[0]
    done = operator(tmp_path, f'{block}\nprintf "%s\\n" "$KEY" "$EXECUTION"', {})
    key, execution = done.stdout.splitlines()[-2:]
    calls = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    asked = [json.loads(call) for call in calls if call.startswith("{")]
    assert asked == [{"instance_id": "ID", "idempotency_key": key}] * 2
    assert execution == "from-aws"


def letters(stack: Stack) -> dict[str, tuple[object, object]]:
    """What lies in the dead letters, and the event that is in it, by who gave up."""
    direct = {"instance_id": "a1", "description": 'back\\slash, tab\t and "quotes"'}
    envelope = {"detail-type": "Backup Requested", "detail": direct, "id": "1"}
    scheduled = fired(stack.properties("FleetSchedule"))
    call = {"FunctionName": "f", "InvocationType": "Event", "Payload": json.dumps(direct)}
    start = {"StateMachineArn": "arn:aws:states:…", "Input": json.dumps(scheduled)}
    return {
        "Lambda, an event of its own": (direct, direct),
        "Lambda, an event from the bus": (envelope, envelope),
        "Scheduler, a call of the function": (call, direct),
        "Scheduler, a start of a state machine": (start, scheduled),
        "Scheduler, its input alone": (scheduled, scheduled),
    }


@pytest.mark.skipif(shutil.which("jq") is None, reason="operators have jq, this machine has not")
def test_letters_are_read_as_they_were_written(stack: Stack, tmp_path: Path) -> None:
    """The event is taken out of each, whoever put it in, and gets a key that stays the same."""
    written = letters(stack)
    messages = [
        {"MessageId": f"id-{n}", "ReceiptHandle": f"handle-{n}", "Body": json.dumps(body)}
        for n, (body, _) in enumerate(written.values())
    ]
    (tmp_path / "letters.json").write_text(json.dumps({"Messages": messages}), encoding="utf-8")
    [block] = re.findall(r"```sh\n(aws sqs receive.*?)```", RUNBOOK, re.DOTALL)
    commands = re.sub(r"n=0 .*\n", "", block.partition("letters.json\njq ")[2].partition("\n")[2])
    for n, (_, event) in enumerate(written.values()):
        script = f'n={n}\n{commands}printf "%s\\n" "$KEYED" "$RECEIPT_HANDLE"'
        done = subprocess.run(
            ["sh", "-euc", script],  # noqa: S607 - the operator's own
            cwd=tmp_path,
            capture_output=True,
            check=True,
            text=True,
        )
        body, keyed, handle = done.stdout.splitlines()
        assert json.loads(body) == event
        assert json.loads(keyed) == {**json.loads(body), "idempotency_key": f"id-{n}"}
        assert handle == f"handle-{n}"


@pytest.mark.skipif(shutil.which("jq") is None, reason="operators have jq, this machine has not")
def test_a_run_that_failed_is_started_again_as_it_was(stack: Stack) -> None:
    """With its own input and key, but for the instances: so what was made is found."""
    given = fired(stack.properties("FleetSchedule"))
    [block] = re.findall(r"```sh\n(EXECUTION=.*?)```", RUNBOOK, re.DOTALL)
    [again] = re.findall(r"^AGAIN=.*?\)$", block, re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        ["sh", "-euc", f'{again}\nprintf "%s" "$AGAIN"'],  # noqa: S607 - the operator's own
        env={"PATH": os.environ["PATH"], "INPUT": json.dumps(given), "KEY": "night-1"},
        capture_output=True,
        check=True,
        text=True,
    )
    assert json.loads(done.stdout) == {
        **given,
        "instances": ["ID", "ID"],
        "list": None,
        "idempotency_key": "night-1",
    }
