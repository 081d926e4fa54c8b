"""One run of ``prune``: read the list, decide, report, and delete where the deployment says so.

``retention`` decides. A run that ends midway does no harm, because the next one selects the rest.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gaussdb_backup import replies
from gaussdb_backup.actions.retention import Plan, Reason, Verdict, plan_retention
from gaussdb_backup.errors import (
    BackupError,
    BackupNotFound,
    Evidence,
    InstanceNotFound,
    PruneRefused,
    ServiceUnavailable,
    Throttled,
)
from gaussdb_backup.gaussdb.api import GaussDB
from gaussdb_backup.gaussdb.models import Backup
from gaussdb_backup.gaussdb.pagination import find_instance, list_backups
from gaussdb_backup.http_client.pauses import MIN_CALL_SECONDS
from gaussdb_backup.payload_models import PruneRequest
from gaussdb_backup.payload_validation import invalid_request
from gaussdb_backup.retention_policy import RetentionPolicy
from gaussdb_backup.telemetry import DeliveryLog, error_fields

MAX_NAMES: Final = 20


class FailedDeletion(NamedTuple):
    """A backup that was selected and not deleted, and why."""

    backup: Backup
    error: BackupError


@dataclass(slots=True)
class Deletions:
    """What the deletions of one run came to, so far.

    Attributes:
        deleted: the backups that it deleted.
        failed: the backups that it could not delete.
        gone: how many backups were gone already.
    """

    deleted: list[Backup] = field(default_factory=list)
    failed: list[FailedDeletion] = field(default_factory=list)
    gone: int = 0

    @property
    def freed_mb(self) -> float:
        """The size of the deleted backups together."""
        return sum(backup.size or 0.0 for backup in self.deleted)


class PruneResult(NamedTuple):
    """What one run came to.

    Args:
        plan: what becomes of every listed backup.
        deletions: what it deleted; None if it only reports.
    """

    plan: Plan
    deletions: Deletions | None


def is_deleting(request: PruneRequest, policy: RetentionPolicy) -> bool:
    """Whether a run is to delete what it selects.

    Raises:
        InvalidRequest: the request asks for more than the deployment allows.
    """
    if request.dry_run is False and policy.mode == "report":
        raise invalid_request("/dry_run", "must not be false, because RETENTION says report")
    return policy.mode == "delete" and not request.dry_run


def prune(
    request: PruneRequest, policy: RetentionPolicy, gaussdb: GaussDB, log: DeliveryLog
) -> PruneResult:
    """Selects the backups of an instance that the policy does not keep, and deletes them.

    Args:
        request: the instance, and how many deletions its caller has confirmed.
        policy: the deployment's policy.
        gaussdb: the API; as the user that may delete, where the run deletes.
        log: the log lines and metrics of this run.

    Raises:
        InstanceNotFound: the instance is not listed.
        PruneRefused: the plan is larger than a run may be.
        ServiceUnavailable: a list cannot be read whole, a deletion's outcome is unknown, or the
            time does not suffice.
        BackupError: the calls are refused.
    """
    if find_instance(gaussdb, request.instance_id) is None:
        raise InstanceNotFound(
            "the service does not list this instance, so its backups may be the last copies"
        )
    listing = list_backups(gaussdb, instance_id=request.instance_id, backup_type="manual")
    now = gaussdb.deadline.clock.utc()
    plan = plan_retention(listing.whole(), policy, request.instance_id, now)
    selected = plan.of(Verdict.SELECTED)
    deletes = is_deleting(request, policy)
    shown = _plan_fields(plan, unreadable=listing.unreadable)
    log.write(logging.INFO, "prune planned", {**shown, "dry_run": not deletes})
    log.add_count("BackupsSelected", len(selected))
    gaussdb.log_fields["selected"] = len(selected)
    if not deletes:
        return PruneResult(plan=plan, deletions=None)
    allowed = request.max_deletions or policy.max_deletions
    if len(selected) > allowed:
        raise PruneRefused(
            f"the policy selects {len(selected)} backups, and a run may delete {allowed}"
        )
    return PruneResult(plan=plan, deletions=_delete_all(selected, gaussdb, log))


def prune_reply(request: PruneRequest, result: PruneResult) -> replies.PruneReply:
    """The reply to the caller."""
    done = result.deletions or Deletions()
    return replies.PruneReply(
        outcome="reported" if result.deletions is None else "pruned",
        instance_id=request.instance_id,
        kept=len(result.plan.of(Verdict.KEPT)),
        unmanaged=len(result.plan.of(Verdict.UNMANAGED)),
        selected=[
            replies.SelectedBackupReply(
                id=_id(backup),
                name=backup.name,
                begin_time=backup.begin_time or "",
                size=backup.size,
            )
            for backup in result.plan.of(Verdict.SELECTED)
        ],
        deleted=[_id(backup) for backup in done.deleted],
        failed=[
            replies.FailedDeletionReply(
                id=_id(backup), name=backup.name, error_code=error.evidence.error_code
            )
            for backup, error in done.failed
        ],
        freed_mb=done.freed_mb,
    )


def prune_fields(result: PruneResult) -> dict[str, object]:
    """A run that ended well, as its last log line shows it."""
    done = result.deletions or Deletions()
    return {
        "outcome": "reported" if result.deletions is None else "pruned",
        "kept": len(result.plan.of(Verdict.KEPT)),
        "unmanaged": len(result.plan.of(Verdict.UNMANAGED)),
        "selected": len(result.plan.of(Verdict.SELECTED)),
        "deleted": len(done.deleted),
        "gone": done.gone,
        "failed": len(done.failed),
        "freed_mb": done.freed_mb,
    }


def _plan_fields(plan: Plan, *, unreadable: int) -> dict[str, object]:
    """A plan as the log shows it.

    Args:
        plan: the plan.
        unreadable: how many entries of the list could not be read, or have no readable time.
    """
    selected = plan.of(Verdict.SELECTED)
    unusable = sum(
        decision.reason is Reason.UNREADABLE and decision.backup.began_at() is not None
        for decision in plan.decisions
    )
    return {
        "kept": len(plan.of(Verdict.KEPT)),
        "unmanaged": len(plan.of(Verdict.UNMANAGED)),
        "selected": len(selected),
        "names": [backup.name for backup in selected[:MAX_NAMES]],
        "unreadable_entries": unreadable + unusable,
    }


def _delete_all(selected: Sequence[Backup], gaussdb: GaussDB, log: DeliveryLog) -> Deletions:
    """Deletes one backup after the other, up to the first whose outcome is unknown.

    Raises:
        ServiceUnavailable: a deletion's outcome is unknown, or the time does not suffice.
        BackupError: the calls are refused.
    """
    # imported where something is deleted: neither a create nor a report loads what can delete
    from gaussdb_backup.gaussdb.deletion import delete_backup

    done = Deletions()
    try:
        for position, backup in enumerate(selected):
            rest = selected[position:]
            if gaussdb.deadline.remaining() < MIN_CALL_SECONDS:
                late = ServiceUnavailable(f"no time is left to delete {len(rest)} more backups")
                _record_failed(rest, late, done, log)
                raise late
            match delete_backup(gaussdb, _id(backup)):
                case Evidence() as evidence:
                    _record_deleted(backup, evidence, done, log)
                case BackupNotFound():
                    done.gone += 1
                case Throttled() as error:
                    _record_failed(rest, error, done, log)
                    break
                case ServiceUnavailable() as error:
                    _record_failed([backup], error, done, log)
                    raise error
                case error:
                    _record_failed([backup], error, done, log)
    finally:
        # a run that fails shows, too, how far it came
        if done.deleted:
            log.add_count("BackupsDeleted", len(done.deleted))
        gaussdb.log_fields.update(
            deleted=len(done.deleted), gone=done.gone, failed=len(done.failed)
        )
    return done


def _record_deleted(backup: Backup, evidence: Evidence, done: Deletions, log: DeliveryLog) -> None:
    done.deleted.append(backup)
    shown = {"http_status": evidence.http_status, "api_request_id": evidence.api_request_id}
    log.write(logging.INFO, "backup deleted", {**_backup_fields(backup), **shown})


def _record_failed(
    backups: Sequence[Backup], error: BackupError, done: Deletions, log: DeliveryLog
) -> None:
    done.failed += [FailedDeletion(backup, error) for backup in backups]
    for backup in backups:
        shown = {**_backup_fields(backup), **error_fields(error)}
        log.write(logging.WARNING, "backup not deleted", shown)


def _backup_fields(backup: Backup) -> dict[str, object]:
    return {
        "backup_id": backup.id,
        "backup_name": backup.name,
        "begin_time": backup.begin_time,
        "size_mb": backup.size,
    }


def _id(backup: Backup) -> str:
    """The ID of a selected backup; none is selected without one."""
    return backup.id or ""
