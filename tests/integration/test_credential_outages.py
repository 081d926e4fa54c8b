"""Outages of IAM and the secret store: reported as such, and over with the next invocation."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.integration.call_counts import (
    CHECK,
    PASSWORD,
    QUARTER_HOUR,
    CallCounter,
    errors,
    is_locked,
    payload,
    ten_messages,
)
from tests.local_cloud.emulator import Fault
from tests.local_cloud.harness import Harness
from tests.local_cloud.local_cloud import ACCESS_KEY, USER
from tests.local_cloud.secrets_extension import SecretsExtension

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.local_cloud.emulator.faults import Kind
    from tests.local_cloud.local_cloud import Credentials

OTHER_PROJECT: Final = "0483b6b16e954cb88930a360d2c4e663"
KINDS: Final[tuple[Credentials, ...]] = ("password", "aksk")


@pytest.fixture
def harness() -> Iterator[Harness]:
    """The function with a password."""
    with Harness("password") as harness:
        yield harness


def test_a_password_needs_iam() -> None:
    """The error names the missing variable."""
    with Harness("password", IAM_ENDPOINT="") as harness:
        invocation = harness.invoke(payload())
        assert invocation.error_name == "SecretUnavailable"
        assert "IAM_ENDPOINT" in str(invocation.error)
        assert invocation.calls == []


def test_an_access_key_does_not_need_iam() -> None:
    """There is no log-in."""
    with Harness("aksk", IAM_ENDPOINT="") as harness:
        assert harness.invoke(payload()).reply["outcome"] == "created"


def log_in_fault(**how: Any) -> Fault:
    """A fault of a log-in."""
    return Fault(operation="CreateToken", **how)


TOKEN: Final = {"X-Subject-Token": "not-a-real-token"}
BROKEN_TOKENS: Final = [
    log_in_fault(status=201, body=b"<html>"),
    log_in_fault(status=201, body=b""),
    log_in_fault(status=201, body={}),
    log_in_fault(status=201, body={"token": None}),
    Fault(
        operation="CreateToken", status=201, body={"token": {"expires_at": "2099-01-01T00:00:00Z"}}
    ),
    log_in_fault(status=201, body=b"<html>", headers=TOKEN),
    log_in_fault(status=201, body={"token": {}}, headers={"X-Subject-Token": "two words"}),
    log_in_fault(status=200, body={"token": {}}),
    log_in_fault(status=302, headers={"Location": "http://127.0.0.1:9/"}),
    log_in_fault(kind="cut"),
]


class TestIamUnavailable:
    """An outage of IAM is never treated as a wrong password."""

    @pytest.mark.parametrize("fault", BROKEN_TOKENS)
    def test_an_unreadable_token_response_is_an_outage(
        self, harness: Harness, fault: Fault
    ) -> None:
        """The next invocation tries again; no request was sent to the database service."""
        harness.emulator.faults.add(fault)
        invocation = harness.invoke(CHECK, seconds=5)
        assert invocation.error_name == "ServiceUnavailable"
        assert invocation.calls == []
        assert harness.invoke(CHECK).error is None

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_an_outage_can_last_the_whole_invocation(self, harness: Harness, status: int) -> None:
        """Until no time is left."""
        harness.emulator.faults.script([log_in_fault(status=status, times=1000)])
        invocation = harness.invoke(CHECK, seconds=20)
        assert invocation.error_name == "ServiceUnavailable"
        assert invocation.record["http_status"] == status
        assert invocation.calls == []

    @pytest.mark.parametrize("kind", ["status", "html", "close", "hang"])
    def test_the_invocation_after_an_outage_succeeds(self, harness: Harness, kind: Kind) -> None:
        """A minute later."""
        harness.emulator.faults.script([log_in_fault(kind=kind, seconds=0.1)] * 100)
        assert harness.invoke(payload(), seconds=20).error_name == "ServiceUnavailable"
        harness.emulator.faults.clear()
        harness.time.advance(60)
        assert harness.invoke(payload(), seconds=20).reply["outcome"] == "created"

    def test_a_refused_connection_is_service_unavailable(self, harness: Harness) -> None:
        """After attempts in the remaining time."""
        with harness.emulator.refusing_connections("iam"):
            invocation = harness.invoke(CHECK)
        assert invocation.error_name == "ServiceUnavailable"
        assert harness.invoke(CHECK).error is None

    def test_a_refused_connection_is_tried_again(self, harness: Harness) -> None:
        """Nothing was sent, so it cannot count as a wrong log-in."""
        iam = harness.emulator.refusing_connections("iam")
        iam.__enter__()
        harness.time.during_pauses = [lambda: iam.__exit__(None, None, None)]
        invocation = harness.invoke(CHECK)
        assert invocation.error is None
        assert len(invocation.pauses) == 1

    def test_retry_after_is_respected(self, harness: Harness) -> None:
        """If it fits into the remaining time."""
        harness.emulator.faults.add(log_in_fault(status=429, retry_after=3))
        invocation = harness.invoke(CHECK)
        assert invocation.error is None
        assert invocation.pauses[0] >= 3

    def test_a_retry_after_that_does_not_fit_ends_at_once(self, harness: Harness) -> None:
        """The error has the seconds."""
        harness.emulator.faults.add(log_in_fault(status=429, retry_after=120))
        invocation = harness.invoke(CHECK)
        assert invocation.error_name == "Throttled"
        assert invocation.error is not None
        assert invocation.error.retry_after == 120
        assert invocation.pauses == []

    @pytest.mark.parametrize("status", [400, 401, 403])
    def test_a_refusal_is_one(self, harness: Harness, status: int) -> None:
        """User, password, domain or project: it stands until the secret changes."""
        harness.emulator.faults.script([log_in_fault(status=status)])
        assert harness.invoke(CHECK).error_name == "CredentialsRejected"
        assert harness.invoke(CHECK).error_name == "CredentialsRejected"
        harness.cloud.secrets.rotate(PASSWORD, USER)
        assert harness.invoke(CHECK).error is None

    def test_a_project_that_is_not_there_is_refused(self) -> None:
        """IAM gives no token for it."""
        with Harness("password", PROJECT_ID=OTHER_PROJECT) as harness:
            invocation = harness.invoke(CHECK)
            assert invocation.error_name == "CredentialsRejected"
            assert invocation.calls == []


def judged(harness: Harness) -> int:
    """How many log-ins IAM has judged, whether or not its verdict arrived."""
    return sum(call.done is not None for call in harness.emulator.calls_of("CreateToken"))


def log_ins(harness: Harness) -> int:
    """How many requests IAM has received."""
    return len(harness.emulator.calls_of("CreateToken"))


NO_REFUSALS: Final = [
    *(log_in_fault(kind="html", status=status) for status in (400, 401, 403, 404, 405, 408)),
    *(log_in_fault(kind="html", status=status) for status in (200, 201, 302, 500, 503)),
    *(log_in_fault(status=status) for status in (300, 404, 405, 408, 410, 413, 425)),
    log_in_fault(error_code="APIGW.0101"),
    log_in_fault(status=400, body={"error_code": "APIGW.0106", "error_msg": "Orchestration error"}),
]


class TestRefusalsOfIam:
    """Only what is a refusal counts as one: everything else leaves the secret usable."""

    @pytest.mark.parametrize("fault", NO_REFUSALS, ids=lambda f: f"{f.kind} {f.status}")
    def test_this_is_no_rejection(self, harness: Harness, fault: Fault) -> None:
        """A load balancer's page, a wrong path, a 425."""
        harness.emulator.faults.add(fault)
        invocation = harness.invoke(payload())
        assert invocation.error_name in {None, "ServiceUnavailable", "RequestRejected"}
        harness.time.advance(60)
        assert harness.invoke(payload()).error is None

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (log_in_fault(kind="html", status=403), "ServiceUnavailable"),
            (log_in_fault(kind="html", status=408), "ServiceUnavailable"),
            (log_in_fault(error_code="APIGW.0101"), "RequestRejected"),
            (log_in_fault(status=429), "Throttled"),
        ],
    )
    def test_its_message_names_iam_and_its_host(
        self, harness: Harness, fault: Fault, error: str
    ) -> None:
        """With the cause."""
        harness.emulator.faults.add(fault)
        invocation = harness.invoke(payload(), seconds=5)
        assert invocation.error_name == error
        assert f"IAM at {harness.emulator.iam_endpoint.removeprefix('http://')}" in str(
            invocation.error
        )
        assert invocation.calls == []

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_refusal_needs_no_text(self, harness: Harness, status: int) -> None:
        """IAM tells a user who needs MFA no more than `required_auth_methods`."""
        harness.emulator.faults.add(log_in_fault(kind="empty", status=status))
        assert harness.invoke(payload()).error_name == "CredentialsRejected"

    def test_the_first_one_names_the_likely_causes(self, harness: Harness) -> None:
        """IAM has one text for all of them; that nothing has changed is not said yet."""
        harness.cloud.secrets.rotate(PASSWORD, {**USER, "password": "not-the-password"})
        message = str(harness.invoke(payload()).error)
        for cause in ("IAM at 127.0.0.1", "password", "domain", "project", "right", "MFA"):
            assert cause in message
        assert "until" not in message

    def test_a_standing_one_says_since_when_and_until_when(self, harness: Harness) -> None:
        """15 minutes, or until the secret is saved again."""
        harness.cloud.secrets.rotate(PASSWORD, {**USER, "password": "not-the-password"})
        harness.invoke(payload())
        harness.time.advance(60)
        message = str(harness.invoke(payload()).error)
        times = re.findall(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", message)
        since, until = (datetime.fromisoformat(time) for time in times)
        assert until - since == timedelta(minutes=15)
        assert "saved again" in message

    def test_a_name_for_the_project_id_is_named_among_the_causes(self) -> None:
        """`eu-de` in place of the project's ID, on the first try."""
        with Harness("password", PROJECT_ID="eu-de") as harness:
            invocation = harness.invoke(CHECK)
            assert invocation.error_name == "CredentialsRejected"
            assert "project ID" in str(invocation.error)
            assert "changed" not in str(invocation.error)

    def test_a_user_s_name_is_no_secret(self, harness: Harness) -> None:
        """Its letters stay in every other word of a message."""
        user = {**USER, "username": "pass"}
        harness.cloud.secrets.rotate(PASSWORD, user)
        assert harness.invoke(payload()).record["error_msg"] == (
            "The username or password is wrong."
        )


WRONG: Final = {**USER, "password": "not-the-password"}
LOST: Final = [
    log_in_fault(kind="close", when="after", times=1000),
    log_in_fault(kind="reset", when="after", times=1000),
    log_in_fault(kind="html", status=502, when="after", times=1000),
    log_in_fault(kind="status", status=504, when="after", times=1000),
    log_in_fault(kind="html", status=200, when="after", times=1000),
]
UNCOUNTED: Final = [
    log_in_fault(status=500, times=1000),
    log_in_fault(status=503, times=1000),
    log_in_fault(status=429, times=1000),
]


class TestLostLogIns:
    """IAM judges a log-in whether or not anybody hears of it: five wrong ones lock the account."""

    @pytest.mark.parametrize("fault", LOST, ids=lambda f: f"{f.kind} {f.status}")
    def test_an_unproven_secret_is_tried_twice_in_an_invocation(
        self, harness: Harness, fault: Fault
    ) -> None:
        """However much time there is, and however many messages wait."""
        harness.cloud.secrets.rotate(PASSWORD, WRONG)
        harness.emulator.faults.add(fault)
        invocation = harness.invoke(ten_messages(harness), seconds=120)
        assert errors(invocation) == ["ServiceUnavailable"] * 10
        assert judged(harness) <= 2

    @pytest.mark.parametrize("fault", LOST, ids=lambda f: f"{f.kind} {f.status}")
    def test_and_four_times_in_15_minutes(self, harness: Harness, fault: Fault) -> None:
        """A wrong password in an outage of hours locks nothing; each invocation reads once."""
        harness.cloud.secrets.rotate(PASSWORD, WRONG)
        harness.emulator.faults.add(fault)
        moments: list[datetime] = []
        for _ in range(60):
            before, counter = judged(harness), CallCounter(harness)
            assert harness.invoke(payload(), seconds=120).error_name == "ServiceUnavailable"
            moments += [harness.emulator.clock.now()] * (judged(harness) - before)
            assert judged(harness) > before or counter.since()["reads"] == 1
            harness.time.advance(60)
        assert not is_locked(harness)
        assert harness.emulator.iam.lock_outs == 0
        for moment in moments:
            window = [one for one in moments if moment <= one < moment + timedelta(minutes=15)]
            assert len(window) <= 4

    def test_a_spent_budget_says_until_when(self, harness: Harness) -> None:
        """And the caller over HTTP how long to wait."""
        harness.emulator.faults.add(LOST[0])
        for _ in range(2):
            harness.invoke(payload())
        harness.emulator.faults.clear()
        invocation = harness.invoke(payload())
        assert invocation.error_name == "ServiceUnavailable"
        assert re.search(r"after \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(invocation.error))
        assert invocation.error is not None
        assert 0 < (invocation.error.retry_after or 0) <= QUARTER_HOUR
        assert log_ins(harness) == 4
        harness.time.advance(QUARTER_HOUR)
        assert harness.invoke(payload()).reply["outcome"] == "created"

    def test_a_new_version_has_a_budget_of_its_own(self, harness: Harness) -> None:
        """Saving the secret again is the immediate way out."""
        harness.emulator.faults.add(LOST[0])
        for _ in range(3):
            harness.invoke(payload())
        harness.emulator.faults.clear()
        harness.cloud.secrets.rotate(PASSWORD, USER)
        assert harness.invoke(payload()).reply["outcome"] == "created"

    def test_one_minute_after_an_outage_a_delivery_gets_through(self, harness: Harness) -> None:
        """Two of the four are left."""
        harness.emulator.faults.add(LOST[0])
        harness.invoke(payload(), seconds=120)
        harness.emulator.faults.clear()
        harness.time.advance(60)
        assert harness.invoke(payload()).reply["outcome"] == "created"

    @pytest.mark.parametrize("fault", UNCOUNTED, ids=lambda f: str(f.status))
    def test_what_cannot_count_leaves_the_budget_alone(
        self, harness: Harness, fault: Fault
    ) -> None:
        """An outage of an hour, and the delivery after it gets through."""
        harness.emulator.faults.add(fault)
        for _ in range(30):
            before = log_ins(harness)
            assert harness.invoke(payload(), seconds=120).error is not None
            assert log_ins(harness) - before <= 5
            harness.time.advance(120)
        harness.emulator.faults.clear()
        assert harness.invoke(payload()).reply["outcome"] == "created"

    def test_a_proven_secret_is_tried_more_often(self, harness: Harness) -> None:
        """Its password was right; but no invocation alone may lock the account if it changed."""
        harness.invoke(CHECK)
        harness.emulator.iam.revoke_tokens()
        before = log_ins(harness)
        harness.emulator.faults.script([replace(LOST[0], times=3)])
        assert harness.invoke(payload(), seconds=120).reply["outcome"] == "created"
        assert log_ins(harness) - before == 4
        harness.emulator.iam.change_password(USER["username"], "not-a-real-password-2")
        harness.emulator.faults.script([LOST[0]])
        harness.invoke(payload(), seconds=120)
        assert not is_locked(harness)


class TestOneLogInPhase:
    """A failed log-in is not a failed create: no loop goes around it."""

    @pytest.mark.parametrize("seconds", [20, 120, 900])
    @pytest.mark.parametrize("fault", [*UNCOUNTED, *LOST], ids=lambda f: f"{f.kind} {f.status}")
    def test_at_most_five_requests(self, harness: Harness, fault: Fault, seconds: float) -> None:
        """Whatever IAM responds, and however long the invocation may last."""
        harness.emulator.faults.add(fault)
        invocation = harness.invoke(payload(), seconds=seconds)
        assert invocation.error_name in {"ServiceUnavailable", "Throttled"}
        assert "IAM" in str(invocation.error)
        assert log_ins(harness) <= 5

    def test_a_batch_has_one_phase(self, harness: Harness) -> None:
        """Ten messages, five requests."""
        harness.emulator.faults.add(UNCOUNTED[0])
        assert errors(harness.invoke(ten_messages(harness), seconds=120)) == (
            ["ServiceUnavailable"] * 10
        )
        assert log_ins(harness) == 5

    def test_two_phases_share_the_five(self, harness: Harness) -> None:
        """A token that is refused as soon as it is there."""
        harness.emulator.faults.script(
            [
                replace(UNCOUNTED[0], times=4),
                Fault(operation="CreateManualBackup", error_code="APIGW.0307", times=9),
            ]
        )
        invocation = harness.invoke(payload(), seconds=120)
        assert invocation.error_name == "ServiceUnavailable"
        assert log_ins(harness) == 5

    def test_it_gives_up_while_an_outcome_is_open(self, harness: Harness) -> None:
        """A create whose response was lost, then a dead token and no IAM: still unknown."""
        harness.invoke(CHECK)
        harness.emulator.faults.script(
            [
                Fault(
                    operation="CreateManualBackup",
                    kind="close",
                    when="after",
                    action=harness.emulator.iam.revoke_tokens,
                ),
                UNCOUNTED[0],
            ]
        )
        invocation = harness.invoke(payload(), seconds=120)
        assert invocation.error_name == "OutcomeUnknown"
        assert log_ins(harness) <= 6

    @pytest.mark.parametrize(
        ("text", "least"),
        [
            ("limit:10,time:1 minute", [60]),
            ("Threshold: 10 times per 30 seconds", [30, 30]),
            ("The throttling threshold has been reached", [15, 30]),
        ],
    )
    def test_a_window_in_the_text_is_respected(
        self, harness: Harness, text: str, least: list[int]
    ) -> None:
        """As `Retry-After` is; where nothing is named, the pauses grow."""
        body = {"error_code": "IAM.0012", "error_msg": text}
        harness.emulator.faults.add(log_in_fault(status=429, body=body, times=1000))
        invocation = harness.invoke(payload(), seconds=85)
        assert invocation.error_name == "Throttled"
        assert [round(pause) for pause in invocation.pauses] == least


def test_an_outage_costs_a_create_little_time(harness: Harness) -> None:
    """The delivery ends after the log-in phase, not with the invocation."""
    harness.emulator.faults.add(UNCOUNTED[0])
    assert harness.invoke(payload(), seconds=900).seconds < 30


ODD_TIMES: Final = [
    {"issued_at": "just now", "expires_at": "2099-01-01T00:00:00.000000Z"},
    {"issued_at": None, "expires_at": None},
    {"issued_at": 5, "expires_at": ["soon"]},
    {"issued_at": "1970-01-01T00:00:00.000000Z", "expires_at": "2099-01-01T00:00:00.000000Z"},
    {"issued_at": "2099-01-01T00:00:00.000000Z", "expires_at": "1970-01-01T00:00:00.000000Z"},
    {"issued_at": "2026-11-28T10:00:00", "expires_at": "2026-11-28T11:00:00"},
    {"expires_at": "soon"},
    {"expires_at": "2026-11-28T10:00:00.000000Z", "issued_at": "2026-11-28T10:00:00.000000Z"},
    {},
]


class TestTimesOfTokens:
    """The times in a token's response are advice: a token just obtained is used."""

    @pytest.mark.parametrize("times", ODD_TIMES, ids=str)
    def test_one_log_in_and_the_backup_is_created(
        self, harness: Harness, times: dict[str, Any]
    ) -> None:
        """And the next delivery, a minute later, logs in no more."""
        user = harness.emulator.iam.find_user(USER["username"], USER["domain_name"])
        assert user is not None
        token = harness.emulator.iam.issue_token(
            user, harness.emulator.iam.projects[harness.emulator.project_id]
        )
        harness.emulator.faults.add(
            log_in_fault(
                when="after",
                status=201,
                body={"token": {"methods": ["password"], **times}},
                headers={"X-Subject-Token": token.text},
                times=1000,
            )
        )
        assert harness.invoke(payload()).reply["outcome"] == "created"
        assert log_ins(harness) == 1
        harness.time.advance(60)
        assert harness.invoke(CHECK).error is None
        assert log_ins(harness) == 1

    def test_a_token_that_seems_old_is_renewed_once_per_invocation(self, harness: Harness) -> None:
        """By time; its refusal is another matter."""
        harness.emulator.iam.token_lifetime = timedelta(seconds=1)
        harness.invoke(CHECK)
        harness.time.advance(300)
        before = log_ins(harness)
        harness.invoke(ten_messages(harness))
        assert log_ins(harness) - before == 1


class TestUnusableSecret:
    """An unusable secret is reported by name, and the next invocation reads it again."""

    @pytest.mark.parametrize("value", [{}, {"access_key": "a"}, "[]", "not JSON", b"\x00"])
    def test_an_unusable_secret(self, harness: Harness, value: Any) -> None:
        """No request is sent with half of the credentials."""
        harness.cloud.secrets.rotate(PASSWORD, value)
        invocation = harness.invoke(payload())
        assert invocation.error_name == "SecretUnavailable"
        assert str(invocation.error).startswith("CREDENTIALS_SECRET_ID: ")
        assert invocation.calls == []
        harness.cloud.secrets.rotate(PASSWORD, USER)
        assert harness.invoke(payload()).reply["outcome"] == "created"

    def test_a_missing_layer(self, harness: Harness) -> None:
        """Reported with its likely cause, within the time of the invocation."""
        with harness.cloud.secrets.unreachable():
            invocation = harness.invoke(payload())
        assert invocation.error_name == "SecretUnavailable"
        assert "layer" in invocation.record["error_msg"]
        assert "layer" not in str(invocation.error)
        assert sum(invocation.pauses) <= 10

    def test_a_missing_layer_costs_a_batch_no_more(self, harness: Harness) -> None:
        """Ten messages wait together, not one after the other."""
        batch = ten_messages(harness)
        with harness.cloud.secrets.unreachable():
            invocation = harness.invoke(batch, seconds=300)
        assert errors(invocation) == ["SecretUnavailable"] * 10
        assert sum(invocation.pauses) <= 10

    def test_a_cached_token_needs_no_secret_store(self, harness: Harness) -> None:
        """It is used even if the secret store fails."""
        harness.invoke(CHECK)
        with harness.cloud.secrets.unreachable():
            assert harness.invoke(payload()).reply["outcome"] == "created"

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_rejected_token_needs_the_secret_store(self, kind: Credentials) -> None:
        """Its failure is the error."""
        with Harness(kind) as harness:
            harness.invoke(CHECK)
            harness.emulator.iam.revoke_tokens()
            harness.emulator.iam.remove_access_key(ACCESS_KEY["access_key"])
            harness.cloud.secrets.respond_next(400, "an unexpected error occurred", times=100)
            invocation = harness.invoke(payload())
            assert invocation.error_name == "SecretUnavailable"
            assert len(invocation.calls) == 1


def test_a_cache_in_the_extension_would_hide_a_rotation() -> None:
    """A deployment that forgets `SECRETS_MANAGER_TTL: 0` is caught here: its secret stays stale."""
    with Harness("password") as harness, SecretsExtension(ttl=None) as cached:
        cached.put(PASSWORD, USER)
        harness.cloud.secrets.rotate(PASSWORD, USER)
        with Harness("password", **cached.environment()) as forgetful:
            forgetful.invoke(CHECK)
            for one, store in ((harness, harness.cloud.secrets), (forgetful, cached)):
                one.invoke(CHECK)
                one.emulator.iam.change_password(USER["username"], "not-a-real-password-2")
                store.rotate(PASSWORD, {**USER, "password": "not-a-real-password-2"})
            assert harness.invoke(payload()).reply["outcome"] == "created"
            assert forgetful.invoke(payload()).error_name == "CredentialsRejected"
            assert forgetful.emulator.iam.refused_log_ins == 1
