"""Tables of the set-up lists: taxes with their rates over time, units, payment_methods."""

from datetime import date
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.data import tenancy
from app.data.base import (
    Labelled,
    SoftDeleted,
    Stamped,
    TenantModel,
    tenant_key,
    unique_among_living,
    unique_in_organization,
)
from app.data.types import Scaled

KINDS = ("vat", "sales", "withholding", "exempt")
CATEGORIES = ("S", "Z", "E", "AE", "K", "G", "O")


class Tax(TenantModel, Stamped, SoftDeleted, Labelled):
    """A tax by name. What it charges stands in its rates: a rate is never edited, a new one follows it."""

    __tablename__ = "taxes"
    __table_args__ = (unique_among_living("uq_taxes_external_id", "external_id"),)

    name: Mapped[str] = mapped_column(sa.String(100))
    kind: Mapped[str] = mapped_column(sa.String(20))
    category: Mapped[str] = mapped_column(sa.String(2))
    compound: Mapped[bool] = mapped_column(default=False)
    order: Mapped[int] = mapped_column("position", default=0)
    is_default: Mapped[bool] = mapped_column(default=False)
    exemption_reason: Mapped[str | None] = mapped_column(sa.String(500))
    exemption_code: Mapped[str | None] = mapped_column(sa.String(40))

    rates: Mapped[list["TaxRate"]] = relationship(
        back_populates="tax", order_by="TaxRate.valid_from", lazy="selectin", cascade="all, delete-orphan"
    )

    @property
    def rate(self) -> Decimal | None:
        """The rate in force today, where the organisation is."""
        return self.rate_on(tenancy.today()).rate

    def rate_on(self, day: date) -> "TaxRate":
        """The rate in force on a day; before the first one, the first."""
        known = [rate for rate in self.rates if rate.valid_from <= day]
        return known[-1] if known else self.rates[0]


class TaxRate(TenantModel):
    """What a tax charges from a day on, in percent; null for category O, which carries no rate at all."""

    __tablename__ = "tax_rates"
    __table_args__ = (tenant_key("tax_id", "taxes"), sa.UniqueConstraint("org_id", "tax_id", "valid_from"))

    tax_id: Mapped[UUID]
    rate: Mapped[Decimal | None] = mapped_column(Scaled())
    valid_from: Mapped[date]

    tax: Mapped[Tax] = relationship(back_populates="rates")


class Unit(TenantModel, Stamped, Labelled):
    """A unit of measure: what people read, and its UN/ECE Recommendation 20 code for e-invoices."""

    __tablename__ = "units"
    __table_args__ = (
        sa.UniqueConstraint("org_id", "name"),
        unique_in_organization("uq_units_external_id", "external_id"),
    )

    name: Mapped[str] = mapped_column(sa.String(40))
    code: Mapped[str | None] = mapped_column(sa.String(3))


class PaymentMethod(TenantModel, Stamped, Labelled):
    """A way to pay, and its UNCL 4461 code for e-invoices (30 credit transfer, 48 card, 58 SEPA…)."""

    __tablename__ = "payment_methods"
    __table_args__ = (
        sa.UniqueConstraint("org_id", "name"),
        unique_in_organization("uq_payment_methods_external_id", "external_id"),
    )

    name: Mapped[str] = mapped_column(sa.String(60))
    code: Mapped[str | None] = mapped_column(sa.String(3))
    active: Mapped[bool] = mapped_column(default=True)
