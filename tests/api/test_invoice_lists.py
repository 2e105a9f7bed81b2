"""The invoice list: filters, sorts, walks, and the status word that SQL and Python derive from one definition."""

import itertools

import pytest

from tests.support.client import assert_refused


@pytest.fixture
def mixed(client, make_invoice):
    """A draft, an overdue, an issued, a paid (nothing due) and a foreign-currency invoice, by name."""
    other = client.post("/customers", {"name": "Übel & Söhne", "email": "u@example.com"}).get_json()
    made = {
        "draft": make_invoice(reference="100%_sure"),
        "overdue": make_invoice(issue_date="2026-01-01", due_date="2026-01-15", po_number="PO-77"),
        "issued": make_invoice(issue_date="2026-03-01", due_date="2099-01-01", customer_id=other["id"]),
        "paid": make_invoice(issue_date="2026-02-01", lines=[{"name": "free", "unit_price": 0}]),
        "foreign": make_invoice(issue_date="2026-04-01", due_date="2099-01-01", currency="USD"),
    }
    for name in ("overdue", "issued", "paid", "foreign"):
        made[name] = client.post(f"/invoices/{made[name]['id']}/issue").get_json()
    return {name: invoice["id"] for name, invoice in made.items()} | {"other": other["id"]}


def names(client, mixed, query):
    response = client.get(f"/invoices?{query}")
    assert response.status_code == 200, response.get_json()
    known = {identity: name for name, identity in mixed.items()}
    return [known[row["id"]] for row in response.get_json()["data"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=draft", ["draft"]),
        ("status=overdue", ["overdue"]),
        ("status=paid", ["paid"]),
        ("status=issued", ["foreign", "issued"]),
        ("status=issued&status=draft", ["foreign", "issued", "draft"]),
        ("status=void", []),
        ("from_date=2026-02-01&to_date=2026-03-01", ["paid", "issued"]),
        ("currency=USD", ["foreign"]),
        ("search=inv-0002", ["issued"]),
        ("search=po-77", ["overdue"]),
        ("search=ÜBEL", ["issued"]),
        ("search=%25_", ["draft"]),
        ("search=100_", []),
        ("search=nobody", []),
        ("sort=issue_date&status=overdue&status=paid&status=issued", ["overdue", "paid", "issued", "foreign"]),
        ("sort=-number&limit=2", ["foreign", "paid"]),
        ("sort=created_at&limit=1", ["draft"]),
        ("sort=total&limit=1", ["paid"]),
    ],
)
def test_filters_and_sorts(client, mixed, query, expected):
    found = names(client, mixed, query)
    assert (found if "sort" in query else sorted(found)) == (expected if "sort" in query else sorted(expected))


def test_by_customer(client, mixed, stranger):
    assert names(client, mixed, f"customer_id={mixed['other']}") == ["issued"]
    theirs = stranger.post("/customers", {"name": "T"}).get_json()["id"]
    assert client.get(f"/invoices?customer_id={theirs}").get_json()["data"] == []


@pytest.mark.parametrize(
    "query",
    [
        "status=late",
        "sort=colour",
        "customer_id=x",
        "from_date=soon",
        "currency=XYZ",
        "limit=0",
        "limit=101",
        "page=0",
        "colour=red",
    ],
)
def test_a_bad_query_is_named(client, query):
    field = query.partition("=")[0]
    error = assert_refused(client.get(f"/invoices?{query}"), 422, "validation_error")
    assert any(name == field or name.startswith(f"{field}.") for name in error["details"]["fields"]), error


def test_sql_and_python_find_the_same_word(client, mixed):
    words = {row["id"]: row["status"] for row in client.get("/invoices").get_json()["data"]}
    for word in ("draft", "void", "written_off", "paid", "overdue", "partial", "viewed", "sent", "issued"):
        found = {row["id"] for row in client.get(f"/invoices?status={word}").get_json()["data"]}
        assert found == {identity for identity, own in words.items() if own == word}, word
    for identity, word in words.items():
        assert client.get(f"/invoices/{identity}").get_json()["status"] == word


@pytest.mark.parametrize(
    "sort", ["created_at", "-created_at", "issue_date", "-due_date", "number", "-number", "total", "-updated_at"]
)
def test_walks_see_every_invoice_once_and_in_order(client, make_invoice, sort):
    made = [
        make_invoice(issue_date=day)["id"]
        for day in ("2026-01-02", "2026-01-01", "2026-01-02", "2026-01-03", "2026-01-01")
    ]
    by_page = [client.get(f"/invoices?sort={sort}&limit=2&page={page}").get_json()["data"] for page in (1, 2, 3)]
    paged = [row["id"] for row in itertools.chain.from_iterable(by_page)]
    walked, url = [], f"/invoices?sort={sort}&limit=2&cursor="
    while url:
        body = client.get(url).get_json()
        walked += [row["id"] for row in body["data"]]
        assert "total" not in body["meta"] or body["meta"]["total"] is None
        url = body["links"]["next"]
    assert paged == walked
    assert sorted(walked) == sorted(made)


def test_a_walk_started_from_a_numbered_page_goes_on_where_it_left(client, make_invoice):
    made = [make_invoice()["id"] for _ in range(5)]
    first = client.get("/invoices?limit=2").get_json()
    rest = client.get(f"/invoices?limit=10&cursor={first['meta']['next_cursor']}").get_json()
    assert [row["id"] for row in [*first["data"], *rest["data"]]] == made[::-1]


def test_figures_of_the_customer_follow_the_invoices(client, customer, mixed):
    shown = client.get(f"/customers/{customer['id']}").get_json()
    assert (shown["total_invoiced"], shown["balance"], shown["credit"]) == ("1500.00", "1500.00", "0.00")
    usd = next(row for row in shown["balances"] if row["currency"] == "USD")
    assert usd["total_invoiced"] == "1500.00"
    assert [row["status"] for row in shown["recent_invoices"]] == ["issued", "paid", "overdue", "draft"]
    assert_refused(client.delete(f"/customers/{customer['id']}"), 409, "conflict")
