"""Ties events to the session: what changes is noted, what was emitted is written before the commit or forgotten."""

from sqlalchemy import event

from app.data import transaction
from app.events.changes import forget_changes, note_changes
from app.events.service import forget_pending, write_pending
from app.extensions import db


def attach() -> None:
    """Attach to the one scoped session and to the unit of work. Called once, at import of the factory."""
    event.listen(db.session, "before_flush", note_changes)
    event.listen(db.session, "after_commit", forget_changes)
    event.listen(db.session, "after_rollback", forget_changes)
    event.listen(db.session, "after_rollback", forget_pending)
    transaction.BEFORE_COMMIT.append(write_pending)
