"""What `flask check` proves about numbers: the ledger is whole, and documents and counters agree with it."""

from collections.abc import Iterable, Iterator
from uuid import UUID

import sqlalchemy as sa

from app.data.invariants import Finding
from app.extensions import db
from app.numbering.audit import audit, numbered_documents
from app.numbering.models import Number, NumberCounter, NumberSeries


def findings() -> Iterator[Finding]:
    """Every broken rule of the current organisation's number series."""
    for series in db.session.scalars(sa.select(NumberSeries).order_by(NumberSeries.id)).all():
        yield from check_series(series)


def check_series(series: NumberSeries) -> Iterator[Finding]:
    """What is wrong with one series; of each rule the first hundred breaches are named."""
    found = audit(series)
    for place in found.missing:
        yield _of_series(series, "number_missing", f"{place} of {series.name} was skipped.")
    for number in found.duplicates:
        documents = sorted(set(_carriers(series, [number])))
        for document_id in documents:
            text = f"{number} stands on {len(documents)} documents."
            yield Finding("number_twice", series.kind, document_id, text)
    yield from _astray(series, found.without_document)
    yield from _counters(series)


def _astray(series: NumberSeries, numbers: list[str]) -> Iterator[Finding]:
    """Numbers that the ledger and the documents do not agree on, each with the documents it concerns."""
    for number in numbers:
        noted = db.session.scalars(
            sa.select(Number.document_id).where(Number.series_id == series.id, Number.number == number)
        ).all()
        carriers = _carriers(series, [number])
        for document_id in set(noted) - set(carriers):
            if document_id is not None:
                text = f"{number} was handed to this {_noun(series)}, which does not carry it."
                yield Finding("number_without_document", series.kind, document_id, text)
        for document_id in set(carriers) - set(noted):
            text = f"This {_noun(series)} carries {number}, which the ledger of {series.name} did not hand to it."
            yield Finding("number_not_in_ledger", series.kind, document_id, text)


def _carriers(series: NumberSeries, numbers: Iterable[str]) -> list[UUID]:
    documents = numbered_documents().numbered_query(series.kind)
    if documents is None:
        return []
    carried = documents.subquery()
    mine = sa.and_(carried.c.series_id == series.id, carried.c.number.in_(list(numbers)))
    return list(db.session.scalars(sa.select(carried.c.id).where(mine)))


def _counters(series: NumberSeries) -> Iterator[Finding]:
    """The counter stands right behind the last number: a gap at the end is a gap too."""
    stand = sa.select(NumberCounter.period, NumberCounter.next).where(NumberCounter.series_id == series.id)
    last = (
        sa.select(Number.period, sa.func.max(Number.sequence) + 1)
        .where(Number.series_id == series.id, Number.sequence.is_not(None))
        .group_by(Number.period)
    )
    following = dict(db.session.execute(stand).tuples().all())
    places = dict(db.session.execute(last).tuples().all())
    for period in sorted(following.keys() | places.keys()):
        expected = places.get(period, series.first)
        if following.get(period) != expected:
            where = f"{series.name} {period}".strip()
            text = f"The counter of {where} stands at {following.get(period)}; the ledger's next place is {expected}."
            yield _of_series(series, "counter", text)


def _of_series(series: NumberSeries, rule: str, message: str) -> Finding:
    return Finding(rule, "number_series", series.id, message)


def _noun(series: NumberSeries) -> str:
    return series.kind.replace("_", " ")
