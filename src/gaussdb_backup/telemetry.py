"""Log lines and metrics, by Powertools.

No event is ever logged whole, whatever ``POWERTOOLS_*`` says: only the fields named here.
"""

import logging
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from gaussdb_backup.errors import BackupError, InternalError, InvalidRequest, SecretUnavailable
from gaussdb_backup.request import Delivery

NAMESPACE: Final = "GaussDBBackup"

FAILURE_METRICS: Final[Mapping[str, str]] = {"create": "BackupFailed", "prune": "PruneFailed"}

LogFields = Mapping[str, object]


class Telemetry:
    """Log lines and metrics.

    Log lines are written at once. Metrics are collected and written at the end, because several
    messages may be processed at the same time and Powertools' metrics belong to one thread.

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
        self.log(logging.INFO, message, fields)
        if creates:
            self.add_count("BackupAccepted")

    def log_failure(self, error: BackupError, fields: LogFields, *, action: str) -> None:
        """Logs a delivery that failed; a create or a prune counts as failed."""
        message = "prune failed" if action == "prune" else "backup failed"
        self.log(logging.ERROR, message, {**fields, "action": action, **error_fields(error)})
        if action in FAILURE_METRICS:
            self.add_count(FAILURE_METRICS[action])

    def log_refusal(self, error: BackupError, fields: LogFields) -> None:
        """Logs a request over HTTP that was wrong, which is the caller's fault and no alarm."""
        self.log(logging.WARNING, "request refused", {**fields, **error_fields(error)})
        self.add_count("RequestsRefused")

    def log_hidden_output(self, detail: str) -> None:
        """Logs at cold start what the environment keeps out of logs and metrics.

        The line is written whatever the log level is.
        """
        logger = logging.getLogger(self.service)
        record = logger.makeRecord(
            self.service,
            logging.WARNING,
            fn="",
            lno=0,
            msg="output is hidden",
            args=(),
            exc_info=None,
            extra={"detail": detail},
        )
        logger.handle(record)

    def log_webhook_keys_unavailable(self, error: SecretUnavailable) -> None:
        """Logs why the webhook keys cannot be read, which the sender must not learn."""
        self.log(logging.ERROR, "webhook keys unavailable", error_fields(error))

    def log_telemetry_failure(self, bug: InternalError) -> None:
        """Logs a failure in logging or measuring, without any of the data."""
        self.log(logging.ERROR, "telemetry failed", exception_fields(bug))

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
            try:
                while self._points:
                    self._metrics.add_metric(*self._points.popleft())
                # a hundred values of one metric were written as soon as there were so many
                if self._metrics.metric_set:
                    self._metrics.flush_metrics()
            finally:
                self._metrics.clear_metrics()

    def _write_age(self, instance_id: str, hours: float) -> None:
        with single_metric(
            name="BackupAgeHours",
            unit=MetricUnit.NoUnit,
            value=hours,
            namespace=NAMESPACE,
            default_dimensions={"service": self.service},
        ) as metric:
            metric.add_dimension("instance_id", instance_id)

    def add_count(self, name: str, number: float = 1) -> None:
        """Adds a metric that counts something."""
        self._points.append((name, MetricUnit.Count, number))

    def log(self, level: int, message: str, fields: LogFields) -> None:
        """Logs one line.

        Args:
            level: a level of ``logging``: INFO, WARNING or ERROR.
            message: the line's message.
            fields: what else it shows; None is left out.
        """
        shown = {name: value for name, value in fields.items() if value is not None}
        write = {
            logging.INFO: self.logger.info,
            logging.WARNING: self.logger.warning,
            logging.ERROR: self.logger.error,
        }
        write[level](message, extra=shown)


class DeliveryLog(NamedTuple):
    """The log lines and metrics of one delivery, for what happens before it ends.

    Args:
        telemetry: writes them.
        fields: what every line of the delivery shows, the last one included.
    """

    telemetry: Telemetry
    fields: dict[str, object]

    def write(self, level: int, message: str, fields: LogFields) -> None:
        """Logs one line with the fields of the delivery."""
        self.telemetry.log(level, message, {**self.fields, **fields})

    def add_count(self, name: str, number: float) -> None:
        """Adds a metric that counts something."""
        self.telemetry.add_count(name, number)


def error_fields(error: BackupError) -> dict[str, object]:
    """What the log shows of an error."""
    evidence = error.evidence
    return {
        "error": type(error).__name__,
        "detail": error.detail,
        "error_code": evidence.error_code,
        "error_msg": evidence.error_msg,
        "api_request_id": evidence.api_request_id,
        "http_status": evidence.http_status,
        "retryable": error.retryable,
        **(exception_fields(error) if isinstance(error, InternalError) else {}),
    }


def exception_fields(error: InternalError) -> dict[str, object]:
    """Type and place of an unexpected exception. Its message is not shown: it may hold anything."""
    return {"exception_type": error.exception_type, "exception_place": error.place}


def is_refusal(error: BackupError, delivery: Delivery) -> bool:
    """Whether a failure is a wrong HTTP request, which is the caller's fault and no failed backup.

    An ``InvalidRequest`` without violations is the service's own.
    """
    if delivery.trigger != "http":
        return False
    return error is delivery.error or (isinstance(error, InvalidRequest) and error.violations != ())
