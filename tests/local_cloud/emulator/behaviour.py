"""How the cloud behaves where the documentation leaves it open: to be set at any time."""

from dataclasses import dataclass
from typing import Literal

Order = Literal["newest", "oldest", "shuffled"]


@dataclass(slots=True, eq=False)
class Behaviour:
    """What may differ from one cloud, region or day to another.

    Attributes:
        backup_seconds: how long a backup is BUILDING.
        backup_size: megabytes of a backup that completes.
        deleting_seconds: how long a deleted backup is still there as DELETING.
        list_lag: seconds until the list shows a new backup.
        list_order: the order of the list of backups; "shuffled" is the same for every page.
        jobs_know_backups: whether the job interface and the task centre show backups: Open
            Telekom Cloud's documents say they do, Huawei's newer ones that they do not.
        task_lag: seconds from a backup's begin_time to the time at which its job was created.
        delete_tells: whether the answer to a deletion names the backup, as Huawei's does.
        time_zone: the offset in which GaussDB writes times: "+0800", "+0000", "Z".
    """

    backup_seconds: float = 0.5
    backup_size: float = 2048.0
    deleting_seconds: float = 0.0
    list_lag: float = 0.0
    list_order: Order = "newest"
    jobs_know_backups: bool = True
    task_lag: float = 0.0
    delete_tells: bool = False
    time_zone: str = "+0800"
