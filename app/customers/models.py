"""Tables of customers: customers, and customer_taxes: which taxes a customer's lines get, in their order."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, object_session, relationship

from app.accounts.models import LONGEST_EMAIL_KEY, Settings
from app.customers.ledger import Standing
from app.data.base import Labelled, SoftDeleted, Stamped, TenantModel, tenant_key, unique_among_living
from app.data.types import Json, UtcDateTime


class Customer(TenantModel, Stamped, SoftDeleted, Labelled, Standing):
    """A buyer: names, addresses, identifiers and defaults for their documents (EN 16931 BG-7)."""

    __tablename__ = "customers"
    __table_args__ = (
        unique_among_living("uq_customers_email", "email_key"),
        unique_among_living("uq_customers_external_id", "external_id"),
        sa.Index("ix_customers_name", "org_id", "name", "id"),
        sa.Index("ix_customers_updated_at", "org_id", "updated_at", "id"),
    )

    name: Mapped[str] = mapped_column(sa.String(200))
    company_name: Mapped[str | None] = mapped_column(sa.String(200))
    contact_name: Mapped[str | None] = mapped_column(sa.String(200))
    prefix: Mapped[str | None] = mapped_column(sa.String(20))
    email: Mapped[str | None] = mapped_column(sa.String(254))
    email_key: Mapped[str | None] = mapped_column(sa.String(LONGEST_EMAIL_KEY))
    phone: Mapped[str | None] = mapped_column(sa.String(40))
    website: Mapped[str | None] = mapped_column(sa.String(500))
    contacts: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    billing_address: Mapped[dict[str, Any] | None] = mapped_column(Json)
    shipping_address: Mapped[dict[str, Any] | None] = mapped_column(Json)
    legal_name: Mapped[str | None] = mapped_column(sa.String(200))
    vat_id: Mapped[str | None] = mapped_column(sa.String(30))
    tax_number: Mapped[str | None] = mapped_column(sa.String(40))
    registration_id: Mapped[str | None] = mapped_column(sa.String(60))
    registration_scheme: Mapped[str | None] = mapped_column(sa.String(10))
    electronic_address: Mapped[str | None] = mapped_column(sa.String(200))
    electronic_scheme: Mapped[str | None] = mapped_column(sa.String(10))
    buyer_reference: Mapped[str | None] = mapped_column(sa.String(200))
    own_currency: Mapped[str | None] = mapped_column("currency", sa.String(3))
    language: Mapped[str | None] = mapped_column(sa.String(20))
    payment_terms: Mapped[str | None] = mapped_column(sa.String(60))
    notes: Mapped[str | None] = mapped_column(sa.Text)
    archived_at: Mapped[datetime | None] = mapped_column(UtcDateTime())

    tax_links: Mapped[list["CustomerTax"]] = relationship(
        order_by="CustomerTax.position", lazy="selectin", cascade="all, delete-orphan"
    )

    @property
    def tax_ids(self) -> list[UUID]:
        """The taxes of lines whose item names none, in the caller's order."""
        return [link.tax_id for link in self.tax_links]

    @property
    def currency(self) -> str:
        """Their own, else the organisation's base currency as it is now: one query a session at most.

        Callers that have the settings at hand read `own_currency` and need none.
        """
        return self.own_currency or self._base_currency()

    def _base_currency(self) -> str:
        session = object_session(self)
        if session is None:
            raise RuntimeError("a customer without a currency of their own was read after its session ended")
        known: dict[UUID, str] = session.info.setdefault("base_currencies", {})
        if self.org_id not in known:
            query = sa.select(Settings.currency).where(Settings.org_id == self.org_id)
            known[self.org_id] = session.execute(query).scalar_one()
        return known[self.org_id]


class CustomerTax(TenantModel):
    """One tax of a customer, at its place."""

    __tablename__ = "customer_taxes"
    __table_args__ = (
        tenant_key("customer_id", "customers"),
        tenant_key("tax_id", "taxes"),
        sa.UniqueConstraint("org_id", "customer_id", "tax_id"),
    )

    customer_id: Mapped[UUID]
    tax_id: Mapped[UUID]
    position: Mapped[int]
