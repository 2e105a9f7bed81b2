"""ETag and If-Match: two people who change one thing at a time, and a tag that tells every state from the next.

The sweep over all operations is in test_changes.py.
"""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.extensions import db
from app.http import lookup
from app.items import service as items
from app.items.models import Item
from tests.support.client import assert_refused


def tag(client, path) -> str:
    return client.get(path).headers["ETag"]


@pytest.fixture
def item(client) -> str:
    return f"/items/{client.post('/items', {'name': 'Hammer', 'price': '12.50'}).get_json()['id']}"


def test_a_tag_is_strong_and_the_same_wherever_the_state_is(client, item):
    first = tag(client, item)
    assert re.fullmatch(r'"[0-9a-f]{32}"', first)
    assert tag(client, item) == first
    changed = client.patch(item, {"price": "13"})
    assert changed.headers["ETag"] != first
    assert tag(client, item) == changed.headers["ETag"]


def test_the_slower_of_two_is_refused_and_changes_nothing(client, item):
    seen = {"If-Match": tag(client, item)}
    assert client.patch(item, {"price": "13"}, headers=seen).status_code == 200
    refused = client.patch(item, {"price": "14"}, headers=seen)
    assert_refused(refused, 412, "precondition_failed")
    assert "ETag" not in refused.headers
    assert client.get(item).get_json()["price"] == "13.00"


def test_of_many_at_once_one_wins(client, item):
    seen = {"If-Match": tag(client, item)}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: client.patch(item, {"price": str(n)}, headers=seen), range(1, 9)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    (won,) = [answer for answer in answers if answer.status_code == 200]
    assert client.get(item).get_json()["price"] == won.get_json()["price"]


def test_a_list_and_things_without_a_state_of_their_own_have_no_tag(client, item, make_invoice):
    invoice = make_invoice()
    series = client.get("/number-series?kind=invoice").get_json()["data"][0]["id"]
    for path in ("/items", "/me", "/invoices/next-number", f"/number-series/{series}/audit"):
        assert "ETag" not in client.get(path).headers, path
    assert "ETag" not in client.post(f"/invoices/{invoice['id']}/pdf").headers
    assert "ETag" not in client.delete(item).headers


def test_taxes_alone_change_the_tag_of_what_carries_them(client, item):
    taxes = [client.post("/taxes", {"name": name, "rate": "19"}).get_json()["id"] for name in ("a", "b")]
    customer = f"/customers/{client.post('/customers', {'name': 'Acme'}).get_json()['id']}"
    for path in (item, customer):
        tags = [tag(client, path)]
        for wanted in (taxes, taxes[::-1], taxes[:1], []):
            tags.append(client.patch(path, {"tax_ids": wanted}).headers["ETag"])
            assert tag(client, path) == tags[-1]
        assert len(set(tags)) == len(tags), path


def test_a_new_rate_changes_the_tag_of_its_tax(client):
    made = client.post("/taxes", {"name": "VAT", "rate": "19"})
    changed = client.patch(f"/taxes/{made.get_json()['id']}", {"rate": "21", "valid_from": "2090-01-01"})
    assert changed.status_code == 200 and changed.headers["ETag"] != made.headers["ETag"]


def test_lines_alone_change_the_tag_of_their_invoice_and_so_does_its_issue(client, make_invoice):
    draft = make_invoice()
    path, lines = f"/invoices/{draft['id']}", draft["lines"]
    first = tag(client, path)
    wanted = [{"id": lines[0]["id"], "name": "Advice", "quantity": 2, "unit_price": "750.00"}]
    second = client.patch(path, {"lines": wanted}).headers["ETag"]
    third = client.post(f"{path}/issue", headers={"If-Match": second}).headers["ETag"]
    assert len({first, second, third}) == 3
    assert tag(client, path) == third


def test_settings_have_a_tag_also_for_the_name_that_stands_beside_them(client):
    first = tag(client, "/settings")
    renamed = client.patch("/settings", {"name": "Acme Ltd"}, headers={"If-Match": first})
    assert renamed.status_code == 200 and renamed.headers["ETag"] != first
    assert_refused(client.patch("/settings", {"name": "B"}, headers={"If-Match": first}), 412, "precondition_failed")
    assert client.get("/settings").get_json()["name"] == "Acme Ltd"


def test_using_a_key_does_not_change_its_tag(client):
    key = client.get("/me").get_json()["key"]["id"]
    first = tag(client, f"/api-keys/{key}")
    client.get("/items")
    assert tag(client, f"/api-keys/{key}") == first


def test_making_another_series_the_default_changes_both_tags(client):
    old = client.get("/number-series?kind=invoice").get_json()["data"][0]["id"]
    first = tag(client, f"/number-series/{old}")
    body = {"kind": "invoice", "name": "Export", "pattern": "EX-{seq}", "is_default": True}
    assert client.post("/number-series", body).status_code == 201
    assert tag(client, f"/number-series/{old}") != first


def test_a_dry_run_is_held_to_its_condition(client, item):
    seen = tag(client, item)
    assert client.patch(f"{item}?dry_run=true", {"price": "1"}, headers={"If-Match": seen}).status_code == 200
    assert tag(client, item) == seen
    refused = client.patch(f"{item}?dry_run=true", {"price": "1"}, headers={"If-Match": '"x"'})
    assert_refused(refused, 412, "precondition_failed")


def test_a_condition_on_what_is_not_there_is_a_404_and_on_what_is_made_nothing(client, item):
    client.delete(item)
    assert_refused(client.patch(item, {"price": "1"}, headers={"If-Match": "*"}), 404, "not_found")
    assert client.post("/units", {"name": "x"}, headers={"If-Match": '"x"'}).status_code == 201


def test_a_service_that_forgets_to_hold_the_row_stores_nothing(client, item, monkeypatch):
    """The house's rule, and what happens to one who breaks it: a 500 instead of a lost update."""

    def careless(item_id, data):
        row = lookup.find_or_404(Item, item_id, "item")
        row.price = 1
        db.session.flush()
        return row

    monkeypatch.setattr(items, "change_item", careless)
    answer = client.patch(item, {"price": "1"}, headers={"If-Match": tag(client, item)})
    assert_refused(answer, 500, "internal_error")
    assert client.get(item).get_json()["price"] == "12.50"
