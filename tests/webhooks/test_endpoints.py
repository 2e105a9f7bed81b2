"""Webhook endpoints over HTTP: made, changed, their secrets shown once, bad input named."""

import base64

import pytest

from app.webhooks import service
from tests.architecture.rows import rows_of
from tests.support.client import assert_refused

GOOD = "https://acme.example/hook"
OWN = "whsec_" + base64.b64encode(b"k" * 24).decode()


def test_a_webhook_is_made_and_its_secret_is_shown_once(client, app):
    made = client.post("/webhooks", {"url": GOOD, "events": ["invoice.*", "customer.created"], "description": "ERP"})
    assert made.status_code == 201
    body = made.get_json()
    assert made.headers["Location"] == f"/api/v1/webhooks/{body['id']}"
    assert body["secret"].startswith("whsec_")
    assert len(base64.b64decode(body["secret"].removeprefix("whsec_"))) == 32
    assert (body["events"], body["active"], body["failing_since"]) == (["invoice.*", "customer.created"], True, None)

    shown = client.get(f"/webhooks/{body['id']}")
    assert shown.get_json() == {name: value for name, value in body.items() if name != "secret"}
    everywhere = [shown, client.get("/webhooks"), client.get("/events"), client.get("/audit-log")]
    assert all(body["secret"] not in answer.get_data(as_text=True) for answer in everywhere)
    assert body["secret"] not in str(rows_of(app, client.org_id)), "it is not stored in plain"


def test_the_alias_makes_one_too(client):
    made = client.post("/webhooks/subscribe", {"url": GOOD, "events": ["*"]})
    assert made.status_code == 201
    assert made.headers["Location"] == f"/api/v1/webhooks/{made.get_json()['id']}"
    assert made.get_json()["secret"]
    assert client.get(made.headers["Location"].removeprefix("/api/v1")).status_code == 200


def test_a_webhook_changes_and_goes(client, subscribe):
    made = subscribe(GOOD)
    changed = client.patch(f"/webhooks/{made['id']}", {"events": ["customer.*"], "active": False})
    assert changed.status_code == 200
    assert (changed.get_json()["events"], changed.get_json()["active"]) == (["customer.*"], False)
    assert client.delete(f"/webhooks/{made['id']}").status_code == 204
    assert_refused(client.get(f"/webhooks/{made['id']}"), 404, "not_found")
    assert_refused(client.get(f"/webhooks/{made['id']}/deliveries"), 404, "not_found")
    names = [event["event"] for event in client.get("/events?type=webhook.*").get_json()["data"]]
    assert names == ["webhook.created", "webhook.updated", "webhook.deleted"]


@pytest.mark.parametrize("secret", [OWN, "a plain text of more than 24 bytes", "é" * 12])
def test_a_secret_may_be_brought(client, secret):
    made = client.post("/webhooks", {"url": GOOD, "secret": secret})
    assert made.get_json()["secret"] == secret


@pytest.mark.parametrize(
    "secret", ["", "short", "x" * 23, "whsec_", "whsec_" + base64.b64encode(b"k" * 23).decode(), "whsec_!!!" + "A" * 40]
)
def test_a_secret_that_is_too_short_or_malformed_is_refused(client, subscribe, secret):
    assert_refused(client.post("/webhooks", {"url": GOOD, "secret": secret}), 422, "validation_error", field="secret")
    path = f"/webhooks/{subscribe(GOOD)['id']}/rotate-secret"
    assert_refused(client.post(path, {"secret": secret}), 422, "validation_error", field="secret")


@pytest.mark.parametrize(
    "url",
    [
        "http://acme.example:80@127.0.0.1/",
        "https://user:password@acme.example/",
        "http://1.1.1.1/hook",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://2130706433/",
        "https://0x7f.1/",
        "ftp://acme.example/",
        "acme.example",
        "https://acme.example/#x",
        "https://acme.example/a b",
        "https://acme.example\\@evil.example/",
    ],
)
def test_an_address_that_must_not_be_called_is_refused(client, subscribe, url):
    before = rows_of(client.app, client.org_id)
    assert_refused(client.post("/webhooks", {"url": url}), 422, "validation_error", field="url")
    assert rows_of(client.app, client.org_id) == before
    made = subscribe(GOOD)
    assert_refused(client.patch(f"/webhooks/{made['id']}", {"url": url}), 422, "validation_error", field="url")


@pytest.mark.parametrize("event", ["invoice.nonsense", "nonsense.*", "webhook.test"])
def test_an_event_that_does_not_exist_is_refused(client, subscribe, event):
    body = {"url": GOOD, "events": ["*", event]}
    assert_refused(client.post("/webhooks", body), 422, "validation_error", field="events")
    path = f"/webhooks/{subscribe(GOOD)['id']}"
    assert_refused(client.patch(path, {"events": [event]}), 422, "validation_error", field="events")
    assert_refused(client.post("/webhooks", {"url": GOOD, "events": ["Invoice.*"]}), 422, "validation_error")
    assert_refused(client.post("/webhooks", {"url": GOOD, "events": []}), 422, "validation_error", field="events")


def test_there_is_a_bound_on_webhooks(client, stranger, subscribe, monkeypatch):
    monkeypatch.setattr(service, "MOST_ENDPOINTS", 2)
    first, _ = subscribe(GOOD), subscribe(GOOD)
    assert_refused(client.post("/webhooks", {"url": GOOD}), 409, "conflict")
    assert stranger.post("/webhooks", {"url": GOOD}).status_code == 201
    assert client.delete(f"/webhooks/{first['id']}").status_code == 204
    assert client.post("/webhooks", {"url": GOOD}).status_code == 201


def test_scopes_are_asked_for(with_scopes, subscribe):
    path = f"/webhooks/{subscribe(GOOD)['id']}"
    reader, nobody = with_scopes("webhooks:read"), with_scopes("invoices:read")
    assert reader.get(path).status_code == reader.get(f"{path}/deliveries").status_code == 200
    for caller, method, where in (
        (nobody, "GET", path),
        (reader, "PATCH", path),
        (reader, "DELETE", path),
        (reader, "POST", f"{path}/test"),
        (reader, "POST", f"{path}/rotate-secret"),
        (reader, "POST", f"{path}/replay"),
    ):
        assert_refused(caller.open(method, where, json={}), 403, "forbidden")


def test_a_replay_says_from_where_and_of_what(client, subscribe):
    path = f"/webhooks/{subscribe(GOOD)['id']}/replay"
    unknown = "0192f0c1-2b3c-7d4e-8f50-61728394a5b6"
    for body in ({}, {"from_event_id": unknown, "from_time": "2026-01-01T00:00:00Z"}, {"from_event_id": unknown}):
        assert_refused(client.post(path, body), 422, "validation_error", field="from_event_id")
    nonsense = {"from_time": "2026-01-01T00:00:00Z", "types": ["nonsense.*"]}
    assert_refused(client.post(path, nonsense), 422, "validation_error", field="types")


def test_what_is_off_sends_nothing_on_demand(client, subscribe):
    made = subscribe(GOOD, active=False)
    for verb, body in (("test", None), ("replay", {"from_time": "2026-01-01T00:00:00Z"})):
        assert_refused(client.post(f"/webhooks/{made['id']}/{verb}", body), 409, "conflict")
