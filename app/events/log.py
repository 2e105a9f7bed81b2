"""Reading the events of an organisation: in order, from wherever the reader stopped."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import sqlalchemy as sa
from flask import current_app, request

from app.events.declare import catalogue
from app.events.models import EventRow
from app.extensions import db
from app.http.errors import Invalid
from app.http.lookup import find_or_404

MOST = 100


def get_event(event_id: UUID) -> EventRow:
    """An event. Raises NotFound."""
    return find_or_404(EventRow, event_id, "event")


def read_log(query: Mapping[str, Any]) -> dict[str, Any]:
    """The events after one, oldest first (an EventQuery). Raises Invalid for an unknown event or type."""
    limit, wanted = query.get("limit", MOST), sa.select(EventRow).order_by(EventRow.seq)
    if after := query.get("after"):
        wanted = wanted.where(EventRow.seq > _position(after))
    if kind := query.get("type"):
        wanted = of_type(wanted, kind)
    if "entity_id" in query:
        wanted = wanted.where(EventRow.entity_id == query["entity_id"])
    rows = db.session.scalars(wanted.limit(limit + 1)).all()
    more, rows = len(rows) > limit, rows[:limit]
    last = rows[-1].id if rows else after
    return {
        "data": rows,
        "links": {"next": _onward(last) if more else None},
        "meta": {"has_more": more, "last_id": last},
    }


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


def _onward(last: UUID | None) -> str:
    pairs = [(name, value) for name, value in request.args.items(multi=True) if name != "after"]
    base = current_app.config["BILLHOOK"].base_url or request.host_url.rstrip("/")
    return f"{base}{request.path}?{urlencode([*pairs, ('after', str(last))])}"
