"""Old events lose their payload and nothing else."""

from datetime import timedelta

import pytest
import time_machine

from app.data import clock
from app.events import relay
from app.events.retention import empty_old


@pytest.fixture
def handed_on(app, client):
    """An organisation's events, all of them handed on."""
    client.post("/customers", {"name": "Acme"})
    with app.app_context():
        relay.relay_all()
        yield client


def test_payloads_go_after_their_days_and_the_chain_still_holds(handed_on):
    before = handed_on.get("/events").get_json()["data"]
    assert empty_old(0) == 0
    with time_machine.travel(clock.now() + timedelta(days=29), tick=False):
        empty_old(30)
    assert handed_on.get("/events").get_json()["data"] == before
    with time_machine.travel(clock.now() + timedelta(days=31), tick=False):
        assert empty_old(30) >= len(before)
        assert empty_old(30) == 0
    after = handed_on.get("/events").get_json()["data"]
    assert [each["data"] for each in after] == [None] * len(before)
    assert [each | {"data": 0} for each in after] == [each | {"data": 0} for each in before]
    assert handed_on.get("/audit-log/verify").get_json()["valid"]


def test_what_waits_for_the_relay_keeps_its_payload(handed_on):
    handed_on.post("/customers", {"name": "Late"})
    with time_machine.travel(clock.now() + timedelta(days=400), tick=False):
        empty_old(30)
    assert handed_on.get("/events").get_json()["data"][-1]["data"]["name"] == "Late"
