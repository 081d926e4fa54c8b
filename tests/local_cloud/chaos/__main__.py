"""Random disturbances: events from all event sources, repeatedly, concurrently, under faults.

    make chaos N=10000

makes so many deliveries and prints a table. After the last fault, every event must have exactly
one backup within eight deliveries, and no result on the way may be wrong. The printed seed repeats
the same steps, apart from the order in which concurrent processes run.
"""

from __future__ import annotations

import random
import sys

from tests.local_cloud.chaos.state_machine import run_chaos
from tests.local_cloud.chaos.tally import Tally


def main() -> None:
    """Prints the seed and the table; exits with 1 if something happened that must not happen."""
    deliveries = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    number = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**6)
    sys.stdout.write(f"{'seed':48} {number:9}\n")
    tally = Tally()
    try:
        run_chaos(deliveries, number, tally=tally)
    except AssertionError as error:
        notes = getattr(error, "__notes__", [])  # Hypothesis adds the steps as notes
        sys.stderr.write("\n".join([str(error), *notes, ""]))
        sys.exit(1)
    finally:
        sys.stdout.write(f"{tally.table()}\n")


if __name__ == "__main__":
    main()
