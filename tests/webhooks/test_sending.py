"""Deliveries to real receivers: signed, retried with the same id and bytes, in order, and nobody waits for another."""

import base64
import hashlib
import hmac
import json
import random
import threading
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from app.data.tenancy import crossing, organization
from app.data.transaction import unit_of_work
from app.egress import client as egress_client
from app.events.models import EventRow
from app.extensions import db
from app.jobs.runner import Runner
from app.webhooks import claiming
from app.webhooks.fanout import fan_out
from app.webhooks.models import Delivery
from app.webhooks.sender import Sender
from tests.support.receivers import OK, Receiver, answer, drip, flood, hang, receiver


def customer(client, name="Acme"):
    made = client.post("/customers", {"name": name})
    assert made.status_code == 201
    return made.get_json()


def ids(there, header="x-webhook-delivery-id"):
    return [seen.headers[header] for seen in there.seen]


def events(there):
    return [seen.headers["x-webhook-event"] for seen in there.seen]


def test_a_delivery_is_signed_in_both_ways(client, subscribe, work, deliveries):
    with receiver() as there:
        hook = subscribe(there, "customer.*")
        made = customer(client)
        work.run()
    [seen] = there.seen
    assert Webhook(hook["secret"]).verify(seen.body, seen.headers) == json.loads(seen.body)
    by_hand = hmac.new(hook["secret"].encode(), seen.body, hashlib.sha256).hexdigest()
    assert seen.headers["x-webhook-signature"] == by_hand

    [event] = client.get("/events?type=customer.created").get_json()["data"]
    [delivery] = deliveries(hook)
    assert json.loads(seen.body) == {name: event[name] for name in ("id", "event", "timestamp", "data")}
    assert json.loads(seen.body)["data"]["id"] == made["id"]
    assert seen.headers["webhook-id"] == event["id"] == delivery["event_id"]
    assert seen.headers["x-webhook-delivery-id"] == delivery["id"]
    assert seen.headers["x-webhook-event"] == "customer.created"
    assert seen.headers["x-webhook-timestamp"] == seen.headers["webhook-timestamp"]
    assert seen.headers["user-agent"].startswith("Billhook/")
    assert seen.headers["content-type"] == "application/json"
    assert (delivery["state"], delivery["attempt_count"], delivery["next_attempt_at"]) == ("delivered", 1, None)
    [tried] = delivery["attempts"]
    assert (tried["number"], tried["status_code"], tried["answer"], tried["error"]) == (1, 200, "ok", None)

    with pytest.raises(WebhookVerificationError):
        Webhook(hook["secret"]).verify(seen.body + b" ", seen.headers)


@pytest.mark.parametrize(
    "secret", ["a plain text of more than 24 bytes", "whsec_" + base64.b64encode(b"k" * 24).decode()]
)
def test_a_secret_that_was_brought_signs(client, subscribe, work, secret):
    with receiver() as there:
        subscribe(there, "customer.*", secret=secret)
        customer(client)
        work.run()
    [seen] = there.seen
    given = secret if secret.startswith("whsec_") else secret.encode()
    assert Webhook(given).verify(seen.body, seen.headers)
    assert seen.headers["x-webhook-signature"] == hmac.new(secret.encode(), seen.body, hashlib.sha256).hexdigest()


def test_down_then_errors_then_up_everything_arrives_under_the_same_id_with_the_same_bytes(
    client, subscribe, work, deliveries
):
    with receiver() as there:
        pass
    hook = subscribe(there, "customer.*")
    for name in ("One", "Two"):
        customer(client, name)
    work.run()
    assert all(each["attempts"][0]["error"] == "The connection was refused." for each in deliveries(hook))
    assert client.get(f"/webhooks/{hook['id']}").get_json()["failing_since"]

    said = {1: answer(500, b"broken"), 2: answer(302, Location="http://127.0.0.1:1/"), 3: OK}
    tried = defaultdict(int)

    def script(seen):
        tried[seen.headers["webhook-id"]] += 1
        return said[tried[seen.headers["webhook-id"]]]

    again = Receiver(script)
    try:
        assert client.patch(f"/webhooks/{hook['id']}", {"url": again.url}).status_code == 200
        for seconds in (6, 331, 1981):
            work.later(seconds)
        assert [each["state"] for each in deliveries(hook)] == ["delivered", "delivered"]
    finally:
        again.close()
    assert client.get(f"/webhooks/{hook['id']}").get_json()["failing_since"] is None
    for delivery in deliveries(hook):
        mine = [seen for seen in again.seen if seen.headers["x-webhook-delivery-id"] == delivery["id"]]
        assert len(mine) == 3
        assert len({seen.body for seen in mine}) == len({seen.headers["webhook-id"] for seen in mine}) == 1
        assert [tried["status_code"] for tried in delivery["attempts"]] == [None, 500, 302, 200]
        assert [tried["number"] for tried in delivery["attempts"]] == [1, 2, 3, 4]


def test_after_the_last_try_a_delivery_has_failed_and_the_next_in_line_goes_on(client, subscribe, work, deliveries):
    with receiver(lambda seen: answer(500) if seen.headers["x-webhook-event"] == "customer.created" else OK) as there:
        hook = subscribe(there, "customer.*")
        made = customer(client)
        client.patch(f"/customers/{made['id']}", {"phone": "+49 30 1"})
        work.run()
        assert events(there) == ["customer.created"], "what comes after it waits"
        for seconds in (6, 331):
            work.later(seconds)
        assert [each["state"] for each in deliveries(hook)] == ["pending", "pending"]
        work.later(1981)
    assert [(each["state"], each["attempt_count"]) for each in deliveries(hook)] == [("failed", 4), ("delivered", 1)]


def test_retry_after_is_kept_to_when_it_is_later_than_the_schedule(client, subscribe, work, deliveries):
    with receiver(lambda _: answer(429, Retry_After="900")) as there:
        hook = subscribe(there, "customer.*")
        customer(client)
        work.run()
        [delivery] = deliveries(hook)
        wait = datetime.fromisoformat(delivery["next_attempt_at"]) - datetime.now(UTC)
        assert timedelta(seconds=890) < wait <= timedelta(seconds=900)
        work.later(20)
        assert len(there.seen) == 1
        work.later(890)
        assert len(there.seen) == 2


def test_each_object_is_told_in_order_and_others_do_not_wait_for_it(client, subscribe, work):
    stuck = True

    def script(seen):
        data = json.loads(seen.body)["data"]
        return answer(503) if stuck and data["name"].startswith("Stuck") else OK

    with receiver(script) as there:
        subscribe(there, "customer.*")
        first, second = customer(client, "Stuck"), customer(client, "Free")
        for made in (first, second):
            for n in range(3):
                client.patch(f"/customers/{made['id']}", {"phone": f"+49 30 {n}"})
        work.run()
        told = [json.loads(seen.body)["data"] for seen in there.seen]
        assert [data["phone"] for data in told if data["id"] == second["id"]] == [
            None,
            "+49 30 0",
            "+49 30 1",
            "+49 30 2",
        ]
        assert [data["phone"] for data in told if data["id"] == first["id"]] == [None]
        stuck = False
        work.later(6)
        told = [json.loads(seen.body)["data"] for seen in there.seen]
        assert [data["phone"] for data in told if data["id"] == first["id"]] == [
            None,
            None,
            "+49 30 0",
            "+49 30 1",
            "+49 30 2",
        ]


def test_order_holds_under_many_threads_and_random_failures(client, subscribe, work):
    chance = random.Random(7)  # noqa: S311 - the same failures every time
    with receiver(lambda _: OK if chance.random() < 0.7 else answer(500)) as there:
        subscribe(there, "customer.*")
        made = [customer(client, f"C{n}") for n in range(6)]
        for n in range(8):
            for each in made:
                client.patch(f"/customers/{each['id']}", {"phone": f"{n}"})
        work.relay()
        for _ in range(40):
            senders = [threading.Thread(target=work.send) for _ in range(2)]
            for sender in senders:
                sender.start()
            for sender in senders:
                sender.join()
            work.ahead += timedelta(seconds=700)
    told = defaultdict(list)
    for seen in there.seen:
        data = json.loads(seen.body)["data"]
        if not told[data["id"]] or told[data["id"]][-1] != data["phone"]:
            told[data["id"]].append(data["phone"])
    for each in made:
        steps = [-1 if phone is None else int(phone) for phone in told[each["id"]]]
        assert steps == sorted(steps), "a retry repeats; nothing overtakes"


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(egress_client, "TOTAL_SECONDS", 2.0)
    monkeypatch.setattr(egress_client, "CONNECT_SECONDS", 1.0)


def test_receivers_that_hang_delay_nobody_else(client, make_client, subscribe, work, quick):
    """Twice as many hang as there are threads, each with a queue of its own."""
    other = make_client()
    with receiver(lambda _: hang) as hanging, receiver() as there:
        for n in range(16):
            subscribe(f"{hanging.url}/{n}", "customer.*")
        for n in range(5):
            customer(client, f"H{n}")
        work.relay()
        runner = Runner(work.app, (Sender(8),), 0.2)
        runner.start()
        time.sleep(1)
        assert hanging.seen
        waits = []
        for n in range(3):
            if n == 0:
                made = other.post("/webhooks", {"url": there.url, "events": ["customer.*"]})
                assert made.status_code == 201
            start = time.monotonic()
            other.post("/customers", {"name": f"Free {n}"})
            work.relay()
            runner.wake("webhooks")
            while len(there.seen) <= n and time.monotonic() - start < 10:
                time.sleep(0.02)
            waits.append(time.monotonic() - start)
        assert len(there.seen) == 3
        assert max(waits) < 2.0 + 1.5, f"one timeout at the most: {waits}"
        hanging.close()
        runner.stop(5)


def test_one_endpoint_has_no_more_than_its_share_of_the_threads(client, subscribe, work, quick):
    with receiver(lambda _: hang) as hanging:
        subscribe(hanging, "customer.*")
        for n in range(claiming.BATCH * 3):
            customer(client, f"H{n}")
        work.relay()
        runner = Runner(work.app, (Sender(8),), 0.05)
        runner.start()
        time.sleep(1)
        assert 1 <= len(hanging.seen) <= 2
        hanging.close()
        runner.stop(5)


def test_hostile_answers_are_delivered_or_retried_and_their_first_bytes_kept(
    client, subscribe, work, deliveries, quick
):
    head = b"HTTP/1.1 200 OK\r\n"
    flooding = flood(head + b"Content-Length: 10737418240\r\n\r\n")
    acts = {
        "drips": lambda _: drip(head + b"\r\n"),
        "floods": lambda _: flooding,
        "lies": lambda _: head + b"Content-Length: 9999\r\n\r\nshort",
        "odd": lambda _: answer(200, b"a\x00\xff" + b"x" * 5000),
        "hangs": lambda _: hang,
    }
    hooks = {}
    for name, act in acts.items():
        with receiver(act) as there:
            hooks[name] = subscribe(there, "customer.created")
            customer(client, name)
            start = time.monotonic()
            work.run()
            assert time.monotonic() - start < 2 * 2.0 + 3
        client.patch(f"/webhooks/{hooks[name]['id']}", {"active": False})
    found = {name: deliveries(hooks[name]) for name in acts}
    [hung] = found.pop("hangs")
    assert (hung["state"], hung["attempts"][0]["status_code"]) == ("pending", None)
    assert hung["attempts"][0]["error"].startswith("No answer within 2 seconds")
    for name, [delivery] in found.items():
        [tried] = delivery["attempts"]
        assert (delivery["state"], tried["status_code"]) == ("delivered", 200), name
        assert len(tried["answer"]) <= 1000
    assert found["odd"][0]["attempts"][0]["answer"].startswith("a\ufffd\ufffdx")


def test_410_pauses_at_once_and_what_waits_goes_on_when_it_is_resumed(client, subscribe, work, deliveries):
    gone = True
    with receiver(lambda _: answer(410) if gone else OK) as there:
        hook = subscribe(there, "customer.*")
        customer(client, "One")
        customer(client, "Two")
        work.run()
        assert len(there.seen) == 1
        paused = client.get(f"/webhooks/{hook['id']}").get_json()
        assert paused["paused_at"] and "410" in paused["pause_reason"] and paused["active"]
        assert [each["event"] for each in client.get("/events?type=webhook.*").get_json()["data"]][
            -1
        ] == "webhook.paused"
        customer(client, "Three")
        work.later(100_000)
        assert len(there.seen) == 1, "nothing is sent"
        assert [each["state"] for each in deliveries(hook)] == ["pending"] * 3, "and nothing is lost"
        gone = False
        resumed = client.patch(f"/webhooks/{hook['id']}", {"active": True}).get_json()
        assert (resumed["paused_at"], resumed["pause_reason"], resumed["failing_since"]) == (None, None, None)
        work.run()
    assert [each["state"] for each in deliveries(hook)] == ["delivered"] * 3
    assert ids(there)[1:] == [each["id"] for each in deliveries(hook)]


def test_five_days_of_failures_pause_with_an_event(client, subscribe, work, deliveries):
    with receiver(lambda _: answer(500)) as there:
        hook = subscribe(there, "customer.*")
        customer(client)
        work.run()
        since = client.get(f"/webhooks/{hook['id']}").get_json()["failing_since"]
        for day in range(5):
            assert client.get(f"/webhooks/{hook['id']}").get_json()["paused_at"] is None, day
            customer(client, f"Day {day}")
            work.later(86_400 + 60)
        paused = client.get(f"/webhooks/{hook['id']}").get_json()
    assert paused["failing_since"] == since
    assert paused["pause_reason"] == "It has failed for 5 days."
    [event] = client.get("/events?type=webhook.paused").get_json()["data"]
    assert event["data"]["id"] == hook["id"]
    [entry] = client.get("/audit-log?action=webhook.paused").get_json()["data"]
    assert (entry["actor"]["type"], entry["actor"]["name"]) == ("job", "webhooks")


def test_a_success_in_between_ends_the_failing(client, subscribe, work):
    broken = True
    with receiver(lambda _: answer(500) if broken else OK) as there:
        hook = subscribe(there, "customer.*")
        customer(client)
        work.run()
        broken = False
        work.later(6)
        assert client.get(f"/webhooks/{hook['id']}").get_json()["failing_since"] is None


def test_both_secrets_sign_while_they_overlap(client, subscribe, work):
    with receiver() as there:
        hook = subscribe(there, "customer.*")
        rotated = client.post(f"/webhooks/{hook['id']}/rotate-secret", {"overlap_seconds": 60})
        assert rotated.status_code == 200
        new = rotated.get_json()["secret"]
        assert new != hook["secret"] and rotated.get_json()["previous_secret_until"]
        customer(client)
        work.run()
        [seen] = there.seen
        for secret in (hook["secret"], new):
            assert Webhook(secret).verify(seen.body, seen.headers)
        assert len(seen.headers["webhook-signature"].split(" ")) == 2
        assert seen.headers["x-webhook-signature"] == hmac.new(new.encode(), seen.body, hashlib.sha256).hexdigest()
        old = hmac.new(hook["secret"].encode(), seen.body, hashlib.sha256).hexdigest()
        assert seen.headers["x-webhook-signature-previous"] == old

        customer(client, "Later")
        work.later(61)
        seen = there.seen[-1]
        assert Webhook(new).verify(seen.body, seen.headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(hook["secret"]).verify(seen.body, seen.headers)
        assert "x-webhook-signature-previous" not in seen.headers

        assert client.post(f"/webhooks/{hook['id']}/rotate-secret", {"overlap_seconds": 0}).status_code == 200
        customer(client, "At once")
        work.run()
        with pytest.raises(WebhookVerificationError):
            Webhook(new).verify(there.seen[-1].body, there.seen[-1].headers)
    assert [each["event"] for each in client.get("/events?type=webhook.secret_rotated").get_json()["data"]]
    for answered in (client.get("/events"), client.get("/audit-log")):
        assert new not in answered.get_data(as_text=True)


def test_a_test_is_sent_at_once(client, subscribe, work, deliveries):
    with receiver() as there:
        hook = subscribe(there, "item.created")
        made = client.post(f"/webhooks/{hook['id']}/test")
        assert made.status_code == 202
        work.send()
        [seen] = there.seen
    assert seen.headers["x-webhook-event"] == "webhook.test"
    assert Webhook(hook["secret"]).verify(seen.body, seen.headers)["event"] == "webhook.test"
    assert seen.headers["x-webhook-delivery-id"] == made.get_json()["id"] == deliveries(hook)[0]["id"]


def test_a_redelivery_has_the_same_bytes_and_event_and_its_own_id(client, stranger, subscribe, work, deliveries):
    with receiver() as there:
        hook = subscribe(there, "customer.*")
        customer(client)
        work.run()
        [first] = deliveries(hook)
        again = client.post(f"/webhooks/deliveries/{first['id']}/redeliver")
        assert again.status_code == 202
        assert (again.get_json()["kind"], again.get_json()["event_id"]) == ("redelivery", first["event_id"])
        assert stranger.post(f"/webhooks/deliveries/{first['id']}/redeliver").status_code == 404
        work.send()
    assert there.seen[0].body == there.seen[1].body
    assert ids(there) == [first["id"], again.get_json()["id"]]
    assert len(set(ids(there, "webhook-id"))) == 1


def test_the_log_is_replayed_from_an_event_or_a_time(client, subscribe, work, deliveries):
    for name in ("One", "Two", "Three"):
        customer(client, name)
    client.post("/items", {"name": "Hammer", "price": 1})
    logged = client.get("/events?type=customer.*").get_json()["data"]
    with receiver() as there:
        hook = subscribe(there, "customer.*")
        work.run()
        assert there.seen == [], "what was before it is not sent by itself"
        made = client.post(f"/webhooks/{hook['id']}/replay", {"from_event_id": logged[1]["id"]})
        assert (made.status_code, made.get_json()) == (202, {"deliveries": 2, "next_event_id": None})
        work.send()
        assert ids(there, "webhook-id") == [logged[1]["id"], logged[2]["id"]]
        made = client.post(
            f"/webhooks/{hook['id']}/replay", {"from_time": logged[0]["timestamp"], "types": ["item.created"]}
        )
        assert made.get_json()["deliveries"] == 1
        work.send()
    assert events(there)[-1] == "item.created"
    assert {each["kind"] for each in deliveries(hook)} == {"replay"}


def test_a_long_replay_goes_on_where_it_stopped(client, subscribe, work, monkeypatch):
    monkeypatch.setattr("app.webhooks.service.MOST_REPLAYED", 2)
    for n in range(5):
        customer(client, f"C{n}")
    with receiver() as there:
        hook = subscribe(there, "customer.*")
        body, counts = {"from_time": "2026-01-01T00:00:00Z"}, []
        while body:
            made = client.post(f"/webhooks/{hook['id']}/replay", body).get_json()
            counts.append(made["deliveries"])
            body = {"from_event_id": made["next_event_id"]} if made["next_event_id"] else None
        assert counts == [2, 2, 1]
        work.send()
    assert len(set(ids(there, "webhook-id"))) == 5


def test_only_what_was_asked_for_is_sent_and_nothing_of_another_organisation(client, stranger, subscribe, work):
    with receiver() as some, receiver() as everything, receiver() as off:
        subscribe(some, "item.*", "customer.deleted")
        hook = subscribe(everything)
        subscribe(off, active=False)
        made = customer(client)
        client.post("/items", {"name": "Hammer", "price": 1})
        client.delete(f"/customers/{made['id']}")
        stranger.post("/customers", {"name": "Theirs"})
        client.patch(f"/webhooks/{hook['id']}", {"description": "of itself it is told nothing"})
        work.run()
    assert sorted(events(some)) == ["customer.deleted", "item.created"]
    told = {json.loads(seen.body)["data"]["id"] for seen in everything.seen}
    assert hook["id"] not in told
    assert sorted(set(events(everything)) - {"webhook.created"}) == [
        "customer.created",
        "customer.deleted",
        "item.created",
    ]
    assert "Theirs" not in str([seen.body for seen in everything.seen])
    assert off.seen == []


def test_deleting_a_webhook_cancels_what_it_has_not_got(client, subscribe, work, app):
    with receiver() as there:
        hook = subscribe(there, "customer.*")
        customer(client)
        work.relay()
        assert client.delete(f"/webhooks/{hook['id']}").status_code == 204
        work.send()
        assert there.seen == []
    with app.app_context(), crossing("a test looks"), unit_of_work(write=False):
        states = db.session.scalars(sa.select(Delivery.state).where(Delivery.endpoint_id == UUID(hook["id"]))).all()
    assert states == ["cancelled"]


def test_an_event_that_is_handed_on_twice_is_delivered_once(client, subscribe, work, app, deliveries):
    with receiver() as there:
        hook = subscribe(there, "customer.*")
        customer(client)
        work.relay()
        with app.app_context(), organization(client.org_id, "UTC"), unit_of_work():
            fan_out(db.session.scalars(sa.select(EventRow)).all())
        work.send()
    assert len(deliveries(hook)) == len(there.seen) == 1


def test_what_a_dead_worker_held_is_sent_by_another_when_its_lease_is_over(client, subscribe, work, app, deliveries):
    with receiver() as there:
        hook = subscribe(there, "customer.*")
        customer(client)
        work.relay()
        dead = Sender(8)
        with app.app_context():
            tasks = dead.claim(8)
        assert tasks
        work.send()
        assert there.seen == [], "it is leased"
        work.later(claiming.LEASE.total_seconds() + 1)
        assert len(there.seen) == 1
        [before] = deliveries(hook)
        with app.app_context():
            for task in tasks:  # it was only asleep: it sends once more, under the same id, and changes nothing
                task()
        [after] = deliveries(hook)
    assert len(set(ids(there))) == 1
    assert (before["state"], after["state"], after["attempt_count"]) == ("delivered", "delivered", 1)


def test_a_worker_that_must_go_gives_back_what_it_holds(client, subscribe, work, app):
    with receiver() as there:
        subscribe(there, "customer.*")
        customer(client)
        work.relay()
        going = Sender(8)
        with app.app_context():
            assert going.claim(8)
            going.release()
        work.send()
        assert len(there.seen) == 1


def test_a_secret_that_cannot_be_read_is_said_and_nothing_is_sent(
    client, subscribe, work, app, deliveries, monkeypatch
):
    with receiver() as there:
        hook = subscribe(there, "customer.*")
        customer(client)
        other = type("Other", (), {})()
        other.__dict__.update({name: getattr(app.config["BILLHOOK"], name) for name in app.config["BILLHOOK"].__dict__})
        other.secret_key = "x" * 40
        work.relay()
        monkeypatch.setitem(app.config, "BILLHOOK", other)
        work.send()
        monkeypatch.undo()
        assert there.seen == []
    assert "BILLHOOK_SECRET_KEY" in deliveries(hook)[0]["attempts"][0]["error"]


def test_a_name_that_leads_inside_is_not_called(client, subscribe, work, app, deliveries, monkeypatch):
    from_name = app.extensions["billhook.egress"]
    monkeypatch.setattr(from_name, "_resolve", lambda *_: ["127.0.0.1", "10.0.0.1"])
    with receiver() as there:
        hook = subscribe(f"https://rebind.example:{there.port}/", "customer.*")
        customer(client)
        work.run()
        assert there.knocks == 0
    assert "not a public address" in deliveries(hook)[0]["attempts"][0]["error"]


def test_overdue_counts_what_is_late_and_could_be_sent(client, subscribe, work, app):
    with receiver(lambda _: answer(500)) as there:
        hook = subscribe(there, "customer.*")
        customer(client)
        work.relay()
        with app.app_context():
            before = Sender(8).overdue()
            work.ahead += timedelta(minutes=6)
            assert Sender(8).overdue() >= before + 1
            late = Sender(8).overdue()
            client.patch(f"/webhooks/{hook['id']}", {"active": False})
            assert Sender(8).overdue() == late - 1
