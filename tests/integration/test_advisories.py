"""`make check` fails over a known advisory, and says when it could not look for any."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
ADVISORY = {"id": "GHSA-0000", "modified": "2026-01-01T00:00:00Z", "summary": "a known weakness"}


class AdvisoryService(BaseHTTPRequestHandler):
    """An OSV service that knows of one weakness, in whatever package the server is told."""

    def do_POST(self) -> None:
        """Says of each package in a batch what is known of it."""
        queries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        known = self.server.weak  # type: ignore[attr-defined] # set by the fixture
        results: list[dict[str, Any]] = [
            {"vulns": [ADVISORY]} if query["package"]["name"] == known else {} for query in queries
        ]
        self._reply({"results": results})

    def do_GET(self) -> None:
        """Shows the advisory."""
        self._reply({**ADVISORY, "affected": []})

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _reply(self, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def service() -> Iterator[ThreadingHTTPServer]:
    """An advisory service that knows of nothing yet."""
    with ThreadingHTTPServer(("127.0.0.1", 0), AdvisoryService) as server:
        server.weak = ""  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def audit(port: int) -> subprocess.CompletedProcess[str]:
    """Asks the service on a port of loopback."""
    return subprocess.run(
        [sys.executable, "-m", "tests.advisories", f"http://127.0.0.1:{port}"],
        capture_output=True,
        check=False,
        cwd=ROOT,
        text=True,
    )


@pytest.mark.parametrize("package", ["requests", "aws-sam-cli", "checkov", "pytest"])
def test_an_advisory_about_any_locked_package_is_a_finding(
    service: ThreadingHTTPServer, package: str
) -> None:
    """Of the artifact or of a tool: the command fails and names package and advisory."""
    service.weak = package  # type: ignore[attr-defined]
    done = audit(service.server_port)
    assert done.returncode != 0
    assert f"{package} " in done.stdout
    assert "GHSA-0000: a known weakness" in done.stdout


def test_no_advisory_is_no_finding(service: ThreadingHTTPServer) -> None:
    """What was looked at is said."""
    done = audit(service.server_port)
    assert done.returncode == 0, done.stdout
    assert "Found no known vulnerabilities" in done.stdout


def test_a_service_out_of_reach_is_said(service: ThreadingHTTPServer) -> None:
    """A check that did not take place never looks like one that found nothing."""
    service.shutdown()
    service.server_close()
    done = audit(service.server_port)
    assert done.returncode == 0
    assert done.stdout.startswith("NOT CHECKED: the advisory service could not be reached (cause")
