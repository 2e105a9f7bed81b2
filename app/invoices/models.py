"""Tables of invoices: invoices, invoice_lines.

Amounts are whole minor units of the invoice's currency. What is computed from a document's lines is written once, read
whole and never queried, so the tax breakdown and the parties are JSON; everything that is filtered, sorted or summed is
a column.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.customers.models import Customer
from app.customers.service import party
from app.data import tenancy
from app.data.base import Labelled, SoftDeleted, Stamped, TenantModel, tenant_key, unique_among_living
from app.data.types import Json, MinorUnits, Scaled, UtcDateTime
from app.invoices.status import DRAFT, first_match, payment_rules, status_rules


class Invoice(TenantModel, Stamped, SoftDeleted, Labelled):
    """An invoice. A draft is free to change; once issued its parties, lines and totals never do."""

    __tablename__ = "invoices"
    __table_args__ = (
        tenant_key("customer_id", "customers"),
        tenant_key("series_id", "number_series"),
        sa.UniqueConstraint("org_id", "series_id", "number"),
        unique_among_living("uq_invoices_external_id", "external_id"),
        sa.Index("ix_invoices_number", "org_id", "number"),
        sa.Index("ix_invoices_issue_date", "org_id", "issue_date", "id"),
        sa.Index("ix_invoices_due_date", "org_id", "due_date", "id"),
        sa.Index("ix_invoices_customer", "org_id", "customer_id", "id"),
        sa.CheckConstraint("state = 'draft' OR number IS NOT NULL", name="issued_has_number"),
        sa.CheckConstraint("due_date >= issue_date", name="due_after_issue"),
        sa.CheckConstraint("amount_paid >= 0 AND amount_credited >= 0", name="settled_not_negative"),
    )

    state: Mapped[str] = mapped_column(sa.String(20), default=DRAFT)
    number: Mapped[str | None] = mapped_column(sa.String(80))
    series_id: Mapped[UUID]
    type_code: Mapped[str] = mapped_column(sa.String(3), default="380")
    customer_id: Mapped[UUID]
    customer_name: Mapped[str | None] = mapped_column(sa.String(200))
    customer_email: Mapped[str | None] = mapped_column(sa.String(254))
    customer_snapshot: Mapped[dict[str, Any] | None] = mapped_column(Json)
    seller_snapshot: Mapped[dict[str, Any] | None] = mapped_column(Json)

    issue_date: Mapped[date]
    issue_date_fixed: Mapped[bool] = mapped_column(default=False)
    due_date: Mapped[date]
    due_date_fixed: Mapped[bool] = mapped_column(default=False)
    supply_date: Mapped[date | None]
    period_start: Mapped[date | None]
    period_end: Mapped[date | None]
    payment_terms: Mapped[str] = mapped_column(sa.String(60))

    currency: Mapped[str] = mapped_column(sa.String(3))
    exchange_rate: Mapped[Decimal | None] = mapped_column(Scaled(10))
    exchange_rate_date: Mapped[date | None]
    exchange_rate_source: Mapped[str | None] = mapped_column(sa.String(40))
    base_currency: Mapped[str] = mapped_column(sa.String(3))
    base_total: Mapped[int | None] = mapped_column(MinorUnits)

    tax_inclusive: Mapped[bool] = mapped_column(default=False)
    rounding_mode: Mapped[str] = mapped_column(sa.String(10), default="group")
    discount_type: Mapped[str | None] = mapped_column(sa.String(10))
    discount_value: Mapped[Decimal | None] = mapped_column(Scaled())
    charges: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    tax_rows: Mapped[list[dict[str, Any]]] = mapped_column("taxes", Json, default=list)
    withholding_rows: Mapped[list[dict[str, Any]]] = mapped_column("withholding", Json, default=list)
    subtotal: Mapped[int] = mapped_column(MinorUnits)
    discount_total: Mapped[int] = mapped_column(MinorUnits)
    charge_total: Mapped[int] = mapped_column(MinorUnits)
    tax_total: Mapped[int] = mapped_column(MinorUnits)
    total: Mapped[int] = mapped_column(MinorUnits)
    withholding_total: Mapped[int] = mapped_column(MinorUnits)
    rounding: Mapped[int] = mapped_column(MinorUnits, default=0)
    amount_paid: Mapped[int] = mapped_column(MinorUnits, default=0)
    amount_credited: Mapped[int] = mapped_column(MinorUnits, default=0)

    reference: Mapped[str | None] = mapped_column(sa.String(200))
    po_number: Mapped[str | None] = mapped_column(sa.String(100))
    buyer_reference: Mapped[str | None] = mapped_column(sa.String(100))
    contract_number: Mapped[str | None] = mapped_column(sa.String(100))
    project_number: Mapped[str | None] = mapped_column(sa.String(100))
    language: Mapped[str | None] = mapped_column(sa.String(20))
    notes: Mapped[str | None] = mapped_column(sa.Text)
    terms: Mapped[str | None] = mapped_column(sa.Text)
    internal_notes: Mapped[str | None] = mapped_column(sa.Text)
    source_type: Mapped[str | None] = mapped_column(sa.String(40))
    source_id: Mapped[UUID | None]

    issued_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    viewed_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    paid_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    voided_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    content_hash: Mapped[str | None] = mapped_column(sa.String(64))
    version: Mapped[int] = mapped_column(default=1)

    customer: Mapped[Customer] = relationship(lazy="raise", viewonly=True)
    lines: Mapped[list["InvoiceLine"]] = relationship(
        back_populates="invoice", order_by="InvoiceLine.position", lazy="raise", cascade="all, delete-orphan"
    )

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own form

    # Matters of one answer, never stored: what the last write found odd, and a draft's seller as it is now.
    warnings = tuple[dict[str, Any], ...]()
    live_seller = dict[str, Any]()  # noqa: RUF012 - replaced on an instance, never changed

    @hybrid_property
    def amount_settled(self) -> int:
        """Paid and credited together, minor units."""
        return self.amount_paid + self.amount_credited

    @hybrid_property
    def amount_due(self) -> int:
        """What is still to be paid [BR-CO-16], minor units."""
        return self.total - self.withholding_total + self.rounding - self.amount_paid - self.amount_credited

    @hybrid_property
    def number_order(self) -> str:
        """The number as a sort key: drafts, which have none, stand together."""
        return self.number or ""

    @number_order.inplace.expression
    @classmethod
    def _number_order(cls) -> sa.ColumnElement[str]:
        return sa.func.coalesce(cls.number, "")

    @property
    def status(self) -> str:
        """The derived word, see status.py."""
        return first_match(status_rules(self, tenancy.today()))

    @property
    def payment_status(self) -> str:
        """unpaid, partial or paid."""
        return first_match(payment_rules(self))

    @property
    def buyer(self) -> dict[str, Any]:
        """The customer as frozen at issue, or as they are now."""
        return self.customer_snapshot or party(self.customer)

    @property
    def seller(self) -> dict[str, Any]:
        """The organisation as frozen at issue, or as it is now."""
        return self.seller_snapshot or self.live_seller

    @property
    def customer_brief(self) -> dict[str, Any]:
        """Who it is for, in a list."""
        issued = self.customer_name is not None
        name = self.customer_name if issued else self.customer.name
        email = self.customer_email if issued else self.customer.email
        return {"id": self.customer_id, "name": name, "email": email}

    @property
    def taxes(self) -> list[dict[str, Any]]:
        """The tax breakdown: one row a tax group, in minor units beside their currency."""
        return [{**row, "currency": self.currency} for row in self.tax_rows]

    @property
    def withholding(self) -> list[dict[str, Any]]:
        """What the customer withholds, in the form of `taxes`."""
        return [{**row, "currency": self.currency} for row in self.withholding_rows]

    @property
    def discount(self) -> dict[str, Any] | None:
        """The document's discount as it was given."""
        return {"type": self.discount_type, "value": self.discount_value} if self.discount_type else None

    @property
    def source(self) -> dict[str, Any] | None:
        """What this invoice was made from."""
        return {"type": self.source_type, "id": self.source_id} if self.source_type else None


class InvoiceLine(TenantModel):
    """A line. `taxes` is a copy of the taxes as they applied; `net`, `tax`, `gross` are minor units."""

    __tablename__ = "invoice_lines"
    __table_args__ = (
        tenant_key("invoice_id", "invoices", ondelete="CASCADE"),
        tenant_key("item_id", "items"),
        sa.Index("ix_invoice_lines_invoice", "org_id", "invoice_id", "position"),
    )

    invoice_id: Mapped[UUID]
    position: Mapped[int]
    item_id: Mapped[UUID | None]
    sku: Mapped[str | None] = mapped_column(sa.String(100))
    gtin: Mapped[str | None] = mapped_column(sa.String(14))
    buyer_item_id: Mapped[str | None] = mapped_column(sa.String(100))
    name: Mapped[str] = mapped_column(sa.Text)
    description: Mapped[str | None] = mapped_column(sa.Text)
    quantity: Mapped[Decimal] = mapped_column(Scaled())
    unit: Mapped[str | None] = mapped_column(sa.String(40))
    unit_code: Mapped[str | None] = mapped_column(sa.String(3))
    unit_price: Mapped[Decimal] = mapped_column(Scaled())
    price_base_quantity: Mapped[Decimal] = mapped_column(Scaled())
    discount_type: Mapped[str | None] = mapped_column(sa.String(10))
    discount_value: Mapped[Decimal | None] = mapped_column(Scaled())
    charges: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    taxes: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    period_start: Mapped[date | None]
    period_end: Mapped[date | None]
    net: Mapped[int] = mapped_column(MinorUnits)
    tax: Mapped[int] = mapped_column(MinorUnits)
    gross: Mapped[int] = mapped_column(MinorUnits)

    invoice: Mapped[Invoice] = relationship(back_populates="lines", lazy="raise_on_sql")

    @property
    def currency(self) -> str:
        """The invoice's currency, in which the amounts are written."""
        return self.invoice.currency

    @property
    def discount(self) -> dict[str, Any] | None:
        """The line's discount as it was given."""
        return {"type": self.discount_type, "value": self.discount_value} if self.discount_type else None

    @property
    def tax_ids(self) -> list[str]:
        """The ids of its taxes; an ad-hoc rate has none."""
        return [tax["tax_id"] for tax in self.taxes if tax["tax_id"]]
