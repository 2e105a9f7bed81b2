"""Numbers on invoices: given at issue, or on creation, or by the caller; previewed; proved whole."""

import pytest

from tests.support.client import assert_refused


@pytest.fixture
def series(client):
    """Make an invoice series; fields may be given by name."""

    def make(**fields):
        response = client.post("/number-series", {"name": "Own", "pattern": "OWN-{seq:03}"} | fields)
        assert response.status_code == 201, response.get_json()
        return response.get_json()

    return make


def issue(client, invoice):
    response = client.post(f"/invoices/{invoice['id']}/issue")
    assert response.status_code == 200, response.get_json()
    return response.get_json()["number"]


def audit(client, series_id):
    body = client.get(f"/number-series/{series_id}/audit").get_json()
    assert body["complete"], body
    return [row["number"] for row in body["data"]]


def test_numbers_follow_each_other_and_drafts_burn_none(client, make_invoice):
    first, dropped, second = make_invoice(), make_invoice(), make_invoice()
    client.delete(f"/invoices/{dropped['id']}")
    assert client.get("/invoices/next-number").get_json()["number"] == "INV-0001"
    assert [issue(client, second), issue(client, first)] == ["INV-0001", "INV-0002"]
    assert client.get("/invoices/next-number").get_json()["number"] == "INV-0003"
    assert audit(client, first["series_id"]) == ["INV-0001", "INV-0002"]


def test_a_refused_issue_burns_no_number(client, make_invoice):
    refused = make_invoice(lines=[{"name": "x", "quantity": -1, "unit_price": 1}])
    assert_refused(client.post(f"/invoices/{refused['id']}/issue"), 422, "validation_error")
    assert issue(client, make_invoice()) == "INV-0001"


def test_a_series_that_numbers_drafts_hands_a_deleted_drafts_number_out_again(client, make_invoice, series):
    own = series(assign="on_create")
    drafts = [make_invoice(series_id=own["id"]) for _ in range(3)]
    assert [draft["number"] for draft in drafts] == ["OWN-001", "OWN-002", "OWN-003"]
    client.delete(f"/invoices/{drafts[1]['id']}")
    body = client.get(f"/number-series/{own['id']}/audit").get_json()
    assert (body["released"], body["complete"]) == (["OWN-002"], True)
    assert client.get(f"/invoices/next-number?series_id={own['id']}").get_json()["number"] == "OWN-002"
    assert make_invoice(series_id=own["id"])["number"] == "OWN-002"
    assert make_invoice(series_id=own["id"])["number"] == "OWN-004"
    assert issue(client, drafts[0]) == "OWN-001"
    assert sorted(audit(client, own["id"])) == ["OWN-001", "OWN-002", "OWN-003", "OWN-004"]


def test_a_manual_series_takes_the_callers_number_once(client, make_invoice, series):
    own = series(manual=True)
    made = make_invoice(series_id=own["id"], number="2026/A-17")
    assert issue(client, made) == "2026/A-17"
    body = {"customer_id": made["customer_id"], "lines": [{"name": "x", "unit_price": 1}], "series_id": own["id"]}
    assert_refused(client.post("/invoices", body | {"number": "2026/A-17"}), 409, "conflict", field="number")
    unnumbered = make_invoice(series_id=own["id"])
    assert_refused(client.post(f"/invoices/{unnumbered['id']}/issue"), 422, "validation_error", field="number")
    assert client.patch(f"/invoices/{unnumbered['id']}", {"number": "B"}).get_json()["number"] == "B"
    assert client.patch(f"/invoices/{unnumbered['id']}", {"number": "C"}).get_json()["number"] == "C"
    assert issue(client, unnumbered) == "C"
    assert sorted(audit(client, own["id"])) == ["2026/A-17", "C"]
    assert client.get(f"/invoices/next-number?series_id={own['id']}").get_json()["number"] is None


def test_counting_restarts_with_the_year_of_the_invoice(client, make_invoice, series):
    own = series(pattern="{yyyy}/{seq:05}", reset="yearly")
    days = ("2025-12-31", "2026-01-01", "2025-12-30", "2026-06-01")
    numbers = [issue(client, make_invoice(series_id=own["id"], issue_date=day)) for day in days]
    assert numbers == ["2025/00001", "2026/00001", "2025/00002", "2026/00002"]
    assert sorted(audit(client, own["id"])) == sorted(numbers)


def test_a_drafts_series_may_change_until_it_has_a_number(client, make_invoice, series):
    own = series()
    draft = make_invoice()
    moved = client.patch(f"/invoices/{draft['id']}", {"series_id": own["id"]})
    assert moved.status_code == 200, moved.get_json()
    assert issue(client, moved.get_json()) == "OWN-001"
    numbered = make_invoice(series_id=series(name="Early", pattern="E-{seq}", assign="on_create")["id"])
    assert_refused(
        client.patch(f"/invoices/{numbered['id']}", {"series_id": own["id"]}), 409, "conflict", field="series_id"
    )


def test_a_numbered_draft_that_moves_to_another_year_gets_a_number_of_that_year(client, make_invoice, series):
    own = series(pattern="{yyyy}-{seq:03}", reset="yearly", assign="on_create")
    draft = make_invoice(series_id=own["id"], issue_date="2025-12-30")
    assert draft["number"] == "2025-001"
    moved = client.patch(f"/invoices/{draft['id']}", {"issue_date": "2026-01-02"}).get_json()
    assert moved["number"] == "2026-001"
    assert issue(client, moved) == "2026-001"
    assert make_invoice(series_id=own["id"], issue_date="2025-12-31")["number"] == "2025-001"
    assert sorted(audit(client, own["id"])) == ["2025-001", "2026-001"]
