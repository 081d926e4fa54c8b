"""The errors hold what callers rely on: name, status, and whether to try again."""

import re
import traceback
from collections.abc import Iterator

import pytest

from gaussdb_backup import errors
from gaussdb_backup.errors import (
    NO_EVIDENCE,
    BackupError,
    ConfigurationError,
    Evidence,
    InstanceBusy,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    Throttled,
    Violation,
)

# the table that callers see: error name, HTTP status, whether the same event may succeed later
TABLE = {
    "InvalidRequest": (400, False),
    "Unauthenticated": (401, False),
    "PermissionDenied": (403, False),
    "InstanceNotFound": (404, False),
    "BackupNotFound": (404, False),
    "NotFound": (404, False),
    "MethodNotAllowed": (405, False),
    "PayloadTooLarge": (413, False),
    "UnsupportedMediaType": (415, False),
    "InstanceNotReady": (409, True),
    "InstanceBusy": (409, True),
    "NameTaken": (409, False),
    "BackupFailed": (409, False),
    "BackupStale": (409, False),
    "PruneRefused": (409, False),
    "Throttled": (429, True),
    "CredentialsRejected": (502, False),
    "RequestRejected": (502, False),
    "SecretUnavailable": (503, True),
    "ServiceUnavailable": (503, True),
    "OutcomeUnknown": (504, True),
    "InternalError": (500, True),
}


def descendants(kind: type[BackupError]) -> Iterator[type[BackupError]]:
    """All errors below one."""
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


def test_there_are_these_errors_and_no_others() -> None:
    """Name, status and `retryable` of every error stand as callers know them."""
    found = {kind.__name__: (kind.status, kind.retryable) for kind in descendants(BackupError)}
    assert found == TABLE


def test_no_error_is_a_kind_of_another() -> None:
    """Step Functions matches names alone, so no error stands below another."""
    assert {kind.__bases__ for kind in descendants(BackupError)} == {(BackupError,)}


def test_the_modules_tree_is_the_tree() -> None:
    """The tree in the module's first lines is drawn from life."""
    assert errors.__doc__ is not None
    drawn = re.findall(r"(?:├──|└──) (\w+) +(\d{3})( +again)?", errors.__doc__)
    assert {name: (int(status), bool(again)) for name, status, again in drawn} == TABLE


def test_every_error_has_a_title_of_its_own() -> None:
    """Problem details name the kind of problem in words that do not change (RFC 9457, 3.1.4)."""
    titles = [kind.title for kind in descendants(BackupError)]
    assert len(set(titles)) == len(titles)
    assert all(title.isprintable() and title for title in titles)


def test_a_broken_environment_is_no_failure_of_an_event() -> None:
    """`ConfigurationError` stands apart: nothing that handles events catches it."""
    assert not issubclass(ConfigurationError, BackupError)


def test_an_error_carries_its_evidence() -> None:
    """What the cloud said, how long to wait and which rules broke travel with the error."""
    evidence = Evidence(http_status=429, error_code="APIGW.0308")
    violation = Violation("/name", "is wrong")
    error = Throttled("later", evidence=evidence, retry_after=3.0, violations=(violation,))
    assert (error.evidence, error.retry_after, error.violations) == (evidence, 3.0, (violation,))


def test_an_error_without_evidence_has_none() -> None:
    """What nobody said is absent, not missing."""
    error = InstanceBusy("busy")
    assert (error.evidence, error.retry_after, error.violations) == (NO_EVIDENCE, None, ())


@pytest.mark.parametrize("kind", [InvalidRequest, InstanceBusy, Throttled])
def test_the_message_is_the_detail(kind: type[BackupError]) -> None:
    """Lambda shows `str(error)` to callers: the one line, and nothing of the evidence."""
    error = kind("one line", evidence=Evidence(error_msg="what the cloud said"))
    assert (str(error), error.detail) == ("one line", "one line")


def test_a_refused_method_names_those_that_are_not() -> None:
    """`Allow` needs them."""
    assert MethodNotAllowed("takes GET", allow="GET").allow == "GET"


def test_a_bug_is_told_to_the_log_alone() -> None:
    """Type and place of the unexpected are kept, its message is not: it may hold anything."""

    def misbehave() -> None:
        raise LookupError("hunter2")

    with pytest.raises(LookupError) as raised:
        misbehave()
    error = InternalError(raised.value)
    assert error.exception_type == "LookupError"
    assert error.place is not None
    assert error.place.endswith(" misbehave")
    assert "test_errors.py:" in error.place
    assert "hunter2" not in f"{error} {error.detail} {error.place} {error!r}"


def test_a_bug_without_a_traceback_has_no_place() -> None:
    """Even so it becomes an error of ours."""
    bug = LookupError("hunter2")
    assert traceback.extract_tb(bug.__traceback__) == []
    assert InternalError(bug).place is None
