"""/customers over HTTP, with what they owe and how invoices name them."""

import json
from base64 import urlsafe_b64encode
from uuid import UUID

import pytest

from tests.support.client import assert_refused

PATH = "/customers"
UNKNOWN = "01900000-0000-7000-8000-000000000000"
BARE = {"name": "Acme Corp"}
ADDRESS = {
    "name": "Acme Corp",
    "line1": "Hauptstraße",
    "building_number": "12a",
    "line2": None,
    "city": "Berlin",
    "region": None,
    "postal_code": "10115",
    "country": "DE",
    "phone": None,
}
FULL = {
    "name": "Acme",
    "company_name": "Acme Corp",
    "contact_name": "Jo Doe",
    "prefix": "Dr.",
    "email": "billing@acme.example",
    "phone": "+1 555 0100",
    "website": "https://acme.example",
    "contacts": [{"name": "Jo Doe", "email": "jo@acme.example", "phone": None, "role": "Accounts payable"}],
    "billing_address": ADDRESS,
    "shipping_address": ADDRESS | {"city": "Bonn"},
    "legal_name": "Acme Corporation GmbH",
    "vat_id": "DE123456789",
    "tax_number": "12/345",
    "registration_id": "HRB 12345",
    "registration_scheme": "0002",
    "electronic_address": "0204:991",
    "electronic_scheme": "0204",
    "buyer_reference": "04011000-12345-03",
    "currency": "USD",
    "language": "de_DE",
    "payment_terms": "Net 14",
    "notes": "Pays\nlate",
    "metadata": {"crm": "7"},
    "external_id": "ERP-1",
}
LISTS = {"contacts": [], "tax_ids": [], "metadata": {}}
DEFAULTS = dict.fromkeys(FULL) | LISTS | {"name": "Acme Corp", "currency": "EUR"}
FIGURES = {"total_invoiced": "0.00", "balance": "0.00", "credit": "0.00", "balances": []}
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


def done(response, status=200):
    assert response.status_code == status, response.get_data(as_text=True)
    return response.get_json()


def make(client, **values):
    return done(client.post(PATH, json=BARE | values), 201)


def make_tax(client, **values):
    return done(client.post("/taxes", json={"name": "VAT", "rate": 19} | values), 201)["id"]


def invoice(client, price="100.00", *, issue=True, **values):
    body = {"lines": [{"name": "Work", "quantity": 1, "unit_price": price}]} | values
    draft = done(client.post("/invoices", json=body), 201)
    return done(client.post(f"/invoices/{draft['id']}/issue")) if issue else draft


def show(client, customer):
    return done(client.get(f"{PATH}/{customer['id']}"))


def stored(client):
    """Every customer, archived or not, as the list shows them."""
    rows = [done(client.get(f"{PATH}?archived={word}&limit=100"))["data"] for word in ("false", "true")]
    return rows[0] + rows[1]


def names(client, query=""):
    return [row["name"] for row in done(client.get(f"{PATH}{query}"))["data"]]


def walk(client, query):
    """The ids on every page from an address on."""
    found, address = [], f"{PATH}?{query}"
    while address:
        page = done(client.get(address))
        found += [row["id"] for row in page["data"]]
        address = page["links"]["next"]
    return found


def test_a_customer_is_made_and_shown(client):
    taxes = [make_tax(client, name="VAT"), make_tax(client, name="City tax", rate=2, kind="sales")]
    response = client.post(PATH, json=FULL | {"tax_ids": taxes[::-1]})
    customer = done(response, 201)
    assert response.headers["Location"] == f"/api/v1/customers/{customer['id']}"
    assert UUID(customer["id"]).version == 7
    assert customer["created_at"] == customer["updated_at"]
    assert customer["archived_at"] is None
    shown = {name: value for name, value in customer.items() if name in FULL | {"tax_ids": []}}
    assert shown == FULL | {"tax_ids": taxes[::-1]}
    assert {name: customer[name] for name in FIGURES} == FIGURES
    assert show(client, customer) == customer | {"recent_invoices": []}
    assert done(client.get(PATH))["data"] == [customer]


def test_what_is_left_out_has_its_default(client):
    customer = make(client)
    assert {name: customer[name] for name in DEFAULTS} == DEFAULTS


@pytest.mark.parametrize(("given", "name"), [
    ({"company_name": "Acme", "contact_name": "Jo"}, "Acme"), ({"contact_name": "Jo"}, "Jo"),
    ({"name": None, "company_name": "Acme"}, "Acme"), ({"company_name": "  ", "contact_name": "Jo"}, "Jo"),
    ({"name": "A", "company_name": "B"}, "A"),
])  # fmt: skip
def test_a_name_is_taken_from_what_is_given(client, given, name):
    assert done(client.post(PATH, json=given), 201)["name"] == name


@pytest.mark.parametrize("given", [{}, {"name": None}, {"company_name": ""}, {"contact_name": " ", "prefix": "Dr."}])
def test_somebody_without_any_name_is_refused(client, given):
    error = refused(client.post(PATH, json=given), 422, "name")
    assert error["details"]["fields"]["name"] == ["Is needed unless company_name or contact_name is given."]
    customer = make(client)
    refused(client.put(f"{PATH}/{customer['id']}", json=given), 422, "name")
    assert [row["id"] for row in stored(client)] == [customer["id"]]


def test_a_name_taken_back_falls_to_the_others(client):
    customer = make(client, company_name="Company", contact_name="Contact")
    path = f"{PATH}/{customer['id']}"
    assert done(client.patch(path, json={"name": None}))["name"] == "Company"
    assert done(client.patch(path, json={"name": None, "company_name": None}))["name"] == "Contact"
    refused(client.patch(path, json={"name": None, "contact_name": None}), 422, "name")
    assert show(client, customer)["contact_name"] == "Contact"


def test_without_a_currency_of_their_own_they_follow_the_organisation(client):
    plain, own = make(client), make(client, currency="JPY")
    done(client.patch("/settings", json={"currency": "KWD"}))
    assert (show(client, plain)["currency"], show(client, plain)["balance"]) == ("KWD", "0.000")
    assert (show(client, own)["currency"], show(client, own)["balance"]) == ("JPY", "0")
    assert [row["currency"] for row in done(client.get(f"{PATH}?sort=created_at"))["data"]] == ["KWD", "JPY"]
    assert done(client.patch(f"{PATH}/{own['id']}", json={"currency": None}))["currency"] == "KWD"


@pytest.mark.parametrize(("field", "sent", "kept"), [
    ("vat_id", " de 123 456 789 ", "DE123456789"), ("vat_id", "not a number", "NOTANUMBER"),
    ("vat_id", "", ""),
    ("payment_terms", "n30", "Net 30"), ("payment_terms", "due  on RECEIPT", "Due on receipt"),
    ("language", "pt-BR", "pt_BR"), ("email", "Jo.Doe@ACME.Example", "Jo.Doe@acme.example"),
    ("notes", "a\r\nb", "a\nb"),
    ("billing_address", {"city": "Bonn"}, dict.fromkeys(ADDRESS) | {"city": "Bonn"}),
    ("contacts", [{"name": "Jo"}], [{"name": "Jo", "email": None, "phone": None, "role": None}]),
])  # fmt: skip
def test_input_is_normalised(client, field, sent, kept):
    assert show(client, make(client, **{field: sent}))[field] == kept


def test_text_comes_out_as_it_went_in(client):
    text = "<b>{{ 7*7 }}</b> =1+1; DROP TABLE customers;-- \N{SNOWMAN}\N{GRINNING FACE}"
    assert show(client, make(client, name=text))["name"] == text


def test_fifty_contacts_are_kept_in_order(client):
    contacts = [{"name": f"Contact {number}"} for number in range(50)]
    customer = make(client, contacts=contacts)
    assert [{"name": each["name"]} for each in show(client, customer)["contacts"]] == contacts
    refused(client.post(PATH, json=BARE | {"contacts": [*contacts, {"name": "One more"}]}), 422, "contacts")


def test_put_replaces_the_whole_customer(client):
    customer = make(client, **FULL | {"tax_ids": [make_tax(client)]})
    replaced = done(client.put(f"{PATH}/{customer['id']}", json=BARE))
    assert {name: replaced[name] for name in DEFAULTS} == DEFAULTS
    assert (replaced["id"], replaced["created_at"]) == (customer["id"], customer["created_at"])
    assert show(client, customer) == replaced | {"recent_invoices": []}


@pytest.mark.parametrize("change", [
    {"name": "Other"}, {"company_name": None}, {"email": None}, {"email": "new@acme.example"}, {"contacts": []},
    {"billing_address": None}, {"shipping_address": ADDRESS}, {"vat_id": None}, {"currency": "GBP"}, {"language": None},
    {"payment_terms": None}, {"tax_ids": []}, {"notes": "New"}, {"metadata": {}}, {"external_id": None},
    {"buyer_reference": "2"}, {"website": None}, {},
])  # fmt: skip
def test_patch_changes_what_it_names_and_nothing_else(client, change):
    customer = make(client, **FULL | {"tax_ids": [make_tax(client)]})
    changed = done(client.patch(f"{PATH}/{customer['id']}", json=change))
    assert changed == customer | change | {"updated_at": changed["updated_at"]}
    assert show(client, customer) == changed | {"recent_invoices": []}


def test_taxes_keep_their_order_and_may_be_reordered(client):
    first, second, third = (make_tax(client, name=name) for name in ("A", "B", "C"))
    customer = make(client, tax_ids=[second, first, second])
    assert customer["tax_ids"] == [second, first]
    for wanted in ([first, second], [third, second], [second, first, third], [], [third]):
        done(client.patch(f"{PATH}/{customer['id']}", json={"tax_ids": wanted}))
        assert show(client, customer)["tax_ids"] == wanted


def test_archived_customers_leave_the_list_and_come_back(client):
    kept, shelved = make(client, name="Kept"), make(client, name="Shelved", email="a@acme.example")
    path = f"{PATH}/{shelved['id']}"
    archived = done(client.patch(path, json={"archived": True}))
    assert archived["archived_at"]
    assert names(client) == names(client, "?archived=false") == ["Kept"]
    assert names(client, "?archived=true") == ["Shelved"]
    assert done(client.patch(path, json={"archived": True}))["archived_at"] == archived["archived_at"]
    assert done(client.put(path, json={"name": "Renamed"}))["archived_at"] == archived["archived_at"]
    assert done(client.patch(path, json={"archived": False}))["archived_at"] is None
    assert names(client) == ["Renamed", "Kept"]
    assert names(client, "?archived=true") == []
    assert show(client, kept)["archived_at"] is None


def test_an_archived_customer_keeps_the_e_mail_address(client):
    customer = make(client, email="a@acme.example")
    done(client.patch(f"{PATH}/{customer['id']}", json={"archived": True}))
    refused(client.post(PATH, json=BARE | {"email": "a@acme.example"}), 409, "email")


def test_a_deleted_customer_is_gone_and_gives_e_mail_and_external_id_back(client):
    customer = make(client, **FULL)
    response = client.delete(f"{PATH}/{customer['id']}")
    assert (response.status_code, response.get_data()) == (204, b"")
    for method, body in (("GET", None), ("PUT", BARE), ("PATCH", {}), ("DELETE", None)):
        refused(client.open(method, f"{PATH}/{customer['id']}", json=body), 404)
    assert stored(client) == []
    assert make(client, **FULL)["id"] != customer["id"]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_without_a_key_nothing_is_answered(anonymous, method, path):
    refused(anonymous.open(method, path, data="{"), 401)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_a_key_needs_the_scope(with_scopes, method, path):
    lacking = with_scopes("customers:write" if method == "GET" else "customers:read", "items:read")
    error = refused(lacking.open(method, path, data="{"), 403)
    assert error["details"] == {"required_scopes": ["customers:read" if method == "GET" else "customers:write"]}


def test_a_foreign_customer_is_an_unknown_one(client, stranger):
    customer = make(stranger, **FULL)
    for method, body in (("GET", None), ("PUT", BARE), ("PATCH", {"name": "Mine"}), ("DELETE", None)):
        for customer_id in (customer["id"], UNKNOWN):
            error = refused(client.open(method, f"{PATH}/{customer_id}", json=body), 404)
            assert (error["message"], error["details"]) == ("There is no such customer.", {})
    assert stored(client) == []
    assert show(stranger, customer) == customer | {"recent_invoices": []}


@pytest.mark.parametrize("customer_id", ["1", "x" * 300, UNKNOWN[:-1], f"{UNKNOWN}0", "%00", "null"])
def test_a_malformed_id_is_an_unknown_address(client, customer_id):
    refused(client.get(f"{PATH}/{customer_id}"), 404)


@pytest.mark.parametrize(("field", "value", "again"), [
    ("email", "Billing@acme.example", "bILLING@ACME.example"),
    ("email", "stra\u00dfe@acme.example", "STRASSE@acme.example"),
    ("external_id", "ERP-1", "ERP-1"),
])  # fmt: skip
def test_e_mail_and_external_id_are_unique_in_an_organisation(client, stranger, field, value, again):
    first, second = make(client, **{field: value}), make(client)
    make(stranger, **{field: value})
    mine, other = f"{PATH}/{first['id']}", f"{PATH}/{second['id']}"
    error = refused(client.post(PATH, json=BARE | {field: again}), 409, field)
    assert error["message"] == f"Another customer has this {field.replace('_', ' ')} already."
    refused(client.put(other, json=BARE | {field: again}), 409, field)
    refused(client.patch(other, json={field: again}), 409, field)
    done(client.put(mine, json=BARE | {field: again}))
    done(client.patch(mine, json={field: value}))
    assert len(stored(client)) == 2


def test_many_customers_may_have_no_e_mail(client):
    assert make(client)["id"] != make(client, email=None)["id"]


def test_a_long_foreign_e_mail_address_is_kept(client):
    # Folding the case of each of these letters makes three of it.
    email = "\u0390" * 30 + "@" + "\u0390" * 20 + ".example"
    customer = make(client, email=email)
    assert show(client, customer)["email"] == email
    assert names(client, f"?email={email}") == ["Acme Corp"]


@pytest.mark.parametrize(("change", "field"), [
    ({"name": ""}, "name"), ({"name": "  "}, "name"), ({"name": 5}, "name"), ({"name": "a" * 201}, "name"),
    ({"name": "a\x00b"}, "name"), ({"name": "a\nb"}, "name"), ({"company_name": "c" * 201}, "company_name"),
    ({"company_name": False}, "company_name"), ({"contact_name": ["x"]}, "contact_name"),
    ({"prefix": "p" * 21}, "prefix"),
    ({"email": "acme"}, "email"), ({"email": ""}, "email"), ({"email": "a@b@c.example"}, "email"),
    ({"email": 1}, "email"),
    ({"email": "a" * 250 + "@acme.example"}, "email"), ({"email": "a\x00@acme.example"}, "email"),
    ({"email": "Jo <jo@acme.example>"}, "email"), ({"phone": "1" * 41}, "phone"),
    ({"phone": 5550100}, "phone"),
    ({"website": "acme.example"}, "website"), ({"website": "javascript:alert(1)"}, "website"),
    ({"website": "file:///etc/passwd"}, "website"), ({"website": "https://" + "a" * 500}, "website"),
    ({"contacts": {}}, "contacts"), ({"contacts": None}, "contacts"), ({"contacts": [{}]}, "contacts.0.name"),
    ({"contacts": ["Jo"]}, "contacts.0"),
    ({"contacts": [{"name": "Jo"}, {"name": "Al", "email": "x"}]}, "contacts.1.email"),
    ({"contacts": [{"name": "Jo", "age": 5}]}, "contacts.0.age"),
    ({"billing_address": "Berlin"}, "billing_address"),
    ({"billing_address": {"country": "XX"}}, "billing_address.country"),
    ({"billing_address": {"country": "de"}}, "billing_address.country"),
    ({"billing_address": {"city": 10115}}, "billing_address.city"),
    ({"billing_address": {"zip": "1"}}, "billing_address.zip"),
    ({"shipping_address": {"line1": "l" * 201}}, "shipping_address.line1"),
    ({"shipping_address": []}, "shipping_address"),
    ({"legal_name": "l" * 201}, "legal_name"), ({"vat_id": "v" * 31}, "vat_id"),
    ({"vat_id": "\u0390" * 11}, "vat_id"),
    ({"vat_id": 123456789}, "vat_id"), ({"vat_id": "DE\x00"}, "vat_id"),
    ({"tax_number": "t" * 41}, "tax_number"),
    ({"registration_id": 1}, "registration_id"), ({"registration_scheme": "s" * 11}, "registration_scheme"),
    ({"electronic_address": "e" * 201}, "electronic_address"),
    ({"electronic_scheme": []}, "electronic_scheme"),
    ({"buyer_reference": "b" * 201}, "buyer_reference"), ({"currency": "EURO"}, "currency"),
    ({"currency": "usd"}, "currency"),
    ({"currency": "XXX"}, "currency"), ({"currency": 840}, "currency"), ({"language": "klingon"}, "language"),
    ({"language": ""}, "language"), ({"language": "../de"}, "language"),
    ({"payment_terms": "soon"}, "payment_terms"),
    ({"payment_terms": "Net 99999"}, "payment_terms"), ({"payment_terms": 30}, "payment_terms"),
    ({"notes": "n" * 4001}, "notes"),
    ({"notes": "\x1b"}, "notes"), ({"metadata": []}, "metadata"), ({"metadata": {"a": 1}}, "metadata"),
    ({"metadata": {str(key): "" for key in range(51)}}, "metadata"), ({"external_id": ""}, "external_id"),
    ({"external_id": "e" * 256}, "external_id"), ({"tax_ids": "all"}, "tax_ids"),
    ({"tax_ids": None}, "tax_ids"),
    ({"tax_ids": ["1"]}, "tax_ids.0"), ({"tax_ids": [UNKNOWN] * 11}, "tax_ids"),
    ({"tax_ids": [UNKNOWN]}, "tax_ids"),
    ({"id": UNKNOWN}, "id"), ({"balance": "0"}, "balance"), ({"credit": 5}, "credit"),
    ({"email_key": "x"}, "email_key"),
    ({"archived_at": None}, "archived_at"), ({"own_currency": "EUR"}, "own_currency"),
    ({"deleted_at": None}, "deleted_at"),
])  # fmt: skip
def test_bad_fields_are_named_and_nothing_is_stored(client, change, field):
    customer = make(client)
    refused(client.post(PATH, json=BARE | change), 422, field)
    refused(client.put(f"{PATH}/{customer['id']}", json=BARE | change), 422, field)
    refused(client.patch(f"{PATH}/{customer['id']}", json=change), 422, field)
    assert stored(client) == [customer]


@pytest.mark.parametrize("value", [None, "true", 1, "yes"])
def test_archived_is_true_or_false(client, value):
    customer = make(client)
    refused(client.patch(f"{PATH}/{customer['id']}", json={"archived": value}), 422, "archived")
    refused(client.post(PATH, json=BARE | {"archived": True}), 422, "archived")


@pytest.mark.parametrize(("body", "status"), [
    (b'{"name": 1e400}', 422), (b'{"name": NaN}', 400), (b'{"name": "\xff"}', 400),
    (b'{"name": "\\ud800"}', 422),
    (b"[]", 422), (b"null", 422), (b"{", 400), (b"[" * 100_000, 400),
    (b'{"name": "a", "metadata": ' + b'{"a":' * 100 + b"1" + b"}" * 100 + b"}", 422),
])  # fmt: skip
def test_bodies_that_are_no_customer_are_refused(client, body, status):
    refused(client.post(PATH, data=body, content_type="application/json"), status)
    assert stored(client) == []


def test_a_body_that_is_not_json_is_refused(client):
    refused(client.post(PATH, data="name=a", content_type="application/x-www-form-urlencoded"), 415)


def test_a_tax_must_be_ones_own_and_alive(client, stranger):
    gone = make_tax(client)
    assert client.delete(f"/taxes/{gone}").status_code == 204
    for tax_id in (gone, make_tax(stranger)):
        error = refused(client.post(PATH, json=BARE | {"tax_ids": [tax_id]}), 422, "tax_ids")
        assert error["details"]["fields"]["tax_ids"] == [f"There is no tax {tax_id}."]
    assert stored(client) == []


def test_the_list_is_filtered(client, stranger):
    make(stranger, name="Not mine", email="a@acme.example", external_id="1")
    make(client, name="First", email="a@acme.example", external_id="1")
    make(client, name="Second", email="ba@acme.example", external_id="10")
    make(client, name="Third")
    assert names(client) == ["Third", "Second", "First"]
    assert names(client, "?email=A@ACME.example") == ["First"]
    assert names(client, "?email=nobody@acme.example") == []
    assert names(client, "?external_id=10") == ["Second"]
    assert names(client, "?external_id=0") == []
    assert names(client, "?external_id=1&email=ba@acme.example") == []


@pytest.mark.parametrize("field", ["name", "company_name", "contact_name", "email", "vat_id", "phone"])
def test_search_looks_into_every_field_it_names(client, field):
    value = "needle@acme.example" if field == "email" else "A NEEDLE"
    make(client, **{"name": "Found", field: value})
    make(client, name="Other", notes="needle", external_id="needle")
    found = done(client.get(f"{PATH}?search=nEEdle"))["data"]
    assert [row[field] for row in found] == ["ANEEDLE" if field == "vat_id" else value]


@pytest.mark.parametrize(("search", "found"), [
    ("50%25", ["50% off"]), ("%25", ["50% off"]), ("a_b", ["a_b"]), ("_", ["a_b"]), ("/", ["and/or"]),
    ("%5C", ["back\\slash"]), ("'", ["o'clock"]), ("a%25b", []),
])  # fmt: skip
def test_wildcards_in_a_search_are_plain_characters(client, search, found):
    for name in ("50% off", "500 off", "a_b", "acb", "and/or", "back\\slash", "o'clock"):
        make(client, name=name)
    assert names(client, f"?search={search}") == found


@pytest.mark.parametrize(("query", "field"), [
    ("sort=colour", "sort"), ("sort=balance", "sort"), ("sort=email", "sort"), ("archived=maybe", "archived"),
    ("archived=", "archived"), ("email=acme", "email"), ("email=", "email"),
    ("external_id=" + "e" * 256, "external_id"),
    ("limit=0", "limit"), ("limit=101", "limit"), ("per_page=x", "per_page"), ("page=0", "page"),
    ("page=-1", "page"),
    ("search=%00", "search"), ("search=" + "a" * 201, "search"), ("cursor=x", "cursor"),
    ("name=Acme", "name"),
])  # fmt: skip
def test_bad_queries_are_named(client, query, field):
    refused(client.get(f"{PATH}?{query}"), 422, field)


@pytest.mark.parametrize(
    ("sort", "value"), [("name", "\ud800"), ("name", None), ("-updated_at", "2026-01-01T00:00:00")]
)
def test_a_forged_cursor_is_refused(client, sort, value):
    forged = urlsafe_b64encode(json.dumps([sort, value, UNKNOWN]).encode()).decode().rstrip("=")
    refused(client.get(f"{PATH}?sort={sort}&cursor={forged}"), 422, "cursor")


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "updated_at", "-updated_at", "name", "-name"])
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_walks_see_every_customer_once_and_in_order(client, sort, limit):
    made = {row["id"]: row for row in [make(client, name=name) for name in ("B", "A", "B", "C", "B")]}
    touched = list(made)[1]
    made[touched] = done(client.patch(f"{PATH}/{touched}", json={"notes": "late"}))
    by_page, by_cursor = (walk(client, f"sort={sort}&limit={limit}{more}") for more in ("", "&cursor="))
    assert by_page == by_cursor
    assert sorted(by_page) == sorted(made)
    values = [made[customer_id][sort.removeprefix("-")] for customer_id in by_page]
    assert values == sorted(values, reverse=sort.startswith("-"))


def test_the_envelope_says_where_the_page_stands(client):
    for _ in range(3):
        make(client)
    meta = done(client.get(f"{PATH}?limit=2&page=2"))["meta"]
    numbers = {"current_page": 2, "last_page": 2, "per_page": 2, "from": 3, "to": 3, "total": 3}
    assert meta == numbers | {"next_cursor": None}


def test_figures_come_from_the_invoices(client):
    customer, other = make(client), make(client, name="Other")
    invoice(client, "100.00", customer_id=customer["id"])
    invoice(client, "20.50", customer_id=customer["id"])
    invoice(client, "7.00", customer_id=customer["id"], issue=False)
    figures = {"total_invoiced": "120.50", "balance": "120.50", "credit": "0.00"}
    expected = figures | {"balances": [{"currency": "EUR"} | figures]}
    for shown in (show(client, customer), done(client.patch(f"{PATH}/{customer['id']}", json={"notes": "x"}))):
        assert {name: shown[name] for name in expected} == expected
    rows = {row["id"]: row for row in done(client.get(PATH))["data"]}
    assert {name: rows[customer["id"]][name] for name in expected} == expected
    assert {name: rows[other["id"]][name] for name in FIGURES} == FIGURES


def test_currencies_are_never_added_up(client):
    customer = make(client, currency="JPY")
    invoice(client, "500", customer_id=customer["id"])
    invoice(client, "12.34", customer_id=customer["id"], currency="EUR", exchange_rate="160")
    shown = show(client, customer)
    assert (shown["currency"], shown["total_invoiced"], shown["balance"]) == ("JPY", "500", "500")
    assert sorted(shown["balances"], key=lambda each: each["currency"]) == [
        {"currency": "EUR", "total_invoiced": "12.34", "balance": "12.34", "credit": "0.00"},
        {"currency": "JPY", "total_invoiced": "500", "balance": "500", "credit": "0"},
    ]


def test_the_newest_ten_invoices_are_shown(client):
    customer = make(client)
    made = [invoice(client, customer_id=customer["id"])["id"] for _ in range(11)]
    invoice(client, customer_id=make(client, name="Other")["id"])
    recent = show(client, customer)["recent_invoices"]
    assert [each["id"] for each in recent] == made[:0:-1]
    keys = {"id", "number", "status", "issue_date", "due_date", "total", "amount_due", "currency"}
    assert keys <= set(recent[0])
    assert (recent[0]["total"], recent[0]["amount_due"], recent[0]["currency"]) == ("100.00", "100.00", "EUR")
    assert "recent_invoices" not in done(client.get(PATH))["data"][0]


def test_who_has_unpaid_invoices_is_not_deleted(client):
    customer = make(client)
    first, second = (invoice(client, customer_id=customer["id"])["number"] for _ in range(2))
    assert first != second
    error = refused(client.delete(f"{PATH}/{customer['id']}"), 409)
    assert error["message"] == "Acme Corp has 2 unpaid invoices."
    assert show(client, customer)["name"] == "Acme Corp"


def test_who_owes_nothing_is_deleted_and_the_invoice_stays(client):
    customer = make(client)
    paid = invoice(client, "0.00", customer_id=customer["id"])
    assert client.delete(f"{PATH}/{customer['id']}").status_code == 204
    kept = done(client.get(f"/invoices/{paid['id']}"))
    assert (kept["customer_id"], kept["customer"]["name"]) == (customer["id"], "Acme Corp")


def test_an_inline_customer_is_found_by_e_mail_and_left_unchanged(client):
    customer = make(client, email="billing@acme.example")
    given = {"name": "Someone else", "email": "BILLING@ACME.example", "external_id": "new"}
    draft = invoice(client, customer=given, issue=False)
    assert draft["customer_id"] == customer["id"]
    assert [row["name"] for row in stored(client)] == ["Acme Corp"]
    assert stored(client)[0]["external_id"] is None


def test_an_inline_customer_who_is_new_is_made(client, stranger):
    make(stranger, email="billing@acme.example")
    draft = invoice(client, customer={"company_name": "Acme Corp", "email": "billing@acme.example"}, issue=False)
    customer = show(client, {"id": draft["customer_id"]})
    assert (customer["name"], customer["email"]) == ("Acme Corp", "billing@acme.example")
    nameless_address = invoice(client, customer={"name": "No address"}, issue=False)
    assert nameless_address["customer_id"] != draft["customer_id"]
    assert len(stored(client)) == 2


def test_an_inline_customer_who_was_deleted_is_made_anew(client):
    customer = make(client, email="billing@acme.example")
    assert client.delete(f"{PATH}/{customer['id']}").status_code == 204
    draft = invoice(client, customer={"name": "Acme", "email": "billing@acme.example"}, issue=False)
    assert draft["customer_id"] != customer["id"]


def test_what_is_wrong_with_an_inline_customer_is_named_where_it_stands(client):
    make(client, external_id="ERP-1")
    lines = {"lines": [{"name": "Work", "quantity": 1, "unit_price": 1}]}
    for customer, status, field in (
        ({}, 422, "customer.name"), ({"name": "A", "email": "x"}, 422, "customer.email"),
        ({"name": "A", "colour": "red"}, 422, "customer.colour"),
    ({"name": "A", "archived": True}, 422, "customer.archived"),
        ({"name": "A", "tax_ids": [UNKNOWN]}, 422, "customer.tax_ids"),
        ({"name": "A", "external_id": "ERP-1"}, 409, "customer.external_id"),
    ):  # fmt: skip
        refused(client.post("/invoices", json=lines | {"customer": customer}), status, field)
    assert len(stored(client)) == 1


def test_an_inline_customer_is_whole_where_the_invoice_is_changed_in_part(client):
    draft = invoice(client, customer=BARE, issue=False)
    response = client.patch(f"/invoices/{draft['id']}", json={"customer": {"email": "new@acme.example"}})
    refused(response, 422, "customer.name")
    changed = client.patch(f"/invoices/{draft['id']}", json={"customer": {"contact_name": "Jo"}})
    assert show(client, {"id": done(changed)["customer_id"]})["name"] == "Jo"


def test_an_invoice_names_a_living_customer_of_its_own_organisation(client, stranger):
    gone = make(client)
    assert client.delete(f"{PATH}/{gone['id']}").status_code == 204
    lines = {"lines": [{"name": "Work", "quantity": 1, "unit_price": 1}]}
    for customer_id in (gone["id"], make(stranger)["id"], UNKNOWN):
        error = refused(client.post("/invoices", json=lines | {"customer_id": customer_id}), 422, "customer_id")
        assert error["details"]["fields"]["customer_id"] == ["There is no such customer."]


def test_an_issued_invoice_keeps_the_buyer_as_they_were(client):
    customer = make(client, **FULL)
    issued = invoice(client, customer_id=customer["id"])
    done(client.put(f"{PATH}/{customer['id']}", json={"name": "Renamed"}))
    buyer = done(client.get(f"/invoices/{issued['id']}"))["customer"]
    for name in ("id", "name", "company_name", "email", "vat_id", "billing_address", "legal_name", "buyer_reference"):
        assert buyer[name] == customer[name]
