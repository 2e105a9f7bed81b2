"""?dry_run=true: what is said, what is refused, and what never happens."""

import pytest
import sqlalchemy as sa

from app.accounts.access import KeyAccess
from app.data import transaction
from app.data.transaction import unit_of_work
from app.extensions import db
from app.http.errors import Conflict
from app.taxes.models import Unit
from tests.architecture.rows import rows_of
from tests.support.client import assert_refused

CRATE = {"name": "crate"}


@pytest.mark.parametrize("value", ["", "1", "0", "yes", "True", "TRUE", "true ", "\x00", "é"])
@pytest.mark.parametrize("path", ["/units", "/invoices"])
def test_only_true_and_false_are_understood(client, path, value):
    refused = client.open("POST", path, json=CRATE, query_string={"dry_run": value})
    assert_refused(refused, 422, "validation_error", field="dry_run")


@pytest.mark.parametrize("query", ["dry_run=true&dry_run=false", "dry_run=true&dry_run=true"])
def test_it_is_said_once(client, query):
    assert_refused(client.post(f"/units?{query}", CRATE), 422, "validation_error", field="dry_run")


def test_it_stands_beside_the_parameters_of_the_operation(client, make_invoice):
    draft = make_invoice()
    path = f"/invoices/{draft['id']}"
    assert client.patch(f"{path}?strict=true&dry_run=true", {"reference": "x"}).get_json()["reference"] == "x"
    assert client.get(path).get_json()["reference"] is None
    assert_refused(client.patch(f"{path}?strict=maybe&dry_run=true", {}), 422, "validation_error", field="strict")
    assert_refused(client.patch(f"{path}?nonsense=1&dry_run=true", {}), 422, "validation_error", field="nonsense")
    assert_refused(client.post("/units?nonsense=1&dry_run=true", CRATE), 422, "validation_error", field="nonsense")


def test_a_refusal_is_the_same_and_says_that_it_was_a_dry_run(client):
    client.post("/units", CRATE)
    refused = client.post("/units?dry_run=true", CRATE)
    assert_refused(refused, 409, "conflict", field="name")
    assert refused.headers["Dry-Run"] == "true"
    wrong = client.post("/units?dry_run=true", {"name": 5})
    assert_refused(wrong, 422, "validation_error", field="name")
    assert wrong.headers["Dry-Run"] == "true"


def test_an_issue_burns_no_number(client, make_invoice):
    first, second = make_invoice(), make_invoice()
    for draft in (first, second, first):
        tried = client.post(f"/invoices/{draft['id']}/issue?dry_run=true")
        assert (tried.get_json()["number"], tried.get_json()["state"]) == ("INV-0001", "issued")
    assert client.get(f"/invoices/{first['id']}").get_json()["state"] == "draft"
    assert client.post(f"/invoices/{second['id']}/issue").get_json()["number"] == "INV-0001"


def test_a_key_that_was_tried_opens_nothing(client):
    tried = client.post("/api-keys?dry_run=true", {"name": "robot", "scopes": ["items:read"]}).get_json()
    answer = client.get("/items", headers={"Authorization": f"Bearer {tried['key']}"})
    assert_refused(answer, 401, "unauthorized")


def test_it_neither_keeps_an_idempotency_key_nor_looks_at_one(client):
    key = {"Idempotency-Key": "k"}
    client.post("/units?dry_run=true", CRATE, headers=key)
    done = client.post("/units", CRATE, headers=key)
    assert done.status_code == 201 and "Idempotent-Replayed" not in done.headers
    tried = client.post("/units?dry_run=true", {"name": "box"}, headers=key)
    assert tried.status_code == 201 and "Idempotent-Replayed" not in tried.headers


def test_what_waits_for_the_commit_does_not_happen(client, monkeypatch):
    forgotten = []
    monkeypatch.setattr(KeyAccess, "forget_organization", lambda _self, org_id: forgotten.append(org_id))
    client.patch("/settings?dry_run=true", {"timezone": "Asia/Tokyo"})
    assert forgotten == []
    client.patch("/settings", {"timezone": "Asia/Tokyo"})
    assert forgotten == [client.org_id]


@pytest.fixture
def hook(client, monkeypatch):
    """Make something run before every commit from here on. The key's use is noted before that, in a unit of its own."""
    client.get("/me")
    return lambda act: monkeypatch.setattr(transaction, "BEFORE_COMMIT", [act])


def test_what_is_done_before_the_commit_is_done_and_taken_back(client, hook):
    ran = []

    def act():
        ran.append(list(db.session.scalars(sa.select(Unit.name).where(Unit.name == "crate"))))
        db.session.add(Unit(org_id=client.org_id, name=f"by the hook {len(ran)}"))

    hook(act)
    before = rows_of(client.app, client.org_id)
    client.post("/units?dry_run=true", CRATE)
    assert ran == [["crate"]], "the hook sees what was flushed"
    assert rows_of(client.app, client.org_id) == before
    client.post("/units", CRATE)
    assert len(ran) == 2
    names = {row["name"] for row in client.get("/units").get_json()["data"]}
    assert names == {"crate", "by the hook 2"}


def test_a_hook_may_refuse_and_a_dry_run_shows_it(client, hook, monkeypatch):
    def refuse():
        raise Conflict("No.")

    hook(refuse)
    for query in ("", "?dry_run=true"):
        assert_refused(client.post(f"/units{query}", CRATE), 409, "conflict")
    monkeypatch.undo()
    assert client.get("/units").get_json()["meta"]["total"] == 0


def test_a_constraint_that_only_the_hooks_rows_break_shows_in_a_dry_run(client, hook):
    hook(lambda: db.session.add(Unit(org_id=client.org_id, name="crate")))
    for query in ("", "?dry_run=true"):
        assert_refused(client.post(f"/units{query}", CRATE), 409, "conflict")


def test_reading_runs_no_hook(client, hook):
    hook(lambda: pytest.fail("ran"))
    with client.app.app_context(), unit_of_work(write=False):
        pass
    assert client.get("/units").status_code == 200
    assert client.post("/calculate?dry_run=true", {"lines": [{"name": "x", "unit_price": "1"}]}).status_code == 200
