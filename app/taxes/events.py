"""What happens to taxes, units and payment methods."""

from dataclasses import dataclass
from typing import ClassVar

from app.events.declare import Event


@dataclass(frozen=True)
class TaxCreated(Event):
    """A tax was made, with its first rate."""

    name: ClassVar[str] = "tax.created"
    shape: ClassVar[str] = "TaxOut"


@dataclass(frozen=True)
class TaxUpdated(Event):
    """A tax changed, or got a new rate."""

    name: ClassVar[str] = "tax.updated"
    shape: ClassVar[str] = "TaxOut"


@dataclass(frozen=True)
class TaxDeleted(Event):
    """A tax was taken out of use; documents keep it."""

    name: ClassVar[str] = "tax.deleted"
    shape: ClassVar[str] = "TaxOut"


@dataclass(frozen=True)
class UnitCreated(Event):
    """A unit was made."""

    name: ClassVar[str] = "unit.created"
    shape: ClassVar[str] = "UnitOut"


@dataclass(frozen=True)
class UnitUpdated(Event):
    """A unit changed."""

    name: ClassVar[str] = "unit.updated"
    shape: ClassVar[str] = "UnitOut"


@dataclass(frozen=True)
class UnitDeleted(Event):
    """A unit was deleted; documents keep its words."""

    name: ClassVar[str] = "unit.deleted"
    shape: ClassVar[str] = "UnitOut"


@dataclass(frozen=True)
class PaymentMethodCreated(Event):
    """A payment method was made."""

    name: ClassVar[str] = "payment_method.created"
    shape: ClassVar[str] = "PaymentMethodOut"


@dataclass(frozen=True)
class PaymentMethodUpdated(Event):
    """A payment method changed."""

    name: ClassVar[str] = "payment_method.updated"
    shape: ClassVar[str] = "PaymentMethodOut"


@dataclass(frozen=True)
class PaymentMethodDeleted(Event):
    """A payment method was deleted; documents keep its words."""

    name: ClassVar[str] = "payment_method.deleted"
    shape: ClassVar[str] = "PaymentMethodOut"


EVENTS = (
    TaxCreated,
    TaxUpdated,
    TaxDeleted,
    UnitCreated,
    UnitUpdated,
    UnitDeleted,
    PaymentMethodCreated,
    PaymentMethodUpdated,
    PaymentMethodDeleted,
)
