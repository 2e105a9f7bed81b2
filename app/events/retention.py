"""Emptying the payloads of old events: what happened stays known, what it looked like for as long as is set."""

from datetime import timedelta

import sqlalchemy as sa

from app.data import clock
from app.data.tenancy import crossing
from app.data.transaction import unit_of_work
from app.events.models import EventRelay, EventRow
from app.extensions import db

AT_ONCE = 1000


def empty_old(days: int) -> int:
    """Empty the payloads of events older than so many days that have been handed on; returns how many. 0 days: none."""
    total, emptied = 0, AT_ONCE if days else 0
    while emptied == AT_ONCE:
        with crossing("old events of all organisations are emptied"), unit_of_work():
            emptied = _empty(days)
        total += emptied
    return total


def _empty(days: int) -> int:
    old = (
        sa.select(EventRow.org_id, EventRow.id)
        .join(EventRelay, EventRelay.org_id == EventRow.org_id)
        .where(EventRow.created_at < clock.now() - timedelta(days=days), EventRow.seq <= EventRelay.seq)
        .where(EventRow.data.is_not(None))
        .limit(AT_ONCE)
    )
    keys = db.session.execute(old).all()
    table = EventRow.__table__
    for org_id, event_id in keys:
        mine = sa.and_(table.c.org_id == org_id, table.c.id == event_id)
        db.session.execute(sa.update(table).where(mine).values(data=sa.null()))  # type: ignore[arg-type]  # is a Table
    return len(keys)
