"""`flask restore`: an installation from a backup. Until the last moment what was there before stays as it was."""

import os
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from flask import current_app

from app.cli import postgres_copy, sqlite_copy
from app.cli.archive import DATABASES, SECRET, Reader, refusing_os
from app.cli.backup import make_backup
from app.cli.check import examine
from app.cli.shell import Command, Refusal, answer, json_option
from app.config import PREFIX, Settings
from app.data import migrate
from app.extensions import db

BEFORE = "before-restore.tar"
SCRATCH = ".billhook-restore-"


@click.command(cls=Command)
@click.argument("archive", metavar="IN", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace a database that holds something.")
@json_option
def restore(archive: Path, *, force: bool, as_json: bool) -> None:
    """Restore the backup IN, bring it to the newest revision, and prove every invariant; exit 1 when one is broken.

    Everything that works on the database must have ended.
    """
    settings: Settings = current_app.config["BILLHOOK"]
    reader = Reader(archive)
    _refuse_unfit(reader)
    db.engine.dispose()
    kept = (_into_sqlite if db.engine.dialect.name == "sqlite" else _into_postgres)(reader, settings, force=force)
    secret = _restore_secret(reader, settings)
    tally, findings = examine()
    rows = [{"organization_id": place.id} | asdict(finding) for place, finding in findings]
    if kept and not rows:
        kept.unlink()
    more = {"secret": secret, "kept": str(kept) if kept and rows else None}
    _report(reader, more, tally, rows, as_json=as_json)


def _refuse_unfit(reader: Reader) -> None:
    manifest, kind = reader.manifest, db.engine.dialect.name
    if manifest.database != kind:
        raise Refusal(
            f"The backup is of {_called(manifest.database)}, and {PREFIX}DATABASE_URL names {_called(kind)}:"
            " restore it into its own kind."
        )
    unknown = migrate.unknown_revisions(migrate.running(), manifest.revisions)
    if unknown:
        raise Refusal(
            f"The backup was made by a newer Billhook ({manifest.version}, {', '.join(unknown)}): install that first."
        )


def _called(kind: str) -> str:
    return {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(kind, kind)


def _into_sqlite(reader: Reader, settings: Settings, *, force: bool) -> Path | None:
    target = Path(str(db.engine.url.database))
    sqlite_copy.refuse_earlier(target)
    staged = target.with_name(f"{target.name}.restoring")
    with refusing_os(target), sqlite_copy.held(target, force=force) as used:
        _refuse_used(used=used, force=force)
        try:
            reader.extract(DATABASES["sqlite"], staged)
            sqlite_copy.refuse_damaged(staged, reader.manifest.rows)
            migrate.upgrade(migrate.running(), f"sqlite:///{staged}")
            sqlite_copy.settle(staged)
            reader.extract_files(settings.files_path)
            return sqlite_copy.replace(staged, target)
        finally:
            sqlite_copy.remove(staged)


def _into_postgres(reader: Reader, settings: Settings, *, force: bool) -> Path | None:
    target = postgres_copy.Target.of(settings.database_url)
    postgres_copy.refuse_company(target)
    with target.connect() as connection:
        used = postgres_copy.holds_anything(connection)
        _refuse_used(used=used, force=force)
    kept = settings.instance_path / BEFORE if used else None
    _remove_leftovers(settings.instance_path)
    if kept:
        if kept.exists():
            raise Refusal(f"{kept} is the database before an earlier restore: move it away, or remove it, first.")
        make_backup(kept)
        db.engine.dispose()
    try:
        _replace_postgres(reader, settings, target)
    except Refusal:
        if kept:  # nothing has changed
            kept.unlink()
        raise
    migrate.upgrade(migrate.running())
    return kept


def _replace_postgres(reader: Reader, settings: Settings, target: postgres_copy.Target) -> None:
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=settings.instance_path) as name:
        dumped = Path(name) / DATABASES["postgresql"]
        reader.extract(DATABASES["postgresql"], dumped)
        reader.extract_files(settings.files_path)
        postgres_copy.refuse_company(target)
        postgres_copy.replace(dumped, target, settings.pg_bin, reader.manifest.schema, reader.manifest.rows)


def _remove_leftovers(folder: Path) -> None:
    """What a restore left behind that was killed."""
    for path in folder.glob(f"{SCRATCH}*"):
        shutil.rmtree(path, ignore_errors=True)


def _refuse_used(*, used: bool, force: bool) -> None:
    if used and not force:
        raise Refusal("The database holds data; --force replaces it by the backup.")


def _restore_secret(reader: Reader, settings: Settings) -> bool:
    """Whether the secret came along; it is written where the next start finds it."""
    if SECRET not in reader.manifest.members:
        return False
    path = settings.instance_path / SECRET
    draft = path.with_name(f"{SECRET}.{os.getpid()}")
    reader.extract(SECRET, draft)
    draft.replace(path)
    return True


def _report(
    reader: Reader, more: dict[str, Any], checked: dict[str, int], rows: list[dict[str, Any]], *, as_json: bool
) -> None:
    manifest = reader.manifest
    data = {
        "ok": not rows,
        "created_at": manifest.created_at,
        "rows": sum(manifest.rows.values()),
        "files": len(manifest.files()),
        "revisions": manifest.revisions,
        **more,
        "checked": checked,
        "findings": rows,
    }
    lines = [f"WRONG  {row['kind']} {row['id']}  [{row['rule']}]  {row['message']}" for row in rows]
    if rows and more["kept"]:
        lines.append(f"What was there before is kept in {more['kept']}.")
    what = f"the backup of {manifest.created_at}: {data['rows']:,} rows, {data['files']:,} documents"
    lines.append(f"Restored {what}. {f'{len(rows):,} wrong.' if rows else 'Every invariant holds.'}")
    answer(data, "\n".join(lines), as_json=as_json)
    if rows:
        raise click.exceptions.Exit(1)
