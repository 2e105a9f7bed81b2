"""Handing committed events on, in order: to whatever makes deliveries and jobs of them.

A subscriber runs inside the relay's transaction, so that an event is handed on exactly once: the cursor moves together
with the rows that the subscribers add. Several processes may relay at once; each takes other organisations.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from flask import current_app

from app.data import clock
from app.data.tenancy import crossing, organization
from app.data.transaction import unit_of_work
from app.events.models import EventRelay, EventRow, EventStream
from app.events.service import RELAY
from app.extensions import db

log = logging.getLogger(__name__)

EXTENSION = "billhook.relay_subscribers"
BATCH = 200

Subscriber = Callable[[Sequence[EventRow]], None]


class RelaySource:
    """The relay as a kind of work (jobs/work.py)."""

    name = RELAY
    threads = 1

    def claim(self, limit: int) -> list[Callable[[], None]]:  # noqa: ARG002 - it is one task, however much there is
        """Relay, if there is something to hand on. The rows are locked by the relay itself."""
        return [relay_all] if backlog() else []

    def overdue(self) -> int:
        """How many events have waited for longer than five minutes."""
        return backlog(older_than=timedelta(minutes=5))


def relay_all() -> None:
    """Hand on all that waits. What a subscriber cannot take waits for the next pass, and holds up nobody else's."""
    stuck: set[UUID] = set()
    while relay_once(stuck=stuck):
        pass


def relay_once(most: int = BATCH, stuck: set[UUID] | None = None) -> int:
    """Hand on up to `most` events of one organisation that waits. 0: nothing waits.

    With `stuck`, organisations in it are passed over, and one whose events could not be handed on is added to it;
    without, the error is raised.
    """
    stopped: list[UUID] = []
    try:
        return _relay(most, stuck or set(), stopped)
    except Exception:
        if stuck is None or not stopped:
            raise
        log.exception("the events of organisation %s could not be handed on", stopped[0])
        stuck.update(stopped)
        return 1


def _relay(most: int, stuck: set[UUID], taken: list[UUID]) -> int:
    """One organisation's turn; its id is put into `taken` as soon as it is known."""
    with crossing("the relay serves every organisation"), unit_of_work():
        waiting = (
            sa.select(EventRelay, EventStream.seq)
            .join(EventStream, EventStream.org_id == EventRelay.org_id)
            .where(EventStream.seq > EventRelay.seq, EventRelay.org_id.not_in(stuck))
            .limit(1)
            .with_for_update(of=EventRelay, skip_locked=True)
        )
        found = db.session.execute(waiting).first()
        if found is None:
            return 0
        cursor, end = found
        taken.append(cursor.org_id)
        with organization(cursor.org_id, "UTC"):
            query = sa.select(EventRow).where(EventRow.seq > cursor.seq).order_by(EventRow.seq).limit(most)
            rows = db.session.scalars(query).all()
            for subscribe in current_app.extensions[EXTENSION] if rows else ():
                subscribe(rows)
            if not rows:
                # Somebody has taken them away: the audit log tells of it; the others' events must not wait for these.
                log.error("events %s to %s of organisation %s are missing", cursor.seq + 1, end, cursor.org_id)
            cursor.seq = rows[-1].seq if rows else end
            db.session.flush()
        return len(rows) or 1


def backlog(older_than: timedelta | None = None) -> int:
    """How many events wait to be handed on, over all organisations; only those older than so much, if it is given."""
    with crossing("the backlog is the installation's"), unit_of_work(write=False):
        if older_than is None:
            joined = sa.select(sa.func.coalesce(sa.func.sum(EventStream.seq - EventRelay.seq), 0))
            query = joined.join(EventRelay, EventRelay.org_id == EventStream.org_id)
        else:
            late = sa.and_(EventRow.seq > EventRelay.seq, EventRow.created_at < clock.now() - older_than)
            waiting = sa.select(sa.func.count(EventRow.id)).join(EventRelay, EventRelay.org_id == EventRow.org_id)
            # Only streams that are behind are looked into: their events are the few at the end.
            behind = waiting.join(EventStream, EventStream.org_id == EventRow.org_id)
            query = behind.where(late, EventStream.seq > EventRelay.seq)
        return int(db.session.execute(query).scalar_one())
