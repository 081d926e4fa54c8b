"""Everything that can go wrong, under the names that callers see.

    BackupError
    ├── InvalidRequest         400        ├── NameTaken            409
    ├── Unauthenticated        401        ├── BackupFailed         409
    ├── PermissionDenied       403        ├── BackupStale          409
    ├── NotFound               404        ├── Throttled            429  again
    ├── InstanceNotFound       404        ├── InternalError        500  again
    ├── BackupNotFound         404        ├── CredentialsRejected  502
    ├── MethodNotAllowed       405        ├── RequestRejected      502
    ├── PayloadTooLarge        413        ├── SecretUnavailable    503  again
    ├── UnsupportedMediaType   415        ├── ServiceUnavailable   503  again
    ├── InstanceNotReady       409  again ├── OutcomeUnknown       504  again
    └── InstanceBusy           409  again └── PruneRefused         409
    ConfigurationError         at cold start, before any event

A class name is what Step Functions matches in ``Retry`` and ``Catch`` and what the log calls
``error``; "again" marks what may succeed when the same event is delivered once more.
"""

import traceback
from typing import ClassVar, NamedTuple


class Evidence(NamedTuple):
    """What the cloud reported about a failure, for the log: redacted, and one line at most."""

    http_status: int | None = None
    error_code: str | None = None
    error_msg: str | None = None
    api_request_id: str | None = None


class Violation(NamedTuple):
    """One broken rule of a payload: a JSON Pointer (RFC 6901) and the rule in words."""

    pointer: str
    detail: str


NO_EVIDENCE = Evidence()


class ConfigurationError(Exception):
    """What the function needs to start is missing or malformed.

    Mostly an environment variable: the message names it and never its value. Otherwise the trusted
    authorities of the artifact.
    """


class BackupError(Exception):
    """A failure of one delivery.

    Args:
        detail: one line for the caller, without any secret.
        evidence: what the cloud reported, if it did.
        retry_after: seconds to wait before the next attempt, where the cloud named them.
        violations: the rules that a payload breaks.
    """

    status: ClassVar[int]
    retryable: ClassVar[bool] = False
    title: ClassVar[str]

    def __init__(
        self,
        detail: str,
        *,
        evidence: Evidence = NO_EVIDENCE,
        retry_after: float | None = None,
        violations: tuple[Violation, ...] = (),
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.evidence = evidence
        self.retry_after = retry_after
        self.violations = violations


class InvalidRequest(BackupError):
    """The payload breaks a rule, or is not JSON."""

    status = 400
    title = "The request is not valid"


class Unauthenticated(BackupError):
    """Neither the gateway nor a signature vouches for the caller."""

    status = 401
    title = "The caller is not authenticated"


class PermissionDenied(BackupError):
    """The service, or ``ALLOWED_INSTANCES``, forbids this operation."""

    status = 403
    title = "The operation is not permitted"


class NotFound(BackupError):
    """There is nothing at this path."""

    status = 404
    title = "There is nothing at this path"


class InstanceNotFound(BackupError):
    """The service knows no such instance."""

    status = 404
    title = "The instance does not exist"


class BackupNotFound(BackupError):
    """The service lists no such backup."""

    status = 404
    title = "The backup does not exist"


class MethodNotAllowed(BackupError):
    """The path exists, for other methods."""

    status = 405
    title = "The method is not allowed here"

    def __init__(self, detail: str, *, allow: str) -> None:
        super().__init__(detail)
        self.allow = allow


class InstanceNotReady(BackupError):
    """The instance's state forbids a backup."""

    status = 409
    retryable = True
    title = "The instance is in a state that forbids a backup"


class InstanceBusy(BackupError):
    """Another backup or operation is running on the instance."""

    status = 409
    retryable = True
    title = "The instance is busy with another operation"


class NameTaken(BackupError):
    """The name belongs to a backup that this event did not make."""

    status = 409
    title = "The backup name is taken"


class BackupFailed(BackupError):
    """This event's backup was made, and failed."""

    status = 409
    title = "The backup was made and failed"


class BackupStale(BackupError):
    """The newest completed backup is too old, or there is none."""

    status = 409
    title = "There is no fresh backup"


class PruneRefused(BackupError):
    """The retention policy selects more backups than one run may delete."""

    status = 409
    title = "More backups would be deleted than allowed"


class PayloadTooLarge(BackupError):
    """The body is larger than any payload can be."""

    status = 413
    title = "The request body is too large"


class UnsupportedMediaType(BackupError):
    """The body is declared to be something else than JSON."""

    status = 415
    title = "The request body must be JSON"


class Throttled(BackupError):
    """The service asks for fewer requests."""

    status = 429
    retryable = True
    title = "The service asks to try again later"


class InternalError(BackupError):
    """A bug in the function. Only the log shows its type and place."""

    status = 500
    retryable = True
    title = "Something unexpected happened"

    def __init__(self, bug: Exception) -> None:
        super().__init__("a bug: its type and place stand in the function's log")
        frames = traceback.extract_tb(bug.__traceback__)
        last = frames[-1] if frames else None
        self.exception_type = type(bug).__name__
        self.place = f"{last.filename}:{last.lineno} {last.name}" if last else None


class CredentialsRejected(BackupError):
    """IAM or the gateway refuses the credentials."""

    status = 502
    title = "The cloud refuses the credentials"


class RequestRejected(BackupError):
    """The service refuses the request for a reason of its own."""

    status = 502
    title = "The service rejects the request"


class SecretUnavailable(BackupError):
    """The secret store did not give a usable secret."""

    status = 503
    retryable = True
    title = "The secret is not available"


class ServiceUnavailable(BackupError):
    """No connection or no readable response, and no create request is open."""

    status = 503
    retryable = True
    title = "The service is not available"


class OutcomeUnknown(BackupError):
    """The request may have been accepted, and the time left did not suffice to find out."""

    status = 504
    retryable = True
    title = "It is not known whether the backup was accepted"
