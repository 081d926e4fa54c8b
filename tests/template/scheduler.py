"""EventBridge Scheduler, as far as it changes what a schedule hands over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

NIGHT: Final = "2026-11-23T03:15:00Z"


def fired(schedule: Mapping[str, Any], at: str = NIGHT) -> Any:
    """The event that comes of a schedule's input, with the time for which it was meant."""
    return json.loads(schedule["Target"]["Input"].replace("<aws.scheduler.scheduled-time>", at))
