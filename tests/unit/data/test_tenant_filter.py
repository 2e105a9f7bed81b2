"""The second lock: the session filters every statement by the organisation, and raises where there is none."""

import uuid

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import aliased, selectinload

from app.accounts.models import ApiKey, Membership, Organization, User
from app.data import clock, tenancy
from app.data.base import new_id
from app.data.tenancy import NoOrganization, crossing, current_organization, organization, today
from app.data.transaction import unit_of_work
from app.extensions import db
from app.taxes.models import PaymentMethod, Tax, TaxRate, Unit


@pytest.fixture
def two(app, client, stranger):
    """Two organisations with a unit of the same name and a tax each; inside an application context."""
    for caller in (client, stranger):
        assert caller.post("/units", {"name": "hour"}).status_code == 201
        assert caller.post("/taxes", {"name": "VAT", "rate": 19}).status_code == 201
    with app.app_context():
        yield client.org_id, stranger.org_id
        db.session.remove()


READS = {
    "select": lambda: db.session.scalars(sa.select(Unit)).all(),
    "columns": lambda: db.session.execute(sa.select(Unit.name)).all(),
    "count": lambda: db.session.execute(sa.select(sa.func.count(Unit.id))).all(),
    "get": lambda: [db.session.get(Unit, (uuid.uuid4(), uuid.uuid4()))],
    "alias": lambda: db.session.scalars(sa.select(aliased(Unit))).all(),
    "join": lambda: db.session.execute(sa.select(Tax.id, TaxRate.id).join(TaxRate, TaxRate.tax_id == Tax.id)).all(),
    "update": lambda: db.session.execute(sa.update(Unit).values(name="x")),
    "delete": lambda: db.session.execute(sa.delete(Unit)),
    "exists": lambda: db.session.execute(sa.select(sa.exists().where(Unit.name == "hour")).select_from(Unit)).all(),
    "count from": lambda: db.session.execute(sa.select(sa.func.count()).select_from(Unit)).all(),
    "subquery": lambda: db.session.execute(
        sa.select(Organization.id).where(Organization.id.in_(sa.select(Unit.org_id)))
    ).all(),
    "common table": lambda: db.session.execute(sa.select(sa.select(Unit.id).cte().c.id)).all(),
    "table": lambda: db.session.execute(sa.select(Unit.__table__.c.id)).all(),
    "union": lambda: db.session.execute(sa.select(Organization.id).union_all(sa.select(Unit.id))).all(),
    "insert from": lambda: db.session.execute(sa.insert(Organization).from_select(["id"], sa.select(Unit.id))),
    "query": lambda: db.session.query(Unit).all(),
    "outer join": lambda: db.session.execute(
        sa.select(Membership, User).join(User, User.id == Membership.user_id)
    ).all(),
}


@pytest.mark.parametrize("name", READS)
def test_without_an_organisation_every_statement_on_a_tenant_table_raises(two, name):
    with pytest.raises(NoOrganization), unit_of_work(write=False):
        READS[name]()


def test_tables_of_nobody_may_be_read(two):
    with unit_of_work(write=False):
        assert db.session.scalars(sa.select(Organization).where(Organization.id == two[0])).one()
        assert db.session.scalars(sa.select(User)).all()


@pytest.mark.parametrize(
    "query",
    [
        lambda: sa.select(Unit.org_id),
        lambda: sa.select(aliased(Unit).org_id),
        lambda: sa.select(Unit.org_id).where(sa.true()),
        lambda: sa.select(Unit.org_id).union_all(sa.select(Tax.org_id)),
        lambda: sa.select(sa.select(Unit.org_id).subquery()),
        lambda: sa.select(Tax.org_id).join(TaxRate, TaxRate.tax_id == Tax.id),
        lambda: sa.select(TaxRate.org_id).join(TaxRate.tax),
        lambda: sa.select(Unit.org_id).where(Unit.name.in_(sa.select(Unit.name))),
        lambda: sa.select(Unit.org_id).where(sa.or_(Unit.name == "hour", sa.true())),
        lambda: sa.select(Unit.org_id).where(sa.exists().where(Tax.name == "VAT")),
    ],
)
def test_with_one_only_its_rows_are_seen(two, query):
    for mine in two:
        with organization(mine, "UTC"), unit_of_work(write=False):
            found = set(db.session.scalars(query()))
            assert found == {mine}


def test_an_explicit_other_organisation_finds_nothing(two):
    mine, theirs = two
    with organization(mine, "UTC"), unit_of_work(write=False):
        assert db.session.scalars(sa.select(Unit).where(Unit.org_id == theirs)).all() == []
        foreign = _one_of(theirs)
        assert db.session.get(Unit, (theirs, foreign)) is None
        assert db.session.get(Unit, (mine, foreign)) is None


def _one_of(org_id):
    with crossing("a test looks for a row"):
        return db.session.scalars(sa.select(Unit.id).where(Unit.org_id == org_id)).first()


def test_relationships_stay_within(two):
    mine, theirs = two
    with organization(mine, "UTC"), unit_of_work(write=False):
        for tax in db.session.scalars(sa.select(Tax).options(selectinload(Tax.rates))):
            assert {rate.org_id for rate in tax.rates} == {mine}
            assert theirs not in {rate.tax.org_id for rate in tax.rates}


@pytest.mark.parametrize(
    "statement",
    [
        lambda: sa.update(Unit).values(name="taken"),
        lambda: sa.delete(Unit),
        lambda: sa.update(Unit).where(Unit.name == "hour").values(code="XX"),
    ],
)
def test_changes_in_bulk_stay_within(two, statement):
    mine, theirs = two
    with organization(mine, "UTC"), unit_of_work():
        assert db.session.execute(statement()).rowcount == 1
    with organization(theirs, "UTC"), unit_of_work(write=False):
        [unit] = db.session.scalars(sa.select(Unit))
        assert (unit.name, unit.code) == ("hour", None)


def test_crossing_sees_all_and_says_why(two):
    with crossing("a test"), unit_of_work(write=False):
        assert set(two) <= set(db.session.scalars(sa.select(Unit.org_id)))
        assert tenancy._current.get().reason == "a test"
        with pytest.raises(NoOrganization):
            current_organization()


def test_scopes_nest_and_end_with_their_block(two):
    mine, theirs = two
    with organization(mine, "UTC"):
        with organization(theirs, "Asia/Tokyo"):
            assert current_organization() == theirs
            with crossing("a test"):
                pass
            assert current_organization() == theirs
        assert current_organization() == mine
        with pytest.raises(ZeroDivisionError), organization(theirs, "UTC"):
            raise ZeroDivisionError
        assert current_organization() == mine
    for ask in (current_organization, today):
        with pytest.raises(NoOrganization):
            ask()


def test_an_open_transaction_learns_of_a_change(two):
    mine, theirs = two
    with organization(mine, "UTC"), unit_of_work(write=False):
        assert {unit.org_id for unit in db.session.scalars(sa.select(Unit))} == {mine}
        with organization(theirs, "UTC"):
            assert {unit.org_id for unit in db.session.scalars(sa.select(Unit))} == {theirs}
        assert {unit.org_id for unit in db.session.scalars(sa.select(Unit))} == {mine}


def test_today_is_the_organisations(two):
    with organization(two[0], "Pacific/Kiritimati"):
        assert today() == clock.today("Pacific/Kiritimati")


def test_a_row_without_an_organisation_cannot_be_stored(two):
    with organization(two[0], "UTC"), pytest.raises((sa.exc.SAWarning, sa.exc.IntegrityError)), unit_of_work():  # noqa: PT012 - the flush refuses
        db.session.add(PaymentMethod(id=new_id(), name="x"))
        db.session.flush()


def test_a_link_into_another_organisation_cannot_be_stored(two):
    mine, theirs = two
    with crossing("a test"), unit_of_work(write=False):
        foreign = db.session.scalars(sa.select(Tax.id).where(Tax.org_id == theirs)).first()
    with organization(mine, "UTC"), pytest.raises(sa.exc.IntegrityError), unit_of_work():  # noqa: PT012 - the flush refuses
        db.session.add(TaxRate(org_id=mine, tax_id=foreign, rate=1, valid_from=clock.today("UTC")))
        db.session.flush()


def test_a_request_leaves_nothing_behind(two, client):
    client.get("/units")
    assert tenancy._current.get() is None
    with pytest.raises(NoOrganization), unit_of_work(write=False):
        db.session.scalars(sa.select(ApiKey)).all()
