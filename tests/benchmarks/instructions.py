"""How many instructions the processor executes until a handler is ready to speak TLS.

Unlike milliseconds this figure does not scatter, whatever else the machine does.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.contenders import PYTHON
from tests.local_cloud.lambda_runtime import LAMBDA_ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.benchmarks.contenders import Contender, Name
    from tests.local_cloud.local_cloud import LocalCloud

READY: Final = Path(__file__).with_name("ready.py")
VALGRIND: Final = shutil.which("valgrind")
_COUNT: Final = re.compile(r"I\s+refs:\s+([\d,]+)")


def instructions(
    contenders: Sequence[Contender], cloud: LocalCloud, say: Callable[[str], None]
) -> dict[Name, float]:
    """Millions of instructions of each; of none where valgrind is not installed.

    Args:
        contenders: who starts.
        cloud: what they would work against.
        say: takes a line on what is under way.
    """
    if VALGRIND is None:
        say("no instructions are counted, because valgrind is not installed")
        return {}
    say("counting instructions")
    return {one.name: _count(VALGRIND, one, cloud) for one in contenders}


def _count(valgrind: str, contender: Contender, cloud: LocalCloud) -> float:
    done = subprocess.run(
        [
            *(valgrind, "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"),
            *(PYTHON, "-S", READY, contender.handler),  # -S: no hook of this machine's Python
            *(() if contender.name.startswith("ours") else ("reads its authorities late",)),
        ],
        capture_output=True,
        check=True,
        env={
            **LAMBDA_ENVIRONMENT,
            **contender.environment(cloud),
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": str(contender.code),
        },
        text=True,
    )
    found = _COUNT.search(done.stderr)
    assert found
    return int(found[1].replace(",", "")) / 1_000_000
