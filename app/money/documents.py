"""The values that the calculation takes and gives: immutable, keyword-only, without behaviour.

What goes in is decimal (quantities, prices and rates as a person writes them); what comes out is integers of the
currency's minor unit. In a `tax_inclusive` document every price, discount and charge that goes in is gross.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """A reduction of a line or of the document.

    `value` is a percentage of 0..100, or a fixed amount >= 0 in the document's currency. A fixed discount takes the
    sign of the amount that it reduces, so a credit note states the same discount as its invoice.
    """

    type: Literal["percent", "fixed"]
    value: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """An addition to a line or to the document: `amount` >= 0 in its currency; takes the sign as a Discount does."""

    amount: Decimal
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """One tax as it applies to a line.

    `rate` is a percentage (Decimal("19") is 19 %), None for category O and only there. `category` is a UNCL 5305
    code. Taxes apply in ascending `order`, then as listed; a `compound` one applies on the base plus the taxes before
    it. `tax_id` refers to a stored tax, None for one that is stated ad hoc.
    """

    tax_id: str | None
    name: str
    kind: Literal["vat", "sales", "withholding", "exempt"]
    category: str
    rate: Decimal | None
    compound: bool = False
    order: int = 0
    exemption_reason: str | None = None
    exemption_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: `quantity` may be negative, `unit_price` may not [BR-27]; the price is for `price_base_quantity` units.

    Quantities and prices have at most 12 integer digits and 6 decimals.
    """

    quantity: Decimal
    unit_price: Decimal
    price_base_quantity: Decimal = Decimal(1)
    discount: Discount | None = None
    charges: tuple[Charge, ...] = ()
    taxes: tuple[Tax, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What is to be calculated.

    `rounding`: "group" rounds each tax once per tax group, "line" once per line. `rounding_amount` is added to what
    is payable, as stated, sign included [BT-114].
    """

    currency: str
    lines: tuple[Line, ...]
    tax_inclusive: bool = False
    rounding: Literal["group", "line"] = "group"
    discount: Discount | None = None
    charges: tuple[Charge, ...] = ()
    rounding_amount: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTotals:
    """A line in minor units, before any document-level discount or charge.

    `amount` is quantity x price, rounded; `discount` and `charge` follow it (gross in a tax-inclusive document).
    gross = net + tax, and gross (tax-inclusive) or net (otherwise) = amount - discount + charge.
    """

    amount: int
    discount: int
    charge: int
    net: int
    tax: int
    gross: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxTotal:
    """One tax group in minor units, after document-level discount and charges; `tax` is the first one met of it."""

    tax: Tax
    base: int
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """A calculated document in minor units.

    subtotal = sum of the lines' net [BR-CO-10]; discount_total and charge_total are the document-level ones, net of
    tax [BR-CO-11, BR-CO-12]; tax_total = sum of `taxes` [BR-CO-14]; total = subtotal - discount_total + charge_total
    + tax_total [BR-CO-13, BR-CO-15]; payable = total - withholding_total + rounding [BR-CO-16], before any payment.
    """

    lines: tuple[LineTotals, ...]
    taxes: tuple[TaxTotal, ...]
    withholding: tuple[TaxTotal, ...]
    subtotal: int
    discount_total: int
    charge_total: int
    tax_total: int
    total: int
    withholding_total: int
    rounding: int
    payable: int
