"""The INFO line, the ERROR line and the metrics, by Powertools.

No event is ever logged whole, whatever ``POWERTOOLS_*`` says: only the fields named here.
"""

import logging
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from gaussdb_backup.errors import (
    BackupError,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    Unauthenticated,
    UnsupportedMediaType,
)

NAMESPACE: Final = "GaussDBBackup"
CLIENT_ERRORS: Final = (
    Unauthenticated,
    NotFound,
    MethodNotAllowed,
    PayloadTooLarge,
    UnsupportedMediaType,
)

LogFields = Mapping[str, object]


class Telemetry:
    """What the operator sees.

    Log lines are written at once; metrics are gathered, for several messages may be under way at
    the same time and Powertools' set of metrics belongs to one thread, and written at the end.

    Args:
        service: the ``service`` of log lines and metrics.
    """

    def __init__(self, service: str) -> None:
        self.service = service
        self.logger = Logger(service=service, use_rfc3339=True, location=None)
        self._metrics = Metrics(service=service, namespace=NAMESPACE)
        self._points: deque[tuple[str, MetricUnit, float]] = deque()
        self._ages: deque[tuple[str, float]] = deque()

    def log_success(self, message: str, fields: LogFields, *, creates: bool) -> None:
        """Logs a delivery that succeeded; a create counts as an accepted backup."""
        self._log(logging.INFO, message, fields)
        if creates:
            self._points.append(("BackupAccepted", MetricUnit.Count, 1))

    def log_failure(self, error: BackupError, fields: LogFields, *, creates: bool) -> None:
        """Logs a delivery that failed; a create counts as a failed backup."""
        self._log(logging.ERROR, "backup failed", {**fields, **_error_fields(error)})
        if creates:
            self._points.append(("BackupFailed", MetricUnit.Count, 1))

    def log_refusal(self, error: BackupError, fields: LogFields) -> None:
        """Logs a request over HTTP that was wrong, which is the caller's fault and no alarm."""
        self._log(logging.WARNING, "request refused", {**fields, **_error_fields(error)})
        self._points.append(("RequestsRefused", MetricUnit.Count, 1))

    def add_api_calls(self, milliseconds: Iterable[float]) -> None:
        """Counts the calls to GaussDB.

        Args:
            milliseconds: how long each of them took.
        """
        self._points.extend(("ApiLatency", MetricUnit.Milliseconds, one) for one in milliseconds)

    def add_backup_age(self, instance_id: str, hours: float) -> None:
        """Measures the age of the newest completed backup of an instance."""
        self._ages.append((instance_id, hours))

    def flush(self) -> None:
        """Writes the metrics of this invocation, if there are any."""
        while self._ages:
            self._write_age(*self._ages.popleft())
        if self._points:
            while self._points:
                self._metrics.add_metric(*self._points.popleft())
            self._metrics.flush_metrics()

    def _write_age(self, instance_id: str, hours: float) -> None:
        with single_metric(
            name="BackupAgeHours",
            unit=MetricUnit.NoUnit,
            value=hours,
            namespace=NAMESPACE,
            default_dimensions={"service": self.service},
        ) as metric:
            metric.add_dimension("instance_id", instance_id)

    def _log(self, level: int, message: str, fields: LogFields) -> None:
        shown = {name: value for name, value in fields.items() if value is not None}
        write = {
            logging.INFO: self.logger.info,
            logging.WARNING: self.logger.warning,
            logging.ERROR: self.logger.error,
        }
        write[level](message, extra=shown)


def _error_fields(error: BackupError) -> dict[str, object]:
    evidence = error.evidence
    bug = error if isinstance(error, InternalError) else None
    return {
        "error": type(error).__name__,
        "detail": error.detail,
        "error_code": evidence.error_code,
        "error_msg": evidence.error_msg,
        "api_request_id": evidence.api_request_id,
        "http_status": evidence.http_status,
        "retryable": error.retryable,
        "exception_type": bug and bug.exception_type,
        "exception_place": bug and bug.place,
    }


def is_client_error(error: BackupError, trigger: str) -> bool:
    """Whether a failure is a wrong HTTP request rather than a failed backup."""
    return isinstance(error, CLIENT_ERRORS) or (
        trigger == "http" and isinstance(error, InvalidRequest) and error.violations != ()
    )
