"""The totals against a second formulation of the same rules, and properties that need no formulation at all."""

from dataclasses import fields, replace
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.money import Document, Totals, Trace, calculate, exponent
from tests.unit.money.oracle import Oracle
from tests.unit.money.strategies import documents, mirrored

settings.register_profile(
    "money",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=220,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
PROFILE = settings.get_profile("money")
SUMS = [field.name for field in fields(Totals) if field.name not in {"lines", "taxes", "withholding"}]


def sums(totals: Totals) -> dict[str, int]:
    return {name: getattr(totals, name) for name in SUMS}


def groups(totals: Totals) -> list[tuple[object, ...]]:
    """The tax rows without the labels of their first tax, sorted: what must not depend on the order of the lines."""
    rows = [
        (row.tax.kind, row.tax.category, -1 if row.tax.rate is None else row.tax.rate, row.base, row.amount)
        for row in (*totals.taxes, *totals.withholding)
    ]
    return sorted(rows, key=repr)


@settings(PROFILE, max_examples=1200)
@given(documents())
def test_agrees_with_an_independent_formulation(document: Document) -> None:
    totals, oracle = calculate(document), Oracle(document, 10 ** exponent(document.currency))
    assert [line.net for line in totals.lines] == oracle.line_net
    assert [line.tax for line in totals.lines] == oracle.line_tax
    assert [line.gross for line in totals.lines] == oracle.line_gross
    assert [row.amount for row in totals.taxes] == list(oracle.groups.values())
    assert [row.base for row in totals.taxes] == list(oracle.bases.values())
    assert [(row.base, row.amount) for row in totals.withholding] == list(oracle.withheld.values())
    assert sums(totals) == {name: getattr(oracle, name) for name in SUMS}


@settings(PROFILE)
@given(documents())
def test_parts_add_up(document: Document) -> None:
    totals = calculate(document)
    for line in totals.lines:
        assert line.gross == line.net + line.tax
        assert line.amount - line.discount + line.charge == (line.gross if document.tax_inclusive else line.net)
    assert totals.subtotal == sum(line.net for line in totals.lines)
    assert totals.tax_total == sum(row.amount for row in totals.taxes)
    assert totals.total == totals.subtotal - totals.discount_total + totals.charge_total + totals.tax_total
    assert totals.withholding_total == sum(row.amount for row in totals.withholding)
    assert totals.payable == totals.total - totals.withholding_total + totals.rounding
    if document.discount is None and not document.charges:
        assert totals.discount_total == totals.charge_total == 0
        assert totals.tax_total == sum(line.tax for line in totals.lines)
        assert totals.total == sum(line.gross for line in totals.lines)


@settings(PROFILE)
@given(documents())
def test_inclusive_gross_is_preserved_exactly(document: Document) -> None:
    document = replace(document, tax_inclusive=True)
    totals = calculate(document)
    assert totals.total == Oracle(document, 10 ** exponent(document.currency)).adjusted_stated
    untaxed = calculate(replace(document, lines=tuple(replace(line, taxes=()) for line in document.lines)))
    assert totals.total == untaxed.total
    assert [line.gross for line in totals.lines] == [line.gross for line in untaxed.lines]


@settings(PROFILE)
@given(documents())
def test_negated_quantities_negate_every_result(document: Document) -> None:
    there, back = calculate(document), calculate(mirrored(document))
    if sum(line.quantity for line in document.lines) == 0:
        # Charges on nothing have no sign to follow: they stay positive in both.
        return
    assert sums(back) == {name: -value for name, value in sums(there).items()}
    for kind in ("taxes", "withholding"):
        mirror = [(-row.base, -row.amount) for row in getattr(there, kind)]
        assert [(row.base, row.amount) for row in getattr(back, kind)] == mirror
    for one, other in zip(there.lines, back.lines, strict=True):
        assert all(getattr(one, field.name) == -getattr(other, field.name) for field in fields(one))


@settings(PROFILE)
@given(documents(), st.randoms(use_true_random=False))
def test_the_order_of_lines_changes_no_total(document: Document, random: object) -> None:
    lines = list(document.lines)
    random.shuffle(lines)  # type: ignore[attr-defined]
    there, back = calculate(document), calculate(replace(document, lines=tuple(lines)))
    assert sums(there) == sums(back)
    assert groups(there) == groups(back)


@settings(PROFILE)
@given(documents(), st.integers(1, 50))
def test_a_line_split_in_two_changes_no_total_under_group_rounding(document: Document, part: int) -> None:
    first, *rest = document.lines
    # Whole quantities at whole prices make the parts exact, so that only the tax could move.
    first = replace(first, quantity=Decimal(51), unit_price=Decimal(3), price_base_quantity=Decimal(1), discount=None)
    whole = replace(document, lines=(first, *rest), rounding="group", discount=None)
    parts = (replace(first, quantity=Decimal(part)), replace(first, quantity=Decimal(51 - part), charges=()))
    split = replace(whole, lines=(*parts, *rest))
    assert sums(calculate(whole)) == sums(calculate(split))
    assert groups(calculate(whole)) == groups(calculate(split))


@settings(PROFILE)
@given(documents(adjusted=False, most=9))
def test_each_line_is_taxed_within_one_unit_a_tax(document: Document) -> None:
    oracle = Oracle(document, 10 ** exponent(document.currency))
    for position, line in enumerate(calculate(document).lines):
        exact = [oracle.exact_tax(position, key, oracle.left[position]) for key in oracle.keys[position]]
        assert abs(line.tax - sum(exact)) <= max(1, len(exact))


@settings(PROFILE, max_examples=80)
@given(documents())
def test_a_trace_tells_the_totals_and_changes_nothing(document: Document) -> None:
    trace = Trace()
    totals = calculate(document, trace)
    assert totals == calculate(document)
    told = {step.path: Decimal(step.value) for step in trace.steps}
    assert len(told) == len(trace.steps)
    scale = 10 ** exponent(document.currency)
    for name in ("subtotal", "tax_total", "total", "payable"):
        assert told[name] * scale == getattr(totals, name)
    for position, line in enumerate(totals.lines):
        for name in ("amount", "net", "tax", "gross"):
            assert told[f"lines[{position}].{name}"] * scale == getattr(line, name)
    for position, row in enumerate(totals.taxes):
        assert told[f"taxes[{position}].amount"] * scale == row.amount
    assert "-0" not in {step.value.rstrip("0").rstrip(".") for step in trace.steps}
