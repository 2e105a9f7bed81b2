"""The third lock: PostgreSQL itself shows and takes only the rows of the organisation that the transaction was told."""

import uuid

import pytest
import sqlalchemy as sa

from app.data.base import Base
from app.data.tenancy import crossing, organization
from app.data.transaction import unit_of_work
from app.extensions import db
from app.taxes.models import Unit

pytestmark = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)

UNITS = Unit.__table__
# A worker finds in `jobs` whose job it is; nobody reads it over HTTP.
SYSTEM_TABLES = {"jobs"}
TENANT_TABLES = [
    table.name for table in Base.metadata.sorted_tables if "org_id" in table.c and table.name not in SYSTEM_TABLES
]


@pytest.fixture
def two(app, client, stranger):
    for caller in (client, stranger):
        assert caller.post("/units", {"name": "hour"}).status_code == 201
    with app.app_context():
        yield client.org_id, stranger.org_id
        db.session.remove()


def raw(statement, **values):
    """SQL past every filter of ours, through the session's connection."""
    return db.session.connection().execute(sa.text(statement), values)


def test_the_role_cannot_bypass_it(two):
    with unit_of_work(write=False):
        facts = raw("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user").one()
    assert tuple(facts) == (False, False)


def owners(table):
    """Whose rows a table shows, past every filter of ours."""
    return set(db.session.connection().execute(sa.select(sa.column("org_id")).select_from(sa.table(table))).scalars())


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_without_an_organisation_every_table_is_empty(two, table):
    with unit_of_work(write=False):
        assert owners(table) == set()
    with crossing("a test"), unit_of_work(write=False):
        if table in {"units", "api_keys", "settings", "memberships", "number_series"}:
            assert set(two) <= owners(table)


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_with_one_only_its_rows_are_there(two, table):
    for mine in two:
        with organization(mine, "UTC"), unit_of_work(write=False):
            assert owners(table) <= {mine}


def test_core_selects_are_held_to_it_too(two):
    mine, theirs = two
    with organization(mine, "UTC"), unit_of_work(write=False):
        connection = db.session.connection()
        assert set(connection.execute(sa.select(UNITS.c.org_id)).scalars()) == {mine}
        assert connection.execute(sa.select(UNITS).where(UNITS.c.org_id == theirs)).all() == []
        assert raw("SELECT count(*) FROM units WHERE org_id <> :mine", mine=mine).scalar_one() == 0
        assert raw("SELECT count(*) FROM units a JOIN units b ON a.name = b.name").scalar_one() == 1


INSERT = """
    INSERT INTO units (org_id, id, name, metadata, created_at, updated_at)
    VALUES (:org, :id, 'planted', '{}', now(), now())
"""


def test_a_row_of_another_organisation_cannot_be_put_in(two):
    mine, theirs = two
    for scope, org in ((organization(mine, "UTC"), theirs), (organization(theirs, "UTC"), mine)):
        with scope, pytest.raises(sa.exc.ProgrammingError, match="row-level security"), unit_of_work():
            raw(INSERT, org=org, id=uuid.uuid4())
    with pytest.raises(sa.exc.ProgrammingError, match="row-level security"), unit_of_work():
        raw(INSERT, org=mine, id=uuid.uuid4())
    with organization(mine, "UTC"), unit_of_work():
        assert raw(INSERT, org=mine, id=uuid.uuid4()).rowcount == 1


def test_nor_changed_deleted_or_handed_over(two):
    mine, theirs = two
    with organization(mine, "UTC"), unit_of_work():
        assert raw("UPDATE units SET name = 'taken' WHERE org_id = :org", org=theirs).rowcount == 0
        assert raw("DELETE FROM units WHERE org_id = :org", org=theirs).rowcount == 0
        assert raw("UPDATE units SET name = 'all'").rowcount == 1
    with organization(mine, "UTC"), pytest.raises(sa.exc.ProgrammingError, match="row-level security"), unit_of_work():
        raw("UPDATE units SET org_id = :org", org=theirs)
    with organization(theirs, "UTC"), unit_of_work(write=False):
        assert raw("SELECT name FROM units").scalars().all() == ["hour"]


def test_the_orm_cannot_put_a_row_into_another_organisation_either(two):
    mine, theirs = two
    with organization(mine, "UTC"), pytest.raises(sa.exc.ProgrammingError, match="row-level security"), unit_of_work():  # noqa: PT012 - the flush refuses
        db.session.add(Unit(org_id=theirs, id=uuid.uuid4(), name="planted"))
        db.session.flush()


def test_what_one_transaction_was_told_the_next_on_the_same_connection_does_not_know(app, two):
    mine, _ = two
    with organization(mine, "UTC"), unit_of_work():
        first = raw("SELECT pg_backend_pid()").scalar_one()
        assert raw("SELECT current_setting('app.org_id', true)").scalar_one() == str(mine)
    again = set()
    for _ in range(app.config["BILLHOOK"].database_pool + 1):
        with unit_of_work(write=False):
            again.add(raw("SELECT pg_backend_pid()").scalar_one())
            assert raw("SELECT coalesce(current_setting('app.org_id', true), '')").scalar_one() == ""
            assert raw("SELECT coalesce(current_setting('app.crossing', true), '')").scalar_one() == ""
            assert raw("SELECT count(*) FROM units").scalar_one() == 0
    assert first in again, "the pool gave other connections; the test proves nothing"


def test_nor_after_crossing_or_after_an_error(two):
    mine, _ = two
    with crossing("a test"), unit_of_work():
        assert raw("SELECT current_setting('app.crossing')").scalar_one() == "on"
    with organization(mine, "UTC"), pytest.raises(sa.exc.ProgrammingError), unit_of_work():
        raw("SELECT nonsense FROM nowhere")
    with unit_of_work(write=False):
        assert raw("SELECT count(*) FROM units").scalar_one() == 0


def test_a_bare_connection_of_the_pool_sees_nothing(two):
    with db.engine.connect() as connection:
        for _ in range(3):
            assert connection.execute(sa.text("SELECT count(*) FROM units")).scalar_one() == 0


def test_after_a_commit_in_the_middle_the_organisation_is_told_again(two):
    mine, _ = two
    with organization(mine, "UTC"), unit_of_work():
        assert raw("SELECT count(*) FROM units").scalar_one() == 1
        db.session.commit()
        assert raw("SELECT count(*) FROM units").scalar_one() == 1
        db.session.rollback()
        assert raw("SELECT count(*) FROM units").scalar_one() == 1


def test_in_a_savepoint_it_holds_as_well(two):
    mine, theirs = two
    with organization(mine, "UTC"), unit_of_work():
        with pytest.raises(sa.exc.ProgrammingError, match="row-level security"), db.session.begin_nested():
            raw(INSERT, org=theirs, id=uuid.uuid4())
        assert raw("SELECT count(*) FROM units").scalar_one() == 1


@pytest.mark.parametrize("told", ["", "00000000-0000-0000-0000-000000000000"])
def test_nobodys_name_opens_nothing(two, told):
    with unit_of_work(write=False):
        raw("SELECT set_config('app.org_id', :told, true), set_config('app.crossing', 'yes', true)", told=told)
        assert owners("units") == set()


@pytest.mark.parametrize("told", ["not-a-uuid", "' OR true --", "%"])
def test_nonsense_in_the_setting_is_an_error_and_opens_nothing(two, told):
    with unit_of_work(write=False):
        raw("SELECT set_config('app.org_id', :told, true)", told=told)
        with pytest.raises(sa.exc.DataError):
            owners("units")
