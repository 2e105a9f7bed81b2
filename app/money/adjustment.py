"""The document-level discount and charges: their amounts, and how they are split so that they change the tax base.

Both take the sign of the document, which is the sign of the sum of its lines. A discount is split over the tax
combinations in proportion to their amounts [BR-CO-13]. Charges are split in proportion to the amounts' absolute
values: where a document mixes sales and returns, a charge may exceed what the lines come to, and a signed proportion
would put many times the charge on one side.
"""

from collections.abc import Sequence
from math import lcm

from app.money.checks import HUNDRED_PERCENT, read_charges, read_fixed, read_percent
from app.money.combinations import TaxPlan
from app.money.documents import Discount, Document, Line
from app.money.errors import InvalidDocument
from app.money.rounding import apportion, round_ratio, split_integer
from app.money.working import Adjustment


def leaning(lines: Sequence[Line]) -> int:
    """Return -1 when the quantities of a document add up to less than zero, else 1.

    It is the sign that an amount of zero is taken to have: without it, the charge on a free item of a credit note
    would not mirror the invoice's. The quantities must have been read already: they are finite.
    """
    ratios = [line.quantity.as_integer_ratio() for line in lines]
    # Quantities have six decimals at most, so their denominators all divide a million.
    return -1 if sum(numerator * (10**6 // denominator) for numerator, denominator in ratios) < 0 else 1


def discount_amount(discount: Discount, amount: int, decimals: int, field: str) -> int:
    """Return a discount on an amount, in minor units, with the amount's sign; InvalidDocument when it exceeds it."""
    if discount.type == "percent":
        return round_ratio(amount * read_percent(discount, field), HUNDRED_PERCENT)
    if discount.type != "fixed":
        raise InvalidDocument(f"{field}.type", "A discount is percent or fixed.")
    fixed = read_fixed(discount, decimals, field)
    if fixed > abs(amount):
        raise InvalidDocument(f"{field}.value", "A discount cannot be greater than the amount that it reduces.")
    return fixed if amount >= 0 else -fixed


def adjust(document: Document, decimals: int, stated: Sequence[int]) -> Adjustment | None:
    """Return the document-level discount and charges split over the combinations, None when there are none.

    `stated` holds the combinations' amounts in minor units. InvalidDocument as for a line's discount and charges.
    """
    if document.discount is None and not document.charges:
        return None
    subtotal = sum(stated)
    discount = discount_amount(document.discount, subtotal, decimals, "discount") if document.discount else 0
    charge = read_charges(document.charges, decimals, "charges")
    if charge and not stated:
        raise InvalidDocument("charges", "A document without lines cannot carry charges.")
    if charge and (subtotal or leaning(document.lines)) < 0:
        charge = -charge
    discounts = split_integer(discount, stated)
    charges = split_integer(charge, [abs(amount) for amount in stated])
    amounts = [amount - less + more for amount, less, more in zip(stated, discounts, charges, strict=True)]
    return Adjustment(discount, charge, discounts, charges, amounts)


def adjust_lines(plan: TaxPlan, nets: Sequence[int], adjustment: Adjustment) -> list[int]:
    """Return the lines' amounts after their shares of the document-level discount and charges, in minor units.

    Each combination's share is split over its lines. Equal shares go to the larger line first, not to the earlier
    one, so that the totals do not depend on the order of the lines.
    """
    left = list(nets)
    subtotal = sum(nets)
    whole = abs(subtotal) or 1
    direction = -1 if (subtotal or adjustment.charge) < 0 else 1
    for combination, discount, charge in zip(plan.combinations, adjustment.discounts, adjustment.charges, strict=True):
        lines = sorted(combination.lines, key=lambda line: -direction * nets[line])
        exact = [adjustment.discount * direction * nets[line] for line in lines]
        less = apportion(discount, exact, whole)
        more = split_integer(charge, [abs(nets[line]) for line in lines])
        for line, minus, plus in zip(lines, less, more, strict=True):
            left[line] += plus - minus
    return left


def net_adjustment(plan: TaxPlan, adjustment: Adjustment | None, change: int, *, inclusive: bool) -> tuple[int, int]:
    """Return the document-level discount and charges net of tax, in minor units [BR-CO-11, BR-CO-12].

    `change` is what they did to the sum of the nets; charge - discount is exactly that. Gross ones that meet in one
    document are told apart by taking the tax out of the charges, rounded once; the discount is the rest.
    """
    if adjustment is None:
        return 0, 0
    if not inclusive:
        return adjustment.discount, adjustment.charge
    if not adjustment.discount:
        return 0, change
    by = lcm(*(combination.gross_unit for combination in plan.combinations))
    exact = (
        charge * combination.unit * (by // combination.gross_unit)
        for combination, charge in zip(plan.combinations, adjustment.charges, strict=True)
    )
    charge = round_ratio(sum(exact), by)
    return charge - change, charge
