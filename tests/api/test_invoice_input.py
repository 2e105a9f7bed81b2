"""What an invoice's body may not hold: each refusal names its field, and nothing is stored."""

import json

import pytest

from tests.support.client import assert_refused

LINE = {"name": "x", "unit_price": "1.00"}
UNKNOWN = "0192f0c1-2b3c-7d4e-8f50-61728394a5b6"


def line(**fields):
    return {"lines": [{**LINE, **fields}]}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"customer_id": UNKNOWN}, "customer_id"),
        ({"customer_id": "x"}, "customer_id"),
        ({"customer_id": None}, "customer_id"),
        ({"customer": {"name": "both"}}, "customer"),
        ({"lines": []}, "lines"),
        ({"lines": {}}, "lines"),
        ({"lines": [LINE] * 1001}, "lines"),
        ({"lines": ["x"]}, "lines.0"),
        ({"items": [LINE]}, "items"),
        (line(name=""), "lines.0.name"),
        (line(name="  "), "lines.0.name"),
        (line(name="a\x00b"), "lines.0.name"),
        (line(name="\ud800"), "lines.0.name"),
        (line(name=5), "lines.0.name"),
        (line(quantity="many"), "lines.0.quantity"),
        (line(quantity=True), "lines.0.quantity"),
        (line(quantity="1e5"), "lines.0.quantity"),
        (line(quantity="0.0000001"), "lines.0.quantity"),
        (line(quantity="1000000000000"), "lines.0.quantity"),
        (line(unit_price="-0.01"), "lines.0.unit_price"),
        (line(unit_price=None), "lines.0.unit_price"),
        (line(unit_price=10**30), "lines.0.unit_price"),
        (line(unit_price="NaN"), "lines.0.unit_price"),
        (line(price_base_quantity=0), "lines.0.price_base_quantity"),
        (line(discount={"type": "percent", "value": "100.01"}), "lines.0.discount.value"),
        (line(discount={"type": "fixed", "value": "-1"}), "lines.0.discount.value"),
        (line(discount={"type": "half", "value": 1}), "lines.0.discount.type"),
        (line(discount={"type": "fixed"}), "lines.0.discount.value"),
        (line(tax_ids=[UNKNOWN]), "lines.0.tax_ids"),
        (line(tax_ids="x"), "lines.0.tax_ids"),
        (line(tax_rate=101), "lines.0.tax_rate"),
        (line(tax_rate=5, tax_ids=[UNKNOWN]), "lines.0.tax_rate"),
        (line(item_id=UNKNOWN), "lines.0.item_id"),
        (line(colour="red"), "lines.0.colour"),
        (line(unit_code="hour"), "lines.0.unit_code"),
        (line(period_start="2026-02-01", period_end="2026-01-01"), "lines.0.period_end"),
        ({"lines": [{"quantity": 1, "unit_price": 1}]}, "lines.0.name"),
        ({"lines": [{"name": "x"}]}, "lines.0.unit_price"),
        ({"currency": "XXX"}, "currency"),
        ({"currency": "eur"}, "currency"),
        ({"issue_date": "2026-02-30"}, "issue_date"),
        ({"issue_date": "15.01.2026"}, "issue_date"),
        ({"issue_date": 20260115}, "issue_date"),
        ({"issue_date": "2026-02-01", "due_date": "2026-01-31"}, "due_date"),
        ({"due_date": "1999-01-01"}, "due_date"),
        ({"payment_terms": "whenever"}, "payment_terms"),
        ({"discount": {"type": "fixed", "value": "2.00"}}, "discount"),
        ({"charges": [{"amount": "-1"}]}, "charges.0.amount"),
        ({"exchange_rate": 0}, "exchange_rate"),
        ({"exchange_rate": "1.12345678901"}, "exchange_rate"),
        ({"rounding": "0.001"}, "rounding"),
        ({"number": "MINE-1"}, "number"),
        ({"series_id": UNKNOWN}, "series_id"),
        ({"language": "klingon"}, "language"),
        ({"metadata": {"k": 1}}, "metadata"),
        ({"metadata": {str(n): "x" for n in range(51)}}, "metadata"),
        ({"notes": "x" * 4001}, "notes"),
        ({"external_id": ""}, "external_id"),
        ({"state": "issued"}, "state"),
        ({"tax": 1}, "tax"),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_stored(client, customer, change, field):
    body = json.dumps({"customer_id": customer["id"], "lines": [LINE]} | change)
    response = client.post("/invoices", data=body, content_type="application/json")
    error = assert_refused(response, 422, "validation_error")
    named = error["details"]["fields"]
    assert any(name == field or name.startswith(f"{field}.") for name in named), named
    assert client.get("/invoices").get_json()["meta"]["total"] == 0


@pytest.mark.parametrize(
    ("quantity", "price", "field"),
    [
        ("999999999999", "999999999999", "lines.0"),
        ("999999999999", "9999.99", "lines.0"),
        ("-999999999999", "999999999999", "lines.0"),
    ],
)
def test_an_amount_that_does_not_fit_is_named(client, customer, quantity, price, field):
    body = {"customer_id": customer["id"], "lines": [{"name": "x", "quantity": quantity, "unit_price": price}]}
    for path in ("/invoices", "/calculate"):
        sent = body if path == "/invoices" else {"lines": body["lines"]}
        named = assert_refused(client.post(path, sent), 422, "validation_error")["details"]["fields"]
        assert any(name.startswith(field) for name in named), named


def test_the_largest_amount_fits(client, customer):
    body = {"customer_id": customer["id"], "lines": [{"name": "x", "quantity": "9999999999", "unit_price": "999.99"}]}
    made = client.post("/invoices", body).get_json()
    assert made["total"] == "9999899999000.01"
    assert client.post(f"/invoices/{made['id']}/issue").get_json()["total"] == "9999899999000.01"


def test_without_a_customer_the_field_is_named(client):
    assert_refused(client.post("/invoices", {"lines": [LINE]}), 422, "validation_error", field="customer_id")


def test_an_items_price_in_another_currency_needs_a_price(client, customer):
    item = client.post("/items", {"type": "product", "name": "I", "price": 1, "currency": "USD"}).get_json()
    body = {"customer_id": customer["id"], "currency": "EUR", "lines": [{"item_id": item["id"]}]}
    assert_refused(client.post("/invoices", body), 422, "validation_error", field="lines.0.unit_price")
    body["lines"][0]["unit_price"] = "0.90"
    assert client.post("/invoices", body).status_code == 201


def test_a_strangers_ids_in_a_body_are_unknown(client, stranger, customer):
    theirs = {
        "customer": stranger.post("/customers", {"name": "T"}).get_json()["id"],
        "item": stranger.post("/items", {"type": "product", "name": "T", "price": 1}).get_json()["id"],
        "tax": stranger.post("/taxes", {"name": "T", "rate": 5}).get_json()["id"],
        "series": stranger.get("/number-series?kind=invoice").get_json()["data"][0]["id"],
    }
    good = {"customer_id": customer["id"], "lines": [LINE]}
    for change, field in (
        ({"customer_id": theirs["customer"]}, "customer_id"),
        (line(item_id=theirs["item"]), "lines.0.item_id"),
        (line(tax_ids=[theirs["tax"]]), "lines.0.tax_ids"),
        ({"series_id": theirs["series"]}, "series_id"),
    ):
        assert_refused(client.post("/invoices", good | change), 422, "validation_error", field=field)
