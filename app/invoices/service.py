"""What can be done with invoices. Guards first; the number is the last statement of an issue; no commit here."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.orm import joinedload

from app import money
from app.accounts.models import Settings
from app.accounts.service import get_settings
from app.customers import service as customers
from app.customers.models import Customer
from app.data import clock, tenancy
from app.data.base import new_id
from app.events.service import emit
from app.extensions import db
from app.http.errors import Conflict, Invalid
from app.http.lookup import find_or_404, refuse_taken
from app.invoices.content import Content, compose, refuse_differences
from app.invoices.events import InvoiceCreated, InvoiceDeleted, InvoiceIssued, InvoiceUpdated
from app.invoices.fingerprint import fingerprint
from app.invoices.lines import charge_rows, line_input, load_lines, write_lines
from app.invoices.models import Invoice
from app.invoices.status import DRAFT, ISSUED
from app.numbering import service as numbering

KIND = "invoice"
_BUYER = joinedload(Invoice.customer).lazyload(Customer.tax_links)

# What may still change on an issued invoice: nothing that a tax inspector reads.
OPEN_AFTER_ISSUE = frozenset({"internal_notes", "extra", "reference", "due_date"})

_PLAIN = (
    "reference",
    "po_number",
    "buyer_reference",
    "contract_number",
    "project_number",
    "language",
    "internal_notes",
    "supply_date",
    "period_start",
    "period_end",
    "external_id",
)


def get_invoice(invoice_id: UUID) -> Invoice:
    """An invoice with lines and parties. Raises NotFound."""
    return fill_in(get_head(invoice_id))


def get_head(invoice_id: UUID, *, lock: bool = False) -> Invoice:
    """An invoice without its lines, for those who may not need them. Raises NotFound."""
    return find_or_404(Invoice, invoice_id, KIND, _BUYER, lock=lock)


def fill_in(invoice: Invoice) -> Invoice:
    """The invoice of `get_head` with its lines, and all else that an answer shows."""
    load_lines(invoice, fresh=False)
    return _shown(invoice)


def create_invoice(data: dict[str, Any], *, strict: bool = False) -> Invoice:
    """Make a draft. Raises Invalid, Conflict when its external id or its own number is taken."""
    refuse_taken(Invoice, Invoice.external_id, data.get("external_id"), field="external_id")
    series = numbering.series_for(KIND, data.get("series_id"))
    number = data.get("number")
    if number and not series.manual:
        raise Invalid({"number": "Is given out by the series; only a manual series takes yours."})
    if series.manual and not number and series.assign == "on_create":
        raise Invalid({"number": "Is needed: the series is manual."})
    invoice = Invoice(org_id=tenancy.current_organization(), id=new_id(), series_id=series.id, state=DRAFT)
    content = _fill(invoice, data, strict=strict)
    db.session.add(invoice)
    db.session.flush()
    write_lines(invoice, content)
    if number:
        invoice.number = numbering.claim(series, number, invoice.id)
    elif series.assign == "on_create":
        invoice.number = numbering.allocate(series, invoice.id, invoice.issue_date)
    db.session.flush()
    emit(InvoiceCreated(invoice))
    return invoice


def replace_invoice(invoice_id: UUID, data: dict[str, Any], *, strict: bool = False) -> Invoice:
    """Put a new content in a draft's place. Raises NotFound, Conflict when it is no draft, Invalid."""
    return _replace(_locked(invoice_id), data, strict=strict)


def _replace(invoice: Invoice, data: dict[str, Any], *, strict: bool) -> Invoice:
    _refuse_unless_draft(invoice, "changed")
    _renumber(invoice, data)
    if data.get("external_id"):
        refuse_taken(Invoice, Invoice.external_id, data["external_id"], field="external_id", but=invoice.id)
    content = _fill(invoice, data, strict=strict)
    _keep_in_period(invoice)
    invoice.updated_at = clock.now()
    db.session.flush()
    write_lines(invoice, content)
    emit(InvoiceUpdated(invoice))
    return invoice


def change_invoice(invoice_id: UUID, data: dict[str, Any], *, strict: bool = False) -> Invoice:
    """Change parts of a draft, or the non-fiscal fields of an issued invoice. Raises NotFound, Conflict, Invalid."""
    invoice = _locked(invoice_id)
    if invoice.state == DRAFT:
        return _replace(invoice, as_input(invoice) | data, strict=strict)
    fixed = sorted(data.keys() - OPEN_AFTER_ISSUE)
    if fixed:
        text = "Is fixed: the invoice is issued. Correct it with a credit note."
        raise Conflict(f"An issued invoice keeps its {fixed[0]}.", details={"fields": {name: [text] for name in fixed}})
    if "due_date" in data and (data["due_date"] is None or data["due_date"] < invoice.due_date):
        raise Invalid({"due_date": f"May only become later than {invoice.due_date} on an issued invoice."})
    for name, value in data.items():
        setattr(invoice, name, value)
    invoice.updated_at = clock.now()
    db.session.flush()
    emit(InvoiceUpdated(invoice))
    return _shown(invoice)


def delete_invoice(invoice_id: UUID) -> None:
    """Put a draft into the trash; its number, if it has one, is handed out again first. Raises NotFound, Conflict."""
    invoice = _locked(invoice_id)
    _refuse_unless_draft(invoice, "deleted")
    if invoice.number:
        numbering.release(invoice.series_id, invoice.id)
        invoice.number = None
    invoice.deleted_at = clock.now()
    emit(InvoiceDeleted(_shown(invoice)))


def issue_invoice(invoice_id: UUID) -> Invoice:
    """Issue a draft: date it, freeze parties, rate and totals, number it. Raises NotFound, Conflict, Invalid."""
    invoice = _locked(invoice_id)
    _refuse_unless_draft(invoice, "issued")
    settings = get_settings()
    _date_for_issue(invoice, settings)
    _keep_in_period(invoice)
    if invoice.amount_due < 0:
        raise Invalid({"total": "An invoice does not ask for less than nothing; use a credit note."})
    series = numbering.series_for(KIND, invoice.series_id)
    if series.manual and not invoice.number:
        raise Invalid({"number": "Is needed: the series is manual."})
    _freeze(invoice, settings)
    db.session.flush()
    invoice.number = invoice.number or numbering.allocate(series, invoice.id, invoice.issue_date)
    invoice.state, invoice.issued_at = ISSUED, clock.now()
    invoice.content_hash = fingerprint(invoice)
    db.session.flush()
    emit(InvoiceIssued(invoice))
    return invoice


def next_number(series_id: UUID | None) -> dict[str, Any]:
    """The number the next invoice would get; nothing is reserved. Raises Invalid for an unknown series."""
    series = numbering.series_for(KIND, series_id)
    return {"number": numbering.preview(series, tenancy.today()), "series_id": series.id}


def _locked(invoice_id: UUID) -> Invoice:
    invoice = find_or_404(Invoice, invoice_id, KIND, _BUYER, lock=True)
    load_lines(invoice, fresh=True)
    return invoice


def _shown(invoice: Invoice) -> Invoice:
    invoice.warnings = _rate_warnings(invoice)
    if invoice.seller_snapshot is None:
        invoice.live_seller = seller_block(get_settings())
    return invoice


def _refuse_unless_draft(invoice: Invoice, deed: str) -> None:
    if invoice.state != DRAFT:
        raise Conflict(
            f"Only a draft can be {deed}; this invoice is {invoice.status}.", details={"status": invoice.status}
        )


def _renumber(invoice: Invoice, data: Mapping[str, Any]) -> None:
    if data.get("series_id") and data["series_id"] != invoice.series_id:
        if invoice.number:
            raise Conflict(
                "The draft has a number of its series already.",
                details={"fields": {"series_id": ["Is fixed by the draft's number."]}},
            )
        invoice.series_id = numbering.series_for(KIND, data["series_id"]).id
    if data.get("number") and data["number"] != invoice.number:
        series = numbering.series_for(KIND, invoice.series_id)
        if not series.manual:
            raise Invalid({"number": "Is given out by the series; only a manual series takes yours."})
        numbering.release(series.id, invoice.id)
        invoice.number = numbering.claim(series, data["number"], invoice.id)


def _keep_in_period(invoice: Invoice) -> None:
    """A draft that has its number already and is dated into another year gets one of that year."""
    if invoice.number:
        series = numbering.series_for(KIND, invoice.series_id)
        invoice.number = numbering.in_period(series, invoice.number, invoice.id, invoice.issue_date)


def _fill(invoice: Invoice, data: dict[str, Any], *, strict: bool) -> Content:
    """Write a whole content into a draft, but for its lines: what `data` leaves out goes back to its default."""
    settings, customer = get_settings(), _customer(data)
    content = compose(data, settings, customer, kept=_carried(invoice))
    if strict:
        refuse_differences(content)
    invoice.customer, invoice.customer_id = customer, customer.id
    invoice.payment_terms = data.get("payment_terms") or customer.payment_terms or settings.payment_terms
    for name in _PLAIN:
        setattr(invoice, name, data.get(name))
    invoice.extra = data.get("extra", {})
    invoice.notes = data.get("notes", settings.invoice_notes)
    invoice.terms = data.get("terms", settings.invoice_terms)
    _date(invoice, data.get("issue_date"), data.get("due_date"))
    _write_content(invoice, data, content)
    _write_rate(invoice, settings, data.get("exchange_rate"))
    invoice.live_seller, invoice.warnings = seller_block(settings), (*content.warnings, *_rate_warnings(invoice))
    return content


def _customer(data: dict[str, Any]) -> Customer:
    return customers.inline(data["customer"]) if "customer" in data else customers.resolve(data["customer_id"])


def _date(invoice: Invoice, issue_date: date | None, due: date | None) -> None:
    """Date a draft: as given, or as if it were issued today."""
    invoice.issue_date, invoice.issue_date_fixed = issue_date or tenancy.today(), issue_date is not None
    try:
        invoice.due_date = due or money.due_date(invoice.payment_terms, invoice.issue_date)
    except money.UnknownTerms as error:
        raise Invalid({"payment_terms": str(error)}) from error
    invoice.due_date_fixed = due is not None
    if invoice.due_date < invoice.issue_date:
        raise Invalid({"due_date": f"Must not be before the issue date, {invoice.issue_date}."})


def _write_content(invoice: Invoice, data: Mapping[str, Any], content: Content) -> None:
    totals, discount = content.totals, data.get("discount") or {}
    invoice.currency, invoice.tax_inclusive = content.currency, content.tax_inclusive
    invoice.rounding_mode = content.rounding_mode
    invoice.discount_type, invoice.discount_value = discount.get("type"), discount.get("value")
    invoice.charges = charge_rows(data.get("charges", ()))
    invoice.tax_rows, invoice.withholding_rows = content.tax_rows(), content.withholding_rows()
    for name in ("subtotal", "discount_total", "charge_total", "tax_total", "total", "withholding_total", "rounding"):
        setattr(invoice, name, getattr(totals, name))


def _carried(invoice: Invoice) -> set[UUID]:
    """The taxes and items of a draft's lines as they are stored; a new draft has none yet."""
    lines = invoice.lines if invoice.version else []
    return {UUID(tax_id) for line in lines for tax_id in line.tax_ids} | {
        line.item_id for line in lines if line.item_id
    }


def as_input(invoice: Invoice) -> dict[str, Any]:
    """The body that would make this draft again, so that a change is a replacement with some fields new."""
    data: dict[str, Any] = {name: getattr(invoice, name) for name in _PLAIN}
    return data | {
        "customer_id": invoice.customer_id,
        "payment_terms": invoice.payment_terms,
        "extra": invoice.extra,
        "notes": invoice.notes,
        "terms": invoice.terms,
        "currency": invoice.currency,
        "discount": invoice.discount,
        "tax_inclusive": invoice.tax_inclusive,
        "exchange_rate": invoice.exchange_rate,
        "charges": invoice.charges,
        "issue_date": invoice.issue_date if invoice.issue_date_fixed else None,
        "due_date": invoice.due_date if invoice.due_date_fixed else None,
        "rounding": money.from_minor(invoice.rounding, invoice.currency),
        "lines": [line_input(line) for line in invoice.lines],
    }


def _date_for_issue(invoice: Invoice, settings: Settings) -> None:
    """A draft that was not dated by hand is dated, and taxed, on the day it is issued."""
    if invoice.issue_date_fixed or invoice.issue_date == tenancy.today():
        return
    data = as_input(invoice) | {"issue_date": tenancy.today()}
    content = compose(data, settings, invoice.customer, kept=_carried(invoice))
    _write_content(invoice, data, content)
    write_lines(invoice, content)
    _date(invoice, tenancy.today(), data["due_date"])


def _freeze(invoice: Invoice, settings: Settings) -> None:
    """Copy the parties into the invoice and convert it into the base currency, each part by itself."""
    invoice.seller_snapshot, invoice.customer_snapshot = seller_block(settings), customers.party(invoice.customer)
    invoice.customer_name, invoice.customer_email = invoice.customer.name, invoice.customer.email
    _write_rate(invoice, settings, invoice.exchange_rate)
    invoice.warnings = _rate_warnings(invoice)
    invoice.exchange_rate_date = invoice.issue_date if invoice.exchange_rate else None
    if invoice.exchange_rate:
        net = invoice.subtotal - invoice.discount_total + invoice.charge_total
        parts = [net, *(row["amount"] for row in invoice.tax_rows)]
        invoice.base_total = sum(_converted(part, invoice) for part in parts)


def _write_rate(invoice: Invoice, settings: Settings, given: Decimal | None) -> None:
    """The base currency costs one of itself, whatever the caller says; another costs what they say."""
    same = invoice.currency == settings.currency
    invoice.base_currency, invoice.exchange_rate = settings.currency, Decimal(1) if same else given
    invoice.exchange_rate_source = "same_currency" if same else "manual" if given else None


def _rate_warnings(invoice: Invoice) -> tuple[dict[str, Any], ...]:
    if invoice.exchange_rate:
        return ()
    text = f"Without a rate the invoice has no amount in {invoice.base_currency} and is missing from its reports."
    return ({"code": "exchange_rate_missing", "field": "exchange_rate", "message": text},)


def _converted(amount: int, invoice: Invoice) -> int:
    rate = invoice.exchange_rate or Decimal(1)
    exact = money.from_minor(amount, invoice.currency) * rate
    converted = money.round_half_away(exact, money.exponent(invoice.base_currency))
    if abs(converted) > money.from_minor(money.MAX_MINOR, invoice.base_currency):
        raise Invalid({"exchange_rate": "The amount in the base currency is beyond the largest that can be stored."})
    return money.to_minor(converted, invoice.base_currency)


def seller_block(settings: Settings) -> dict[str, Any]:
    """The organisation as it stands on a document."""
    return {"name": settings.name, **settings.seller}
