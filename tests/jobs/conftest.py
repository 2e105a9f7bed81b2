"""An installation whose tables of jobs are empty at the start of each test, with the jobs of tests/jobs/site.py."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from app.data import clock, migrate, wake
from app.data.transaction import unit_of_work
from app.extensions import db
from app.jobs.engine import EXTENSION
from app.jobs.models import JobRow, Schedule, ScheduleTick
from tests.cli.home import Home, Homes
from tests.jobs import site
from tests.support.services import postgres_server, require

Ran = Callable[[], list[tuple[str, str, int]]]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A migrated database and its instance folder."""
    server = require(postgres_server()) if request.param == "postgresql" else None
    homes = Homes(request.param, tmp_path_factory.mktemp(request.param), server)
    with homes.fresh("jobs") as made:
        with made.app() as app:
            migrate.upgrade(app)
        yield made


@pytest.fixture
def app(place: Home) -> Iterator[Flask]:
    """The application, with nothing to do, in a context of its own."""
    made = site.create_app({"database_url": place.url, "instance_path": place.instance})
    with made.app_context():
        with unit_of_work():
            for table in (JobRow, Schedule, ScheduleTick):
                db.session.connection().execute(sa.delete(table))
        (place.instance / "ran.txt").write_text("")
        yield made
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def ran(place: Home) -> Ran:
    """What has run: (what happened, to whom, in which process)."""

    def read() -> list[tuple[str, str, int]]:
        lines = (place.instance / "ran.txt").read_text().splitlines()
        return [(what, text, int(pid)) for what, text, pid in (line.split(" ") for line in lines)]

    return read


@pytest.fixture
def woken(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which sources were woken."""
    names: list[str] = []
    monkeypatch.setitem(app.extensions, wake.EXTENSION, names.extend)
    return names


@pytest.fixture
def burst(app: Flask) -> Callable[[], int]:
    """Work until nothing is due, without the schedule; how much it was."""

    def run() -> int:
        runner = app.extensions[EXTENSION].make_runner()
        del runner.lanes["schedule"]
        taken = runner.burst()
        app.extensions[EXTENSION].runner = None
        return taken

    return run


class Hold:
    """Billhook's clock, held by a test."""

    def __init__(self) -> None:
        self.instant = clock.now()

    def forward(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)

    def at(self, text: str) -> None:
        self.instant = datetime.fromisoformat(text)


@pytest.fixture
def hold(monkeypatch: pytest.MonkeyPatch) -> Hold:
    """Hold the clock, in all threads."""
    held = Hold()
    monkeypatch.setattr(clock, "now", lambda: held.instant)
    return held
