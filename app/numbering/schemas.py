"""Shapes of number series on the wire."""

from typing import Any

from marshmallow import ValidationError, validates_schema

from app.http import fields
from app.http.paging import LinksOut, MetaOut, PageQuery
from app.http.schema import Schema
from app.numbering.models import ASSIGNS, KINDS, RESETS
from app.numbering.pattern import FORMS, MOST_FIRST, check


class SeriesOut(Schema):
    """A number series."""

    id = fields.Id()
    kind = fields.Text(20, one_of=KINDS, example="invoice")
    name = fields.Text(60, example="Invoices")
    pattern = fields.Text(60, example="INV-{seq:04}")
    reset = fields.Text(10, one_of=RESETS, example="never")
    assign = fields.Text(10, one_of=ASSIGNS, example="on_issue")
    manual = fields.Flag()
    is_default = fields.Flag()
    first = fields.Whole(0, MOST_FIRST)
    metadata = fields.Metadata(attribute="extra")
    external_id = fields.external_id()
    created_at = fields.Instant()
    updated_at = fields.Instant()


class SeriesIn(Schema):
    """A number series to make."""

    kind = fields.Text(20, one_of=KINDS, load_default="invoice", example="invoice")
    name = fields.Text(60, least=1, required=True, example="Export invoices")
    pattern = fields.Text(60, least=1, required=True, example="EX-{yyyy}-{seq:04}", doc=f"{FORMS}.")
    reset = fields.Text(10, one_of=RESETS, load_default="never", example="yearly")
    assign = fields.Text(10, one_of=ASSIGNS, load_default="on_issue", example="on_issue")
    manual = fields.Flag(load_default=False, doc="The caller gives the numbers; a duplicate is refused.")
    is_default = fields.Flag(load_default=False, doc="Takes the place of the kind's present default.")
    first = fields.Whole(0, MOST_FIRST, load_default=1, example=1, doc="Where counting starts.")
    metadata = fields.Metadata(attribute="extra", load_default=dict)
    external_id = fields.external_id(load_default=None)

    @validates_schema(skip_on_field_errors=True)
    def _check(self, data: dict[str, Any], **_: Any) -> None:
        try:
            check(data["pattern"], data["reset"])
        except ValueError as error:
            raise ValidationError(str(error), "pattern") from error


class SeriesPatch(Schema):
    """What may change. Reset and first only while no number was handed out."""

    name = fields.Text(60, least=1, example="Export invoices")
    pattern = fields.Text(60, least=1, example="EX-{yyyy}-{seq:04}", doc=f"{FORMS}.")
    reset = fields.Text(10, one_of=RESETS, example="yearly")
    assign = fields.Text(10, one_of=ASSIGNS, example="on_issue")
    is_default = fields.Flag(doc="Takes the place of the kind's present default.")
    first = fields.Whole(0, MOST_FIRST, example=1, doc="Where counting starts.")
    metadata = fields.Metadata(attribute="extra")
    external_id = fields.external_id()


class SeriesQuery(PageQuery):
    """Filters of the list of series."""

    kind = fields.Text(20, one_of=KINDS)


def _named(attribute: str, doc: str) -> fields.List[Any]:
    return fields.List(fields.Text(80), attribute=attribute, metadata={"description": doc})


class NumberOut(Schema):
    """A number that was handed out, and to what."""

    number = fields.Text(80, example="INV-0007")
    period = fields.Text(7, example="2026")
    sequence = fields.Whole(0, 2**53, allow_none=True)
    document_id = fields.Id(allow_none=True, doc="Null: released by a deleted draft, the next to be handed out.")
    document_state = fields.Text(20, allow_none=True, example="issued")
    assigned_at = fields.Instant()


class AuditPage(Schema):
    """Every number of a series, and what the audit found in the whole of it; at most 100 entries a finding."""

    complete = fields.Flag(doc="No number is missing, none stands twice, each has its document.")
    numbers = fields.Whole(0, 2**53, doc="How many were handed out.")
    missing = _named("missing", "Places that were skipped.")
    duplicates = _named("duplicates", "Numbers that two documents carry.")
    without_document = _named("without_document", "Numbers whose document is gone, or the other way round.")
    released = _named("released", "Numbers of deleted drafts: the next to be handed out.")
    series = fields.Nested(SeriesOut)
    data = fields.List(fields.Nested(NumberOut))
    links = fields.Nested(LinksOut)
    meta = fields.Nested(MetaOut)
