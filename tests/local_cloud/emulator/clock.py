"""The cloud's own time, and how its services write it."""

from datetime import UTC, datetime, timedelta, timezone


class ServerClock:
    """The time by which the cloud lives: it runs like the machine's and can be moved."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """Return the cloud's present moment, in UTC."""
        return datetime.now(UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        """Move the cloud's time on (or back, where negative) by so many seconds."""
        self._ahead += timedelta(seconds=seconds)

    @staticmethod
    def later(moment: datetime, seconds: float) -> datetime:
        """Return the moment so many seconds after another."""
        return moment + timedelta(seconds=seconds)

    def set(self, moment: datetime) -> None:
        """Let the cloud's time run on from this moment."""
        self._ahead = moment - datetime.now(UTC)


def write_offset_time(moment: datetime, zone: str) -> str:
    """Write a time as backups and tasks carry it: whole seconds and an offset without a colon.

    Args:
        moment: an aware time.
        zone: "Z", or an offset such as "+0800".
    """
    if zone == "Z":
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
    local = moment.astimezone(timezone(-offset if zone[0] == "-" else offset))
    return local.strftime("%Y-%m-%dT%H:%M:%S%z")


def read_offset_time(text: str) -> datetime:
    """Read a time of a query; the plus of its offset may have arrived as a blank.

    Raises:
        ValueError: it is no such time.
    """
    return datetime.strptime(text.replace(" ", "+"), "%Y-%m-%dT%H:%M:%S%z")


def write_iam_time(moment: datetime) -> str:
    """Write a time as IAM does: UTC with microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_sdk_date(text: str) -> datetime:
    """Read the X-Sdk-Date header.

    Raises:
        ValueError: it is no such time.
    """
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def write_sdk_date(moment: datetime) -> str:
    """Write a time as in the X-Sdk-Date header."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def write_instance_time(moment: datetime) -> str:
    """Write a time as the list of instances does: `2021-01-15 01:46:40 UTC`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
