"""Real PDFs read back: what an invoice shows, on one page and on many."""

from __future__ import annotations

import base64
import io
import time

import pypdf
import pytest
from PIL import Image

from app.accounts.logo import normalise_logo
from app.documents.renderer import Renderer
from app.documents.rendering import DocumentView, UnknownTemplate, render_html, render_pdf

from .samples import CUSTOMER, SELLER, invoice, line, pages, text_of, view


def test_everything_a_buyer_needs_is_on_the_page(renderer: Renderer) -> None:
    found = text_of(render_pdf(view(), renderer))
    for expected in (
        "Invoice INV-2026-00042",
        "Northwind Studio GmbH",
        "Chausseestraße 8a",
        "10115 Berlin",
        "Acme Trading Ltd",
        "12 High Street",
        "VAT ID: GB987654321",
        "2 Nov 2026",
        "2 Dec 2026",
        "31 Oct 2026",
        "Project Aurora",
        "PO-7781",
        "Item 1",
        "second line",
        "12 h",
        "750.00",
        "-10%",
        "9,000.00",
        "€18,000.00",
        "VAT 19% €3,420.00",
        "Total €21,420.00",
        "Amount due €21,420.00",
        "DE89 3704 0044 0532 0130 00",
        "COBADEFFXXX",
        "Northwind Account",
        "Come again.",
        "Net 30",
        "Managing director: Ada Example",
        "Dock Road 5",
        "Page 1 of 1",
    ):
        assert expected in found


def test_zero_deductions_leave_no_row_and_others_carry_a_minus(renderer: Renderer) -> None:
    plain = text_of(render_pdf(view(), renderer))
    assert not any(word in plain for word in ("Paid", "Credited", "Withheld", "Rounding", "Charges", "None"))
    rich = view(
        amount_paid="500.00",
        amount_credited="20.00",
        rounding="-0.01",
        discount={"type": "percent", "value": "5"},
        discount_total="900.00",
        charge_total="25.00",
        charges=[{"name": "Shipping", "amount": "25.00"}],
        withholding=[{"name": "IRPF", "rate": "15", "amount": "99.00"}],
    )
    found = text_of(render_pdf(rich, renderer))
    for expected in (
        "Paid -€500.00",
        "Credited -€20.00",
        "Rounding -€0.01",
        "Discount (5%) -€900.00",
        "Charges (Shipping) €25.00",
        "IRPF 15% -€99.00",
    ):
        assert expected in found


def test_tax_table_names_the_exemption_reason(renderer: Renderer) -> None:
    tax = {"name": "Intra-community", "rate": "0", "base": "10.00", "amount": "0.00", "exemption_reason": "Article 138"}
    found = text_of(render_pdf(view(taxes=[tax]), renderer))
    assert "Intra-community 0% €10.00 €0.00 Article 138" in found


def test_many_taxes_become_one_total_row_and_a_table_of_their_own(renderer: Renderer) -> None:
    taxes = [{"name": f"Tax {i}", "rate": "1", "base": "1.00", "amount": "0.01"} for i in range(60)]
    found = text_of(render_pdf(view(taxes=taxes), renderer))
    assert "Total tax €3,420.00" in found
    assert all(f"Tax {i}" in found for i in range(60))


def test_parts_of_a_line_and_references_of_public_buyers(renderer: Renderer) -> None:
    rich = line(
        unit="kilowatt hours of green power",
        unit_price="0.312500",
        price_base_quantity="100",
        period_start="2026-05-01",
        period_end="2026-05-31",
        charges=[{"amount": "12.50", "reason": "Packing"}, {"amount": "0.00", "reason": "Nothing"}],
        discount={"type": "fixed", "value": "5.00"},
        taxes=[
            {"name": "GST", "rate": "5"},
            {"name": "QST", "rate": "9.975"},
            {"name": "W", "rate": "15", "kind": "withholding"},
        ],
    )
    one = view(
        lines=0,
        buyer_reference="04011000-12345-03",
        contract_number="C-77",
        project_number="P-8",
        period_start="2026-05-01",
    )
    one.invoice["lines"].append(rich)
    found = text_of(render_pdf(one, renderer))
    for expected in (
        "0.312500 / 100",
        "1 May 2026 \u2013 31 May 2026",
        "Packing: 12.50",
        "-5.00",
        "5% + 9.975%",
        "green power",
        "BUYER REFERENCE 04011000-12345-03",
        "CONTRACT C-77",
        "SERVICE PERIOD 1 May 2026",
    ):
        assert expected in found
    assert "Nothing" not in found and "15%" not in found


def test_a_rate_in_the_name_of_a_tax_is_not_repeated(renderer: Renderer) -> None:
    names = {"VAT 19 %": "19.00", "TVA 5,5 %": "5.50", "VAT 190": "19"}
    taxes = [{"name": name, "rate": rate, "base": "1.00", "amount": "0.10"} for name, rate in names.items()]
    found = text_of(render_pdf(view(taxes=taxes, locale="de_DE"), renderer))
    assert "VAT 19 % 0,10" in found and "TVA 5,5 % 0,10" in found and "VAT 190 19 % 0,10" in found


def test_header_and_page_numbers_repeat_on_every_page(renderer: Renderer) -> None:
    found = pages(render_pdf(view(lines=40), renderer))
    assert len(found) >= 2
    for number, page in enumerate(found, start=1):
        assert f"Page {number} of {len(found)}" in page
        assert "Northwind Studio GmbH" in page
        if "Item" in page:
            assert "Description" in page and "Amount EUR" in page
    assert "Item 1\n" in found[0] and "Item 40" in found[-2] + found[-1]
    assert sum("Item" in page for page in found) >= 3


def test_prices_that_include_tax_show_gross_lines(renderer: Renderer) -> None:
    found = text_of(render_pdf(view(tax_inclusive=True), renderer))
    assert "10,710.00" in found and "9,000.00" not in found and "Prices include tax" in found


@pytest.mark.parametrize(("state", "mark"), [("draft", "DRAFT"), ("void", "VOID")])
def test_draft_and_void_are_marked_on_every_page(renderer: Renderer, state: str, mark: str) -> None:
    found = pages(render_pdf(view(lines=30, state=state, number=None), renderer))
    assert all(mark in page for page in found)
    assert "None" not in " ".join(found)
    if state == "void":
        assert not any(word in " ".join(found) for word in ("Amount due", "IBAN"))


@pytest.mark.parametrize("state", ["issued", "written_off", None, "<b>draft</b>"])
def test_other_states_carry_no_mark(renderer: Renderer, state: str | None) -> None:
    found = text_of(render_pdf(view(state=state), renderer))
    assert "DRAFT" not in found and "VOID" not in found


def test_missing_keys_and_nones_leave_no_trace(renderer: Renderer) -> None:
    everything_none = dict.fromkeys(invoice())
    nothing = dict.fromkeys(SELLER)
    views = [
        DocumentView("invoice", {}),
        DocumentView("invoice", everything_none, nothing, dict.fromkeys(CUSTOMER), {"logo": None, "color": None}),
        DocumentView(
            "invoice", {"lines": [{}, dict.fromkeys(line())], "taxes": [{}], "charges": [None], "customer": {}}
        ),
        DocumentView("invoice", {**invoice(), "lines": [{"description": "Only this"}]}, {}, {"billing_address": None}),
    ]
    for one in views:
        found = text_of(render_pdf(one, renderer))
        assert "None" not in found
        assert ("ISSUE DATE" in found) == bool(one.invoice.get("issue_date"))
        assert "IBAN" not in found and "BILL TO" not in found
    assert text_of(render_pdf(views[0], renderer)) == "Invoice Page 1 of 1"


def test_wrong_types_do_not_raise(renderer: Renderer) -> None:
    odd = DocumentView(
        "invoice",
        {
            "lines": "no list",
            "taxes": {"a": 1},
            "notes": ["x"],
            "total": [1],
            "number": 7,
            "currency": "€uro",
            "discount": "5",
        },
        {"address": "somewhere", "name": {"a": 1}},
        {"billing_address": ["x"]},
        {"color": 12, "logo": 5},
        "../../etc/passwd",
    )
    assert "7" in text_of(render_pdf(odd, renderer))


def test_extreme_lengths_keep_every_character_on_the_page(renderer: Renderer) -> None:
    lines = [
        line(1, name="W" * 200, description="\n".join(f"row {i}" for i in range(40))),
        line(2, name="Name " * 40, quantity="123456789.123456", unit="kilogramme", unit_price="123456789012.123456"),
        line(3, description="\n".join(f"tall {i}" for i in range(300))),
    ]
    long = view(lines=0, number="N" * 60, reference="R" * 200, total="123456789012345.00", notes="n" * 3000)
    long.invoice["lines"].extend(lines)  # type: ignore[union-attr]
    drawn = render_pdf(long, renderer)
    flat = text_of(drawn).replace(" ", "")
    assert "W" * 200 in flat and "row39" in flat and "tall299" in flat and "123,456,789,012.123456" in flat
    assert "€123,456,789,012,345.00" in flat
    _inside_the_page(drawn)


def _inside_the_page(drawn: bytes) -> None:
    """No text starts outside the margins (10 mm of tolerance inside the paper's edge)."""
    for page in pypdf.PdfReader(io.BytesIO(drawn)).pages:
        spots: list[float] = []
        page.extract_text(
            visitor_text=lambda text, _cm, tm, _font, _size, spots=spots: text.strip() and spots.append(tm[4])
        )
        assert all(0 <= x < 560 for x in spots)


def test_three_hundred_lines_within_thirty_seconds(renderer: Renderer) -> None:
    began = time.monotonic()
    found = pages(render_pdf(view(lines=300), renderer))
    assert time.monotonic() - began < 30
    assert "Item 300" in " ".join(found) and f"Page {len(found)} of {len(found)}" in found[-1]


def test_logo_is_embedded_and_replaces_the_name(renderer: Renderer) -> None:
    out = io.BytesIO()
    Image.effect_noise((700, 350), 90).convert("RGB").save(out, "PNG")  # more than xhtml2pdf keeps in memory by itself
    logo = normalise_logo("data:image/png;base64," + base64.b64encode(out.getvalue()).decode())
    drawn = render_pdf(DocumentView("invoice", invoice(1), {"name": "Shop"}, {}, {"logo": logo}), renderer)
    page = pypdf.PdfReader(io.BytesIO(drawn)).pages[0]
    assert [image.image.size for image in page.images if image.image] == [(700, 350)]
    assert page.extract_text().count("Shop") == render_html(
        DocumentView("invoice", {}, {"name": "Shop"}, {}, {"logo": logo})
    ).count(">Shop")


def test_a_broken_logo_does_not_stop_the_invoice(renderer: Renderer) -> None:
    for logo in (
        "data:image/png;base64," + "A" * 400,
        "data:image/svg+xml;base64," + "A" * 400,
        "http://a.example/x.png",
    ):
        one = DocumentView("invoice", invoice(1), SELLER, CUSTOMER, {"logo": logo})
        assert "Item 1" in text_of(render_pdf(one, renderer))


def test_same_view_same_bytes(renderer: Renderer) -> None:  # another process: test_drawing_opens_no_file_at_all
    first, second = render_pdf(view(lines=30), renderer), render_pdf(view(lines=30), renderer)
    assert first == second != render_pdf(view(lines=30, notes="other"), renderer)


def test_metadata_and_language(renderer: Renderer) -> None:
    reader = pypdf.PdfReader(io.BytesIO(render_pdf(view(locale="de_DE"), renderer)))
    assert reader.metadata is not None and reader.metadata.title == "Rechnung INV-2026-00042"
    assert reader.metadata.author == "Northwind Studio"
    assert reader.trailer["/Root"]["/Lang"] == "de"  # type: ignore[index]


def test_unknown_template_and_kind_are_refused() -> None:
    for kind, template in (("invoice", "../classic"), ("quote", "classic"), ("invoice", "")):
        with pytest.raises(UnknownTemplate, match="classic"):
            render_html(DocumentView(kind, {}, template=template))
