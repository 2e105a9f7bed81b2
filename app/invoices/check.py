"""What `flask check` proves about invoices: each rule a generator of sentences over one invoice.

The totals are proved twice: the stored parts add up to the stored sums, and computing the document again from what it
states gives what is stored. Invoices are read in pages by id, so a hundred thousand of them never stand in memory.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from app import money
from app.data.invariants import Finding
from app.extensions import db
from app.invoices.fingerprint import fingerprint
from app.invoices.models import Invoice, InvoiceLine
from app.invoices.status import DRAFT, STATES, VOID
from app.numbering.models import Number, NumberSeries

PAGE = 250
KIND = "invoice"

Sentences = Iterator[str]
Rule = Callable[[Invoice], Sentences]

_TOTALS = ("subtotal", "discount_total", "charge_total", "tax_total", "total", "withholding_total", "rounding")
_LINE_AMOUNTS = ("net", "tax", "gross")
_FROZEN = ("number", "issued_at", "seller_snapshot", "customer_snapshot", "customer_name", "content_hash")
_DAMAGED = (ValueError, TypeError, KeyError, ArithmeticError, AttributeError)


def findings() -> Iterator[Finding]:
    """Every broken rule of the current organisation's invoices, drafts in the trash included."""
    early = {series.id for series in db.session.scalars(sa.select(NumberSeries)) if _numbers_drafts(series)}
    for page in _pages():
        for invoice in page:
            yield from check_invoice(invoice)
            if invoice.state == DRAFT and invoice.number and invoice.series_id not in early:
                yield from _draft_number(invoice)


def check_invoice(invoice: Invoice) -> Iterator[Finding]:
    """What is wrong with one invoice; its lines must be loaded."""
    for name, rule in RULES.items():
        try:
            for sentence in rule(invoice):
                yield Finding(name, KIND, invoice.id, sentence)
        except _DAMAGED as error:
            # What is stored is so odd that the rule cannot even be applied to it.
            yield Finding(name, KIND, invoice.id, f"Cannot be judged: {error or type(error).__name__}.")


def _pages() -> Iterator[Sequence[Invoice]]:
    query = sa.select(Invoice).options(selectinload(Invoice.lines)).order_by(Invoice.id).limit(PAGE)
    last = UUID(int=0)
    while page := db.session.scalars(query.where(Invoice.id > last)).all():
        last = page[-1].id
        yield page
        db.session.expunge_all()


def _currency(invoice: Invoice) -> Sentences:
    for name in ("currency", "base_currency"):
        code = getattr(invoice, name)
        if code not in money.EXPONENTS:
            yield f"{name} {code} is no ISO 4217 currency."


def _lines(invoice: Invoice) -> Sentences:
    """The parts of each line, and the lines' own order."""
    if [line.position for line in invoice.lines] != list(range(len(invoice.lines))):
        yield "The lines are not numbered one after the other."
    for line in invoice.lines:
        if line.net + line.tax != line.gross:
            parts = f"net {_text(invoice, line.net)} + tax {_text(invoice, line.tax)}"
            yield f"{_where(line)}: {parts} is not gross {_text(invoice, line.gross)}."


def _sums(invoice: Invoice) -> Sentences:
    """Totals are the sum of their parts [BR-CO-10, BR-CO-13 to BR-CO-15]."""
    expected = {
        "subtotal": sum(line.net for line in invoice.lines),
        "tax_total": sum(row["amount"] for row in invoice.tax_rows),
        "withholding_total": sum(row["amount"] for row in invoice.withholding_rows),
        "total": invoice.subtotal - invoice.discount_total + invoice.charge_total + invoice.tax_total,
    }
    for name, parts in expected.items():
        yield from _differs(invoice, name, getattr(invoice, name), parts, "its parts add up to")


def _computed(invoice: Invoice) -> Sentences:
    """Computing again what the document states gives what is stored."""
    if invoice.currency not in money.EXPONENTS:
        return
    totals = money.calculate(document_of(invoice))
    for name in _TOTALS:
        yield from _differs(invoice, name, getattr(invoice, name), getattr(totals, name), "computed is")
    for line, amounts in zip(invoice.lines, totals.lines, strict=True):
        for name in _LINE_AMOUNTS:
            label = f"{_where(line)}, {name}"
            yield from _differs(invoice, label, getattr(line, name), getattr(amounts, name), "computed is")
    yield from _tax_rows(invoice, "tax row", invoice.tax_rows, totals.taxes)
    yield from _tax_rows(invoice, "withholding row", invoice.withholding_rows, totals.withholding)


def _tax_rows(
    invoice: Invoice, noun: str, stored: Sequence[Mapping[str, Any]], computed: Sequence[money.TaxTotal]
) -> Sentences:
    if len(stored) != len(computed):
        yield f"There are {len(stored)} {noun}s; computed are {len(computed)}."
        return
    for number, (row, total) in enumerate(zip(stored, computed, strict=True), start=1):
        if (row["kind"], row["category"], _rate(row)) != (total.tax.kind, total.tax.category, total.tax.rate):
            yield f"{noun} {number}: kind, category or rate is not that of the lines."
        yield from _differs(invoice, f"{noun} {number}, base", row["base"], total.base, "computed is")
        yield from _differs(invoice, f"{noun} {number}, amount", row["amount"], total.amount, "computed is")


def _state(invoice: Invoice) -> Sentences:
    """What a draft must not have yet and an issued invoice must have."""
    if invoice.state not in STATES:
        yield f"state {invoice.state} is none of {', '.join(STATES)}."
    if invoice.state == DRAFT:
        early = [name for name in _FROZEN if name != "number" and getattr(invoice, name) is not None]
        if early:
            yield f"A draft has {', '.join(early)} already."
        return
    if missing := [name for name in _FROZEN if not getattr(invoice, name)]:
        yield f"An issued invoice lacks {', '.join(missing)}."
    if invoice.deleted_at is not None:
        yield "An issued invoice stands in the trash."
    if (invoice.state == VOID) != (invoice.voided_at is not None):
        yield "void and voided_at do not go together."


def _content(invoice: Invoice) -> Sentences:
    """Nothing issued has changed."""
    if invoice.state != DRAFT and invoice.content_hash != fingerprint(invoice):
        yield "The content is not what was issued: its hash differs from content_hash."


def _settlement(invoice: Invoice) -> Sentences:
    """Paid, credited and due are consistent."""
    if invoice.amount_paid < 0 or invoice.amount_credited < 0:
        yield "More was taken back than was ever paid or credited."
    settled = bool(invoice.amount_paid or invoice.amount_credited)
    if settled and invoice.state in {DRAFT, VOID}:
        yield f"A {invoice.state} invoice has payments or credits."
    if invoice.amount_credited > max(invoice.total, 0):
        credited, total = _text(invoice, invoice.amount_credited), _text(invoice, invoice.total)
        yield f"credited {credited} is more than the total {total}."
    if invoice.state not in {DRAFT, VOID} and invoice.amount_due < 0:
        yield f"amount_due is {_text(invoice, invoice.amount_due)}: more was paid than was asked for."
    if invoice.paid_at is not None and invoice.amount_due > 0:
        yield f"It is marked paid, and {_text(invoice, invoice.amount_due)} is due."


def _dates(invoice: Invoice) -> Sentences:
    if invoice.due_date < invoice.issue_date:
        yield f"due_date {invoice.due_date} is before issue_date {invoice.issue_date}."


def _base(invoice: Invoice) -> Sentences:
    """The amount in the base currency is the sum of the converted parts, at the frozen rate."""
    if invoice.state == DRAFT or {invoice.currency, invoice.base_currency} - money.EXPONENTS.keys():
        return
    if invoice.currency == invoice.base_currency and invoice.exchange_rate != 1:
        yield f"exchange_rate is {invoice.exchange_rate}, though the currency is the base currency."
    if invoice.exchange_rate is None:
        if invoice.base_total is not None:
            yield "base_total stands without an exchange rate."
        return
    net = invoice.subtotal - invoice.discount_total + invoice.charge_total
    parts = [net, *(row["amount"] for row in invoice.tax_rows)]
    expected = sum(_converted(invoice, part, invoice.exchange_rate) for part in parts)
    if invoice.base_total != expected:
        yield f"base_total is {invoice.base_total} minor units; its converted parts add up to {expected}."


RULES: Mapping[str, Rule] = {
    "currency": _currency,
    "line_parts": _lines,
    "sum_of_parts": _sums,
    "computed_totals": _computed,
    "state": _state,
    "content_hash": _content,
    "settlement": _settlement,
    "dates": _dates,
    "base_total": _base,
}


def document_of(invoice: Invoice) -> money.Document:
    """What a stored invoice states, ready to be computed again. Raises ValueError, TypeError or KeyError on damage."""
    return money.Document(
        currency=invoice.currency,
        tax_inclusive=invoice.tax_inclusive,
        rounding="line" if invoice.rounding_mode == "line" else "group",
        lines=tuple(_stated(line) for line in invoice.lines),
        discount=_discount(invoice),
        charges=_charges(invoice.charges),
        rounding_amount=money.from_minor(invoice.rounding, invoice.currency),
    )


def _stated(line: InvoiceLine) -> money.Line:
    return money.Line(
        quantity=line.quantity,
        unit_price=line.unit_price,
        price_base_quantity=line.price_base_quantity,
        discount=_discount(line),
        charges=_charges(line.charges),
        taxes=tuple(money.Tax(**{**tax, "rate": _rate(tax)}) for tax in line.taxes),
    )


def _discount(stated: Invoice | InvoiceLine) -> money.Discount | None:
    given = stated.discount
    return money.Discount(type=given["type"], value=given["value"]) if given else None


def _charges(stored: Sequence[Mapping[str, Any]]) -> tuple[money.Charge, ...]:
    return tuple(money.Charge(amount=Decimal(charge["amount"]), reason=charge["reason"]) for charge in stored)


def _rate(row: Mapping[str, Any]) -> Decimal | None:
    return None if row["rate"] is None else Decimal(row["rate"])


def _converted(invoice: Invoice, amount: int, rate: Decimal) -> int:
    exact = money.from_minor(amount, invoice.currency) * rate
    return money.to_minor(money.round_half_away(exact, money.exponent(invoice.base_currency)), invoice.base_currency)


def _draft_number(invoice: Invoice) -> Iterator[Finding]:
    """A draft may keep a number that its series once gave it, and no other, unless the series numbers drafts."""
    given = sa.select(Number.id).where(Number.document_id == invoice.id, Number.number == invoice.number)
    if db.session.execute(given).first() is None:
        text = f"A draft carries {invoice.number}, though its series numbers at issue."
        yield Finding("draft_number", KIND, invoice.id, text)


def _numbers_drafts(series: NumberSeries) -> bool:
    return series.manual or series.assign == "on_create"


def _differs(invoice: Invoice, name: str, stored: int, expected: int, words: str) -> Sentences:
    if stored != expected:
        yield f"{name} is {_text(invoice, stored)}; {words} {_text(invoice, expected)}."


def _text(invoice: Invoice, amount: int) -> str:
    digits = money.EXPONENTS.get(invoice.currency)
    return f"{amount} minor units" if digits is None else f"{money.format_minor(amount, digits)} {invoice.currency}"


def _where(line: InvoiceLine) -> str:
    return f"line {line.position + 1} ({line.id})"
