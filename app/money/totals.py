"""The totals of a document: one pure function, exact integers from the first multiplication to the last sum.

The phases, each a function: read and round the lines; plan the tax groups; tax the lines' amounts; if the document
itself has a discount or charges, split them over the tax combinations and tax what is left; add up. A trace is told
afterwards from the same working (see steps.py), so that calculating without one builds no text.

Everything mirrors: the same document with negated quantities (and rounding amount) has the negated totals.
"""

from collections.abc import Sequence
from typing import Final

from app.money.adjustment import adjust, adjust_lines, discount_amount, leaning, net_adjustment
from app.money.assessment import (
    assess_groups,
    assess_lines,
    share_among_lines,
    tax_totals,
    withheld_totals,
)
from app.money.checks import MICRO, read_amount, read_charges, read_line
from app.money.combinations import plan_taxes
from app.money.currency import exponent
from app.money.documents import Charge, Discount, Document, Line, LineTotals, Tax, TaxTotal, Totals
from app.money.errors import MAX_MINOR, AmountOutOfRange, InvalidDocument
from app.money.rounding import round_ratio
from app.money.steps import Step, Trace, narrate
from app.money.working import LineAmounts, Working

__all__ = [
    "AmountOutOfRange",
    "Charge",
    "Discount",
    "Document",
    "InvalidDocument",
    "Line",
    "LineTotals",
    "Step",
    "Tax",
    "TaxTotal",
    "Totals",
    "Trace",
    "calculate",
]

_LINE_AMOUNTS: Final = ("amount", "discount", "charge", "net", "tax", "gross")
_TAX_AMOUNTS: Final = ("base", "amount")
_DOCUMENT_AMOUNTS: Final = (
    "subtotal",
    "discount_total",
    "charge_total",
    "tax_total",
    "total",
    "withholding_total",
    "payable",
)


def calculate(document: Document, trace: Trace | None = None) -> Totals:
    """Calculate the totals of a document, in minor units of its currency.

    With a `trace`, every step is added to it with its source rule, its arithmetic in words and its value. Raises
    UnknownCurrency, InvalidDocument or AmountOutOfRange; the latter two name the field. A document without lines is
    all zeros.
    """
    working = _work(document)
    totals = _add_up(document, working)
    _check_range(totals)
    if trace is not None:
        narrate(document, working, totals, trace)
    return totals


def _work(document: Document) -> Working:
    """Run the phases up to the taxes."""
    if document.rounding not in {"group", "line"}:
        raise InvalidDocument("rounding", "Tax is rounded once per group or once per line.")
    decimals = exponent(document.currency)
    inclusive = document.tax_inclusive
    lines = _read_lines(document, decimals)
    plan = plan_taxes(document.lines)
    stated = [sum([lines.nets[line] for line in combination.lines]) for combination in plan.combinations]
    adjustment = adjust(document, decimals, stated)
    if document.rounding == "line":
        before, line_taxes = assess_lines(plan, lines.nets, inclusive=inclusive)
    else:
        before = assess_groups(plan, stated, inclusive=inclusive)
        line_taxes = share_among_lines(plan, before, lines.nets, inclusive=inclusive)
    if adjustment is None:
        after = before
    elif document.rounding == "line":
        after, _ = assess_lines(plan, adjust_lines(plan, lines.nets, adjustment), inclusive=inclusive)
    else:
        after = assess_groups(plan, adjustment.amounts, inclusive=inclusive)
    return Working(decimals, lines, line_taxes, plan, before, adjustment, after)


def _read_lines(document: Document, decimals: int) -> LineAmounts:
    """Round quantity x price / base quantity of each line, then its discount and charges [PEPPOL-EN16931-R120]."""
    scale = 10**decimals
    price_limit = MAX_MINOR * MICRO // scale
    result = LineAmounts([], [], [], [])
    uncertain: list[int] = []
    for position, line in enumerate(document.lines):
        quantity, price, base = read_line(position, line, price_limit)
        amount = round_ratio(quantity * price * scale, base * MICRO)
        discount = charge = 0
        if line.discount is not None:
            discount = discount_amount(line.discount, amount, decimals, f"lines.{position}.discount")
        if line.charges:
            charge = read_charges(line.charges, decimals, f"lines.{position}.charges")
            if quantity < 0:
                charge = -charge
            elif not quantity:
                uncertain.append(position)
        result.amounts.append(amount)
        result.discounts.append(discount)
        result.charges.append(charge)
        result.nets.append(amount - discount + charge)
    if uncertain and leaning(document.lines) < 0:
        for position in uncertain:
            result.charges[position] = -result.charges[position]
            result.nets[position] = -result.nets[position]
    return result


def _add_up(document: Document, working: Working) -> Totals:
    """Add the parts up [BR-CO-10, BR-CO-13 to BR-CO-16]."""
    inclusive = document.tax_inclusive
    subtotal = sum(working.before.nets)
    net = sum(working.after.nets)
    discount, charge = net_adjustment(working.plan, working.adjustment, net - subtotal, inclusive=inclusive)
    withholding = withheld_totals(working.plan, working.after.nets)
    tax_total = sum(working.after.amounts)
    withholding_total = sum([row.amount for row in withholding])
    rounding = read_amount(document.rounding_amount, working.exponent, "rounding_amount")
    return Totals(
        lines=_line_totals(working, inclusive=inclusive),
        taxes=tax_totals(working.plan, working.after),
        withholding=withholding,
        subtotal=subtotal,
        discount_total=discount,
        charge_total=charge,
        tax_total=tax_total,
        total=net + tax_total,
        withholding_total=withholding_total,
        rounding=rounding,
        payable=net + tax_total - withholding_total + rounding,
    )


def _line_totals(working: Working, *, inclusive: bool) -> tuple[LineTotals, ...]:
    return tuple(
        LineTotals(
            amount=amount,
            discount=discount,
            charge=charge,
            net=left - tax if inclusive else left,
            tax=tax,
            gross=left if inclusive else left + tax,
        )
        for amount, discount, charge, left, tax in zip(*working.lines, working.line_taxes, strict=True)
    )


def _check_range(totals: Totals) -> None:
    """Raise AmountOutOfRange for the first result beyond MAX_MINOR, in the sequence of the result."""
    _check_rows("lines", totals.lines, _LINE_AMOUNTS)
    _check_rows("taxes", totals.taxes, _TAX_AMOUNTS)
    _check_rows("withholding", totals.withholding, _TAX_AMOUNTS)
    for name in _DOCUMENT_AMOUNTS:
        if abs(getattr(totals, name)) > MAX_MINOR:
            raise AmountOutOfRange(name)


def _check_rows(prefix: str, rows: Sequence[LineTotals | TaxTotal], names: Sequence[str]) -> None:
    for position, row in enumerate(rows):
        for name in names:
            if abs(getattr(row, name)) > MAX_MINOR:
                raise AmountOutOfRange(f"{prefix}.{position}.{name}")
