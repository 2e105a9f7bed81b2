"""Copying a PostgreSQL database with its own tools, and replacing one in a single transaction."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import conninfo, sql

from app.cli.shell import Refusal, first_line
from app.config import PREFIX

WAIT_SECONDS = 2.0
# As `flask check` does: row-level security is told that all organisations are meant.
_CROSSING = "-c app.crossing=on"
_TABLES = (
    "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
    " AND relkind IN ('r', 'p') ORDER BY relname"
)
_OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)
_CLEAR = """
SET lock_timeout = '10s';
DO $clear$ DECLARE commands text; BEGIN
    SELECT string_agg(command, ';') INTO commands FROM (
        SELECT format('DROP %s IF EXISTS %s CASCADE', CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN
            'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, oid::regclass) AS command, oid
        FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
        UNION ALL SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure), oid
        FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
    ) AS ours WHERE oid NOT IN (SELECT objid FROM pg_depend WHERE deptype = 'e');
    IF commands IS NOT NULL THEN EXECUTE commands; END IF;
END $clear$;
"""
_COUNT = """
DO $count$ BEGIN
    IF (SELECT count(*) FROM {table}) <> {rows} THEN RAISE EXCEPTION 'rows of % are missing', {name}; END IF;
END $count$;
"""


@dataclass(frozen=True)
class Target:
    """A database for the tools: where it is without the password, which goes by the environment, unseen in `ps`."""

    place: str
    password: str

    @classmethod
    def of(cls, url: str) -> "Target":
        """From the setting."""
        parts = conninfo.conninfo_to_dict(re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url))
        password = str(parts.pop("password", None) or "")
        parts["options"] = f"{parts.get('options') or os.environ.get('PGOPTIONS', '')} {_CROSSING}".strip()
        return cls(conninfo.make_conninfo("", **parts), password)

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection of the login's own power. Raises Refusal."""
        try:
            with psycopg.connect(self.place, password=self.password or None) as connection:
                yield connection
        except psycopg.Error as error:
            raise Refusal(f"The database refuses ({first_line(error)}): `flask doctor` says more.") from error


class Tools:
    """pg_dump, pg_restore and psql, at least as new as the server. Raises Refusal with the way out."""

    def __init__(self, folder: Path | None, server: int) -> None:
        self._folder, self._server = folder, server

    def run(self, name: str, arguments: Sequence[str], target: Target) -> None:
        """Run one of them; the error it tells of first is the reason when it fails."""
        command = [find_tool(name, self._folder, self._server), *arguments]
        sees = os.environ | ({"PGPASSWORD": target.password} if target.password else {})
        done = subprocess.run(command, env=sees, stdin=subprocess.DEVNULL, capture_output=True, check=False)  # noqa: S603
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").splitlines()
            reason = next(iter([line for line in said if "rror" in line] or said), "it says nothing")
            raise Refusal(f"{name} failed: {reason.strip().removesuffix('.')}.")


def find_tool(name: str, folder: Path | None, server: int) -> str:
    """Where a tool is that is at least of the server's version. Raises Refusal."""
    way = f"Install PostgreSQL's client programs of version {server} (Debian: apt install postgresql-client-{server})"
    way += f", or set {PREFIX}PG_BIN to the folder they are in."
    found = shutil.which(name, path=str(folder) if folder else None)
    if found is None:
        raise Refusal(f"There is no {name} {f'in {folder}' if folder else 'on the PATH'}: {way}")
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    version = re.search(r"(\d+)(?:\.\d+|beta|rc|devel)", said)
    if version is None or int(version[1]) < server:
        raise Refusal(f"{found} is {said.strip() or 'broken'}, too old for a server of version {server}: {way}")
    return found


def major(connection: psycopg.Connection[Any]) -> int:
    """The server's version."""
    return connection.info.server_version // 10_000


def schema_of(connection: psycopg.Connection[Any]) -> str:
    """Where the tables are."""
    name: str | None = connection.execute("SELECT current_schema()").fetchone()[0]  # type: ignore[index]
    if name is None:
        raise Refusal("The database has no schema that this login may use.")
    return name


def rows(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """How many rows each table has."""
    names = [name for (name,) in connection.execute(_TABLES).fetchall()]
    query = "SELECT count(*) FROM {}"
    return {name: connection.execute(sql.SQL(query).format(sql.Identifier(name))).fetchone()[0] for name in names}  # type: ignore[index]


def dump(connection: psycopg.Connection[Any], target: Target, folder: Path | None, out: Path) -> dict[str, int]:
    """Write the database to a file as one picture, and count the rows of just that picture."""
    tools = Tools(folder, major(connection))
    find_tool("pg_dump", folder, major(connection))
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    snapshot = connection.execute("SELECT pg_export_snapshot()").fetchone()[0]  # type: ignore[index]
    schema = sql.Identifier(schema_of(connection)).as_string(connection)
    shape = ["--format=custom", "--no-owner", "--no-privileges", "--enable-row-security", f"--schema={schema}"]
    tools.run("pg_dump", [*shape, f"--snapshot={snapshot}", f"--file={out}", f"--dbname={target.place}"], target)
    return rows(connection)


def refuse_company(target: Target) -> None:
    """Raise Refusal while anybody else is connected; a server that has just ended gets a moment."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        with target.connect() as connection:
            others = connection.execute(_OTHERS).fetchone()[0]  # type: ignore[index]
        if not others:
            return
        if time.monotonic() > deadline:
            sessions = "1 other session is" if others == 1 else f"{others} other sessions are"
            raise Refusal(f"{sessions} in the database: stop every server, worker and command that works on it.")
        time.sleep(0.1)


def holds_anything(connection: psycopg.Connection[Any]) -> bool:
    """Whether any table has a row, the revisions left out."""
    return any(count for name, count in rows(connection).items() if not name.startswith("alembic_version"))


def replace(dumped: Path, target: Target, folder: Path | None, schema: str, expected: Mapping[str, int]) -> None:
    """Replace all that is in the schema by a dump, in one transaction: whoever dies on the way has changed nothing."""
    with target.connect() as connection:
        tools, here = Tools(folder, major(connection)), schema_of(connection)
        counted = [
            _COUNT.format(
                table=sql.Identifier(schema, name).as_string(connection),
                name=sql.Literal(name).as_string(connection),
                rows=int(count),
            )
            for name, count in expected.items()
        ]
        quoted = sql.Identifier(schema).as_string(connection)
    if here != schema:
        raise Refusal(f"The backup is of the schema {schema}, but this login works in {here}.")
    clear, content, count = (dumped.with_name(name) for name in ("1-clear.sql", "2-content.sql", "3-count.sql"))
    clear.write_text(_CLEAR, encoding="utf-8")
    options = ["--no-owner", "--no-privileges", f"--schema={schema}", f"--file={content}", str(dumped)]
    tools.run("pg_restore", options, target)
    finish = f"SET search_path = {quoted}; SET row_security = on;"
    count.write_text("\n".join([finish, *counted]), encoding="utf-8")
    files = [f"--file={path}" for path in (clear, content, count)]
    shape = ["--no-psqlrc", "--quiet", "--output=/dev/null", "--single-transaction", "--set=ON_ERROR_STOP=1"]
    tools.run("psql", [*shape, *files, f"--dbname={target.place}"], target)
