"""HTTP: three payload formats, one kind of response, and rejections with the usual status codes."""

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


def rejection(harness: Harness, event: object) -> Response:
    """The response to a request that must be rejected."""
    invocation = harness.invoke(event)
    assert harness.emulator.calls == []
    assert harness.cloud.secrets.reads == []
    answer = response(invocation.reply)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.status == answer.body["status"]
    return answer


@in_each_dialect
def test_a_created_backup_is_202(harness: Harness, dialect: Dialect) -> None:
    """The body is the reply as JSON, with the job ID."""
    answer = response(harness.invoke(http(dialect=dialect)).reply)
    assert (answer.status, answer.headers) == (202, {"Content-Type": "application/json"})
    assert answer.body["outcome"] == "created"
    assert answer.body["job_id"] == harness.backup().job_id
    assert answer.body["backup"]["name"] == harness.backup().name


@in_each_dialect
def test_an_existing_backup_is_200(harness: Harness, dialect: Dialect) -> None:
    """A request with the same key finds the backup of the first one."""
    event = http(dialect=dialect, headers={"Idempotency-Key": "pipeline-4711"})
    first = response(harness.invoke(event).reply)
    again = response(harness.invoke(event).reply)
    assert [first.status, again.status] == [202, 200]
    assert again.body["outcome"] == "existing"
    assert again.body["job_id"] == first.body["job_id"]


@in_each_dialect
def test_the_gateways_request_is_the_identity(harness: Harness, dialect: Dialect) -> None:
    """The gateway's request ID and time, in every payload format."""
    event = http(dialect=dialect, request_id="request-1")
    digits = hashlib.sha256(f"http\nrequest-1\n{INSTANCE_ID}".encode()).hexdigest()[:12]
    harness.invoke(event)
    again = harness.invoke(event)
    assert response(again.reply).status == 200
    assert harness.backup().name == f"auto-20261123T101504Z-{digits}"
    assert again.record["trigger"] == "http"
    assert again.record["correlation_id"] == "request-1"


def test_the_payloads_key_wins_over_the_headers(harness: Harness) -> None:
    """A header must not override a signed body."""
    payload = {**PAYLOAD, "idempotency_key": "the payload's"}
    harness.invoke(http(payload, headers={"Idempotency-Key": "one"}))
    again = harness.invoke(http(payload, headers={"Idempotency-Key": "two"}))
    assert response(again.reply).status == 200


@pytest.mark.parametrize("key", ["", "x" * 257, "a\tb", "a\x00"])
def test_a_malformed_key_is_rejected(harness: Harness, key: str) -> None:
    """A truncated key could make two requests one."""
    answer = rejection(harness, http(headers={"Idempotency-Key": key}))
    assert (answer.status, answer.error) == (400, "InvalidRequest")
    assert "Idempotency-Key" in answer.body["detail"]


@in_each_dialect
def test_a_body_may_be_base64(harness: Harness, dialect: Dialect) -> None:
    """The gateway encodes bodies that it does not treat as text."""
    answer = response(harness.invoke(http(dialect=dialect, encoded=True)).reply)
    assert answer.status == 202


@in_each_dialect
def test_broken_base64_is_no_json(harness: Harness, dialect: Dialect) -> None:
    """It is rejected like any other unreadable body."""
    event = http(dialect=dialect)
    event |= {"isBase64Encoded": True, "body": "eyJh*"}
    assert rejection(harness, event).error == "InvalidRequest"


@pytest.mark.parametrize("name", ["content-type", "Content-Type", "CONTENT-TYPE"])
@in_each_dialect
def test_header_names_have_no_case(harness: Harness, dialect: Dialect, name: str) -> None:
    """A REST API passes on what the client wrote."""
    event = http(dialect=dialect)
    event["headers"] = {name: "text/plain"}
    event.pop("multiValueHeaders", None)
    assert rejection(harness, event).error == "UnsupportedMediaType"


def test_a_rest_api_may_send_only_multi_value_headers(harness: Harness) -> None:
    """If `headers` is null, `multiValueHeaders` counts."""
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
    """An HTTP API has the stage in the path, a REST API does not."""
    answer = harness.invoke(http(dialect=dialect, path=path, stage=stage_name)).reply
    assert response(answer).status == 202


def test_a_stage_may_have_the_name_of_the_path(harness: Harness) -> None:
    """Only the stage's own name is removed."""
    assert response(harness.invoke(http(stage="backups")).reply).status == 202


@pytest.mark.parametrize("stage_name", ["prod", "back", "backups"])
@pytest.mark.parametrize("dialect", ["http-api", "rest-api"])
def test_a_custom_domain_hides_the_stage(
    harness: Harness, dialect: Dialect, stage_name: str
) -> None:
    """The path then lacks the stage, whatever its name."""
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
def test_other_paths_are_404(harness: Harness, dialect: Dialect, path: str) -> None:
    """For authenticated callers."""
    answer = rejection(harness, http(dialect=dialect, path=path))
    assert (answer.status, answer.error) == (404, "NotFound")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "post"])
@in_each_dialect
def test_the_collection_takes_only_post(harness: Harness, dialect: Dialect, method: str) -> None:
    """405 lists the allowed methods in `Allow`."""
    answer = rejection(harness, http(dialect=dialect, method=method))
    assert (answer.status, answer.error) == (405, "MethodNotAllowed")
    assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize("method", ["POST", "DELETE", "HEAD"])
def test_a_backup_takes_only_get(harness: Harness, method: str) -> None:
    """Nothing here deletes or changes a backup."""
    answer = rejection(harness, http(method=method, path="/backups/some-backup"))
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
    """Even if the body is JSON, because any web page can send a form."""
    answer = rejection(harness, http(dialect=dialect, headers={"content-type": media_type}))
    assert (answer.status, answer.error) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize("encoded", [False, True])
@in_each_dialect
def test_a_body_may_hold_20000_bytes(harness: Harness, dialect: Dialect, *, encoded: bool) -> None:
    """One more is 413; the client's bytes count, not their base64."""
    body = json.dumps(PAYLOAD).encode()
    largest = body + b" " * (20_000 - len(body))
    answer = response(harness.invoke(http(largest, dialect=dialect, encoded=encoded)).reply)
    assert answer.status == 202
    answer = response(harness.invoke(http(largest + b" ", dialect=dialect, encoded=encoded)).reply)
    assert (answer.status, answer.error) == (413, "PayloadTooLarge")


def test_bytes_count_not_characters(harness: Harness) -> None:
    """A character outside ASCII is more than one byte."""
    body = json.dumps({**PAYLOAD, "colour": "ü" * 10_000}, ensure_ascii=False).encode()
    assert rejection(harness, http(body)).error == "PayloadTooLarge"


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
def test_a_body_that_is_not_json_is_400(harness: Harness, event: object) -> None:
    """The response names the problem and repeats nothing of the body."""
    answer = rejection(harness, event)
    assert (answer.status, answer.error) == (400, "InvalidRequest")
    [error] = answer.body["errors"]
    assert error["pointer"] == ""
    assert error["detail"].startswith("must be JSON")


def test_all_broken_rules_are_listed_by_pointer(harness: Harness) -> None:
    """RFC 6901 pointers, with `~` and `/` escaped, each with its rule."""
    payload = {"name": "1", "name_prefix": "x" * 35, "a/b~c": 1, "description": 'say "no"'}
    answer = rejection(harness, http(payload))
    assert answer.status == 400
    pointers = {error["pointer"] for error in answer.body["errors"]}
    assert pointers == {"/instance_id", "/name", "/name_prefix", "/description", "/a~1b~0c"}
    assert all(set(error) == {"pointer", "detail"} for error in answer.body["errors"])


@pytest.mark.parametrize("action", ["status", "check", "verify", "delete", "", 1])
def test_a_body_can_only_create(harness: Harness, action: object) -> None:
    """Read actions have their own path, or are not available over HTTP."""
    answer = rejection(harness, http({**PAYLOAD, "action": action}))
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
def test_rejections_have_a_fixed_order(
    harness: Harness, dialect: Dialect, faults: list[dict[str, Any]], status: int
) -> None:
    """An unknown caller learns nothing more; of several problems the first counts."""
    said = {name: value for fault in faults for name, value in fault.items()}
    assert rejection(harness, http(**{"body": b"{", **said}, dialect=dialect)).status == status


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
def test_client_errors_raise_no_alarm(harness: Harness, event: object) -> None:
    """They are WARNINGs and count as `RequestsRefused`, never as `BackupFailed`."""
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
def test_a_rejection_by_the_service_is_a_problem_document(
    harness: Harness, code: str, status: int, error: str, *, retryable: bool
) -> None:
    """With the service's code and the backup name for a retry."""
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


def test_retry_after_is_passed_on(harness: Harness) -> None:
    """`Retry-After` of a 429 that does not fit into the invocation."""
    harness.emulator.faults.add(Fault(operation="CreateManualBackup", status=429, retry_after=3600))
    answer = response(harness.invoke(http()).reply)
    assert (answer.status, answer.error) == (429, "Throttled")
    assert answer.headers["Retry-After"] == "3600"
    assert answer.body["retryable"] is True


def test_a_secret_that_cannot_be_read_is_503(harness: Harness) -> None:
    """Retryable; the response names the variable, not the secret."""
    harness.cloud.secrets.respond_next(400, "an unexpected error occurred while executing request")
    answer = response(harness.invoke(http()).reply)
    assert (answer.status, answer.error) == (503, "SecretUnavailable")
    assert answer.body["retryable"] is True
    assert "CREDENTIALS_SECRET_ID" in answer.body["detail"]


@in_each_dialect
def test_get_shows_a_backup(harness: Harness, dialect: Dialect) -> None:
    """200, with status, size and end time."""
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
    """`BackupNotFound`, unlike the 404 of an unknown path."""
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
def test_a_malformed_get_is_400(
    harness: Harness, backup_id: str, query: dict[str, str] | None, pointer: str
) -> None:
    """The path and the query are validated."""
    event = http(None, method="GET", path=f"/backups/{backup_id}", query=query)
    answer = rejection(harness, event)
    assert (answer.status, answer.error) == (400, "InvalidRequest")
    assert [error["pointer"] for error in answer.body["errors"]] == [pointer]


def _question(backup_id: str, dialect: Dialect = "http-api") -> dict[str, Any]:
    query = {"instance_id": INSTANCE_ID}
    return http(None, dialect=dialect, method="GET", path=f"/backups/{backup_id}", query=query)


def _refused_by(invocation: Invocation) -> str:
    return response(invocation.reply).error


def test_an_instance_that_is_not_allowed_is_403() -> None:
    """Before any call, and logged as an error."""
    with Harness(ALLOWED_INSTANCES=INSTANCE_ID) as harness:
        invocation = harness.invoke(http({"instance_id": ELSEWHERE}))
        question = http(None, method="GET", path="/backups/one", query={"instance_id": ELSEWHERE})
        assert (
            _refused_by(invocation) == _refused_by(harness.invoke(question)) == "PermissionDenied"
        )
        assert response(invocation.reply).status == 403
        assert invocation.record["level"] == "ERROR"
        assert harness.emulator.calls == []
