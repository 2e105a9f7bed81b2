"""Tables of the catalogue: items, and item_taxes: which taxes an item carries, in their order."""

from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.data.base import Labelled, SoftDeleted, Stamped, TenantModel, tenant_key, unique_among_living
from app.data.types import Scaled

TYPES = ("product", "service")


class Item(TenantModel, Stamped, SoftDeleted, Labelled):
    """A product or a service as it is sold. Documents copy from it and point to it, deleted or not."""

    __tablename__ = "items"
    __table_args__ = (
        unique_among_living("uq_items_sku", "sku"),
        unique_among_living("uq_items_external_id", "external_id"),
        sa.Index("ix_items_name", "org_id", "name", "id"),
        sa.Index("ix_items_updated_at", "org_id", "updated_at", "id"),
    )

    type: Mapped[str] = mapped_column(sa.String(20))
    sku: Mapped[str | None] = mapped_column(sa.String(100))
    name: Mapped[str] = mapped_column(sa.String(200))
    description: Mapped[str | None] = mapped_column(sa.Text)
    unit: Mapped[str | None] = mapped_column(sa.String(40))
    unit_code: Mapped[str | None] = mapped_column(sa.String(3))
    gtin: Mapped[str | None] = mapped_column(sa.String(14))
    price: Mapped[Decimal] = mapped_column(Scaled())
    currency: Mapped[str] = mapped_column(sa.String(3))
    active: Mapped[bool] = mapped_column(default=True)

    tax_links: Mapped[list["ItemTax"]] = relationship(
        order_by="ItemTax.position", lazy="selectin", cascade="all, delete-orphan"
    )

    @property
    def tax_ids(self) -> list[UUID]:
        """The taxes that a line made from this item gets, in the caller's order."""
        return [link.tax_id for link in self.tax_links]

    @property
    def sku_order(self) -> str:
        """The value that a list sorted by sku sorts by: items without one come first."""
        return self.sku or ""


class ItemTax(TenantModel):
    """One tax of an item, at its place."""

    __tablename__ = "item_taxes"
    __table_args__ = (
        tenant_key("item_id", "items"),
        tenant_key("tax_id", "taxes"),
        sa.UniqueConstraint("org_id", "item_id", "tax_id"),
    )

    item_id: Mapped[UUID]
    tax_id: Mapped[UUID]
    position: Mapped[int]
