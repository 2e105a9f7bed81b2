"""/items over HTTP: the catalogue."""

import json
from base64 import urlsafe_b64encode
from uuid import UUID

import pytest

from tests.support.client import assert_refused

PATH = "/items"
UNKNOWN = "01900000-0000-7000-8000-000000000000"
BARE = {"name": "Web development", "price": "150.00"}
FULL = {
    "type": "service",
    "sku": "DEV-01",
    "name": "Web development",
    "description": "Design\nand code",
    "unit": "hour",
    "unit_code": "HUR",
    "gtin": "04012345678901",
    "price": "150.00",
    "currency": "USD",
    "active": False,
    "metadata": {"shelf": "7"},
    "external_id": "ERP-1",
}
DEFAULTS = {
    "type": "product",
    "sku": None,
    "description": None,
    "unit": None,
    "unit_code": None,
    "gtin": None,
    "currency": "EUR",
    "tax_ids": [],
    "active": True,
    "metadata": {},
    "external_id": None,
}
OPERATIONS = [
    ("GET", PATH),
    ("POST", PATH),
    ("GET", f"{PATH}/{UNKNOWN}"),
    ("PUT", f"{PATH}/{UNKNOWN}"),
    ("PATCH", f"{PATH}/{UNKNOWN}"),
    ("DELETE", f"{PATH}/{UNKNOWN}"),
]


def refused(response, status, *names):
    """The refusal's error object, checked; with `names`, that it names these fields and no other."""
    codes = {
        400: "bad_request",
        401: "unauthorized",
        403: "forbidden",
        404: "not_found",
        409: "conflict",
        415: "unsupported_media_type",
        422: "validation_error",
    }
    error = assert_refused(response, status, codes[status])
    if names:
        assert set(error["details"]["fields"]) == set(names)
    return error


def make(client, **values):
    response = client.post(PATH, json=BARE | values)
    assert response.status_code == 201, response.get_data(as_text=True)
    return response.get_json()


def make_tax(client, **values):
    response = client.post("/taxes", json={"name": "VAT", "rate": 19} | values)
    assert response.status_code == 201, response.get_data(as_text=True)
    return response.get_json()["id"]


def names(client, query=""):
    response = client.get(f"{PATH}{query}")
    assert response.status_code == 200, response.get_data(as_text=True)
    return [item["name"] for item in response.get_json()["data"]]


def pages(client, query, step):
    """Every page of a walk; `step` finds the next address, or None."""
    found, address = [], f"{PATH}?{query}"
    while address:
        response = client.get(address)
        assert response.status_code == 200, response.get_data(as_text=True)
        found.append(response.get_json())
        address = step(found[-1])
    return found


def ids_of(walk):
    return [row["id"] for page in walk for row in page["data"]]


def test_an_item_is_made_and_shown(client):
    taxes = [make_tax(client, name="VAT"), make_tax(client, name="City tax", rate=2, kind="sales")]
    response = client.post(PATH, json=FULL | {"tax_ids": taxes[::-1]})
    item = response.get_json()
    assert response.status_code == 201
    assert response.headers["Location"] == f"/api/v1/items/{item['id']}"
    assert UUID(item["id"]).version == 7
    assert item["created_at"] == item["updated_at"]
    shown = {name: value for name, value in item.items() if name not in {"id", "created_at", "updated_at"}}
    assert shown == FULL | {"tax_ids": taxes[::-1]}
    assert client.get(f"{PATH}/{item['id']}").get_json() == item
    assert client.get(PATH).get_json()["data"] == [item]


def test_what_is_left_out_has_its_default(client):
    item = make(client)
    assert {name: item[name] for name in DEFAULTS} == DEFAULTS


def test_the_organisations_currency_is_the_one_of_the_moment(client):
    old = make(client)
    assert client.patch("/settings", json={"currency": "JPY"}).status_code == 200
    assert make(client)["currency"] == "JPY"
    assert client.get(f"{PATH}/{old['id']}").get_json()["currency"] == "EUR"
    assert client.patch(f"{PATH}/{old['id']}", json={"currency": None}).get_json()["currency"] == "JPY"


@pytest.mark.parametrize(("sent", "currency", "shown"), [
    (0, "EUR", "0.00"), (0.1, "EUR", "0.10"), ("0.0125", "EUR", "0.0125"), ("5.000000", "EUR", "5.00"),
    ("999999999999.999999", "EUR", "999999999999.999999"), ("7", "JPY", "7"), ("7.5", "JPY", "7.5"),
    (1, "KWD", "1.000"),
])  # fmt: skip
def test_prices_are_exact_and_written_in_the_currencys_digits(client, sent, currency, shown):
    item = make(client, price=sent, currency=currency)
    assert client.get(f"{PATH}/{item['id']}").get_json()["price"] == item["price"] == shown


def test_text_comes_out_as_it_went_in(client):
    text = "<b>{{ 7*7 }}</b> =1+1; DROP TABLE items;-- \N{SNOWMAN}\N{GRINNING FACE}"
    assert client.get(f"{PATH}/{make(client, name=text)['id']}").get_json()["name"] == text


def test_put_replaces_the_whole_item(client):
    item = make(client, **FULL, tax_ids=[make_tax(client)])
    response = client.put(f"{PATH}/{item['id']}", json={"name": "Other", "price": 1})
    replaced = response.get_json()
    assert response.status_code == 200
    assert {name: replaced[name] for name in DEFAULTS} == DEFAULTS
    assert (replaced["name"], replaced["price"], replaced["id"]) == ("Other", "1.00", item["id"])
    assert replaced["created_at"] == item["created_at"]
    assert replaced["updated_at"] >= item["updated_at"]
    assert client.get(f"{PATH}/{item['id']}").get_json() == replaced


def test_put_needs_what_post_needs(client):
    item = make(client)
    refused(client.put(f"{PATH}/{item['id']}", json={}), 422, "name", "price")
    assert client.get(f"{PATH}/{item['id']}").get_json() == item


@pytest.mark.parametrize("change", [
    {"type": "product"}, {"sku": None}, {"name": "Other"}, {"description": None}, {"unit": "day"}, {"unit_code": "DAY"},
    {"gtin": "12345678"}, {"price": "0.50"}, {"currency": "GBP"}, {"active": True}, {"metadata": {}},
    {"external_id": None}, {"tax_ids": []}, {},
])  # fmt: skip
def test_patch_changes_what_it_names_and_nothing_else(client, change):
    item = make(client, **FULL, tax_ids=[make_tax(client)])
    response = client.patch(f"{PATH}/{item['id']}", json=change)
    assert response.status_code == 200
    changed = response.get_json()
    assert changed == item | change | {"updated_at": changed["updated_at"]}
    assert client.get(f"{PATH}/{item['id']}").get_json() == changed


def test_taxes_keep_their_order_and_may_be_reordered(client):
    first, second, third = (make_tax(client, name=name) for name in ("A", "B", "C"))
    item = make(client, tax_ids=[second, first, second])
    assert item["tax_ids"] == [second, first]
    for wanted in ([first, second], [third, second], [second, first, third], [], [third]):
        assert client.patch(f"{PATH}/{item['id']}", json={"tax_ids": wanted}).get_json()["tax_ids"] == wanted
        assert client.get(f"{PATH}/{item['id']}").get_json()["tax_ids"] == wanted


def test_a_deleted_item_is_gone_and_gives_its_sku_back(client):
    item = make(client, **FULL)
    response = client.delete(f"{PATH}/{item['id']}")
    assert (response.status_code, response.get_data()) == (204, b"")
    for method, body in (("GET", None), ("PUT", BARE), ("PATCH", {}), ("DELETE", None)):
        refused(client.open(method, f"{PATH}/{item['id']}", json=body), 404)
    assert names(client) == []
    assert make(client, **FULL)["id"] != item["id"]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_without_a_key_nothing_is_answered(anonymous, method, path):
    assert refused(anonymous.open(method, path, data="{"), 401)["code"] == "unauthorized"


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_a_key_needs_the_scope(with_scopes, method, path):
    lacking = with_scopes("items:write" if method == "GET" else "items:read", "customers:read")
    error = refused(lacking.open(method, path, data="{"), 403)
    assert error["details"] == {"required_scopes": ["items:read" if method == "GET" else "items:write"]}


def test_a_foreign_item_is_an_unknown_one(client, stranger):
    item = make(stranger, **FULL)
    for method, body in (("GET", None), ("PUT", BARE), ("PATCH", {"name": "Mine"}), ("DELETE", None)):
        answers = []
        for item_id in (item["id"], UNKNOWN):
            error = refused(client.open(method, f"{PATH}/{item_id}", json=body), 404)
            answers.append({name: value for name, value in error.items() if name != "request_id"})
        assert answers[0] == answers[1] == {"code": "not_found", "message": "There is no such item.", "details": {}}
    assert names(client) == []
    assert stranger.get(f"{PATH}/{item['id']}").get_json() == item


@pytest.mark.parametrize("item_id", ["1", "x" * 300, UNKNOWN[:-1], f"{UNKNOWN}0", "%00", "null"])
def test_a_malformed_id_is_an_unknown_address(client, item_id):
    refused(client.get(f"{PATH}/{item_id}"), 404)


@pytest.mark.parametrize(("field", "value"), [("sku", "DEV-01"), ("external_id", "ERP-1")])
def test_sku_and_external_id_are_unique_in_an_organisation(client, stranger, field, value):
    first, second = make(client, **{field: value}), make(client)
    make(stranger, **{field: value})
    mine, other = f"{PATH}/{first['id']}", f"{PATH}/{second['id']}"
    assert refused(client.post(PATH, json=BARE | {field: value}), 409, field)["code"] == "conflict"
    refused(client.put(other, json=BARE | {field: value}), 409, field)
    refused(client.patch(other, json={field: value}), 409, field)
    assert client.put(mine, json=BARE | {field: value}).status_code == 200
    assert client.patch(mine, json={field: value}).status_code == 200
    assert len(names(client)) == 2


@pytest.mark.parametrize(("change", "field"), [
    ({"name": None}, "name"), ({"name": ""}, "name"), ({"name": "  "}, "name"), ({"name": 5}, "name"),
    ({"name": ["a"]}, "name"), ({"name": "a" * 201}, "name"), ({"name": "a\x00b"}, "name"),
    ({"name": "a\nb"}, "name"),
    ({"price": None}, "price"), ({"price": ""}, "price"), ({"price": "-0.01"}, "price"),
    ({"price": -1}, "price"), ({"price": "1.0000001"}, "price"), ({"price": "1000000000000"}, "price"),
    ({"price": "1e3"}, "price"), ({"price": "1e400"}, "price"), ({"price": "NaN"}, "price"),
    ({"price": "Infinity"}, "price"), ({"price": " 1"}, "price"), ({"price": "1,5"}, "price"),
    ({"price": "\u0661"}, "price"),
    ({"price": True}, "price"), ({"price": {}}, "price"), ({"type": "thing"}, "type"),
    ({"type": None}, "type"),
    ({"sku": ""}, "sku"), ({"sku": 1}, "sku"), ({"sku": "s" * 101}, "sku"),
    ({"description": "d" * 4001}, "description"),
    ({"description": "\x07"}, "description"), ({"unit": "u" * 41}, "unit"),
    ({"unit_code": "hur"}, "unit_code"),
    ({"unit_code": "H"}, "unit_code"), ({"unit_code": "HOUR"}, "unit_code"), ({"gtin": "1234567"}, "gtin"),
    ({"gtin": "1" * 15}, "gtin"), ({"gtin": "1234567x"}, "gtin"), ({"gtin": 12345678}, "gtin"),
    ({"currency": "EURO"}, "currency"),
    ({"currency": "eur"}, "currency"), ({"currency": "XXX"}, "currency"), ({"currency": 978}, "currency"),
    ({"active": "true"}, "active"), ({"active": 1}, "active"), ({"active": None}, "active"),
    ({"metadata": []}, "metadata"),
    ({"metadata": None}, "metadata"), ({"metadata": {"a": 1}}, "metadata"),
    ({"metadata": {"k" * 41: "v"}}, "metadata"),
    ({"metadata": {str(key): "" for key in range(51)}}, "metadata"), ({"external_id": ""}, "external_id"),
    ({"external_id": "e" * 256}, "external_id"), ({"tax_ids": "all"}, "tax_ids"),
    ({"tax_ids": None}, "tax_ids"),
    ({"tax_ids": ["1"]}, "tax_ids.0"), ({"tax_ids": [None]}, "tax_ids.0"),
    ({"tax_ids": [UNKNOWN] * 11}, "tax_ids"),
    ({"tax_ids": [UNKNOWN]}, "tax_ids"), ({"id": UNKNOWN}, "id"), ({"unit_price": "1"}, "unit_price"),
    ({"org_id": UNKNOWN}, "org_id"), ({"deleted_at": None}, "deleted_at"),
])  # fmt: skip
def test_bad_fields_are_named_and_nothing_is_stored(client, change, field):
    item = make(client)
    assert refused(client.post(PATH, json=BARE | change), 422, field)["code"] == "validation_error"
    refused(client.put(f"{PATH}/{item['id']}", json=BARE | change), 422, field)
    refused(client.patch(f"{PATH}/{item['id']}", json=change), 422, field)
    assert client.get(PATH).get_json()["data"] == [item]


def test_several_bad_fields_are_named_at_once(client):
    response = client.post(PATH, json={"price": "x", "gtin": "x", "colour": "red"})
    refused(response, 422, "name", "price", "gtin", "colour")


@pytest.mark.parametrize(("body", "status"), [
    (b'{"name": "a", "price": 1e400}', 422), (b'{"name": "a", "price": -1e-400}', 422),
    (b'{"name": "a", "price": 1e99999999999999999999}', (400, 422)),
    (b'{"name": "a", "price": NaN}', 400),
    (b'{"name": "a", "price": Infinity}', 400), (b'{"name": "a", "price": ' + b"9" * 5000 + b"}", 422),
    (b'{"name": "\\ud800", "price": 1}', 422), (b'{"name": "\xff", "price": 1}', 400), (b"[]", 422),
    (b'"name"', 422), (b"null", 422), (b"{", 400), (b"[" * 100_000, 400),
])  # fmt: skip
def test_bodies_that_are_no_item_are_refused(client, body, status):
    response = client.post(PATH, data=body, content_type="application/json")
    assert response.status_code in (status if isinstance(status, tuple) else (status,)), response.get_data(as_text=True)
    refused(response, response.status_code)
    assert names(client) == []


def test_a_body_that_is_not_json_is_refused(client):
    refused(client.post(PATH, data="name=a&price=1", content_type="application/x-www-form-urlencoded"), 415)


def test_a_tax_must_be_ones_own_and_alive(client, stranger):
    gone = make_tax(client)
    assert client.delete(f"/taxes/{gone}").status_code == 204
    item = make(client)
    for tax_id in (gone, make_tax(stranger)):
        message = f"There is no tax {tax_id}."
        error = refused(client.post(PATH, json=BARE | {"tax_ids": [tax_id]}), 422, "tax_ids")
        assert error["details"]["fields"]["tax_ids"] == [message]
        refused(client.patch(f"{PATH}/{item['id']}", json={"tax_ids": [tax_id]}), 422, "tax_ids")
    assert client.get(PATH).get_json()["data"] == [item]


def test_the_list_is_filtered(client, stranger):
    make(stranger, name="Not mine")
    make(client, name="Product")
    make(client, name="Service", type="service")
    make(client, name="Old service", type="service", active=False)
    assert names(client) == ["Old service", "Service", "Product"]
    assert names(client, "?type=product") == ["Product"]
    assert names(client, "?type=service") == ["Old service", "Service"]
    assert names(client, "?active=false") == ["Old service"]
    assert names(client, "?type=service&active=true") == ["Service"]
    assert names(client, "?type=product&active=false") == []


def test_search_looks_into_name_sku_and_description(client):
    make(client, name="Hammer", sku="TOOL-1")
    make(client, name="Nails", description="Goes with the hammer")
    make(client, name="Saw", sku="HAMMERLESS")
    make(client, name="Paint")
    assert names(client, "?search=HaMMer&sort=name") == ["Hammer", "Nails", "Saw"]
    assert names(client, "?search=tool-1") == ["Hammer"]
    assert names(client, "?search=ladder") == []
    assert len(names(client, "?search=")) == 4


@pytest.mark.parametrize(("search", "found"), [
    ("50%25", ["50% off"]), ("%25", ["50% off"]), ("a_b", ["a_b"]), ("_", ["a_b"]), ("/", ["and/or"]),
    ("%5C", ["back\\slash"]),
    ("'", ["o'clock"]), ("%%25", []), ("a%25b", []),
])  # fmt: skip
def test_wildcards_in_a_search_are_plain_characters(client, search, found):
    for name in ("50% off", "500 off", "a_b", "acb", "and/or", "back\\slash", "o'clock"):
        make(client, name=name)
    assert names(client, f"?search={search}") == found


@pytest.mark.parametrize(("query", "field"), [
    ("sort=colour", "sort"), ("sort=deleted_at", "sort"), ("sort=--name", "sort"),
    ("sort=name,price", "sort"), ("sort=" + "a" * 41, "sort"),
    ("type=thing", "type"), ("active=maybe", "active"), ("active=", "active"), ("limit=0", "limit"),
    ("limit=101", "limit"),
    ("limit=x", "limit"), ("per_page=-1", "per_page"), ("page=0", "page"), ("page=1e3", "page"),
    ("page=99999999999999999999", "page"),
    ("search=%00", "search"), ("search=" + "a" * 201, "search"), ("cursor=x", "cursor"),
    ("cursor=%F0%9F", "cursor"),
    ("cursor=WzEsMl0", "cursor"), ("colour=red", "colour"), ("id=1", "id"),
])  # fmt: skip
def test_bad_queries_are_named(client, query, field):
    refused(client.get(f"{PATH}?{query}"), 422, field)


@pytest.mark.parametrize(("sort", "value"), [
    ("price", "1e30"), ("price", "1e-30"), ("price", "NaN"), ("price", "x"), ("price", None), ("name", 5),
    ("name", "a\x00"),
    ("name", "\ud800"), ("updated_at", "2026-01-01T00:00:00"), ("updated_at", "2026"),
    ("updated_at", "0001-01-01T00:00:00+23:59"),
])  # fmt: skip
def test_a_forged_cursor_is_refused(client, sort, value):
    forged = urlsafe_b64encode(json.dumps([sort, value, UNKNOWN]).encode()).decode().rstrip("=")
    refused(client.get(f"{PATH}?sort={sort}&cursor={forged}"), 422, "cursor")


def test_a_cursor_of_another_order_is_refused(client):
    for _ in range(2):
        make(client)
    cursor = client.get(f"{PATH}?limit=1&sort=price").get_json()["meta"]["next_cursor"]
    refused(client.get(f"{PATH}?limit=1&sort=-price&cursor={cursor}"), 422, "cursor")


@pytest.fixture
def shelf(client):
    """Seven items with equal names, prices and missing skus among them, one of them changed late."""
    made = [
        make(client, name=name, price=price, sku=sku)
        for name, price, sku in (
            ("B", "2", "s3"), ("A", "10", None), ("B", "2", None), ("a", "0.5", "s1"), ("C", "2", "s2"),
    ("A", "1.25", None),
            ("B", "999999999999.999999", "s0"),
        )
    ]  # fmt: skip
    made[2] = client.patch(f"{PATH}/{made[2]['id']}", json={"active": False}).get_json()
    return made


def sort_value(item, word):
    return {"price": float(item["price"]), "sku": item["sku"] or ""}.get(word, item.get(word))


@pytest.mark.parametrize("sort", [
    sign + word for sign in ("", "-") for word in ("created_at", "updated_at", "name", "price", "sku")
])  # fmt: skip
@pytest.mark.parametrize("limit", [1, 3, 7])
def test_walks_see_every_item_once_and_in_order(client, shelf, sort, limit):
    by_page = pages(client, f"sort={sort}&limit={limit}", lambda page: page["links"]["next"])
    by_cursor = pages(client, f"sort={sort}&limit={limit}&cursor=", lambda page: page["links"]["next"])
    walked = ids_of(by_page)
    assert walked == ids_of(by_cursor)
    assert sorted(walked) == sorted(item["id"] for item in shelf)
    assert by_page[0]["meta"]["total"] == 7
    word = sort.removeprefix("-")
    if word != "name":  # how names sort is the database's business
        items = {item["id"]: item for item in shelf}
        values = [sort_value(items[item_id], word) for item_id in walked]
        assert values == sorted(values, reverse=sort.startswith("-"))


def test_sorts_have_a_default_and_both_directions(client, shelf):
    newest_first = [item["id"] for item in reversed(shelf)]
    assert [item["id"] for item in client.get(PATH).get_json()["data"]] == newest_first
    forth, back = (names(client, f"?sort={sort}") for sort in ("name", "-name"))
    assert forth == back[::-1]
    assert forth.index("C") > forth.index("B") > forth.index("A")


def test_a_walk_keeps_its_filters(client, shelf):
    walk = pages(client, "search=b&limit=1&cursor=&sort=price", lambda page: page["links"]["next"])
    assert [page["data"][0]["id"] for page in walk] == [shelf[0]["id"], shelf[2]["id"], shelf[6]["id"]]


def test_the_envelope_says_where_the_page_stands(client, shelf):
    page = client.get(f"{PATH}?limit=3&page=3").get_json()
    cursor_free = {name: value for name, value in page["meta"].items() if name != "next_cursor"}
    assert cursor_free == {"current_page": 3, "last_page": 3, "per_page": 3, "from": 7, "to": 7, "total": 7}
    assert page["links"]["next"] is None
    assert "page=2" in page["links"]["prev"]
    assert client.get(f"{PATH}?page=9").get_json()["data"] == []
