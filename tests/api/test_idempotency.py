"""Idempotency-Key: what is replayed, what is refused, what is forgotten, and what is never kept in plain text."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine
from sqlalchemy import event

from app.calculations import service as calculations
from app.data import clock
from app.data.tenancy import crossing, organization
from app.data.transaction import unit_of_work
from app.extensions import db
from app.http import idempotency
from app.http.idempotency import IdempotencyRecord, prune
from app.items import service as items
from tests.support.client import ApiClient, assert_refused

HAMMER = {"name": "Hammer", "price": "12.50"}
LINES = {"lines": [{"name": "Consulting", "quantity": 2, "unit_price": "750.00"}]}


def keyed(key: str = "k1") -> dict[str, str]:
    return {"Idempotency-Key": key}


def records(client: ApiClient) -> list[IdempotencyRecord]:
    with client.app.app_context(), organization(client.org_id, "UTC"), unit_of_work(write=False):
        return list(db.session.scalars(sa.select(IdempotencyRecord).order_by(IdempotencyRecord.key)))


def total(client: ApiClient, path: str) -> int:
    return client.get(path).get_json()["meta"]["total"]


def test_the_second_asking_gets_the_first_answer(client):
    first = client.post("/items", HAMMER, headers=keyed())
    again = client.post("/items", HAMMER, headers=keyed())
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.data == first.data
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["ETag"] == first.headers["ETag"]
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert total(client, "/items") == 1


def test_what_is_replayed_is_the_answer_then_and_not_the_state_now(client):
    item = client.post("/items", HAMMER).get_json()
    path = f"/items/{item['id']}"
    dearer = client.patch(path, {"price": "15"}, headers=keyed())
    client.patch(path, {"price": "20"})
    assert client.patch(path, {"price": "15"}, headers=keyed()).data == dearer.data
    assert client.get(path).get_json()["price"] == "20.00"
    assert client.delete(path, headers=keyed("gone")).status_code == 204
    assert client.delete(path, headers=keyed("gone")).status_code == 204
    assert_refused(client.delete(path), 404, "not_found")


def test_a_replay_needs_no_precondition_a_second_time(client):
    made = client.post("/items", HAMMER)
    path, seen = f"/items/{made.get_json()['id']}", {"If-Match": made.headers["ETag"]}
    first = client.patch(path, {"price": "15"}, headers=keyed() | seen)
    assert client.patch(path, {"price": "15"}, headers=keyed() | seen).data == first.data
    assert_refused(client.patch(path, {"price": "15"}, headers=seen), 412, "precondition_failed")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/items", HAMMER | {"price": "13"}),
        ("POST", "/items", None),
        ("POST", "/units", {"name": "Hammer"}),
        ("POST", "/items?dry_run=false", HAMMER),
        ("PATCH", "/settings", {"invoice_notes": "x"}),
    ],
)
def test_another_request_under_the_key_is_refused(client, method, path, body):
    assert client.post("/items", HAMMER, headers=keyed()).status_code == 201
    refused = client.open(method, path, json=body, headers=keyed())
    assert_refused(refused, 422, "validation_error", field="Idempotency-Key")
    assert total(client, "/items") == 1 and total(client, "/units?search=Hammer") == 0


def test_a_body_of_other_bytes_is_another_request(client):
    as_json = {"content_type": "application/json", "headers": keyed()}
    assert client.open("POST", "/units", data=b'{"name":"crate"}', **as_json).status_code == 201
    refused = client.open("POST", "/units", data=b'{"name": "crate"}', **as_json)
    assert_refused(refused, 422, "validation_error", field="Idempotency-Key")


@pytest.mark.parametrize("key", ["x", " ! ~ ", "a" * 255, '"quoted"', "%00", "b" * 254 + "~"])
def test_any_printable_text_is_a_key(client, key):
    for _ in range(2):
        assert client.post("/units", {"name": "crate"}, headers=keyed(key)).status_code == 201
    assert total(client, "/units?search=crate") == 1


def test_a_refusal_is_not_kept_and_the_key_stays_free(client):
    taken = client.post("/units", {"name": "crate"}).get_json()
    for _ in range(2):
        refused = client.post("/units", {"name": "crate"}, headers=keyed())
        assert_refused(refused, 409, "conflict")
        assert "Idempotent-Replayed" not in refused.headers
    assert_refused(client.post("/units", {"name": 5}, headers=keyed()), 422, "validation_error", field="name")
    assert_refused(client.open("POST", "/units", data=b"{", headers=keyed()), 415, "unsupported_media_type")
    assert records(client) == []
    client.delete(f"/units/{taken['id']}")
    assert client.post("/units", {"name": "crate"}, headers=keyed()).status_code == 201
    assert client.post("/units", {"name": "crate"}, headers=keyed()).headers["Idempotent-Replayed"] == "true"


def test_a_crash_rolls_back_the_key_with_the_effect(client, monkeypatch):
    create = items.create_item

    def crash(data):
        create(data)
        raise RuntimeError("the power went out")

    monkeypatch.setattr(items, "create_item", crash)
    assert_refused(client.post("/items", HAMMER, headers=keyed()), 500, "internal_error")
    assert records(client) == [] and total(client, "/items") == 0
    monkeypatch.undo()
    assert client.post("/items", HAMMER, headers=keyed()).status_code == 201
    assert total(client, "/items") == 1


def test_two_organisations_may_use_the_same_key(client, stranger):
    ours = client.post("/items", HAMMER, headers=keyed())
    theirs = stranger.post("/items", HAMMER | {"name": "Saw"}, headers=keyed())
    assert (ours.status_code, theirs.status_code) == (201, 201)
    assert "Idempotent-Replayed" not in theirs.headers
    assert len(records(client)) == len(records(stranger)) == 1


def test_scope_is_asked_before_a_replay(client, with_scopes):
    client.post("/items", HAMMER, headers=keyed())
    assert_refused(with_scopes("items:read").post("/items", HAMMER, headers=keyed()), 403, "forbidden")
    allowed = with_scopes("items:write").post("/items", HAMMER, headers=keyed())
    assert allowed.headers["Idempotent-Replayed"] == "true"


def test_a_revoked_key_replays_nothing(client, with_scopes):
    robot = with_scopes("items:write")
    robot.post("/items", HAMMER, headers=keyed())
    (limited,) = [each for each in client.get("/api-keys").get_json()["data"] if each["name"] == "limited"]
    client.delete(f"/api-keys/{limited['id']}")
    assert_refused(robot.post("/items", HAMMER, headers=keyed()), 401, "unauthorized")


def test_a_key_is_kept_for_a_day(client):
    client.post("/items", HAMMER, headers=keyed())
    made = clock.now()
    with time_machine.travel(made + timedelta(hours=23, minutes=59)):
        assert client.post("/items", HAMMER, headers=keyed()).headers["Idempotent-Replayed"] == "true"
        assert client.post("/items", HAMMER | {"name": "Saw"}, headers=keyed()).status_code == 422
    with time_machine.travel(made + timedelta(hours=24, seconds=1)):
        other = client.post("/items", HAMMER | {"name": "Saw"}, headers=keyed())
        assert other.status_code == 201 and "Idempotent-Replayed" not in other.headers
        again = client.post("/items", HAMMER | {"name": "Saw"}, headers=keyed())
        assert again.data == other.data and again.headers["Idempotent-Replayed"] == "true"
        assert client.post("/items", HAMMER, headers=keyed()).status_code == 422
    assert total(client, "/items") == 2
    assert len(records(client)) == 1


def test_expired_keys_are_deleted_and_no_others(client, stranger, monkeypatch):
    monkeypatch.setattr(idempotency, "PRUNED_AT_ONCE", 2)
    for number in range(5):
        client.post("/units", {"name": f"unit {number}"}, headers=keyed(f"k{number}"))
    stranger.post("/items", HAMMER, headers=keyed())
    with client.app.app_context():
        prune()
        assert (len(records(client)), len(records(stranger))) == (5, 1)
        with time_machine.travel(clock.now() + timedelta(hours=23)):
            client.post("/items", HAMMER, headers=keyed("later"))
        with time_machine.travel(clock.now() + timedelta(hours=24, minutes=1)):
            assert prune() >= 6
            assert prune() == 0
    assert [record.key for record in records(client)] == ["later"]
    assert records(stranger) == []


def test_a_secret_lies_encrypted_and_only_its_caller_reads_it_again(client, with_scopes):
    wanted = {"name": "robot", "scopes": ["items:read"]}
    first = client.post("/api-keys", wanted, headers=keyed())
    secret = first.get_json()["key"]
    (kept,) = records(client)
    assert kept.sealed and kept.body and secret.encode() not in kept.body and b"robot" not in kept.body
    again = client.post("/api-keys", wanted, headers=keyed())
    assert again.data == first.data and again.headers["Idempotent-Replayed"] == "true"

    other = with_scopes("*")
    refused = other.post("/api-keys", wanted, headers=keyed())
    assert_refused(refused, 422, "validation_error", field="Idempotency-Key")
    assert secret not in refused.get_data(as_text=True)
    assert total(client, "/api-keys?search=robot") == 1


def test_no_other_answer_is_encrypted(client):
    client.post("/items", HAMMER, headers=keyed())
    (kept,) = records(client)
    assert not kept.sealed and kept.body and b"Hammer" in kept.body


class Gate:
    """Stands in for a service's function: the first call through it waits until it is let go."""

    def __init__(self, function):
        self.function, self.entered, self.opened = function, threading.Event(), threading.Event()

    def __call__(self, *arguments, **options):
        if not self.entered.is_set():
            self.entered.set()
            assert self.opened.wait(20)
        return self.function(*arguments, **options)


def test_a_duplicate_waits_for_the_first_and_gets_its_answer(client, monkeypatch):
    gate = Gate(items.create_item)
    monkeypatch.setattr(items, "create_item", gate)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.post, "/items", HAMMER, headers=keyed())
        assert gate.entered.wait(20)
        second = pool.submit(client.post, "/items", HAMMER, headers=keyed())
        threading.Event().wait(0.3)
        assert not second.done()
        gate.opened.set()
        answers = [first.result(), second.result()]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].data == answers[1].data
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers] == [None, "true"]
    assert total(client, "/items") == 1


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_it_does_not_wait_for_long(client, monkeypatch):
    monkeypatch.setattr(idempotency, "PATIENCE_MS", 200)
    gate = Gate(items.create_item)
    monkeypatch.setattr(items, "create_item", gate)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.post, "/items", HAMMER, headers=keyed())
        assert gate.entered.wait(20)
        refused = client.post("/items", HAMMER, headers=keyed())
        assert_refused(refused, 409, "conflict")
        assert refused.headers["Retry-After"] == "1"
        assert client.post("/items", HAMMER, headers=keyed("another")).status_code == 201
        gate.opened.set()
        assert first.result().status_code == 201
    assert client.post("/items", HAMMER, headers=keyed()).data == first.result().data


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_the_bound_on_waiting_ends_with_the_claim(client, monkeypatch):
    seen, create = [], items.create_item

    def look(data):
        seen.append(db.session.execute(sa.text("SHOW lock_timeout")).scalar_one())
        return create(data)

    monkeypatch.setattr(items, "create_item", look)
    for headers in ({}, keyed()):
        assert client.post("/items", HAMMER, headers=headers).status_code == 201
    assert len(seen) == 2 and seen[0] == seen[1]


def test_work_that_stores_nothing_holds_no_lock_and_all_get_what_was_stored_first(client, monkeypatch):
    gate = Gate(calculations.calculate)
    monkeypatch.setattr(calculations, "calculate", gate)
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(client.post, "/calculate", LINES, headers=keyed())
        assert gate.entered.wait(20)
        assert pool.submit(client.post, "/items", HAMMER).result(10).status_code == 201
        quick = pool.submit(client.post, "/calculate", LINES, headers=keyed()).result(10)
        assert quick.status_code == 200 and "Idempotent-Replayed" not in quick.headers
        gate.opened.set()
        assert slow.result().headers["Idempotent-Replayed"] == "true"
    assert slow.result().data == quick.data
    refused = client.post("/calculate", LINES | {"currency": "USD"}, headers=keyed())
    assert_refused(refused, 422, "validation_error", field="Idempotency-Key")


def test_the_first_statement_claims_the_key_and_the_answer_is_stored_before_the_events(client):
    statements = []

    def note(_connection, _cursor, statement, *_):
        statements.append(statement)

    with client.app.app_context():
        engine = db.engine
    client.get("/me")
    event.listen(engine, "before_cursor_execute", note)
    try:
        client.post("/items", HAMMER, headers=keyed())
    finally:
        event.remove(engine, "before_cursor_execute", note)
    changing = [each for each in statements if each.startswith(("INSERT", "UPDATE"))]
    assert changing[0].startswith("INSERT INTO idempotency_keys")
    last = next(place for place, each in enumerate(changing) if each.startswith("UPDATE idempotency_keys"))
    assert last > 1 and all("event" in each for each in changing[last + 1 :]), changing
    before = statements[: statements.index(changing[0])]
    assert all(each.startswith(("BEGIN", "SELECT set_config", "SET LOCAL")) for each in before), before


def test_row_level_security_hides_the_records_of_others(app, client, stranger):
    client.post("/items", HAMMER, headers=keyed())
    assert len(records(client)) == 1 and records(stranger) == []
    with app.app_context(), crossing("a test looks at all"), unit_of_work(write=False):
        everybody = db.session.scalars(sa.select(IdempotencyRecord.org_id)).all()
    assert client.org_id in everybody
