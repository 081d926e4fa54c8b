"""After a lost response to a create request, the list of backups is read before anything else."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.local_cloud.emulator import Fault
from tests.local_cloud.events import PAYLOAD, http, response

if TYPE_CHECKING:
    from tests.local_cloud.harness import Harness, Invocation

EVENT: Final = {**PAYLOAD, "idempotency_key": "one"}
CREATE: Final = "CreateManualBackup"
LIST: Final = "ListBackups"
FOR_EVER: Final = 1_000_000

# What becomes of an answer, whether the backup was made before or not.
LOST: Final[dict[str, Fault]] = {
    "never comes": Fault(kind="hang", seconds=5),
    "ends in a closed connection": Fault(kind="close"),
    "ends in a reset": Fault(kind="reset"),
    "is no HTTP": Fault(kind="garbage"),
    "is a load balancer's page": Fault(kind="html"),
    "is an empty 503": Fault(kind="empty"),
    "is a 500 with the code of a duplicate": Fault(status=500, error_code="DBS.201201"),
    "is a 502 with the code of a busy instance": Fault(status=502, error_code="DBS.201202"),
    "is a 400 for an agent that failed": Fault(error_code="DBS.200943"),
    "is a 202 of nothing": Fault(kind="empty", status=202),
    "is a 202 without a job": Fault(status=202, body={"backup": {"id": "1"}}),
    "is a 202 of HTML": Fault(status=202, body=b"<html>"),
    "is a 200": Fault(status=200, body={}),
    "is a redirection": Fault(status=307, headers={"Location": "/elsewhere"}),
    **{
        f"is a {status}": Fault(status=status)
        for status in (408, 425, 500, 501, 502, 503, 504, 505, 507, 508, 511, 520, 599)
    },
}
# What becomes of the real answer on its way, so that the backup is made in any case.
SPOILT: Final[dict[str, Fault]] = {
    "breaks off": Fault(kind="truncated"),
    "is half of its JSON": Fault(kind="cut"),
    "drips": Fault(kind="drip", seconds=5),
    "comes too late": Fault(kind="slow", seconds=5),
}
MADE: Final = {name: replace(fault, when="after") for name, fault in LOST.items()} | SPOILT


def script(harness: Harness, *faults: Fault) -> None:
    """Scripts faults, of create requests unless they name another operation."""
    harness.emulator.faults.script(
        fault if fault.operation != "*" else replace(fault, operation=CREATE) for fault in faults
    )


def backoffs(pauses: list[float]) -> bool:
    """Whether pauses double from 0.2 s to 5 s, each shortened by up to a half."""
    longest = [min(5.0, 0.2 * 2 ** min(number, 9)) for number in range(len(pauses))]
    return all(most / 2 <= one <= most for one, most in zip(pauses, longest, strict=True))


@pytest.mark.parametrize("answer", MADE)
def test_a_backup_with_a_lost_response_is_found(harness: Harness, answer: str) -> None:
    """The list shows it, no create request is repeated, and its job ID is found."""
    script(harness, MADE[answer])
    invocation = harness.invoke(EVENT, seconds=2)
    made = harness.backup()
    assert invocation.operations == ["create", "list", "tasks"]
    assert invocation.reply["outcome"] == "created"
    assert invocation.reply["job_id"] == invocation.record["job_id"] == made.job_id
    assert invocation.reply["backup"]["id"] == invocation.record["backup_id"] == made.id
    assert invocation.record["attempts"] == 1


@pytest.mark.parametrize("answer", LOST)
def test_a_backup_that_was_not_made_is_requested_again(harness: Harness, answer: str) -> None:
    """The list does not show it: the same name is requested once more, after a pause."""
    script(harness, LOST[answer])
    invocation = harness.invoke(EVENT, seconds=3)
    made = harness.backup()
    assert invocation.operations == ["create", "list", "create"]
    asked = [call.body for call in invocation.calls if call.operation == CREATE]
    assert asked == [{"instance_id": PAYLOAD["instance_id"], "name": made.name}] * 2
    assert backoffs(invocation.pauses)
    assert invocation.reply["outcome"] == "created"
    assert invocation.reply["job_id"] == invocation.record["job_id"] == made.job_id
    assert invocation.record["attempts"] == 2


def test_the_lookup_lists_the_manual_backups_of_the_instance(harness: Harness) -> None:
    """No other backups are requested."""
    script(harness, Fault(kind="reset", when="after"))
    invocation = harness.invoke(EVENT)
    [look] = [call for call in invocation.calls if call.operation == LIST]
    assert look.query == {
        "instance_id": PAYLOAD["instance_id"],
        "backup_type": "manual",
        "offset": "0",
        "limit": "100",
    }


@pytest.mark.parametrize("made", [True, False])
def test_no_create_request_is_repeated_before_a_list_was_read(harness: Harness, made: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A list that cannot be read is read again first."""
    unreadable = [
        Fault(operation=LIST, status=500, times=2),
        Fault(operation=LIST, kind="reset"),
        Fault(operation=LIST, kind="html", status=200),
        Fault(operation=LIST, kind="cut"),
        Fault(operation=LIST, status=200, body={"backups": []}),
        Fault(operation=LIST, status=429, retry_after=2),
    ]
    script(harness, Fault(kind="reset", when="after" if made else "before"), *unreadable)
    invocation = harness.invoke(EVENT)
    looks = ["list"] * 8
    assert invocation.operations == ["create", *looks, "tasks" if made else "create"]
    assert invocation.reply["outcome"] == "created"
    assert invocation.reply["job_id"] == harness.backup().job_id


def test_a_list_that_stays_unreadable_ends_with_the_create_error(
    harness: Harness,
) -> None:
    """A failed lookup never replaces the response to the create request."""
    script(
        harness,
        Fault(error_code="DBS.200208", when="after"),
        Fault(operation=LIST, error_code="DBS.200044", times=FOR_EVER),
    )
    invocation = harness.invoke(EVENT)
    assert invocation.error_name == "OutcomeUnknown"
    assert invocation.operations.count("create") == 1
    assert invocation.record["error_code"] == "DBS.200208"
    assert invocation.record["http_status"] == 500
    again = harness.invoke(EVENT)
    assert again.error_name == "OutcomeUnknown"
    harness.emulator.faults.clear()
    assert harness.invoke(EVENT).reply["job_id"] == harness.backup().job_id


REFUSED_LISTS: Final[dict[str, tuple[Fault, str, str | None]]] = {
    "no right": (
        Fault(
            status=403,
            body={
                "error_code": "PAP.0034",
                "error_msg": "Policy doesn't allow gaussdb:backup:list to be performed.",
            },
        ),
        "PermissionDenied",
        "PAP.0034",
    ),
    "no such path": (
        Fault(status=404, error_code="APIGW.0101"),
        "RequestRejected",
        "APIGW.0101",
    ),
    "not found": (Fault(kind="html", status=404), "RequestRejected", None),
    "forbidden": (Fault(kind="html", status=403), "PermissionDenied", None),
}


@pytest.mark.parametrize("refusal", REFUSED_LISTS)
@pytest.mark.parametrize(
    ("lost", "error", "code"),
    [
        (Fault(error_code="DBS.200208", when="after"), "OutcomeUnknown", "DBS.200208"),
        (Fault(kind="reset"), "OutcomeUnknown", None),
        (Fault(error_code="DBS.201201"), "OutcomeUnknown", "DBS.201201"),
        (Fault(error_code="DBS.201205"), "InstanceBusy", "DBS.201205"),
        (Fault(error_code="DBS.201014"), "InstanceNotReady", "DBS.201014"),
    ],
    ids=["failed", "lost", "duplicate", "busy", "not ready"],
)
def test_a_rejected_list_request_ends_the_lookup_at_once(
    harness: Harness, refusal: str, lost: Fault, error: str, code: str | None
) -> None:
    """The outcome stays the same, and the log shows the reason."""
    fault, lookup_error, lookup_error_code = REFUSED_LISTS[refusal]
    script(harness, lost, replace(fault, operation=LIST, times=FOR_EVER))
    invocation = harness.invoke(EVENT, seconds=120)
    assert invocation.error_name == error
    assert invocation.operations == ["create", "list"]
    assert invocation.record.get("error_code") == code
    assert invocation.record["lookup_error"] == lookup_error
    assert invocation.record.get("lookup_error_code") == lookup_error_code
    assert "the list of backups could not be read" in invocation.record["detail"]
    assert str(invocation.error).startswith(invocation.record["detail"])


def test_a_failing_list_request_is_logged_too(harness: Harness) -> None:
    """It is repeated in the remaining time."""
    script(harness, Fault(kind="reset"), Fault(operation=LIST, status=500, times=FOR_EVER))
    invocation = harness.invoke(EVENT)
    assert invocation.error_name == "OutcomeUnknown"
    assert invocation.operations.count("list") > 5
    assert invocation.record["lookup_error"] == "ServiceUnavailable"
    assert invocation.record["lookup_error_code"] == "DBS.200005"


LATER_REFUSALS: Final[dict[str, Fault]] = {
    "busy": Fault(error_code="DBS.201205"),
    "in a wrong state": Fault(error_code="DBS.201014"),
    "duplicate": Fault(error_code="DBS.201201"),
    "throttled": Fault(status=429),
    "throttled for long": Fault(status=429, retry_after=3600),
    "forbidden": Fault(error_code="DBS.200044"),
    "unauthenticated": Fault(status=401),
    "malformed": Fault(error_code="DBS.280404"),
    "no such instance": Fault(error_code="DBS.201028"),
    "no such path": Fault(status=404),
    "used up": Fault(error_code="DBS.216028"),
    "an unknown code": Fault(status=422, error_code="DBS.999999"),
}


@pytest.mark.parametrize("refusal", LATER_REFUSALS)
def test_an_unknown_outcome_stays_unknown_after_a_later_rejection(
    harness: Harness, refusal: str
) -> None:
    """The instance may be busy with this very backup."""
    later = replace(LATER_REFUSALS[refusal], times=FOR_EVER)
    script(harness, Fault(error_code="DBS.213002"), later)
    invocation = harness.invoke(EVENT)
    assert invocation.operations[:3] == ["create", "list", "create"]
    assert invocation.error_name == "OutcomeUnknown"
    assert invocation.record["error"] == "OutcomeUnknown"
    assert invocation.record["error_code"] == "DBS.213002"
    assert invocation.record["http_status"] == 500
    assert invocation.record["retryable"] is True


def test_an_unknown_outcome_stays_unknown_without_a_connection(harness: Harness) -> None:
    """It ends as `OutcomeUnknown`, never as `ServiceUnavailable`."""
    with ExitStack() as network:

        def cut() -> None:
            network.enter_context(harness.emulator.refusing_connections())

        script(harness, Fault(error_code="DBS.213002"))
        harness.time.during_pauses = [cut]
        invocation = harness.invoke(EVENT)
    assert invocation.error_name == "OutcomeUnknown"
    assert invocation.record["error_code"] == "DBS.213002"
    assert invocation.record["attempts"] == 1


def test_an_http_caller_learns_how_to_retry(harness: Harness) -> None:
    """504, retryable, with the code and the backup name."""
    script(harness, Fault(error_code="DBS.213002", times=FOR_EVER))
    answer = response(harness.invoke(http(EVENT)).reply)
    assert (answer.status, answer.error) == (504, "OutcomeUnknown")
    assert answer.body["retryable"] is True
    assert answer.body["error_code"] == "DBS.213002"
    harness.emulator.faults.clear()
    made = response(harness.invoke(http(EVENT)).reply)
    assert made.body["backup"]["name"] == answer.body["backup_name"]


@pytest.mark.parametrize("seconds", [0.05, 5.0, 100.0])
def test_a_request_that_is_executed_late_makes_no_second_backup(
    harness: Harness, seconds: float
) -> None:
    """Before or after the name is requested again: one backup."""
    script(harness, Fault(status=504, lands_after=seconds))
    invocation = harness.invoke(EVENT)
    harness.time.advance(200)
    made = harness.backup()
    assert invocation.reply["outcome"] == "created"
    assert invocation.reply["backup"]["id"] == made.id
    assert invocation.reply["job_id"] == made.job_id


def test_a_request_executed_after_the_end_is_found_by_the_next_delivery(harness: Harness) -> None:
    """The invocation ended as `OutcomeUnknown`; the backup is not made twice."""
    script(harness, Fault(status=504, lands_after=100), Fault(status=503, times=FOR_EVER))
    assert harness.invoke(EVENT).error_name == "OutcomeUnknown"
    assert harness.emulator.backups == []
    harness.emulator.faults.clear()
    harness.time.advance(200)
    invocation = harness.invoke(EVENT)
    assert invocation.reply["job_id"] == harness.backup().job_id
    assert invocation.reply["outcome"] == "existing"


def test_a_request_executed_during_the_next_delivery_is_found_by_it(
    harness: Harness,
) -> None:
    """The next delivery succeeds."""
    script(harness, Fault(kind="hang", seconds=5, lands_after=2.0))
    assert harness.invoke(EVENT, seconds=1).error_name == "OutcomeUnknown"
    harness.time.advance(5)
    invocation = harness.invoke(EVENT)
    assert invocation.reply["job_id"] == harness.backup().job_id


@pytest.mark.parametrize("lag", [0.05, 1.0, 10.0])
def test_a_list_that_lags_is_no_proof_of_absence(harness: Harness, lag: float) -> None:
    """The name is refused as a duplicate, and the list is read until it shows the backup."""
    harness.emulator.list_lag = lag
    script(harness, Fault(kind="reset", when="after"))
    invocation = harness.invoke(EVENT)
    assert invocation.reply["outcome"] == "created"
    assert invocation.reply["job_id"] == harness.backup().job_id
    assert invocation.record["attempts"] == 2 if lag >= 1 else invocation.record["attempts"] <= 2


def test_a_list_that_lags_too_long_ends_as_unknown(harness: Harness) -> None:
    """What the list does not show in time is not claimed, and not asked for a third time."""
    harness.emulator.list_lag = 60
    script(harness, Fault(error_code="DBS.290006", when="after"))
    invocation = harness.invoke(EVENT)
    assert invocation.error_name == "OutcomeUnknown"
    assert invocation.operations.count("create") == 2
    assert invocation.record["error_code"] == "DBS.290006"
    harness.time.advance(60)
    assert harness.invoke(EVENT).reply["job_id"] == harness.backup().job_id


def test_a_failed_connection_is_tried_again(harness: Harness) -> None:
    """Nothing was sent, so no lookup is needed; pauses grow, with jitter."""
    with ExitStack() as network:
        network.enter_context(harness.emulator.refusing_connections())
        harness.time.during_pauses = [lambda: None, lambda: None, lambda: None, network.close]
        invocation = harness.invoke(EVENT)
    assert invocation.operations == ["create"]
    assert len(invocation.pauses) == 4
    assert backoffs(invocation.pauses)
    assert invocation.reply["outcome"] == "created"
    assert invocation.record["attempts"] == 1


def test_no_connection_is_no_unknown_outcome(harness: Harness) -> None:
    """Nothing was sent: `ServiceUnavailable`, retryable."""
    with harness.emulator.refusing_connections():
        invocation = harness.invoke(EVENT)
    assert invocation.error_name == "ServiceUnavailable"
    assert invocation.record["attempts"] == 0
    assert invocation.record["retryable"] is True
    assert backoffs(invocation.pauses)
    assert 20 < invocation.seconds < 29


def test_throttling_is_tried_again(harness: Harness) -> None:
    """A 429 made no backup, so no lookup is needed; pauses grow from 15 s."""
    script(harness, Fault(status=429, times=3))
    invocation = harness.invoke(EVENT, seconds=120)
    assert invocation.operations == ["create"] * 4
    assert invocation.pauses == [15, 30, 60]
    assert invocation.reply["outcome"] == "created"


def test_jitter_keeps_deliveries_apart(harness: Harness) -> None:
    """Ten functions that fail at the same time do not retry at the same time."""
    with harness.emulator.refusing_connections():
        pauses = [harness.invoke(EVENT, seconds=2).pauses[0] for _ in range(10)]
    assert len(set(pauses)) == 10
    assert backoffs([min(pauses)])
    assert backoffs([max(pauses)])


def test_retry_after_is_obeyed_while_it_fits(harness: Harness) -> None:
    """The pause is the one that the service asks for."""
    script(harness, Fault(status=429, retry_after=7), Fault(status=429, retry_after=9))
    invocation = harness.invoke(EVENT)
    assert invocation.pauses == [7, 9]
    assert invocation.operations == ["create"] * 3
    assert invocation.reply["outcome"] == "created"


def test_retry_after_may_be_a_date(harness: Harness) -> None:
    """RFC 9110 allows both forms."""
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=8), usegmt=True)
    script(harness, Fault(status=429, retry_after=until))
    invocation = harness.invoke(EVENT)
    assert invocation.pauses == [pytest.approx(7.5, abs=1.5)]
    assert invocation.reply["outcome"] == "created"


def test_retry_after_that_does_not_fit_ends_at_once(harness: Harness) -> None:
    """`Throttled` without a pause, and over HTTP with the service's seconds."""
    script(harness, Fault(status=429, retry_after=40, times=FOR_EVER))
    invocation = harness.invoke(EVENT)
    assert invocation.error_name == "Throttled"
    assert invocation.operations == ["create"]
    assert invocation.pauses == []
    over_http = response(harness.invoke(http(EVENT), seconds=900).reply)
    assert (over_http.status, over_http.error) == (429, "Throttled")
    assert over_http.headers["Retry-After"] == "40"


@pytest.mark.parametrize(
    ("seconds", "pauses"), [(12, []), (30, [15]), (60, [15, 30]), (900, [15, 30, 60, 60])]
)
def test_lasting_throttling_is_throttled(
    harness: Harness, seconds: float, pauses: list[float]
) -> None:
    """At most five requests of one delivery are rejected with 429."""
    script(harness, Fault(status=429, times=FOR_EVER))
    invocation = harness.invoke(EVENT, seconds=seconds)
    assert invocation.error_name == "Throttled"
    assert invocation.operations == ["create"] * (len(pauses) + 1)
    assert invocation.pauses == pauses
    assert invocation.record["attempts"] == len(pauses) + 1


@pytest.mark.parametrize(
    ("text", "pause"),
    [
        ("policy user over ratelimit,limit:60,time:1 minute", 60),
        ("policy ip over ratelimit,limit:200,time:5 minute", 300),
        ("Threshold: 10 times per 60 seconds", 60),
        ("Slow down.", 15),
    ],
)
def test_the_window_that_the_text_names_is_waited_for(
    harness: Harness, text: str, pause: float
) -> None:
    """The gateway names its window in the text, without `Retry-After`."""
    body = {"error_code": "APIGW.0308", "error_msg": f"The throttling threshold: {text}"}
    script(harness, Fault(status=429, body=body, times=FOR_EVER))
    invocation = harness.invoke(EVENT, seconds=900)
    assert invocation.error_name == "Throttled"
    assert invocation.operations.count("create") <= 5
    assert invocation.pauses[0] == pause


def test_throttling_after_an_unknown_outcome_leaves_it_unknown(harness: Harness) -> None:
    """The rejections count, and the list is read before each of them."""
    script(harness, Fault(error_code="DBS.213002"), Fault(status=429, times=FOR_EVER))
    invocation = harness.invoke(EVENT, seconds=900)
    assert invocation.error_name == "OutcomeUnknown"
    assert invocation.record["error_code"] == "DBS.213002"
    assert invocation.operations == ["create", "list"] * 6


@pytest.mark.parametrize("retry_after", [0, "Sun, 06 Nov 1994 08:49:37 GMT", "soon", "-1"])
def test_a_retry_after_of_zero_does_not_remove_the_pause(
    harness: Harness, retry_after: int | str
) -> None:
    """A failing service must not get hundreds of requests per second."""
    script(harness, Fault(status=429, retry_after=retry_after, times=FOR_EVER))
    invocation = harness.invoke(EVENT, seconds=200)
    assert invocation.error_name == "Throttled"
    assert len(invocation.pauses) == 4
    assert min(invocation.pauses) >= 0.1
    if retry_after in {"soon", "-1"}:  # neither says anything
        assert invocation.pauses == [15, 30, 60, 60]


def creates_without_lookup(invocation: Invocation) -> list[Any]:
    """Create requests that followed an unknown outcome without a lookup between them."""
    open_since_the_last_look = False
    found = []
    for call in invocation.calls:
        if call.operation == LIST and call.status == 200:
            open_since_the_last_look = False
        if call.operation == CREATE:
            if open_since_the_last_look:
                found.append(call)
            open_since_the_last_look = call.status is None or call.status >= 500
    return found


def test_each_unknown_outcome_is_looked_up_before_the_next_request(harness: Harness) -> None:
    """However often the response is lost, no create request follows without a lookup."""
    lost = [Fault(kind="reset"), Fault(status=503), Fault(kind="close"), Fault(status=429)] * 3
    script(harness, *lost)
    invocation = harness.invoke(EVENT, seconds=200)
    assert invocation.reply["outcome"] == "created"
    assert invocation.operations.count("create") == 13
    assert creates_without_lookup(invocation) == []
    assert harness.backup().job_id == invocation.reply["job_id"]


@pytest.mark.parametrize(
    "faults",
    [
        [Fault(status=503, where=lambda request: "/auth/" not in request.path)],
        [Fault(operation=CREATE, kind="close"), Fault(operation=LIST, status=503)],
        [Fault(operation=CREATE, status=503)],
        [Fault(operation=CREATE, kind="close"), Fault(operation=LIST, status=429)],
    ],
)
def test_an_outage_of_hours_is_not_asked_once_a_second(
    harness: Harness, faults: list[Fault]
) -> None:
    """The pauses go on growing from one step of the loop to the next."""
    harness.emulator.faults.script([replace(fault, times=FOR_EVER) for fault in faults])
    invocation = harness.invoke(EVENT, seconds=600)
    assert invocation.error_name == "OutcomeUnknown"
    assert len(invocation.calls) < 0.7 * invocation.seconds
