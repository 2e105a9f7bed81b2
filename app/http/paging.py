"""Lists: one envelope, page numbers for people and cursors for programs.

A page by number counts the rows and skips to its offset. A page by cursor seeks with the sort key and the id as
tie-break, so that its cost does not grow with the list; it has no total. `cursor=` (empty) starts such a walk. A cursor
is signed: what it holds comes from a row of this list, and is nothing that a caller made up.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import sqlalchemy as sa
from flask import current_app, request
from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import ColumnElement, Select
from sqlalchemy.orm import QueryableAttribute

from app.extensions import db
from app.http import fields
from app.http.errors import Invalid
from app.http.schema import Schema

DEFAULT_PER_PAGE, MOST_PER_PAGE, LAST_PAGE = 25, 100, 1_000_000
LONGEST_CURSOR, LONGEST_LINK = 1_500, 10_000  # a sort value of 200 characters; every filter at its longest, escaped

Sorts = Mapping[str, ColumnElement[Any] | QueryableAttribute[Any]]


class PageQuery(Schema):
    """The query parameters that every list understands; a list adds its filters by subclassing."""

    page = fields.Whole(1, LAST_PAGE, doc="Page number, from 1.", example=1)
    limit = fields.Whole(1, MOST_PER_PAGE, doc="Rows a page; default 25.", example=25)
    per_page = fields.Whole(1, MOST_PER_PAGE, doc="Alias of limit.")
    sort = fields.Text(40, doc="Field to sort by, with a leading minus for descending.", example="-created_at")
    search = fields.Text(200, doc="Words to look for.")
    cursor = fields.Text(
        LONGEST_CURSOR, doc="Walk the list at constant cost: empty to start, then meta.next_cursor. No total."
    )


@dataclass(frozen=True)
class Page:
    """One page of a list, ready for the envelope."""

    data: Sequence[Any]
    links: Mapping[str, str | None]
    meta: Mapping[str, Any]


class LinksOut(Schema):
    """Addresses of the neighbouring pages; null where there is none."""

    first = fields.Text(LONGEST_LINK, allow_none=True)
    prev = fields.Text(LONGEST_LINK, allow_none=True)
    next = fields.Text(LONGEST_LINK, allow_none=True)
    last = fields.Text(LONGEST_LINK, allow_none=True)


class MetaOut(Schema):
    """Where this page stands. A walk by cursor has no numbers and no total."""

    current_page = fields.Whole(1, LAST_PAGE, allow_none=True, example=1)
    last_page = fields.Whole(1, LAST_PAGE, allow_none=True, example=5)
    per_page = fields.Whole(1, MOST_PER_PAGE, example=25)
    first_row = fields.Whole(0, 2**53, data_key="from", allow_none=True, example=1)
    last_row = fields.Whole(0, 2**53, data_key="to", allow_none=True, example=25)
    total = fields.Whole(0, 2**53, allow_none=True, example=120)
    next_cursor = fields.Text(LONGEST_CURSOR, allow_none=True)


def page_of(schema: type[Schema]) -> Schema:
    """The list envelope around a schema."""
    contents = {
        "data": fields.List(fields.Nested(schema)),
        "links": fields.Nested(LinksOut),
        "meta": fields.Nested(MetaOut),
    }
    made: type[Schema] = Schema.from_dict(contents, name=f"{schema.__name__.removesuffix('Out')}Page")  # type: ignore[assignment]
    return made()


def paginate(
    statement: Select[Any],
    query: Mapping[str, Any],
    *,
    model: Any,
    sorts: Sorts,
    default: str,
    load: Callable[[Select[Any]], Sequence[Any]] | None = None,
) -> Page:
    """Run a select of `model` as one page of `query` (a loaded PageQuery).

    `sorts` maps the sort words to non-null columns; `default` is one of them, with its sign; `load` turns the final
    select into objects that have an id and what they are sorted by (default: scalars). Raises Invalid for an unknown
    sort or a cursor that is not ours.
    """
    word, column, descending = _sort(query.get("sort") or default, sorts)
    per_page = query.get("limit") or query.get("per_page") or DEFAULT_PER_PAGE
    columns = (column,) if column is model.id else (column, model.id)
    order = [each.desc() if descending else each.asc() for each in columns]
    run = load or (lambda select: db.session.scalars(select).all())
    ordered = statement.order_by(*order)
    if "cursor" in query:
        sign = "-" if descending else ""
        return _by_cursor(ordered, query["cursor"], per_page, f"{sign}{word}", column, model, run)
    return _by_number(statement, ordered, query.get("page", 1), per_page, model, run, (word, column, descending))


def _sort(given: str, sorts: Sorts) -> tuple[str, Any, bool]:
    word = given.removeprefix("-")
    if word not in sorts:
        raise Invalid({"sort": f"Must be one of: {', '.join(sorts)}; with a leading minus for descending."})
    return word, sorts[word], given.startswith("-")


def _by_number(
    statement: Select[Any],
    ordered: Select[Any],
    page: int,
    per_page: int,
    model: Any,
    run: Callable[[Select[Any]], Sequence[Any]],
    sort: tuple[str, Any, bool],
) -> Page:
    count = statement.with_only_columns(sa.func.count(model.id), maintain_column_froms=True).order_by(None)
    total = db.session.execute(count).scalar_one()
    last = max(1, -(-total // per_page))
    offset = (page - 1) * per_page
    rows = run(ordered.limit(per_page).offset(offset)) if offset < total else []
    word, column, descending = sort
    more = offset + len(rows) < total
    meta = {
        "current_page": page,
        "last_page": last,
        "per_page": per_page,
        "total": total,
        "first_row": offset + 1 if rows else None,
        "last_row": offset + len(rows) if rows else None,
        "next_cursor": _encode(f"{'-' if descending else ''}{word}", column, rows[-1], model)
        if rows and more
        else None,
    }
    links = {
        "first": _link(page=1),
        "last": _link(page=last),
        "prev": _link(page=min(page - 1, last)) if page > 1 else None,
        "next": _link(page=page + 1) if page < last else None,
    }
    return Page(rows, links, meta)


def _by_cursor(
    ordered: Select[Any],
    cursor: str,
    per_page: int,
    sort: str,
    column: Any,
    model: Any,
    run: Callable[[Select[Any]], Sequence[Any]],
) -> Page:
    if cursor:
        value, identity = _decode(cursor, sort, column, model)
        left = model.id if column is model.id else sa.tuple_(column, model.id)
        right = (
            identity
            if column is model.id
            else sa.tuple_(sa.literal(value, column.type), sa.literal(identity, model.id.type))
        )
        ordered = ordered.where(left < right if sort.startswith("-") else left > right)
    rows = list(run(ordered.limit(per_page + 1)))
    more, rows = len(rows) > per_page, rows[:per_page]
    onward = _encode(sort, column, rows[-1], model) if more else None
    meta = {"per_page": per_page, "next_cursor": onward}
    links = {"first": _link(cursor=""), "prev": None, "next": _link(cursor=onward) if onward else None, "last": None}
    return Page(rows, links, meta)


def _encode(sort: str, column: Any, row: Any, model: Any) -> str:
    value = getattr(row, "id" if column is model.id else column.key)
    text = value.isoformat() if isinstance(value, date | datetime) else str(value)
    return _signer(model).dumps([sort, text, str(row.id)])


def _decode(cursor: str, sort: str, column: Any, model: Any) -> tuple[Any, UUID]:
    try:
        made_for, text, identity = _signer(model).loads(cursor)
    except BadData as error:
        raise Invalid({"cursor": "This is no cursor of this list."}) from error
    if made_for != sort:
        raise Invalid({"cursor": "This cursor was made for another sort order."})
    kind = column.type.python_type
    return getattr(kind, "fromisoformat", kind)(text), UUID(identity)


def _signer(model: Any) -> URLSafeSerializer:
    secret = current_app.config["BILLHOOK"].secret_key
    return URLSafeSerializer(secret, salt=f"cursor of {model.__tablename__}")


def _link(**changes: object) -> str:
    pairs = [(name, value) for name, value in request.args.items(multi=True) if name not in {"page", "cursor"}]
    pairs += [(name, str(value)) for name, value in changes.items()]
    base = current_app.config["BILLHOOK"].base_url
    return f"{base or request.host_url.rstrip('/')}{request.path}?{urlencode(pairs)}"
