"""Deliveries that are over go after thirty days; those that wait stay."""

from datetime import timedelta

import time_machine

from app.data import clock
from app.webhooks import jobs
from tests.support.receivers import receiver


def test_only_what_is_over_and_old_goes(app, client, subscribe, work, deliveries):
    with receiver() as there:
        done = subscribe(there, "customer.*")
        client.post("/customers", {"name": "Acme"})
        work.run()
    waiting = subscribe(there, "item.*")  # nobody listens any more
    client.post("/items", {"name": "Hammer", "price": "1"})
    work.run()
    assert [each["state"] for each in deliveries(done)] == ["delivered"]
    assert [each["state"] for each in deliveries(waiting)] == ["pending"]
    with app.app_context(), time_machine.travel(clock.now() + timedelta(days=29), tick=False):
        jobs.prune_some()
    assert len(deliveries(done)) == 1
    with app.app_context(), time_machine.travel(clock.now() + timedelta(days=31), tick=False):
        jobs.prune_deliveries.job(tick="2026-01-01T00:00:00Z")
    assert deliveries(done) == []
    assert [each["state"] for each in deliveries(waiting)] == ["pending"]
