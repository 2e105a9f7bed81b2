"""PDFs over HTTP: made once, linked with a signature that expires, and never another organisation's."""

import datetime as dt
import io
import re

import pypdf
import pytest
import time_machine

from app.documents.renderer import RenderingFailed
from tests.support.client import assert_refused

HOSTILE = (
    '</p><script>alert(1)</script><img src="file:///etc/passwd"><img src="http://127.0.0.1:9/x">{{7*7}} @import url(x)'
)


def text_of(response):
    assert response.status_code == 200, response.get_json()
    assert response.headers["Content-Type"] == "application/pdf"
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(response.data)).pages)


def test_the_pdf_shows_the_stored_figures(client, make_invoice):
    draft = make_invoice(lines=[{"name": "Consulting", "quantity": 12, "unit_price": "750.00", "tax_rate": 15}])
    assert "DRAFT" in text_of(client.get(f"/invoices/{draft['id']}/pdf")).upper()
    client.post(f"/invoices/{draft['id']}/issue")
    text = text_of(client.get(f"/invoices/{draft['id']}/pdf"))
    for shown in ("INV-0001", "Acme Corp", "Consulting", "9,000.00", "1,350.00", "10,350.00"):
        assert shown in text
    assert "DRAFT" not in text.upper()


def test_the_link_needs_no_key_and_expires(client, anonymous, make_invoice):
    invoice = make_invoice()
    made = client.post(f"/invoices/{invoice['id']}/pdf")
    assert made.status_code == 201, made.get_json()
    link = made.get_json()
    assert (link["content_type"], link["filename"]) == ("application/pdf", "draft.pdf")
    fetched = anonymous.get(link["url"])
    assert "Consulting" in text_of(fetched)
    assert len(fetched.data) == link["size"]
    later = dt.datetime.fromisoformat(link["expires_at"]) + dt.timedelta(seconds=1)
    with time_machine.travel(later, tick=False):
        assert_refused(anonymous.get(link["url"]), 410, "gone")


@pytest.mark.parametrize(
    "change",
    [lambda url: url[:-9] + ("A" if url[-9] != "A" else "B") + url[-8:], lambda url: url[:-20], lambda url: url + "xy"],
)
def test_a_link_that_is_not_ours_leads_nowhere(client, anonymous, make_invoice, change):
    url = client.post(f"/invoices/{make_invoice()['id']}/pdf").get_json()["url"]
    assert_refused(anonymous.get(change(url)), 404, "not_found")


def test_the_same_content_is_drawn_once(app, client, make_invoice, monkeypatch):
    invoice = make_invoice()
    url = f"/invoices/{invoice['id']}/pdf"
    first = client.get(url).data

    def never(*_):
        raise AssertionError("a document that is on disk was drawn again")

    monkeypatch.setattr(app.extensions["billhook.renderer"], "draw", never)
    assert client.get(url).data == first
    client.patch(f"/invoices/{invoice['id']}", {"internal_notes": "not printed"})
    assert client.get(url).data == first
    monkeypatch.undo()
    client.patch(f"/invoices/{invoice['id']}", {"notes": "printed"})
    assert "printed" in text_of(client.get(url))


def test_hostile_text_comes_out_as_text(client):
    fields = {"name": HOSTILE[:200], "company_name": HOSTILE[:200]}
    address = {"line1": HOSTILE[:200], "city": "<b>City</b>"}
    customer = client.post("/customers", {**fields, "billing_address": address}).get_json()
    lines = [{"name": HOSTILE, "description": HOSTILE, "unit": "<i>h</i>", "unit_price": 1}]
    body = {
        "customer_id": customer["id"],
        "lines": lines,
        "notes": HOSTILE,
        "terms": HOSTILE,
        "reference": "{{config}}",
    }
    invoice = client.post("/invoices", body).get_json()
    text = re.sub(r"\s+", "", text_of(client.get(f"/invoices/{invoice['id']}/pdf")))
    for shown in ("<script>alert(1)</script>", "file:///etc/passwd", "{{7*7}}", "{{config}}", "<b>City</b>"):
        assert shown in text
    assert "root:" not in text


def test_another_organisations_invoice_has_no_pdf(stranger, make_invoice):
    invoice = make_invoice()["id"]
    for answer in (stranger.get(f"/invoices/{invoice}/pdf"), stranger.post(f"/invoices/{invoice}/pdf")):
        assert_refused(answer, 404, "not_found")


def test_a_document_that_cannot_be_drawn_is_a_clear_error(app, client, make_invoice, monkeypatch):
    invoice = make_invoice()

    def fail(*_):
        raise RenderingFailed("too slow")

    monkeypatch.setattr(app.extensions["billhook.renderer"], "draw", fail)
    response = client.get(f"/invoices/{invoice['id']}/pdf")
    assert_refused(response, 503, "service_unavailable")
    assert response.headers["Retry-After"]
