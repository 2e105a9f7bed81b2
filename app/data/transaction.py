"""The unit of work. Whoever opens the door commits: the endpoint wrapper or the command. Services never do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from app.extensions import db

# SQLite takes its write lock at BEGIN IMMEDIATE; what starts as a reader and then writes can fail half-way.
_read_only: ContextVar[bool] = ContextVar("read_only", default=False)

# What is done at the end of every writing unit, in the same transaction; also of one that is then rolled back, so that
# a dry run refuses what the real one would. (SQLAlchemy's own before_commit would also run at each savepoint.)
BEFORE_COMMIT: list[Callable[[], None]] = []


@contextmanager
def unit_of_work(*, write: bool = True, dry: bool = False) -> Iterator[None]:
    """One transaction: committed when the block ends, rolled back when it raises. Reading is always rolled back.

    A dry one does everything that a writing one does, and is rolled back instead of committed.
    """
    token = _read_only.set(not write)
    try:
        yield
        if write:
            db.session.flush()
            for act in BEFORE_COMMIT:
                act()
            # A dry unit still writes what the hooks have added: that, too, may be refused.
            (db.session.flush if dry else db.session.commit)()
    finally:
        # After a commit there is nothing to roll back; after an error, reading or a dry run there is.
        db.session.remove()
        _read_only.reset(token)


def end_reading() -> None:
    """Give the connection back before slow work (rendering); loaded objects stay usable."""
    db.session.remove()


def begin_statement() -> str:
    """How SQLite shall begin: readers do not queue behind writers, writers queue before they read."""
    return "BEGIN" if _read_only.get() else "BEGIN IMMEDIATE"
