"""Step Functions, played by moto, which interprets the very definitions that the stack deploys.

moto calls what a task names at `localhost:$MOTO_PORT`. There a front of a few lines leads calls of
the function to the Lambda emulator, and everything else back to moto.
"""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self

import requests
from moto.server import ThreadedMotoServer

from tests.local_cloud.lambda_runtime import FunctionFailed, FunctionTimedOut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

FUNCTION_ARN: Final = "arn:aws:lambda:us-east-1:123456789012:function:BackupFunction"
EVENT_BUS: Final = "backups"
BUCKET: Final = "our-lists"
# the cause that Step Functions gives for the error Lambda.Unknown
NO_ERROR_TYPE: Final = (
    "The cause could not be determined because Lambda did not return an error type. Returned "
    'payload: {{"errorMessage":"2026-11-24T03:15:00.000Z one {}"}}'
)
_ROLE: Final = "arn:aws:iam::123456789012:role/state-machine"
_TIMEOUT_SECONDS: Final = 60
_INVOKE: Final = "/2015-03-31/functions/"
_PUT_EVENTS: Final = "AWSEvents.PutEvents"
_PUT_METRIC_DATA: Final = ".PutMetricData"


class LambdaThrottled(Exception):
    """Lambda did not start the function, since too many of them run."""


class StepFunctions(ThreadingHTTPServer):
    """The front before the function and moto; a context manager.

    Args:
        invoke: invokes the function.

    Attributes:
        bus_troubles: how often the event bus takes nothing.
        unsigned: what was asked for without a signature.
    """

    daemon_threads = True

    def __init__(self, invoke: Callable[[Any], Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.invoke = invoke
        self.bus_troubles = 0
        self.unsigned: list[str] = []
        self._counted: list[tuple[str, str]] = []
        self._one_at_a_time = threading.Lock()
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

    def refuses_events(self) -> bool:
        """Whether the event bus is out of order once more."""
        with self._one_at_a_time:
            self.bus_troubles -= (refuses := self.bus_troubles > 0)
            return refuses

    def create(self, name: str, machine: Any) -> str:
        """Creates a state machine and returns its ARN."""
        made = self.call(
            "states",
            "AWSStepFunctions.CreateStateMachine",
            {"name": name, "definition": json.dumps(machine), "roleArn": _ROLE},
        )
        return str(made["stateMachineArn"])

    def run(self, arn: str, name: str, given: object) -> dict[str, Any]:
        """Runs a state machine to its end and returns what `DescribeExecution` says of it."""
        return self.ended(self.start(arn, name, given))

    def start(self, arn: str, name: str, given: object) -> str:
        """Starts an execution and returns its ARN."""
        started = self.call(
            "states",
            "AWSStepFunctions.StartExecution",
            {"stateMachineArn": arn, "name": name, "input": json.dumps(given)},
        )
        return str(started["executionArn"])

    def ended(self, arn: str) -> dict[str, Any]:
        """Waits for the end of an execution and returns what `DescribeExecution` says of it."""
        execution = {"executionArn": arn}
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            described = self.call("states", "AWSStepFunctions.DescribeExecution", execution)
            if described["status"] != "RUNNING":
                return described
            time.sleep(0.02)
        raise AssertionError(f"{arn} does not end")

    def entered(self, execution: Mapping[str, Any]) -> list[str]:
        """The states that an execution went into, again for each time; not those of its children.

        Args:
            execution: what `run` said of it.
        """
        details = (event.get("stateEnteredEventDetails") for event in self._history(execution))
        return [detail["name"] for detail in details if detail]

    def output_of(self, state: str, execution: Mapping[str, Any]) -> Any:
        """What a state gave to the next one, as the console shows it.

        Args:
            state: the name of one that the execution went through once.
            execution: what `run` said of it.
        """
        details = (event.get("stateExitedEventDetails") for event in self._history(execution))
        [output] = [one["output"] for one in details if one and one["name"] == state]
        return json.loads(output)

    def _history(self, execution: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        asked = {"executionArn": execution["executionArn"], "maxResults": 1000}
        while True:
            page = self.call("states", "AWSStepFunctions.GetExecutionHistory", asked)
            yield from page["events"]
            if "nextToken" not in page:
                return
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

    def metrics(self) -> list[tuple[str, str]]:
        """The name and the dimensions of each value counted since the last look."""
        counted, self._counted = self._counted, []
        return counted

    def note_metrics(self, said: Mapping[str, Any]) -> None:
        """Keeps the values that a call of CloudWatch counts."""
        for datum in said["MetricData"]:
            [dimension] = datum["Dimensions"]
            named = f"{dimension['Name']}={dimension['Value']}"
            self._counted.append((f"{said['Namespace']}/{datum['MetricName']}", named))

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
                timeout=_TIMEOUT_SECONDS,
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
    # which goes on with a body where the client asks first; with 1.0 it would wait a second
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Invokes the function, or passes the call on to moto."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith(_INVOKE):
            self._answer(*_invoked(self.server.invoke, json.loads(body)))
            return
        if self.headers.get("X-Amz-Target") == _PUT_EVENTS and self.server.refuses_events():
            self._answer(400, {}, json.dumps({"__type": "InternalException"}).encode())
            return
        if self.headers.get("X-Amz-Target", "").endswith(_PUT_METRIC_DATA):
            self.server.note_metrics(json.loads(body))
            self._answer(200, {"Content-Type": "application/x-amz-json-1.0"}, b"{}")
            return
        if "Authorization" not in self.headers:
            self.server.unsigned.append(body.decode())
        with requests.Session() as session:
            session.trust_env = False
            passed = session.request(
                self.command,
                self.server.moto_url + self.path,
                data=body,
                headers=dict(self.headers.items()),
                timeout=_TIMEOUT_SECONDS,
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
    """What Lambda answers: what the function raised comes with status 200, and a header tells.

    A time-out is told as Step Functions tells of it on AWS, where Lambda names no type of error.
    """
    try:
        return 200, {}, json.dumps(invoke(event)).encode()
    except LambdaThrottled:
        message = {"Reason": "ConcurrentInvocationLimitExceeded", "message": "Rate Exceeded."}
        return _refused(429, "TooManyRequestsException", message)
    except FunctionTimedOut as error:
        return _refused(400, "Unknown", {"message": NO_ERROR_TYPE.format(error)})
    except FunctionFailed as error:
        return 200, {"X-Amz-Function-Error": "Unhandled"}, json.dumps(error.response).encode()


def _refused(
    status: int, error: str, message: Mapping[str, str]
) -> tuple[int, dict[str, str], bytes]:
    headers = {"x-amzn-ErrorType": error, "x-amzn-RequestId": "one"}
    return status, headers, json.dumps(message).encode()
