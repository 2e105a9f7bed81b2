"""Proving that no event was changed or taken away."""

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from app.events.chain import GENESIS, hash_of, hash_of_data
from app.events.models import EventRow, EventStream
from app.extensions import db

_AT_ONCE = 1000


@dataclass(frozen=True)
class Proof:
    """What reading the whole log has shown. entries: those that hold, from the first on; last_hash: of the last."""

    valid: bool
    entries: int
    first_broken_seq: int | None
    problem: str | None
    last_hash: str


def prove() -> Proof:
    """Compute the hashes of all events of the current organisation again."""
    previous, seq = GENESIS, 0
    for row in _rows():
        if problem := _problem(row, previous, seq + 1):
            return Proof(valid=False, entries=seq, first_broken_seq=seq + 1, problem=problem, last_hash=previous)
        previous, seq = row.hash, row.seq
    end = db.session.scalars(sa.select(EventStream)).one()
    if (end.seq, end.hash) != (seq, previous):
        problem = "The newest entries are missing."
        return Proof(valid=False, entries=seq, first_broken_seq=seq + 1, problem=problem, last_hash=previous)
    return Proof(valid=True, entries=seq, first_broken_seq=None, problem=None, last_hash=previous)


def _rows() -> Iterator[EventRow]:
    """All events in order, a thousand at a time, whatever their number."""
    seq = 0
    while True:
        query = sa.select(EventRow).where(EventRow.seq > seq).order_by(EventRow.seq).limit(_AT_ONCE)
        rows = db.session.scalars(query).all()
        yield from rows
        for row in rows:
            db.session.expunge(row)
        if len(rows) < _AT_ONCE:
            return
        seq = rows[-1].seq


def _problem(row: EventRow, previous: str, expected: int) -> str | None:
    if row.seq != expected:
        return f"Entry {expected} is missing."
    if row.previous_hash != previous:
        return "It does not follow the entry before it."
    if hash_of({column.key: getattr(row, column.key) for column in EventRow.__table__.columns}) != row.hash:
        return "It is not what was stored."
    if row.data is not None and hash_of_data(row.data) != row.data_hash:
        return "Its data is not what was stored."
    return None
