"""Any event gets a well-formed response of its event source, and nothing wrong reaches the service.

The events are any JSON at all, the samples with something changed in them, and HTTP requests of any
bytes and headers.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fuzz.outcomes import check, source
from tests.local_cloud.events import (
    DIALECTS,
    PAYLOAD,
    SAMPLES,
    http,
    response,
    sample,
    signed_headers,
)
from tests.local_cloud.harness import Harness
from tests.local_cloud.local_cloud import INSTANCE_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypothesis.strategies import SearchStrategy


many = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    """One execution environment for all events, warm as in real life."""
    with Harness() as harness:
        harness.emulator.backup_seconds = 0
        yield harness


# --- events ----------------------------------------------------------------------------------

# Half characters included: JSON's escapes can hold them.
TEXTS = st.text(st.characters(), max_size=20)
NAMES = TEXTS | st.sampled_from(
    [
        *("Records", "requestContext", "http", "httpMethod", "detail-type", "detail", "id", "time"),
        *("resources", "eventSource", "EventSource", "messageId", "body", "attributes", "Sns"),
        *("MessageId", "Message", "Type", "TopicArn", "Timestamp", "MessageGroupId", "headers"),
        *("action", "instance_id", "name", "scheduled_time", "idempotency_key", "max_age_hours"),
    ]
)
SCALARS: SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
    | st.sampled_from(["aws:sqs", "aws:sns", "Scheduled Event", "POST", "/backups", INSTANCE_ID])
)
ANYTHING: SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where in a JSON value something can be changed."""
    parts: list[tuple[Any, Any]] = list(value.items()) if isinstance(value, dict) else []
    parts += enumerate(value) if isinstance(value, list) else []
    return [path, *(place for key, part in parts for place in places(part, (*path, key)))]


@st.composite
def changed_samples(draw: st.DrawFn) -> Any:
    """A sample with up to three of its parts replaced or left out."""
    name = draw(st.sampled_from(sorted(path.stem for path in SAMPLES.glob("*.json"))))
    event = sample(name)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from(places(event)))
        if not place:
            continue
        *above, last = place
        parent = event
        for key in above:
            parent = parent[key]
        if draw(st.booleans()):
            parent[last] = draw(ANYTHING)
        else:
            del parent[last]
    return event


BODIES = (
    st.binary(max_size=60)
    | ANYTHING.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(NAMES, SCALARS, max_size=3).map(
        lambda more: json.dumps({**PAYLOAD, **more}).encode()
    )
)
HEADERS = st.dictionaries(
    TEXTS
    | st.sampled_from(
        ["content-type", "Idempotency-Key", "webhook-id", "webhook-timestamp", "webhook-signature"]
    ),
    TEXTS | st.sampled_from(["application/json", "1795428904", "v1,AAAA", "text/plain"]),
    max_size=4,
)


@st.composite
def requests(draw: st.DrawFn) -> Any:
    """An HTTP request of any bytes, with any headers, from somebody or from nobody."""
    body = draw(BODIES)
    event = http(
        body,
        encoded=True,
        dialect=draw(st.sampled_from(DIALECTS)),
        method=draw(st.sampled_from(["POST", "POST", "GET", "PUT"]) | TEXTS),
        path=draw(st.sampled_from(["/backups", "/backups", "/backups/some-backup"]) | TEXTS),
        query=draw(st.none() | st.dictionaries(NAMES, TEXTS, max_size=2)),
        headers=draw(HEADERS),
        known=draw(st.sampled_from([True, True, False])),
        stage=draw(st.none() | TEXTS),
    )
    if draw(st.booleans()):
        event["isBase64Encoded"] = False
        event["body"] = body.decode(errors="surrogateescape")
    return event


# --- the laws --------------------------------------------------------------------------------


@many
@given(ANYTHING)
@example({})
@example({"Records": [{"eventSource": "aws:sqs", "messageId": "\ud800", "body": "{}"}]})
@example({"detail-type": "\ud800", "id": "\ud800", "time": "\ud800", "detail": {}})
@example({**PAYLOAD, "scheduled_time": "\ud800"})
@example({**PAYLOAD, "action": "verify", "max_age_hours": 10**400})
@example({"requestContext": {"http": {}, "requestId": "\ud800"}})
def test_any_json_is_answered_by_its_event_source(harness: Harness, event: Any) -> None:
    """Any JSON at all."""
    check(event, harness.invoke(copy.deepcopy(event)))


@many
@given(changed_samples())
def test_any_change_to_a_sample_is_answered_by_its_event_source(
    harness: Harness, event: Any
) -> None:
    """What nearly is an event of AWS."""
    check(event, harness.invoke(copy.deepcopy(event)))


@many
@given(requests())
def test_any_request_is_answered_as_http(harness: Harness, event: Any) -> None:
    """Any bytes, any headers, any path: a response, and nobody gets in whom nobody knows."""
    invocation = harness.invoke(copy.deepcopy(event))
    check(event, invocation)
    context = event["requestContext"]
    is_known = "authorizer" in context or context.get("identity", {}).get("userArn")
    if source(event) == "http" and not is_known:
        assert response(invocation.reply).status == 401


@many
@given(body=st.binary(max_size=200), headers=HEADERS)
def test_any_signed_bytes_are_answered_as_http(
    harness: Harness, body: bytes, headers: dict[str, str]
) -> None:
    """Whoever has a key may send nonsense too, with any other headers beside the signature."""
    signed = signed_headers(body, now=harness.time.now())
    spoken_for = {"webhook-id", "webhook-timestamp", "webhook-signature"}
    others = {name: value for name, value in headers.items() if name.lower() not in spoken_for}
    event = http(body, encoded=True, known=False, headers={**others, **signed})
    invocation = harness.invoke(event)
    check(event, invocation)
    assert response(invocation.reply).status in {400, 415}
    assert invocation.calls == []
