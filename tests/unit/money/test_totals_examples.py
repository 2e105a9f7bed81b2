"""Totals worked out by hand."""

import random
from dataclasses import replace
from decimal import Decimal, localcontext

import pytest

from app.money import (
    AmountOutOfRange,
    Charge,
    Discount,
    Document,
    InvalidDocument,
    Line,
    Tax,
    Trace,
    UnknownCurrency,
    calculate,
)
from tests.unit.money.strategies import CGST, EXEMPT, GST, OUTSIDE, QST, SGST, vat, withheld

D = Decimal
VAT19, VAT7 = vat("19"), vat("7")


def line(quantity: str, price: str, *taxes: Tax, **more: object) -> Line:
    return Line(quantity=D(quantity), unit_price=D(price), taxes=taxes, **more)  # type: ignore[arg-type]


def doc(*lines: Line, **more: object) -> Document:
    return Document(**{"currency": "EUR", "lines": lines, **more})  # type: ignore[arg-type]


def percent(value: str) -> Discount:
    return Discount(type="percent", value=D(value))


def fixed(value: str) -> Discount:
    return Discount(type="fixed", value=D(value))


def test_tax_is_on_the_discounted_price() -> None:
    totals = calculate(doc(line("10", "100", VAT19), discount=percent("10")))
    assert (totals.subtotal, totals.discount_total) == (100000, 10000)
    assert (totals.taxes[0].base, totals.taxes[0].amount) == (90000, 17100)
    assert totals.total == totals.payable == 107100
    # The line states itself before the document's discount.
    assert (totals.lines[0].net, totals.lines[0].tax, totals.lines[0].gross) == (100000, 19000, 119000)


def test_line_discount_and_charge_are_rounded_apart() -> None:
    totals = calculate(doc(line("3", "19.99", VAT19, discount=percent("12.5"), charges=(Charge(amount=D("1.50")),))))
    row = totals.lines[0]
    assert (row.amount, row.discount, row.charge, row.net) == (5997, 750, 150, 5397)
    assert totals.tax_total == 1025  # 10.2543


@pytest.mark.parametrize(("quantity", "amount"), [("1", 1), ("-1", -1), ("3", 2), ("-3", -2), ("0", 0), ("-0", 0)])
def test_half_a_cent_goes_away_from_zero(quantity: str, amount: int) -> None:
    assert calculate(doc(line(quantity, "0.005"))).total == amount


@pytest.mark.parametrize(("quantity", "tax"), [("1", 1), ("-1", -1)])
def test_half_a_cent_of_tax_goes_away_from_zero(quantity: str, tax: int) -> None:
    assert calculate(doc(line(quantity, "0.10", vat("5")))).tax_total == tax


def test_tax_is_rounded_once_per_group_or_once_per_line() -> None:
    document = doc(*[line("1", "0.33", VAT19)] * 3)
    by_group = calculate(document)
    assert by_group.tax_total == 19  # 0.1881
    assert [row.tax for row in by_group.lines] == [7, 6, 6]
    by_line = calculate(replace(document, rounding="line"))
    assert by_line.tax_total == 18
    assert [row.tax for row in by_line.lines] == [6, 6, 6]


def test_document_discount_is_split_over_tax_groups_by_largest_remainder() -> None:
    document = doc(line("1", "100", VAT19), line("1", "50", VAT7), line("1", "50", EXEMPT), discount=fixed("10.01"))
    totals = calculate(document)
    assert [row.base for row in totals.taxes] == [9499, 4750, 4750]  # 5.005, 2.5025, 2.5025
    assert [row.amount for row in totals.taxes] == [1805, 333, 0]
    assert totals.total == 18999 + 2138


@pytest.mark.parametrize("prices", [("1", "3"), ("3", "1")])
def test_under_line_rounding_equal_shares_go_to_the_larger_line_in_any_order(prices: tuple[str, str]) -> None:
    # Half a cent and one and a half: the larger line bears both cents, so 1.00 and 2.98 are taxed at half a percent.
    lines = [line("1", price, vat("0.5")) for price in prices]
    assert calculate(doc(*lines, rounding="line", discount=fixed("0.02"))).tax_total == 2


def test_document_charges_bear_the_tax_of_what_they_go_with() -> None:
    totals = calculate(doc(line("1", "75", VAT19), line("1", "25", VAT7), charges=(Charge(amount=D(8)),)))
    assert [(row.base, row.amount) for row in totals.taxes] == [(8100, 1539), (2700, 189)]
    assert (totals.charge_total, totals.total) == (800, 12528)


def test_a_charge_on_sales_and_returns_is_not_blown_up() -> None:
    document = doc(line("1", "1000", VAT19), line("-1", "999", VAT7), charges=(Charge(amount=D(10)),))
    totals = calculate(document)
    assert [row.base for row in totals.taxes] == [100500, -99400]
    assert totals.total == 1100 + 19095 - 6958


def test_inclusive_takes_the_tax_out_of_the_group() -> None:
    totals = calculate(doc(*[line("1", "9.99", VAT19)] * 3, tax_inclusive=True))
    assert (totals.taxes[0].base, totals.taxes[0].amount, totals.total) == (2518, 479, 2997)  # 4.7851
    assert [row.net for row in totals.lines] == [840, 839, 839]
    assert [row.gross for row in totals.lines] == [999, 999, 999]


def test_inclusive_discount_and_charge_are_gross_and_shown_net() -> None:
    document = doc(line("1", "119", VAT19), tax_inclusive=True)
    totals = calculate(replace(document, discount=fixed("11.90"), charges=(Charge(amount=D("5.95")),)))
    assert (totals.subtotal, totals.discount_total, totals.charge_total) == (10000, 1000, 500)
    assert (totals.tax_total, totals.total) == (1805, 11305)


def test_inclusive_compound_taxes_come_apart_again() -> None:
    taxes = (vat("10", name="A"), vat("10", name="B", compound=True, order=1))
    totals = calculate(doc(line("1", "121", *taxes), tax_inclusive=True))
    assert [(row.base, row.amount) for row in totals.taxes] == [(10000, 1000), (11000, 1100)]
    assert totals.subtotal == 10000


def test_150_random_inclusive_invoices_never_miss_the_gross() -> None:
    chance = random.Random(150)  # noqa: S311 - a repeatable sequence is the point
    taxes = [VAT19, VAT7, vat("5.5"), EXEMPT]
    for _ in range(150):
        lines = [
            line(str(chance.randint(1, 9)), str(D(chance.randint(1, 99999)).scaleb(-2)), chance.choice(taxes))
            for _ in range(chance.randint(1, 12))
        ]
        expected = [int(each.quantity * each.unit_price * 100) for each in lines]
        totals = calculate(doc(*lines, tax_inclusive=True))
        assert [row.gross for row in totals.lines] == expected
        assert totals.total == sum(expected) == totals.subtotal + totals.tax_total
        for row in totals.taxes:
            members = [each for each, source in zip(totals.lines, lines, strict=True) if source.taxes == (row.tax,)]
            assert (row.base, row.amount) == (sum(m.net for m in members), sum(m.tax for m in members))


def test_compound_tax_applies_on_base_plus_earlier_taxes_whatever_the_listing() -> None:
    # 5 % of 100 is 5.00; 9.975 % of 105 is 10.47375.
    totals = calculate(doc(line("1", "100", QST, GST)))
    rows = {row.tax.name: (row.base, row.amount) for row in totals.taxes}
    assert rows == {"GST": (10000, 500), "QST": (10500, 1047)}


def test_withholding_lowers_what_is_payable_and_nothing_else() -> None:
    totals = calculate(doc(line("1", "1000", vat("20"), withheld("10")), discount=percent("10")))
    assert (totals.total, totals.tax_total) == (108000, 18000)
    assert (totals.withholding[0].base, totals.withholding[0].amount) == (90000, 9000)
    assert (totals.withholding_total, totals.payable) == (9000, 99000)


def test_withholding_on_inclusive_prices_is_on_the_net() -> None:
    totals = calculate(doc(line("1", "119", VAT19, withheld("10")), tax_inclusive=True))
    assert (totals.withholding[0].base, totals.payable) == (10000, 10900)


def test_rounding_amount_changes_what_is_payable() -> None:
    totals = calculate(doc(line("1", "10.02"), rounding_amount=D("-0.02")))
    assert (totals.total, totals.rounding, totals.payable) == (1002, -2, 1000)


def test_two_taxes_of_one_rate_on_one_line_stay_two_groups() -> None:
    totals = calculate(doc(line("1", "100", CGST, SGST), line("1", "50", CGST)))
    assert [(row.tax.name, row.base, row.amount) for row in totals.taxes] == [
        ("CGST", 15000, 1350),
        ("SGST", 10000, 900),
    ]


def test_two_names_for_one_rate_merge_when_they_never_meet() -> None:
    totals = calculate(doc(line("1", "0.03", VAT19), line("1", "0.03", vat("19.00", tax_id="a", name="MwSt"))))
    assert [(row.tax.name, row.base, row.amount) for row in totals.taxes] == [("VAT 19", 6, 1)]


def test_exempt_and_outside_scope_show_their_base_with_no_tax() -> None:
    totals = calculate(doc(line("1", "10", EXEMPT), line("1", "5", OUTSIDE)))
    assert [(row.tax.category, row.base, row.amount) for row in totals.taxes] == [("E", 1000, 0), ("O", 500, 0)]


def test_price_base_quantity_divides_the_price() -> None:
    assert calculate(doc(line("250", "8.35", price_base_quantity=D(100)))).total == 2088  # 20.875


@pytest.mark.parametrize(("currency", "total"), [("JPY", 1320), ("EUR", 131999), ("KWD", 1319989)])
def test_currencies_round_to_their_own_minor_unit(currency: str, total: int) -> None:
    assert calculate(doc(line("1", "1199.99", vat("10")), currency=currency)).total == total


def test_a_credit_note_mirrors_fixed_discounts_and_charges() -> None:
    document = doc(line("-2", "10", VAT19, discount=fixed("1"), charges=(Charge(amount=D(3)),)), discount=fixed("2"))
    totals = calculate(document)
    assert (totals.lines[0].discount, totals.lines[0].charge, totals.lines[0].net) == (-100, -300, -2200)
    assert (totals.discount_total, totals.tax_total, totals.total) == (-200, -380, -2380)


def test_a_document_without_lines_is_all_zeros() -> None:
    totals = calculate(doc())
    assert (totals.lines, totals.taxes, totals.total, totals.payable) == ((), (), 0, 0)


def test_the_ambient_decimal_context_does_not_matter() -> None:
    document = doc(line("999999.999999", "12345.678901", VAT19))
    expected = calculate(document)
    with localcontext() as context:
        context.prec = 3
        assert calculate(document) == expected


def test_a_trace_tells_each_step_with_its_rule() -> None:
    trace = Trace()
    calculate(doc(line("3", "19.99", VAT19), discount=percent("10"), rounding_amount=D("0.01")), trace)
    told = {step.path: (step.rule, step.text, step.value) for step in trace.steps}
    assert told["lines[0].amount"] == ("PEPPOL-LINE", "3 \N{MULTIPLICATION SIGN} 19.99 = 59.97", "59.97")
    assert told["subtotal"] == ("BR-CO-10", "59.97 = 59.97", "59.97")
    assert told["discount_total"] == ("BR-CO-11", "10 % of 59.97 = 5.997, rounded 6.00", "6.00")
    assert told["net"][0] == "BR-CO-13"
    text = "53.97 \N{MULTIPLICATION SIGN} 19 % = 10.2543, rounded 10.25"
    assert told["taxes[0].amount"] == ("BR-CO-17", text, "10.25")
    assert told["tax_total"][0] == "BR-CO-14"
    assert told["total"] == ("BR-CO-15", "53.97 + 10.25 = 64.22", "64.22")
    assert told["payable"] == ("BR-CO-16", "64.22 \N{MINUS SIGN} 0.00 + 0.01 = 64.23", "64.23")


INVALID = [
    (doc(line("1", "-1")), "lines.0.unit_price"),
    (doc(line("1", "1"), line("NaN", "1")), "lines.1.quantity"),
    (doc(line("1", "sNaN")), "lines.0.unit_price"),
    (doc(line("-Infinity", "1")), "lines.0.quantity"),
    (doc(line("0.0000001", "1")), "lines.0.quantity"),
    (doc(line("1E-99999999", "1")), "lines.0.quantity"),
    (doc(line("1", "1000000000000")), "lines.0.unit_price"),
    (doc(line("1E+99999999", "1")), "lines.0.quantity"),
    (doc(line("1", "1", price_base_quantity=D(0))), "lines.0.price_base_quantity"),
    (doc(line("1", "1", price_base_quantity=D(-1))), "lines.0.price_base_quantity"),
    (doc(line("1", "1", price_base_quantity=D("NaN"))), "lines.0.price_base_quantity"),
    (doc(line("1", "1", discount=percent("100.01"))), "lines.0.discount.value"),
    (doc(line("1", "1", discount=percent("-1"))), "lines.0.discount.value"),
    (doc(line("1", "1", discount=percent("Infinity"))), "lines.0.discount.value"),
    (doc(line("1", "1", discount=fixed("0.001"))), "lines.0.discount.value"),
    (doc(line("1", "1", discount=fixed("-0.01"))), "lines.0.discount.value"),
    (doc(line("1", "1", discount=fixed("1.01"))), "lines.0.discount.value"),
    (doc(line("-1", "1", discount=fixed("1.01"))), "lines.0.discount.value"),
    (doc(line("1", "1"), discount=fixed("1.01")), "discount.value"),
    (doc(line("1", "1"), discount=fixed("NaN")), "discount.value"),
    (doc(line("1", "1"), discount=Discount(type="half", value=D(1))), "discount.type"),  # type: ignore[arg-type]
    (doc(line("1", "1", charges=(Charge(amount=D(1)), Charge(amount=D(-1))))), "lines.0.charges.1.amount"),
    (doc(line("1", "1"), charges=(Charge(amount=D("0.001")),)), "charges.0.amount"),
    (doc(charges=(Charge(amount=D(1)),)), "charges"),
    (doc(line("1", "1"), rounding_amount=D("0.001")), "rounding_amount"),
    (doc(line("1", "1"), rounding="page"), "rounding"),
    (doc(line("1", "1", vat("0", category="O"))), "lines.0.taxes.0.rate"),
    (doc(line("1", "1", replace(VAT7, rate=None))), "lines.0.taxes.0.rate"),
    (doc(line("1", "1", VAT7, vat("19", category="AE"))), "lines.0.taxes.1.rate"),
    (doc(line("1", "1", vat("19", kind="exempt"))), "lines.0.taxes.0.rate"),
    (doc(line("1", "1", vat("-1"))), "lines.0.taxes.0.rate"),
    (doc(line("1", "1", vat("NaN"))), "lines.0.taxes.0.rate"),
    (doc(line("1", "1", vat("1", kind="luxury"))), "lines.0.taxes.0.kind"),
    (doc(line("1", "1", VAT19), line("1", "1", replace(withheld("1"), compound=True))), "lines.1.taxes.0.compound"),
    (doc(line("1", "1", VAT19, VAT19)), "lines.0.taxes.1"),
]


@pytest.mark.parametrize(("document", "field"), INVALID)
def test_an_invalid_document_names_the_field(document: Document, field: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        calculate(document)
    assert caught.value.field == field
    assert caught.value.message.endswith(".")


OUT_OF_RANGE = [
    (doc(line("1", "100000000000"), currency="CLF"), "lines.0.unit_price"),
    (doc(line("1", "1", discount=fixed("1E+20"))), "lines.0.discount.value"),
    (doc(line("1", "1"), charges=(Charge(amount=D(10) ** 13),)), "charges.0.amount"),
    (doc(line("1", "1"), rounding_amount=D("1E+99999")), "rounding_amount"),
    (doc(line("100", "999999999999")), "lines.0.amount"),
    (doc(line("-100", "999999999999")), "lines.0.amount"),
    (doc(line("10", "900000000000", VAT19)), "lines.0.gross"),
    (doc(line("10", "999999999999"), line("1", "999999999999")), "subtotal"),
    (doc(line("10", "500000000000", vat("300", kind="sales"))), "lines.0.tax"),
]


@pytest.mark.parametrize(("document", "field"), OUT_OF_RANGE)
def test_an_amount_beyond_the_bound_names_the_field(document: Document, field: str) -> None:
    with pytest.raises(AmountOutOfRange) as caught:
        calculate(document)
    assert caught.value.field == field


def test_the_bound_itself_is_fine() -> None:
    edge = doc(line("1", "999999999999.999"), currency="KWD")
    assert calculate(edge).total == 10**15 - 1
    with pytest.raises(AmountOutOfRange) as caught:
        calculate(replace(edge, rounding_amount=D("0.001")))
    assert caught.value.field == "payable"


def test_an_unknown_currency_is_refused() -> None:
    with pytest.raises(UnknownCurrency):
        calculate(doc(currency="EURO"))
