"""Events over HTTP: one a change, in order, replayable, never without the change that they tell of."""

import threading
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from app.data.tenancy import organization
from app.data.transaction import unit_of_work
from app.events import declare, relay
from app.events.declare import Catalogue, Event
from app.events.models import EventRow
from app.events.service import emit
from app.extensions import db
from app.http.errors import Conflict
from app.invoices.events import InvoiceIssued
from tests.support.client import assert_refused

LINE = {"name": "Consulting", "quantity": 2, "unit_price": "750.00", "tax_rate": "19"}


def asked(client, **query):
    return client.get(f"/events?{urlencode(query)}")


def log(client, **query):
    response = asked(client, limit=100, **query)
    assert response.status_code == 200, response.get_json()
    return response.get_json()["data"]


def news(client, act):
    """The events that an action made."""
    before = log(client, type="*")
    result = act()
    return result, [(each["event"], each["entity"]["id"]) for each in log(client, after=before[-1]["id"])]


def make(client, path, body=None):
    response = client.post(path, body)
    assert response.status_code in {200, 201}, response.get_json()
    return response.get_json()


class TestOneEventAChange:
    @pytest.mark.parametrize(
        ("path", "noun", "body", "change"),
        [
            ("/customers", "customer", {"name": "Acme"}, {"phone": "+49 30 1"}),
            ("/items", "item", {"name": "Hammer", "price": "1"}, {"price": "2"}),
            ("/taxes", "tax", {"name": "VAT", "rate": "19"}, {"rate": "20", "valid_from": "2031-01-01"}),
            ("/units", "unit", {"name": "crate"}, {"name": "box"}),
            ("/payment-methods", "payment_method", {"name": "Barter"}, {"name": "Gold"}),
        ],
    )
    def test_created_updated_deleted(self, client, path, noun, body, change):
        made, events = news(client, lambda: make(client, path, body))
        assert events == [(f"{noun}.created", made["id"])]
        _, events = news(client, lambda: client.patch(f"{path}/{made['id']}", change))
        assert events == [(f"{noun}.updated", made["id"])]
        _, events = news(client, lambda: client.delete(f"{path}/{made['id']}"))
        assert events == [(f"{noun}.deleted", made["id"])]

    def test_settings_keys_and_series(self, client):
        _, events = news(client, lambda: client.patch("/settings", {"invoice_notes": "Thanks"}))
        assert [name for name, _ in events] == ["settings.updated"]
        key, events = news(client, lambda: make(client, "/api-keys", {"name": "bot", "scopes": ["events:read"]}))
        assert events == [("api_key.created", key["id"])]
        assert "key" not in log(client)[-1]["data"]
        _, events = news(client, lambda: client.delete(f"/api-keys/{key['id']}"))
        assert events == [("api_key.revoked", key["id"])]
        _, events = news(client, lambda: client.delete(f"/api-keys/{key['id']}"))
        assert events == [], "revoking twice is one change"
        body = {"kind": "invoice", "name": "Shop", "pattern": "S-{seq}"}
        series, events = news(client, lambda: make(client, "/number-series", body))
        assert events == [("number_series.created", series["id"])]

    def test_an_invoice_with_a_new_customer_is_two_changes(self, client):
        body = {"customer": {"name": "Acme", "email": "a@acme.example"}, "lines": [LINE]}
        made, events = news(client, lambda: make(client, "/invoices", body))
        assert events == [("customer.created", made["customer_id"]), ("invoice.created", made["id"])]
        _, events = news(client, lambda: client.patch(f"/invoices/{made['id']}", {"reference": "PO 7"}))
        assert events == [("invoice.updated", made["id"])]
        _, events = news(client, lambda: make(client, f"/invoices/{made['id']}/issue"))
        assert events == [("invoice.issued", made["id"])]

    def test_the_data_is_what_the_api_shows(self, client):
        body = {"customer": {"name": "Acme"}, "lines": [LINE]}
        made = make(client, "/invoices", body)
        assert log(client)[-1]["data"] == made
        issued = make(client, f"/invoices/{made['id']}/issue")
        assert log(client)[-1]["data"] == issued
        draft = make(client, "/invoices", body)
        client.delete(f"/invoices/{draft['id']}")
        assert log(client)[-1]["data"]["id"] == draft["id"]

    def test_what_is_refused_has_no_event(self, client):
        made = make(client, "/invoices", {"customer": {"name": "Acme"}, "lines": [LINE]})
        make(client, f"/invoices/{made['id']}/issue")
        for act in (
            lambda: client.post(f"/invoices/{made['id']}/issue"),
            lambda: client.delete(f"/invoices/{made['id']}"),
            lambda: client.post("/invoices", {"customer": {"name": "B", "email": "b@b.example"}, "lines": []}),
            lambda: client.patch("/settings", {"currency": "ZZZ"}),
        ):
            response, events = news(client, act)
            assert response.status_code in {409, 422}
            assert events == []


class TestTheLog:
    def test_it_counts_without_a_gap_and_goes_on_from_any_point(self, client):
        for n in range(7):
            make(client, "/customers", {"name": f"Customer {n}"})
        whole = log(client)
        assert [each["seq"] for each in whole] == list(range(1, len(whole) + 1))
        seen, after = whole[:1], whole[0]["id"]
        while page := asked(client, limit=3, after=after).get_json()["data"]:
            seen += page
            after = page[-1]["id"]
        assert seen == whole
        page = asked(client, limit=3, after=whole[0]["id"]).get_json()
        walked = page["data"]
        while page["links"]["next"]:
            page = client.get(page["links"]["next"].partition("/api/v1")[2]).get_json()
            walked += page["data"]
        assert walked == whole[1:]

    def test_filters(self, client):
        acme = make(client, "/customers", {"name": "Acme"})
        make(client, "/items", {"name": "Hammer", "price": "1"})
        client.patch(f"/customers/{acme['id']}", {"phone": "1"})
        assert {each["event"] for each in log(client, type="customer.*")} == {"customer.created", "customer.updated"}
        assert [each["event"] for each in log(client, type="item.created")] == ["item.created"]
        assert len(log(client, entity_id=acme["id"])) == 2
        assert_refused(asked(client, type="customer.eaten"), 422, "validation_error", field="type")
        assert_refused(asked(client, type="nobody.*"), 422, "validation_error", field="type")
        assert_refused(asked(client, after=acme["id"]), 422, "validation_error", field="after")

    def test_one_by_its_id(self, client, stranger):
        one = log(client)[0]
        assert client.get(f"/events/{one['id']}").get_json() == one
        assert_refused(stranger.get(f"/events/{one['id']}"), 404, "not_found")
        assert_refused(asked(stranger, after=one["id"]), 422, "validation_error", field="after")

    def test_needs_the_scope(self, anonymous, with_scopes):
        assert_refused(anonymous.get("/events"), 401, "unauthorized")
        assert_refused(with_scopes("audit:read").get("/events"), 403, "forbidden")
        assert with_scopes("events:read").get("/events").status_code == 200


def test_parallel_changes_make_one_whole_chain(app, client):
    def create(n):
        with app.app_context():
            make(client, "/customers", {"name": f"Customer {n}"})

    threads = [threading.Thread(target=create, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each["seq"] for each in log(client)] == list(range(1, len(log(client)) + 1))
    assert client.get("/audit-log/verify").get_json()["valid"]


@pytest.mark.parametrize(
    "statement",
    [
        sa.update(EventRow).values(reason="another"),
        sa.update(EventRow).values(changes=None, data={"forged": True}),
        sa.delete(EventRow),
    ],
)
def test_the_database_refuses_to_change_what_happened(app, client, statement):
    org = client.get("/settings").get_json()["organization_id"]
    before = log(client)
    with app.app_context(), organization(sa.Uuid().python_type(org), "UTC"), pytest.raises(DBAPIError), unit_of_work():
        db.session.execute(statement.where(EventRow.org_id == sa.Uuid().python_type(org)))
    assert log(client) == before


class TestReactions:
    @pytest.fixture
    def reacting(self, app):
        """Install a reaction for the time of a test."""
        usual = app.extensions[declare.EXTENSION]

        def install(react):
            app.extensions[declare.EXTENSION] = Catalogue(usual.events, {InvoiceIssued: (react,)})

        yield install
        app.extensions[declare.EXTENSION] = usual

    def test_a_reaction_may_refuse_and_nothing_has_happened(self, client, reacting):
        def refuse(event):
            raise Conflict(f"Not {event.subject.number} today.")

        reacting(refuse)
        made = make(client, "/invoices", {"customer": {"name": "Acme"}, "lines": [LINE]})
        response, events = news(client, lambda: client.post(f"/invoices/{made['id']}/issue"))
        assert_refused(response, 409, "conflict")
        assert "today" in response.get_json()["error"]["message"]
        assert events == []
        assert client.get(f"/invoices/{made['id']}").get_json()["state"] == "draft"

    def test_a_reaction_writes_in_the_same_transaction(self, client, reacting):
        def note(event):
            event.subject.internal_notes = "Issued."

        reacting(note)
        made = make(client, "/invoices", {"customer": {"name": "Acme"}, "lines": [LINE]})
        make(client, f"/invoices/{made['id']}/issue")
        assert client.get(f"/invoices/{made['id']}").get_json()["internal_notes"] == "Issued."


def test_an_event_that_is_not_in_the_catalogue_is_a_bug(app):
    class Stray(Event):
        name = "invoice.eaten"
        shape = "InvoiceOut"

    with app.app_context(), pytest.raises(LookupError, match=r"invoice\.eaten"):
        emit(Stray(None))
    with pytest.raises(ValueError, match=r"two events are called invoice\.issued"):
        Catalogue.of((InvoiceIssued, type("Twin", (Event,), {"name": "invoice.issued"})), {})


class TestTheRelay:
    @pytest.fixture
    def handed(self, app):
        """What the relay hands on, by organisation, in its order."""
        usual, got = app.extensions[relay.EXTENSION], []
        app.extensions[relay.EXTENSION] = (lambda rows: got.extend((row.org_id, row.seq, row.type) for row in rows),)
        with app.app_context():
            while relay.relay_once():
                pass
            got.clear()
            yield got
        app.extensions[relay.EXTENSION] = usual

    def test_every_event_once_and_in_order(self, client, stranger, handed):
        for n in range(5):
            make(client, "/customers", {"name": f"Customer {n}"})
            make(stranger, "/customers", {"name": f"Customer {n}"})
        assert relay.backlog() == 10
        while relay.relay_once(most=2):
            pass
        assert relay.backlog() == 0
        for org in {org for org, _, _ in handed}:
            mine = [seq for each, seq, _ in handed if each == org]
            assert mine == sorted(mine)
            assert len(mine) == len(set(mine)) == 5

    def test_an_organisation_whose_events_cannot_be_taken_holds_up_no_other(self, app, client, stranger, handed):
        make(client, "/customers", {"name": "Acme"})
        make(stranger, "/customers", {"name": "Acme"})
        usual = app.extensions[relay.EXTENSION]

        def choose(rows):
            if rows[0].org_id == client.org_id:
                raise RuntimeError("no")
            usual[0](rows)

        app.extensions[relay.EXTENSION] = (choose,)
        relay.relay_all()
        assert {org for org, _, _ in handed} == {stranger.org_id}
        app.extensions[relay.EXTENSION] = usual
        relay.relay_all()
        assert {org for org, _, _ in handed} == {client.org_id, stranger.org_id}

    def test_a_subscriber_that_fails_gets_them_again(self, app, client, handed):
        make(client, "/customers", {"name": "Acme"})
        usual = app.extensions[relay.EXTENSION]

        def fail(rows):
            raise RuntimeError("no")

        app.extensions[relay.EXTENSION] = (fail,)
        with pytest.raises(RuntimeError, match="no"):
            relay.relay_once()
        app.extensions[relay.EXTENSION] = usual
        assert relay.relay_once() == 1
        assert [kind for _, _, kind in handed] == ["customer.created"]
