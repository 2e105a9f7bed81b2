"""Tables of numbering: number_series, number_counters, numbers.

`numbers` is the ledger: every number ever handed out stands there with its document. The counter row is what concurrent
issues queue at; UNIQUE(series, number) stands behind it.
"""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.data.base import Labelled, Stamped, TenantModel, tenant_key, unique_in_organization
from app.data.types import UtcDateTime

KINDS = ("invoice", "credit_note", "quote", "payment", "expense")
RESETS = ("never", "yearly", "monthly")
ASSIGNS = ("on_issue", "on_create")


class NumberSeries(TenantModel, Stamped, Labelled):
    """How the documents of one kind are numbered. One series of a kind is its default."""

    __tablename__ = "number_series"
    __table_args__ = (
        sa.UniqueConstraint("org_id", "kind", "name"),
        unique_in_organization("uq_number_series_external_id", "external_id"),
        sa.Index(
            "uq_number_series_default",
            "org_id",
            "kind",
            unique=True,
            sqlite_where=sa.text("is_default"),
            postgresql_where=sa.text("is_default"),
        ),
    )

    kind: Mapped[str] = mapped_column(sa.String(20))
    name: Mapped[str] = mapped_column(sa.String(60))
    pattern: Mapped[str] = mapped_column(sa.String(60))
    reset: Mapped[str] = mapped_column(sa.String(10), default="never")
    assign: Mapped[str] = mapped_column(sa.String(10), default="on_issue")
    manual: Mapped[bool] = mapped_column(default=False)
    is_default: Mapped[bool] = mapped_column(default=False)
    first: Mapped[int] = mapped_column(default=1)


class NumberCounter(TenantModel):
    """The next number of a series in a period ("", "2026" or "2026-11"). The row that issues queue at."""

    __tablename__ = "number_counters"
    __table_args__ = (tenant_key("series_id", "number_series"), sa.UniqueConstraint("org_id", "series_id", "period"))

    series_id: Mapped[UUID]
    period: Mapped[str] = mapped_column(sa.String(7))
    next: Mapped[int] = mapped_column(sa.BigInteger)


class Number(TenantModel):
    """A number that was handed out. `document_id` is null while it waits to be handed out again."""

    __tablename__ = "numbers"
    __table_args__ = (
        tenant_key("series_id", "number_series"),
        sa.UniqueConstraint("org_id", "series_id", "number"),
        sa.Index(
            "uq_numbers_sequence",
            "org_id",
            "series_id",
            "period",
            "sequence",
            unique=True,
            sqlite_where=sa.text("sequence IS NOT NULL"),
            postgresql_where=sa.text("sequence IS NOT NULL"),
        ),
        sa.Index("ix_numbers_document", "org_id", "document_id"),
    )

    series_id: Mapped[UUID]
    period: Mapped[str] = mapped_column(sa.String(7))
    sequence: Mapped[int | None] = mapped_column(sa.BigInteger)
    number: Mapped[str] = mapped_column(sa.String(80))
    document_id: Mapped[UUID | None]
    assigned_at: Mapped[datetime] = mapped_column(UtcDateTime())

    document_state = ""  # filled in for the audit's answer
