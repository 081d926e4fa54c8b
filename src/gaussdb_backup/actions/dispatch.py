"""A checked request becomes a reply and a log line."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, assert_never

from gaussdb_backup import replies
from gaussdb_backup.actions.create import create_backup
from gaussdb_backup.credentials.auth import Auth
from gaussdb_backup.gaussdb.api import GaussDB
from gaussdb_backup.payload_models import (
    CheckRequest,
    PruneRequest,
    StatusRequest,
    VerifyRequest,
)
from gaussdb_backup.payload_validation import invalid_request
from gaussdb_backup.request import CreateRequest, Request
from gaussdb_backup.telemetry import DeliveryLog, LogFields, Telemetry

if TYPE_CHECKING:
    from gaussdb_backup.retention_policy import RetentionPolicy


class ActionResult(NamedTuple):
    """A request that ended well.

    Args:
        reply: what the caller gets.
        message: the log line.
        fields: what the line shows besides what every line shows.
    """

    reply: replies.Reply
    message: str
    fields: LogFields


class Retention(NamedTuple):
    """The deployment's retention settings.

    Args:
        policy: the policy; without one, nothing is pruned.
        deleting_auth: the credentials of the user that may delete, for a run that deletes.
    """

    policy: "RetentionPolicy | None"
    deleting_auth: Callable[[], Auth]


def perform(
    request: Request, gaussdb: GaussDB, log: DeliveryLog, retention: Retention
) -> ActionResult:
    """Executes a request.

    Args:
        request: the request.
        gaussdb: the API, as the user that creates.
        log: the log lines and metrics of this delivery.
        retention: the deployment's retention settings.

    Raises:
        BackupError: it could not be done.
    """
    match request:
        case CreateRequest():
            return _create(request, gaussdb)
        case StatusRequest():
            return _status(request, gaussdb)
        case CheckRequest():
            return _check(request, gaussdb)
        case VerifyRequest():
            return _verify(request, gaussdb, log.telemetry)
        case PruneRequest():
            return _prune(request, gaussdb, log, retention)
        case _:
            assert_never(request)


def _create(request: CreateRequest, gaussdb: GaussDB) -> ActionResult:
    success = create_backup(request, gaussdb)
    backup = success.backup
    return ActionResult(
        reply=replies.CreateReply(
            outcome=success.outcome, job_id=success.job.id, backup=backup.as_reply()
        ),
        message="backup accepted",
        fields={
            "outcome": success.outcome,
            "job_id": success.job.id,
            "job_lookup": success.job.lookup,
            "backup_id": backup.id,
            "backup_name": backup.name,
        },
    )


def _status(request: StatusRequest, gaussdb: GaussDB) -> ActionResult:
    from gaussdb_backup.actions.read import read_status

    result = read_status(request, gaussdb)
    return ActionResult(
        reply=replies.StatusReply(
            outcome=result.outcome, backup=result.backup.as_listed_reply(), job_id=result.job.id
        ),
        message="backup status",
        fields={
            "outcome": result.outcome,
            "job_id": result.job.id,
            "job_lookup": result.job.lookup,
            "backup_id": result.backup.id,
            "backup_name": result.backup.name,
        },
    )


def _check(request: CheckRequest, gaussdb: GaussDB) -> ActionResult:
    from gaussdb_backup.actions.read import check_instance

    outcome, instance = check_instance(request, gaussdb)
    reply = replies.InstanceReply(id=instance.id, name=instance.name, status=instance.status)
    return ActionResult(
        reply=replies.CheckReply(outcome=outcome, instance=reply),
        message="instance checked",
        fields={"outcome": outcome, "instance_status": instance.status},
    )


def _verify(request: VerifyRequest, gaussdb: GaussDB, telemetry: Telemetry) -> ActionResult:
    from gaussdb_backup.actions.read import newest_backup_age, stale_error

    age = newest_backup_age(request, gaussdb)
    if age.hours is not None:
        telemetry.add_backup_age(request.instance_id, age.hours)
    if age.backup is None or age.hours is None or age.hours > request.max_age_hours:
        raise stale_error(age)
    reply = replies.VerifyReply(
        outcome="fresh",
        backup=age.backup.as_listed_reply(),
        age_hours=round(age.hours, 3),
        manual_backups=age.manual_backups,
        manual_mb=age.manual_mb,
    )
    return ActionResult(
        reply=reply,
        message="backup fresh",
        fields={
            "outcome": "fresh",
            "backup_id": age.backup.id,
            "backup_name": age.backup.name,
            "age_hours": reply["age_hours"],
            "manual_backups": age.manual_backups,
            "manual_mb": age.manual_mb,
        },
    )


def _prune(
    request: PruneRequest, gaussdb: GaussDB, log: DeliveryLog, retention: Retention
) -> ActionResult:
    if retention.policy is None:
        raise invalid_request("/action", "cannot be prune, because RETENTION is not set")
    from gaussdb_backup.actions.prune import is_deleting, prune, prune_fields, prune_reply

    if is_deleting(request, retention.policy):
        gaussdb = gaussdb.with_auth(retention.deleting_auth())
    result = prune(request, retention.policy, gaussdb, log)
    return ActionResult(
        reply=prune_reply(request, result), message="prune finished", fields=prune_fields(result)
    )
