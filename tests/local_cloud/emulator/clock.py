"""The cloud's clock, and the time formats of its services."""

from datetime import UTC, datetime, timedelta, timezone


class ServerClock:
    """The cloud's clock: it runs like the machine's clock and can be moved."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.now(UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        """Move the clock forward, or back if `seconds` is negative."""
        self._ahead += timedelta(seconds=seconds)

    @staticmethod
    def later(moment: datetime, seconds: float) -> datetime:
        """Return the time `seconds` after `moment`."""
        return moment + timedelta(seconds=seconds)

    def set(self, moment: datetime) -> None:
        """Set the clock; it runs on from this moment."""
        self._ahead = moment - datetime.now(UTC)


def write_offset_time(moment: datetime, zone: str) -> str:
    """Format a time as in backups and tasks: whole seconds and an offset without a colon.

    Args:
        moment: a time with a time zone.
        zone: "Z", or an offset such as "+0800".
    """
    if zone == "Z":
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
    local = moment.astimezone(timezone(-offset if zone[0] == "-" else offset))
    return local.strftime("%Y-%m-%dT%H:%M:%S%z")


def read_offset_time(text: str) -> datetime:
    """Parse a time of a query; the plus of its offset may be decoded as a blank.

    Raises:
        ValueError: the text has another format.
    """
    return datetime.strptime(text.replace(" ", "+"), "%Y-%m-%dT%H:%M:%S%z")


def write_iam_time(moment: datetime) -> str:
    """Format a time as IAM does: UTC with microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_sdk_date(text: str) -> datetime:
    """Parse the X-Sdk-Date header.

    Raises:
        ValueError: the text has another format.
    """
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def write_sdk_date(moment: datetime) -> str:
    """Format a time as in the X-Sdk-Date header."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def write_instance_time(moment: datetime) -> str:
    """Format a time as the list of instances does: `2021-01-15 01:46:40 UTC`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
