"""The invoice list: its filters, its sorts, and the columns it shows.

A list reads rows of columns, not invoices: it shows a part of each, and the words derived from a row come from SQL, by
the rules that Python follows for a single invoice.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Bundle, aliased

from app.customers.models import Customer
from app.data import tenancy
from app.extensions import db
from app.http.paging import Page, paginate
from app.invoices.models import Invoice
from app.invoices.status import payment_rules, sql_case, status_rules

SORTS = {
    "created_at": Invoice.id,
    "issue_date": Invoice.issue_date,
    "due_date": Invoice.due_date,
    "total": Invoice.total,
    "updated_at": Invoice.updated_at,
    "number": Invoice.number_order,
}

_SHOWN = (
    "id", "number", "series_id", "state", "customer_id", "issue_date", "supply_date", "due_date", "payment_terms",
    "currency", "tax_inclusive", "reference", "po_number", "subtotal", "discount_total", "charge_total", "tax_total",
    "total", "withholding_total", "rounding", "amount_paid", "amount_credited", "amount_due", "base_currency",
    "base_total", "issued_at", "sent_at", "viewed_at", "paid_at", "voided_at", "created_at", "updated_at", "version",
    "extra", "external_id", "number_order",
)  # fmt: skip

_Buyer = aliased(Customer)


@lru_cache(maxsize=8)
def _columns(today: date) -> tuple[Any, ...]:
    """What a list shows of an invoice, made once a day; `today` is the organisation's."""
    issued = Invoice.customer_name.is_not(None)
    buyer: Bundle[Any] = Bundle(
        "customer_brief",
        Invoice.customer_id.label("id"),
        sa.case((issued, Invoice.customer_name), else_=_Buyer.name).label("name"),
        sa.case((issued, Invoice.customer_email), else_=_Buyer.email).label("email"),
    )
    status = sql_case(status_rules(Invoice, today)).label("status")
    payment_status = sql_case(payment_rules(Invoice)).label("payment_status")
    return *(getattr(Invoice, name) for name in _SHOWN), status, payment_status, buyer


def list_invoices(query: Mapping[str, Any]) -> Page:
    """One page of invoices, deleted drafts left out. Raises Invalid for an unknown sort or cursor."""
    statement = _filtered(sa.select(Invoice).where(Invoice.deleted_at.is_(None)), query)
    return paginate(statement, query, model=Invoice, sorts=SORTS, default="-created_at", load=_load)


def _load(statement: sa.Select[Any]) -> Sequence[SimpleNamespace]:
    """The rows of a page as plain objects, whose attributes are read faster than those of SQLAlchemy's rows."""
    buyer = sa.and_(_Buyer.org_id == Invoice.org_id, _Buyer.id == Invoice.customer_id)
    columns = statement.with_only_columns(*_columns(tenancy.today()), maintain_column_froms=True)
    result = db.session.execute(columns.outerjoin(_Buyer, buyer))
    names = tuple(result.keys())
    return [SimpleNamespace(**dict(zip(names, row, strict=True))) for row in result]


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
