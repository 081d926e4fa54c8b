"""The list of backups is read to its end, in whatever order, and again where it changed meanwhile.

One request for a create, three for a redelivery, one more for each further hundred backups.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

import pytest

from tests.local_cloud.emulator import Fault
from tests.local_cloud.events import PAYLOAD
from tests.local_cloud.harness import Stage
from tests.local_cloud.local_cloud import INSTANCE_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.local_cloud.harness import Ending

EVENT: Final = {**PAYLOAD, "idempotency_key": "one"}
CREATE: Final = "CreateManualBackup"
LIST: Final = "ListBackups"
FOR_EVER: Final = 1_000_000

Order = Literal["newest", "oldest", "shuffled"]
ORDERS: Final[tuple[Order, ...]] = ("newest", "oldest", "shuffled")


@pytest.fixture
def stage() -> Iterator[Stage]:
    """The function beside a cloud of its own, whose backups are complete at once."""
    with Stage() as stage:
        stage.emulator.backup_seconds = 0
        yield stage


def fill(stage: Stage, *, older: int = 0, newer: int = 0) -> None:
    """Manual backups that began more than an hour ago, or just now."""
    for number in range(older):
        stage.emulator.add_backup(instance_id=INSTANCE_ID, age=timedelta(hours=1 + number))
    for number in range(newer):
        age = timedelta(milliseconds=1 + number)
        stage.emulator.add_backup(instance_id=INSTANCE_ID, age=age)


def deliver_and_wait(stage: Stage) -> Ending:
    """Makes the event's backup, and lets a minute pass."""
    ending = stage.deliver(EVENT)
    stage.time.pass_by(60)
    return ending


def offsets(ending: Ending) -> list[int]:
    """Where each look at the list began."""
    return [int(call.query["offset"]) for call in ending.calls if call.operation == LIST]


def own_id(stage: Stage, ending: Ending) -> str:
    """The ID of the event's backup, whose name the log tells."""
    return stage.backup(ending.record["backup_name"]).id


def during_page(stage: Stage, page: int, change: Callable[[], None], times: int = 1) -> None:
    """Lets something happen before a page of the list is shown, counted from 0."""
    fault = Fault(operation=LIST, kind="pass", skip=page, action=change, times=times)
    stage.emulator.faults.script([fault])


def test_a_create_costs_one_request(stage: Stage) -> None:
    """However many backups there are: nothing is looked up before it is needed."""
    fill(stage, older=150)
    assert stage.deliver(EVENT).operations == ["create"]
    assert stage.deliver({**EVENT, "idempotency_key": "two"}).operations == ["create"]


@pytest.mark.parametrize("credentials", ["password", "aksk"])
def test_a_cold_start_adds_nothing_but_the_log_in(
    credentials: Literal["password", "aksk"],
) -> None:
    """A password costs one request to IAM, an access key none."""
    with Stage(credentials) as stage:
        stage.deliver(EVENT)
        expected = ["CreateManualBackup"]
        if credentials == "password":
            expected.insert(0, "CreateToken")
        assert [call.operation for call in stage.emulator.calls] == expected


@pytest.mark.parametrize(
    ("listed", "requests"), [(1, 3), (2, 3), (99, 3), (100, 3), (101, 4), (200, 4), (201, 5)]
)
@pytest.mark.parametrize("order", ORDERS)
def test_a_redelivery_costs_three_requests_and_one_per_further_hundred(
    stage: Stage, order: Order, listed: int, requests: int
) -> None:
    """The refusal, the list, the tasks; automated backups and other instances' do not count."""
    other = stage.emulator.add_instance().id
    stage.emulator.list_order = order
    made = stage.deliver(EVENT)
    fill(stage, older=listed - 1)
    for _ in range(120):
        stage.emulator.add_backup(instance_id=INSTANCE_ID, type="auto")
        stage.emulator.add_backup(instance_id=other)
    ending = stage.deliver(EVENT)
    assert len(ending.calls) == requests
    assert ending.reply["outcome"] == "existing"
    assert ending.reply["job_id"] == made.reply["job_id"]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("older", "newer"), [(250, 0), (0, 250), (125, 125), (100, 100)])
def test_the_own_backup_is_found_on_whatever_page_it_is(
    stage: Stage, order: Order, older: int, newer: int
) -> None:
    """No order of the list is relied on."""
    stage.emulator.list_order = order
    made = deliver_and_wait(stage)
    fill(stage, older=older, newer=newer)
    ending = stage.deliver(EVENT)
    assert offsets(ending) == [0, 100, 200]
    assert ending.reply["outcome"] == "existing"
    assert ending.reply["backup"]["id"] == made.reply["backup"]["id"]


def test_a_lost_answer_is_found_on_the_last_page(stage: Stage) -> None:
    """Absence on the first page is no absence."""
    stage.emulator.list_order = "oldest"
    fill(stage, older=230)
    stage.emulator.faults.script([Fault(operation=CREATE, kind="reset", when="after")])
    ending = stage.deliver(EVENT)
    assert ending.operations == ["create", "list", "list", "list", "tasks"]
    assert ending.reply["outcome"] == "created"
    assert ending.reply["backup"]["id"] == own_id(stage, ending)


@pytest.mark.parametrize("page", [1, 2])
def test_a_list_that_grows_meanwhile_is_read_from_the_start(stage: Stage, page: int) -> None:
    """What was on the next page may have slipped over the edge to one that was read."""
    stage.emulator.list_order = "newest"
    made = deliver_and_wait(stage)
    fill(stage, older=120, newer=120)
    during_page(stage, page, lambda: fill(stage, newer=1))
    ending = stage.deliver(EVENT)
    until_then = [0, 100, 200][: page + 1]
    assert offsets(ending) == [*until_then, 0, 100, 200]
    assert ending.reply["backup"]["id"] == made.reply["backup"]["id"]


def test_a_list_that_shrinks_meanwhile_is_read_from_the_start(stage: Stage) -> None:
    """The event's own backup slips from the second page to the first, which was read before."""
    stage.emulator.list_order = "oldest"
    fill(stage, older=100)
    made = deliver_and_wait(stage)
    fill(stage, newer=50)
    stage.emulator.deleting_seconds = 60
    stage.delete(min(stage.emulator.backups, key=lambda one: one.begin_time))
    during_page(stage, 0, lambda: stage.emulator.clock.advance(61))
    ending = stage.deliver(EVENT)
    assert offsets(ending) == [0, 100, 0, 100]
    assert ending.reply["backup"]["id"] == made.reply["backup"]["id"]


def test_a_list_that_is_empty_all_of_a_sudden_is_read_again(stage: Stage) -> None:
    """A page with nothing on it, of a list that counts some, shows no absence."""
    made = stage.deliver(EVENT)
    nothing = {"backups": [], "total_count": 1}
    stage.emulator.faults.script([Fault(operation=LIST, status=200, body=nothing)])
    ending = stage.deliver(EVENT)
    assert offsets(ending) == [0, 0]
    assert ending.reply["backup"]["id"] == made.reply["backup"]["id"]


def test_a_list_that_changes_all_the_time_gives_no_wrong_answer(stage: Stage) -> None:
    """It can never be read whole: the outcome stays open, and is found once the list is quiet."""
    fill(stage, older=120)
    made = deliver_and_wait(stage)
    during_page(stage, 0, lambda: fill(stage, newer=1), times=FOR_EVER)
    ending = stage.deliver(EVENT, seconds=10)
    assert ending.error_name == "OutcomeUnknown"
    assert ending.operations.count("create") == 1
    stage.emulator.faults.clear()
    assert stage.deliver(EVENT).reply["backup"]["id"] == made.reply["backup"]["id"]


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
def test_a_page_that_fails_is_no_end_of_the_list(stage: Stage, fault: Fault) -> None:
    """The own backup is on the page that fails at first."""
    stage.emulator.list_order = "oldest"
    fill(stage, older=120)
    stage.emulator.faults.script([Fault(operation=CREATE, kind="reset", when="after"), fault])
    ending = stage.deliver(EVENT)
    assert ending.operations.count("create") == 1
    assert ending.reply["outcome"] == "created"
    assert ending.reply["backup"]["id"] == own_id(stage, ending)


def test_entries_of_the_same_name_elsewhere_are_not_its_own(stage: Stage) -> None:
    """A cloud that ignores the filter by instance leads to no wrong answer."""
    first = stage.deliver(EVENT)
    own = stage.backup()
    entry = {**first.reply["backup"], "status": "COMPLETED"}
    theirs = {**entry, "id": "f" * 32 + "br14", "instance_id": "f" * 32 + "in14"}
    both = {"backups": [theirs, entry], "total_count": 2}
    stage.emulator.faults.script([Fault(operation=LIST, status=200, body=both)])
    ending = stage.deliver(EVENT)
    assert ending.reply["backup"]["id"] == own.id
