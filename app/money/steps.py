"""Telling a calculation: each step with the rule that it follows, the arithmetic with its numbers, and its value.

Nothing is decided here: every value comes from the working and the totals, so that what is told is what was done.
Values that are rounded are shown exactly first, cut after ten decimals where they go on. Rules: BR-... of EN 16931;
PEPPOL-LINE the line calculation of Peppol BIS Billing 3; BILLHOOK-... our own, where the norm leaves a choice.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Final

from app.money.combinations import Combination, Group
from app.money.currency import format_minor
from app.money.documents import Discount, Document, Line, TaxTotal, Totals
from app.money.working import Adjustment, Working

_SHOWN_DECIMALS: Final = 10
_MINUS: Final = "\N{MINUS SIGN}"
_TIMES: Final = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: source rule (BR-CO-17), path of the result ("taxes[0].amount"), arithmetic in words, decimal string."""

    rule: str
    path: str
    text: str
    value: str


@dataclass(slots=True)
class Trace:
    """Collects the steps of a calculation in the sequence in which they are taken."""

    steps: list[Step] = field(default_factory=list)

    def add(self, rule: str, path: str, text: str, value: str) -> None:
        """Append a step."""
        self.steps.append(Step(rule, path, text, value))


def narrate(document: Document, working: Working, totals: Totals, trace: Trace) -> None:
    """Add the steps of a finished calculation to a trace."""
    teller = _Teller(document, working, totals, trace)
    for position, line in enumerate(document.lines):
        teller.line(position, line)
    teller.subtotal()
    if working.adjustment is not None:
        teller.adjustment(working.adjustment)
    for position in range(len(totals.taxes)):
        teller.tax(position)
    teller.sums()
    for position, row in enumerate(totals.withholding):
        teller.withholding(position, row)
    teller.payable()


@dataclass(slots=True)
class _Teller:
    """Tells one part of the calculation a method; amounts are minor units until they are shown."""

    document: Document
    working: Working
    totals: Totals
    trace: Trace

    def line(self, position: int, line: Line) -> None:
        """Tell quantity x price, discount, charges, what they leave, and the line's tax."""
        row = self.totals.lines[position]
        path = f"lines[{position}]"
        exact = Fraction(line.quantity) * Fraction(line.unit_price) / Fraction(line.price_base_quantity)
        text = self._rounded(_product(line), exact * self._scale(), row.amount)
        self._add("PEPPOL-LINE", f"{path}.amount", text, row.amount)
        if line.discount is not None:
            text = self._discount(line.discount, row.amount, row.discount)
            self._add("PEPPOL-LINE", f"{path}.discount", text, row.discount)
        if line.charges:
            self._add("PEPPOL-LINE", f"{path}.charge", self._equals("the line's charges", row.charge), row.charge)
        inclusive = self.document.tax_inclusive
        text = self._less_and_more(row.amount, row.discount, row.charge)
        left = row.gross if inclusive else row.net
        self._add("PEPPOL-LINE", f"{path}.gross" if inclusive else f"{path}.net", self._equals(text, left), left)
        self._line_tax(position)

    def _line_tax(self, position: int) -> None:
        """Tell the tax of a line and what follows from it."""
        row = self.totals.lines[position]
        path = f"lines[{position}]"
        by_line = self.document.rounding == "line"
        how = "each tax rounded on the line" if by_line else "the line's share of its tax groups"
        self._add("BILLHOOK-LINE-TAX", f"{path}.tax", self._equals(how, row.tax), row.tax)
        if self.document.tax_inclusive:
            text = f"{self._show(row.gross)} {_MINUS} {self._show(row.tax)}"
            self._add("BILLHOOK-INCLUSIVE", f"{path}.net", self._equals(text, row.net), row.net)
        else:
            text = f"{self._show(row.net)} + {self._show(row.tax)}"
            self._add("BILLHOOK-LINE-TAX", f"{path}.gross", self._equals(text, row.gross), row.gross)

    def subtotal(self) -> None:
        """Tell the sum of the lines' nets."""
        text = self._sum(row.net for row in self.totals.lines)
        self._add("BR-CO-10", "subtotal", self._equals(text, self.totals.subtotal), self.totals.subtotal)

    def adjustment(self, adjustment: Adjustment) -> None:
        """Tell the document-level discount and charges, how they are split, and what they leave."""
        totals, inclusive = self.totals, self.document.tax_inclusive
        suffix = "_gross" if inclusive else "_total"
        if self.document.discount is not None:
            text = self._discount(self.document.discount, sum(self.working.lines.nets), adjustment.discount)
            self._add("BR-CO-11", f"discount{suffix}", text, adjustment.discount)
        if self.document.charges:
            text = self._equals("the document's charges", adjustment.charge)
            self._add("BR-CO-12", f"charge{suffix}", text, adjustment.charge)
        for index, combination in enumerate(self.working.plan.combinations):
            self._split(index, combination, adjustment)
        if inclusive:
            text = self._equals("the discount without its tax", totals.discount_total)
            self._add("BILLHOOK-INCLUSIVE", "discount_total", text, totals.discount_total)
            text = self._equals("the charges without their tax", totals.charge_total)
            self._add("BILLHOOK-INCLUSIVE", "charge_total", text, totals.charge_total)
        net = totals.total - totals.tax_total
        text = self._less_and_more(totals.subtotal, totals.discount_total, totals.charge_total)
        self._add("BR-CO-13", "net", self._equals(text, net), net)

    def _split(self, index: int, combination: Combination, adjustment: Adjustment) -> None:
        """Tell the share of one tax combination in the document-level discount and charges."""
        names = [group.tax.name for group in (*combination.chain, *combination.withheld)]
        less, more, left = adjustment.discounts[index], adjustment.charges[index], adjustment.amounts[index]
        text = f"{' and '.join(names) or 'no tax'}: {self._less_and_more(left + less - more, less, more)}"
        self._add("BILLHOOK-SPLIT", f"combinations[{index}]", self._equals(text, left), left)

    def tax(self, position: int) -> None:
        """Tell the base and the amount of one tax group."""
        group, row = self.working.plan.groups[position], self.totals.taxes[position]
        path = f"taxes[{position}]"
        base = "the net of its lines, with the taxes before it" if row.tax.compound else "the net of its lines"
        self._add("BILLHOOK-TAX-BASE", f"{path}.base", self._equals(base, row.base), row.base)
        rule = "BILLHOOK-INCLUSIVE" if self.document.tax_inclusive else "BR-CO-17"
        if self.document.rounding == "line":
            text = self._equals(f"{_rate(row)}, rounded on each line and added up", row.amount)
            rule = "BILLHOOK-LINE-ROUNDING"
        else:
            text = self._rounded(self._on_what(group, row), self._exact_tax(group), row.amount)
        self._add(rule, f"{path}.amount", text, row.amount)

    def _on_what(self, group: Group, row: TaxTotal) -> str:
        if self.document.tax_inclusive:
            gross = sum(self._amount(index) for index, _ in group.members)
            return f"{_rate(row)} contained in gross {self._show(gross)}"
        if row.tax.compound:
            return f"{_rate(row)} of the net and the taxes before it, unrounded"
        return f"{self._show(row.base)} {_TIMES} {_rate(row)}"

    def _exact_tax(self, group: Group) -> Fraction:
        exact = Fraction(0)
        for index, position in group.members:
            combination = self.working.plan.combinations[index]
            by = combination.gross_unit if self.document.tax_inclusive else combination.unit
            exact += Fraction(self._amount(index) * combination.rates[position], by)
        return exact

    def _amount(self, index: int) -> int:
        """Return what a combination is taxed on: net or gross, as the document's prices are."""
        after = self.working.after
        return after.nets[index] + (sum(after.parts[index]) if self.document.tax_inclusive else 0)

    def sums(self) -> None:
        """Tell the tax total and the total."""
        totals = self.totals
        text = self._sum(row.amount for row in totals.taxes)
        self._add("BR-CO-14", "tax_total", self._equals(text, totals.tax_total), totals.tax_total)
        text = f"{self._show(totals.total - totals.tax_total)} + {self._show(totals.tax_total)}"
        self._add("BR-CO-15", "total", self._equals(text, totals.total), totals.total)

    def withholding(self, position: int, row: TaxTotal) -> None:
        """Tell one withholding tax."""
        exact = Fraction(row.base) * Fraction(row.tax.rate or 0) / 100
        text = self._rounded(f"{self._show(row.base)} {_TIMES} {_rate(row)}", exact, row.amount)
        self._add("BILLHOOK-WITHHOLDING", f"withholding[{position}].amount", text, row.amount)

    def payable(self) -> None:
        """Tell what is payable."""
        totals = self.totals
        if totals.withholding:
            text = self._equals(self._sum(row.amount for row in totals.withholding), totals.withholding_total)
            self._add("BILLHOOK-WITHHOLDING", "withholding_total", text, totals.withholding_total)
        text = self._less_and_more(totals.total, totals.withholding_total, totals.rounding)
        self._add("BR-CO-16", "payable", self._equals(text, totals.payable), totals.payable)

    def _discount(self, discount: Discount, amount: int, result: int) -> str:
        if discount.type == "fixed":
            return self._equals("fixed", result)
        exact = Fraction(amount) * Fraction(discount.value) / 100
        return self._rounded(f"{_plain(discount.value)} % of {self._show(amount)}", exact, result)

    def _add(self, rule: str, path: str, text: str, value: int) -> None:
        self.trace.add(rule, path, text, self._show(value))

    def _scale(self) -> int:
        return int(10**self.working.exponent)

    def _show(self, minor: int) -> str:
        return format_minor(minor, self.working.exponent)

    def _less_and_more(self, amount: int, less: int, more: int) -> str:
        return f"{self._show(amount)} {_MINUS} {self._show(less)} + {self._show(more)}"

    def _sum(self, amounts: Iterable[int]) -> str:
        return " + ".join(map(self._show, amounts)) or "nothing"

    def _equals(self, text: str, result: int) -> str:
        return f"{text} = {self._show(result)}"

    def _rounded(self, text: str, exact: Fraction, result: int) -> str:
        """Say an arithmetic with its exact result in minor units, and the rounded one where they differ."""
        if exact == result:
            return self._equals(text, result)
        return f"{text} = {_decimals(exact / self._scale())}, rounded {self._show(result)}"


def _product(line: Line) -> str:
    text = f"{_plain(line.quantity)} {_TIMES} {_plain(line.unit_price)}"
    return text if line.price_base_quantity == 1 else f"{text} / {_plain(line.price_base_quantity)}"


def _rate(row: TaxTotal) -> str:
    return "no rate" if row.tax.rate is None else f"{_plain(row.tax.rate)} %"


def _plain(value: Decimal) -> str:
    """Return a Decimal without exponent, trailing zeros or negative zero."""
    text = format(value or abs(value), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _decimals(value: Fraction) -> str:
    """Return a fraction as a decimal string, cut after ten decimals with an ellipsis where it goes on."""
    scaled, rest = divmod(abs(value.numerator) * 10**_SHOWN_DECIMALS, value.denominator)
    text = format_minor(scaled, _SHOWN_DECIMALS).rstrip("0").rstrip(".")
    return ("-" if value < 0 else "") + (f"{text}\N{HORIZONTAL ELLIPSIS}" if rest else text)
