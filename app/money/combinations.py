"""Which taxes meet on which lines: tax groups, and the combinations of groups that lines share.

A *group* is what is taxed and shown as one row: (kind, category, rate, compound, order), whatever the taxes in it are
called. Only where two such taxes stand on the same line of the document (CGST 9 % and SGST 9 %) are they told apart,
by tax id, else by name. A *combination* is a set of lines that carry the same groups in the same sequence; within
it every line's taxes are the same fraction of its amount. Combinations are sorted by what they hold and not by where
they first appear, so that totals do not depend on the order of the lines.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from app.money.checks import HUNDRED_PERCENT, read_rate
from app.money.documents import Line, Tax
from app.money.errors import InvalidDocument

_NO_RATE: Final = -1

_Likeness: TypeAlias = tuple[str, str, int, bool, int]


class GroupKey(NamedTuple):
    """What makes taxes one group; `rate` in millionths of a percent, -1 for none; `identity` is empty unless needed."""

    kind: str
    category: str
    rate: int
    compound: bool
    order: int
    identity: str


@dataclass(slots=True)
class Group:
    """A tax group: the first tax met, its rate in millionths of a percent, and where it occurs.

    `members` are pairs (combination index, position in that combination's chain).
    """

    tax: Tax
    rate: int
    members: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Combination:
    """Lines that carry the same taxes, and those taxes as exact fractions of a line's amount.

    `chain` holds the groups in the sequence in which they apply, withholding apart. With net = 1, tax number i is
    rates[i] / unit, it applies on befores[i] / unit, and gross is gross_unit / unit.
    """

    key: tuple[GroupKey, ...]
    lines: list[int]
    chain: list[Group]
    withheld: list[Group]
    rates: list[int]
    befores: list[int]
    unit: int
    gross_unit: int


class TaxPlan(NamedTuple):
    """The combinations in canonical sequence, and the groups in the sequence in which they are first met."""

    combinations: list[Combination]
    groups: list[Group]
    withheld: list[Group]


class _Rated(NamedTuple):
    tax: Tax
    rate: int

    def likeness(self) -> _Likeness:
        tax = self.tax
        return tax.kind, tax.category, self.rate, tax.compound, tax.order

    def identity(self) -> str:
        return self.tax.tax_id or self.tax.name


def plan_taxes(lines: Sequence[Line]) -> TaxPlan:
    """Group the taxes of all lines; InvalidDocument for a tax that breaks a rule or stands twice on one line."""
    positions: dict[tuple[int, ...], list[int]] = {}
    for position, line in enumerate(lines):
        # Documents mostly repeat the same few Tax objects: reading each distinct list once keeps long ones cheap.
        positions.setdefault(tuple(map(id, line.taxes)), []).append(position)
    chains = [(_read_chain(lines[held[0]].taxes, held[0]), held) for held in positions.values()]
    parallel = _parallel(chains)
    groups: dict[GroupKey, Group] = {}
    combinations: dict[tuple[GroupKey, ...], Combination] = {}
    for chain, held in chains:
        keys = tuple(_key(rated, parallel) for rated in chain)
        met = [groups.setdefault(key, Group(rated.tax, rated.rate)) for key, rated in zip(keys, chain, strict=True)]
        if keys in combinations:
            combinations[keys].lines += held
        else:
            combinations[keys] = _combination(keys, met, held)
    ordered = sorted(combinations.values(), key=lambda combination: combination.key)
    for index, combination in enumerate(ordered):
        combination.lines.sort()
        for position, group in enumerate(combination.chain):
            group.members.append((index, position))
        for group in combination.withheld:
            group.members.append((index, -1))
    return TaxPlan(
        ordered,
        [group for group in groups.values() if group.tax.kind != "withholding"],
        [group for group in groups.values() if group.tax.kind == "withholding"],
    )


def _read_chain(taxes: tuple[Tax, ...], line: int) -> list[_Rated]:
    """Read the taxes of a line into the sequence in which they apply: ascending order, then as listed."""
    chain: list[_Rated] = []
    seen: set[tuple[object, ...]] = set()
    for position, tax in enumerate(taxes):
        path = f"lines.{line}.taxes.{position}"
        rate = read_rate(tax, path)
        rated = _Rated(tax, _NO_RATE if rate is None else rate)
        mark = (*rated.likeness(), rated.identity())
        if mark in seen:
            raise InvalidDocument(path, "The same tax stands twice on this line.")
        seen.add(mark)
        chain.append(rated)
    chain.sort(key=lambda rated: rated.tax.order)
    return chain


def _parallel(chains: Sequence[tuple[list[_Rated], list[int]]]) -> set[_Likeness]:
    """Return the likenesses that some line carries more than once."""
    found: set[_Likeness] = set()
    for chain, _ in chains:
        if len(chain) > 1:
            counts = Counter(rated.likeness() for rated in chain)
            found.update(likeness for likeness, count in counts.items() if count > 1)
    return found


def _key(rated: _Rated, parallel: set[_Likeness]) -> GroupKey:
    likeness = rated.likeness()
    return GroupKey(*likeness, rated.identity() if likeness in parallel else "")


def _combination(key: tuple[GroupKey, ...], met: Sequence[Group], lines: Sequence[int]) -> Combination:
    """Work out the fractions: a compound tax applies on the net plus the taxes before it, unrounded."""
    chain = [group for group in met if group.tax.kind != "withholding"]
    # One factor for each compound tax and one for the plain ones keeps every division below exact.
    unit = HUNDRED_PERCENT ** (1 + sum(group.tax.compound for group in chain))
    reached = unit
    rates: list[int] = []
    befores: list[int] = []
    for group in chain:
        before = reached if group.tax.compound else unit
        rate = before * max(group.rate, 0) // HUNDRED_PERCENT
        befores.append(before)
        rates.append(rate)
        reached += rate
    return Combination(
        key=key,
        lines=list(lines),
        chain=chain,
        withheld=[group for group in met if group.tax.kind == "withholding"],
        rates=rates,
        befores=befores,
        unit=unit,
        gross_unit=reached,
    )
