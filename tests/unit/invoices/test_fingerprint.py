"""Every column of an invoice is either frozen at issue or known to stay open: a new one must say which."""

import sqlalchemy as sa

from app.documents.service import LIVELY
from app.invoices import fingerprint
from app.invoices.models import Invoice, InvoiceLine

# What may differ from the day of issue, and why.
OPEN = {
    "org_id", "id", "series_id", "created_at", "version", "content_hash",  # identity and bookkeeping
    "state", "sent_at", "viewed_at", "paid_at", "voided_at", "deleted_at", "updated_at",  # its later life
    "amount_paid", "amount_credited",  # payments and credit notes
    "due_date", "reference", "internal_notes", "extra", "external_id",  # not fiscal
    "issue_date_fixed", "due_date_fixed",  # how a draft was dated
    "customer_name", "customer_email",  # copies of what the snapshot holds
    "source_type", "source_id",  # where it came from
}  # fmt: skip
OPEN_ON_LINES = {"org_id", "id", "invoice_id"}


def columns(model):
    return {attribute.key for attribute in sa.inspect(model).column_attrs}


def test_every_column_is_frozen_or_open_and_none_is_both():
    for model, frozen, left in (
        (Invoice, fingerprint._FIELDS, OPEN),
        (InvoiceLine, fingerprint._LINE_FIELDS, OPEN_ON_LINES),
    ):
        assert set(frozen).isdisjoint(left)
        assert columns(model) - set(frozen) == left
        assert set(frozen) <= columns(model)


def test_a_document_is_known_by_the_frozen_part_and_by_what_else_it_shows():
    bookkeeping = {"org_id", "id", "series_id", "created_at", "version", "content_hash", "updated_at", "deleted_at"}
    never_printed = {"sent_at", "viewed_at", "paid_at", "voided_at", "internal_notes", "extra", "external_id"}
    copies = {"issue_date_fixed", "due_date_fixed", "customer_name", "customer_email", "source_type", "source_id"}
    assert set(LIVELY) == OPEN - bookkeeping - never_printed - copies
