"""From what a caller sends to what is stored: items and taxes are looked up, totals computed, differences noted.

One way for all: a new draft, a changed one, one that is dated anew at issue, and `POST /calculate`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from app import money
from app.accounts.models import Settings
from app.customers.models import Customer
from app.data import tenancy
from app.extensions import db
from app.http.errors import Invalid
from app.items.models import Item
from app.taxes.models import Tax

COMPUTED = ("subtotal", "discount_total", "charge_total", "tax_total", "total", "withholding_total", "amount_due")
COMPUTED_LINE = ("net", "tax", "gross")
_FROM_ITEM = ("name", "description", "unit", "unit_code", "sku", "gtin")


@dataclass(frozen=True, kw_only=True)
class Content:
    """A document ready to be stored: its lines with their taxes, and all its totals in minor units."""

    currency: str
    tax_inclusive: bool
    rounding_mode: str
    lines: list[dict[str, Any]]
    totals: money.Totals
    steps: Sequence[money.Step] = ()
    warnings: list[dict[str, Any]] = field(default_factory=list)

    def tax_rows(self) -> list[dict[str, Any]]:
        """The tax breakdown as it is stored."""
        return [_row(total) for total in self.totals.taxes]

    def withholding_rows(self) -> list[dict[str, Any]]:
        """The withholding as it is stored."""
        return [_row(total) for total in self.totals.withholding]


def compose(
    data: Mapping[str, Any],
    settings: Settings,
    customer: Customer | None,
    *,
    kept: Iterable[UUID] = (),
    explain: bool = False,
) -> Content:
    """Look up, fill in and compute a document's content.

    `kept`: ids of taxes and items that the document carries already; they may have been deleted since. Raises Invalid,
    naming the field.
    """
    own_currency = customer.own_currency if customer else None
    currency = data.get("currency") or own_currency or settings.currency
    inclusive = data.get("tax_inclusive", settings.tax_inclusive)
    day = data.get("supply_date") or data.get("issue_date") or tenancy.today()
    lines = _with_items(data["lines"], currency, set(kept))
    _add_taxes(lines, customer, day, set(kept))
    document = money.Document(
        currency=currency,
        tax_inclusive=inclusive,
        rounding=settings.rounding,
        lines=tuple(_line(line) for line in lines),
        discount=_discount(data.get("discount")),
        charges=_charges(data.get("charges", ())),
        rounding_amount=data.get("rounding", Decimal(0)),
    )
    trace = money.Trace() if explain else None
    totals = _calculated(document, trace)
    return Content(
        currency=currency,
        tax_inclusive=inclusive,
        rounding_mode=settings.rounding,
        lines=lines,
        totals=totals,
        steps=trace.steps if trace else (),
        warnings=differences(data, totals, currency),
    )


def _calculated(document: money.Document, trace: money.Trace | None) -> money.Totals:
    try:
        return money.calculate(document, trace)
    except money.AmountOutOfRange as error:
        raise Invalid({error.field: "The amount is beyond the largest that can be stored."}) from error
    except money.InvalidDocument as error:
        raise Invalid({error.field.replace("rounding_amount", "rounding"): error.message}) from error


def differences(data: Mapping[str, Any], totals: money.Totals, currency: str) -> list[dict[str, Any]]:
    """Totals in the body that are not what was computed. They are never used; the caller should know."""
    found = [_difference(name, data[name], _computed(totals, name), currency) for name in COMPUTED if name in data]
    for position, (line, computed) in enumerate(zip(data["lines"], totals.lines, strict=True)):
        found += [
            _difference(f"lines.{position}.{name}", line[name], getattr(computed, name), currency)
            for name in COMPUTED_LINE
            if name in line
        ]
    return [difference for difference in found if difference]


def refuse_differences(content: Content) -> None:
    """`?strict=true`: raise Invalid, with the code total_mismatch, when the body's totals are not what was computed."""
    if content.warnings:
        raise Invalid({each["field"]: each["message"] for each in content.warnings}, code="total_mismatch")


def _computed(totals: money.Totals, name: str) -> int:
    amount: int = totals.payable if name == "amount_due" else getattr(totals, name)
    return amount


def _difference(name: str, sent: Decimal, computed: int, currency: str) -> dict[str, Any] | None:
    if sent == money.from_minor(computed, currency):
        return None
    exact = money.format_minor(computed, money.exponent(currency))
    return {"code": "total_mismatch", "field": name, "message": f"You sent {sent:f}; computed is {exact}."}


def _with_items(given: Sequence[Mapping[str, Any]], currency: str, kept: set[UUID]) -> list[dict[str, Any]]:
    """Copies of the lines, with what an item fills in."""
    wanted = {line["item_id"] for line in given if line.get("item_id")}
    found = db.session.scalars(sa.select(Item).where(Item.id.in_(wanted))) if wanted else ()
    items = {item.id: item for item in found if item.deleted_at is None or item.id in kept}
    return [_filled(position, dict(line), items, currency) for position, line in enumerate(given)]


def _filled(position: int, line: dict[str, Any], items: Mapping[UUID, Item], currency: str) -> dict[str, Any]:
    if not line.get("item_id"):
        return line
    item = items.get(line["item_id"])
    if item is None:
        raise Invalid({f"lines.{position}.item_id": f"There is no item {line['item_id']}."})
    if "unit_price" not in line:
        if item.currency != currency:
            text = f"The item's price is in {item.currency}; give a price in {currency}."
            raise Invalid({f"lines.{position}.unit_price": text})
        line["unit_price"] = item.price
    for name in _FROM_ITEM:
        line.setdefault(name, getattr(item, name))
    line["item_tax_ids"] = item.tax_ids
    return line


def _add_taxes(lines: list[dict[str, Any]], customer: Customer | None, day: date, kept: set[UUID]) -> None:
    """Give every line its taxes: its own, else the item's, else the customer's, else the default ones."""
    bare = any("tax_ids" not in line and line.get("tax_rate") is None for line in lines)
    customers = customer.tax_ids if customer and bare else []
    own = {tax_id for line in lines for tax_id in line.get("tax_ids", ())}
    wanted = own | set(customers) | {tax_id for line in lines for tax_id in line.get("item_tax_ids", ())}
    taxes = db.session.scalars(_taxes(or_default=bare), {"ids": list(wanted)}) if wanted or bare else None
    found = {tax.id: tax for tax in taxes.unique()} if taxes else {}
    living = {tax_id: tax for tax_id, tax in found.items() if tax.deleted_at is None}
    defaults = sorted((tax for tax in living.values() if tax.is_default), key=lambda tax: (tax.order, tax.id))
    for position, line in enumerate(lines):
        if line.get("tax_rate") is not None:
            line["taxes"] = [_ad_hoc(line["tax_rate"])]
        elif "tax_ids" in line:
            chosen = [_own_tax(position, tax_id, found, kept) for tax_id in dict.fromkeys(line["tax_ids"])]
            line["taxes"] = [_copy(tax, day) for tax in chosen]
        else:
            inherited = [living[tax_id] for tax_id in line.get("item_tax_ids") or customers if tax_id in living]
            line["taxes"] = [_copy(tax, day) for tax in inherited or defaults]


@cache
def _taxes(*, or_default: bool) -> sa.Select[tuple[Tax]]:
    named = Tax.id.in_(sa.bindparam("ids", expanding=True))
    return sa.select(Tax).where(sa.or_(named, Tax.is_default) if or_default else named).options(joinedload(Tax.rates))


def _own_tax(position: int, tax_id: UUID, found: Mapping[UUID, Tax], kept: set[UUID]) -> Tax:
    tax = found.get(tax_id)
    if tax is None or (tax.deleted_at and tax_id not in kept):
        raise Invalid({f"lines.{position}.tax_ids": f"There is no tax {tax_id}."})
    return tax


def _copy(tax: Tax, day: date) -> dict[str, Any]:
    rate = tax.rate_on(day).rate
    return {
        "tax_id": str(tax.id),
        "name": tax.name,
        "kind": tax.kind,
        "category": tax.category,
        "rate": None if rate is None else f"{rate:f}",
        "compound": tax.compound,
        "order": tax.order,
        "exemption_reason": tax.exemption_reason,
        "exemption_code": tax.exemption_code,
    }


def _ad_hoc(rate: Decimal) -> dict[str, Any]:
    return {
        "tax_id": None,
        "name": f"VAT {rate:f} %",
        "kind": "vat",
        "category": "S" if rate else "Z",
        "rate": f"{rate:f}",
        "compound": False,
        "order": 0,
        "exemption_reason": None,
        "exemption_code": None,
    }


def _line(line: Mapping[str, Any]) -> money.Line:
    return money.Line(
        quantity=line["quantity"],
        unit_price=line["unit_price"],
        price_base_quantity=line["price_base_quantity"],
        discount=_discount(line.get("discount")),
        charges=_charges(line.get("charges", ())),
        taxes=tuple(_tax(tax) for tax in line["taxes"]),
    )


def _tax(tax: Mapping[str, Any]) -> money.Tax:
    return money.Tax(**{**tax, "rate": None if tax["rate"] is None else Decimal(tax["rate"])})


def _discount(given: Mapping[str, Any] | None) -> money.Discount | None:
    return money.Discount(type=given["type"], value=given["value"]) if given else None


def _charges(given: Iterable[Mapping[str, Any]]) -> tuple[money.Charge, ...]:
    return tuple(money.Charge(amount=Decimal(charge["amount"]), reason=charge["reason"]) for charge in given)


def _row(total: money.TaxTotal) -> dict[str, Any]:
    tax = total.tax
    return {
        "tax_id": tax.tax_id,
        "name": tax.name,
        "kind": tax.kind,
        "category": tax.category,
        "rate": None if tax.rate is None else f"{tax.rate:f}",
        "compound": tax.compound,
        "exemption_reason": tax.exemption_reason,
        "exemption_code": tax.exemption_code,
        "base": total.base,
        "amount": total.amount,
    }
