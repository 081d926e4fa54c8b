"""The list of backups is read to its end, in any order, and again if it changes meanwhile.

A create costs one request, a redelivery three, and one more for each further hundred backups.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

import pytest

from tests.local_cloud.emulator import Fault
from tests.local_cloud.events import PAYLOAD
from tests.local_cloud.harness import Harness
from tests.local_cloud.local_cloud import INSTANCE_ID

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.local_cloud.harness import Invocation

EVENT: Final = {**PAYLOAD, "idempotency_key": "one"}
CREATE: Final = "CreateManualBackup"
LIST: Final = "ListBackups"
FOR_EVER: Final = 1_000_000

Order = Literal["newest", "oldest", "shuffled"]
ORDERS: Final[tuple[Order, ...]] = ("newest", "oldest", "shuffled")


pytestmark = pytest.mark.usefixtures("backups_complete_at_once")


def fill(harness: Harness, *, older: int = 0, newer: int = 0) -> None:
    """Adds manual backups that began more than an hour ago, or just now."""
    for number in range(older):
        harness.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=1 + number))
    for number in range(newer):
        age = timedelta(milliseconds=1 + number)
        harness.emulator.add_backup(instance_id=INSTANCE_ID, age=age)


def grow(harness: Harness) -> None:
    """Adds one backup, old enough to be listed at once."""
    harness.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(seconds=1))


def invoke_and_wait(harness: Harness) -> Invocation:
    """Makes the event's backup and lets a minute pass."""
    invocation = harness.invoke(EVENT)
    harness.time.advance(60)
    return invocation


def offsets(invocation: Invocation) -> list[int]:
    """The offsets of the requests for the list."""
    return [int(call.query["offset"]) for call in invocation.calls if call.operation == LIST]


def own_id(harness: Harness, invocation: Invocation) -> str:
    """The ID of the event's backup, by the name in the log."""
    return harness.backup(invocation.record["backup_name"]).id


def during_page(harness: Harness, page: int, change: Callable[[], None], times: int = 1) -> None:
    """Runs a callback before a page of the list is sent; pages count from 0."""
    fault = Fault(operation=LIST, kind="pass", skip=page, action=change, times=times)
    harness.emulator.faults.script([fault])


def test_a_create_costs_one_request(harness: Harness) -> None:
    """However many backups exist, a new event needs no lookup."""
    fill(harness, older=150)
    assert harness.invoke(EVENT).operations == ["create"]
    assert harness.invoke({**EVENT, "idempotency_key": "two"}).operations == ["create"]


@pytest.mark.parametrize("credentials", ["password", "aksk"])
def test_a_cold_start_adds_only_the_log_in(
    credentials: Literal["password", "aksk"],
) -> None:
    """A password costs one request to IAM, an access key none."""
    with Harness(credentials) as harness:
        harness.invoke(EVENT)
        expected = ["CreateManualBackup"]
        if credentials == "password":
            expected.insert(0, "CreateToken")
        assert [call.operation for call in harness.emulator.calls] == expected


@pytest.mark.parametrize(
    ("listed", "requests"), [(1, 3), (2, 3), (99, 3), (100, 3), (101, 4), (200, 4), (201, 5)]
)
@pytest.mark.parametrize("order", ORDERS)
def test_a_redelivery_costs_three_requests_and_one_per_further_hundred(
    harness: Harness, order: Order, listed: int, requests: int
) -> None:
    """Create, list, tasks; automated backups and those of other instances do not count."""
    other = harness.emulator.add_instance().id
    harness.emulator.list_order = order
    made = harness.invoke(EVENT)
    fill(harness, older=listed - 1)
    for _ in range(120):
        harness.emulator.add_backup(instance_id=INSTANCE_ID, type="auto")
        harness.emulator.add_backup(instance_id=other)
    invocation = harness.invoke(EVENT)
    assert len(invocation.calls) == requests
    assert invocation.reply["outcome"] == "existing"
    assert invocation.reply["job_id"] == made.reply["job_id"]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("older", "newer"), [(250, 0), (0, 250), (125, 125), (100, 100)])
def test_the_own_backup_is_found_on_every_page(
    harness: Harness, order: Order, older: int, newer: int
) -> None:
    """In every order of the list."""
    harness.emulator.list_order = order
    made = invoke_and_wait(harness)
    fill(harness, older=older, newer=newer)
    invocation = harness.invoke(EVENT)
    assert offsets(invocation) == [0, 100, 200]
    assert invocation.reply["outcome"] == "existing"
    assert invocation.reply["backup"]["id"] == made.reply["backup"]["id"]


def test_a_backup_with_a_lost_response_is_found_on_the_last_page(harness: Harness) -> None:
    """A missing name on the first page is no absence."""
    harness.emulator.list_order = "oldest"
    fill(harness, older=230)
    harness.emulator.faults.script([Fault(operation=CREATE, kind="reset", when="after")])
    invocation = harness.invoke(EVENT)
    assert invocation.operations == ["create", "list", "list", "list", "tasks"]
    assert invocation.reply["outcome"] == "created"
    assert invocation.reply["backup"]["id"] == own_id(harness, invocation)


@pytest.mark.parametrize("page", [1, 2])
def test_a_list_that_grows_meanwhile_shows_the_own_backup(harness: Harness, page: int) -> None:
    """A name on any page is proof, although the pages do not agree on the total."""
    harness.emulator.list_order = "newest"
    made = invoke_and_wait(harness)
    fill(harness, older=120, newer=120)
    during_page(harness, page, lambda: grow(harness))
    invocation = harness.invoke(EVENT)
    assert offsets(invocation) == [0, 100, 200][: max(page + 1, 2)]
    assert invocation.reply["backup"]["id"] == made.reply["backup"]["id"]


@pytest.mark.parametrize("page", [1, 2])
def test_a_list_that_grows_meanwhile_shows_no_absence(harness: Harness, page: int) -> None:
    """It is read again from the start before the same name is requested again."""
    harness.emulator.list_order = "newest"
    fill(harness, older=240)
    harness.emulator.faults.script(
        [
            Fault(operation=CREATE, kind="reset"),
            Fault(operation=LIST, kind="pass", skip=page, action=lambda: grow(harness)),
        ]
    )
    invocation = harness.invoke(EVENT)
    assert offsets(invocation) == [0, 100, 200, 0, 100, 200]
    assert invocation.operations[-1] == "create"
    assert invocation.reply["outcome"] == "created"


def test_a_list_that_shrinks_meanwhile_is_read_from_the_start(harness: Harness) -> None:
    """The own backup moves from the second page to the first, which was read before."""
    harness.emulator.list_order = "oldest"
    fill(harness, older=100)
    made = invoke_and_wait(harness)
    fill(harness, newer=50)
    harness.emulator.deleting_seconds = 60
    harness.delete(min(harness.emulator.backups, key=lambda one: one.begin_time))
    during_page(harness, 0, lambda: harness.emulator.clock.advance(61))
    invocation = harness.invoke(EVENT)
    assert offsets(invocation) == [0, 100, 0, 100]
    assert invocation.reply["backup"]["id"] == made.reply["backup"]["id"]


def test_an_empty_page_of_a_list_with_entries_is_read_again(harness: Harness) -> None:
    """It does not prove absence."""
    made = harness.invoke(EVENT)
    nothing = {"backups": [], "total_count": 1}
    harness.emulator.faults.script([Fault(operation=LIST, status=200, body=nothing)])
    invocation = harness.invoke(EVENT)
    assert offsets(invocation) == [0, 0]
    assert invocation.reply["backup"]["id"] == made.reply["backup"]["id"]


def test_a_list_that_changes_all_the_time_is_no_proof_of_absence(harness: Harness) -> None:
    """The outcome stays unknown, and no create request is repeated."""
    fill(harness, older=120)
    harness.emulator.faults.script(
        [
            Fault(operation=CREATE, kind="reset"),
            Fault(operation=LIST, kind="pass", action=lambda: grow(harness), times=FOR_EVER),
        ]
    )
    invocation = harness.invoke(EVENT, seconds=10)
    assert invocation.error_name == "OutcomeUnknown"
    assert invocation.operations.count("create") == 1
    harness.emulator.faults.clear()
    assert harness.invoke(EVENT).reply["outcome"] == "created"


@pytest.mark.parametrize("total", [0, 1, 120, 122, 167, None, "many", -1])
@pytest.mark.parametrize("order", ["oldest", "newest"])
def test_the_own_backup_is_found_whatever_the_total_says(
    harness: Harness, order: Order, total: object
) -> None:
    """A wrong `total_count` does not hide a backup, and one reading is enough."""
    harness.emulator.list_order = order
    fill(harness, older=120)
    made = invoke_and_wait(harness)
    harness.emulator.alter_total = lambda _: total
    invocation = harness.invoke(EVENT)
    assert offsets(invocation) in ([0], [0, 100])
    assert invocation.reply["outcome"] == "existing"
    assert invocation.reply["backup"]["id"] == made.reply["backup"]["id"]


def test_the_own_backup_is_found_though_the_total_counts_others(harness: Harness) -> None:
    """The only page of a list that claims to have more shows it: it is not asked for the rest."""
    made = harness.invoke(EVENT)
    harness.emulator.alter_total = lambda total: total + 2
    invocation = harness.invoke(EVENT)
    assert invocation.operations == ["create", "list", "tasks"]
    assert invocation.reply["outcome"] == "existing"
    assert invocation.reply["job_id"] == made.reply["job_id"]


ODD_ENTRIES: Final[tuple[Any, ...]] = (
    None,
    "a backup",
    17,
    [],
    {},
    {"name": "x", "instance_id": INSTANCE_ID, "status": None},
    {"name": 5, "instance_id": INSTANCE_ID, "status": "COMPLETED"},
    {"name": "x", "instance_id": ["a"], "status": "COMPLETED"},
)


@pytest.mark.parametrize("odd", ODD_ENTRIES, ids=repr)
def test_an_unreadable_entry_does_not_hide_others(harness: Harness, odd: object) -> None:
    """It is skipped and counted in the log."""
    made = harness.invoke(EVENT)
    harness.emulator.odd_entries = (odd, odd)
    invocation = harness.invoke(EVENT)
    assert invocation.reply["outcome"] == "existing"
    assert invocation.reply["backup"]["id"] == made.reply["backup"]["id"]
    assert invocation.record["unreadable_entries"] == 2


def test_an_unreadable_entry_is_treated_as_missing(harness: Harness) -> None:
    """A lost create request is sent again."""
    harness.emulator.odd_entries = ODD_ENTRIES
    harness.emulator.faults.script([Fault(operation=CREATE, kind="reset")])
    invocation = harness.invoke(EVENT)
    assert invocation.operations == ["create", "list", "create"]
    assert invocation.record["unreadable_entries"] == len(ODD_ENTRIES)


@pytest.mark.parametrize("field", ["id", "description", "begin_time", "type", "size", "end_time"])
@pytest.mark.parametrize("value", [None, [], {"a": 1}, "missing"])
def test_an_unreadable_field_does_not_hide_its_backup(
    harness: Harness, field: str, value: object
) -> None:
    """Name, instance and status are enough to recognise the own backup."""
    made = harness.invoke(EVENT)

    def alter(entry: dict[str, object]) -> object:
        others = {name: part for name, part in entry.items() if name != field}
        return others if value == "missing" else {**others, field: value}

    harness.emulator.alter_entry = alter
    invocation = harness.invoke(EVENT)
    assert invocation.reply["outcome"] == "existing"
    assert invocation.reply["backup"] == {
        **made.reply["backup"],
        "status": "COMPLETED",
        **({field: None} if field in made.reply["backup"] else {}),
    }


@pytest.mark.parametrize(
    "fault",
    [
        Fault(operation=LIST, kind="cut", skip=1),
        Fault(operation=LIST, kind="truncated", skip=1),
        Fault(operation=LIST, kind="html", status=200, skip=1),
        Fault(operation=LIST, kind="reset", skip=1),
        Fault(operation=LIST, status=500, skip=1, times=7),
        Fault(operation=LIST, status=429, retry_after=2, skip=1),
        Fault(operation=LIST, status=401, skip=1),
        Fault(operation=LIST, error_code="DBS.280056", skip=1),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status or fault.error_code}",
)
def test_a_page_that_fails_is_no_end_of_the_list(harness: Harness, fault: Fault) -> None:
    """The own backup is on the page that fails at first."""
    harness.emulator.list_order = "oldest"
    fill(harness, older=120)
    harness.emulator.faults.script([Fault(operation=CREATE, kind="reset", when="after"), fault])
    invocation = harness.invoke(EVENT)
    assert invocation.operations.count("create") == 1
    assert invocation.reply["outcome"] == "created"
    assert invocation.reply["backup"]["id"] == own_id(harness, invocation)


def test_backups_of_other_instances_with_the_same_name_do_not_match(harness: Harness) -> None:
    """The function does not rely on the service's filter by instance."""
    first = harness.invoke(EVENT)
    own = harness.backup()
    entry = {**first.reply["backup"], "status": "COMPLETED"}
    theirs = {**entry, "id": "f" * 32 + "br14", "instance_id": "f" * 32 + "in14"}
    both = {"backups": [theirs, entry], "total_count": 2}
    harness.emulator.faults.script([Fault(operation=LIST, status=200, body=both)])
    invocation = harness.invoke(EVENT)
    assert invocation.reply["backup"]["id"] == own.id
