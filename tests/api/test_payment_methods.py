"""/payment-methods: ways to pay, by name and by UNCL 4461 code."""

import pytest

from tests.support.client import assert_refused

UNKNOWN = "0192f0c1-2b3c-7d4e-8f50-61728394a5b6"


@pytest.fixture
def method(client):
    return client.post("/payment-methods", {"name": "Bank transfer", "code": "30"}).get_json()


def test_made_shown_changed_and_deleted(client, method):
    assert (method["name"], method["code"], method["active"]) == ("Bank transfer", "30", True)
    assert client.get(f"/payment-methods/{method['id']}").get_json() == method
    changed = client.patch(f"/payment-methods/{method['id']}", {"active": False}).get_json()
    assert (changed["name"], changed["code"], changed["active"]) == ("Bank transfer", "30", False)
    assert client.patch(f"/payment-methods/{method['id']}", {"code": None, "name": "Cash"}).get_json()["code"] is None
    assert client.get(f"/payment-methods/{method['id']}").get_json()["active"] is False
    assert client.delete(f"/payment-methods/{method['id']}").status_code == 204
    for verb in ("GET", "PATCH", "DELETE"):
        assert_refused(client.open(verb, f"/payment-methods/{method['id']}", json={}), 404, "not_found")


def test_a_name_stands_once_in_an_organisation(client, stranger, method):
    other = client.post("/payment-methods", {"name": "Card"}).get_json()
    error = assert_refused(client.post("/payment-methods", {"name": "Bank transfer"}), 409, "conflict", field="name")
    assert "payment method" in error["message"], "in the words of the address, not of the class"
    assert_refused(
        client.patch(f"/payment-methods/{other['id']}", {"name": "Bank transfer"}), 409, "conflict", field="name"
    )
    assert stranger.post("/payment-methods", {"name": "Bank transfer"}).status_code == 201


def test_listed_by_name_and_found_by_words(client, method):
    client.post("/payment-methods", {"name": "Card"})
    assert [each["name"] for each in client.get("/payment-methods").get_json()["data"]] == ["Bank transfer", "Card"]
    assert [each["name"] for each in client.get("/payment-methods?search=card").get_json()["data"]] == ["Card"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"name": "x", "code": "0030"}, "code"),
        ({"name": "x", "code": 30}, "code"),
        ({"name": "x", "code": "-1"}, "code"),
        ({"name": "x", "active": "yes"}, "active"),
        ({"name": "x", "active": None}, "active"),
        ({"name": "x", "nonsense": 1}, "nonsense"),
    ],
)
def test_bad_values(client, body, field):
    assert_refused(client.post("/payment-methods", body), 422, "validation_error", field=field)
    assert client.get("/payment-methods").get_json()["meta"]["total"] == 0
