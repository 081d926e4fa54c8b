"""HTTP: three formats of a gateway, one response, and refusals as HTTP has them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.local_cloud.emulator import Fault
from tests.local_cloud.events import DIALECTS, PAYLOAD, Dialect, http, response
from tests.local_cloud.harness import Harness
from tests.local_cloud.local_cloud import INSTANCE_ID

if TYPE_CHECKING:
    from tests.local_cloud.events import Response
    from tests.local_cloud.harness import Invocation

ELSEWHERE = "0" * 32 + "in14"
in_each_dialect = pytest.mark.parametrize("dialect", DIALECTS)


pytestmark = pytest.mark.usefixtures("backups_complete_at_once")


def refusal(harness: Harness, event: object) -> Response:
    """The response to a request that is refused."""
    invocation = harness.invoke(event)
    assert harness.emulator.calls == []
    assert harness.cloud.secrets.reads == []
    answer = response(invocation.reply)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.status == answer.body["status"]
    return answer


@in_each_dialect
def test_a_created_backup_is_202(harness: Harness, dialect: Dialect) -> None:
    """The reply as JSON, with the job ID that the service gave."""
    answer = response(harness.invoke(http(dialect=dialect)).reply)
    assert (answer.status, answer.headers) == (202, {"Content-Type": "application/json"})
    assert answer.body["outcome"] == "created"
    assert answer.body["job_id"] == harness.backup().job_id
    assert answer.body["backup"]["name"] == harness.backup().name


@in_each_dialect
def test_a_backup_that_is_there_is_200(harness: Harness, dialect: Dialect) -> None:
    """A request under the same key finds the backup of the first."""
    event = http(dialect=dialect, headers={"Idempotency-Key": "pipeline-4711"})
    first = response(harness.invoke(event).reply)
    again = response(harness.invoke(event).reply)
    assert [first.status, again.status] == [202, 200]
    assert again.body["outcome"] == "existing"
    assert again.body["job_id"] == first.body["job_id"]


@in_each_dialect
def test_the_gateways_request_is_the_identity(harness: Harness, dialect: Dialect) -> None:
    """Its ID and its time: what the gateway sends twice is one event, in every dialect the same."""
    event = http(dialect=dialect, request_id="request-1")
    digits = hashlib.sha256(f"http\nrequest-1\n{INSTANCE_ID}".encode()).hexdigest()[:12]
    harness.invoke(event)
    again = harness.invoke(event)
    assert response(again.reply).status == 200
    assert harness.backup().name == f"auto-20261123T101504Z-{digits}"
    assert again.record["trigger"] == "http"
    assert again.record["correlation_id"] == "request-1"


def test_the_payloads_key_wins_over_the_headers(harness: Harness) -> None:
    """Whoever signs the body may not be overruled by a header."""
    payload = {**PAYLOAD, "idempotency_key": "the payload's"}
    harness.invoke(http(payload, headers={"Idempotency-Key": "one"}))
    again = harness.invoke(http(payload, headers={"Idempotency-Key": "two"}))
    assert response(again.reply).status == 200


@pytest.mark.parametrize("key", ["", "x" * 257, "a\tb", "a\x00"])
def test_a_malformed_key_is_refused(harness: Harness, key: str) -> None:
    """A key that was cut or garbled would make two requests one."""
    answer = refusal(harness, http(headers={"Idempotency-Key": key}))
    assert (answer.status, answer.error) == (400, "InvalidRequest")
    assert "Idempotency-Key" in answer.body["detail"]


@in_each_dialect
def test_a_body_may_be_base64(harness: Harness, dialect: Dialect) -> None:
    """As the gateway sends what it does not take for text."""
    answer = response(harness.invoke(http(dialect=dialect, encoded=True)).reply)
    assert answer.status == 202


@in_each_dialect
def test_broken_base64_is_no_json(harness: Harness, dialect: Dialect) -> None:
    """It is refused like any body that cannot be read."""
    event = http(dialect=dialect)
    event |= {"isBase64Encoded": True, "body": "eyJh*"}
    assert refusal(harness, event).error == "InvalidRequest"


@pytest.mark.parametrize("name", ["content-type", "Content-Type", "CONTENT-TYPE"])
@in_each_dialect
def test_header_names_have_no_case(harness: Harness, dialect: Dialect, name: str) -> None:
    """A REST API passes on what the client wrote."""
    event = http(dialect=dialect)
    event["headers"] = {name: "text/plain"}
    event.pop("multiValueHeaders", None)
    assert refusal(harness, event).error == "UnsupportedMediaType"


def test_a_rest_api_may_send_lists_of_values_alone(harness: Harness) -> None:
    """Where `headers` is null, `multiValueHeaders` counts."""
    event = http(dialect="rest-api", headers={"Idempotency-Key": "one"})
    event["headers"] = None
    harness.invoke(event)
    assert response(harness.invoke(event).reply).status == 200
    event["multiValueHeaders"] = {"Content-Type": ["text/plain"]}
    answer = response(harness.invoke(event).reply)
    assert answer.status == 415


@pytest.mark.parametrize(
    "media_type",
    [None, "application/json", "Application/JSON", "application/json; charset=utf-8"],
)
def test_json_may_be_declared_in_any_way_or_not_at_all(
    harness: Harness, media_type: str | None
) -> None:
    """A missing Content-Type counts as JSON."""
    event = http()
    event["headers"] = {} if media_type is None else {"content-type": media_type}
    assert response(harness.invoke(event).reply).status == 202


@pytest.mark.parametrize("path", ["/backups", "/backups/"])
@pytest.mark.parametrize("stage_name", [None, "prod", "v1"])
@in_each_dialect
def test_stage_and_trailing_slash_do_not_matter(
    harness: Harness, dialect: Dialect, stage_name: str | None, path: str
) -> None:
    """An HTTP API shows its stage in the path, a REST API does not."""
    answer = harness.invoke(http(dialect=dialect, path=path, stage=stage_name)).reply
    assert response(answer).status == 202


def test_a_stage_may_be_called_as_the_path(harness: Harness) -> None:
    """Only the stage's own name is taken off."""
    assert response(harness.invoke(http(stage="backups")).reply).status == 202


@pytest.mark.parametrize("stage_name", ["prod", "back", "backups"])
@pytest.mark.parametrize("dialect", ["http-api", "rest-api"])
def test_a_domain_of_ones_own_hides_the_stage(
    harness: Harness, dialect: Dialect, stage_name: str
) -> None:
    """The path then lacks it, whatever its name."""
    event = http(dialect=dialect)
    event["requestContext"]["stage"] = stage_name
    assert response(harness.invoke(event).reply).status == 202


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/backup",
        "/backupsX",
        "/Backups",
        "//backups",
        "/a/backups",
        "/backups/a/b",
        "/..",
        "/%62ackups",
    ],
)
@in_each_dialect
def test_other_paths_lead_nowhere(harness: Harness, dialect: Dialect, path: str) -> None:
    """404 for those whom the gateway knows."""
    answer = refusal(harness, http(dialect=dialect, path=path))
    assert (answer.status, answer.error) == (404, "NotFound")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "post"])
@in_each_dialect
def test_the_collection_takes_post_alone(harness: Harness, dialect: Dialect, method: str) -> None:
    """405 names in `Allow` what would be taken."""
    answer = refusal(harness, http(dialect=dialect, method=method))
    assert (answer.status, answer.error) == (405, "MethodNotAllowed")
    assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize("method", ["POST", "DELETE", "HEAD"])
def test_a_backup_takes_get_alone(harness: Harness, method: str) -> None:
    """Nothing here deletes or changes a backup."""
    answer = refusal(harness, http(method=method, path="/backups/some-backup"))
    assert (answer.status, answer.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize(
    "media_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/json, text/plain",
    ],
)
@in_each_dialect
def test_another_media_type_is_415(harness: Harness, dialect: Dialect, media_type: str) -> None:
    """Though the body be JSON: a form could otherwise be sent from any web page."""
    answer = refusal(harness, http(dialect=dialect, headers={"content-type": media_type}))
    assert (answer.status, answer.error) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize("encoded", [False, True])
@in_each_dialect
def test_a_body_may_hold_20000_bytes(harness: Harness, dialect: Dialect, *, encoded: bool) -> None:
    """One more is 413; what counts are the bytes that the client sent, not their base64."""
    body = json.dumps(PAYLOAD).encode()
    largest = body + b" " * (20_000 - len(body))
    answer = response(harness.invoke(http(largest, dialect=dialect, encoded=encoded)).reply)
    assert answer.status == 202
    answer = response(harness.invoke(http(largest + b" ", dialect=dialect, encoded=encoded)).reply)
    assert (answer.status, answer.error) == (413, "PayloadTooLarge")


def test_bytes_count_not_letters(harness: Harness) -> None:
    """A letter outside ASCII is more than one byte."""
    body = json.dumps({**PAYLOAD, "colour": "ü" * 10_000}, ensure_ascii=False).encode()
    assert refusal(harness, http(body)).error == "PayloadTooLarge"


@pytest.mark.parametrize(
    "event",
    [
        http(None),
        http(b""),
        http(b"", encoded=True),
        http(b"{"),
        http(b"nothing"),
        http(b"\xff\xfe", encoded=True),
        http(b"\xef\xbb\xbf{}", encoded=True),
        http(b"NaN"),
        http(b'{"instance_id": Infinity}'),
        http(b"[" * 19_000),
        http(b"1" * 19_000),
    ],
    ids=[
        "none",
        "empty",
        "empty base64",
        "half",
        "a word",
        "no text",
        "a byte order mark",
        "NaN",
        "Infinity inside",
        "deep",
        "a long number",
    ],
)
def test_what_is_no_json_is_400(harness: Harness, event: object) -> None:
    """The client is told so, and nothing of what it sent."""
    answer = refusal(harness, event)
    assert (answer.status, answer.error) == (400, "InvalidRequest")
    [error] = answer.body["errors"]
    assert error["pointer"] == ""
    assert error["detail"].startswith("must be JSON")


def test_all_broken_rules_are_listed_by_pointer(harness: Harness) -> None:
    """RFC 6901 pointers, with `~` and `/` escaped, each with its rule."""
    payload = {"name": "1", "name_prefix": "x" * 35, "a/b~c": 1, "description": 'say "no"'}
    answer = refusal(harness, http(payload))
    assert answer.status == 400
    pointers = {error["pointer"] for error in answer.body["errors"]}
    assert pointers == {"/instance_id", "/name", "/name_prefix", "/description", "/a~1b~0c"}
    assert all(set(error) == {"pointer", "detail"} for error in answer.body["errors"])


@pytest.mark.parametrize("action", ["status", "check", "verify", "delete", "", 1])
def test_a_body_can_only_create(harness: Harness, action: object) -> None:
    """What reads has a path of its own, or is not for HTTP."""
    answer = refusal(harness, http({**PAYLOAD, "action": action}))
    assert (answer.status, answer.error) == (400, "InvalidRequest")
    assert answer.body["errors"][0]["pointer"] == "/action"


def test_a_body_may_say_create(harness: Harness) -> None:
    """It is the default."""
    assert response(harness.invoke(http({**PAYLOAD, "action": "create"})).reply).status == 202


LARGE = b" " * 20_001
STRANGER = {"known": False}
WRONG_PATH = {"path": "/elsewhere"}
WRONG_METHOD = {"method": "PUT"}
WRONG_TYPE = {"headers": {"content-type": "text/plain"}}
TOO_LARGE = {"body": LARGE}
NOT_JSON = {"body": b"{"}


@pytest.mark.parametrize(
    ("faults", "status"),
    [
        ([STRANGER, WRONG_PATH, WRONG_METHOD, WRONG_TYPE, TOO_LARGE], 401),
        ([WRONG_PATH, WRONG_METHOD, WRONG_TYPE, TOO_LARGE], 404),
        ([WRONG_METHOD, WRONG_TYPE, TOO_LARGE], 405),
        ([WRONG_TYPE, TOO_LARGE], 415),
        ([TOO_LARGE], 413),
        ([NOT_JSON], 400),
    ],
)
@in_each_dialect
def test_refusals_come_in_one_order(
    harness: Harness, dialect: Dialect, faults: list[dict[str, Any]], status: int
) -> None:
    """Who is not known learns nothing more, and of several faults the first counts."""
    said = {name: value for fault in faults for name, value in fault.items()}
    assert refusal(harness, http(**{"body": b"{", **said}, dialect=dialect)).status == status


@pytest.mark.parametrize(
    "event",
    [
        http(known=False),
        http(path="/elsewhere"),
        http(method="PUT"),
        http(headers={"content-type": "text/plain"}),
        http(LARGE),
        http(b"{"),
        http({**PAYLOAD, "colour": 1}),
    ],
    ids=["401", "404", "405", "415", "413", "400", "400 by a rule"],
)
def test_a_scanner_wakes_nobody(harness: Harness, event: object) -> None:
    """What is wrong with a request is a WARNING and counts as refused, never as a failed backup."""
    invocation = harness.invoke(event)
    assert invocation.record["level"] == "WARNING"
    assert invocation.record["message"] == "request refused"
    assert invocation.record["error"] == response(invocation.reply).error
    [blob] = invocation.metrics
    assert blob["RequestsRefused"] == [1]
    assert "BackupFailed" not in blob


@pytest.mark.parametrize(
    ("code", "status", "error", "retryable"),
    [
        ("DBS.201003", 403, "PermissionDenied", False),
        ("DBS.201028", 404, "InstanceNotFound", False),
        ("DBS.201014", 409, "InstanceNotReady", True),
        ("DBS.201202", 409, "InstanceBusy", True),
        ("DBS.201207", 502, "RequestRejected", False),
        ("DBS.280404", 400, "InvalidRequest", False),
    ],
)
def test_the_services_refusal_is_a_problem_document(
    harness: Harness, code: str, status: int, error: str, *, retryable: bool
) -> None:
    """With the service's code, and the name under which to ask again."""
    harness.emulator.faults.add(Fault(operation="CreateManualBackup", error_code=code))
    invocation = harness.invoke(http(request_id="request-1"))
    answer = response(invocation.reply)
    assert answer.headers == {"Content-Type": "application/problem+json"}
    assert answer.body == {
        "type": f"urn:gaussdb-backup:{error}",
        "title": answer.body["title"],
        "status": status,
        "detail": answer.body["detail"],
        "instance": "request-1",
        "retryable": retryable,
        "error_code": code,
        "backup_name": invocation.record["backup_name"],
    }
    assert answer.status == status
    assert answer.body["title"]
    assert answer.body["detail"]
    assert invocation.record["level"] == "ERROR"
    assert invocation.record["message"] == "backup failed"


def test_the_services_wish_to_wait_is_passed_on(harness: Harness) -> None:
    """`Retry-After` of a 429 that does not fit into the invocation."""
    harness.emulator.faults.add(Fault(operation="CreateManualBackup", status=429, retry_after=3600))
    answer = response(harness.invoke(http()).reply)
    assert (answer.status, answer.error) == (429, "Throttled")
    assert answer.headers["Retry-After"] == "3600"
    assert answer.body["retryable"] is True


def test_a_secret_that_cannot_be_read_is_503(harness: Harness) -> None:
    """The caller may try again; the answer names the variable, not the secret."""
    harness.cloud.secrets.respond_next(400, "an unexpected error occurred while executing request")
    answer = response(harness.invoke(http()).reply)
    assert (answer.status, answer.error) == (503, "SecretUnavailable")
    assert answer.body["retryable"] is True
    assert "CREDENTIALS_SECRET_ID" in answer.body["detail"]


@in_each_dialect
def test_a_backup_can_be_asked_for(harness: Harness, dialect: Dialect) -> None:
    """`GET` shows how far it is: 200, with size and end."""
    made = harness.emulator.add_backup(instance_id=INSTANCE_ID, size=1024)
    event = _question(made.id, dialect)
    invocation = harness.invoke(event)
    answer = response(invocation.reply)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.body["outcome"] == "completed"
    assert answer.body["backup"]["id"] == made.id
    assert answer.body["backup"]["size"] == 1024
    assert answer.body["job_id"] == made.job_id
    assert invocation.record["message"] == "backup status"


def test_an_unknown_backup_is_404(harness: Harness) -> None:
    """Another 404 than that of an unknown path."""
    answer = response(harness.invoke(_question("a" * 32 + "br14")).reply)
    assert (answer.status, answer.error) == (404, "BackupNotFound")


@pytest.mark.parametrize(
    ("backup_id", "query", "pointer"),
    [
        ("some-backup", None, "/instance_id"),
        ("some-backup", {"instance_id": "!"}, "/instance_id"),
        ("some-backup", {"instance_id": INSTANCE_ID, "name": "x"}, ""),
        ("some-backup", {"instance_id": INSTANCE_ID, "action": "check"}, ""),
        ("some-backup", {"instance_id": INSTANCE_ID, "backup_id": "another"}, ""),
        ("some%20backup", {"instance_id": INSTANCE_ID}, "/backup_id"),
        ("%2E%2E%2Fjobs", {"instance_id": INSTANCE_ID}, "/backup_id"),
        ("x" * 65, {"instance_id": INSTANCE_ID}, "/backup_id"),
    ],
)
def test_a_malformed_question_is_400(
    harness: Harness, backup_id: str, query: dict[str, str] | None, pointer: str
) -> None:
    """The path cannot be left, and the query cannot ask for anything else."""
    event = http(None, method="GET", path=f"/backups/{backup_id}", query=query)
    answer = refusal(harness, event)
    assert (answer.status, answer.error) == (400, "InvalidRequest")
    assert [error["pointer"] for error in answer.body["errors"]] == [pointer]


def _question(backup_id: str, dialect: Dialect = "http-api") -> dict[str, Any]:
    query = {"instance_id": INSTANCE_ID}
    return http(None, dialect=dialect, method="GET", path=f"/backups/{backup_id}", query=query)


def _refused_by(invocation: Invocation) -> str:
    return response(invocation.reply).error


def test_an_instance_that_is_not_allowed_is_403() -> None:
    """Before any call, and as an error: somebody with a key tries what they may not."""
    with Harness(ALLOWED_INSTANCES=INSTANCE_ID) as harness:
        invocation = harness.invoke(http({"instance_id": ELSEWHERE}))
        question = http(None, method="GET", path="/backups/one", query={"instance_id": ELSEWHERE})
        assert (
            _refused_by(invocation) == _refused_by(harness.invoke(question)) == "PermissionDenied"
        )
        assert response(invocation.reply).status == 403
        assert invocation.record["level"] == "ERROR"
        assert harness.emulator.calls == []
