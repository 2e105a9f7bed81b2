"""Tables of accounts: organizations, users, memberships, api_keys, settings."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.data.base import Base, Labelled, Stamped, TenantModel, new_id, unique_in_organization
from app.data.types import Json, UtcDateTime

LONGEST_EMAIL_KEY = 3 * 254  # folding a character's case can make three of it
ROLES = ("owner", "admin", "member", "viewer")


class Organization(Base, Stamped):
    """A tenant: the seller whose invoices these are. The root that org_id points to."""

    __tablename__ = "organizations"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(sa.String(200))
    tier: Mapped[str] = mapped_column(sa.String(60))


class User(Base, Stamped):
    """A person. May belong to several organisations, so the row is nobody's tenant data."""

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(sa.String(254))
    email_key: Mapped[str] = mapped_column(sa.String(LONGEST_EMAIL_KEY), unique=True)
    name: Mapped[str] = mapped_column(sa.String(200))


class Membership(TenantModel, Stamped):
    """A user's role in an organisation."""

    __tablename__ = "memberships"
    __table_args__ = (sa.UniqueConstraint("org_id", "user_id"),)

    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("users.id"), index=True)
    role: Mapped[str] = mapped_column(sa.String(20))


class ApiKey(TenantModel, Stamped, Labelled):
    """A key. The secret itself is not kept: `hash` is its SHA-256, `prefix` and `last_four` are for people."""

    __tablename__ = "api_keys"
    __table_args__ = (unique_in_organization("uq_api_keys_external_id", "external_id"),)

    name: Mapped[str] = mapped_column(sa.String(100))
    prefix: Mapped[str] = mapped_column(sa.String(20))
    last_four: Mapped[str] = mapped_column(sa.String(4))
    hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True, info={"secret": True})
    scopes: Mapped[list[str]] = mapped_column(Json)
    actor_type: Mapped[str] = mapped_column(sa.String(20), default="service")
    ip_allowlist: Mapped[list[str]] = mapped_column(Json, default=list)
    user_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("users.id"))
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime())

    key = ""  # the secret, on the instance that was just made and nowhere else


class Settings(TenantModel, Stamped):
    """How one organisation invoices. One row each, made with the organisation."""

    __tablename__ = "settings"
    __table_args__ = (sa.UniqueConstraint("org_id"),)

    currency: Mapped[str] = mapped_column(sa.String(3), default="EUR")
    timezone: Mapped[str] = mapped_column(sa.String(64), default="UTC")
    locale: Mapped[str] = mapped_column(sa.String(20), default="en")
    payment_terms: Mapped[str] = mapped_column(sa.String(60), default="Net 30")
    tax_inclusive: Mapped[bool] = mapped_column(default=False)
    rounding: Mapped[Literal["group", "line"]] = mapped_column(sa.String(10), default="group")
    seller: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    invoice_notes: Mapped[str | None] = mapped_column(sa.Text)
    invoice_terms: Mapped[str | None] = mapped_column(sa.Text)
    invoice_footer: Mapped[str | None] = mapped_column(sa.Text)
    brand_color: Mapped[str] = mapped_column(sa.String(7), default="#1f4e79")
    logo: Mapped[str | None] = mapped_column(sa.Text, deferred=True, info={"secret": True})  # too long for a log

    organization: Mapped[Organization] = relationship(lazy="joined", innerjoin=True)

    @property
    def name(self) -> str:
        """The organisation's name, which stands beside the settings on the wire."""
        return self.organization.name
