"""Handlers: after the commit, as jobs, once for each event."""

import pytest

from app.data.tenancy import current_organization
from app.events import relay
from app.invoices.events import InvoiceIssued
from app.jobs import declare, handlers
from app.jobs.declare import job
from app.jobs.source import JobSource

LINE = {"name": "Consulting", "unit_price": "750.00", "tax_rate": "19"}
CALLS = []


@job("test.note", delays=(0,))
def note(event_id):
    CALLS.append((event_id, current_organization()))
    if len(CALLS) == 1:
        raise RuntimeError("the first time it fails")


@pytest.fixture
def handling(app):
    """`note` handles invoice.issued for the time of a test."""
    usual, jobs = app.extensions[handlers.EXTENSION], app.extensions[declare.JOBS]
    with app.app_context():
        relay.relay_all()
        app.extensions[handlers.EXTENSION] = {InvoiceIssued: (note,)}
        app.extensions[declare.JOBS] = {**jobs, note.name: note}
        CALLS.clear()
        yield
        relay.relay_all()
    app.extensions[handlers.EXTENSION], app.extensions[declare.JOBS] = usual, jobs


def test_a_handler_runs_until_it_succeeds_with_the_events_id(handling, client):
    made = client.post("/invoices", {"customer": {"name": "Acme"}, "lines": [LINE]}).get_json()
    client.post(f"/invoices/{made['id']}/issue")
    event = client.get("/events?type=invoice.issued").get_json()["data"][0]
    relay.relay_all()
    relay.relay_all()
    source = JobSource(1)
    for _ in range(4):
        for task in source.claim(10):
            task()
    assert [call for call, _ in CALLS] == [event["id"]] * 2
    assert {str(org) for _, org in CALLS} == {client.get("/settings").get_json()["organization_id"]}
