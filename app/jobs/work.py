"""What the runner works off: sources, each with rows and threads of its own, so that slow work delays no other."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Protocol, cast, runtime_checkable

from flask import Flask, current_app

from app.data.wake import EXTENSION, Waker

SOURCES = "billhook.sources"
OVERDUE = timedelta(minutes=5)

Task = Callable[[], None]


class Source(Protocol):
    """A kind of work with rows of its own. Every call is made in an application context of its own."""

    name: str
    threads: int
    """How many of its tasks one process runs at once."""

    def claim(self, limit: int) -> Sequence[Task]:
        """Take at most `limit` due rows under a lease, in a transaction of its own; what to run.

        Each task runs on a thread of its own, outside any transaction, and finishes its own row. All are started at
        once: a source never holds what waits for a thread.
        """

    def overdue(self) -> int:
        """How many rows have been due for longer than OVERDUE."""


@runtime_checkable
class Releasing(Protocol):
    """A source that can give back what its tasks still hold when the process has to go."""

    def release(self) -> None:
        """Make what is still running claimable by others now; whoever runs it here can no longer finish it."""


def sources() -> tuple[Source, ...]:
    """The sources of the running application."""
    return cast("tuple[Source, ...]", current_app.extensions[SOURCES])


def wake(app: Flask, name: str) -> None:
    """Tell whoever works for this application that a source has work. Call it after the commit.

    In a transaction, `app.data.wake.wake_after_commit(name)` does that by itself.
    """
    waker: Waker | None = app.extensions.get(EXTENSION)
    if waker:
        waker({name})
