"""A finished document as HTML and as PDF. The one entrance of this folder's drawing part."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from app.documents.frames import PdfJob
from app.documents.renderer import Renderer
from app.documents.sheet import Sheet, build_sheet

TEMPLATES = ("classic",)
KINDS = ("invoice",)


class UnknownTemplate(ValueError):
    """The view names a kind or a template that does not ship; the message names those that do."""


@dataclass(frozen=True, slots=True)
class DocumentView:
    """What a document shows. Every key of every mapping may be missing or None; unknown keys are ignored.

    kind: "invoice". invoice: the JSON wire shape of the API (amounts decimal strings, dates "YYYY-MM-DD"), lines[]
    with taxes[] {name, rate, base, amount, category, exemption_reason}, taxes[], withholding[], charges[].
    seller: {name, legal_name, vat_id, tax_number, registration_id, address {line1, line2, building_number, city,
    postal_code, region, country}, email, phone, website, iban, bic, account_name, footer}.
    customer: {name, company_name, contact_name, vat_id, email, billing_address, shipping_address}.
    brand: {logo: as logo.normalise_logo returns it or None, color: "#rrggbb"}.
    locale: "de_DE", "en-GB"…; numbers follow it, words too where labels.py has the language, else they are English.
    """

    kind: str
    invoice: Mapping[str, Any]
    seller: Mapping[str, Any] = field(default_factory=dict)
    customer: Mapping[str, Any] = field(default_factory=dict)
    brand: Mapping[str, Any] = field(default_factory=dict)
    locale: str = "en"
    template: str = "classic"


def _line_breaks(text: str) -> Markup:
    """Return text escaped, its newlines as <br/> (the template filter `br`)."""
    return Markup("<br/>").join(escape(line) for line in text.split("\n"))


@functools.cache
def _environment() -> Environment:
    """Return the one environment: autoescape always on, an unknown name is an error."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["br"] = _line_breaks
    return environment


def _sheet(view: DocumentView) -> Sheet:
    if view.template not in TEMPLATES or view.kind not in KINDS:
        raise UnknownTemplate(f"templates: {', '.join(TEMPLATES)}; kinds: {', '.join(KINDS)}")
    return build_sheet(view.invoice, view.seller, view.customer, view.brand, view.locale)


def _html(view: DocumentView, sheet: Sheet) -> str:
    return _environment().get_template(f"{view.template}/{view.kind}.html").render(sheet=sheet, labels=sheet.labels)


def render_html(view: DocumentView) -> str:
    """Return the document as the HTML that is drawn. Raises UnknownTemplate; never raises on data."""
    return _html(view, _sheet(view))


def render_pdf(view: DocumentView, renderer: Renderer) -> bytes:
    """Return the document as PDF bytes, the same bytes for the same view. Raises UnknownTemplate, RenderingFailed."""
    sheet = _sheet(view)
    return renderer.draw(
        PdfJob(
            html=_html(view, sheet),
            page_label=sheet.labels["page"],
            mark=sheet.mark.upper(),
            accent=sheet.palette.accent,
        )
    )
