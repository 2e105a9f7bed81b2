"""What changed on a row: noted before each flush, so that no service has to remember it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import money
from app.data.base import TenantModel
from app.data.types import MinorUnits
from app.extensions import db

HIDDEN = "[hidden]"
_NOTES = "billhook.changes"
_BOOKKEEPING = frozenset({"updated_at", "version", "content_hash"})


@dataclass
class _Notes:
    """What one row was before: by column as the ORM saw it, and beside the columns as a service told."""

    row: TenantModel
    before: dict[str, Any] = field(default_factory=dict)
    told: dict[str, list[Any]] = field(default_factory=dict)


def note_changes(session: Session, *_: object) -> None:
    """Session event before_flush: keep the values that dirty rows had when they were read."""
    for row in session.dirty:
        if isinstance(row, TenantModel) and (before := sa.inspect(row).committed_state):
            notes = _notes(session, row).before
            for name, value in before.items():
                notes.setdefault(name, value)


def note_change(row: TenantModel, name: str, before: object, after: object) -> None:
    """Note a change beside the row's own columns, such as an invoice's lines or a customer's taxes."""
    if before != after:
        told = _notes(db.session(), row).told
        told[name] = [told.get(name, [before])[0], after]


def forget_changes(session: Session, *_: object) -> None:
    """Session events after_commit and after_rollback: the transaction is over, if it was not a savepoint's end."""
    if not session.in_nested_transaction():
        session.info.pop(_NOTES, None)


def changes_of(row: TenantModel) -> dict[str, list[Any]] | None:
    """The fields of a row that this transaction changed: name to [before, after]. None when it changed none."""
    notes: _Notes | None = db.session().info.get(_NOTES, {}).get(id(row))
    if notes is None:
        return None
    columns = sa.inspect(type(row)).column_attrs
    found: dict[str, list[Any]] = {}
    for name, old in notes.before.items():
        if name not in columns or name in _BOOKKEEPING or old == (new := getattr(row, name)):
            continue
        column = columns[name].columns[0]
        secret = column.info.get("secret", False)
        found[str(column.name)] = [HIDDEN, HIDDEN] if secret else [_shown(column, row, old), _shown(column, row, new)]
    found |= {name: [_plain(old), _plain(new)] for name, (old, new) in notes.told.items()}
    return found or None


def _notes(session: Session, row: TenantModel) -> _Notes:
    notes: _Notes = session.info.setdefault(_NOTES, {}).setdefault(id(row), _Notes(row))
    return notes


def _shown(column: sa.ColumnElement[Any], row: TenantModel, value: Any) -> Any:
    """As the API shows it: an amount in the row's currency, not in minor units."""
    currency = getattr(row, "currency", None)
    if isinstance(column.type, MinorUnits) and currency and isinstance(value, int):
        return money.format_minor(value, money.exponent(currency))
    return _plain(value)


def _plain(value: Any) -> Any:
    """A value as JSON has it. What the row had not loaded is not known, and is null."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, date):  # datetimes too
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value) if isinstance(value, UUID) else None
