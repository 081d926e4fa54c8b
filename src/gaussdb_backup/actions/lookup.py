"""Reads the list of backups to find the requested name."""

from collections.abc import Sequence
from datetime import datetime

from gaussdb_backup.actions.matching import LookupResult, LookupStatus, match_backups
from gaussdb_backup.gaussdb.api import GaussDB
from gaussdb_backup.gaussdb.models import Backup
from gaussdb_backup.gaussdb.pages import Listing
from gaussdb_backup.gaussdb.pagination import list_backups
from gaussdb_backup.request import CreateRequest


def look_up(
    request: CreateRequest, gaussdb: GaussDB, now: datetime, *, everywhere: bool
) -> LookupResult:
    """Reads the list of backups and returns what it shows about the name.

    Args:
        request: the request.
        gaussdb: the API, for this delivery.
        now: the time of this delivery, in UTC.
        everywhere: look through the whole project if the instance's list lacks the name. Names are
            unique in the project, so the backup may be another instance's.
    """

    def shows_name(backups: Sequence[Backup]) -> bool:
        return any(backup.name == request.name for backup in backups)

    def read(instance_id: str | None) -> Listing[Backup]:
        return list_backups(
            gaussdb, instance_id=instance_id, is_enough=shows_name, backup_type="manual"
        )

    listing = read(request.instance_id)
    if everywhere and not listing.error and not shows_name(listing.entries):
        listing = read(None)
    result = match_backups(request, listing.entries, now)
    if result.status is LookupStatus.NOT_FOUND and not listing.is_whole:
        return LookupResult(
            status=LookupStatus.INCONCLUSIVE,
            error=listing.error,
            not_authorized=gaussdb.auth_error is not None,
        )
    return result
