"""One invocation: deliveries in, results out, and the last resort for unexpected exceptions."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property, partial
from itertools import chain
from typing import Final, ParamSpec, Protocol, TypeVar

from pydantic import JsonValue

from gaussdb_backup.actions.dispatch import ActionResult, Retention, perform
from gaussdb_backup.clock import Clock, deadline_of_invocation
from gaussdb_backup.credentials.auth import Auth
from gaussdb_backup.credentials.issuer import Invocation, Issuer
from gaussdb_backup.credentials.models import CREDENTIALS_VARIABLE
from gaussdb_backup.credentials.secret_store import SecretStore
from gaussdb_backup.errors import BackupError, InternalError, PermissionDenied
from gaussdb_backup.event_sources.base import (
    DeliveryResult,
    EventContext,
    EventSource,
    replies_or_raise,
)
from gaussdb_backup.event_sources.dispatch import SUPPORTED, find_source
from gaussdb_backup.event_sources.webhook_keys import WebhookKeys
from gaussdb_backup.gaussdb.api import GaussDB
from gaussdb_backup.http_client.transport import Transport
from gaussdb_backup.payload_models import StatusRequest
from gaussdb_backup.request import CreateRequest, Delivery, Identity, Request, read_request
from gaussdb_backup.settings import Settings
from gaussdb_backup.telemetry import DeliveryLog, LogFields, Telemetry, is_refusal

MAX_CONCURRENCY: Final = 32

P = ParamSpec("P")
T = TypeVar("T")


class LambdaContext(Protocol):
    """What the function needs of Lambda's context."""

    function_name: str
    memory_limit_in_mb: int
    invoked_function_arn: str
    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda kills the invocation."""


class BackupFunction:
    """The function of one execution environment, for any number of invocations.

    Args:
        settings: the environment variables, checked.
        clock: the source of time.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or Clock()
        self._transport = Transport()
        if settings.GAUSSDB_ENDPOINT.startswith("https"):
            # during init Lambda gives the function a whole processor, later only a share
            self._transport.load_trusted_authorities()
        self._secrets = SecretStore(
            self._transport,
            settings.PARAMETERS_SECRETS_EXTENSION_HTTP_PORT,
            settings.extension_token(),
        )
        self._telemetry = Telemetry(settings.POWERTOOLS_SERVICE_NAME)
        if settings.hidden_output is not None:
            self._telemetry.log_hidden_output(settings.hidden_output)
        self._webhook_keys = WebhookKeys(
            self._secrets,
            settings.WEBHOOK_SECRET_ID,
            self._telemetry.log_webhook_keys_unavailable,
        )
        self._auth = self._auth_from(settings.CREDENTIALS_SECRET_ID, CREDENTIALS_VARIABLE)
        self._handle = self._telemetry.logger.inject_lambda_context(
            self._respond, log_event=False, clear_state=True
        )

    def __call__(self, event: JsonValue, context: LambdaContext) -> JsonValue:
        """The response to one event.

        Raises:
            BackupError: the event source reports a failure as an exception.
        """
        response: JsonValue = self._handle(event, context)
        return response

    def _respond(self, event: JsonValue, context: LambdaContext) -> JsonValue:
        source = find_source(event)
        remaining = context.get_remaining_time_in_millis() / 1000
        deadline = deadline_of_invocation(self._clock, remaining, source.max_seconds)
        event_context = EventContext(
            request_id=context.aws_request_id,
            default_payload=self._settings.DEFAULT_PAYLOAD,
            webhook_keys=self._webhook_keys,
            deadline=deadline,
            supported=SUPPORTED,
        )
        try:
            groups = self._guarded(lambda: source.deliveries(event, event_context))
        except BackupError as error:
            delivery = _unreadable(source, context)
            fields = {"trigger": delivery.trigger, "correlation_id": delivery.correlation_id}
            self._record(self._log_failure, error, delivery, fields)
            return source.failure(error, context.aws_request_id)
        else:
            results = self._deliver_all(groups, self._auth.begin(deadline))
            return self._response(source, results)
        finally:
            self._record(self._telemetry.flush)

    def _response(self, source: EventSource, results: Sequence[DeliveryResult]) -> JsonValue:
        """The response of the event source; if it has a bug, the replies as they are."""
        try:
            return self._guarded(lambda: source.response(results))
        except InternalError as bug:
            if any(result.end is bug for result in results):
                raise
            self._record(self._telemetry.log_telemetry_failure, bug)
        replies = replies_or_raise(results)
        return replies[0] if len(replies) == 1 else {"replies": replies}

    def _deliver_all(
        self, groups: Sequence[Sequence[Delivery]], invocation: Invocation
    ) -> list[DeliveryResult]:
        """The results of all deliveries. Groups are processed at the same time."""
        if len(groups) == 1:
            return self._deliver_group(groups[0], invocation)
        with ThreadPoolExecutor(min(len(groups), MAX_CONCURRENCY)) as pool:
            results = pool.map(lambda group: self._deliver_group(group, invocation), groups)
            return list(chain.from_iterable(results))

    def _deliver_group(
        self, group: Sequence[Delivery], invocation: Invocation
    ) -> list[DeliveryResult]:
        """The results of a group. After its first failure nothing more is attempted."""
        results: list[DeliveryResult] = []
        for delivery in group:
            if results and not isinstance(results[-1].end, dict):
                results.append(DeliveryResult(delivery=delivery, end=None))
            else:
                results.append(self._deliver(delivery, invocation))
        return results

    def _deliver(self, delivery: Delivery, invocation: Invocation) -> DeliveryResult:
        gaussdb = GaussDB(self._settings.GAUSSDB_ENDPOINT, self._transport, self._auth, invocation)
        fields: dict[str, object] = {
            "trigger": delivery.trigger,
            "correlation_id": delivery.correlation_id,
            **delivery.log_fields,
        }
        try:
            result = self._guarded(lambda: self._perform(delivery, gaussdb, fields))
        except BackupError as error:
            shown = {"instance_id": delivery.instance_id, **fields, **_effort(gaussdb)}
            self._record(self._log_failure, error, delivery, shown)
            return DeliveryResult(delivery=delivery, end=error, backup_name=_backup_name(fields))
        finally:
            self._telemetry.add_api_calls(gaussdb.calls)
        shown = {**fields, **result.fields, **_effort(gaussdb)}
        self._record(self._log_success, result.message, delivery, shown)
        return DeliveryResult(delivery=delivery, end=result.reply)

    def _perform(
        self, delivery: Delivery, gaussdb: GaussDB, fields: dict[str, object]
    ) -> ActionResult:
        request = read_request(delivery, self._clock.utc())
        fields["instance_id"] = request.instance_id
        if isinstance(request, CreateRequest | StatusRequest):
            fields["backup_name"] = request.name
        self._check_allowed(request)
        retention = Retention(self._settings.RETENTION, lambda: self._deleting_auth)
        return perform(request, gaussdb, DeliveryLog(self._telemetry, fields), retention)

    @cached_property
    def _deleting_auth(self) -> Auth:
        """The credentials of the user that may delete, as long as this environment lives.

        Made when a run first deletes; its guards against lock-out count for all later runs.
        """
        return self._auth_from(self._settings.RETENTION_SECRET_ID or "", "RETENTION_SECRET_ID")

    def _auth_from(self, secret_id: str, variable: str) -> Auth:
        issuer = Issuer(
            self._secrets,
            secret_id=secret_id,
            variable=variable,
            iam_endpoint=self._settings.IAM_ENDPOINT,
            project_id=self._settings.PROJECT_ID,
            clock=self._clock,
        )
        return Auth(issuer, self._clock)

    def _check_allowed(self, request: Request) -> None:
        allowed = self._settings.ALLOWED_INSTANCES
        if allowed is not None and request.instance_id not in allowed:
            raise PermissionDenied("ALLOWED_INSTANCES does not name this instance")

    def _log_success(self, message: str, delivery: Delivery, fields: LogFields) -> None:
        self._telemetry.log_success(message, fields, creates=delivery.action == "create")

    def _log_failure(self, error: BackupError, delivery: Delivery, fields: LogFields) -> None:
        if is_refusal(error, delivery):
            self._telemetry.log_refusal(error, fields)
        else:
            self._telemetry.log_failure(error, fields, action=delivery.action)

    def _record(self, record: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Writes logs or metrics. A failure there is logged, and does not change the outcome."""
        try:
            self._guarded(lambda: record(*args, **kwargs))
        except InternalError as bug:
            with suppress(InternalError):  # perhaps the log itself is what fails
                self._guarded(partial(self._telemetry.log_telemetry_failure, bug))

    def _guarded(self, work: Callable[[], T]) -> T:
        """The last resort: an unexpected exception becomes an ``InternalError`` without details.

        Raises:
            BackupError: what the work raises, or an ``InternalError`` in place of anything else.
        """
        try:
            return work()
        except BackupError:
            raise
        except Exception as error:  # noqa: BLE001 - the one place where a bug may end
            raise InternalError(error) from None


def _unreadable(source: EventSource, context: LambdaContext) -> Delivery:
    """The log fields of an event that could not be read."""
    request_id = context.aws_request_id
    return Delivery(
        trigger=source.trigger,
        correlation_id=request_id,
        payload=None,
        identity=Identity(kind="direct", value=request_id),
    )


def _effort(gaussdb: GaussDB) -> LogFields:
    return {
        "attempts": gaussdb.creates,
        "api_ms": round(sum(gaussdb.calls), 1),
        **gaussdb.log_fields,
    }


def _backup_name(fields: LogFields) -> str | None:
    name = fields.get("backup_name")
    return name if isinstance(name, str) else None
