"""The contract's files are current, valid, and say what the code does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import validate

from gaussdb_backup.errors import InvalidRequest
from gaussdb_backup.request import Delivery, Identity, read_request
from tests.contract.__main__ import main
from tests.contract.files import FOLDER, contents
from tests.contract.schemas import breaks_an_unsaid_rule
from tests.local_cloud.events import PAYLOAD, http, sample, sns, sqs
from tests.local_cloud.harness import Harness
from tests.local_cloud.local_cloud import INSTANCE_ID
from tests.unit.event_reading import END_OF_TIME

if TYPE_CHECKING:
    from pathlib import Path

    from hypothesis.strategies import SearchStrategy

# The contract's table of errors as far as HTTP shows them, written down once more on purpose.
STATUS = {
    "InvalidRequest": 400,
    "Unauthenticated": 401,
    "PermissionDenied": 403,
    "InstanceNotFound": 404,
    "BackupNotFound": 404,
    "InstanceNotReady": 409,
    "InstanceBusy": 409,
    "NameTaken": 409,
    "BackupFailed": 409,
    "PayloadTooLarge": 413,
    "UnsupportedMediaType": 415,
    "Throttled": 429,
    "InternalError": 500,
    "CredentialsRejected": 502,
    "RequestRejected": 502,
    "SecretUnavailable": 503,
    "ServiceUnavailable": 503,
    "OutcomeUnknown": 504,
}
RETRYABLE = {
    "InstanceNotReady",
    "InstanceBusy",
    "Throttled",
    "InternalError",
    "SecretUnavailable",
    "ServiceUnavailable",
    "OutcomeUnknown",
}


def document(name: str) -> Any:
    """A file of the contract."""
    return json.loads((FOLDER / name).read_text())


# --- current ---------------------------------------------------------------------------------


def test_the_files_are_current() -> None:
    """They are what the code makes: `python -m tests.contract` writes them anew."""
    main(["--check"])


def test_the_check_passes_on_what_was_written(tmp_path: Path) -> None:
    """Writing and checking agree."""
    main([], tmp_path / "contract")
    main(["--check"], tmp_path / "contract")


@pytest.mark.parametrize("fault", ["changed", "missing", "too many"])
def test_the_check_can_fail(tmp_path: Path, fault: str) -> None:
    """It names the file in one line and writes nothing."""
    main([], tmp_path)
    path = tmp_path / {"too many": "old.json"}.get(fault, "openapi.json")
    if fault == "missing":
        path.unlink()
    else:
        path.write_text("{}")
    before = {one.name: one.read_text() for one in tmp_path.iterdir()}
    with pytest.raises(SystemExit, match=path.name):
        main(["--check"], tmp_path)
    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == before


def test_the_files_do_not_depend_on_the_moment() -> None:
    """Made twice, they are the same."""
    assert contents() == contents()


# --- valid -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["payload.schema.json", "reply.schema.json"])
def test_the_schemas_are_json_schemas(name: str) -> None:
    """Of the dialect that they name."""
    jsonschema_rs.meta.validate(document(name))


def test_the_description_is_openapi() -> None:
    """Of version 3.1."""
    assert document("openapi.json")["openapi"].startswith("3.1.")
    validate(document("openapi.json"))


def test_it_describes_every_error_of_http() -> None:
    """Each under its status, and with the right hope of a repetition."""
    found = {}
    for path in document("openapi.json")["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    said = response["content"]["application/problem+json"]["schema"]["allOf"][1]
                    hopes = said["properties"]["retryable"]["enum"]
                    for urn in said["properties"]["type"]["enum"]:
                        name = urn.removeprefix("urn:gaussdb-backup:")
                        found[name] = int(status)
                        assert (name in RETRYABLE) in hopes
    assert found == STATUS


# --- what the code does ----------------------------------------------------------------------

PAYLOAD_SCHEMA = jsonschema_rs.validator_for(document("payload.schema.json"))
REPLY_SCHEMA = jsonschema_rs.validator_for(document("reply.schema.json"))

SCALARS: SearchStrategy[Any] = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
TIMES = st.datetimes(timezones=st.timezones()).map(lambda time: time.isoformat())
FIELDS: dict[str, SearchStrategy[Any]] = {
    "instance_id": st.from_regex(r"[A-Za-z0-9]{1,64}", fullmatch=True),
    "name": st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{2,64}", fullmatch=True),
    "name_prefix": st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,34}", fullmatch=True),
    "description": st.text(max_size=257),
    "scheduled_time": TIMES | st.just("2026-13-01T00:00:00Z"),
    "idempotency_key": st.text(max_size=257),
    "backup_id": st.from_regex(r"[A-Za-z0-9-]{1,65}", fullmatch=True),
    "max_age_hours": st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 9000),
    "action": st.sampled_from(["create", "status", "check", "verify", "delete"]),
    "colour": SCALARS,
    "_datadog": SCALARS | st.just({"x-datadog-trace-id": "1"}),
}


def objects() -> SearchStrategy[dict[str, Any]]:
    """Payloads of any fields, each mostly by its rule, so that many are good in all of them."""
    mostly = {name: strategy | SCALARS for name, strategy in FIELDS.items()}
    need = {"instance_id": FIELDS["instance_id"]}
    good = st.fixed_dictionaries(need, optional={n: s for n, s in FIELDS.items() if n not in need})
    few = st.fixed_dictionaries(need, optional={"action": FIELDS["action"]}).flatmap(
        lambda payload: st.sampled_from(sorted(FIELDS)).flatmap(
            lambda name: mostly[name].map(lambda value: {**payload, name: value})
        )
    )
    return few | good | st.fixed_dictionaries({}, optional=mostly)


def is_accepted(payload: dict[str, Any]) -> bool:
    """Whether the code takes a payload."""
    try:
        delivery = Delivery("direct", "one", payload, Identity("direct", "one"))
        read_request(delivery, END_OF_TIME)
    except InvalidRequest:
        return False
    return True


@given(objects())
def test_what_the_code_accepts_is_valid(payload: dict[str, Any]) -> None:
    """No caller is told by the schema that a payload is wrong which the function takes."""
    if is_accepted(payload):
        PAYLOAD_SCHEMA.validate(payload)


@given(objects())
def test_what_is_valid_is_accepted(payload: dict[str, Any]) -> None:
    """Whoever keeps to the schema is not refused, but for what no schema can say."""
    if PAYLOAD_SCHEMA.is_valid(payload) and not breaks_an_unsaid_rule(payload):
        assert is_accepted(payload)


@pytest.mark.parametrize(
    ("payload", "valid"),
    [
        ({}, True),
        ({"action": "create", "name": "by-hand"}, True),
        ({"action": None, "name": None, "name_prefix": "p"}, True),
        ({"name": "by-hand", "name_prefix": "p"}, False),
        ({"name": "by-hand", "scheduled_time": "2026-11-23T21:30:00Z"}, False),
        ({"name": "by-hand\n"}, False),
        ({"action": "status"}, False),
        ({"action": "status", "name": "by-hand", "backup_id": None}, True),
        ({"action": "status", "name": "by-hand", "backup_id": "a"}, False),
        ({"action": "check", "scheduled_time": "2026-11-23T21:30:00Z"}, True),
        ({"action": "verify"}, False),
        ({"action": "verify", "max_age_hours": 0}, False),
        ({"action": "verify", "max_age_hours": 8760}, True),
        ({"action": "verify", "max_age_hours": "24"}, False),
        ({"action": "delete"}, False),
        ({"colour": "blue"}, False),
        ({"instance_id": None}, False),
    ],
    ids=json.dumps,
)
def test_rules_between_fields_are_said_too(payload: dict[str, Any], *, valid: bool) -> None:
    """By the schema and the code alike."""
    payload = {"instance_id": INSTANCE_ID, **payload}
    assert PAYLOAD_SCHEMA.is_valid(payload) == is_accepted(payload) == valid


@pytest.mark.parametrize("name", ["direct", "schedule", "step-functions"])
def test_the_sample_payloads_are_valid(name: str) -> None:
    """Those samples that are nothing but a payload."""
    PAYLOAD_SCHEMA.validate(sample(name))


def test_every_kind_of_reply_is_valid() -> None:
    """One of each action and each event source."""
    with Harness() as harness:
        harness.emulator.backup_seconds = 0
        harness.emulator.add_backup(name="earlier", instance_id=INSTANCE_ID)
        asked: dict[str, dict[str, Any]] = {
            "status": {"name": "earlier"},
            "check": {},
            "verify": {"max_age_hours": 48},
        }
        events = [{**PAYLOAD, "action": action, **more} for action, more in asked.items()]
        events += [{**PAYLOAD, "idempotency_key": "one"}] * 2
        replies = [harness.invoke(event).reply for event in events]
        replies += [harness.invoke(sns(PAYLOAD, PAYLOAD)).reply]
        replies += [harness.invoke(sqs(PAYLOAD, "no JSON")).reply]
        replies += [json.loads(harness.invoke(http()).reply["body"])]
    for reply in replies:
        REPLY_SCHEMA.validate(reply)
    outcomes = [reply.get("outcome") for reply in replies[:5]]
    assert outcomes == ["completed", "ready", "fresh", "created", "existing"]
    assert not REPLY_SCHEMA.is_valid({**replies[3], "outcome": "perhaps"})
