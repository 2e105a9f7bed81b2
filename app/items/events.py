"""What happens to items of the catalogue."""

from dataclasses import dataclass
from typing import ClassVar

from app.events.declare import Event


@dataclass(frozen=True)
class ItemCreated(Event):
    """An item was made."""

    name: ClassVar[str] = "item.created"
    shape: ClassVar[str] = "ItemOut"


@dataclass(frozen=True)
class ItemUpdated(Event):
    """An item changed."""

    name: ClassVar[str] = "item.updated"
    shape: ClassVar[str] = "ItemOut"


@dataclass(frozen=True)
class ItemDeleted(Event):
    """An item was taken out of the catalogue; documents keep their copy."""

    name: ClassVar[str] = "item.deleted"
    shape: ClassVar[str] = "ItemOut"


EVENTS = (ItemCreated, ItemUpdated, ItemDeleted)
