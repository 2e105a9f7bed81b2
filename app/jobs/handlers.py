"""What is done after an event, as a job: at least once, with the event's id as its key, so that it can be idempotent.

Declared in app/factory.py: {InvoiceIssued: (render_invoice,)}. The job takes one argument, `event_id`.
"""

from collections.abc import Mapping, Sequence

from flask import current_app

from app.events.declare import Event
from app.events.models import EventRow
from app.jobs.declare import Job

EXTENSION = "billhook.handlers"

Handlers = Mapping[type[Event], tuple[Job, ...]]


def enqueue_handlers(events: Sequence[EventRow]) -> None:
    """The relay's subscriber: one job for each event and handler, in the transaction that moves the relay on."""
    handlers: Handlers = current_app.extensions[EXTENSION]
    by_name = {event.name: jobs for event, jobs in handlers.items()}
    for row in events:
        for job in by_name.get(row.type, ()):
            job.enqueue(dedup=f"{job.name}:{row.id}", event_id=str(row.id))
