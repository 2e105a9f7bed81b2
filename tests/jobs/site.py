"""Billhook with jobs of the tests' own, for this process and for real ones (FLASK_APP, gunicorn).

Each run of a job is a line in ran.txt of the instance folder: what happened, to whom, and in which process.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa
from flask import Flask, Response, current_app, request

from app import factory
from app.accounts.models import Organization
from app.data.tenancy import current_organization, today
from app.extensions import db
from app.http.blueprint import Blueprint
from app.http.guard import public
from app.jobs.declare import GiveUp, RetryIn, job, periodic

LEASE = 1.5
NOTE_LEASE = 30  # a busy machine may stand still for a second; a note shall run once
bp = Blueprint("site", __name__, url_prefix="", description="Work on demand.")


def write(what: str, text: str) -> None:
    path = Path(current_app.instance_path) / "ran.txt"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "w") as file:
        file.write(f"{what} {text} {os.getpid()}\n")


@job("site.note", delays=(0.1,), lease=NOTE_LEASE)
def note(text: str) -> None:
    write("note", text)


@job("site.slow", lease=LEASE)
def slow(text: str, seconds: float) -> None:
    write("start", text)
    time.sleep(seconds)
    write("end", text)


@job("site.fails", attempts=3, delays=(60, 600))
def fails(text: str) -> None:
    raise ValueError(text)


@job("site.exits", attempts=2)
def exits() -> None:
    raise SystemExit("enough")


@job("site.gives_up")
def gives_up() -> None:
    raise GiveUp("The address is wrong.")


@job("site.later", attempts=2)
def later() -> None:
    raise RetryIn(90, "The receiver asked for it.")


@job("site.at_home")
def at_home() -> None:
    write("home", f"{current_organization()}@{today()}")


@job("site.leaves_open")
def leaves_open() -> None:
    db.session.execute(sa.insert(Organization).values(name="never", tier="free"))


@periodic("site.hourly", every=3600, catch_up="each")
def hourly(tick: Any) -> None:
    write("tick", tick.isoformat())


@periodic("site.daily", every=86_400)
def daily() -> None:
    write("day", "one")


@bp.route("/work", methods=["POST"])
@public("for the tests")
@bp.response(202)
def make_work() -> Response:
    """Enqueue a note."""
    note.enqueue(text=request.args["text"])
    return Response(status=202)


JOBS = (note, slow, fails, exits, gives_up, later, at_home, leaves_open)


def _with_ours() -> Any:
    """The factory's lists with the tests' own, while an application is built: other tests want it as it is."""
    return patch.multiple(
        factory,
        JOBS=(*factory.JOBS, *JOBS),
        PERIODICS=(factory.prune, hourly, daily),
        BLUEPRINTS=(*factory.BLUEPRINTS, bp),
    )


def create_app(overrides: Mapping[str, Any] | None = None) -> Flask:
    with _with_ours():
        return factory.create_app(overrides)


def serve_app() -> Flask:
    with _with_ours():
        return factory.serve_app()
