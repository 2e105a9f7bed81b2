"""Reading and proving the audit log."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.data.tenancy import current_timezone
from app.events.log import of_type
from app.events.models import EventRow
from app.events.proof import prove
from app.http.paging import Page, paginate

SORTS = {"created_at": EventRow.seq, "seq": EventRow.seq}


def list_entries(query: Mapping[str, Any]) -> Page:
    """One page of the audit log (an AuditQuery). Raises Invalid."""
    return _page(_filtered(query), query)


def history(entity_type: str, entity_id: UUID, query: Mapping[str, Any]) -> Page:
    """What happened to one thing."""
    mine = sa.and_(EventRow.entity_type == entity_type, EventRow.entity_id == entity_id)
    return _page(sa.select(EventRow).where(mine), query)


def verify() -> dict[str, Any]:
    """Read the organisation's whole log and prove its chain of hashes."""
    return asdict(prove())


def _page(statement: sa.Select[tuple[EventRow]], query: Mapping[str, Any]) -> Page:
    if query.get("search"):
        statement = statement.where(EventRow.actor_name.icontains(query["search"], autoescape=True))
    return paginate(statement, query, model=EventRow, sorts=SORTS, default="-seq")


def _filtered(query: Mapping[str, Any]) -> sa.Select[tuple[EventRow]]:
    entries = sa.select(EventRow)
    if "action" in query:
        entries = of_type(entries, query["action"], field="action")
    for name in ("actor_type", "actor_id", "entity_type", "entity_id", "request_id"):
        if name in query:
            entries = entries.where(getattr(EventRow, name) == query[name])
    if "from_date" in query:
        entries = entries.where(EventRow.created_at >= _start(query["from_date"]))
    if "to_date" in query:
        entries = entries.where(EventRow.created_at < _start(query["to_date"] + timedelta(days=1)))
    return entries


def _start(day: date) -> datetime:
    """The first instant of a day where the organisation is."""
    return datetime.combine(day, time(), ZoneInfo(current_timezone()))
