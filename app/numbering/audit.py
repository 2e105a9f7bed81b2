"""The proof of a series: every number with its document, none missing, none twice."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import sqlalchemy as sa
from flask import current_app

from app.extensions import db
from app.numbering.models import Number, NumberSeries

EXTENSION = "billhook.numbered_documents"
MOST_NAMED = 100


class NumberedDocuments(Protocol):
    """What the audit asks of the features above that carry numbers."""

    def states(self, kind: str, ids: list[UUID]) -> dict[UUID, tuple[str, str | None]]:
        """The state and the number of each document that exists, deleted drafts left out."""

    def numbered_query(self, kind: str) -> sa.Select[Any] | None:
        """A select of (id, series_id, number) over a kind's documents that carry one; None: no such feature."""


@dataclass(frozen=True)
class Findings:
    """What the audit found in a whole series; at most MOST_NAMED entries of each list are named."""

    numbers: int
    missing: list[str]
    duplicates: list[str]
    without_document: list[str]
    released: list[str]

    @property
    def complete(self) -> bool:
        """Whether the series is proved whole."""
        return not (self.missing or self.duplicates or self.without_document)


def audit(series: NumberSeries) -> Findings:
    """Walk a series. A released number (its draft was deleted) is not missing: it is handed out again first."""
    mine = Number.series_id == series.id
    count = db.session.scalar(sa.select(sa.func.count(Number.id)).where(mine)) or 0
    released = db.session.scalars(
        sa.select(Number.number)
        .where(mine, Number.document_id.is_(None))
        .order_by(Number.period, Number.sequence)
        .limit(MOST_NAMED)
    )
    return Findings(count, list(_missing(series)), _twice(series), _astray(series), list(released))


def numbered_documents() -> NumberedDocuments:
    """The registered view of the documents that carry numbers."""
    found: NumberedDocuments = current_app.extensions[EXTENSION]
    return found


def _missing(series: NumberSeries) -> Iterator[str]:
    """Places that were skipped, found by the distance of each number from the one before it."""
    before = sa.func.lag(Number.sequence, 1, series.first - 1).over(
        partition_by=Number.period, order_by=Number.sequence
    )
    steps = (
        sa.select(Number.period, Number.sequence, before.label("before"))
        .where(Number.series_id == series.id, Number.sequence.is_not(None))
        .subquery()
    )
    gaps = sa.select(steps).where(steps.c.sequence != steps.c.before + 1).limit(MOST_NAMED)
    named = 0
    for period, sequence, previous in db.session.execute(gaps):
        for place in range(previous + 1, sequence):
            if named == MOST_NAMED:
                return
            named += 1
            yield f"{period}#{place}" if period else f"#{place}"


def _twice(series: NumberSeries) -> list[str]:
    """Numbers that two documents carry."""
    documents = numbered_documents().numbered_query(series.kind)
    if documents is None:
        return []
    carried = documents.subquery()
    twice = (
        sa.select(carried.c.number)
        .where(carried.c.series_id == series.id)
        .group_by(carried.c.number)
        .having(sa.func.count() > 1)
        .limit(MOST_NAMED)
    )
    return list(db.session.scalars(twice))


def _astray(series: NumberSeries) -> list[str]:
    """Numbers whose document is gone or carries another number, and documents that the ledger does not know."""
    documents = numbered_documents().numbered_query(series.kind)
    if documents is None:
        return []
    carried = documents.subquery()
    ledger = (
        sa.select(Number.number)
        .outerjoin(carried, sa.and_(carried.c.id == Number.document_id, carried.c.number == Number.number))
        .where(Number.series_id == series.id, Number.document_id.is_not(None), carried.c.id.is_(None))
        .limit(MOST_NAMED)
    )
    unknown = (
        sa.select(carried.c.number)
        .outerjoin(Number, sa.and_(Number.document_id == carried.c.id, Number.number == carried.c.number))
        .where(carried.c.series_id == series.id, Number.id.is_(None))
        .limit(MOST_NAMED)
    )
    return [*db.session.scalars(ledger), *db.session.scalars(unknown)][:MOST_NAMED]
