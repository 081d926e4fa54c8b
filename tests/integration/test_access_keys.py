"""Access keys, permanent and temporary, and the project for which any credentials stand."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest

from tests.integration.call_counts import (
    CHECK,
    KEYS,
    QUARTER_HOUR,
    CallCounter,
    counts,
    errors,
    payload,
    ten_messages,
)
from tests.local_cloud.emulator import Fault
from tests.local_cloud.harness import Harness
from tests.local_cloud.local_cloud import ACCESS_KEY, CREDENTIALS_SECRETS, USER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.local_cloud.emulator.faults import Kind
    from tests.local_cloud.local_cloud import Credentials

WRONG_KEYS: Final = {**ACCESS_KEY, "secret_key": "not-the-secret-key"}
KINDS: Final[tuple[Credentials, ...]] = ("password", "aksk")


@pytest.fixture
def signing_harness() -> Iterator[Harness]:
    """The function with an access key."""
    with Harness("aksk") as signing_harness:
        yield signing_harness


class TestKeyPair:
    """An access key needs no log-in; a refused call is repeated only with another secret."""

    def test_a_backup_costs_one_read_and_one_call(self, signing_harness: Harness) -> None:
        """And a second one only the call."""
        counter = CallCounter(signing_harness)
        assert signing_harness.invoke(CHECK).error is None
        assert counter.since() == counts(reads=1)
        invocation = signing_harness.invoke(payload(description="für alle: 日本 \u2028"))
        assert invocation.reply["outcome"] == "created"
        assert invocation.reply["backup"]["description"] == "für alle: 日本 \u2028"
        assert len(invocation.calls) == 1
        assert counter.since() == counts()

    def test_a_refused_one_stands_for_five_minutes(self, signing_harness: Harness) -> None:
        """Each invocation reads the secret once, to see whether it changed, and sends nothing."""
        signing_harness.cloud.secrets.rotate(KEYS, WRONG_KEYS)
        counter = CallCounter(signing_harness)
        assert len(signing_harness.invoke(payload()).calls) == 1
        assert counter.since() == counts(reads=1)
        for _ in range(3):
            signing_harness.time.advance(90)
            invocation = signing_harness.invoke(payload())
            assert invocation.error_name == "CredentialsRejected"
            assert invocation.calls == []
            assert counter.since() == counts(reads=1)
        signing_harness.time.advance(60)
        assert len(signing_harness.invoke(payload()).calls) == 1

    def test_a_refusal_ends_with_a_new_secret(self, signing_harness: Harness) -> None:
        """At once, even where nothing but the version is new."""
        signing_harness.cloud.secrets.rotate(KEYS, WRONG_KEYS)
        signing_harness.invoke(payload())
        signing_harness.cloud.secrets.rotate(KEYS, WRONG_KEYS)
        assert len(signing_harness.invoke(payload()).calls) == 1
        signing_harness.cloud.secrets.rotate(KEYS, ACCESS_KEY)
        assert signing_harness.invoke(payload()).reply["outcome"] == "created"

    def test_the_first_refusal_and_a_standing_one_are_told_apart(
        self, signing_harness: Harness
    ) -> None:
        """A standing one says since when and until when, and repeats what the gateway said."""
        signing_harness.cloud.secrets.rotate(KEYS, WRONG_KEYS)
        first = signing_harness.invoke(payload())
        assert "until" not in str(first.error)
        standing = signing_harness.invoke(payload())
        times = re.findall(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(standing.error))
        since, until = (datetime.fromisoformat(time) for time in times)
        assert until - since == timedelta(minutes=5)
        assert standing.record["error_code"] == first.record["error_code"] == "APIGW.0301"

    def test_a_batch_with_a_wrong_key_sends_one_signature(self, signing_harness: Harness) -> None:
        """A key pair that was never accepted is tried by one call at a time."""
        signing_harness.cloud.secrets.rotate(KEYS, WRONG_KEYS)
        invocation = signing_harness.invoke(ten_messages(signing_harness))
        assert errors(invocation) == ["CredentialsRejected"] * 10
        assert len(invocation.calls) == 1

    def test_a_batch_with_a_right_key_goes_side_by_side_after_its_first_call(
        self, signing_harness: Harness
    ) -> None:
        """One slow call shows that the key is right, and the other nine take no longer together."""
        batch = ten_messages(signing_harness)
        for _ in range(10):
            signing_harness.emulator.faults.add(Fault(kind="slow", seconds=0.3))
        began = time.monotonic()
        assert signing_harness.invoke(batch).reply == {"batchItemFailures": []}
        assert time.monotonic() - began < 5 * 0.3

    @pytest.mark.parametrize("kind", ["close", "html", "status"])
    def test_a_response_that_shows_neither_leaves_the_key_on_trial(
        self, signing_harness: Harness, kind: Kind
    ) -> None:
        """The next call is the only one again, and then the key is accepted or refused."""
        signing_harness.cloud.secrets.rotate(KEYS, WRONG_KEYS)
        batch = ten_messages(signing_harness)
        signing_harness.emulator.faults.add(Fault(kind=kind, when="after"))
        invocation = signing_harness.invoke(batch)
        assert "CredentialsRejected" in errors(invocation)
        assert len(invocation.calls) == 2

    def test_a_key_is_never_blocked(self, signing_harness: Harness) -> None:
        """Two hours of a wrong key, an invocation a minute, with batches among them."""
        signing_harness.cloud.secrets.rotate(KEYS, WRONG_KEYS)
        batch = ten_messages(signing_harness)
        for minute in range(120):
            signing_harness.invoke(batch if minute % 10 == 0 else payload())
            signing_harness.time.advance(60)
        assert signing_harness.emulator.iam.refused_signatures <= 120 / 5 + 1

    def test_a_blocked_key_says_so(self, signing_harness: Harness) -> None:
        """With the minutes that it takes."""
        key = signing_harness.emulator.iam.access_key(ACCESS_KEY["access_key"])
        assert key is not None
        key.locked_until = signing_harness.emulator.clock.now() + timedelta(minutes=5)
        assert "blocked for 5 minutes" in str(signing_harness.invoke(payload()).error)
        signing_harness.time.advance(301)
        assert signing_harness.invoke(payload()).reply["outcome"] == "created"

    def test_a_warm_one_reads_the_secret_afresh(self, signing_harness: Harness) -> None:
        """It may have changed since; here it has not."""
        signing_harness.invoke(CHECK)
        signing_harness.emulator.iam.remove_access_key(ACCESS_KEY["access_key"])
        counter = CallCounter(signing_harness)
        counter.since()
        invocation = signing_harness.invoke(payload())
        assert invocation.error_name == "CredentialsRejected"
        assert len(invocation.calls) == 1
        assert counter.since() == counts(reads=1)

    def test_a_new_key_is_picked_up(self, signing_harness: Harness) -> None:
        """One refusal, one read, one repetition."""
        signing_harness.invoke(CHECK)
        iam = signing_harness.emulator.iam
        iam.remove_access_key(ACCESS_KEY["access_key"])
        iam.add_access_key("NOTAREALACCESSKEY002", "not-a-real-secret-key-2")
        signing_harness.cloud.secrets.rotate(
            KEYS,
            {"access_key": "NOTAREALACCESSKEY002", "secret_key": "not-a-real-secret-key-2"},
        )
        counter = CallCounter(signing_harness)
        counter.since()
        invocation = signing_harness.invoke(payload())
        assert invocation.reply["outcome"] == "created"
        assert [call.status for call in invocation.calls] == [401, 202]
        assert counter.since() == counts(reads=1)

    def test_a_new_key_that_is_wrong_too_ends_it(self, signing_harness: Harness) -> None:
        """Two calls, and no third."""
        signing_harness.invoke(CHECK)
        signing_harness.emulator.iam.remove_access_key(ACCESS_KEY["access_key"])
        signing_harness.cloud.secrets.rotate(KEYS, WRONG_KEYS)
        invocation = signing_harness.invoke(payload())
        assert invocation.error_name == "CredentialsRejected"
        assert len(invocation.calls) == 2

    def test_the_refusal_names_no_key(self, signing_harness: Harness) -> None:
        """The gateway's own words do, and show what was signed."""
        signing_harness.cloud.secrets.rotate(KEYS, WRONG_KEYS)
        line = signing_harness.invoke(payload()).record
        assert line["error_code"] == "APIGW.0301"
        assert "[redacted]" in line["error_msg"]
        assert ACCESS_KEY["access_key"] not in str(line)

    def test_a_secret_may_change_its_kind(self, signing_harness: Harness) -> None:
        """From a key to a password, in the middle of an environment's life."""
        signing_harness.invoke(CHECK)
        signing_harness.emulator.iam.remove_access_key(ACCESS_KEY["access_key"])
        signing_harness.cloud.secrets.rotate(KEYS, USER)
        counter = CallCounter(signing_harness)
        counter.since()
        assert signing_harness.invoke(payload()).reply["outcome"] == "created"
        assert counter.since() == counts(reads=1, log_ins=1)

    @pytest.mark.parametrize(("minutes", "accepted"), [(-14, True), (14, True), (-16, False)])
    def test_a_signature_lives_for_a_quarter_of_an_hour(
        self, signing_harness: Harness, minutes: int, *, accepted: bool
    ) -> None:
        """A clock that is further off makes every signature a wrong one."""
        signing_harness.time.clock_offset = minutes * 60
        invocation = signing_harness.invoke(payload())
        assert (invocation.error_name is None) is accepted
        if not accepted:
            assert "signature expired" in invocation.record["error_msg"]

    def test_a_batch_goes_side_by_side(self, signing_harness: Harness) -> None:
        """One read for ten messages."""
        batch = ten_messages(signing_harness)
        counter = CallCounter(signing_harness)
        assert signing_harness.invoke(batch).reply == {"batchItemFailures": []}
        assert counter.since() == counts(reads=1)

    def test_a_batch_picks_up_a_new_key_once(self, signing_harness: Harness) -> None:
        """Ten messages find the key gone; one reads, and all go on."""
        batch = ten_messages(signing_harness)
        signing_harness.invoke(CHECK)
        iam = signing_harness.emulator.iam
        iam.remove_access_key(ACCESS_KEY["access_key"])
        iam.add_access_key("NOTAREALACCESSKEY002", "not-a-real-secret-key-2")
        signing_harness.cloud.secrets.rotate(
            KEYS,
            {"access_key": "NOTAREALACCESSKEY002", "secret_key": "not-a-real-secret-key-2"},
        )
        counter = CallCounter(signing_harness)
        counter.since()
        assert signing_harness.invoke(batch).reply == {"batchItemFailures": []}
        assert counter.since() == counts(reads=1)


TEMPORARY: Final = {
    "access_key": "NOTAREALTEMPORARY001",
    "secret_key": "not-a-real-temporary-key",
    "security_token": "not-a-real-security-token",
}


class TestTemporaryKeys:
    """Keys that are known only together with their security token, until they expire."""

    def put(
        self, harness: Harness, secret: dict[str, str], lifetime: timedelta | None = None
    ) -> None:
        """Makes the key known to the cloud, and a secret known to the function."""
        end = harness.emulator.clock.now() + lifetime if lifetime else None
        harness.emulator.iam.add_access_key(
            secret["access_key"],
            secret["secret_key"],
            TEMPORARY["security_token"],
            expires_at=end,
        )
        harness.cloud.secrets.rotate(KEYS, secret)

    def test_they_work(self, signing_harness: Harness) -> None:
        """With the token in its header."""
        self.put(signing_harness, TEMPORARY)
        assert signing_harness.invoke(payload()).reply["outcome"] == "created"

    def test_without_their_token_they_are_unknown(self, signing_harness: Harness) -> None:
        """The gateway says that there is no such key, and we say nothing of its name."""
        self.put(signing_harness, {k: v for k, v in TEMPORARY.items() if k != "security_token"})
        invocation = signing_harness.invoke(payload())
        assert invocation.error_name == "CredentialsRejected"
        assert invocation.record["error_msg"].endswith("ak [redacted] not exist")

    def test_when_they_expire_the_next_ones_are_picked_up(self, signing_harness: Harness) -> None:
        """Whoever rotates them writes them into the secret."""
        self.put(signing_harness, TEMPORARY, timedelta(minutes=15))
        assert signing_harness.invoke(CHECK).error is None
        signing_harness.time.advance(QUARTER_HOUR + 1)
        assert signing_harness.invoke(payload()).error_name == "CredentialsRejected"
        self.put(
            signing_harness,
            {**TEMPORARY, "access_key": "NOTAREALTEMPORARY002"},
            timedelta(minutes=15),
        )
        assert signing_harness.invoke(payload()).reply["outcome"] == "created"


OTHER_PROJECT: Final = "0483b6b16e954cb88930a360d2c4e663"


class TestProject:
    """`PROJECT_ID` and the secret's `project_id`: one must stand, and where both do, they agree."""

    @pytest.fixture(params=KINDS)
    def secret(self, request: pytest.FixtureRequest) -> tuple[Credentials, dict[str, str]]:
        """Either kind of secret, without its project."""
        kind: Credentials = request.param
        return kind, dict(USER if kind == "password" else ACCESS_KEY)

    @pytest.mark.parametrize("in_environment", [True, False])
    @pytest.mark.parametrize("in_secret", [True, False])
    def test_one_is_enough(
        self,
        secret: tuple[Credentials, dict[str, str]],
        *,
        in_environment: bool,
        in_secret: bool,
    ) -> None:
        """In the environment, in the secret, or in both; nowhere is not enough."""
        kind, value = secret
        variables = {} if in_environment else {"PROJECT_ID": ""}
        with Harness(kind, **variables) as harness:
            if in_secret:
                value["project_id"] = harness.emulator.project_id
            harness.cloud.secrets.rotate(CREDENTIALS_SECRETS[kind], value)
            invocation = harness.invoke(payload())
            if in_environment or in_secret:
                assert invocation.reply["outcome"] == "created"
                assert harness.emulator.project_id in invocation.calls[0].path
            else:
                assert invocation.error_name == "SecretUnavailable"
                expected = "no project ID: set PROJECT_ID or project_id in the secret"
                assert expected in str(invocation.error)
                assert invocation.calls == []

    def test_two_that_differ_are_refused(self, secret: tuple[Credentials, dict[str, str]]) -> None:
        """Before anybody is asked, and without a log-in to the wrong project."""
        kind, value = secret
        with Harness(kind) as harness:
            value["project_id"] = OTHER_PROJECT
            harness.cloud.secrets.rotate(CREDENTIALS_SECRETS[kind], value)
            counter = CallCounter(harness)
            invocation = harness.invoke(payload())
            assert invocation.error_name == "SecretUnavailable"
            assert "PROJECT_ID and project_id in the secret differ" in str(invocation.error)
            assert (invocation.calls, counter.since()) == ([], counts(reads=1))

    def test_a_secret_that_is_put_right_is_read_again(
        self, secret: tuple[Credentials, dict[str, str]]
    ) -> None:
        """An unusable secret is not kept."""
        kind, value = secret
        with Harness(kind) as harness:
            harness.cloud.secrets.rotate(
                CREDENTIALS_SECRETS[kind], {**value, "project_id": OTHER_PROJECT}
            )
            assert harness.invoke(payload()).error_name == "SecretUnavailable"
            harness.cloud.secrets.rotate(CREDENTIALS_SECRETS[kind], value)
            assert harness.invoke(payload()).reply["outcome"] == "created"
