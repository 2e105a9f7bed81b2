"""`flask backup`: one file with all that an installation is, made while it is used."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from flask import current_app

from app import __version__
from app.cli import postgres_copy, sqlite_copy
from app.cli.archive import DATABASES, FILES, SECRET, Manifest, Writer, refusing_os
from app.cli.shell import Command, Refusal, answer, json_option
from app.config import Settings
from app.data import clock, migrate
from app.extensions import db

# A document that is being written (documents/service.py) is none yet.
_DRAFT = re.compile(r".*\.\d+\.[0-9a-f]{8}")


@click.command(cls=Command)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--with-secret", is_flag=True, help="Put the secret key into it, too: then it opens file links.")
@json_option
def backup(out: Path, *, with_secret: bool, as_json: bool) -> None:
    """Write database and documents to the file OUT (or into the folder OUT), while everything goes on.

    All that was acknowledged before the start is in it.
    """
    made = make_backup(out, with_secret=with_secret)
    text = "{path}: {bytes:,} bytes, {rows:,} rows, {files:,} documents, SHA-256 {sha256}"
    answer(made, text.format(**made), as_json=as_json)


def make_backup(out: Path, *, with_secret: bool = False) -> dict[str, Any]:
    """Write a backup, and say what is in it. Raises Refusal; then nothing was written."""
    settings: Settings = current_app.config["BILLHOOK"]
    started = clock.now()
    path = (out / f"billhook-{started:%Y%m%d-%H%M%S}.tar" if out.is_dir() else out).absolute()
    if path.exists():
        raise Refusal(f"{path} exists already; choose another name.")
    with refusing_os(path), _scratch(path.parent) as folder, Writer(path) as archive:
        manifest = _database(settings, folder, archive)
        count = _documents(settings.files_path, archive)
        if with_secret:
            copy = folder / SECRET
            copy.write_text(settings.secret_key, encoding="utf-8")
            _add(archive, SECRET, copy)
        sha256 = archive.finish(manifest)
        found = {"path": str(path), "bytes": path.stat().st_size, "sha256": sha256, "files": count}
    told = {name: value for name, value in asdict(manifest).items() if name not in {"members", "rows", "format"}}
    return told | found | {"rows": sum(manifest.rows.values()), "with_secret": with_secret}


@contextmanager
def _scratch(beside: Path) -> Iterator[Path]:
    """A folder of ours alone, on the disk that the backup must fit on anyway."""
    with tempfile.TemporaryDirectory(prefix=".billhook-backup-", dir=beside) as name:
        yield Path(name)


def _database(settings: Settings, folder: Path, archive: Writer) -> Manifest:
    created_at = clock.now().isoformat(timespec="seconds").replace("+00:00", "Z")
    app, kind = migrate.running(), db.engine.dialect.name
    copy, schema = folder / DATABASES[kind], ""
    if kind == "sqlite":
        sqlite_copy.copy(Path(str(db.engine.url.database)), copy)
        rows = sqlite_copy.rows(copy)
        sqlite_copy.refuse_damaged(copy, rows)
        revisions = migrate.revisions(app, f"sqlite:///{copy}")
    else:
        target = postgres_copy.Target.of(settings.database_url)
        with target.connect() as connection:
            rows = postgres_copy.dump(connection, target, settings.pg_bin, copy)
            schema = postgres_copy.schema_of(connection)
        revisions = migrate.revisions(app)
    _add(archive, DATABASES[kind], copy)
    copy.unlink()
    return Manifest(__version__, created_at, kind, schema, revisions, rows)


def _documents(folder: Path, archive: Writer) -> int:
    """Add what is in the folder of documents. They come after the database, so none that it knows can be missing."""
    count = 0
    for path in sorted(folder.rglob("*")):
        if not path.is_symlink() and path.is_file() and not _DRAFT.fullmatch(path.name):
            _add(archive, FILES + path.relative_to(folder).as_posix(), path)
            count += 1
    return count


def _add(archive: Writer, name: str, path: Path) -> None:
    try:
        source = path.open("rb")
    except FileNotFoundError:
        return  # cleaned up meanwhile
    with source:
        archive.add(name, source, path.stat().st_size)
