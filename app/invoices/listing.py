"""The invoice list: its filters, its sorts, and the columns it does not load."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import defer, joinedload, lazyload, load_only
from sqlalchemy.sql.base import ExecutableOption

from app.customers.models import Customer
from app.data import tenancy
from app.extensions import db
from app.http.paging import Page, paginate
from app.invoices.models import Invoice
from app.invoices.status import sql_case, status_rules

SORTS = {
    "created_at": Invoice.id,
    "issue_date": Invoice.issue_date,
    "due_date": Invoice.due_date,
    "total": Invoice.total,
    "updated_at": Invoice.updated_at,
    "number": Invoice.number_order,
}

_HEAVY = (
    "customer_snapshot",
    "seller_snapshot",
    "tax_rows",
    "withholding_rows",
    "charges",
    "notes",
    "terms",
    "internal_notes",
    "content_hash",
    "discount_value",
    "buyer_reference",
    "contract_number",
    "project_number",
)


@cache
def _shown() -> tuple[ExecutableOption, ...]:
    """What a list loads: the customer's name beside the row, and none of the heavy columns."""
    brief = joinedload(Invoice.customer).options(load_only(Customer.name, Customer.email), lazyload(Customer.tax_links))
    return brief, *(defer(getattr(Invoice, name), raiseload=True) for name in _HEAVY)


def list_invoices(query: Mapping[str, Any]) -> Page:
    """One page of invoices, deleted drafts left out. Raises Invalid for an unknown sort or cursor."""
    statement = _filtered(sa.select(Invoice).where(Invoice.deleted_at.is_(None)), query)
    return paginate(statement, query, model=Invoice, sorts=SORTS, default="-created_at", load=_load)


def _load(statement: sa.Select[Any]) -> Sequence[Invoice]:
    return db.session.scalars(statement.options(*_shown())).all()


def _filtered(statement: sa.Select[tuple[Invoice]], query: Mapping[str, Any]) -> sa.Select[tuple[Invoice]]:
    equal = {name: query[name] for name in ("customer_id", "currency", "number", "external_id") if name in query}
    statement = statement.where(*(getattr(Invoice, name) == value for name, value in equal.items()))
    if query.get("status"):
        statement = statement.where(sql_case(status_rules(Invoice, tenancy.today())).in_(query["status"]))
    if "from_date" in query:
        statement = statement.where(Invoice.issue_date >= query["from_date"])
    if "to_date" in query:
        statement = statement.where(Invoice.issue_date <= query["to_date"])
    if words := query.get("search", "").strip():
        statement = statement.join(
            Customer, sa.and_(Customer.org_id == Invoice.org_id, Customer.id == Invoice.customer_id)
        )
        name = sa.func.coalesce(Invoice.customer_name, Customer.name)
        columns = (Invoice.number, name, Invoice.reference, Invoice.po_number)
        statement = statement.where(sa.or_(*(column.icontains(words, autoescape=True) for column in columns)))
    return statement
