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
BUCKET: Final = "our-lists"
_ROLE: Final = "arn:aws:iam::123456789012:role/state-machine"
_PATIENCE_SECONDS: Final = 60
_INVOKE: Final = "/2015-03-31/functions/"


def definition(name: str, **substitutions: str | float) -> Any:
    """A definition as the stack deploys it.

    Args:
        name: the file's name, without its ending.
        substitutions: what the template fills in.
    """
    text = (DEFINITIONS / f"{name}.asl.json").read_text(encoding="utf-8")
    return json.loads(re.sub(r"\$\{(\w+)\}", lambda found: str(substitutions[found[1]]), text))


def in_a_hurry(part: Any, wait: float = 0) -> Any:
    """A definition with waits that a test can bear: retries come after a second.

    Args:
        part: the definition.
        wait: the seconds of the first wait and all others.
    """
    if isinstance(part, list):
        return [in_a_hurry(one, wait) for one in part]
    if not isinstance(part, dict):
        return part
    shown = {name: in_a_hurry(value, wait) for name, value in part.items()}
    if "IntervalSeconds" in shown:
        shown |= {"IntervalSeconds": 1, "BackoffRate": 1.0}
        shown.pop("MaxDelaySeconds", None)
        shown.pop("JitterStrategy", None)
    if shown.keys() == {"seconds", "waited"} and isinstance(shown["seconds"], int):
        shown = {"seconds": wait, "waited": wait}
    if shown.get("Next") == "Wait as long again":
        shown["NumericGreaterThanEquals"] = wait
    return shown


def as_moto_can_run_it(fleet: Any, backup: Any, report_bucket: str = "") -> Any:
    """The fleet's definition with what moto cannot do said in another way.

    moto hands its own client the parameters' names in the wrong case, so that it can start no
    execution from within one. A branch in the execution's place takes the same input and runs the
    same states; what is caught is told as Step Functions tells of an execution that failed. For
    the same reason the count of a list in S3 is asked for in the names that moto's client takes,
    and the bucket of the report is given as it is, since moto looks for it in the results. Whole
    percents it does not read at all.
    """
    states = fleet["States"]
    listed = states["Back up a list in S3"]
    listed["ToleratedFailurePercentage"] = float(listed["ToleratedFailurePercentage"])
    _run_inside(states["Back up a list"]["ItemProcessor"]["States"], backup)
    _run_inside(listed["ItemProcessor"]["States"], backup)
    del listed["ResultWriter"]["Parameters"]["Bucket.$"]
    listed["ResultWriter"]["Parameters"]["Bucket"] = report_bucket
    count = states["Count the list in S3"]
    count["Parameters"] = {"mapRunArn.$": count["Parameters"]["MapRunArn.$"]}
    count["ResultSelector"] = {
        name: re.sub(r"\.([A-Z])(?!\w+\()", lambda found: f".{found[1].lower()}", path)
        for name, path in count["ResultSelector"].items()
    }
    return fleet


def _run_inside(states: dict[str, Any], backup: Any) -> None:
    """Puts a branch in the place of the one state that starts an execution."""
    [name] = [one for one, state in states.items() if "startExecution" in state.get("Resource", "")]
    started = states[name]
    states[name] = {
        "Type": "Parallel",
        "Parameters": started["Parameters"]["Input"],
        "Branches": [backup],
        "ResultSelector": {
            field: path.replace("$.Output", "$[0]")
            for field, path in started["ResultSelector"].items()
        },
        **{field: started[field] for field in ("ResultPath", "Next", "End") if field in started},
    }
    if "Catch" in started:
        states[name]["Catch"] = [
            {"ErrorEquals": ["States.ALL"], "ResultPath": "$.ended", "Next": "Describe"}
        ]
        states["Describe"] = {
            "Type": "Pass",
            "Parameters": {
                "Error": "States.TaskFailed",
                "Cause.$": "States.JsonToString($.ended)",
            },
            "ResultPath": "$.failure",
            "Next": started["Catch"][0]["Next"],
        }


class LambdaThrottled(Exception):
    """Lambda did not start the function, since too many of them run."""


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
        self._configure(execute=True)
        self._open_for_business()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
        self._send("POST", "/moto-api/reset")
        self._configure(execute=False)
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

    def entered(self, execution: Mapping[str, Any]) -> list[str]:
        """The states that an execution went into, again for each time; not those of its children.

        Args:
            execution: what `run` said of it.
        """
        names: list[str] = []
        asked = {"executionArn": execution["executionArn"], "maxResults": 1000}
        while True:
            page = self.call("states", "AWSStepFunctions.GetExecutionHistory", asked)
            details = (event.get("stateEnteredEventDetails") for event in page["events"])
            names += [detail["name"] for detail in details if detail]
            if "nextToken" not in page:
                return names
            asked["nextToken"] = page["nextToken"]

    def told(self) -> list[dict[str, Any]]:
        """What has come over the event bus since the last look, as a rule's target gets it."""
        events: list[dict[str, Any]] = []
        while messages := self.call(
            "sqs",
            "AmazonSQS.ReceiveMessage",
            {"QueueUrl": self._queue, "MaxNumberOfMessages": 10},
        ).get("Messages"):
            for message in messages:
                receipt = {"QueueUrl": self._queue, "ReceiptHandle": message["ReceiptHandle"]}
                self.call("sqs", "AmazonSQS.DeleteMessage", receipt)
                events.append(json.loads(message["Body"]))
        return events

    def upload(self, key: str, content: object) -> dict[str, str]:
        """Puts JSON into the bucket, and says where it lies as the fleet's input does."""
        self._send("PUT", f"/{BUCKET}/{key}", _headers("s3"), json.dumps(content).encode())
        return {"bucket": BUCKET, "key": key}

    def call(self, service: str, target: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Calls an API of AWS on moto."""
        version = "1.1" if service == "events" else "1.0"
        kind = {"X-Amz-Target": target, "Content-Type": f"application/x-amz-json-{version}"}
        answer = self._send("POST", "/", _headers(service) | kind, json.dumps(body).encode())
        document: dict[str, Any] = answer.json() if answer.content else {}
        return document

    def _open_for_business(self) -> None:
        """Makes the bus, a queue that hears all that is told on it, and a bucket."""
        self.call("events", "AWSEvents.CreateEventBus", {"Name": EVENT_BUS})
        made = self.call("sqs", "AmazonSQS.CreateQueue", {"QueueName": "heard"})
        self._queue = str(made["QueueUrl"])
        rule = {"EventBusName": EVENT_BUS, "Name": "all"}
        pattern = json.dumps({"source": ["gaussdb-backup"]})
        self.call("events", "AWSEvents.PutRule", {**rule, "EventPattern": pattern})
        target = {"Id": "heard", "Arn": "arn:aws:sqs:us-east-1:123456789012:heard"}
        place = {"EventBusName": EVENT_BUS, "Rule": "all"}
        self.call("events", "AWSEvents.PutTargets", {**place, "Targets": [target]})
        self._send("PUT", f"/{BUCKET}", _headers("s3"))

    def _configure(self, *, execute: bool) -> None:
        chosen = {"stepfunctions": {"execute_state_machine": execute}}
        self._send("POST", "/moto-api/config", body=json.dumps(chosen).encode())

    def _send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                method,
                self.moto_url + path,
                headers=headers,
                data=body,
                timeout=_PATIENCE_SECONDS,
            )
        answer.raise_for_status()
        return answer


def _headers(service: str) -> dict[str, str]:
    """By these moto finds the service that it shall play."""
    return {
        "Authorization": (
            "AWS4-HMAC-SHA256 "
            f"Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/{service}/aws4_request, "
            "SignedHeaders=host, Signature=0"
        )
    }


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
            passed = session.request(
                self.command,
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

    do_GET = do_PUT = do_POST  # noqa: N815 - the names that http.server looks for

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
    except LambdaThrottled:
        headers = {"x-amzn-ErrorType": "TooManyRequestsException", "x-amzn-RequestId": "one"}
        message = {"Reason": "ConcurrentInvocationLimitExceeded", "message": "Rate Exceeded."}
        return 429, headers, json.dumps(message).encode()
    except FunctionFailed as error:
        failure = error.answer
    except FunctionTimedOut as error:
        failure = {"errorType": "Sandbox.Timedout", "errorMessage": str(error)}
    return 200, {"X-Amz-Function-Error": "Unhandled"}, json.dumps(failure).encode()
