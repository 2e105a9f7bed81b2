"""Handing out numbers, and proving the series whole. Guards first; no commit here.

`allocate` is the last statement of an issue: the counter row stays locked until the transaction ends, so the next issue
waits exactly as long as it must, and an issue that fails gives its number back by rolling back.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.data import clock, tenancy
from app.data.base import new_id
from app.events.service import emit
from app.extensions import db
from app.http.errors import Conflict, Invalid
from app.http.lookup import find_or_404, refuse_taken
from app.numbering import pattern
from app.numbering.events import SeriesCreated, SeriesUpdated
from app.numbering.models import Number, NumberCounter, NumberSeries

SHIPPED = {
    "invoice": ("Invoices", "INV-{seq:04}"),
    "credit_note": ("Credit notes", "CN-{seq:04}"),
    "quote": ("Quotes", "QUO-{seq:04}"),
    "payment": ("Payments", "PAY-{seq:04}"),
    "expense": ("Expenses", "EXP-{seq:04}"),
}


_OF_KIND = sa.select(NumberSeries).where(NumberSeries.kind == sa.bindparam("kind"))
_NAMED = _OF_KIND.where(NumberSeries.id == sa.bindparam("series_id"))
_DEFAULT = _OF_KIND.where(NumberSeries.is_default)


def set_up(org_id: UUID) -> None:
    """Give a new organisation one default series per kind of document."""
    for kind, (name, form) in SHIPPED.items():
        db.session.add(NumberSeries(org_id=org_id, kind=kind, name=name, pattern=form, is_default=True))


def get_series(series_id: UUID) -> NumberSeries:
    """A series. Raises NotFound."""
    return find_or_404(NumberSeries, series_id, "number series")


def series_for(kind: str, series_id: UUID | None) -> NumberSeries:
    """The series named in a document's body, or the kind's default. Raises Invalid on `series_id`."""
    found = db.session.scalars(_NAMED if series_id else _DEFAULT, {"kind": kind, "series_id": series_id})
    series = found.one_or_none()
    if series is None:
        noun = kind.replace("_", " ")
        text = f"There is no {noun} series {series_id}." if series_id else f"There is no default {noun} series."
        raise Invalid({"series_id": text})
    return series


def create_series(data: dict[str, Any]) -> NumberSeries:
    """Make a series. Raises Conflict when its name or pattern stands for another series of the kind already."""
    _refuse_twin(data["kind"], data, but=None)
    refuse_taken(NumberSeries, NumberSeries.external_id, data["external_id"], field="external_id")
    if data["is_default"]:
        _clear_default(data["kind"])
    series = NumberSeries(org_id=tenancy.current_organization(), id=new_id(), **data)
    db.session.add(series)
    db.session.flush()
    emit(SeriesCreated(series))
    return series


def change_series(series_id: UUID, data: Mapping[str, Any]) -> NumberSeries:
    """Change a series; its first number fixes where counting starts. Raises NotFound, Conflict, Invalid."""
    series = find_or_404(NumberSeries, series_id, "number series", lock=True)
    fixed = [name for name in ("reset", "first") if name in data and data[name] != getattr(series, name)]
    if fixed and _used(series):
        raise Conflict(
            "Numbers of this series are in use.", details={"fields": {fixed[0]: ["Is fixed by the first number."]}}
        )
    try:
        pattern.check(data.get("pattern", series.pattern), data.get("reset", series.reset))
    except ValueError as error:
        raise Invalid({"pattern": str(error)}) from error
    if data.get("is_default") is False and series.is_default:
        raise Conflict("Make another series the default instead.", details={"fields": {"is_default": ["Is needed."]}})
    _refuse_twin(series.kind, data, but=series.id)
    if "external_id" in data:
        refuse_taken(NumberSeries, NumberSeries.external_id, data["external_id"], field="external_id", but=series.id)
    if data.get("is_default") and not series.is_default:
        _clear_default(series.kind)
    for name, value in data.items():
        setattr(series, name, value)
    series.updated_at = clock.now()
    db.session.flush()
    emit(SeriesUpdated(series))
    return series


def allocate(series: NumberSeries, document_id: UUID, day: date) -> str:
    """Take the next number of a series for a document. Raises Conflict when the pattern repeats a number in use."""
    period = pattern.period_of(series.reset, day)
    released = db.session.scalars(_released(series, period).with_for_update()).first()
    if released is not None:
        released.document_id, released.assigned_at = document_id, clock.now()
        return released.number
    sequence = _count_up(series, period)
    number = pattern.render(series.pattern, sequence, day)
    _refuse_duplicate(series, number, "Change the series' pattern: it repeats the number {number}.")
    _record(series, period, sequence, number, document_id)
    return number


def in_period(series: NumberSeries, number: str, document_id: UUID, day: date) -> str:
    """The document's number if it is of the period of `day`; else that one goes back and it gets one of that period.

    A draft that was numbered on creation and is dated into another year shall not carry the old year's number.
    """
    mine = sa.select(Number.period, Number.sequence).where(
        Number.series_id == series.id, Number.document_id == document_id
    )
    place = db.session.execute(mine).one()
    if place.sequence is None or place.period == pattern.period_of(series.reset, day):
        return number
    release(series.id, document_id)
    return allocate(series, document_id, day)


def claim(series: NumberSeries, number: str, document_id: UUID) -> str:
    """Enter a caller's own number into a manual series. Raises Conflict when it is in use."""
    _refuse_duplicate(series, number, "The number {number} is in use.")
    _record(series, "", None, number, document_id)
    return number


def release(series_id: UUID, document_id: UUID) -> None:
    """Take back the number of a deleted draft: it is handed out again first; a caller's own number is forgotten."""
    mine = sa.and_(Number.series_id == series_id, Number.document_id == document_id)
    db.session.execute(sa.delete(Number).where(mine, Number.sequence.is_(None)))
    db.session.execute(sa.update(Number).where(mine).values(document_id=None))


def preview(series: NumberSeries, day: date) -> str | None:
    """The number the next document would get, reserving nothing; None in a manual series."""
    if series.manual:
        return None
    period = pattern.period_of(series.reset, day)
    released = db.session.scalars(_released(series, period)).first()
    if released is not None:
        return released.number
    counter = sa.select(NumberCounter.next).where(NumberCounter.series_id == series.id, NumberCounter.period == period)
    return pattern.render(series.pattern, db.session.scalar(counter) or series.first, day)


def _released(series: NumberSeries, period: str) -> sa.Select[tuple[Number]]:
    waiting = sa.and_(Number.series_id == series.id, Number.document_id.is_(None), Number.period == period)
    return sa.select(Number).where(waiting).order_by(Number.sequence).limit(1)


def _count_up(series: NumberSeries, period: str) -> int:
    mine = sa.and_(NumberCounter.series_id == series.id, NumberCounter.period == period)
    step = sa.update(NumberCounter).where(mine).values(next=NumberCounter.next + 1).returning(NumberCounter.next)
    step = step.execution_options(synchronize_session=False)
    following = db.session.execute(step).scalar()
    if following is None:
        # The first number of a period: of several callers one makes the row, the others wait for it and count on.
        insert = postgresql.insert if db.session.get_bind().dialect.name == "postgresql" else sqlite.insert
        row = {"org_id": series.org_id, "id": new_id(), "series_id": series.id, "period": period, "next": series.first}
        db.session.execute(insert(NumberCounter).values(row).on_conflict_do_nothing())
        following = db.session.execute(step).scalar_one()
    return following - 1


def _record(series: NumberSeries, period: str, sequence: int | None, number: str, document_id: UUID) -> None:
    row = {
        "org_id": series.org_id,
        "id": new_id(),
        "series_id": series.id,
        "period": period,
        "sequence": sequence,
        "number": number,
        "document_id": document_id,
        "assigned_at": clock.now(),
    }
    db.session.execute(sa.insert(Number), row)


def _refuse_duplicate(series: NumberSeries, number: str, sentence: str) -> None:
    if db.session.execute(sa.select(Number.id).where(Number.series_id == series.id, Number.number == number)).first():
        text = sentence.format(number=number)
        raise Conflict(text, details={"fields": {"number": [text]}})


def _refuse_twin(kind: str, data: Mapping[str, Any], but: UUID | None) -> None:
    for field in ("name", "pattern"):
        if field not in data:
            continue
        twin = sa.select(NumberSeries.id).where(NumberSeries.kind == kind, getattr(NumberSeries, field) == data[field])
        if db.session.execute(twin.where(NumberSeries.id != but) if but else twin).first():
            text = f"Another {kind.replace('_', ' ')} series has this {field} already."
            raise Conflict(text, details={"fields": {field: [text]}})


def _clear_default(kind: str) -> None:
    present = sa.update(NumberSeries).where(NumberSeries.kind == kind, NumberSeries.is_default)
    db.session.execute(present.values(is_default=False))


def _used(series: NumberSeries) -> bool:
    return db.session.execute(sa.select(Number.id).where(Number.series_id == series.id).limit(1)).first() is not None
