"""/units: what is counted in, by name and by UN/ECE code."""

import pytest

from tests.support.client import assert_refused

UNKNOWN = "0192f0c1-2b3c-7d4e-8f50-61728394a5b6"


@pytest.fixture
def unit(client):
    return client.post("/units", {"name": "hour", "code": "HUR"}).get_json()


def test_made_shown_changed_and_deleted(client, unit):
    assert (unit["name"], unit["code"]) == ("hour", "HUR")
    assert client.get(f"/units/{unit['id']}").get_json() == unit
    changed = client.patch(f"/units/{unit['id']}", {"name": "Stunde"}).get_json()
    assert (changed["name"], changed["code"], changed["created_at"]) == ("Stunde", "HUR", unit["created_at"])
    assert changed["updated_at"] > unit["updated_at"]
    assert client.patch(f"/units/{unit['id']}", {"code": None}).get_json()["code"] is None
    assert client.patch(f"/units/{unit['id']}", {}).get_json()["name"] == "Stunde"
    assert client.delete(f"/units/{unit['id']}").status_code == 204
    for method in ("GET", "PATCH", "DELETE"):
        assert_refused(client.open(method, f"/units/{unit['id']}", json={}), 404, "not_found")


def test_a_name_stands_once_in_an_organisation(client, stranger, unit):
    other = client.post("/units", {"name": "day"}).get_json()
    assert_refused(client.post("/units", {"name": "hour"}), 409, "conflict", field="name")
    assert_refused(client.patch(f"/units/{other['id']}", {"name": "hour"}), 409, "conflict", field="name")
    assert client.patch(f"/units/{unit['id']}", {"name": "hour"}).status_code == 200
    assert stranger.post("/units", {"name": "hour"}).status_code == 201
    client.delete(f"/units/{unit['id']}")
    assert client.post("/units", {"name": "hour"}).status_code == 201


def test_listed_by_name_and_found_by_words(client):
    for name in ("month", "day", "Hour"):
        client.post("/units", {"name": name})
    assert sorted(each["name"] for each in client.get("/units").get_json()["data"]) == ["Hour", "day", "month"]
    assert [each["name"] for each in client.get("/units?search=HOU").get_json()["data"]] == ["Hour"]
    assert [each["name"] for each in client.get("/units?sort=-created_at").get_json()["data"]] == [
        "Hour",
        "day",
        "month",
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": " "}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 41}, "name"),
        ({"name": "x", "code": "hur"}, "code"),
        ({"name": "x", "code": "H"}, "code"),
        ({"name": "x", "code": "HOUR"}, "code"),
        ({"name": "x", "code": ""}, "code"),
        ({"name": "x", "id": UNKNOWN}, "id"),
    ],
)
def test_bad_values(client, body, field):
    assert_refused(client.post("/units", body), 422, "validation_error", field=field)
    assert client.get("/units").get_json()["meta"]["total"] == 0


def test_documents_keep_the_name_of_a_deleted_unit(client, customer, unit):
    line = {"name": "x", "unit_price": 1, "unit": unit["name"], "unit_code": unit["code"]}
    invoice = client.post("/invoices", {"customer_id": customer["id"], "lines": [line]}).get_json()
    client.delete(f"/units/{unit['id']}")
    kept = client.get(f"/invoices/{invoice['id']}").get_json()["lines"][0]
    assert (kept["unit"], kept["unit_code"]) == ("hour", "HUR")
