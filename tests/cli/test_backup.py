"""`flask backup` and `flask restore`: all that was acknowledged comes back; nothing half-restored is ever in place."""

import hashlib
import io
import json
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tarfile
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from app.cli import archive as archives
from app.cli import postgres_copy
from app.cli.organizations import make
from app.data.tenancy import crossing
from app.data.transaction import unit_of_work
from tests.cli.conftest import ONCE
from tests.cli.home import ROOT, last_line
from tests.cli.test_commands import refused, run, told

ON_POSTGRES = pytest.mark.parametrize("homes", ["postgresql"], indirect=True)


@pytest.fixture
def other(homes):
    """Another home, whose database is empty."""
    with homes.fresh(f"other_{random.randrange(1 << 40):x}") as made:  # noqa: S311 - a name
        yield made


@pytest.fixture
def saved(demo, tmp_path):
    """A backup of the demo data, with a document in it."""
    document = demo.instance / "files" / "org" / "ab" / "x.pdf"
    document.parent.mkdir(parents=True)
    document.write_bytes(b"%PDF-1.7 a document")
    document.with_name("x.4711.0a1b2c3d").write_bytes(b"half a docu")
    path = tmp_path / "saved.tar"
    with demo.app() as app:
        told(app, "backup", str(path))
    return path


def counts(home):
    with home.app() as app:
        return told(app, "check")["checked"]


def members(path):
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def rewritten(path, change):
    """The archive again, after `change` was done to its members, with what the manifest says about it corrected."""
    content = members(path)
    manifest = json.loads(content.pop("manifest.json"))
    change(content, manifest)
    manifest["members"] = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)} for name, data in content.items()
    }
    pack(path, content | {"manifest.json": json.dumps(manifest).encode()})


def pack(path, content):
    with tarfile.open(path, "w") as tar:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def test_there_and_back_again(demo, other, saved):
    content = members(saved)
    manifest = json.loads(content["manifest.json"])
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]
    assert manifest["database"] == demo.kind
    assert len(manifest["revisions"]["core"]) == 1
    assert manifest["rows"]["invoices"] == 8
    assert {name: each["sha256"] for name, each in manifest["members"].items()} == {
        name: hashlib.sha256(data).hexdigest() for name, data in content.items() if name != "manifest.json"
    }
    assert content["files/org/ab/x.pdf"] == b"%PDF-1.7 a document"
    assert len(content) == 3, "no draft of a document, no secret"
    with other.app() as app:
        answer = told(app, "restore", str(saved))
    assert answer["ok"] is True
    assert answer["checked"] == counts(demo) == counts(other)
    assert (answer["rows"], answer["files"], answer["secret"]) == (sum(manifest["rows"].values()), 1, False)
    assert (other.instance / "files/org/ab/x.pdf").read_bytes() == b"%PDF-1.7 a document"
    assert other.flask("doctor").returncode == 0
    left = {path.name for path in other.instance.iterdir()}
    assert not [name for name in left if "restor" in name], left


def test_the_secret_comes_along_on_request(demo, other, tmp_path):
    with demo.app() as app:
        told(app, "backup", str(tmp_path), "--with-secret")
    (path,) = tmp_path.glob("billhook-*.tar")
    with other.app() as app:
        assert told(app, "restore", str(path))["secret"] is True
    restored = other.instance / "secret_key"
    assert restored.read_text() == (demo.instance / "secret_key").read_text()
    assert stat.S_IMODE(restored.stat().st_mode) == 0o600


def test_a_database_that_holds_something_is_replaced_only_by_force(demo, saved, rows):
    demo.change("invoices", "notes = 'changed since'", rows.draft)
    with demo.app() as app:
        told(app, "org", "create", "Made since")
        assert "--force" in refused(app, "restore", str(saved))
        assert len(told(app, "org", "list")["data"]) == 2
    with demo.app() as app:
        assert told(app, "restore", str(saved), "--force")["ok"] is True
        assert len(told(app, "org", "list")["data"]) == 1
    assert not [path for path in demo.instance.iterdir() if "restor" in path.name]


def test_a_backup_in_which_something_is_wrong_says_so_and_the_database_before_is_kept(demo, other, rows, tmp_path):
    demo.change("invoices", "total = total + 1", rows.first)
    path = tmp_path / "wrong.tar"
    with demo.app() as app:
        told(app, "backup", str(path))
    with other.app() as app:
        told(app, "init")
    with other.app() as app:
        result = run(app, "restore", str(path), "--force", "--json")
    assert result.exit_code == 1
    answer = last_line(result.stdout)
    assert {finding["id"] for finding in answer["findings"]} == {str(rows.first)}
    kept = Path(answer["kept"])
    assert kept.name in {"before-restore.tar", "billhook.db.before-restore"}
    assert kept.stat().st_size > 10_000
    with other.app() as app:
        assert "earlier restore" in refused(app, "restore", str(path), "--force")
    kept.unlink()


class Load:
    """Writers that go on until they are told to stop, and remember what was acknowledged."""

    def __init__(self, server, key):
        self.server, self.key, self.acknowledged, self.lock = server, key, [], threading.Lock()
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self._write, args=[number]) for number in range(4)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def _write(self, writer):
        number = 0
        while not self.stop.is_set():
            number += 1
            answer = self.server.call(self.key, "POST", "/customers", {"name": f"Customer {writer}/{number}"})
            assert answer.status_code == 201, answer.text
            with self.lock:
                self.acknowledged.append(answer.json()["id"])

    def wait_for(self, count):
        deadline = time.monotonic() + 60
        while len(self.acknowledged) < count:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_backup_under_load_restores_all_that_was_acknowledged_before_it(demo, other, tmp_path):
    with demo.app(), crossing("a test makes its organisation"), unit_of_work():
        key = make("Busy GmbH", None, None, {}).secret
    path = tmp_path / "busy.tar"
    with demo.gunicorn(workers=2 if demo.kind == "postgresql" else 1, threads=4) as server, Load(server, key) as load:
        load.wait_for(40)
        before = list(load.acknowledged)
        assert demo.flask("backup", str(path)).returncode == 0
        during = len(load.acknowledged) - len(before)
        load.wait_for(len(load.acknowledged) + 5)
        assert during > 0, "nothing was written meanwhile"
    with other.app() as app:
        assert told(app, "restore", str(path))["ok"] is True
    with other.gunicorn(workers=1, threads=4) as server:
        found, cursor = set(), ""
        while cursor is not None:
            page = server.call(key, "GET", f"/customers?limit=100{cursor}").json()
            found |= {row["id"] for row in page["data"]}
            cursor = f"&cursor={page['meta']['next_cursor']}" if page["meta"].get("next_cursor") else None
    assert set(before) <= found
    assert other.check()[1]["ok"] is True


def test_a_server_that_runs_refuses_it_even_by_force(demo, saved):
    with demo.app(), crossing("a test makes its organisation"), unit_of_work():
        key = make("Running GmbH", None, None, {}).secret
    with demo.gunicorn(workers=1, threads=4) as server:
        assert server.call(key, "GET", "/me").status_code == 200
        with demo.app() as app:
            sentence = refused(app, "restore", str(saved), "--force")
        assert "stop every server" in sentence
        assert server.call(key, "POST", "/customers", {"name": "Still here"}).status_code == 201
    assert counts(demo)["organizations"] == 2


def start_restore(home, path):
    command = [sys.executable, "-m", "flask", "restore", str(path), "--force"]
    return subprocess.Popen(
        command,
        env=home.environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def test_a_restore_that_is_killed_leaves_the_old_or_the_new_and_never_half(demo, saved):
    with demo.app() as app:
        told(app, "org", "create", "Made since")
    started = time.monotonic()
    whole = start_restore(demo, saved)
    assert whole.wait(60) == 0, whole.stdout.read()
    whole.stdout.close()
    took = time.monotonic() - started
    with demo.app() as app:
        told(app, "org", "create", "Made since")
    seen = set()
    for part in (0.4, 0.6, 0.75, 0.85, 0.95):
        process = start_restore(demo, saved)
        time.sleep(took * part)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        code, answer = demo.check()
        assert (code, answer["ok"]) == (0, True)
        seen.add(answer["checked"]["organizations"])
        for name in ("billhook.db.before-restore", "before-restore.tar"):
            (demo.instance / name).unlink(missing_ok=True)
    assert seen <= {1, 2}
    with demo.app() as app:
        assert told(app, "restore", str(saved), "--force")["checked"]["organizations"] == 1


def tampered(path):
    """What can be wrong with an archive: name, and how it gets there."""
    content = members(path)
    database = next(name for name in content if name.startswith("database"))
    flipped = bytearray(content[database])
    flipped[len(flipped) // 2] ^= 1
    yield "one bit of the database", content | {database: bytes(flipped)}
    yield "a document", content | {"files/org/ab/x.pdf": b"%PDF-1.7 another"}
    yield "a document less", {name: data for name, data in content.items() if not name.startswith("files/")}
    yield "a document more", {"files/org/ab/y.pdf": b"more"} | content
    yield "no manifest", {name: data for name, data in content.items() if name != "manifest.json"}
    yield "a manifest that is none", content | {"manifest.json": b'{"format": "billhook-backup/1"}'}
    yield "a manifest that is no JSON", content | {"manifest.json": b"[" * 100_000}
    for name in ("/etc/passwd", "../outside", "files/../../outside", "files//x", "secret", "files/a\\b", "files/.."):
        yield f"the name {name}", {name: b"x"} | content


def test_an_archive_that_was_tampered_with_changes_nothing(demo, saved, tmp_path):
    before = counts(demo)
    broken = tmp_path / "broken.tar"
    with demo.app() as app:
        for what, content in tampered(saved):
            pack(broken, content)
            assert refused(app, "restore", str(broken), "--force"), what
        whole = saved.read_bytes()
        for what, data in (("cut", whole[: len(whole) // 2]), ("empty", b""), ("no tar", b"PK\x03\x04" * 400)):
            broken.write_bytes(data)
            assert refused(app, "restore", str(broken), "--force"), what
        assert told(app, "check")["checked"] == before
    assert not (tmp_path.parent / "outside").exists()
    assert not [path for path in demo.instance.iterdir() if "restor" in path.name]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_only_plain_files_are_taken(saved, demo, tmp_path, kind):
    odd = tmp_path / "odd.tar"
    with tarfile.open(odd, "w") as tar:
        info = tarfile.TarInfo("files/odd")
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
    with demo.app() as app:
        assert "which no backup writes" in refused(app, "restore", str(odd), "--force")


def test_a_newer_revision_is_refused(other, saved):
    rewritten(saved, lambda _, manifest: manifest.update(revisions={"core": ["9999"]}, version="99.0"))
    with other.app() as app:
        assert "made by a newer Billhook (99.0, core at 9999)" in refused(app, "restore", str(saved))


def test_the_other_kind_of_database_is_refused(other, saved):
    wrong = {"sqlite": "postgresql", "postgresql": "sqlite"}[other.kind]

    def change(content, manifest):
        manifest["database"] = wrong
        content[archives.DATABASES[wrong]] = content.pop(archives.DATABASES[other.kind])

    rewritten(saved, change)
    with other.app() as app:
        sentence = refused(app, "restore", str(saved))
    assert sentence.startswith("The backup is of ")
    assert "restore it into its own kind" in sentence


def test_rows_that_are_missing_stop_it(other, saved):
    def change(_, manifest):
        manifest["rows"]["invoices"] += 1

    rewritten(saved, change)
    with other.app() as app:
        assert "missing" in refused(app, "restore", str(saved))
        told(app, "init")


def test_a_database_that_cannot_be_read_stops_it(other, saved):
    def change(content, _):
        name = archives.DATABASES[other.kind]
        content[name] = content[name][:2000] + b"\xff" * 4000 + content[name][6000:]

    rewritten(saved, change)
    with other.app() as app:
        assert refused(app, "restore", str(saved))
        told(app, "init")
    assert not [path for path in other.instance.iterdir() if "restor" in path.name]


@ONCE
def test_stale_wal_files_are_not_taken_for_the_new_databases_own(demo, saved):
    """What a killed server leaves beside the database belongs to the old one."""
    path = demo.instance / "billhook.db"
    stale = {}
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("UPDATE organizations SET name = 'In the WAL alone'")
        connection.commit()
        for suffix in ("-wal", "-shm"):
            shutil.copy(f"{path}{suffix}", f"{path}{suffix}.copy")
            stale[suffix] = Path(f"{path}{suffix}.copy")
    for whole in (True, False):
        for suffix, copy in stale.items():
            shutil.copy(copy, f"{path}{suffix}")
        if not whole:
            path.unlink()  # only the leftovers are there
        with demo.app() as app:
            assert told(app, "restore", str(saved), "--force")["ok"] is True
            assert told(app, "org", "list")["data"][0]["name"] == "Demo Studio GmbH"


@ONCE
def test_a_database_that_is_none_is_replaced_by_force_and_kept_until_done(demo, saved):
    path = demo.instance / "billhook.db"
    path.write_bytes(b"this is no database, but somebody may want it" * 100)
    with demo.app() as app:
        assert "cannot be read" in refused(app, "restore", str(saved))
        assert told(app, "restore", str(saved), "--force")["ok"] is True


@ONCE
def test_an_unwritable_place_or_one_that_is_taken_is_a_sentence(demo, saved, tmp_path):
    with demo.app() as app:
        assert "exists already" in refused(app, "backup", str(saved))
        assert "cannot be used" in refused(app, "backup", str(tmp_path / "nowhere" / "x.tar"))
        assert "does not exist" in refused(app, "restore", str(tmp_path / "nothing.tar"))
        assert "is a directory" in refused(app, "restore", str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [saved.name]


@ONCE
def test_a_backup_of_nothing_is_a_sentence(home, tmp_path):
    with home.app() as app:
        assert "`flask init`" in refused(app, "backup", str(tmp_path / "x.tar"))
    assert list(tmp_path.iterdir()) == []


@ON_POSTGRES
def test_without_pg_dump_or_with_an_old_one_the_way_out_is_said(demo, tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for script, words in ((None, "There is no pg_dump in"), ("echo 'pg_dump (PostgreSQL) 9.6.1'", "too old")):
        if script:
            (tools / "pg_dump").write_text(f"#!/bin/sh\n{script}\n")
            (tools / "pg_dump").chmod(0o755)
        done = demo.flask("backup", str(tmp_path / "x.tar"), BILLHOOK_PG_BIN=str(tools))
        assert done.returncode == 1
        assert words in done.stderr
        assert "BILLHOOK_PG_BIN" in done.stderr
        assert not (tmp_path / "x.tar").exists()


@ON_POSTGRES
def test_the_password_is_in_no_command_line(demo):
    target = postgres_copy.Target.of("postgresql+psycopg://user:hun%3Ater2@db:5433/name?sslmode=require")
    assert target.password == "hun:ter2"
    assert "ter2" not in target.place
    assert "sslmode=require" in target.place
