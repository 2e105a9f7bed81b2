"""The services the suite leans on: a fresh role without privileges, databases that go away, servers of our own."""

import os
import re
import time
from pathlib import Path

import psycopg
import pytest

from tests.support import processes, services
from tests.support.services import (
    Postgres,
    Redis,
    ServiceError,
    Unavailable,
    find_postgres,
    find_redis,
    postgres_of_wheel,
    postgres_server,
    redis_of_wheel,
    redis_server,
    require,
    switched_off,
)


@pytest.fixture(scope="module")
def server():
    with postgres_server() as found:
        yield require(found)


@pytest.fixture(scope="module")
def wheel_server():
    with started(Postgres, postgres_of_wheel) as server:
        yield server


def started(kind, start):
    if off := switched_off(kind, os.environ):
        require(off)
    try:
        return start()
    except (processes.CannotUseError, OSError) as error:
        return require(Unavailable(kind.name, str(error)))


def execute(url, statement):
    with psycopg.connect(url) as connection:
        connection.execute(statement)


def rows(url, query):
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def databases(server):
    with server._connect() as connection:
        return {name for (name,) in connection.execute("select datname from pg_database")}


def test_a_database_belongs_to_a_role_that_row_level_security_binds(server):
    url = server.create_database("owned")
    query = """select rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolname = pg_get_userbyid(datdba)
               from pg_roles, pg_database where rolname = current_user and datname = current_database()"""
    assert rows(url, query) == [(False, False, False, False, True)]
    execute(url, "create table anything (id int)")
    server.drop_database("owned")


def test_a_copy_of_a_template_has_its_tables(server):
    url = server.create_database("template")
    execute(url, "create table stock as select 7 as amount")
    copy = server.create_database("copy", template="template")
    assert rows(copy, "select amount from stock") == [(7,)]
    server.drop_database("copy")
    server.drop_database("template")


def test_a_dropped_database_is_gone_even_when_it_was_in_use(server):
    with psycopg.connect(server.create_database("busy")) as connection:
        name = connection.info.dbname
        assert name in databases(server)
        server.drop_database("busy")
        assert name not in databases(server)


@pytest.mark.parametrize("name", ["", "Upper", "a-b", "x" * 31, 'a"; drop role postgres; --'])
def test_a_name_that_is_no_plain_word_is_refused(server, name):
    with pytest.raises(ServiceError):
        server.create_database(name)


def test_nothing_stays_on_a_shared_server(server):
    with Postgres(server.url, "the same server") as visitor:
        visitor.create_database("first")
        visitor.create_database("second")
        assert {f"{visitor.role}_first", f"{visitor.role}_second"} <= databases(server)
    assert not {name for name in databases(server) if name.startswith(visitor.role)}
    with server._connect() as connection:
        assert connection.execute("select 1 from pg_roles where rolname = %s", [visitor.role]).fetchone() is None


def test_what_a_killed_run_left_is_dropped_after_a_day(server, monkeypatch):
    now = time.time()
    monkeypatch.setattr(services.time, "time", lambda: now - 2 * processes.DAY)
    killed = Postgres(server.url, "two days ago")
    killed.create_database("stale")
    monkeypatch.setattr(services.time, "time", lambda: now - processes.DAY / 2)
    with Postgres(server.url, "half a day ago") as recent:
        recent.create_database("kept")
        monkeypatch.undo()
        with Postgres(server.url, "now"):
            assert f"{killed.role}_stale" not in databases(server)
            assert f"{recent.role}_kept" in databases(server)
    with server._connect() as connection:
        assert connection.execute("select 1 from pg_roles where rolname = %s", [killed.role]).fetchone() is None


def test_a_role_that_may_only_make_databases_and_roles_is_enough(wheel_server):
    url = make_role(wheel_server, "humble", "createdb createrole")
    with Postgres(url, "a humble role") as server:
        server.create_database("template")
        copy = server.create_database("copy", template="template")
        assert rows(copy, "select current_user") == [(server.role,)]
    assert not {name for name in databases(wheel_server) if name.startswith(server.role)}


def test_a_role_that_may_do_nothing_is_refused_by_name(wheel_server):
    url = make_role(wheel_server, "powerless", "")
    with pytest.raises(ServiceError, match="powerless may not create databases and roles"):
        find_postgres({"BILLHOOK_TEST_POSTGRES_URL": url})


def make_role(server, name, privileges):
    with server._connect() as connection:
        connection.execute(f"create role {name} login {privileges}")
    return server.url.replace("postgres@", f"{name}@")


def test_the_wheel_starts_a_server_that_only_this_user_reaches(wheel_server):
    assert wheel_server.started
    assert re.fullmatch(r"1[6-9]\.\d+|[2-9]\d\.\d+", wheel_server.version)
    url = wheel_server.create_database("fresh")
    assert rows(url, "select current_setting('listen_addresses'), current_setting('unix_socket_permissions')") == [
        ("", "0700")
    ]
    assert rows(url, "select lower('ÄÖ'), current_setting('server_encoding')") == [("äö", "UTF8")]


def test_a_started_server_leaves_no_process_and_no_folder():
    with started(Redis, redis_of_wheel) as server:
        path = Path(server.url.removeprefix("unix://"))
        assert path.is_socket()
        assert server.started
        assert Redis(server.url, "once more").version.startswith("Valkey ")
    assert not path.parent.exists()
    with pytest.raises(processes.CannotUseError, match="no Redis at"):
        Redis(server.url, "gone")


def test_redis_answers_or_says_why():
    with redis_server() as found:
        assert require(found).version.startswith(("Redis ", "Valkey "))


@pytest.mark.parametrize(("find", "name"), [(find_postgres, "POSTGRES"), (find_redis, "REDIS")])
def test_a_service_can_be_switched_off(find, name):
    variables = {f"BILLHOOK_TEST_{name}": "off", f"BILLHOOK_TEST_{name}_URL": "ignored://"}
    found = find(variables)
    assert isinstance(found, Unavailable)
    assert found.reason == f"switched off by BILLHOOK_TEST_{name}=off"


@pytest.mark.parametrize(
    ("find", "name", "url"),
    [
        (find_postgres, "POSTGRES", "postgresql://nobody@127.0.0.1:1/nothing"),
        (find_redis, "REDIS", "redis://127.0.0.1:1/0"),
        (find_redis, "REDIS", "http://127.0.0.1:1/"),
    ],
)
def test_a_url_that_does_not_work_is_an_error_and_no_skip(find, name, url):
    with pytest.raises(ServiceError, match=f"BILLHOOK_TEST_{name}_URL cannot be used"):
        find({f"BILLHOOK_TEST_{name}_URL": url})
