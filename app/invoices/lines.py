"""The lines of an invoice: loaded by one fixed statement, written as a whole by one other.

Lines have no life of their own: a draft's lines are replaced together, an issued invoice's never change. So they go
past the ORM's unit of work, which would look at each of their fields for changes; that takes longer than the rest.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm.attributes import set_committed_value

from app import money
from app.data.base import new_id
from app.events.changes import note_change
from app.extensions import db
from app.invoices.content import Content
from app.invoices.models import Invoice, InvoiceLine

_PLAIN = (
    "item_id",
    "sku",
    "gtin",
    "buyer_item_id",
    "name",
    "description",
    "quantity",
    "unit",
    "unit_code",
    "unit_price",
    "price_base_quantity",
    "period_start",
    "period_end",
)
_OF_INVOICE = (
    sa.select(InvoiceLine)
    .where(
        InvoiceLine.org_id == sa.bindparam("org_id", type_=sa.Uuid()),
        InvoiceLine.invoice_id == sa.bindparam("invoice_id", type_=sa.Uuid()),
    )
    .order_by(InvoiceLine.position)
)
_LOGGED = ("item_id", "name", "description", "quantity", "unit", "unit_price")
# Of the table: the ORM's own insert would prepare every row once more.
_INSERT = sa.insert(InvoiceLine.__table__)  # type: ignore[arg-type]  # is a Table, declared as more


def load_lines(invoice: Invoice, *, fresh: bool) -> None:
    """Give an invoice its lines; `fresh` also replaces what was loaded of them before, which a lock makes stale."""
    its = {"org_id": invoice.org_id, "invoice_id": invoice.id}
    _attach(invoice, list(db.session.scalars(_OF_INVOICE, its, execution_options={"populate_existing": fresh})))


def write_lines(invoice: Invoice, content: Content) -> None:
    """Store a content's lines in place of the invoice's present ones. A line that names a present one keeps its id."""
    present = invoice.lines if "lines" in invoice.__dict__ else []
    ids = {line.id for line in present}
    rows = []
    for position, (line, amounts) in enumerate(zip(content.lines, content.totals.lines, strict=True)):
        identity = line["id"] if line.get("id") in ids else new_id()
        ids.discard(identity)
        rows.append(_row(invoice, identity, position, line, amounts))
    if rows == [{name: getattr(line, name) for name in rows[0]} for line in present]:
        return
    if present:
        note_change(invoice, "lines", [_told(line) for line in present], [_told(_stored(row)) for row in rows])
        mine = sa.and_(InvoiceLine.org_id == invoice.org_id, InvoiceLine.invoice_id == invoice.id)
        db.session.execute(sa.delete(InvoiceLine).where(mine).execution_options(synchronize_session=False))
    db.session.execute(_INSERT, rows)
    _attach(invoice, [_stored(row) for row in rows])


def line_input(line: InvoiceLine) -> dict[str, Any]:
    """The part of a body that would make this line again."""
    ad_hoc = [tax for tax in line.taxes if tax["tax_id"] is None]
    data = {name: getattr(line, name) for name in _PLAIN}
    data |= {"id": line.id, "discount": line.discount, "charges": line.charges}
    if ad_hoc:
        return data | {"tax_rate": Decimal(ad_hoc[0]["rate"])}
    return data | {"tax_ids": [UUID(tax_id) for tax_id in line.tax_ids]}


def charge_rows(given: Any) -> list[dict[str, Any]]:
    """Charges as they are stored: decimals as text."""
    return [{"amount": f"{Decimal(charge['amount']):f}", "reason": charge["reason"]} for charge in given]


def _row(
    invoice: Invoice, identity: UUID, position: int, line: Mapping[str, Any], amounts: money.LineTotals
) -> dict[str, Any]:
    discount = line.get("discount") or {}
    return {name: line.get(name) for name in _PLAIN} | {
        "org_id": invoice.org_id,
        "id": identity,
        "invoice_id": invoice.id,
        "position": position,
        "discount_type": discount.get("type"),
        "discount_value": discount.get("value"),
        "charges": charge_rows(line.get("charges", ())),
        "taxes": line["taxes"],
        "net": amounts.net,
        "tax": amounts.tax,
        "gross": amounts.gross,
    }


def _told(line: InvoiceLine) -> dict[str, Any]:
    """A line as the audit log tells of it."""
    data = {name: getattr(line, name) for name in _LOGGED} | {"discount": line.discount, "charges": line.charges}
    return {name: value for name, value in data.items() if value not in (None, [])} | {"taxes": line.taxes}


def _stored(row: Mapping[str, Any]) -> InvoiceLine:
    """A line as if it had been loaded: made the way the ORM makes what it reads, without noting every field as new."""
    line: InvoiceLine = sa.inspect(InvoiceLine).class_manager.new_instance()
    line.__dict__.update(row)
    return line


def _attach(invoice: Invoice, lines: list[InvoiceLine]) -> None:
    set_committed_value(invoice, "lines", lines)
    for line in lines:
        set_committed_value(line, "invoice", invoice)
