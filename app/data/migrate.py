"""Alembic, one environment and one version table per owner.

An owner is the core or a plugin; the owner of a table is decided by its name's prefix. So a plugin that is switched off
neither breaks an upgrade nor loses its tables.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask, current_app
from sqlalchemy import Connection, Engine, event
from sqlalchemy.pool import NullPool

from app.config import PROJECT, Settings
from app.data.base import Base
from app.data.engine import RUNTIME_ROLE, can_bypass_row_security
from app.data.types import UtcDateTime
from app.extensions import db

ROOT = PROJECT / "migrations"
CORE = "core"
_LOCK = 7_205_759_403  # any fixed number: two upgrades at once wait for each other on PostgreSQL


def owners(app: Flask) -> dict[str, Path]:
    """Each owner's folder of revisions, the core first, plugins in the order they were loaded."""
    found: dict[str, Path] = {CORE: ROOT / "versions"}
    found |= app.extensions.get("billhook.migrations", {})
    return found


def version_table(owner: str) -> str:
    """The table that holds an owner's current revision."""
    return "alembic_version" if owner == CORE else f"alembic_version_{owner}"


def owner_of(table: str, names: list[str]) -> str:
    """Which owner a table belongs to: the plugin whose prefix it carries, else the core."""
    return next((name for name in names if name != CORE and table.startswith(f"{name}_")), CORE)


def upgrade(app: Flask, url: str | None = None) -> None:
    """Bring every owner to its newest revision, and give PostgreSQL's runtime role its rights. `url`: of another's."""
    with _connection(app, url) as connection:
        for owner in owners(app):
            command.upgrade(_config(app, owner, connection), "head")
        if connection.dialect.name == "postgresql":
            with connection.begin():
                _grant_runtime_role(connection)


def upgrade_if_empty(app: Flask) -> None:
    """Bring a database without any table to the newest revision; one that holds anything waits for `upgrade`."""
    if not sa.inspect(db.engine).get_table_names():
        upgrade(app)


def downgrade(app: Flask, revision: str, owner: str = CORE) -> None:
    """Take one owner back to a revision ("base": before its first)."""
    with _connection(app) as connection:
        command.downgrade(_config(app, owner, connection), revision)


def revision(app: Flask, message: str, owner: str = CORE) -> None:
    """Write a new revision from the difference between models and database."""
    with _connection(app) as connection:
        command.revision(_config(app, owner, connection), message=message, autogenerate=True)


def differences(app: Flask) -> list[str]:
    """What the models say and the database lacks, or the other way round; empty when both agree."""
    names = list(owners(app))
    with _connection(app) as connection:
        options = {"compare_type": True, "include_name": include_name(names, None)}
        context = MigrationContext.configure(connection, opts=options)
        return [str(difference) for difference in compare_metadata(context, Base.metadata)]


def pending_migrations(app: Flask) -> list[str]:
    """Owners whose newest revision the database does not have yet."""
    with db.engine.connect() as connection:
        return [owner for owner, path in owners(app).items() if _current(connection, owner) != _heads(app, owner, path)]


def revisions(app: Flask, url: str | None = None) -> dict[str, list[str]]:
    """Each owner's present revision, of this application's database or of another."""
    engine = sa.create_engine(url or app.config["BILLHOOK"].database_url, poolclass=NullPool)
    with engine.connect() as connection:
        return {owner: sorted(_current(connection, owner)) for owner in owners(app)}


def unknown_revisions(app: Flask, found: Mapping[str, Sequence[str]]) -> list[str]:
    """Those that this program does not know: a newer one wrote them. Owners that are not installed are left alone."""
    unknown = []
    for owner, path in owners(app).items():
        script = ScriptDirectory(str(ROOT), version_locations=[str(path)])
        known = {each.revision for each in script.walk_revisions()}
        unknown += [f"{owner} at {each}" for each in found.get(owner, ()) if each not in known]
    return unknown


def include_name(names: list[str], owner: str | None) -> Any:
    """Alembic filter: this owner's tables (None: every owner's), and never the version tables."""

    def filter_names(name: str | None, kind: str, parents: object) -> bool:  # noqa: ARG001 - alembic's signature
        if kind != "table" or name is None:
            return True
        return not name.startswith("alembic_version") and (owner is None or owner_of(name, names) == owner)

    return filter_names


def render_type(kind: str, item: object, context: AutogenContext) -> str | Literal[False]:  # noqa: ARG001 - alembic's signature
    """Alembic rendering: a revision names plain column types, so that it never changes with our classes."""
    if kind == "type" and isinstance(item, sa.JSON):
        return "JSON"
    if kind == "type" and isinstance(item, sa.types.TypeDecorator):
        return "sa.DateTime(timezone=True)" if isinstance(item, UtcDateTime) else f"sa.{type(item.impl).__name__}()"
    return False


def _heads(app: Flask, owner: str, path: Path) -> set[str]:
    kept: dict[str, set[str]] = app.extensions.setdefault("billhook.heads", {})
    if owner not in kept:
        kept[owner] = set(ScriptDirectory(str(ROOT), version_locations=[str(path)]).get_heads())
    return kept[owner]


def _current(connection: Connection, owner: str) -> set[str]:
    context = MigrationContext.configure(connection, opts={"version_table": version_table(owner)})
    return set(context.get_current_heads())


def _config(app: Flask, owner: str, connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(ROOT).replace("%", "%%"))
    config.set_main_option("version_locations", str(owners(app)[owner]).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes |= {"owner": owner, "connection": connection, "names": list(owners(app))}
    return config


@contextmanager
def _connection(app: Flask, url: str | None = None) -> Iterator[Connection]:
    """A connection of the login's own power: tables are changed by their owner, not by the runtime role."""
    settings: Settings = app.config["BILLHOOK"]
    engine = sa.create_engine(url or settings.database_url, poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    try:
        with engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
                connection.execute(sa.text("SELECT set_config('app.crossing', 'on', false)"))
                connection.commit()
            yield connection
    finally:
        engine.dispose()


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, record: object) -> None:  # noqa: ARG001 - event signature
        connection.isolation_level = None
        # Batch mode rebuilds tables; with enforcement on, dropping the old one would take its children along.
        for pragma in ("journal_mode=WAL", "busy_timeout=30000", "foreign_keys=OFF"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _grant_runtime_role(connection: Connection) -> None:
    """A login that ignores row-level security works as RUNTIME_ROLE; make it and give it rows, but not tables."""
    if not can_bypass_row_security(connection):
        return
    made = connection.execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": RUNTIME_ROLE}).first()
    schema = connection.execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    # Roles belong to the whole server: another database's upgrade may be making the same one right now.
    create = f"""DO $$ BEGIN CREATE ROLE {RUNTIME_ROLE} NOLOGIN NOSUPERUSER NOBYPASSRLS;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"""
    statements = [] if made else [create]
    statements += [
        f"GRANT {RUNTIME_ROLE} TO CURRENT_USER",  # a superuser may be anyone; a BYPASSRLS login must be a member
        f"GRANT USAGE ON SCHEMA {schema} TO {RUNTIME_ROLE}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {RUNTIME_ROLE}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {RUNTIME_ROLE}",
    ]
    for statement in statements:
        connection.exec_driver_sql(statement)


def running() -> Flask:
    """The running application, for commands."""
    return current_app._get_current_object()  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001 - the proxy's documented way out
