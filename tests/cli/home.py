"""An installation of one's own: a database, an instance folder, and the programs that work on it."""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import requests
from flask import Flask

from app.cli.serve import server_command
from app.extensions import db
from app.factory import create_app
from tests.support.services import Postgres

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60


@dataclass(frozen=True)
class Home:
    """Where one installation lives."""

    kind: str
    url: str
    instance: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a process of this installation sees."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith("BILLHOOK_") and name != "PORT"
        }
        return kept | {"BILLHOOK_INSTANCE_PATH": str(self.instance), "BILLHOOK_DATABASE_URL": self.url}

    def flask(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `flask …` as an operator does."""
        command = [sys.executable, "-m", "flask", *arguments]
        sees = self.environment | environment
        return subprocess.run(command, env=sees, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)

    def made(self, *arguments: str) -> dict[str, Any]:
        """Run `flask … --json`, which must succeed, and read its last line."""
        done = self.flask(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return last_line(done.stdout)

    @contextmanager
    def app(self) -> Iterator[Flask]:
        """The application, in this process; its connections are given back."""
        app = create_app({"database_url": self.url, "instance_path": self.instance})
        with app.app_context():
            yield app
            db.session.remove()
            db.engine.dispose()

    def check(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Exit code and answer of `flask check --json`, run in this process."""
        with self.app() as app:
            result = app.test_cli_runner().invoke(args=["check", "--json", *arguments])
        return result.exit_code, last_line(result.stdout)

    def change(self, table: str, change: str, row_id: UUID) -> None:
        """UPDATE one row behind the application's back."""
        self._execute(f"UPDATE {table} SET {change} WHERE id = {self._literal(row_id)}")  # noqa: S608 - the test's words

    def delete(self, table: str, row_id: UUID) -> None:
        """DELETE one row behind the application's back."""
        self._execute(f"DELETE FROM {table} WHERE id = {self._literal(row_id)}")  # noqa: S608 - the test's words

    def _execute(self, statement: str) -> None:
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as connection:
                count = connection.execute(statement).rowcount
                connection.commit()
        else:
            with psycopg.connect(self.url) as connection:
                connection.execute("SELECT set_config('app.crossing', 'on', false)")
                count = connection.execute(statement.encode()).rowcount
        assert count == 1, f"{count} rows: {statement}"

    def _literal(self, row_id: UUID) -> str:
        """An id as it is written in this database's SQL."""
        return f"'{row_id.hex if self.kind == 'sqlite' else row_id}'"

    @contextmanager
    def gunicorn(self, *, workers: int, threads: int, **environment: str) -> Iterator["Server"]:
        """Real server processes in a group of their own, which is killed at the end if it still lives."""
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
            command = server_command(f"fd://{listener.fileno()}", workers=workers, threads=threads)
            base = f"http://127.0.0.1:{listener.getsockname()[1]}"
            process = subprocess.Popen(
                command,
                env=self.environment | environment,
                cwd=ROOT,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
        with process:
            try:
                assert requests.get(f"{base}/health", timeout=SECONDS).status_code == 200
                yield Server(base, process)
            finally:
                kill(process)

    @contextmanager
    def serve(self, *options: str) -> Iterator["Server"]:
        """`flask serve` on any free port, from when it has said what it has to say."""
        command = [sys.executable, "-m", "flask", "serve", "--port", "0", *options]
        process = subprocess.Popen(
            command, env=self.environment, cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True
        )
        with process:
            try:
                assert process.stdout is not None
                said = process.stdout.readline()
                found = re.search(r"http://[^ ]+", said.decode())
                assert found, said.decode()
                # The server's first answer comes after the last word of who started it.
                assert requests.get(f"{found[0]}/health", timeout=SECONDS).status_code == 200
                os.set_blocking(process.stdout.fileno(), False)
                said += process.stdout.read() or b""
                yield Server(found[0], process, said.decode())
            finally:
                kill(process)


@dataclass(frozen=True)
class Server:
    """A running server: where it answers, its first process, and what it printed."""

    base: str
    process: subprocess.Popen[Any]
    said: str = ""

    def call(
        self, key: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> requests.Response:
        """One call of the API on a connection of its own."""
        sent = {"Authorization": f"Bearer {key}"} | (headers or {})
        return requests.request(method, f"{self.base}/api/v1{path}", headers=sent, json=body, timeout=SECONDS)


def kill(process: subprocess.Popen[Any]) -> None:
    """SIGKILL to a process and all that it started: nobody gets to clean up."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def last_line(output: str) -> dict[str, Any]:
    """The JSON object that a command prints as its last line."""
    found = json.loads(output.rstrip("\n").splitlines()[-1])
    assert isinstance(found, dict)
    return found


class Homes:
    """Makes installations on one kind of database, and takes them down again."""

    def __init__(self, kind: str, folder: Path, server: Postgres | None) -> None:
        self.kind, self.folder, self.server = kind, folder, server

    @contextmanager
    def fresh(self, name: str, template: str | None = None) -> Iterator[Home]:
        """An empty database, or a copy of another home's, which nobody may be connected to."""
        instance = self.folder / name
        instance.mkdir()
        if self.server is not None:
            yield Home(self.kind, self.server.create_database(name, template), instance)
            self.server.drop_database(name)
            return
        database = instance / "billhook.db"
        if template is not None:
            shutil.copy(self.folder / template / "billhook.db", database)
        yield Home(self.kind, f"sqlite:///{database}", instance)
