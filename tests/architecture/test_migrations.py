"""Models and migrations say the same, on both databases, and every step can be taken back and again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app.data import migrate
from app.data.base import Base
from app.extensions import db
from app.factory import create_app
from tests.support.services import postgres_server, require


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """An application on a database without any table."""
    if request.param == "sqlite":
        yield create_app({"database_url": f"sqlite:///{tmp_path / 'empty.db'}", "instance_path": tmp_path})
        return
    with require(postgres_server()) as server:
        app = create_app({"database_url": server.create_database("migrations"), "instance_path": tmp_path})
        yield app
        with app.app_context():
            db.engine.dispose()


def tables(app: Flask) -> dict[str, list[str]]:
    with app.app_context(), db.engine.connect() as connection:
        inspector = sa.inspect(connection)
        return {
            name: sorted(
                [
                    *(
                        f"{column['name']} {column['type']} {column['nullable']}"
                        for column in inspector.get_columns(name)
                    ),
                    *(str(index["name"]) for index in inspector.get_indexes(name)),
                    *(str(key["name"]) for key in inspector.get_foreign_keys(name)),
                ]
            )
            for name in inspector.get_table_names()
            if not name.startswith("alembic_version")
        }


def test_models_and_migrations_agree_and_go_down_and_up_again(empty: Flask):
    assert tables(empty) == {}
    with empty.app_context():
        assert migrate.pending_migrations(empty) == ["core"]
        migrate.upgrade(empty)
        assert migrate.differences(empty) == []
        assert migrate.pending_migrations(empty) == []
        made = tables(empty)
        assert set(made) == {table.name for table in Base.metadata.sorted_tables}

        migrate.upgrade(empty)
        assert tables(empty) == made, "a second upgrade changes nothing"

        migrate.downgrade(empty, "base")
        assert tables(empty) == {}
        assert migrate.pending_migrations(empty) == ["core"]

        migrate.upgrade(empty)
        assert tables(empty) == made
        assert migrate.differences(empty) == []


def test_a_table_and_a_column_nobody_models_are_differences(empty: Flask):
    with empty.app_context():
        migrate.upgrade(empty)
        with db.engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE units ADD COLUMN planted VARCHAR(3)"))
            connection.execute(sa.text("CREATE TABLE planted (id INTEGER)"))
        found = " ".join(migrate.differences(empty))
    assert "remove_column" in found
    assert "remove_table" in found


def test_every_revision_has_one_head_and_can_be_taken_back():
    found = sorted((migrate.ROOT / "versions").glob("*.py"))
    assert found
    for path in found:
        text = path.read_text(encoding="utf-8")
        assert "def upgrade()" in text and "def downgrade()" in text
        assert text.partition("def downgrade()")[2].count("\n") > 1, f"{path.name} cannot be taken back"
        assert "app." not in [
            word for line in text.splitlines() if line.startswith(("import", "from")) for word in [line[:9]]
        ]
    assert all("from app" not in path.read_text(encoding="utf-8") for path in found), (
        "a revision never changes with our classes"
    )


def test_the_owner_of_a_table_is_told_by_its_prefix():
    names = ["core", "quotes", "recurring"]
    assert migrate.owner_of("quotes_lines", names) == "quotes"
    assert migrate.owner_of("invoices", names) == "core"
    assert migrate.owner_of("quotesque", names) == "core"
    assert migrate.version_table("core") == "alembic_version"
    assert migrate.version_table("quotes") == "alembic_version_quotes"
    core, every = migrate.include_name(names, "core"), migrate.include_name(names, None)
    assert (core("invoices", "table", {}), core("quotes_lines", "table", {}), core("alembic_version", "table", {})) == (
        True,
        False,
        False,
    )
    assert every("quotes_lines", "table", {}) and not every("alembic_version_quotes", "table", {})
