"""The declarative base, and TenantModel: the root of every table that belongs to an organisation."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
import uuid6
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.data import clock
from app.data.types import Json, UtcDateTime


def new_id() -> UUID:
    """A fresh UUIDv7 (RFC 9562): unique, and ordered by time within a process."""
    return UUID(int=uuid6.uuid7().int)


class Base(DeclarativeBase):
    """Base of every table. Constraint names are fixed so that migrations can find them on every database."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {UUID: sa.Uuid(), datetime: UtcDateTime()}


class Stamped:
    """When a row was made and last changed."""

    created_at: Mapped[datetime] = mapped_column(default=clock.now, sort_order=90)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now, sort_order=91)


class SoftDeleted:
    """A row that is hidden when it is deleted, because others still point to it."""

    deleted_at: Mapped[datetime | None] = mapped_column(sort_order=92)


class Labelled:
    """The caller's own labels, and their own id of a row: unique among the living, see `unique_among_living`."""

    extra: Mapped[dict[str, str]] = mapped_column("metadata", Json, default=dict, sort_order=80)
    external_id: Mapped[str | None] = mapped_column(sa.String(255), sort_order=81)


class TenantModel(Base):
    """A row of one organisation. The primary key is (org_id, id); foreign keys to tenant tables carry org_id too.

    So the schema itself cannot link two organisations, and data/tenancy.py filters every statement.
    """

    __abstract__ = True

    org_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organizations.id"), primary_key=True, sort_order=-2)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, sort_order=-1)


def unique_among_living(name: str, column: str) -> sa.Index:
    """A unique index over one organisation's rows that are not deleted: deleting a row frees its name."""
    living = sa.text("deleted_at IS NULL")
    return sa.Index(name, "org_id", column, unique=True, sqlite_where=living, postgresql_where=living)


def unique_in_organization(name: str, column: str) -> sa.Index:
    """A unique index over one organisation's rows, where the value is not null."""
    given = sa.text(f"{column} IS NOT NULL")
    return sa.Index(name, "org_id", column, unique=True, sqlite_where=given, postgresql_where=given)


def tenant_key(column: str, target: str, *, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    """A composite foreign key (org_id, column) -> target (org_id, id): it cannot point into another organisation."""
    return sa.ForeignKeyConstraint(["org_id", column], [f"{target}.org_id", f"{target}.id"], ondelete=ondelete)
