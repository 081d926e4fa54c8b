"""The pages of a list become its entries: pure functions.

An entry that cannot be read is skipped and counted, and hides no other entry. What is on any page
is there, whatever ``total_count`` says. Only absence needs a whole reading whose pages agree: the
same total on each page, and as many different entries.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from pydantic import JsonValue, ValidationError

from gaussdb_backup.errors import BackupError, ServiceUnavailable
from gaussdb_backup.gaussdb.models import ApiModel
from gaussdb_backup.http_client.error_mapping import unreadable_response
from gaussdb_backup.http_client.response import Response

PAGE_SIZE: Final = 100

Model = TypeVar("Model", bound=ApiModel)


class Listing(NamedTuple, Generic[Model]):
    """What was read of a list.

    Args:
        entries: the entries that can be read, in the order of the service.
        unreadable: how many entries were skipped; of backups also those without a readable time.
        is_whole: the list has no other entries than these.
        error: why a page could not be read, if it is that.
    """

    entries: tuple[Model, ...]
    unreadable: int = 0
    is_whole: bool = False
    error: BackupError | None = None

    def whole(self) -> tuple[Model, ...]:
        """The entries of the whole list.

        Raises:
            BackupError: there may be more of them.
        """
        if self.error is not None:
            raise self.error
        if not self.is_whole:
            raise ServiceUnavailable("the pages of the list do not agree")
        return self.entries


class ListQuery(NamedTuple, Generic[Model]):
    """Which list to read, and what of it.

    Args:
        resource: the list, as the API names it: ``backups``, ``instances``, ``tasks``.
        parameters: the query parameters as the API names them.
        model: the entries.
        keep: whether an entry is meant; the service's own filter is not relied on.
        is_enough: whether these entries answer the question, so that a reading whose pages do not
            agree need not be repeated.
    """

    resource: str
    parameters: Mapping[str, str]
    model: type[Model]
    keep: Callable[[Model], bool]
    is_enough: Callable[[Sequence[Model]], bool] = lambda _: False


class Page(NamedTuple):
    """One page: its entries as they are, and the number of entries on all pages if it says so."""

    entries: list[JsonValue]
    total_count: int | None


class Reading(NamedTuple, Generic[Model]):
    """One reading of a list, so far.

    Args:
        entries: those that can be read.
        listed: how many there were, readable or not.
        total: ``total_count`` of the first page.
        agrees: the pages may be those of one list that did not change meanwhile.
        is_over: there is nothing more to read.
        last: the last page.
    """

    entries: tuple[Model, ...] = ()
    listed: int = 0
    total: int | None = None
    agrees: bool = True
    is_over: bool = False
    last: Page | None = None


def parse_page(response: Response, resource: str) -> Page:
    """Reads a page, but not its entries.

    Raises:
        ServiceUnavailable: it is no page of this list.
    """
    try:
        body = json.loads(response.body)
    except (ValueError, RecursionError):
        body = None
    entries = body.get(resource) if isinstance(body, dict) else None
    if not isinstance(entries, list):
        raise unreadable_response(response)
    total = body.get("total_count")
    return Page(entries=entries, total_count=total if type(total) is int else None)


def after_page(reading: Reading[Model], page: Page, query: ListQuery[Model]) -> Reading[Model]:
    """The reading with one more page.

    At the end of the count a full page is not trusted to be the last one unless the question is
    answered, because a total may be that of the page. A short page is the last one only if the
    count says so too, because a service may list fewer entries on a page than it is asked for.
    """
    entries = (*reading.entries, *_parse_entries(page, query.model))
    listed = reading.listed + len(page.entries)
    total = page.total_count if reading.last is None else reading.total
    agrees = reading.agrees and total is not None and total == page.total_count and listed <= total
    is_counted = agrees and listed == total
    is_full = len(page.entries) >= PAGE_SIZE
    is_last = not is_full and (is_counted or not agrees)
    is_stuck = not page.entries or page == reading.last
    may_stop = is_counted or not is_full or not agrees
    is_enough = may_stop and query.is_enough([entry for entry in entries if query.keep(entry)])
    return Reading(
        entries=entries,
        listed=listed,
        total=total,
        agrees=agrees,
        is_over=is_last or is_stuck or is_enough,
        last=page,
    )


def finish(
    reading: Reading[Model], keep: Callable[[Model], bool], error: BackupError | None = None
) -> Listing[Model]:
    """What was read of the list.

    It is whole only if as many different entries were read as it counts: an entry that was listed
    twice, because the list changed meanwhile, stands for one that was not listed at all. So does a
    backup that is listed twice with different statuses.

    Args:
        reading: the reading.
        keep: whether an entry is meant.
        error: why the next page could not be read.
    """
    unreadable = reading.listed - len(reading.entries)
    distinct = len({entry.identity() for entry in reading.entries}) + unreadable
    is_counted = reading.listed == distinct == reading.total
    return Listing(
        entries=tuple(entry for entry in reading.entries if keep(entry)),
        unreadable=unreadable,
        is_whole=reading.is_over and reading.agrees and is_counted,
        error=error,
    )


def _parse_entries(page: Page, model: type[Model]) -> list[Model]:
    """The entries that can be read."""
    parsed = (parse_entry(entry, model) for entry in page.entries)
    return [entry for entry in parsed if entry is not None]


def parse_entry(entry: JsonValue, model: type[Model]) -> Model | None:
    """Reads an entry without those fields that are in another form than documented.

    Returns:
        The entry; None if a field is among them that the model cannot do without.
    """
    if not isinstance(entry, dict):
        return None
    fields = {name: value for name, value in entry.items() if _is_encodable(value)}
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
    odd = {fault["loc"][0] for fault in found}
    if any(field.is_required() for name, field in model.model_fields.items() if name in odd):
        return None
    return model.model_validate({name: fields[name] for name in fields if name not in odd})


def _is_encodable(value: JsonValue) -> bool:
    """Whether no reply would break on a value: JSON can spell halves of surrogate pairs."""
    try:
        return not isinstance(value, str) or value.encode() is not None
    except UnicodeEncodeError:
        return False
