"""Step Functions, played by moto, which interprets the very definitions that the stack deploys.

moto calls what a task names at `localhost:$MOTO_PORT`. There a front of a few lines leads calls of
the function to the Lambda emulator, and everything else back to moto.
"""

from __future__ import annotations

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import requests
from moto.server import ThreadedMotoServer

from tests.cloud.lambda_runtime import FunctionFailed, FunctionTimedOut

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEFINITIONS: Final = Path(__file__).resolve().parents[2] / "src/state_machines"
FUNCTION_ARN: Final = "arn:aws:lambda:us-east-1:123456789012:function:BackupFunction"
EVENT_BUS: Final = "backups"
_ROLE: Final = "arn:aws:iam::123456789012:role/state-machine"
_PATIENCE_SECONDS: Final = 60
_INVOKE: Final = "/2015-03-31/functions/"


def definition(name: str, **substitutions: str | float) -> Any:
    """A definition as the stack deploys it, but with waits that a test can bear.

    Args:
        name: the file's name, without its ending.
        substitutions: what the template fills in.
    """
    text = (DEFINITIONS / f"{name}.asl.json").read_text(encoding="utf-8")
    filled = re.sub(r"\$\{(\w+)\}", lambda found: str(substitutions[found[1]]), text)
    return _in_a_hurry(json.loads(filled))


def with_executions_inside(fleet: Any, backup: Any) -> Any:
    """The fleet's definition with each execution that it starts run as a branch of its own.

    moto cannot start an execution from within one: it hands its own client the parameters' names
    in the wrong case. A branch takes the same input and runs the same states; what is caught is
    told as Step Functions tells of an execution that failed.
    """
    states = fleet["States"]["Back up a list"]["ItemProcessor"]["States"]
    started = states["Back up one"]
    caught = started["Catch"][0]["Next"]
    states["Back up one"] = {
        "Type": "Parallel",
        "Parameters": started["Parameters"]["Input"],
        "Branches": [backup],
        "ResultSelector": {
            name: path.replace("$.Output", "$[0]")
            for name, path in started["ResultSelector"].items()
        },
        "ResultPath": started["ResultPath"],
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.ended", "Next": "Describe"}],
        "Next": started["Next"],
    }
    states["Describe"] = {
        "Type": "Pass",
        "Parameters": {
            "Error": "States.TaskFailed",
            "Cause.$": "States.JsonToString($.ended)",
        },
        "ResultPath": "$.failure",
        "Next": caught,
    }
    return fleet


def _in_a_hurry(part: Any) -> Any:
    """Retries after a second at the most; a wait begins with one second and never grows."""
    if isinstance(part, list):
        return [_in_a_hurry(one) for one in part]
    if not isinstance(part, dict):
        return part
    shown = {name: _in_a_hurry(value) for name, value in part.items()}
    if "IntervalSeconds" in shown:
        shown |= {"IntervalSeconds": 1, "BackoffRate": 1.0}
        shown.pop("MaxDelaySeconds", None)
        shown.pop("JitterStrategy", None)
    if shown.get("seconds") == 15:
        shown["seconds"] = 1
    if shown.get("NumericGreaterThanEquals") == 240:
        shown["NumericGreaterThanEquals"] = 1
    # moto knows neither whole percents nor express children
    if "ToleratedFailurePercentage" in shown:
        shown["ToleratedFailurePercentage"] = float(shown["ToleratedFailurePercentage"])
    if shown.get("ExecutionType") == "EXPRESS":
        shown["ExecutionType"] = "STANDARD"
    return shown


class StepFunctions(ThreadingHTTPServer):
    """The front before the function and moto; a context manager.

    Args:
        invoke: invokes the function.
    """

    daemon_threads = True

    def __init__(self, invoke: Callable[[Any], Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.invoke = invoke
        self._moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._moto.start()
        self.moto_url = "http://{}:{}".format(*self._moto.get_host_and_port())
        self._thread.start()
        self._post(
            self.moto_url + "/moto-api/config",
            {},
            {"stepfunctions": {"execute_state_machine": True}},
        )
        self.call("events", "AWSEvents.CreateEventBus", {"Name": EVENT_BUS})
        return self

    def __exit__(self, *_: object) -> None:
        self.call("events", "AWSEvents.DeleteEventBus", {"Name": EVENT_BUS})
        self.shutdown()
        self._thread.join()
        self.server_close()
        self._post(
            self.moto_url + "/moto-api/config",
            {},
            {"stepfunctions": {"execute_state_machine": False}},
        )
        self._moto.stop()

    def create(self, name: str, machine: Any) -> str:
        """Creates a state machine and returns its ARN."""
        made = self.call(
            "states",
            "AWSStepFunctions.CreateStateMachine",
            {"name": name, "definition": json.dumps(machine), "roleArn": _ROLE},
        )
        return str(made["stateMachineArn"])

    def run(self, arn: str, name: str, given: Mapping[str, object]) -> dict[str, Any]:
        """Runs a state machine to its end and returns what `DescribeExecution` says of it."""
        started = self.call(
            "states",
            "AWSStepFunctions.StartExecution",
            {"stateMachineArn": arn, "name": name, "input": json.dumps(given)},
        )
        execution = {"executionArn": started["executionArn"]}
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            described = self.call("states", "AWSStepFunctions.DescribeExecution", execution)
            if described["status"] != "RUNNING":
                return described
            time.sleep(0.05)
        raise AssertionError(f"{name} does not end")

    def call(self, service: str, target: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Calls an API of AWS on moto."""
        headers = {
            "X-Amz-Target": target,
            "Authorization": _routing(service),
            "Content-Type": f"application/x-amz-json-{'1.0' if service == 'states' else '1.1'}",
        }
        answer = self._post(self.moto_url + "/", headers, body)
        document: dict[str, Any] = answer.json() if answer.content else {}
        return document

    @staticmethod
    def _post(
        url: str, headers: Mapping[str, str], body: Mapping[str, object]
    ) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(url, headers=dict(headers), json=body, timeout=_PATIENCE_SECONDS)
        answer.raise_for_status()
        return answer


def _routing(service: str) -> str:
    return (
        f"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/{service}/"
        "aws4_request, SignedHeaders=host, Signature=0"
    )


class _Exchange(BaseHTTPRequestHandler):
    server: StepFunctions

    def do_POST(self) -> None:
        """Invokes the function, or passes the call on to moto."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith(_INVOKE):
            self._answer(*_invoked(self.server.invoke, json.loads(body)))
            return
        with requests.Session() as session:
            session.trust_env = False
            passed = session.post(
                self.server.moto_url + self.path,
                data=body,
                headers=dict(self.headers.items()),
                timeout=_PATIENCE_SECONDS,
            )
        self._answer(
            passed.status_code,
            {"Content-Type": passed.headers.get("Content-Type", "")},
            passed.content,
        )

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stays silent."""


def _invoked(invoke: Callable[[Any], Any], event: Any) -> tuple[int, dict[str, str], bytes]:
    """What Lambda answers: an error is told by a header, and comes with status 200."""
    try:
        return 200, {}, json.dumps(invoke(event)).encode()
    except FunctionFailed as error:
        failure = error.answer
    except FunctionTimedOut as error:
        failure = {"errorType": "Lambda.Unknown", "errorMessage": str(error)}
    return 200, {"X-Amz-Function-Error": "Unhandled"}, json.dumps(failure).encode()
