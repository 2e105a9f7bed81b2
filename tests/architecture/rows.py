"""What an organisation has stored, read past the API: for proving that a refusal changed nothing."""

from uuid import UUID

import sqlalchemy as sa
from flask import Flask

from app.data.base import Base
from app.data.tenancy import crossing
from app.data.transaction import unit_of_work
from app.extensions import db

UNCOUNTED = {"last_used_at"}  # written by being asked, not by what was asked


def rows_of(app: Flask, org_id: UUID) -> dict[str, list[tuple[object, ...]]]:
    """Every row of an organisation, table by table."""
    found = {}
    with app.app_context(), crossing("a test compares what is stored"), unit_of_work(write=False):
        for table in Base.metadata.sorted_tables:
            owner = table.c.get("org_id", table.c.get("id"))
            columns = [column for column in table.columns if column.name not in UNCOUNTED]
            query = sa.select(*columns).where(owner == org_id).order_by(*table.primary_key.columns)
            found[table.name] = [tuple(row) for row in db.session.execute(query)]
    return found


def rows_altogether(app: Flask) -> int:
    """How many rows all tables hold."""
    with app.app_context(), crossing("a test counts what is stored"), unit_of_work(write=False):
        counts = (sa.select(sa.func.count()).select_from(table) for table in Base.metadata.sorted_tables)
        return sum(db.session.execute(count).scalar_one() for count in counts)
