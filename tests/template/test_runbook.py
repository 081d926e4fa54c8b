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
from tests.template.dashboard import saved_queries, widgets
from tests.template.function_log import published
from tests.template.scheduler import fired
from tests.template.translation import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.template.cloudformation import Stack

RUNBOOK: Final = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
SECTIONS: Final = dict(
    re.findall(r"^## ([^\n]*)\n(.*?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL)
)
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


def rows(section: str, first_heading: str) -> list[list[str]]:
    """The rows of the table with this heading, cell by cell, without the two lines above them."""
    text = SECTIONS[section].partition(f"| {first_heading} |")[2]
    lines = text.splitlines()[2:]
    end = next(number for number, line in enumerate(lines) if not line.startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:end]]


def test_it_covers_what_an_operator_does() -> None:
    """From deployment to costs, each under a heading of its own."""
    assert list(SECTIONS) == [
        "Back up now",
        "Deploy",
        "Rotate a secret",
        "Add an instance",
        "Chain something to a backup",
        "Read the dashboard",
        "Alarms",
        "Redrive of dead letters",
        "Restore drill",
        "Five minutes against the live service",
        "Costs",
    ]


def test_links_within_it_lead_somewhere() -> None:
    """Every anchor is a heading, as a forge spells it."""
    headings = re.findall(r"^#+ (.*)$", RUNBOOK, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    links = set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK))
    assert links
    assert links - anchors == set()


def test_every_alarm_has_its_section_with_cause_and_cure(stack: Stack) -> None:
    """A heading for each alarm and for no other, under "Alarms", and both in words."""
    sections = re.findall(
        r"^### (\S+)\n(.*?)(?=^### |\Z)", SECTIONS["Alarms"], re.MULTILINE | re.DOTALL
    )
    assert sorted(name for name, _ in sections) == sorted(alarms(stack))
    for name, section in sections:
        _, cause, cure = re.split(r"\*\*(?:Cause|Cure)\.\*\*", section)
        assert len(cause.split()) >= 8, name
        assert len(cure.split()) >= 4, name


def test_every_error_that_loses_a_backup_has_its_cure() -> None:
    """Those of a create that nobody tries again; the doors' own are the caller's to mend."""
    of_http = {"Unauthenticated", "NotFound", "MethodNotAllowed"}
    of_http |= {"PayloadTooLarge", "UnsupportedMediaType"}
    of_looks = {"BackupNotFound", "BackupStale"}
    final = {name for name, error in OUR_ERRORS.items() if not error.retryable}
    cures = {row[0].strip("`"): row[1] for row in rows("Alarms", "error")}
    of_prunes = {"PruneRefused"}
    assert cures.keys() == final - of_http - of_looks - of_prunes
    assert all(len(cure.split()) >= 8 for cure in cures.values())


def test_every_name_that_it_uses_is_a_name(
    template: dict[str, Any], stack: Stack, lines: Mapping[str, list[str]]
) -> None:
    """A parameter, an output, a resource, an error or a metric; none is renamed behind its back."""
    log = [line for written in lines.values() for line in written]
    metrics = {metric.name.partition("/")[2] for metric in published(stack, log)}
    known = {*template["Parameters"], *template["Outputs"], *template["Resources"]}
    known |= {*OUR_ERRORS, *metrics, ConfigurationError.__name__}
    words = set(re.findall(rf"`({CAMEL_CASE})(?:=[^`]*)?`", RUNBOOK))
    assert words - known == NAMES_OF_OTHERS
    assert {"InstanceIds", "NoBackupHours", "BackupStale", "EventBusName"} <= words


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
    explained = [row[0] for row in rows("Read the dashboard", "widget")]
    titles = list(widgets(stack))
    assert len(explained) == len(titles)
    assert [t for t, name in zip(titles, explained, strict=True) if not t.startswith(name)] == []


def test_every_saved_query_is_named(stack: Stack) -> None:
    """Where the dashboard is explained."""
    text = SECTIONS["Read the dashboard"].replace("\n", " ")
    assert [name for name in saved_queries(stack) if f"*{name}*" not in text] == []


def test_the_live_test_asks_what_the_documents_leave_open() -> None:
    """Its commands and its table have the same steps, each with what is assumed and what if not."""
    steps = rows("Five minutes against the live service", "step")
    shell = SECTIONS["Five minutes against the live service"]
    assert re.findall(r" # (\d)$", shell, re.MULTILINE) == [row[0] for row in steps]
    assert [(number, assumed) for number, _, assumed, _ in steps] == [
        ("1", "yes: `ready`"),
        ("2", "a few seconds, yes"),
        ("3", "yes: `existing`, the same ID"),
        ("4", "`building`"),
        ("5", "yes: `NameTaken`"),
        ("6", "newest first, `null`, an offset is given"),
    ]
    about = {row[0]: row[1] for row in steps}
    assert "AK/SK" in about["1"]
    assert "second backup of one name" in about["3"]
    assert "unique in the whole project" in about["5"]
    assert about["6"].startswith("newest first?")


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
def test_letters_are_read_as_they_were_written(stack: Stack, tmp_path: Any) -> None:
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
