"""Documents to try: small numbers that meet halves and ties often, in every combination of options."""

from dataclasses import replace
from decimal import Decimal
from itertools import chain

from hypothesis import strategies as st

from app.money import Charge, Discount, Document, Line, Tax, exponent
from tests.unit.money.oracle import line_amount, line_left


def vat(rate: str, **more: object) -> Tax:
    return replace(Tax(tax_id=None, name=f"VAT {rate}", kind="vat", category="S", rate=Decimal(rate)), **more)  # type: ignore[arg-type]


def withheld(rate: str, name: str = "Withholding") -> Tax:
    return Tax(tax_id=None, name=name, kind="withholding", category="S", rate=Decimal(rate))


EXEMPT = Tax(tax_id=None, name="Exempt", kind="exempt", category="E", rate=Decimal(0), exemption_reason="Art 132")
OUTSIDE = Tax(tax_id=None, name="Outside", kind="vat", category="O", rate=None)
CGST = vat("9", tax_id="cgst", name="CGST", kind="sales")
SGST = vat("9", tax_id="sgst", name="SGST", kind="sales")
GST = vat("5", tax_id="gst", name="GST")
QST = vat("9.975", tax_id="qst", name="QST", kind="sales", compound=True, order=1)
LEVY = vat("2.5", name="Levy", kind="sales", compound=True, order=2)

TAX_SETS: tuple[tuple[Tax, ...], ...] = (
    (),
    (vat("19"),),
    (vat("19", tax_id="standard", name="MwSt"),),
    (vat("7"),),
    (vat("5.5"),),
    (CGST, SGST),
    (CGST,),
    (QST, GST),
    (GST, LEVY, QST),
    (GST, LEVY),
    (vat("20"), withheld("10")),
    (withheld("10"), withheld("1.5", "Other")),
    (EXEMPT,),
    (OUTSIDE, withheld("10")),
)


def decimals(low: int, high: int, places: int) -> st.SearchStrategy[Decimal]:
    return st.integers(low * 10**places, high * 10**places).map(lambda n: Decimal(n).scaleb(-places))


QUANTITIES = st.one_of(st.integers(-9, 40).map(Decimal), decimals(-5, 20, 3))
PRICES = st.one_of(
    decimals(0, 60, 2), decimals(0, 3, 4), st.sampled_from([Decimal(0), Decimal("0.005"), Decimal(1000)])
)
BASES = st.sampled_from([Decimal(1)] * 5 + [Decimal(100), Decimal(7), Decimal("0.5")])
PERCENTS = st.one_of(st.integers(0, 100).map(Decimal), decimals(0, 100, 2))


@st.composite
def discounts(draw: st.DrawFn, bound: int, scale: int) -> Discount | None:
    """A discount that an amount of `bound` minor units can bear, or none."""
    kind = draw(st.sampled_from(["", "", "percent", "fixed"]))
    if kind == "percent":
        return Discount(type="percent", value=draw(PERCENTS))
    if kind == "fixed":
        return Discount(type="fixed", value=Decimal(draw(st.integers(0, min(bound, 3000)))) / scale)
    return None


@st.composite
def charges(draw: st.DrawFn, scale: int) -> tuple[Charge, ...]:
    count = draw(st.sampled_from([0, 0, 0, 1, 2]))
    return tuple(Charge(amount=Decimal(draw(st.integers(0, 1500))) / scale) for _ in range(count))


@st.composite
def documents(draw: st.DrawFn, *, adjusted: bool = True, most: int = 6) -> Document:
    """A document that calculates; `adjusted` allows document-level discounts and charges."""
    currency = draw(st.sampled_from(["EUR", "EUR", "JPY", "KWD"]))
    scale = 10 ** exponent(currency)
    sets = draw(st.lists(st.sampled_from(TAX_SETS), min_size=1, max_size=3))
    lines = []
    for _ in range(draw(st.integers(1, most))):
        line = Line(
            quantity=draw(QUANTITIES),
            unit_price=draw(PRICES),
            price_base_quantity=draw(BASES),
            charges=draw(charges(scale)),
            taxes=draw(st.sampled_from(sets)),
        )
        lines.append(replace(line, discount=draw(discounts(abs(line_amount(line, scale)), scale))))
    document = Document(
        currency=currency,
        lines=tuple(lines),
        tax_inclusive=draw(st.booleans()),
        rounding=draw(st.sampled_from(["group", "line"])),
        rounding_amount=Decimal(draw(st.integers(-9, 9))) / scale,
    )
    if not adjusted:
        return document
    stated = abs(sum(line_left(document, line, scale) for line in lines))
    return replace(document, discount=draw(discounts(stated, scale)), charges=draw(charges(scale)))


def mirrored(document: Document) -> Document:
    """The same document with every quantity and the rounding amount negated."""
    lines = tuple(replace(line, quantity=-line.quantity) for line in document.lines)
    return replace(document, lines=lines, rounding_amount=-document.rounding_amount)


def all_taxes() -> list[Tax]:
    return list(dict.fromkeys(chain.from_iterable(TAX_SETS)))
