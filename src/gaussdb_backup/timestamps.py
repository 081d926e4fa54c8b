"""Times as events and the API write them."""

import re
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import Final

MAX_MILLISECONDS: Final = 10**14

_ZONED_TIME = r"(?a)\d{4}-?\d\d-?\d\d[Tt ]\d\d(:?\d\d(:?\d\d([.,]\d+)?)?)?([Zz]|[+-]\d\d(:?\d\d)?)"


def parse_utc(text: str) -> datetime:
    """A time in ISO 8601 with a zone, in UTC and whole seconds.

    Raises:
        ValueError: it is not one.
    """
    if not re.fullmatch(_ZONED_TIME, text):
        raise ValueError("not an ISO 8601 time with a zone")
    try:
        time = datetime.fromisoformat(text.upper()).astimezone(UTC).replace(microsecond=0)
    except OverflowError as error:
        raise ValueError("not a time of this calendar") from error
    if not MINYEAR < time.year < MAXYEAR:
        raise ValueError("too near the end of the calendar to add or subtract minutes")
    return time


def parse_epoch_milliseconds(milliseconds: object) -> datetime | None:
    """A time in Unix milliseconds, as a number or a text of digits, in UTC and whole seconds.

    Returns:
        None for anything else: the event then counts as one without a time.
    """
    if isinstance(milliseconds, str) and re.fullmatch(r"[0-9]{1,14}", milliseconds):
        milliseconds = int(milliseconds)
    if not isinstance(milliseconds, int) or isinstance(milliseconds, bool):
        return None
    if not 0 <= milliseconds < MAX_MILLISECONDS:
        return None
    return datetime.fromtimestamp(milliseconds // 1000, UTC)


def format_utc(time: datetime) -> str:
    """A time in UTC as ``2026-01-31T20:00:00Z``."""
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")
