"""Reading the events of an organisation: in order, from wherever the reader stopped."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.events.declare import catalogue
from app.events.models import EventRow
from app.extensions import db
from app.http.errors import Invalid
from app.http.lookup import find_or_404
from app.http.paging import Page, paginate

SORTS = {"seq": EventRow.seq, "created_at": EventRow.seq}


def get_event(event_id: UUID) -> EventRow:
    """An event. Raises NotFound."""
    return find_or_404(EventRow, event_id, "event")


def read_log(query: Mapping[str, Any]) -> Page:
    """One page of events (an EventQuery), oldest first. Raises Invalid for an unknown event or type."""
    wanted = sa.select(EventRow)
    if "after" in query:
        wanted = wanted.where(EventRow.seq > _position(query["after"]))
        # Who goes on from a known event wants what is new, and no count of it.
        query = query if "page" in query else {"cursor": "", **query}
    if "type" in query:
        wanted = of_type(wanted, query["type"])
    if "entity_id" in query:
        wanted = wanted.where(EventRow.entity_id == query["entity_id"])
    if query.get("search"):
        wanted = wanted.where(EventRow.type.icontains(query["search"], autoescape=True))
    return paginate(wanted, query, model=EventRow, sorts=SORTS, default="seq")


def of_type(statement: sa.Select[tuple[EventRow]], kind: str, *, field: str = "type") -> sa.Select[tuple[EventRow]]:
    """Narrow a select of events to a name, a thing (`invoice.*`), or all (`*`). Raises Invalid on `field`."""
    if kind == "*":
        return statement
    noun, _, verb = kind.partition(".")
    if verb == "*" and any(name.startswith(f"{noun}.") for name in catalogue().events):
        return statement.where(EventRow.entity_type == noun)
    if kind in catalogue().events:
        return statement.where(EventRow.type == kind)
    raise Invalid({field: f"There is no event {kind}."})


def _position(event_id: UUID) -> int:
    seq = db.session.scalars(sa.select(EventRow.seq).where(EventRow.id == event_id)).one_or_none()
    if seq is None:
        raise Invalid({"after": f"There is no event {event_id}."})
    return seq
