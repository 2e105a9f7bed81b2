"""The totals of a document formulated a second time, with fractions and nothing of the package's arithmetic.

It walks line by line and tax by tax, without combinations' integer factors or scaled integers: slow and plain.
Amounts are Fractions or integers of the minor unit.
"""

from collections import Counter
from fractions import Fraction
from math import floor, trunc

from app.money import Discount, Document, Line, Tax

Key = tuple[str, str, Fraction, bool, int, str]


def half_away(value: Fraction) -> int:
    magnitude = floor(abs(value) + Fraction(1, 2))
    return magnitude if value > 0 else -magnitude


def share_out(total: int, exact: list[Fraction], *, backwards: bool = False) -> list[int]:
    """Round exact shares so that they add up: cut towards zero, then the largest remainders get a unit each."""
    cut = [trunc(share) for share in exact]
    missing = total - sum(cut)
    sign = -1 if missing < 0 else 1
    ranking = sorted(
        range(len(exact)),
        key=lambda i: (-sign * (exact[i] - cut[i]), -i if backwards else i),
    )
    for i in ranking[: abs(missing)]:
        cut[i] += sign
    assert sum(cut) == total
    return cut


def in_proportion(total: int, weights: list[Fraction]) -> list[Fraction]:
    whole = sum(weights)
    if whole == 0:
        weights = [abs(weight) for weight in weights] if any(weights) else [Fraction(1) for _ in weights]
        whole = sum(weights)
    return [Fraction(total) * weight / whole for weight in weights]


def sign_of(document: Document, amount: Fraction | int) -> int:
    if amount == 0:
        amount = sum((Fraction(line.quantity) for line in document.lines), Fraction(0))
    return -1 if amount < 0 else 1


def reduction(discount: Discount | None, amount: int, scale: int) -> int:
    if discount is None:
        return 0
    if discount.type == "percent":
        return half_away(amount * Fraction(discount.value) / 100)
    fixed = int(Fraction(discount.value) * scale)
    return -fixed if amount < 0 else fixed


def line_amount(line: Line, scale: int) -> int:
    return half_away(
        Fraction(line.quantity) * Fraction(line.unit_price) / Fraction(line.price_base_quantity) * scale,
    )


def line_left(document: Document, line: Line, scale: int) -> int:
    """What a line comes to: amount less discount plus charges."""
    amount = line_amount(line, scale)
    charge = sum(int(Fraction(charge.amount) * scale) for charge in line.charges)
    return amount - reduction(line.discount, amount, scale) + sign_of(document, Fraction(line.quantity)) * charge


def rate_of(tax: Tax) -> Fraction:
    return Fraction(tax.rate or 0) / 100


class Oracle:
    """Computes everything when made; the attributes are named as in Totals."""

    def __init__(self, document: Document, scale: int) -> None:
        self.document = document
        self.scale = scale
        self.left = [line_left(document, line, scale) for line in document.lines]
        self.lines = range(len(self.left))
        self.chains = [sorted(line.taxes, key=lambda tax: tax.order) for line in document.lines]
        self.mark_groups()
        before = self.tax(self.left)
        self.line_tax = before[0]
        self.line_net = [
            left - tax if document.tax_inclusive else left for left, tax in zip(self.left, self.line_tax, strict=True)
        ]
        self.line_gross = [net + tax for net, tax in zip(self.line_net, self.line_tax, strict=True)]
        self.subtotal = sum(self.line_net)
        self.adjust()

    def mark_groups(self) -> None:
        def likeness(tax: Tax) -> tuple[str, str, Fraction, bool, int]:
            return tax.kind, tax.category, Fraction(-1) if tax.rate is None else rate_of(tax), tax.compound, tax.order

        twins = {
            like
            for chain in self.chains
            for like, times in Counter(likeness(tax) for tax in chain).items()
            if times > 1
        }
        self.keys: list[list[Key]] = [
            [(*likeness(tax), (tax.tax_id or tax.name) if likeness(tax) in twins else "") for tax in chain]
            for chain in self.chains
        ]
        self.pools = sorted({tuple(keys) for keys in self.keys})
        self.pool_lines = [[i for i in self.lines if tuple(self.keys[i]) == pool] for pool in self.pools]

    def fractions_of(self, line: int) -> tuple[dict[Key, Fraction], dict[Key, Fraction], Fraction]:
        """Per group: the tax on a net of one, and what it applies on; and the gross of a net of one."""
        gross = Fraction(1)
        taxes: dict[Key, Fraction] = {}
        bases: dict[Key, Fraction] = {}
        for key, tax in zip(self.keys[line], self.chains[line], strict=True):
            if tax.kind == "withholding":
                continue
            bases[key] = gross if tax.compound else Fraction(1)
            taxes[key] = bases[key] * rate_of(tax)
            gross += taxes[key]
        return taxes, bases, gross

    def exact_tax(self, line: int, key: Key, amount: int | Fraction) -> Fraction:
        taxes, _, gross = self.fractions_of(line)
        if key not in taxes:
            return Fraction(0)
        return amount * taxes[key] / (gross if self.document.tax_inclusive else 1)

    def group_keys(self, *, withheld: bool) -> list[Key]:
        found: dict[Key, None] = {}
        for keys in self.keys:
            found.update((key, None) for key in keys if (key[0] == "withholding") == withheld)
        return list(found)

    def tax(self, amounts: list[int]) -> tuple[list[int], dict[Key, int], list[int]]:
        """Tax lines with these amounts: the tax of each line, of each group, and the net of each pool."""
        per_line = [0 for _ in amounts]
        groups: dict[Key, int] = {}
        pool_sums = [sum(amounts[i] for i in members) for members in self.pool_lines]
        pool_tax = [0 for _ in pool_sums]
        inclusive = self.document.tax_inclusive
        for key in self.group_keys(withheld=False):
            if self.document.rounding == "line":
                shares = [half_away(self.exact_tax(i, key, amounts[i])) for i in self.lines]
                groups[key] = sum(shares)
                pool_shares = [sum(shares[i] for i in members) for members in self.pool_lines]
            else:
                exact = [
                    self.exact_tax(members[0], key, amount)
                    for members, amount in zip(self.pool_lines, pool_sums, strict=True)
                ]
                groups[key] = half_away(sum(exact, Fraction(0)))
                pool_shares = share_out(groups[key], exact, backwards=inclusive)
                shares = [0 for _ in amounts]
                for members, part in zip(self.pool_lines, pool_shares, strict=True):
                    split = share_out(
                        part,
                        [self.exact_tax(i, key, amounts[i]) for i in members],
                        backwards=inclusive,
                    )
                    for i, share in zip(members, split, strict=True):
                        shares[i] = share
            per_line = [old + new for old, new in zip(per_line, shares, strict=True)]
            pool_tax = [old + new for old, new in zip(pool_tax, pool_shares, strict=True)]
        nets = [a - t if inclusive else a for a, t in zip(pool_sums, pool_tax, strict=True)]
        return per_line, groups, nets

    def adjust(self) -> None:
        """Apply the document-level discount and charges, tax again, add up."""
        document = self.document
        stated = sum(self.left)
        discount = reduction(document.discount, stated, self.scale)
        charge = sum(int(Fraction(c.amount) * self.scale) for c in document.charges) * sign_of(document, stated)
        sums = [Fraction(sum(self.left[i] for i in members)) for members in self.pool_lines]
        less = share_out(discount, in_proportion(discount, sums))
        more = share_out(charge, in_proportion(charge, [abs(s) for s in sums]))
        adjusted = list(self.left)
        direction = sign_of(document, stated)
        for members, minus, plus in zip(self.pool_lines, less, more, strict=True):
            ranked = sorted(members, key=lambda i: -direction * self.left[i])
            of_discount = [Fraction(discount * self.left[i], stated or 1) for i in ranked]
            of_charge = in_proportion(plus, [Fraction(abs(self.left[i])) for i in ranked])
            for i, m, p in zip(ranked, share_out(minus, of_discount), share_out(plus, of_charge), strict=True):
                adjusted[i] += p - m
        _, self.groups, self.nets = self.tax(adjusted)
        self.tax_total = sum(self.groups.values())
        net = sum(self.nets)
        self.total = net + self.tax_total
        self.adjusted_stated = stated - discount + charge
        self.bases = {key: self.base_of(key) for key in self.groups}
        self.withheld = {key: self.withhold(key) for key in self.group_keys(withheld=True)}
        self.withholding_total = sum(amount for _, amount in self.withheld.values())
        self.rounding = int(Fraction(document.rounding_amount) * self.scale)
        self.payable = self.total - self.withholding_total + self.rounding
        self.discount_total, self.charge_total = self.net_of_tax(discount, charge, more, net - self.subtotal)

    def base_of(self, key: Key) -> int:
        exact = Fraction(0)
        for members, net in zip(self.pool_lines, self.nets, strict=True):
            exact += net * self.fractions_of(members[0])[1].get(key, 0)
        return half_away(exact)

    def withhold(self, key: Key) -> tuple[int, int]:
        base = sum(net for pool, net in zip(self.pools, self.nets, strict=True) if key in pool)
        return base, half_away(base * key[2])

    def net_of_tax(self, discount: int, charge: int, shares: list[int], change: int) -> tuple[int, int]:
        if not self.document.tax_inclusive:
            return discount, charge
        if charge == 0:
            return -change, 0
        if discount == 0:
            return 0, change
        exact = [share / self.fractions_of(m[0])[2] for share, m in zip(shares, self.pool_lines, strict=True)]
        net = half_away(sum(exact, Fraction(0)))
        return net - change, net
