"""Binds the database to the application: engine options, SQLite pragmas, PostgreSQL's role, session events."""

import os
import sqlite3
from typing import Any

import orjson
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from app.config import Settings
from app.data import tenancy, wake
from app.data.transaction import begin_statement
from app.extensions import db

RUNTIME_ROLE = "billhook_app"

_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON", "cache_size=-16384")


def init_app(app: Flask, settings: Settings) -> None:
    """Configure Flask-SQLAlchemy and attach the events. Opens no connection."""
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(settings)
    db.init_app(app)
    with app.app_context():
        attach(db.engine)
        # A server that forks after the import must not share sockets between parent and child.
        engine = db.engine
    os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))


def engine_options(settings: Settings) -> dict[str, Any]:
    """Options of create_engine for the configured database."""
    options: dict[str, Any] = {
        "pool_size": settings.database_pool,
        "max_overflow": 0,
        "hide_parameters": True,  # a failed statement is logged; whose data it was about is not
        "json_serializer": lambda value: orjson.dumps(value).decode(),
        "json_deserializer": orjson.loads,
    }
    if settings.database_url.startswith("sqlite"):
        options["connect_args"] = {"check_same_thread": False, "cached_statements": 512}
    return options


def attach(engine: Engine) -> None:
    """Attach the connection events of this database kind to an engine."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "connect", _lower_privileges)


def attach_session_events() -> None:
    """Attach tenancy and wake-ups to the one scoped session. Called once, at import of the factory."""
    event.listen(db.session, "do_orm_execute", tenancy.filter_statement)
    event.listen(db.session, "after_begin", tenancy.after_begin)
    event.listen(db.session, "after_commit", wake.after_commit)
    event.listen(db.session, "after_rollback", wake.after_rollback)


def _prepare_sqlite(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:  # noqa: ARG001 - event signature
    # The driver's own transaction mode starts writes late and loses updates; we say BEGIN ourselves.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    # SQLite's own lower() knows ASCII only; a search for "müller" shall find "MÜLLER" as it does on PostgreSQL.
    connection.create_function("lower", 1, _lower, deterministic=True)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(begin_statement())


def _lower_privileges(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:  # noqa: ARG001 - event signature
    """Superusers and BYPASSRLS roles ignore row-level security: such a login works as the runtime role instead."""
    cursor = connection.cursor()
    cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
    row = cursor.fetchone()
    if row and row[0]:
        cursor.execute(f"SET ROLE {RUNTIME_ROLE}")
    connection.commit()
    cursor.close()


def can_bypass_row_security(connection: Connection) -> bool:
    """Whether this PostgreSQL connection ignores row-level security. Raises on other databases."""
    query = sa.text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
    return bool(connection.execute(query).scalar_one())
