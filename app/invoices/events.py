"""What happens to invoices."""

from dataclasses import dataclass
from typing import ClassVar

from app.events.declare import Event


@dataclass(frozen=True)
class InvoiceCreated(Event):
    """A draft was made."""

    name: ClassVar[str] = "invoice.created"
    shape: ClassVar[str] = "InvoiceOut"


@dataclass(frozen=True)
class InvoiceUpdated(Event):
    """A draft changed, or a non-fiscal field of an issued invoice."""

    name: ClassVar[str] = "invoice.updated"
    shape: ClassVar[str] = "InvoiceOut"


@dataclass(frozen=True)
class InvoiceDeleted(Event):
    """A draft was put into the trash."""

    name: ClassVar[str] = "invoice.deleted"
    shape: ClassVar[str] = "InvoiceOut"


@dataclass(frozen=True)
class InvoiceIssued(Event):
    """A draft was issued: it has its number, and its content is frozen."""

    name: ClassVar[str] = "invoice.issued"
    shape: ClassVar[str] = "InvoiceOut"


@dataclass(frozen=True)
class InvoiceSent(Event):
    """An issued invoice was sent to somebody, for the first time or again."""

    name: ClassVar[str] = "invoice.sent"
    shape: ClassVar[str] = "InvoiceOut"


EVENTS = (InvoiceCreated, InvoiceUpdated, InvoiceDeleted, InvoiceIssued, InvoiceSent)
