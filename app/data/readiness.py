"""Can the database serve? The first question loads alembic, so that a worker nobody asks does without it."""

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import DBAPIError
from werkzeug.utils import import_string

from app.extensions import db


def database_answers() -> bool:
    """Whether the database can be asked at all."""
    try:
        with db.engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
    except (DBAPIError, sa.exc.TimeoutError, OSError):
        return False
    return True


def migrations_pending(app: Flask) -> bool:
    """Whether the database lacks a revision that the program has."""
    return bool(import_string("app.data.migrate:pending_migrations")(app))
