"""Invoices over HTTP: drafts, issue, lists."""

from tests.support.client import assert_refused


def test_create_issue_and_read(client, customer):
    body = {"customer_id": customer["id"], "payment_terms": "Net 30", "issue_date": "2026-05-15",
            "lines": [{"description": "May consulting", "quantity": 12, "unit_price": 750, "tax_rate": 15},
                      {"description": "Project setup", "quantity": 1, "unit_price": 1500, "tax_rate": "15"}]}
    made = client.post("/invoices", body)
    assert made.status_code == 201, made.get_json()
    draft = made.get_json()
    assert made.headers["Location"] == f"/api/v1/invoices/{draft['id']}"
    assert (draft["subtotal"], draft["tax_total"], draft["total"]) == ("10500.00", "1575.00", "12075.00")
    assert (draft["number"], draft["status"], draft["due_date"]) == (None, "draft", "2026-06-14")
    issued = client.post(f"/invoices/{draft['id']}/issue")
    assert issued.status_code == 200, issued.get_json()
    assert issued.get_json()["number"] == "INV-0001"
    assert client.get(f"/invoices/{draft['id']}").get_json()["total"] == "12075.00"
    again = client.post(f"/invoices/{draft['id']}/issue")
    assert_refused(again, 409, "conflict")
