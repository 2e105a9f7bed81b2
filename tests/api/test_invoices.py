"""Invoices over HTTP: drafts, their content and totals, issue, changes, deletion."""

import datetime as dt

import pytest
import time_machine

from app.data.tenancy import organization
from app.data.transaction import unit_of_work
from app.invoices.check import findings
from tests.support.client import assert_refused

LINES = [{"name": "Consulting", "quantity": "2", "unit_price": "750.00"}]


def test_the_main_job(client, customer):
    body = {
        "customer_id": customer["id"],
        "payment_terms": "Net 30",
        "issue_date": "2026-05-15",
        "items": [
            {"description": "May consulting", "quantity": 12, "unit_price": 750, "tax_rate": 15},
            {"description": "Project setup", "quantity": 1, "unit_price": 1500, "tax_rate": "15"},
        ],
    }
    made = client.post("/invoices", body)
    assert made.status_code == 201, made.get_json()
    draft = made.get_json()
    assert made.headers["Location"] == f"/api/v1/invoices/{draft['id']}"
    assert (draft["subtotal"], draft["tax_total"], draft["total"]) == ("10500.00", "1575.00", "12075.00")
    assert (draft["number"], draft["status"], draft["due_date"]) == (None, "draft", "2026-06-14")
    assert [line["name"] for line in draft["lines"]] == ["May consulting", "Project setup"]
    issued = client.post(f"/invoices/{draft['id']}/issue")
    assert issued.status_code == 200, issued.get_json()
    assert issued.get_json()["number"] == "INV-0001"
    shown = client.get(f"/invoices/{draft['id']}").get_json()
    assert (shown["state"], shown["total"], shown["amount_due"]) == ("issued", "12075.00", "12075.00")
    assert_refused(client.post(f"/invoices/{draft['id']}/issue"), 409, "conflict")


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/invoices", "invoices:read"),
        ("POST", "/invoices", "invoices:write"),
        ("GET", "/invoices/{id}", "invoices:read"),
        ("PUT", "/invoices/{id}", "invoices:write"),
        ("PATCH", "/invoices/{id}", "invoices:write"),
        ("DELETE", "/invoices/{id}", "invoices:write"),
        ("POST", "/invoices/{id}/issue", "invoices:issue"),
        ("GET", "/invoices/next-number", "invoices:read"),
        ("POST", "/calculate", "invoices:read"),
        ("POST", "/invoices/{id}/pdf", "invoices:write"),
        ("GET", "/invoices/{id}/pdf", "invoices:read"),
    ],
)
def test_every_endpoint_wants_its_key_and_its_scope(anonymous, with_scopes, make_invoice, method, path, scope):
    url = path.format(id=make_invoice()["id"])
    assert_refused(anonymous.open(method, url), 401, "unauthorized")
    poor = with_scopes("events:read")
    error = assert_refused(poor.open(method, url, data=b"{not json"), 403, "forbidden")
    assert error["details"]["required_scopes"] == [scope]


@pytest.mark.parametrize("verb", ["get", "put", "patch", "delete", "issue"])
def test_an_unknown_invoice_and_a_strangers_are_not_found_in_the_same_words(
    client, stranger, make_invoice, customer, verb
):
    known = make_invoice()["id"]
    unknown = "0192f0c1-2b3c-7d4e-8f50-61728394a5b6"
    theirs = stranger.post("/customers", {"name": "Own"}).get_json()["id"]
    answers = []
    for invoice_id in (known, unknown):
        if verb == "issue":
            answer = stranger.post(f"/invoices/{invoice_id}/issue")
        else:
            body = {"put": {"customer_id": theirs, "lines": LINES}, "patch": {"reference": "x"}}.get(verb)
            answer = stranger.open(verb.upper(), f"/invoices/{invoice_id}", json=body)
        error = assert_refused(answer, 404, "not_found")
        answers.append((error["message"], error["details"]))
    assert answers[0] == answers[1]
    assert client.get(f"/invoices/{known}").get_json()["state"] == "draft"


def test_a_line_takes_from_its_item_what_it_leaves_out(client, customer):
    tax = client.post("/taxes", {"name": "VAT", "rate": "20"}).get_json()
    item = client.post(
        "/items",
        {
            "type": "service",
            "name": "Hour",
            "price": "80.50",
            "unit": "h",
            "unit_code": "HUR",
            "sku": "H1",
            "tax_ids": [tax["id"]],
        },
    ).get_json()
    lines = [{"item_id": item["id"], "quantity": 3}, {"item_id": item["id"], "name": "Night hour", "unit_price": "100"}]
    made = client.post("/invoices", {"customer_id": customer["id"], "lines": lines}).get_json()
    first, second = made["lines"]
    assert (first["name"], first["unit_price"], first["unit"], first["unit_code"], first["sku"]) == (
        "Hour",
        "80.50",
        "h",
        "HUR",
        "H1",
    )
    assert (second["name"], second["unit_price"], second["quantity"]) == ("Night hour", "100.00", "1")
    assert first["tax_ids"] == [tax["id"]]
    assert (made["subtotal"], made["tax_total"]) == ("341.50", "68.30")


def test_taxes_come_from_the_line_else_the_item_else_the_customer_else_the_default(client):
    ids = {}
    for name, default in (("line", False), ("item", False), ("customer", False), ("default", True)):
        ids[name] = client.post("/taxes", {"name": name, "rate": "10", "is_default": default}).get_json()["id"]
    item = client.post("/items", {"name": "I", "price": 1, "type": "product", "tax_ids": [ids["item"]]}).get_json()
    plain = client.post("/customers", {"name": "Plain"}).get_json()
    taxed = client.post("/customers", {"name": "Taxed", "tax_ids": [ids["customer"]]}).get_json()
    free = {"name": "x", "unit_price": 1}

    def taxes_of(customer, line):
        made = client.post("/invoices", {"customer_id": customer["id"], "lines": [line]}).get_json()
        return made["lines"][0]["tax_ids"]

    assert taxes_of(taxed, {"item_id": item["id"], "tax_ids": [ids["line"]]}) == [ids["line"]]
    assert taxes_of(taxed, {"item_id": item["id"]}) == [ids["item"]]
    assert taxes_of(taxed, free) == [ids["customer"]]
    assert taxes_of(plain, free) == [ids["default"]]
    assert taxes_of(taxed, {**free, "tax_ids": []}) == []


def test_the_rate_in_force_on_the_day_of_supply_applies(client, customer):
    tax = client.post("/taxes", {"name": "VAT", "rate": "20", "valid_from": "2020-01-01"}).get_json()
    changed = client.patch(f"/taxes/{tax['id']}", {"rate": "22", "valid_from": "2030-01-01"})
    assert changed.status_code == 200, changed.get_json()
    body = {"customer_id": customer["id"], "lines": [{"name": "x", "unit_price": 100, "tax_ids": [tax["id"]]}]}
    for supplied, expected in (("2029-12-31", "20.00"), ("2030-01-01", "22.00")):
        made = client.post("/invoices", body | {"supply_date": supplied}).get_json()
        assert made["tax_total"] == expected


def test_an_inline_customer_is_found_by_e_mail_or_made(client):
    body = {"customer": {"name": "Acme", "email": "Billing@Acme.example"}, "lines": LINES}
    first, second = client.post("/invoices", body).get_json(), client.post("/invoices", body).get_json()
    assert first["customer_id"] == second["customer_id"]
    assert first["customer"]["name"] == "Acme"
    assert client.get("/customers").get_json()["meta"]["total"] == 1


@pytest.mark.parametrize(
    ("terms", "due"),
    [
        ("Net 30", "2026-03-02"),
        ("Due on receipt", "2026-01-31"),
        ("EOM", "2026-01-31"),
        ("EOM+15", "2026-02-15"),
        ("15 MFI", "2026-02-15"),
    ],
)
def test_the_due_date_follows_from_the_terms(client, customer, terms, due):
    body = {"customer_id": customer["id"], "issue_date": "2026-01-31", "payment_terms": terms, "lines": LINES}
    assert client.post("/invoices", body).get_json()["due_date"] == due


def test_terms_come_from_the_invoice_else_the_customer_else_the_settings(make_client):
    client = make_client(payment_terms="Net 7")
    plain = client.post("/customers", {"name": "Plain"}).get_json()
    slow = client.post("/customers", {"name": "Slow", "payment_terms": "Net 60"}).get_json()
    body = {"issue_date": "2026-01-01", "lines": LINES}
    assert client.post("/invoices", body | {"customer_id": plain["id"]}).get_json()["due_date"] == "2026-01-08"
    assert client.post("/invoices", body | {"customer_id": slow["id"]}).get_json()["due_date"] == "2026-03-02"
    own = body | {"customer_id": slow["id"], "payment_terms": "Net 1"}
    assert client.post("/invoices", own).get_json()["due_date"] == "2026-01-02"


@pytest.mark.parametrize("currency", ["JPY", "EUR", "KWD"])
def test_amounts_have_the_digits_of_their_currency(client, customer, currency):
    body = {
        "customer_id": customer["id"],
        "currency": currency,
        "lines": [{"name": "x", "quantity": 3, "unit_price": "10.5", "tax_rate": 10}],
    }
    made = client.post("/invoices", body).get_json()
    expected = {"JPY": ("32", "3", "35"), "EUR": ("31.50", "3.15", "34.65"), "KWD": ("31.500", "3.150", "34.650")}
    assert (made["subtotal"], made["tax_total"], made["total"]) == expected[currency]


def test_inclusive_prices_keep_their_gross(make_client):
    client = make_client(tax_inclusive=True)
    body = {"customer": {"name": "C"}, "lines": [{"name": "x", "quantity": 3, "unit_price": "9.99", "tax_rate": 19}]}
    made = client.post("/invoices", body).get_json()
    assert made["total"] == made["lines"][0]["gross"] == "29.97"
    assert (made["subtotal"], made["tax_total"]) == ("25.18", "4.79")


def test_totals_in_the_body_are_compared_and_never_used(client, customer):
    body = {"customer_id": customer["id"], "lines": [{**LINES[0], "net": "1500.00"}], "subtotal": 1500, "total": "1.00"}
    made = client.post("/invoices", body)
    assert made.status_code == 201
    assert made.get_json()["total"] == "1500.00"
    assert [warning["field"] for warning in made.get_json()["warnings"]] == ["total"]
    before = client.get("/invoices").get_json()["meta"]["total"]
    error = assert_refused(client.post("/invoices?strict=1", body), 422, "total_mismatch", field="total")
    assert "1500.00" in error["details"]["fields"]["total"][0]
    assert client.get("/invoices").get_json()["meta"]["total"] == before
    assert client.post("/invoices?strict=true", body | {"total": "1500.00"}).get_json()["warnings"] == []


def test_put_replaces_and_patch_changes_a_draft(client, customer, make_invoice):
    draft = make_invoice(reference="R1", notes="N1", discount={"type": "percent", "value": 10})
    assert draft["discount_total"] == "150.00"
    patched = client.patch(f"/invoices/{draft['id']}", {"reference": "R2"}).get_json()
    assert (patched["reference"], patched["notes"], patched["discount_total"]) == ("R2", "N1", "150.00")
    assert [line["id"] for line in patched["lines"]] == [line["id"] for line in draft["lines"]]
    lines = [{"name": "New", "unit_price": 5}, {"id": draft["lines"][0]["id"], "name": "Old", "unit_price": 7}]
    replaced = client.put(f"/invoices/{draft['id']}", {"customer_id": customer["id"], "lines": lines}).get_json()
    assert (replaced["reference"], replaced["notes"], replaced["discount"], replaced["total"]) == (
        None,
        None,
        None,
        "12.00",
    )
    assert replaced["lines"][1]["id"] == draft["lines"][0]["id"]
    assert client.get(f"/invoices/{draft['id']}").get_json()["total"] == "12.00"
    assert replaced["version"] > draft["version"]


def test_what_get_shows_of_the_content_can_be_put_back(client, make_invoice):
    tax = client.post("/taxes", {"name": "VAT", "rate": "19"}).get_json()["id"]
    lines = [
        {
            "name": "a",
            "quantity": "1.5",
            "unit_price": "3.333333",
            "discount": {"type": "fixed", "value": "1.00"},
            "charges": [{"amount": "0.50", "reason": "Freight"}],
            "tax_ids": [tax],
        },
        {"name": "b", "unit_price": 1, "tax_rate": "7.5"},
    ]
    draft = make_invoice(lines=lines, discount={"type": "fixed", "value": "1.00"}, charges=[{"amount": 2}])
    again = client.patch(f"/invoices/{draft['id']}", {"internal_notes": "x"}).get_json()
    for name in ("subtotal", "tax_total", "total", "discount_total", "charge_total", "taxes", "lines"):
        assert again[name] == draft[name], name


def test_an_issued_invoice_is_frozen(client, customer, make_invoice):
    draft = make_invoice(due_date="2099-01-01", issue_date="2026-01-01")
    issued = client.post(f"/invoices/{draft['id']}/issue").get_json()
    client.patch(f"/customers/{customer['id']}", {"name": "Renamed"})
    client.patch("/settings", {"name": "Renamed GmbH", "seller": {"vat_id": "DE999999999"}})
    shown = client.get(f"/invoices/{draft['id']}").get_json()
    assert (shown["customer"], shown["seller"]) == (issued["customer"], issued["seller"])
    assert shown["customer"]["name"] == "Acme Corp"
    assert client.get("/invoices").get_json()["data"][0]["customer"]["name"] == "Acme Corp"
    for change in (
        {"lines": LINES},
        {"notes": "x"},
        {"currency": "USD"},
        {"customer_id": customer["id"]},
        {"issue_date": "2026-01-02"},
    ):
        assert_refused(client.patch(f"/invoices/{draft['id']}", change), 409, "conflict", field=next(iter(change)))
    assert_refused(
        client.put(f"/invoices/{draft['id']}", {"customer_id": customer["id"], "lines": LINES}), 409, "conflict"
    )
    assert_refused(client.delete(f"/invoices/{draft['id']}"), 409, "conflict")
    open_fields = {"internal_notes": "called", "reference": "R", "metadata": {"k": "v"}, "due_date": "2099-02-01"}
    changed = client.patch(f"/invoices/{draft['id']}", open_fields)
    assert changed.status_code == 200, changed.get_json()
    assert {name: changed.get_json()[name] for name in open_fields} == open_fields
    assert_refused(
        client.patch(f"/invoices/{draft['id']}", {"due_date": "2099-01-15"}), 422, "validation_error", field="due_date"
    )


def test_a_deleted_draft_is_gone(client, make_invoice):
    draft = make_invoice(external_id="E1")
    assert client.delete(f"/invoices/{draft['id']}").status_code == 204
    for answer in (
        client.get(f"/invoices/{draft['id']}"),
        client.delete(f"/invoices/{draft['id']}"),
        client.post(f"/invoices/{draft['id']}/issue"),
    ):
        assert_refused(answer, 404, "not_found")
    assert client.get("/invoices").get_json()["data"] == []
    assert make_invoice(external_id="E1")["external_id"] == "E1"


def test_an_external_id_belongs_to_one_invoice(client, customer, make_invoice, stranger):
    make_invoice(external_id="E1")
    body = {"customer_id": customer["id"], "lines": LINES, "external_id": "E1"}
    assert_refused(client.post("/invoices", body), 409, "conflict", field="external_id")
    other = make_invoice()
    assert_refused(
        client.patch(f"/invoices/{other['id']}", {"external_id": "E1"}), 409, "conflict", field="external_id"
    )
    theirs = {"customer": {"name": "X"}, "lines": LINES, "external_id": "E1"}
    assert stranger.post("/invoices", theirs).status_code == 201


def test_a_draft_that_was_not_dated_is_dated_and_taxed_on_its_day_of_issue(client, customer):
    tax = client.post("/taxes", {"name": "VAT", "rate": "20", "valid_from": "2020-01-01"}).get_json()
    client.patch(f"/taxes/{tax['id']}", {"rate": "22", "valid_from": "2030-01-01"})
    body = {
        "customer_id": customer["id"],
        "lines": [{"name": "x", "unit_price": 100, "tax_ids": [tax["id"]]}],
        "payment_terms": "Net 10",
    }
    with time_machine.travel(dt.datetime(2029, 12, 31, 12, tzinfo=dt.UTC), tick=False):
        draft = client.post("/invoices", body).get_json()
        assert (draft["issue_date"], draft["tax_total"]) == ("2029-12-31", "20.00")
    with time_machine.travel(dt.datetime(2030, 1, 2, 12, tzinfo=dt.UTC), tick=False):
        issued = client.post(f"/invoices/{draft['id']}/issue").get_json()
        assert (issued["issue_date"], issued["due_date"], issued["tax_total"]) == ("2030-01-02", "2030-01-12", "22.00")
        assert client.get(f"/invoices/{draft['id']}").get_json()["total"] == "122.00"


def test_documents_are_dated_where_the_organisation_is(make_client):
    late = dt.datetime(2026, 6, 30, 23, 30, tzinfo=dt.UTC)
    with time_machine.travel(late, tick=False):
        for zone, day in (("UTC", "2026-06-30"), ("Europe/Berlin", "2026-07-01"), ("America/New_York", "2026-06-30")):
            client = make_client(timezone=zone)
            assert client.post("/invoices", {"customer": {"name": "C"}, "lines": LINES}).get_json()["issue_date"] == day


def test_overdue_begins_the_day_after_the_due_date_where_the_organisation_is(make_client):
    client = make_client(timezone="America/Los_Angeles")
    body = {"customer": {"name": "C"}, "lines": LINES, "issue_date": "2026-03-01", "due_date": "2026-03-10"}
    invoice = client.post("/invoices", body).get_json()["id"]
    client.post(f"/invoices/{invoice}/issue")
    # 07:30 UTC on the 11th is still the evening of the 10th in Los Angeles (00:30 on the 11th is an hour later).
    for moment, word in (
        (dt.datetime(2026, 3, 11, 6, 30, tzinfo=dt.UTC), "issued"),
        (dt.datetime(2026, 3, 11, 7, 30, tzinfo=dt.UTC), "overdue"),
    ):
        with time_machine.travel(moment, tick=False):
            assert client.get(f"/invoices/{invoice}").get_json()["status"] == word
            assert [row["status"] for row in client.get(f"/invoices?status={word}").get_json()["data"]] == [word]


def test_base_amounts_are_frozen_at_issue(client, make_invoice):
    lines = [{"name": "x", "unit_price": "100.00", "tax_rate": 19}]
    foreign = make_invoice(currency="USD", exchange_rate="0.9137", lines=lines)
    issued = client.post(f"/invoices/{foreign['id']}/issue").get_json()
    assert (issued["base_currency"], issued["exchange_rate"], issued["base_total"]) == ("EUR", "0.9137", "108.73")
    own = make_invoice(lines=lines)
    assert client.post(f"/invoices/{own['id']}/issue").get_json()["base_total"] == "119.00"
    unknown = make_invoice(currency="USD", lines=lines)
    assert client.post(f"/invoices/{unknown['id']}/issue").get_json()["base_total"] is None


def test_an_invoice_does_not_ask_for_less_than_nothing(client, make_invoice):
    draft = make_invoice(lines=[{"name": "Return", "quantity": -1, "unit_price": 10}])
    assert draft["total"] == "-10.00"
    assert_refused(client.post(f"/invoices/{draft['id']}/issue"), 422, "validation_error", field="total")
    assert client.get(f"/invoices/{draft['id']}").get_json()["state"] == "draft"
    nothing = make_invoice(lines=[{"name": "Free", "quantity": 1, "unit_price": 0}])
    issued = client.post(f"/invoices/{nothing['id']}/issue").get_json()
    assert (issued["status"], issued["payment_status"]) == ("paid", "paid")


def test_the_rounding_that_was_used_is_the_rounding_that_is_kept(make_client):
    client = make_client()
    lines = [{"name": "x", "quantity": q, "unit_price": "0.35", "tax_rate": 19} for q in (3, 1, 1)]
    day = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
    with time_machine.travel(day, tick=False):
        draft = client.post("/invoices", {"customer": {"name": "C"}, "lines": lines}).get_json()
        assert (draft["tax_total"], draft["total"]) == ("0.33", "2.08")
        client.patch("/settings", {"rounding": "line"})
    with time_machine.travel(day + dt.timedelta(days=1), tick=False):
        issued = client.post(f"/invoices/{draft['id']}/issue").get_json()
        assert (issued["tax_total"], issued["total"]) == ("0.34", "2.09")
    with client.app.app_context(), organization(client.org_id, "UTC"), unit_of_work(write=False):
        assert list(findings()) == []


def test_a_draft_keeps_what_was_deleted_from_the_catalogue(client, make_invoice):
    tax = client.post("/taxes", {"name": "VAT", "rate": "19"}).get_json()["id"]
    item = client.post("/items", {"type": "product", "name": "I", "price": 5, "tax_ids": [tax]}).get_json()["id"]
    draft = make_invoice(lines=[{"item_id": item}])
    assert client.delete(f"/items/{item}").status_code == client.delete(f"/taxes/{tax}").status_code == 204
    changed = client.patch(f"/invoices/{draft['id']}", {"reference": "x"})
    assert changed.status_code == 200, changed.get_json()
    assert (changed.get_json()["lines"], changed.get_json()["total"]) == (draft["lines"], "5.95")
    body = {"customer_id": draft["customer_id"], "lines": [{"item_id": item}]}
    assert_refused(client.post("/invoices", body), 422, "validation_error", field="lines.0.item_id")


def test_lines_may_trade_places_and_be_replaced(client, make_invoice):
    draft = make_invoice(lines=[{"name": name, "unit_price": 1} for name in "abc"])
    a, b, c = ({"id": line["id"], "name": line["name"], "unit_price": 1} for line in draft["lines"])
    for lines in ([c, a, b], [{"name": "new", "unit_price": 2}, c], [{"name": "only", "unit_price": 3}], [a, a]):
        changed = client.patch(f"/invoices/{draft['id']}", {"lines": lines})
        assert changed.status_code == 200, changed.get_json()
        shown = client.get(f"/invoices/{draft['id']}").get_json()
        assert [line["name"] for line in shown["lines"]] == [line["name"] for line in lines]


def test_a_foreign_invoice_without_a_rate_says_so(client, make_invoice):
    draft = make_invoice(currency="USD")
    assert [warning["code"] for warning in draft["warnings"]] == ["exchange_rate_missing"]
    assert client.get(f"/invoices/{draft['id']}").get_json()["warnings"] == draft["warnings"]
    rated = client.patch(f"/invoices/{draft['id']}", {"exchange_rate": "0.9"}).get_json()
    assert (rated["warnings"], rated["exchange_rate_source"]) == ([], "manual")
    own = make_invoice(exchange_rate="2")
    assert (own["exchange_rate"], own["exchange_rate_source"]) == ("1", "same_currency")


def test_an_operation_without_a_body_refuses_one(client, make_invoice):
    draft = make_invoice()["id"]
    assert_refused(client.post(f"/invoices/{draft}/issue", {"dry_run": True}), 422, "validation_error", field="dry_run")
    assert client.get(f"/invoices/{draft}").get_json()["state"] == "draft"
    assert client.post(f"/invoices/{draft}/issue", {}).status_code == 200
