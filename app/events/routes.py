"""/events."""

from typing import Any
from uuid import UUID

from app.events import log
from app.events.models import EventRow
from app.events.schemas import EventOut, EventQuery
from app.http.blueprint import Blueprint
from app.http.guard import requires
from app.http.paging import Page, page_of

bp = Blueprint("events", __name__, description="Everything that happened, to be read again from any point.")


@bp.route("/events")
@requires(scope="events:read")
@bp.arguments(EventQuery, location="query")
@bp.response(200, page_of(EventOut))
def list_events(query: dict[str, Any]) -> Page:
    """List events in the order in which they happened, from after the one that you have."""
    return log.read_log(query)


@bp.route("/events/<uuid:event_id>")
@requires(scope="events:read")
@bp.response(200, EventOut)
def get_event(event_id: UUID) -> EventRow:
    """Show one event."""
    return log.get_event(event_id)
