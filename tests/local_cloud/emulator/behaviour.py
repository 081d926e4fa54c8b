"""The behaviour of the cloud where the documentation leaves it open; can be set at any time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Order = Literal["newest", "oldest", "shuffled"]


@dataclass(slots=True, eq=False)
class Behaviour:
    """Settings that differ between clouds, regions and days.

    Attributes:
        backup_seconds: how long a backup stays BUILDING.
        backup_size: the size of a completed backup, in megabytes.
        deleting_seconds: how long a deleted backup stays listed as DELETING.
        list_lag: seconds until the list shows a new backup.
        list_order: the order of the list of backups; "shuffled" is the same for every page.
        jobs_show_backups: whether the job API and the task centre show backups: Open Telekom
            Cloud's documentation says they do, Huawei's newer documentation that they do not.
        task_lag: seconds from a backup's begin_time to the creation time of its job.
        deletion_names_backup: whether the response to a deletion names the backup, as Huawei's
            does.
        deletion_status: the status of the response to a deletion; Huawei's is not documented.
        gone_code: the error code for deleting a backup that does not exist; 400 `DBS.201203` and
            400 `DBS.200751` are known, too.
        in_use_code: the error code for deleting a backup that is being restored; no
            documentation names it.
        time_zone: the UTC offset in GaussDB's times: "+0800", "+0000", "Z".
        odd_entries: JSON values of any kind that the list of backups shows before its backups.
        alter_entry: makes the listed form of a backup from the documented form.
        alter_total: makes the list's total_count from the right number.
    """

    backup_seconds: float = 0.5
    backup_size: float = 2048.0
    deleting_seconds: float = 0.0
    list_lag: float = 0.0
    list_order: Order = "newest"
    jobs_show_backups: bool = True
    task_lag: float = 0.0
    deletion_names_backup: bool = False
    deletion_status: Literal[200, 202, 204] = 202
    gone_code: str = "DBS.201010"
    in_use_code: str = "DBS.201208"
    time_zone: str = "+0800"
    odd_entries: tuple[object, ...] = ()
    alter_entry: Callable[[dict[str, object]], object] = lambda entry: entry
    alter_total: Callable[[int], object] = lambda total: total
