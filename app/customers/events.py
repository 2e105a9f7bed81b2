"""What happens to customers."""

from dataclasses import dataclass
from typing import ClassVar

from app.events.declare import Event


@dataclass(frozen=True)
class CustomerCreated(Event):
    """A customer was made, by itself or inside a document."""

    name: ClassVar[str] = "customer.created"
    shape: ClassVar[str] = "CustomerOut"


@dataclass(frozen=True)
class CustomerUpdated(Event):
    """A customer changed, was archived or brought back."""

    name: ClassVar[str] = "customer.updated"
    shape: ClassVar[str] = "CustomerOut"


@dataclass(frozen=True)
class CustomerDeleted(Event):
    """A customer was deleted; documents still show them."""

    name: ClassVar[str] = "customer.deleted"
    shape: ClassVar[str] = "CustomerOut"


EVENTS = (CustomerCreated, CustomerUpdated, CustomerDeleted)
