"""Backups as the stack's schedule makes them, and the policy that knows them again."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gaussdb_backup.gaussdb.models import Backup
from gaussdb_backup.retention_policy import RetentionPolicy
from tests.local_cloud.local_cloud import INSTANCE_ID

KEY_PREFIX: Final = "6f1d0c9e-1b7a-4a6e-9a57-0d3f6b1c2e4d-schedule-"
NAME_PREFIX: Final = "auto"
COUNTS: Final = ("last", "daily", "weekly", "monthly", "yearly")


def policy_json(mode: str = "report", /, **fields: Any) -> str:
    """The variable `RETENTION`; the last seven stay unless counts are given."""
    counts = {} if any(name in fields for name in COUNTS) else {"last": 7}
    prefixes = {"name_prefix": NAME_PREFIX, "key_prefix": KEY_PREFIX}
    return json.dumps({"mode": mode, **counts, **prefixes, **fields})


def policy(**fields: Any) -> RetentionPolicy:
    """A policy, the counts that are not given being zero."""
    return RetentionPolicy(
        **{"mode": "delete", "name_prefix": NAME_PREFIX, "key_prefix": KEY_PREFIX, **fields}
    )


def scheduled_key(time: datetime) -> str:
    """The idempotency key of the schedule's run at a time."""
    return f"{KEY_PREFIX}{time:%Y-%m-%dT%H:%M:%SZ}"


def scheduled_name(time: datetime, instance_id: str = INSTANCE_ID) -> str:
    """The name of the backup of the schedule's run at a time, in UTC."""
    text = f"key\n{scheduled_key(time)}\n{instance_id}"
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return f"{NAME_PREFIX}-{time:%Y%m%dT%H%M%SZ}-{digest}"


def scheduled_backup(
    time: datetime, *, late: timedelta = timedelta(minutes=1), **fields: Any
) -> Backup:
    """A completed backup of the schedule's run at a time, as the service lists it.

    Args:
        time: the scheduled time, in UTC.
        late: how much later the backup began.
        fields: what is different in it.
    """
    instance_id = fields.get("instance_id", INSTANCE_ID)
    name = scheduled_name(time, instance_id)
    listed = {
        "id": f"{hashlib.sha256(name.encode()).hexdigest()[:32]}br14",
        "name": name,
        "begin_time": f"{(time + late).astimezone(UTC):%Y-%m-%dT%H:%M:%S+0000}",
        "status": "COMPLETED",
        "type": "manual",
        "instance_id": instance_id,
        "size": 2048.0,
        **fields,
    }
    return Backup.model_validate(listed)
