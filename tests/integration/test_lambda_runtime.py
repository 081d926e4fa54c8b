"""`LambdaRuntime` runs a function as Lambda does, and hides only the emulator's peculiarities."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.local_cloud.lambda_runtime import FunctionFailed, FunctionTimedOut, LambdaRuntime

TOY = """
import json, os, sys, time

print("initialising")
if os.environ.get("FAIL_INIT"):
    raise RuntimeError("no init")

def handler(event, context):
    print(json.dumps({"event": event}))
    match event:
        case {"raise": text}:
            raise ValueError(text)
        case {"sleep": seconds}:
            time.sleep(seconds)
        case {"exit": status}:
            sys.exit(status)
        case "environment":
            return dict(os.environ)
        case "context":
            return [context.aws_request_id, context.get_remaining_time_in_millis()]
        case "process":
            return [os.getpid(), os.getppid()]
        case "paths":
            return sys.path
    return event
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A folder with a function that does what the event says."""
    (tmp_path / "toy.py").write_text(TOY)
    return tmp_path


def toy(code: Path, timeout_seconds: int = 10, **environment: str) -> LambdaRuntime:
    """That function, not started yet."""
    return LambdaRuntime(
        environment, handler="toy.handler", code=code, timeout_seconds=timeout_seconds
    )


@pytest.mark.parametrize("event", [{"a": [1, None, "ü"]}, [], "text", None, 0])
def test_the_reply_is_returned(code: Path, event: object) -> None:
    """Any JSON that the function returns is the result."""
    with toy(code) as function:
        assert function.invoke(event) == event


def test_the_environment_is_initialised_once(code: Path) -> None:
    """The first invocation initialises, the second one is warm."""
    with toy(code) as function:
        function.invoke({})
        function.invoke({})
        assert function.lines().count("initialising") == 1
        assert len(function.init_milliseconds()) == 1


def test_an_exception_is_raised_with_its_class_name(code: Path) -> None:
    """The function continues to run."""
    with toy(code) as function:
        with pytest.raises(FunctionFailed, match=r"^ValueError: no$") as failure:
            function.invoke({"raise": "no"})
        assert failure.value.error_type == "ValueError"
        assert failure.value.error_message == "no"
        assert function.invoke(1) == 1
        assert function.lines().count("initialising") == 1


def test_a_timeout_kills_the_function(code: Path) -> None:
    """With Lambda's message; the next invocation starts a new process."""
    with toy(code, timeout_seconds=1) as function:
        with pytest.raises(FunctionTimedOut, match=r"^Task timed out after 1\.00 seconds$"):
            function.invoke({"sleep": 30})
        assert function.invoke(1) == 1
        assert function.lines().count("initialising") == 2


def test_an_exit_is_a_failure(code: Path) -> None:
    """The function is started again."""
    with toy(code) as function:
        with pytest.raises(FunctionFailed) as failure:
            function.invoke({"exit": 3})
        assert failure.value.error_type == "Runtime.ExitError"
        assert function.invoke(1) == 1


def test_a_failed_init_is_tried_again(code: Path) -> None:
    """Each invocation reports it, and none hangs."""
    with toy(code, FAIL_INIT="yes") as function:
        for _ in range(2):
            with pytest.raises(FunctionFailed, match="no init"):
                function.invoke({})


def test_the_request_id_is_the_callers(code: Path) -> None:
    """Lambda's retries repeat it; without one, each invocation has its own."""
    with toy(code) as function:
        assert function.invoke("context", request_id="again")[0] == "again"
        assert function.invoke("context", request_id="again")[0] == "again"
        assert function.invoke("context")[0] != function.invoke("context")[0]


def test_the_remaining_time_is_the_timeouts(code: Path) -> None:
    """As the function's context reports it."""
    with toy(code, timeout_seconds=7) as function:
        function.invoke({})
        assert 6000 < function.invoke("context")[1] <= 7000


def test_simultaneous_calls_take_turns(code: Path) -> None:
    """An execution environment runs one invocation at a time; the emulator would crash."""
    with toy(code) as function, ThreadPoolExecutor(5) as pool:
        assert sorted(pool.map(function.invoke, range(10))) == [*range(10)]


def test_the_developers_environment_is_not_passed_on(
    code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither credentials nor proxies."""
    for name in ("AWS_PROFILE", "HTTPS_PROXY", "HOME_OF_A_DEVELOPER", "POWERTOOLS_DEV"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "the developer's")
    with toy(code, GIVEN="yes", AWS_SESSION_TOKEN="the extension's") as function:
        seen = function.invoke("environment")
    assert not {"AWS_PROFILE", "HTTPS_PROXY", "HOME_OF_A_DEVELOPER", "POWERTOOLS_DEV"} & {*seen}
    assert (seen["GIVEN"], seen["AWS_SESSION_TOKEN"]) == ("yes", "the extension's")
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "BackupFunction"


def test_the_code_is_where_lambda_would_mount_it(code: Path) -> None:
    """The code's folder is first on the path, and nothing of the project is."""
    with toy(code) as function:
        paths = function.invoke("paths")
    assert paths[0] == str(code)
    assert not [path for path in paths if path.endswith("/src")]


def test_no_bytecode_is_written(code: Path) -> None:
    """Lambda's disk is read-only."""
    with toy(code) as function:
        function.invoke({})
    assert [path.name for path in code.iterdir()] == ["toy.py"]


def test_the_log_is_complete_when_the_reply_is_there(code: Path) -> None:
    """With the function's own lines only."""
    with toy(code) as function:
        for number in range(20):
            function.invoke(number)
            assert function.records()[-1] == {"event": number}
        assert len(function.lines()) == 21


def test_only_loopback_can_reach_it(code: Path) -> None:
    """A listener on all interfaces would also answer at a second loopback address."""
    with toy(code) as function:
        runtime_api = function.invoke("environment")["AWS_LAMBDA_RUNTIME_API"]
        ports = [function.port, int(runtime_api.rpartition(":")[2])]
        assert [reachable("127.0.0.1", port) for port in ports] == [True, True]
        assert [reachable("127.0.0.2", port) for port in ports] == [False, False]


def reachable(host: str, port: int) -> bool:
    """Whether a port accepts connections."""
    with socket.socket() as client:
        return client.connect_ex((host, port)) == 0


def alive(*processes: int) -> list[int]:
    """The processes that still run; zombies do not count."""

    def state(process: int) -> str:
        try:
            return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return "gone"

    return [process for process in processes if state(process) not in {"gone", "Z", "X"}]


def test_the_function_s_process_is_known(code: Path) -> None:
    """Tests kill it or read its memory."""
    with toy(code) as function:
        own, _ = function.invoke("process")
        assert function.function_process() == own


def test_no_process_is_left_behind(code: Path) -> None:
    """Emulator and function end with the `with` block."""
    with toy(code) as function:
        processes = function.invoke("process")
        assert alive(*processes) == processes
    assert not alive(*processes)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_behind_by_a_killed_parent(code: Path, how: signal.Signals) -> None:
    """Also if the parent process is killed."""
    program = (
        "import time; from pathlib import Path; from tests.local_cloud.lambda_runtime import *\n"
        f"with LambdaRuntime({{}}, handler='toy.handler', code=Path({str(code)!r})) as function:\n"
        "    print(*function.invoke('process'), flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as starter:
        assert starter.stdout is not None
        processes = [int(number) for number in starter.stdout.readline().split()]
        assert len(alive(*processes)) == 2
        os.kill(starter.pid, how)
    deadline = time.monotonic() + 5
    while alive(*processes) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(*processes)
