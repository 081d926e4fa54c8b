"""HTTP responses keep to the OpenAPI description, whatever requests schemathesis makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, assume, settings

from gaussdb_backup.payload_models import is_idempotency_key
from tests.contract.openapi import openapi
from tests.contract.schemas import breaks_an_unsaid_rule
from tests.local_cloud.api_gateway import AUTHORIZATION, ApiGateway
from tests.local_cloud.events import PAYLOAD
from tests.local_cloud.harness import Harness
from tests.local_cloud.local_cloud import INSTANCE_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

KNOWN = {"Authorization": AUTHORIZATION}
BACKUP = "earlier"


class Service:
    """The function behind a gateway, beside a cloud with one backup."""

    def __init__(self, harness: Harness, gateway: ApiGateway) -> None:
        self.emulator = harness.emulator
        self.emulator.backup_seconds = 0
        self.backup_id = self.emulator.add_backup(BACKUP, instance_id=INSTANCE_ID).id
        self.url = gateway.url
        self.statuses = gateway.statuses


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """One for all tests; over HTTP the function has never raised anything."""
    with Harness() as harness, ApiGateway(lambda event: harness.invoke(event).reply) as gateway:
        yield Service(harness, gateway)
        assert gateway.exceptions == []


schema = schemathesis.openapi.from_dict(openapi())


def lead_somewhere(case: schemathesis.Case[Any], service: Service) -> None:
    """Lets every second well-formed ID be one that the cloud knows; what is wrong stays wrong."""
    places: tuple[tuple[Any, dict[str, str]], ...] = (
        (case.path_parameters, {"backup_id": service.backup_id}),
        (case.query, {"instance_id": INSTANCE_ID}),
        (case.body, {"instance_id": INSTANCE_ID}),
    )
    for place, known in places:
        for name, value in known.items():
            given = place.get(name) if isinstance(place, dict) else None
            if isinstance(given, str) and given.isascii() and given.isalnum() and len(given) % 2:
                place[name] = value


def is_described(case: schemathesis.Case[Any]) -> bool:
    """Whether the case breaks no rule that a schema cannot say."""
    headers: Any = case.headers or {}
    body: Any = case.body
    key = headers.get("Idempotency-Key")
    unsaid = isinstance(body, dict) and breaks_an_unsaid_rule(body)
    return not unsaid and (not isinstance(key, str) or is_idempotency_key(key.strip()))


@schema.parametrize()
@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
def test_every_answer_is_the_described_one(case: schemathesis.Case[Any], service: Service) -> None:
    """Status, headers and body; what breaks a rule is refused, and nobody gets in unknown."""
    assume(is_described(case))
    lead_somewhere(case, service)
    case.call_and_validate(base_url=service.url, headers=KNOWN)


def test_nearly_every_kind_of_answer_was_among_them(service: Service) -> None:
    """Otherwise the test above would have looked at little; the rest needs a cloud in trouble."""
    assert {200, 202, 400, 401, 404, 405} <= service.statuses


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("POST", "/backups", {**KNOWN, "Content-Type": "text/plain"}, b"{}", 415),
        ("POST", "/backups", KNOWN, b" " * 20_001, 413),
        ("POST", "/backups", KNOWN, b"\xff", 400),
        ("POST", "/backups", {}, b"{}", 401),
        ("HEAD", "/backups", KNOWN, b"", 405),
        ("GET", "/backups/a/b", KNOWN, b"", 404),
        ("GET", "/", KNOWN, b"", 404),
        ("BREW", "/backups/", KNOWN, b"", 405),
    ],
)
def test_what_no_description_makes(
    service: Service, method: str, path: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    """Raw bytes, other types, other methods: the same kind of answer, over a real connection."""
    with requests.Session() as session:
        session.trust_env = False
        url = service.url + path
        answer = session.request(method, url, data=body, headers=headers, timeout=10)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    if method != "HEAD":
        assert answer.json()["status"] == status


def test_a_client_that_follows_the_description_gets_its_backup(service: Service) -> None:
    """Asks for one, and then how far it is."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers.update(KNOWN)
        made = session.post(f"{service.url}/backups", json=PAYLOAD, timeout=10)
        backup_id = made.json()["backup"]["id"]
        url = f"{service.url}/backups/{backup_id}"
        asked = session.get(url, params={"instance_id": INSTANCE_ID}, timeout=10)
    assert (made.status_code, asked.status_code) == (202, 200)
    assert asked.json()["outcome"] == "completed"
    assert made.json()["job_id"] == service.emulator.backups[-1].job_id
