"""What operators do to backups beside making them: they delete them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests

from tests.local_cloud.console import log_in
from tests.local_cloud.local_cloud import DELETING_USER

if TYPE_CHECKING:
    from tests.local_cloud.emulator import Backup, Emulator


def delete(cloud: Emulator, backup: Backup) -> None:
    """Deletes a backup."""
    url = f"{cloud.gaussdb_endpoint}/v3/{backup.project_id}/backups/{backup.id}"
    answer = requests.delete(url, headers={"X-Auth-Token": log_in(cloud, DELETING_USER)}, timeout=5)
    answer.raise_for_status()
