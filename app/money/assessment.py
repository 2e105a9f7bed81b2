"""Taxing amounts: from the amount of each tax combination to the rounded tax of each group, and down to the lines.

"Amounts" are net in a tax-exclusive document and gross in a tax-inclusive one; in the latter the tax inside a gross
amount is gross x rate / gross_unit, which also holds for several and for compound taxes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

from app.money.checks import HUNDRED_PERCENT
from app.money.combinations import Combination, Group, TaxPlan
from app.money.documents import TaxTotal
from app.money.rounding import apportion, round_ratio


@dataclass(slots=True)
class Assessment:
    """The tax on the combinations, in minor units.

    `parts[c][i]` is the tax number i of combination c, `amounts[g]` the tax of group g: the sum of its parts;
    `nets[c]` is the net amount of combination c.
    """

    parts: list[list[int]]
    amounts: list[int]
    nets: list[int]


def divisor(combination: Combination, *, inclusive: bool) -> int:
    """Return what a combination's rates are to be divided by to give the tax on (or inside) an amount."""
    return combination.gross_unit if inclusive else combination.unit


def assess_groups(plan: TaxPlan, amounts: Sequence[int], *, inclusive: bool) -> Assessment:
    """Tax the amount of each combination, rounding once per group [BR-CO-17].

    A group's tax is then split over its combinations by largest remainder, so that each has a whole net.
    """
    combinations = plan.combinations
    parts = [[0] * len(combination.chain) for combination in combinations]
    taxes = [_assess_group(group, combinations, amounts, parts, inclusive=inclusive) for group in plan.groups]
    return _finish(parts, taxes, amounts, inclusive=inclusive)


def assess_lines(plan: TaxPlan, line_amounts: Sequence[int], *, inclusive: bool) -> tuple[Assessment, list[int]]:
    """Tax the amount of each line, rounding each tax on each line; return the assessment and the tax of each line."""
    taxes = [0] * len(line_amounts)
    parts: list[list[int]] = []
    amounts: list[int] = []
    for combination in plan.combinations:
        by = divisor(combination, inclusive=inclusive)
        row: list[int] = []
        for rate in combination.rates:
            rounded = [round_ratio(line_amounts[line] * rate, by) for line in combination.lines]
            for line, tax in zip(combination.lines, rounded, strict=True):
                taxes[line] += tax
            row.append(sum(rounded))
        parts.append(row)
        amounts.append(sum(line_amounts[line] for line in combination.lines))
    groups = [sum(parts[index][position] for index, position in group.members) for group in plan.groups]
    return _finish(parts, groups, amounts, inclusive=inclusive), taxes


def share_among_lines(
    plan: TaxPlan,
    assessment: Assessment,
    line_amounts: Sequence[int],
    *,
    inclusive: bool,
) -> list[int]:
    """Return the tax of each line: its largest-remainder share of what its combination pays to each group.

    Of equal shares the first line gets the larger net when prices are gross, and the larger tax when they are net.
    """
    taxes = [0] * len(line_amounts)
    for combination, row in zip(plan.combinations, assessment.parts, strict=True):
        by = divisor(combination, inclusive=inclusive)
        for rate, part in zip(combination.rates, row, strict=True):
            if not rate:
                continue
            exact = [line_amounts[line] * rate for line in combination.lines]
            shares = apportion(part, exact, by, last_first=inclusive)
            for line, share in zip(combination.lines, shares, strict=True):
                taxes[line] += share
    return taxes


def tax_totals(plan: TaxPlan, assessment: Assessment) -> tuple[TaxTotal, ...]:
    """Return the rows of the tax breakdown; the base of a compound tax includes the taxes before it, rounded once."""
    return tuple(
        TaxTotal(tax=group.tax, base=_base(group, plan.combinations, assessment.nets), amount=amount)
        for group, amount in zip(plan.groups, assessment.amounts, strict=True)
    )


def withheld_totals(plan: TaxPlan, nets: Sequence[int]) -> tuple[TaxTotal, ...]:
    """Return the withholding rows: on the net of the lines that carry them, rounded once per group."""
    rows: list[TaxTotal] = []
    for group in plan.withheld:
        base = sum(nets[index] for index, _ in group.members)
        rows.append(TaxTotal(tax=group.tax, base=base, amount=round_ratio(base * max(group.rate, 0), HUNDRED_PERCENT)))
    return tuple(rows)


def _assess_group(
    group: Group,
    combinations: Sequence[Combination],
    amounts: Sequence[int],
    parts: Sequence[list[int]],
    *,
    inclusive: bool,
) -> int:
    """Return the tax of a group, and enter into `parts` what each combination pays of it."""
    divisors = [divisor(combinations[index], inclusive=inclusive) for index, _ in group.members]
    by = lcm(*divisors)
    exact = [
        amounts[index] * combinations[index].rates[position] * (by // own)
        for (index, position), own in zip(group.members, divisors, strict=True)
    ]
    tax = round_ratio(sum(exact), by)
    shares = apportion(tax, exact, by, last_first=inclusive) if len(exact) > 1 else [tax]
    for (index, position), share in zip(group.members, shares, strict=True):
        parts[index][position] = share
    return tax


def _finish(parts: list[list[int]], taxes: list[int], amounts: Sequence[int], *, inclusive: bool) -> Assessment:
    if inclusive:
        return Assessment(parts, taxes, [amount - sum(row) for amount, row in zip(amounts, parts, strict=True)])
    return Assessment(parts, taxes, list(amounts))


def _base(group: Group, combinations: Sequence[Combination], nets: Sequence[int]) -> int:
    if not group.tax.compound:
        return sum(nets[index] for index, _ in group.members)
    by = lcm(*(combinations[index].unit for index, _ in group.members))
    exact = (
        nets[index] * combinations[index].befores[position] * (by // combinations[index].unit)
        for index, position in group.members
    )
    return round_ratio(sum(exact), by)
