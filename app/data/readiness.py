"""Can this installation serve, and is its work getting done? The answer comes soon, whatever hangs.

The first question loads alembic, so that a worker nobody asks does without it. What features know of themselves (a
queue, a schedule) comes through a port: app.extensions["billhook.readiness"], a tuple of callables giving facts.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import DBAPIError
from werkzeug.utils import import_string

from app.data.tenancy import crossing
from app.data.transaction import unit_of_work
from app.extensions import db

PORT = "billhook.readiness"
SECONDS = 3.0

Fact = bool | int | float | str | datetime | None
Source = Callable[[], Mapping[str, Fact]]
T = TypeVar("T")

log = logging.getLogger(__name__)
_asking = threading.Lock()


@dataclass
class Standing:
    """What must be true, and what is worth knowing beside it."""

    checks: dict[str, bool] = field(default_factory=lambda: {"database": False, "migrations": False})
    facts: dict[str, Fact] = field(default_factory=dict)


def standing(app: Flask, seconds: float = SECONDS) -> Standing:
    """How things stand; where not all is known within some seconds, `in_time` is a check that failed."""
    found = Standing()
    finished = _within(seconds, lambda: _look(app, found))
    # A thread that is late may still be at work on it.
    return Standing(found.checks | ({} if finished else {"in_time": False}), dict(found.facts))


def database_answers() -> bool:
    """Whether the database can be asked at all."""
    try:
        with db.engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
    except (DBAPIError, sa.exc.TimeoutError, OSError):
        return False
    return True


def migrations_pending(app: Flask) -> bool:
    """Whether the database lacks a revision that the program has."""
    return bool(import_string("app.data.migrate:pending_migrations")(app))


def gather(sources: Iterable[Callable[[], Mapping[str, T]]], reason: str) -> tuple[dict[str, T], list[str]]:
    """What the callables of a port give, each in a transaction of its own; and the names of those that failed."""
    found: dict[str, T] = {}
    failed: list[str] = []
    for source in sources:
        try:
            with crossing(reason), unit_of_work(write=False):
                found |= source()
        except Exception:
            log.exception("what %s knows could not be asked", _name(source))
            failed.append(_name(source))
    return found, failed


def _look(app: Flask, found: Standing) -> None:
    with app.app_context():
        found.checks["database"] = database_answers()
        if not found.checks["database"]:
            return
        found.checks["migrations"] = not migrations_pending(app)
        if not found.checks["migrations"]:
            return
        given, failed = gather(app.extensions.get(PORT, ()), "a probe asks whether work is getting done")
        found.facts |= {name: value for name, value in given.items() if not isinstance(value, bool)}
        found.checks |= {name: value for name, value in given.items() if isinstance(value, bool)}
        found.checks |= dict.fromkeys(failed, False)


def _within(seconds: float, question: Callable[[], None]) -> bool:
    """Ask in a thread and wait no longer than this; while one question hangs, no second is put. Whether it ended."""
    if not _asking.acquire(timeout=seconds):
        return False

    def ask() -> None:
        try:
            question()
        except Exception:
            log.exception("readiness could not be found out")
        finally:
            _asking.release()

    thread = threading.Thread(target=copy_context().run, args=(ask,), daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()


def _name(source: Callable[[], object]) -> str:
    return str(getattr(source, "__name__", type(source).__name__))
