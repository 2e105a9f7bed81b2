"""Handing committed events on, in order: to whatever makes deliveries and jobs of them.

A subscriber runs inside the relay's transaction, so that an event is handed on exactly once: the cursor moves together
with the rows that the subscribers add. Several processes may relay at once; each takes other organisations.
"""

from collections.abc import Callable, Sequence

import sqlalchemy as sa
from flask import current_app

from app.data.tenancy import crossing, organization
from app.data.transaction import unit_of_work
from app.events.models import EventRelay, EventRow, EventStream
from app.extensions import db

EXTENSION = "billhook.relay_subscribers"
BATCH = 200

Subscriber = Callable[[Sequence[EventRow]], None]


def relay_once(most: int = BATCH) -> int:
    """Hand on up to `most` events of one organisation that waits; returns how many. 0: nothing waits."""
    with crossing("the relay serves every organisation"), unit_of_work():
        waiting = (
            sa.select(EventRelay)
            .join(EventStream, EventStream.org_id == EventRelay.org_id)
            .where(EventStream.seq > EventRelay.seq)
            .limit(1)
            .with_for_update(of=EventRelay, skip_locked=True)
        )
        cursor = db.session.scalars(waiting).first()
        if cursor is None:
            return 0
        with organization(cursor.org_id, "UTC"):
            query = sa.select(EventRow).where(EventRow.seq > cursor.seq).order_by(EventRow.seq).limit(most)
            rows = db.session.scalars(query).all()
            for subscribe in current_app.extensions[EXTENSION]:
                subscribe(rows)
            cursor.seq = rows[-1].seq
            db.session.flush()
        return len(rows)


def backlog() -> int:
    """How many events wait to be handed on, over all organisations."""
    with crossing("the backlog is the installation's"), unit_of_work(write=False):
        joined = sa.select(sa.func.coalesce(sa.func.sum(EventStream.seq - EventRelay.seq), 0))
        query = joined.join(EventRelay, EventRelay.org_id == EventStream.org_id)
        return int(db.session.execute(query).scalar_one())
