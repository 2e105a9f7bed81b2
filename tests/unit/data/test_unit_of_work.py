"""One transaction: whoever opens the door commits, an error rolls everything back, reading writes nothing."""

import threading

import pytest
import sqlalchemy as sa

from app.data import transaction
from app.data.base import new_id
from app.data.tenancy import organization
from app.data.transaction import begin_statement, end_reading, unit_of_work
from app.extensions import db
from app.taxes.models import Unit


@pytest.fixture
def ours(app, client):
    with app.app_context(), organization(client.org_id, "UTC"):
        yield client.org_id
        db.session.remove()


def add(org_id, name):
    db.session.add(Unit(org_id=org_id, id=new_id(), name=name))
    db.session.flush()


def names():
    with unit_of_work(write=False):
        return sorted(db.session.scalars(sa.select(Unit.name)))


def test_it_commits_at_the_end(ours):
    with unit_of_work():
        add(ours, "a")
    assert names() == ["a"]


def test_an_error_rolls_all_of_it_back(ours):
    with pytest.raises(ZeroDivisionError), unit_of_work():  # noqa: PT012 - the block is what is tested
        add(ours, "a")
        add(ours, "b")
        raise ZeroDivisionError
    assert names() == []


def test_reading_stores_nothing(ours):
    with unit_of_work(write=False):
        add(ours, "a")
    assert names() == []


def test_a_dry_one_stores_nothing_and_fails_where_a_real_one_would(ours):
    with unit_of_work(dry=True):
        db.session.add(Unit(org_id=ours, id=new_id(), name="a"))
    assert names() == []
    with unit_of_work():
        add(ours, "a")
    with pytest.raises(sa.exc.IntegrityError), unit_of_work(dry=True):
        db.session.add(Unit(org_id=ours, id=new_id(), name="a"))


def test_hooks_run_before_a_commit_once_also_when_there_were_savepoints(ours, monkeypatch):
    ran = []
    monkeypatch.setattr(transaction, "BEFORE_COMMIT", [lambda: ran.append(1)])
    with unit_of_work(), db.session.begin_nested():
        add(ours, "a")
    with unit_of_work(dry=True):
        add(ours, "b")
    with unit_of_work(write=False):
        names()
    with pytest.raises(ZeroDivisionError), unit_of_work():
        raise ZeroDivisionError
    assert ran == [1, 1]


def test_after_it_nothing_is_left_open(app, ours):
    with unit_of_work():
        add(ours, "a")
    assert not db.session.registry.has()
    assert db.engine.pool.checkedout() == 0
    with pytest.raises(ZeroDivisionError), unit_of_work():  # noqa: PT012 - the block is what is tested
        add(ours, "b")
        raise ZeroDivisionError
    assert db.engine.pool.checkedout() == 0


def test_objects_stay_readable_after_it(ours):
    with unit_of_work():
        unit = Unit(org_id=ours, id=new_id(), name="a")
        db.session.add(unit)
    assert unit.name == "a"


def test_reading_may_end_before_slow_work(ours):
    with unit_of_work():
        add(ours, "a")
    with unit_of_work(write=False):
        unit = db.session.scalars(sa.select(Unit)).one()
        end_reading()
        assert db.engine.pool.checkedout() == 0
        assert unit.name == "a"


def test_sqlite_takes_its_write_lock_first(ours):
    assert begin_statement() == "BEGIN IMMEDIATE"
    with unit_of_work(write=False):
        assert begin_statement() == "BEGIN"
        with unit_of_work():
            assert begin_statement() == "BEGIN IMMEDIATE"
        assert begin_statement() == "BEGIN"
    assert begin_statement() == "BEGIN IMMEDIATE"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_connection_to_sqlite_is_durable_and_checks_its_keys(app):
    with app.app_context(), db.engine.connect() as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert values == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


def test_parallel_writers_wait_for_each_other_and_none_fails(app, client):
    """A read and a write in one transaction, ten times at once: on SQLite a late lock would be "database is locked"."""
    failures = []

    def work(number):
        try:
            with app.app_context(), organization(client.org_id, "UTC"), unit_of_work():
                db.session.scalars(sa.select(Unit.name)).all()
                add(client.org_id, f"u{number}")
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert client.get("/units").get_json()["meta"]["total"] == 10
