"""ETag and If-Match: nobody overwrites what they have not seen.

A tag is made of the row's id, its last change and its version, so it tells whether the row was changed; figures that an
answer computes from other rows (a customer's balance) are not part of it.
"""

import hashlib
from typing import Any

from app.data.base import Stamped
from app.http.change import Change, running_change
from app.http.errors import PreconditionFailed


def tag_of(row: Any) -> str:
    """The strong tag of a Stamped row, in its quotation marks."""
    state = f"{row.id} {row.updated_at.isoformat()} {getattr(row, 'version', '')}"
    return f'"{hashlib.sha256(state.encode()).hexdigest()[:32]}"'


def refuse_stale(row: Any) -> None:
    """Raise PreconditionFailed unless the row, which is held, still has a tag that the caller's If-Match names."""
    change = running_change()
    if change is None or not change.conditional:
        return
    change.checked = True
    # What has no tag (a delivery) can only be asked to be there.
    if change.tags is not None and (not isinstance(row, Stamped) or tag_of(row) not in change.tags):
        raise PreconditionFailed("It was changed since you read it: read it again and decide anew.")


def refuse_stale_if_named(row: Any, *, locked: bool) -> None:
    """`refuse_stale` for the row that the running request's address names; no other row is meant by If-Match."""
    change = running_change()
    if change is None or not change.conditional or row.id != change.row_id:
        return
    # A tag that is compared before the row is held proves nothing to one who then writes.
    if locked or not change.locks:
        refuse_stale(row)


def insist_on_check(change: Change) -> None:
    """Raise RuntimeError, so that nothing is stored, when If-Match was given and no service has looked at it."""
    if change.conditional and change.row_id is not None and not change.checked:
        raise RuntimeError("If-Match was given, and the row was not read by find_or_404(lock=True)")
