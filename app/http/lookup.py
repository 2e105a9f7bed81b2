"""What services say when a row is missing or a value is taken: the same words everywhere."""

import re
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.base import ExecutableOption

from app.data.base import TenantModel
from app.data.lookup import find, taken
from app.http.errors import Conflict, NotFound
from app.http.etags import refuse_stale_if_named

Row = TypeVar("Row", bound=TenantModel)


def find_or_404(model: type[Row], row_id: UUID, noun: str, *options: ExecutableOption, lock: bool = False) -> Row:
    """The current organisation's living row. Raises NotFound, for a foreign id as for an unknown one.

    When it is the row that the request's address names, also PreconditionFailed: see etags.py.
    """
    row = find(model, row_id, *options, lock=lock)
    if row is None:
        raise NotFound(f"There is no such {noun}.")
    refuse_stale_if_named(row, locked=lock)
    return row


def refuse_taken(
    model: type[TenantModel], column: InstrumentedAttribute[Any], value: object, *, field: str, but: UUID | None = None
) -> None:
    """Raise Conflict, naming the field, when another row of the organisation holds this value already. None is free."""
    if value is not None and taken(model, column, value, but):
        noun = re.sub(r"\B(?=[A-Z])", " ", model.__name__).lower()
        text = f"Another {noun} has this {field.replace('_', ' ')} already."
        raise Conflict(text, details={"fields": {field: [text]}})
