"""Whole lists of the API: backups and instances.

Source: Open Telekom Cloud, "GaussDB(openGauss) API Reference", "Querying Backups" and "Querying DB
Instances".
"""

from collections.abc import Callable, Sequence
from typing import Final

from gaussdb_backup.errors import BackupError, ServiceUnavailable
from gaussdb_backup.gaussdb.api import GaussDB
from gaussdb_backup.gaussdb.models import ApiModel, Backup, NonEmpty
from gaussdb_backup.gaussdb.pages import (
    PAGE_SIZE,
    Listing,
    ListQuery,
    Model,
    Reading,
    after_page,
    finish,
    parse_page,
)

MAX_READINGS: Final = 4


class Instance(ApiModel):
    """A database instance, as far as a backup depends on it."""

    id: NonEmpty
    status: str
    name: str | None = None


def list_backups(
    gaussdb: GaussDB,
    *,
    instance_id: str | None,
    is_enough: Callable[[Sequence[Backup]], bool] = lambda _: False,
    **parameters: str,
) -> Listing[Backup]:
    """Reads the backups of an instance or of the whole project.

    The number of unreadable entries goes into the delivery's log line too.

    Args:
        gaussdb: the API, for this delivery.
        instance_id: the instance; None for all instances of the project.
        is_enough: whether these backups answer the question, so that the list need not be whole.
        parameters: further parameters as the API names them: ``backup_id``, ``backup_type``.

    Returns:
        The backups that could be read, be they all or not. Nothing is raised.
    """
    if instance_id is not None:
        parameters = {"instance_id": instance_id, **parameters}
    listing = read_list(
        gaussdb,
        ListQuery(
            resource="backups",
            parameters=parameters,
            model=Backup,
            keep=lambda backup: instance_id in {None, backup.instance_id},
            is_enough=is_enough,
        ),
    )
    undated = sum(backup.began_at() is None for backup in listing.entries)
    listing = listing._replace(unreadable=listing.unreadable + undated)
    if listing.unreadable:
        gaussdb.log_fields["unreadable_entries"] = listing.unreadable
    return listing


def check_list_access(gaussdb: GaussDB, instance_id: str) -> None:
    """Reads one page of an instance's backups, to see whether the credentials may.

    Raises:
        BackupError: they may not, or the page cannot be read.
    """
    parameters = {"instance_id": instance_id, "offset": "0", "limit": "1"}
    parse_page(gaussdb.get("backups", parameters), "backups")


def find_instance(gaussdb: GaussDB, instance_id: str) -> Instance | None:
    """Finds an instance in the list of instances; None if the service does not list it.

    Raises:
        BackupError: the list cannot be read, or not well enough to say that it is not there.
    """
    listing = read_list(
        gaussdb,
        ListQuery(
            resource="instances",
            parameters={"id": instance_id},
            model=Instance,
            keep=lambda instance: instance.id == instance_id,
            is_enough=bool,
        ),
    )
    if listing.entries:
        return listing.entries[0]
    if not listing.whole() and listing.unreadable:
        raise ServiceUnavailable("an entry of the list of instances cannot be read")
    return None


def read_list(gaussdb: GaussDB, query: ListQuery[Model]) -> Listing[Model]:
    """Reads a list to its end, and from its start again if its pages do not agree.

    Args:
        gaussdb: the API, for this delivery.
        query: which list, and what of it.
    """
    listing: Listing[Model] = Listing(entries=())
    for _ in range(MAX_READINGS):
        listing = _read_once(gaussdb, query)
        if listing.error or listing.is_whole or query.is_enough(listing.entries):
            break
    return listing


def _read_once(gaussdb: GaussDB, query: ListQuery[Model]) -> Listing[Model]:
    reading: Reading[Model] = Reading()
    while not reading.is_over:
        window = {"offset": str(reading.listed), "limit": str(PAGE_SIZE)}
        try:
            response = gaussdb.get(query.resource, {**query.parameters, **window})
            page = parse_page(response, query.resource)
        except BackupError as error:
            return finish(reading, query.keep, error)
        reading = after_page(reading, page, query)
    return finish(reading, query.keep)
