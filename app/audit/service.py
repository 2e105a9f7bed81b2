"""Reading and proving the audit log."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.data.tenancy import current_timezone
from app.events.chain import GENESIS, hash_of, hash_of_data
from app.events.log import of_type
from app.events.models import EventRow, EventStream
from app.extensions import db
from app.http.paging import Page, paginate

SORTS = {"created_at": EventRow.seq, "seq": EventRow.seq}
_AT_ONCE = 1000


def list_entries(query: Mapping[str, Any]) -> Page:
    """One page of the audit log (an AuditQuery). Raises Invalid."""
    return _page(_filtered(query), query)


def history(entity_type: str, entity_id: UUID, query: Mapping[str, Any]) -> Page:
    """What happened to one thing."""
    mine = sa.and_(EventRow.entity_type == entity_type, EventRow.entity_id == entity_id)
    return _page(sa.select(EventRow).where(mine), query)


def verify() -> dict[str, Any]:
    """Read the organisation's whole log and prove its chain of hashes."""
    previous, seq, problem = GENESIS, 0, None
    for row in _rows():
        if problem := _broken(row, previous, seq + 1):
            return _report(seq, previous, row.seq, problem)
        previous, seq = row.hash, row.seq
    end = db.session.scalars(sa.select(EventStream)).one()
    if (end.seq, end.hash) != (seq, previous):
        return _report(seq, previous, seq + 1, "The newest entries are missing.")
    return _report(seq, previous, None, None)


def _rows() -> Iterator[EventRow]:
    seq = 0
    while rows := db.session.scalars(_after(seq)).all():
        yield from rows
        seq = rows[-1].seq
        db.session.expunge_all()


def _after(seq: int) -> sa.Select[tuple[EventRow]]:
    return sa.select(EventRow).where(EventRow.seq > seq).order_by(EventRow.seq).limit(_AT_ONCE)


def _broken(row: EventRow, previous: str, expected: int) -> str | None:
    if row.seq != expected:
        return f"Entry {expected} is missing."
    if row.previous_hash != previous:
        return "It does not follow the entry before it."
    columns = {column.key: getattr(row, column.key) for column in EventRow.__table__.columns}
    if hash_of(columns) != row.hash:
        return "It is not what was stored."
    if row.data is not None and hash_of_data(row.data) != row.data_hash:
        return "Its data is not what was stored."
    return None


def _report(seq: int, last: str, broken: int | None, problem: str | None) -> dict[str, Any]:
    return {
        "valid": problem is None,
        "entries": seq,
        "first_broken_seq": broken,
        "problem": problem,
        "last_hash": last,
    }


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
