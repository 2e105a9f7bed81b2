"""What a calculation has worked out on its way to the totals, kept so that a trace can tell it step by step."""

from dataclasses import dataclass
from typing import NamedTuple

from app.money.assessment import Assessment
from app.money.combinations import TaxPlan


class LineAmounts(NamedTuple):
    """Per line, in minor units: quantity x price, discount, charges, and what they leave.

    `nets` is amount - discount + charge: net in a tax-exclusive document, gross in a tax-inclusive one.
    """

    amounts: list[int]
    discounts: list[int]
    charges: list[int]
    nets: list[int]


class Adjustment(NamedTuple):
    """The document-level discount and charges in minor units, signed, as stated (gross if prices are).

    `discounts` and `charges` are their shares per tax combination; `amounts` is what the combinations come to then.
    """

    discount: int
    charge: int
    discounts: list[int]
    charges: list[int]
    amounts: list[int]


@dataclass(slots=True)
class Working:
    """All of it, in minor units: the taxes `before` and `after` the document-level adjustment, the same without one."""

    exponent: int
    lines: LineAmounts
    line_taxes: list[int]
    plan: TaxPlan
    before: Assessment
    adjustment: Adjustment | None
    after: Assessment
