"""Times as events write them: what counts as one, and what it means."""

from datetime import UTC, datetime

import pytest

from gaussdb_backup.timestamps import format_utc, parse_epoch_milliseconds, parse_utc
from tests.local_cloud import events

EIGHT_IN_THE_EVENING = datetime(2026, 1, 31, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T20:00:00Z",
        "2026-01-31T20:00:00z",
        "2026-01-31t20:00:00Z",
        "2026-01-31 20:00:00Z",
        "2026-01-31T20:00Z",
        "2026-01-31T20Z",
        "2026-01-31T20:00:00.999999Z",
        "2026-01-31T20:00:00,5Z",
        "2026-01-31T20:00:00.123456789Z",
        "20260131T200000Z",
        "2026-01-31T20:00:00+00:00",
        "2026-01-31T20:00:00-00:00",
        "2026-02-01T04:00:00+08:00",
        "2026-02-01T04:00:00+0800",
        "2026-02-01T04:00:00+08",
        "2026-01-31T14:30:00-05:30",
    ],
)
def test_one_moment_has_many_spellings(text: str) -> None:
    """ISO 8601 with a zone, in UTC and whole seconds."""
    assert parse_utc(text) == EIGHT_IN_THE_EVENING


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-01-31",
        "20:00:00Z",
        "2026-01-31T20:00:00",
        "2026-01-31T20:00:00 Z",
        " 2026-01-31T20:00:00Z",
        "2026-01-31T20:00:00Z\n",
        "2026-01-31T20:00:00+",
        "2026-01-31T20:00:00+25:00",
        "2026-02-30T20:00:00Z",
        "2026-01-31T25:00:00Z",
        "2026-01-31T20:00:60Z",
        "2026-1-31T20:00:00Z",
        "2026-W05-6T20:00:00Z",
        "2026-0131T20:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "1769889600",
        "<aws.scheduler.scheduled-time>",
        # digits, but not those of ASCII
        "\uff12\uff10\uff12\uff16-01-31T20:00:00Z",
        "2026-01-31T20:00:00\ud800Z",
    ],
)
def test_all_else_is_no_time(text: str) -> None:
    """Above all a time without a zone, which would mean another moment elsewhere."""
    with pytest.raises(ValueError, match=r".+"):
        parse_utc(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_is_one_that_can_be_reckoned_with(text: str) -> None:
    """Minutes are added to event times and taken from them: the calendar's ends are none."""
    with pytest.raises(ValueError, match=r".+"):
        parse_utc(text)


@pytest.mark.parametrize(
    ("milliseconds", "seconds"),
    [(0, 0), (999, 0), (1_769_889_600_999, 1_769_889_600), ("1769889600999", 1_769_889_600)],
)
def test_milliseconds_are_cut_to_seconds(milliseconds: object, seconds: int) -> None:
    """The gateway gives a number, SQS a text."""
    assert parse_epoch_milliseconds(milliseconds) == datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(
    "milliseconds",
    [
        None,
        "",
        -1,
        "-1",
        1.5,
        float("nan"),
        True,
        "1e12",
        " 1769889600999",
        "1769889600999\n",
        "\u0661\u0667\u0666",
        10**15,
        [1],
        events.nested(100_000),
        10**400,
        {},
    ],
)
def test_what_is_no_count_of_milliseconds_is_no_time(milliseconds: object) -> None:
    """The event then counts as one without a time."""
    assert parse_epoch_milliseconds(milliseconds) is None


def test_a_time_is_written_as_z() -> None:
    """As EventBridge Scheduler writes it, so that an identity does not depend on the spelling."""
    assert format_utc(EIGHT_IN_THE_EVENING) == "2026-01-31T20:00:00Z"
