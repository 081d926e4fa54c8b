"""One invocation: deliveries in, outcomes out; and the last resort for the unexpected."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol, TypeVar

from pydantic import JsonValue

from gaussdb_backup.actions.dispatch import ActionResult, perform
from gaussdb_backup.clock import Clock, Deadline, deadline_of_invocation
from gaussdb_backup.credentials.auth import Auth
from gaussdb_backup.credentials.secret_store import SecretStore
from gaussdb_backup.errors import BackupError, InternalError, PermissionDenied
from gaussdb_backup.event_sources.base import DeliveryResult, EventSource
from gaussdb_backup.event_sources.dispatch import max_seconds, read_event, rejected_event
from gaussdb_backup.event_sources.webhook_keys import WebhookKeys
from gaussdb_backup.gaussdb.api import GaussDB
from gaussdb_backup.http_client.transport import Transport
from gaussdb_backup.payload_models import StatusRequest
from gaussdb_backup.request import CreateRequest, Delivery, Request, read_request
from gaussdb_backup.settings import Settings
from gaussdb_backup.telemetry import LogFields, Telemetry, is_client_error

MAX_CONCURRENCY: Final = 32

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
    """The function of one environment, for any number of invocations.

    Args:
        settings: what the environment says.
        clock: the time.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or Clock()
        self._transport = Transport()
        if settings.GAUSSDB_ENDPOINT.startswith("https"):
            # while the environment starts, Lambda lends a whole processor; later a part of one
            self._transport.load_trusted_authorities()
        store = SecretStore(
            self._transport,
            settings.PARAMETERS_SECRETS_EXTENSION_HTTP_PORT,
            settings.extension_token(),
        )
        self._keys = WebhookKeys(store, settings.WEBHOOK_SECRET_ID)
        self._auth = Auth(
            store,
            secret_id=settings.CREDENTIALS_SECRET_ID,
            iam_endpoint=settings.IAM_ENDPOINT,
            project_id=settings.PROJECT_ID,
            clock=self._clock,
        )
        self._telemetry = Telemetry(settings.POWERTOOLS_SERVICE_NAME)
        self._handle = self._telemetry.logger.inject_lambda_context(
            self._answer, log_event=False, clear_state=True
        )

    def __call__(self, event: JsonValue, context: LambdaContext) -> JsonValue:
        """The answer to one event.

        Raises:
            BackupError: where the door of this event tells a failure by raising it.
        """
        answer: JsonValue = self._handle(event, context)
        return answer

    def _answer(self, event: JsonValue, context: LambdaContext) -> JsonValue:
        remaining = context.get_remaining_time_in_millis() / 1000
        deadline = deadline_of_invocation(self._clock, remaining, max_seconds(event))
        try:
            door = self._open(event, context.aws_request_id, deadline)
            return door.answer(self._deliver_all(door.groups, deadline))
        finally:
            self._telemetry.flush()

    def _open(self, event: JsonValue, request_id: str, deadline: Deadline) -> EventSource:
        try:
            return self._guarded(
                lambda: read_event(
                    event,
                    request_id=request_id,
                    default_payload=self._settings.DEFAULT_PAYLOAD,
                    keys=self._keys,
                    deadline=deadline,
                )
            )
        except BackupError as error:
            return rejected_event(event, error, request_id)

    def _deliver_all(
        self, groups: Sequence[Sequence[Delivery]], deadline: Deadline
    ) -> list[list[DeliveryResult]]:
        """The outcomes of all groups, side by side, none waiting for another."""
        if len(groups) == 1:
            return [self._deliver_group(groups[0], deadline)]
        with ThreadPoolExecutor(min(len(groups), MAX_CONCURRENCY)) as pool:
            return list(pool.map(lambda group: self._deliver_group(group, deadline), groups))

    def _deliver_group(self, group: Sequence[Delivery], deadline: Deadline) -> list[DeliveryResult]:
        """The outcomes of a group in order, up to and with its first failure."""
        outcomes = []
        for delivery in group:
            outcomes.append(self._deliver(delivery, deadline))
            if isinstance(outcomes[-1].end, BackupError):
                break
        return outcomes

    def _deliver(self, delivery: Delivery, deadline: Deadline) -> DeliveryResult:
        gaussdb = GaussDB(self._settings.GAUSSDB_ENDPOINT, self._transport, self._auth, deadline)
        fields: dict[str, object] = {
            "trigger": delivery.trigger,
            "correlation_id": delivery.correlation_id,
        }
        try:
            done = self._guarded(lambda: self._perform(delivery, gaussdb, fields))
        except BackupError as error:
            self._tell_failure(error, delivery, {**fields, **_effort(gaussdb)})
            return DeliveryResult(error, backup_name=_name(fields))
        finally:
            self._telemetry.called(gaussdb.calls)
        creating = done.message == "backup accepted"
        shown = {**fields, **done.fields, **_effort(gaussdb)}
        self._telemetry.done(done.message, shown, creating=creating)
        return DeliveryResult(done.reply)

    def _perform(
        self, delivery: Delivery, gaussdb: GaussDB, fields: dict[str, object]
    ) -> ActionResult:
        request = read_request(delivery)
        fields["instance_id"] = request.instance_id
        if isinstance(request, CreateRequest | StatusRequest):
            fields["backup_name"] = request.name
        self._permit(request)
        return perform(request, gaussdb, self._telemetry)

    def _permit(self, request: Request) -> None:
        allowed = self._settings.ALLOWED_INSTANCES
        if allowed is not None and request.instance_id not in allowed:
            raise PermissionDenied("ALLOWED_INSTANCES does not name this instance")

    def _tell_failure(self, error: BackupError, delivery: Delivery, fields: LogFields) -> None:
        if is_client_error(error, delivery.trigger):
            self._telemetry.refused(error, fields)
        else:
            shown = {**fields, "action": delivery.action}
            self._telemetry.failed(error, shown, creating=delivery.action == "create")

    def _guarded(self, work: Callable[[], T]) -> T:
        """The last resort: what is unexpected becomes an ``InternalError`` that says nothing."""
        try:
            return work()
        except BackupError:
            raise
        except Exception as error:  # noqa: BLE001 - the one place where a bug may end
            raise InternalError(error) from None


def _effort(gaussdb: GaussDB) -> LogFields:
    return {"attempts": gaussdb.creates, "api_ms": round(sum(gaussdb.calls), 1)}


def _name(fields: LogFields) -> str | None:
    name = fields.get("backup_name")
    return name if isinstance(name, str) else None
