"""A login that ignores row-level security works as billhook_app instead: the operator's first mistake opens nothing."""

import contextlib
import os
import subprocess
import sys
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from app.accounts import service as accounts
from app.config import PROJECT
from app.data import migrate
from app.data.engine import RUNTIME_ROLE
from app.data.tenancy import crossing, organization
from app.data.transaction import unit_of_work
from app.extensions import db
from app.factory import create_app
from tests.support.client import ApiClient, Documented
from tests.support.services import postgres_server, require


@pytest.fixture(scope="module")
def administered(tmp_path_factory):
    """An application whose login is a superuser, on a database of its own that is not migrated yet."""
    with require(postgres_server()) as server:
        own = server.create_database("superuser")
        url = urlunsplit(
            urlsplit(server.url.replace("postgresql+psycopg", "postgresql"))._replace(path=urlsplit(own).path)
        )
        with psycopg.connect(url, autocommit=True) as connection:
            if not connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()[0]:
                pytest.skip("the server's login is no superuser")
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (RUNTIME_ROLE,)).fetchone()
        app = create_app({"database_url": url, "instance_path": tmp_path_factory.mktemp("superuser")})
        yield app, bool(known)
        with app.app_context():
            db.engine.dispose()
        server.drop_database("superuser")
        if not known:
            with psycopg.connect(server.url, autocommit=True) as connection, contextlib.suppress(psycopg.Error):
                connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(RUNTIME_ROLE)))


@pytest.fixture(scope="module")
def migrated(administered):
    app, _ = administered
    assert flask_db(app, "upgrade") == "The database is up to date.\n"
    return app


def flask_db(app, command: str) -> str:
    """Run `flask db …` as an operator does; answers what it prints."""
    settings = app.config["BILLHOOK"]
    environ = os.environ | {
        "BILLHOOK_DATABASE_URL": settings.database_url,
        "BILLHOOK_INSTANCE_PATH": str(settings.instance_path),
    }
    line = [sys.executable, "-m", "flask", "db", command]
    return subprocess.run(line, env=environ, cwd=PROJECT, capture_output=True, text=True, check=True).stdout


def test_before_the_upgrade_it_is_not_ready_and_says_so(administered):
    app, _ = administered
    response = app.test_client().get("/health/ready")
    assert response.status_code == 503
    assert response.get_json()["checks"]["migrations"] is False
    with app.app_context():
        db.engine.dispose()


def test_after_it_every_connection_works_as_the_role_without_power(migrated):
    with migrated.app_context(), db.engine.connect() as connection:
        who = connection.execute(sa.text("SELECT current_user, session_user <> current_user")).one()
        assert tuple(who) == (RUNTIME_ROLE, True)
        facts = (
            "SELECT rolsuper, rolbypassrls, rolcanlogin, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = :role"
        )
        assert not any(connection.execute(sa.text(facts), {"role": RUNTIME_ROLE}).one())
    assert migrated.test_client().get("/health/ready").status_code == 200


def test_and_the_api_works_and_tenants_do_not_see_each_other(migrated):
    secrets = []
    for number in range(2):
        with migrated.app_context(), crossing("a test"), unit_of_work():
            owner = accounts.create_user(f"super{number}@example.com", "Owner")
            made = accounts.create_organization("Super", "enterprise", owner, {})
            secrets.append((made.secret, made.organization.id))
    documented = Documented(migrated)
    callers = [ApiClient(migrated, documented, *secret) for secret in secrets]
    for caller in callers:
        assert caller.post("/units", {"name": "hour"}).status_code == 201
    foreign = callers[1].get("/units").get_json()["data"][0]["id"]
    assert callers[0].get(f"/units/{foreign}").status_code == 404
    with migrated.app_context(), organization(callers[0].org_id, "UTC"), unit_of_work(write=False):
        found = db.session.connection().execute(sa.text("SELECT DISTINCT org_id FROM units")).scalars().all()
        assert found == [callers[0].org_id]
    with migrated.app_context(), unit_of_work(write=False):
        assert db.session.connection().execute(sa.text("SELECT count(*) FROM units")).scalar_one() == 0


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE units",
        "ALTER TABLE units DISABLE ROW LEVEL SECURITY",
        "CREATE TABLE planted (n integer)",
        "TRUNCATE units",
        "DROP POLICY tenant ON units",
        "CREATE ROLE planted",
    ],
)
def test_it_may_change_rows_and_nothing_else(migrated, statement):
    with (
        migrated.app_context(),
        pytest.raises(sa.exc.ProgrammingError, match=r"permission denied|must be owner"),
        db.engine.begin() as connection,
    ):
        connection.execute(sa.text(statement))


def test_upgrading_again_changes_nothing(migrated):
    with migrated.app_context():
        migrate.upgrade(migrated)
        assert migrate.differences(migrated) == []
        assert migrate.pending_migrations(migrated) == []
