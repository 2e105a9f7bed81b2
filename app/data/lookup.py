"""Finding rows of the current organisation, the way every service does it."""

from functools import cache
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.base import ExecutableOption

from app.data.base import TenantModel
from app.data.tenancy import current_organization
from app.extensions import db

Row = TypeVar("Row", bound=TenantModel)


def find(model: type[Row], row_id: UUID, *options: ExecutableOption, lock: bool = False) -> Row | None:
    """The current organisation's row with this id that is not deleted, or None; `lock` holds it until the commit."""
    wanted = {"org_id": current_organization(), "id": row_id}
    return db.session.scalars(_by_id(model, options, lock=lock), wanted).unique().one_or_none()


@cache
def _by_id(model: type[Row], options: tuple[ExecutableOption, ...], *, lock: bool) -> sa.Select[tuple[Row]]:
    """The statement of `find`, made once for each way it is asked."""
    query = sa.select(model).where(
        model.org_id == sa.bindparam("org_id", type_=sa.Uuid()), model.id == sa.bindparam("id", type_=sa.Uuid())
    )
    deleted_at = getattr(model, "deleted_at", None)
    query = (query if deleted_at is None else query.where(deleted_at.is_(None))).options(*options)
    # Objects loaded before the lock was ours may be stale.
    return query.with_for_update(of=model).execution_options(populate_existing=True) if lock else query


def taken(model: type[TenantModel], column: InstrumentedAttribute[Any], value: object, but: UUID | None = None) -> bool:
    """Whether another living row of the organisation holds this value."""
    query = _living(sa.select(model.id), model).where(column == value)
    if but:
        query = query.where(model.id != but)
    return db.session.execute(query.limit(1)).first() is not None


def _living(query: sa.Select[Any], model: type[TenantModel]) -> sa.Select[Any]:
    deleted_at = getattr(model, "deleted_at", None)
    mine = query.where(model.org_id == current_organization())
    return mine if deleted_at is None else mine.where(deleted_at.is_(None))
