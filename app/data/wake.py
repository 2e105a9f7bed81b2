"""Telling whoever does the work that there is some, after the commit that brought it and never without one."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import current_app

from app.extensions import db

EXTENSION = "billhook.wake"
_WAITING = "billhook.wake"

Waker = Callable[[Iterable[str]], None]
"""Is given the names of the sources that have work. Must return at once and never raise."""


def wake_after_commit(source: str) -> None:
    """When the current transaction is committed, wake the workers of a source ("jobs", "events", …)."""
    db.session.info.setdefault(_WAITING, set()).add(source)


def after_commit(session: Any) -> None:
    """Session event after_commit. Releasing a savepoint is no commit yet."""
    if session.in_nested_transaction():
        return
    names = session.info.pop(_WAITING, None)
    waker: Waker | None = current_app.extensions.get(EXTENSION)
    if names and waker:
        waker(names)


def after_rollback(session: Any) -> None:
    """Session event after_rollback: what was to be done is gone. One wake-up too many after a savepoint is harmless."""
    if not session.in_nested_transaction():
        session.info.pop(_WAITING, None)
