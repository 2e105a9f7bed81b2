"""How many SQL statements each operation costs: pinned in statement_counts.toml, so that none slips in unseen.

Counted is what goes over a cursor, set_config for row-level security included, BEGIN and COMMIT not. The key is
remembered, as it is for a busy client.
"""

import re
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event

from app.accounts import access
from app.extensions import db
from tests.support.client import ApiClient

FILE = Path(__file__).with_name("statement_counts.toml")
WEBHOOK = {"url": "https://acme.example/hook", "events": ["*"]}
LINE = {"name": "Consulting", "quantity": 2, "unit_price": "750.00"}


@dataclass(frozen=True)
class Call:
    """A valid call of an operation: `of` names the maker of what its path names, `body` may need the makers, too."""

    of: str = ""
    body: Any = None


class Makers:
    """Each makes a thing of its own and returns its id."""

    def __init__(self, client: ApiClient) -> None:
        self.client = client

    def make(self, path: str, body: Any = None) -> dict[str, Any]:
        response = self.client.post(path, body)
        assert response.status_code in {200, 201, 202}, response.get_json()
        return response.get_json()

    def customer(self) -> str:
        return self.make("/customers", {"name": "Acme Corp", "email": f"{uuid4().hex}@acme.example"})["id"]

    def item(self) -> str:
        return self.make("/items", {"name": "Hammer", "price": "12.50"})["id"]

    def tax(self) -> str:
        return self.make("/taxes", {"name": uuid4().hex, "rate": "19"})["id"]

    def unit(self) -> str:
        return self.make("/units", {"name": uuid4().hex})["id"]

    def payment_method(self) -> str:
        return self.make("/payment-methods", {"name": uuid4().hex})["id"]

    def series(self) -> str:
        name = uuid4().hex[:8]
        return self.make("/number-series", {"kind": "invoice", "name": name, "pattern": f"{name}-{{seq}}"})["id"]

    def key(self) -> str:
        return self.make("/api-keys", {"name": "robot", "scopes": ["invoices:read"]})["id"]

    def webhook(self) -> str:
        return self.make("/webhooks", WEBHOOK)["id"]

    def delivery(self) -> str:
        return self.make(f"/webhooks/{self.webhook()}/test")["id"]

    def draft(self) -> str:
        return self.make("/invoices", invoice(self))["id"]

    def issued(self) -> str:
        draft = self.draft()
        self.make(f"/invoices/{draft}/issue")
        return draft

    def event(self) -> str:
        self.customer()
        return self.client.get("/events").get_json()["data"][0]["id"]

    def signed(self) -> str:
        return self.make(f"/invoices/{self.issued()}/pdf")["url"].rpartition("/")[2]


def invoice(makers: Makers, lines: int = 1) -> dict[str, Any]:
    return {"customer_id": makers.customer(), "lines": [LINE] * lines}


CALLS = {
    "GET /health": Call(),
    "GET /health/ready": Call(),
    "GET /openapi.json": Call(),
    "GET /api/v1/me": Call(),
    "GET /api/v1/settings": Call(),
    "PATCH /api/v1/settings": Call(body={"invoice_notes": "Thank you."}),
    "GET /api/v1/api-keys": Call(),
    "POST /api/v1/api-keys": Call(body={"name": "robot", "scopes": ["invoices:read"]}),
    "GET /api/v1/api-keys/{key_id}": Call("key"),
    "PATCH /api/v1/api-keys/{key_id}": Call("key", {"name": "robot 2"}),
    "DELETE /api/v1/api-keys/{key_id}": Call("key"),
    "GET /api/v1/taxes": Call(),
    "POST /api/v1/taxes": Call(body={"name": "VAT 19 %", "rate": "19"}),
    "GET /api/v1/taxes/{tax_id}": Call("tax"),
    "PATCH /api/v1/taxes/{tax_id}": Call("tax", {"name": "VAT"}),
    "DELETE /api/v1/taxes/{tax_id}": Call("tax"),
    "GET /api/v1/units": Call(),
    "POST /api/v1/units": Call(body={"name": "crate"}),
    "GET /api/v1/units/{unit_id}": Call("unit"),
    "PATCH /api/v1/units/{unit_id}": Call("unit", {"name": "box"}),
    "DELETE /api/v1/units/{unit_id}": Call("unit"),
    "GET /api/v1/payment-methods": Call(),
    "POST /api/v1/payment-methods": Call(body={"name": "Barter"}),
    "GET /api/v1/payment-methods/{method_id}": Call("payment_method"),
    "PATCH /api/v1/payment-methods/{method_id}": Call("payment_method", {"name": "Gold"}),
    "DELETE /api/v1/payment-methods/{method_id}": Call("payment_method"),
    "GET /api/v1/customers": Call(),
    "POST /api/v1/customers": Call(body={"name": "Acme Corp"}),
    "GET /api/v1/customers/{customer_id}": Call("customer"),
    "PUT /api/v1/customers/{customer_id}": Call("customer", {"name": "Acme Ltd"}),
    "PATCH /api/v1/customers/{customer_id}": Call("customer", {"phone": "+49 30 1234"}),
    "DELETE /api/v1/customers/{customer_id}": Call("customer"),
    "GET /api/v1/items": Call(),
    "POST /api/v1/items": Call(body={"name": "Hammer", "price": "12.50"}),
    "GET /api/v1/items/{item_id}": Call("item"),
    "PUT /api/v1/items/{item_id}": Call("item", {"name": "Saw", "price": "20"}),
    "PATCH /api/v1/items/{item_id}": Call("item", {"price": "13"}),
    "DELETE /api/v1/items/{item_id}": Call("item"),
    "GET /api/v1/number-series": Call(),
    "POST /api/v1/number-series": Call(body={"kind": "invoice", "name": "Export", "pattern": "EX-{seq:05}"}),
    "GET /api/v1/number-series/{series_id}": Call("series"),
    "PATCH /api/v1/number-series/{series_id}": Call("series", {"name": "Shop"}),
    "GET /api/v1/number-series/{series_id}/audit": Call("series"),
    "GET /api/v1/invoices": Call(),
    "POST /api/v1/invoices": Call(body=invoice),
    "GET /api/v1/invoices/next-number": Call(),
    "GET /api/v1/invoices/{invoice_id}": Call("issued"),
    "PUT /api/v1/invoices/{invoice_id}": Call("draft", invoice),
    "PATCH /api/v1/invoices/{invoice_id}": Call("draft", {"reference": "PO 7"}),
    "DELETE /api/v1/invoices/{invoice_id}": Call("draft"),
    "POST /api/v1/invoices/{invoice_id}/issue": Call("draft"),
    "POST /api/v1/invoices/{invoice_id}/pdf": Call("issued"),
    "GET /api/v1/invoices/{invoice_id}/pdf": Call("issued"),
    "GET /api/v1/files/{signed}": Call("signed"),
    "POST /api/v1/invoices/{invoice_id}/send": Call("issued"),
    "GET /api/v1/invoices/{invoice_id}/communications": Call("issued"),
    "GET /api/v1/communications": Call(),
    "GET /api/v1/events": Call(),
    "GET /api/v1/events/{event_id}": Call("event"),
    "GET /api/v1/audit-log": Call(),
    "GET /api/v1/audit-log/verify": Call(),
    "GET /api/v1/invoices/{invoice_id}/history": Call("draft"),
    "GET /api/v1/webhooks": Call(),
    "POST /api/v1/webhooks": Call(body=WEBHOOK),
    "POST /api/v1/webhooks/subscribe": Call(body=WEBHOOK),
    "GET /api/v1/webhooks/{webhook_id}": Call("webhook"),
    "PATCH /api/v1/webhooks/{webhook_id}": Call("webhook", {"description": "ERP"}),
    "DELETE /api/v1/webhooks/{webhook_id}": Call("webhook"),
    "POST /api/v1/webhooks/{webhook_id}/test": Call("webhook"),
    "POST /api/v1/webhooks/{webhook_id}/rotate-secret": Call("webhook", {}),
    "POST /api/v1/webhooks/{webhook_id}/replay": Call("webhook", {"from_time": "2026-01-01T00:00:00Z"}),
    "GET /api/v1/webhooks/{webhook_id}/deliveries": Call("webhook"),
    "POST /api/v1/webhooks/deliveries/{delivery_id}/redeliver": Call("delivery"),
    "POST /api/v1/calculate": Call(body={"lines": [LINE | {"tax_rate": "19"}]}),
}


@pytest.fixture
def makers(client, monkeypatch):
    """Makers in an organisation that has one of everything; its key stays remembered."""
    monkeypatch.setattr(access, "MEMORY_SECONDS", 3600)
    makers = Makers(client)
    for maker in ("item", "tax", "unit", "payment_method", "issued"):
        getattr(makers, maker)()
    return makers


@pytest.fixture
def written(app, client) -> Callable[[str, str, Any], list[str]]:
    """Call an operation and return its statements."""

    @contextmanager
    def noted() -> Iterator[list[str]]:
        statements: list[str] = []

        def note(_connection, _cursor, statement, *_) -> None:
            if not statement.startswith("BEGIN"):  # SQLite's goes over a cursor, PostgreSQL's does not
                statements.append(statement)

        with app.app_context():
            engine = db.engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            yield statements
        finally:
            event.remove(engine, "before_cursor_execute", note)

    def call(method: str, path: str, body: Any = None) -> list[str]:
        client.get("/me")  # a change of settings forgets the key
        with noted() as statements:
            response = client.open(method, path, json=body)
        assert response.status_code < 300, response.get_json()
        return statements

    return call


@pytest.fixture
def count(written) -> Callable[[str, str, Any], int]:
    """Call an operation and count its statements."""
    return lambda method, path, body=None: len(written(method, path, body))


def pinned(backend: str) -> dict[str, int]:
    counts = tomllib.loads(FILE.read_text())["counts"]
    return {name: value if isinstance(value, int) else value[backend] for name, value in counts.items()}


def test_every_operation_costs_what_is_pinned(backend, makers, count):
    measured = {}
    for name, call in CALLS.items():
        method, path = name.split(" ")
        if call.of:
            path = re.sub(r"\{\w+\}", getattr(makers, call.of)(), path)
        body = call.body(makers) if callable(call.body) else call.body
        measured[name] = count(method, path, body)
    assert measured == pinned(backend.name), "statement_counts.toml says otherwise: look why, then correct the file"


def test_every_operation_is_counted_or_left_out_for_a_reason(documented):
    written = tomllib.loads(FILE.read_text())
    verbs = {"get", "post", "put", "patch", "delete"}
    paths = documented.document["paths"].items()
    documented_ones = {f"{verb.upper()} {path}" for path, operations in paths for verb in verbs & operations.keys()}
    assert written["counts"].keys() | written["left_out"].keys() == documented_ones
    assert not written["counts"].keys() & written["left_out"].keys()
    assert written["counts"].keys() == CALLS.keys()
    assert all(reason.strip() for reason in written["left_out"].values())


def test_every_table_of_an_invoice_is_filtered_also_the_joined_one(makers, written):
    """The filter is set for a whole statement; this shows that it reaches the customer behind the join."""
    draft = makers.draft()
    for path in (f"/invoices/{draft}", "/invoices?limit=1"):
        statements = written("GET", path)
        assert any("JOIN customers AS customers_1 ON" in each for each in statements)
        for statement in statements:
            for alias in set(re.findall(r"\b(?:FROM|JOIN) (?:\w+ AS )?(\w+)", statement)) - {"organizations_1"}:
                own = rf"\b{alias}\.org_id = (?:\?|%\()"
                assert re.search(own, statement), f"{alias} is not filtered: {statement}"


def test_more_lines_cost_no_more_statements(makers, count):
    costs = {count("POST", "/invoices", invoice(makers, lines)) for lines in (1, 50)}
    assert len(costs) == 1, costs


def test_issuing_and_reading_more_lines_cost_no_more_statements(makers, count):
    issuing, reading = set(), set()
    for lines in (1, 50):
        draft = makers.make("/invoices", invoice(makers, lines))["id"]
        issuing.add(count("POST", f"/invoices/{draft}/issue"))
        reading.add(count("GET", f"/invoices/{draft}"))
    assert len(issuing) == len(reading) == 1, (issuing, reading)


@pytest.mark.parametrize(("resource", "maker"), [("invoices", "draft"), ("customers", "customer"), ("items", "item")])
def test_longer_lists_cost_no_more_statements(makers, count, resource, maker):
    few = count("GET", f"/{resource}?limit=100")
    for _ in range(29):
        getattr(makers, maker)()
    assert count("GET", f"/{resource}?limit=100") == few
