"""Emitting events. They are gathered while the services work and written right before the commit, in one go.

So the lock on the end of the organisation's stream is held for a moment only, an event shows its subject as it will be
read afterwards, and one that is refused or rolled back has never been.
"""

from collections.abc import Sequence
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import g, has_request_context
from marshmallow import Schema, class_registry
from sqlalchemy.orm import Session

from app.data import clock
from app.data.base import new_id
from app.data.wake import wake_after_commit
from app.events.actor import current_actor
from app.events.chain import GENESIS, hash_of, hash_of_data
from app.events.changes import changes_of
from app.events.declare import Event, catalogue
from app.events.models import EventRelay, EventRow, EventStream
from app.extensions import db

RELAY = "relay"  # the source that hands them on
_PENDING = "billhook.pending_events"
_STREAM, _EVENTS = EventStream.__table__, EventRow.__table__
_TAKE = (
    sa.update(_STREAM)  # type: ignore[arg-type]  # is a Table, declared as more
    .where(_STREAM.c.org_id == sa.bindparam("org"))
    .values(seq=_STREAM.c.seq + sa.bindparam("count"))
    .returning(_STREAM.c.seq, _STREAM.c.hash)
)
_SEAL = (
    sa.update(_STREAM)  # type: ignore[arg-type]
    .where(_STREAM.c.org_id == sa.bindparam("org"))
    .values(hash=sa.bindparam("sealed"))
)
_INSERT = sa.insert(_EVENTS)  # type: ignore[arg-type]


def set_up(org_id: UUID) -> None:
    """Give a new organisation its stream of events."""
    db.session.add_all([EventStream(org_id=org_id, hash=GENESIS), EventRelay(org_id=org_id)])


def emit(event: Event) -> None:
    """Say what has just been done; call it last. Reactions run now and may refuse it by raising a Problem."""
    known = catalogue()
    if known.events.get(event.name) is not type(event):
        raise LookupError(f"{event.name} is not in the catalogue")
    for react in known.reactions.get(type(event), ()):
        react(event)
    db.session().info.setdefault(_PENDING, []).append(event)


def write_pending() -> None:
    """Store what was emitted: the last thing that a transaction does before it is committed."""
    session = db.session()
    pending: list[Event] = session.info.pop(_PENDING, [])
    if not pending:
        return
    session.flush()
    wake_after_commit(RELAY)
    by_organization = attrgetter("subject.org_id")
    for org_id, events in groupby(sorted(pending, key=by_organization), by_organization):
        _write(session, org_id, list(events))


def forget_pending(session: Session, *_: object) -> None:
    """Session event after_rollback: what was emitted has not happened; of a savepoint, what was made since."""
    pending = session.info.pop(_PENDING, [])
    if session.in_nested_transaction():
        session.info[_PENDING] = [event for event in pending if not sa.inspect(event.subject).transient]


def _write(session: Session, org_id: UUID, events: Sequence[Event]) -> None:
    end, previous = session.execute(_TAKE, {"org": org_id, "count": len(events)}).one()
    rows = []
    for seq, event in enumerate(events, end - len(events) + 1):
        rows.append(_row(event, org_id, seq, previous))
        previous = rows[-1]["hash"]
    session.execute(_INSERT, rows)
    session.execute(_SEAL, {"org": org_id, "sealed": previous})


def _row(event: Event, org_id: UUID, seq: int, previous: str) -> dict[str, Any]:
    actor, data = current_actor(), _data(event)
    row = {
        "org_id": org_id,
        "id": new_id(),
        "seq": seq,
        "type": event.name,
        "entity_type": event.entity_type,
        "entity_id": event.entity_id,
        "created_at": clock.now(),
        "data": data,
        "changes": changes_of(event.subject),
        "actor_type": actor.type,
        "actor_id": actor.id,
        "actor_name": actor.name,
        "reason": actor.reason,
        "request_id": actor.request_id,
        "data_hash": hash_of_data(data),
        "previous_hash": previous,
    }
    return row | {"hash": hash_of(row)}


def _data(event: Event) -> Any:
    """The subject as the API shows it; as it was just written into the answer, where that is the same."""
    schema, written = _shape(event.shape), g.get("written") if has_request_context() else None
    if written and written[0] is type(schema) and written[1] is event.subject:
        return written[2]
    return schema.dump(event.subject)


@cache
def _shape(name: str) -> Schema:
    """The schema of a name; one for all, because making one copies its fields."""
    found: Any = class_registry.get_class(name)
    schema: Schema = found()
    return schema
