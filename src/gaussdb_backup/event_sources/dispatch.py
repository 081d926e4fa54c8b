"""Which event source an event comes from, decided by the shape of the event only."""

from typing import Final

from pydantic import JsonValue

from gaussdb_backup.event_sources.base import EventContext, EventSource, SingleDelivery
from gaussdb_backup.event_sources.direct import Direct
from gaussdb_backup.event_sources.eventbridge import EVENTS
from gaussdb_backup.event_sources.http import Http
from gaussdb_backup.event_sources.sns import Sns
from gaussdb_backup.event_sources.sqs import Sqs
from gaussdb_backup.request import Delivery, Identity

# The first one that matches counts.
EVENT_SOURCES: Final[tuple[EventSource, ...]] = (Http(), Sqs(), Sns(), *EVENTS, Direct())
SUPPORTED: Final = "; ".join(source.shape for source in EVENT_SOURCES)


class Unsupported(SingleDelivery):
    """An event from none of the event sources: its delivery fails and lists what is supported."""

    trigger = "direct"
    shape = "anything else"

    def matches(self, event: JsonValue) -> bool:  # noqa: ARG002 - see EventSource
        """Every event."""
        return True

    def delivery(self, event: JsonValue, context: EventContext) -> Delivery:  # noqa: ARG002 - as above
        """A delivery without a payload."""
        return Delivery(
            trigger=self.trigger,
            correlation_id=context.request_id,
            payload=None,
            identity=Identity(kind="direct", value=context.request_id),
            error=context.unsupported_event(),
        )


def find_source(event: JsonValue) -> EventSource:
    """The event source of an event."""
    return next((source for source in EVENT_SOURCES if source.matches(event)), Unsupported())
