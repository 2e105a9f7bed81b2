"""What the features below ask of the invoices: the customers' ledger, and the numbers' documents."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.customers.ledger import CurrencyFigures
from app.data import tenancy
from app.extensions import db
from app.invoices.models import Invoice
from app.invoices.schemas import RecentInvoice
from app.invoices.status import DRAFT, ISSUED, VOID

RECENT = 10


class InvoiceLedger:
    """Answers customers/ledger.py."""

    def figures(self, customer_ids: Sequence[UUID]) -> Mapping[UUID, Sequence[CurrencyFigures]]:
        """See CustomerLedger. Drafts and voids are no claims; a written-off invoice was one, and nothing is due."""
        owed = sa.case((Invoice.state == ISSUED, Invoice.amount_due), else_=0)
        query = (
            sa.select(Invoice.customer_id, Invoice.currency, sa.func.sum(Invoice.total), sa.func.sum(owed))
            .where(Invoice.customer_id.in_(customer_ids), Invoice.state.not_in([DRAFT, VOID]))
            .group_by(Invoice.customer_id, Invoice.currency)
            .order_by(Invoice.currency)
        )
        found: dict[UUID, list[CurrencyFigures]] = {}
        for customer_id, currency, invoiced, balance in db.session.execute(query):
            figures = CurrencyFigures(currency=currency, total_invoiced=int(invoiced), balance=int(balance), credit=0)
            found.setdefault(customer_id, []).append(figures)
        return found

    def recent_invoices(self, customer_id: UUID) -> Sequence[Mapping[str, Any]]:
        """See CustomerLedger."""
        query = sa.select(Invoice).where(Invoice.customer_id == customer_id, Invoice.deleted_at.is_(None))
        invoices = db.session.scalars(query.order_by(Invoice.id.desc()).limit(RECENT)).all()
        found: list[dict[str, Any]] = RecentInvoice(many=True).dump(invoices)
        return found

    def unpaid_documents(self, customer_id: UUID) -> int:
        """See CustomerLedger. A draft counts: it would lose its customer."""
        open_ones = sa.or_(Invoice.state == DRAFT, sa.and_(Invoice.state == ISSUED, Invoice.amount_due > 0))
        query = sa.select(sa.func.count(Invoice.id)).where(
            Invoice.customer_id == customer_id, Invoice.deleted_at.is_(None)
        )
        return db.session.scalar(query.where(open_ones)) or 0


class InvoiceNumbers:
    """Answers numbering/audit.py."""

    def states(self, kind: str, ids: list[UUID]) -> dict[UUID, tuple[str, str | None]]:
        """See NumberedDocuments."""
        if kind != "invoice" or not ids:
            return {}
        query = sa.select(Invoice.id, Invoice.state, Invoice.number).where(
            Invoice.id.in_(ids), Invoice.deleted_at.is_(None)
        )
        return {row.id: (row.state, row.number) for row in db.session.execute(query)}

    def numbered_query(self, kind: str) -> sa.Select[Any] | None:
        """See NumberedDocuments."""
        if kind != "invoice":
            return None
        mine = sa.and_(Invoice.org_id == tenancy.current_organization(), Invoice.number.is_not(None))
        return sa.select(Invoice.id, Invoice.series_id, Invoice.number).where(mine, Invoice.deleted_at.is_(None))
