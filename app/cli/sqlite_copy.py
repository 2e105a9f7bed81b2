"""Copying an SQLite database while it is used, and putting a copy in its place while nobody uses it."""

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from app.cli.archive import sync_folder
from app.cli.shell import Refusal, first_line

ASIDE = ".before-restore"
_BUSY_SECONDS = 30.0
_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
_LEFTOVERS = ("-wal", "-shm", "-journal")


def copy(source: Path, target: Path) -> None:
    """Copy all that was committed before now, as one picture; writers go on meanwhile."""
    if not source.exists():
        raise Refusal(f"There is no database at {source} yet: `flask init` makes one.")
    try:
        with (
            closing(sqlite3.connect(source, timeout=_BUSY_SECONDS)) as theirs,
            closing(sqlite3.connect(target)) as ours,
        ):
            theirs.backup(ours, pages=-1)
            alone_in_its_file(ours)
    except sqlite3.Error as error:
        raise Refusal(f"The database cannot be copied: {first_line(error)}.") from error


def alone_in_its_file(connection: sqlite3.Connection) -> None:
    """Bring what stands in a -wal file into the database itself, and end with that file."""
    connection.execute("PRAGMA journal_mode=DELETE").fetchone()


def rows(path: Path) -> dict[str, int]:
    """How many rows each table has."""
    with closing(sqlite3.connect(path)) as connection:
        names = sorted(name for (name,) in connection.execute(_TABLES))
        return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}  # noqa: S608


def refuse_damaged(path: Path, expected: dict[str, int]) -> None:
    """Raise Refusal unless a copy is sound and complete."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            said = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        found = rows(path)
    except sqlite3.Error as error:
        said, found = first_line(error), {}
    if said != "ok" or found != expected:
        raise Refusal(f"The copy of the database is damaged ({said if said != 'ok' else 'rows are missing'}).")


@contextmanager
def held(path: Path, *, force: bool) -> Iterator[bool]:
    """Keep everybody else out of a database; says whether it holds anything. Raises Refusal where somebody is in."""
    if not path.exists():
        yield False
        return
    # Foreign handles are seen although they are idle: leaving WAL needs the file for oneself.
    with closing(sqlite3.connect(path, timeout=1.0, isolation_level=None)) as connection:
        try:
            alone_in_its_file(connection)
            connection.execute("BEGIN EXCLUSIVE")
            used = any(count for name, count in _rows(connection).items() if not name.startswith("alembic_version"))
        except sqlite3.OperationalError as error:
            raise Refusal(
                f"{path} is in use ({first_line(error)}): stop every server, worker and command that works on it."
            ) from error
        except sqlite3.DatabaseError as error:
            if not force:
                raise Refusal(
                    f"{path} cannot be read ({first_line(error)}); --force replaces it, and it is kept aside."
                ) from error
            used = True
        yield used


def _rows(connection: sqlite3.Connection) -> dict[str, int]:
    names = [name for (name,) in connection.execute(_TABLES).fetchall()]
    asked = 'SELECT EXISTS (SELECT 1 FROM "{}")'
    return {name: connection.execute(asked.format(name)).fetchone()[0] for name in names}


def replace(staged: Path, target: Path) -> Path | None:
    """Put a database in its place; the one that was there is kept beside it. At no moment is there none.

    A stale -wal would be taken for the new database's own, so those go first: what was in them is in the old one.
    """
    aside = target.with_name(f"{target.name}{ASIDE}")
    if target.exists():
        aside.unlink(missing_ok=True)  # of an attempt that ended before it replaced anything: the same file
        os.link(target, aside)
        _as_before(staged, target.stat())
    for suffix in _LEFTOVERS:
        target.with_name(f"{target.name}{suffix}").unlink(missing_ok=True)
    kept = aside if target.exists() else None
    staged.replace(target)
    sync_folder(target.parent)
    return kept


def _as_before(staged: Path, before: os.stat_result) -> None:
    """The same people may read and write it."""
    staged.chmod(stat.S_IMODE(before.st_mode))
    with contextlib.suppress(PermissionError):  # only root may give files away
        os.chown(staged, before.st_uid, before.st_gid)


def settle(staged: Path) -> None:
    """Make a migrated copy one file again, and have it on disk."""
    with closing(sqlite3.connect(staged)) as connection:
        alone_in_its_file(connection)
    descriptor = os.open(staged, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(staged: Path) -> None:
    """Remove a copy that is not needed, with what stands beside it."""
    for suffix in ("", *_LEFTOVERS):
        staged.with_name(f"{staged.name}{suffix}").unlink(missing_ok=True)


def refuse_earlier(target: Path) -> None:
    """Raise Refusal where a restore before this one left two databases and nobody has chosen."""
    aside = target.with_name(f"{target.name}{ASIDE}")
    if aside.exists() and not (target.exists() and aside.samefile(target)):
        raise Refusal(f"{aside} is the database before an earlier restore: move it away, or remove it, first.")
    remove(target.with_name(f"{target.name}.restoring"))
