"""Random disturbances other than faults of single requests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tests.local_cloud.chaos.random_faults import LOG_IN, LOG_IN_JUDGED
from tests.local_cloud.emulator import Fault
from tests.local_cloud.secrets_extension import UNEXPECTED

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.local_cloud.chaos.chaos_run import ChaosRun
    from tests.local_cloud.chaos.worker import Worker

STATES: Final = ("MODIFYING", "REBOOTING", "STORAGE FULL", "FAILED", "BUILD")


def disturb(run: ChaosRun, random: Random) -> None:
    """Disturbs the cloud or a worker, at once or during one of the next requests."""
    worker, event = random.choice(run.workers), random.choice(run.events)
    disturbances: dict[str, Callable[[], None]] = {
        "backup deleted": lambda: run.delete_backup(event),
        "backup fails": lambda: run.fail_backup(event),
        "credentials changed before the secret": lambda: _change_credentials_early(run, worker),
        "secret mistyped": lambda: _mistype_secret(run, worker, random),
        "connections dropped": _now_or_later(run, run.drop_connections, random),
        "connections refused": lambda: run.refuse_connections(random.choice([0.02, 0.1])),
        "instance not ready": lambda: _change_instance_status(run, random),
        "killed during invocation": lambda: _kill_during_invocation(run, worker, random),
        "other backups": _now_or_later(
            run, lambda: run.add_other_backups(random.choice([1, 1, 1, 100])), random
        ),
        "process ended": worker.close,
        "secret rotated": _now_or_later(run, worker.rotate_credentials, random),
        "secrets extension disturbed": lambda: _disturb_secrets_extension(run, random),
        "tokens revoked": _now_or_later(run, run.emulator.iam.revoke_tokens, random),
    }
    kind = random.choice(list(disturbances))
    run.disturbances[kind] += 1
    disturbances[kind]()


def _now_or_later(run: ChaosRun, action: Callable[[], None], random: Random) -> Callable[[], None]:
    """The action itself, or one that schedules it for the middle of a request."""
    call = random.randint(0, 4)
    if call == 0:
        return action
    later = Fault(kind="pass", skip=call - 1, action=action)
    return lambda: run.emulator.faults.add(later)


def _kill_during_invocation(run: ChaosRun, worker: Worker, random: Random) -> None:
    """Kills a process during one of its next requests, before or after the operation."""
    fatal = Fault(
        kind="close",
        when=random.choice(["before", "after"]),
        skip=random.randint(0, 3),
        where=worker.is_sender,
        action=worker.kill,
    )
    run.add_urgent_fault(fatal)


def _disturb_secrets_extension(run: ChaosRun, random: Random) -> None:
    extension = run.cloud.secrets
    match random.randint(0, 3):
        case 0:
            extension.not_ready(times=2)
        case 1:
            extension.respond_next(400, UNEXPECTED)
        case 2:
            extension.respond_next(200, "<html>")
        case _:
            extension.hang(0.1)


def _change_credentials_early(run: ChaosRun, worker: Worker) -> None:
    """Lets the cloud change first; the next time, or at the end, the secret follows."""
    if worker.is_broken:
        worker.rotate_credentials()
    else:
        # log-ins of a secret that was right are bounded per invocation only: five verdicts that
        # are lost may lock the account
        run.clear_faults()
        worker.change_credentials_early()


def _mistype_secret(run: ChaosRun, worker: Worker, random: Random) -> None:
    """Lets a new process find a wrong secret, in a batch, while IAM's verdicts may be lost."""
    # nothing bounds the signatures of a wrong key whose rejection is lost
    run.clear_faults()
    worker.mistype_secret()
    worker.close()
    if random.random() < 0.5:
        run.add_urgent_fault(
            replace(
                random.choice(LOG_IN_JUDGED),
                operation=LOG_IN,
                where=lambda request: b"-mistyped" in request.body,
                times=random.randint(2, 6),
            )
        )
    queued = [one for one in run.events if one.is_queued]
    for _ in range(random.randint(1, 3) if queued else 0):
        run.deliver(random.sample(queued, min(len(queued), 4)), worker, 29.0)
        run.wait(1.0)


def _change_instance_status(run: ChaosRun, random: Random) -> None:
    instance = random.choice(run.emulator.instances)
    if instance.status == "ACTIVE":
        instance.status = random.choice(STATES)
