"""A checked request becomes a reply, and what the log says of it."""

from typing import NamedTuple, assert_never

from gaussdb_backup import replies
from gaussdb_backup.create import create_backup
from gaussdb_backup.fields import Check, Status, Verify
from gaussdb_backup.gaussdb import GaussDB
from gaussdb_backup.payload import Create, Request
from gaussdb_backup.telemetry import Fields, Telemetry


class Done(NamedTuple):
    """A request that ended well.

    Args:
        reply: what the caller gets.
        message: the log line.
        fields: what the line shows besides what every line shows.
    """

    reply: replies.Reply
    message: str
    fields: Fields


def perform(request: Request, gaussdb: GaussDB, telemetry: Telemetry) -> Done:
    """Does what a request asks for.

    Raises:
        BackupError: it could not be done.
    """
    match request:
        case Create():
            return _create(request, gaussdb)
        case Status():
            return _status(request, gaussdb)
        case Check():
            return _check(request, gaussdb)
        case Verify():
            return _verify(request, gaussdb, telemetry)
        case _:
            assert_never(request)


def _create(request: Create, gaussdb: GaussDB) -> Done:
    made = create_backup(request, gaussdb)
    backup = made.backup
    return Done(
        replies.Created(outcome=made.outcome, job_id=made.job_id, backup=backup.accepted()),
        "backup accepted",
        {
            "outcome": made.outcome,
            "job_id": made.job_id,
            "job_lookup": made.job_lookup,
            "backup_id": backup.id,
            "backup_name": backup.name,
        },
    )


def _status(request: Status, gaussdb: GaussDB) -> Done:
    from gaussdb_backup.watch import watch

    seen = watch(request, gaussdb)
    return Done(
        replies.Status(outcome=seen.outcome, backup=seen.backup.listed(), job_id=seen.job.id),
        "backup status",
        {
            "outcome": seen.outcome,
            "job_id": seen.job.id,
            "job_lookup": seen.job.lookup,
            "backup_id": seen.backup.id,
            "backup_name": seen.backup.name,
        },
    )


def _check(request: Check, gaussdb: GaussDB) -> Done:
    from gaussdb_backup.watch import check

    outcome, instance = check(request, gaussdb)
    shown = replies.Instance(id=instance.id, name=instance.name, status=instance.status)
    return Done(
        replies.Checked(outcome=outcome, instance=shown),
        "instance checked",
        {"outcome": outcome, "instance_status": instance.status},
    )


def _verify(request: Verify, gaussdb: GaussDB, telemetry: Telemetry) -> Done:
    from gaussdb_backup.watch import age_of_newest, stale

    age = age_of_newest(request, gaussdb)
    if age.hours is not None:
        telemetry.age(request.instance_id, age.hours)
    if age.backup is None or age.hours is None or age.hours > request.max_age_hours:
        raise stale(age)
    reply = replies.Verified(
        outcome="fresh",
        backup=age.backup.listed(),
        age_hours=round(age.hours, 3),
        manual_backups=age.manual_backups,
        manual_mb=age.manual_mb,
    )
    return Done(
        reply,
        "backup fresh",
        {
            "outcome": "fresh",
            "backup_id": age.backup.id,
            "backup_name": age.backup.name,
            "age_hours": reply["age_hours"],
            "manual_backups": age.manual_backups,
            "manual_mb": age.manual_mb,
        },
    )
