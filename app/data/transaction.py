"""The unit of work. Whoever opens the door commits: the endpoint wrapper or the command. Services never do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from app.extensions import db

# What a transaction that writes does last, before it is committed.
BEFORE_COMMIT: list[Callable[[], None]] = []

# SQLite takes its write lock at BEGIN IMMEDIATE; what starts as a reader and then writes can fail half-way.
_read_only: ContextVar[bool] = ContextVar("read_only", default=False)


@contextmanager
def unit_of_work(*, write: bool = True) -> Iterator[None]:
    """One transaction: committed when the block ends, rolled back when it raises. Reading is always rolled back."""
    token = _read_only.set(not write)
    try:
        yield
        if write:
            for act in BEFORE_COMMIT:
                act()
            db.session.commit()
    finally:
        # After a commit there is nothing to roll back; on the way out of an error, and after reading, there is.
        db.session.remove()
        _read_only.reset(token)


def end_reading() -> None:
    """Give the connection back before slow work (rendering); loaded objects stay usable."""
    db.session.remove()


def begin_statement() -> str:
    """How SQLite shall begin: readers do not queue behind writers, writers queue before they read."""
    return "BEGIN" if _read_only.get() else "BEGIN IMMEDIATE"
