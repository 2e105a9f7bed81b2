"""What customers owe. The figures come from the invoices feature, which lies above this one.

So the dependency is inverted: `CustomerLedger` says what is asked, the factory registers who answers.
Currencies are never added up: every figure stands beside its currency.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from flask import current_app

EXTENSION = "billhook.customer_ledger"


@dataclass(frozen=True, kw_only=True)
class CurrencyFigures:
    """What one customer was invoiced, owes and has in credit in one currency, in its minor units."""

    currency: str
    total_invoiced: int
    balance: int
    credit: int


class CustomerLedger(Protocol):
    """What customers ask of the invoices."""

    def figures(self, customer_ids: Sequence[UUID]) -> Mapping[UUID, Sequence[CurrencyFigures]]:
        """The figures of these customers of the current organisation, one entry a currency; in one query."""

    def recent_invoices(self, customer_id: UUID) -> Sequence[Mapping[str, Any]]:
        """At most 10 invoices, newest first, JSON-ready.

        Keys: id, number, status, issue_date, due_date, total, amount_due, currency.
        """

    def unpaid_documents(self, customer_id: UUID) -> int:
        """How many invoices still wait for money, so that the customer cannot be deleted."""


def ledger() -> CustomerLedger:
    """The CustomerLedger of the running application."""
    found: CustomerLedger = current_app.extensions[EXTENSION]
    return found


class Standing:
    """A customer's standing as an answer shows it. Not stored: service.py gives it to the rows shown."""

    balances: Sequence[CurrencyFigures] = ()
    recent_invoices: Sequence[Mapping[str, Any]] = ()

    @property
    def currency(self) -> str:
        """The customer's own currency."""
        raise NotImplementedError

    @property
    def total_invoiced(self) -> int:
        """Invoiced in the customer's own currency, in its minor units."""
        return self._own("total_invoiced")

    @property
    def balance(self) -> int:
        """Owed in the customer's own currency, in its minor units."""
        return self._own("balance")

    @property
    def credit(self) -> int:
        """Paid or credited ahead in the customer's own currency, in its minor units."""
        return self._own("credit")

    def _own(self, figure: str) -> int:
        return next((getattr(each, figure) for each in self.balances if each.currency == self.currency), 0)
